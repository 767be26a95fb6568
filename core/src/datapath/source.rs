//! Which addresses a packet from outside may carry: martians, and the reverse path filter.
//!
//! Models net/ipv4/route.c ip_route_input_slow's checks before the lookup, and net/ipv4/fib_frontend.c
//! fib_validate_source and __fib_validate_source. Not modelled: `src_valid_mark` (the way back is looked up without the
//! mark), multicast, `log_martians`.

use std::net::{IpAddr, Ipv4Addr};

use super::OutRoute;
use crate::net::{DevRef, FibDecision, FlowKey, NetNs, RouteKind};
use crate::trace::DropReason;

/// `rp_filter` of RFC 3704: the way back must lead out of the same device.
const STRICT: u8 = 1;

/// Source and destination of a packet.
type Addresses = (IpAddr, IpAddr);

/// Whether a packet from `src` to `dst` is refused by `dev`; `out` is its way on.
pub(crate) fn is_refused(ns: &NetNs, dev: &DevRef, src: IpAddr, dst: IpAddr, out: Option<&OutRoute>) -> bool {
    martian(ns, dev, (src, dst)).is_some() || validate(ns, dev, (src, dst), out).is_some()
}

/// What is refused without looking anything up.
pub(super) fn martian(ns: &NetNs, dev: &DevRef, (src, dst): Addresses) -> Option<DropReason> {
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (src, dst) else { return None };
    if src.is_multicast() || src == Ipv4Addr::BROADCAST || src == Ipv4Addr::UNSPECIFIED {
        return Some(DropReason::IpInvalidSource);
    }
    if dst == Ipv4Addr::UNSPECIFIED {
        return Some(DropReason::IpInvalidDest);
    }
    let is_loopback = src.is_loopback() || dst.is_loopback();
    (is_loopback && !ns.sysctls.routes_localnet(&dev.name)).then_some(DropReason::IpLocalnet)
}

/// A source that is refused, and the way back that was looked up for it.
pub(super) struct Refused {
    pub reason: DropReason,
    pub way_back: Option<FibDecision>,
}

/// What is wrong with the source of a packet that came in by `dev`; `out` is its way on, if it is not for this machine.
pub(super) fn validate(ns: &NetNs, dev: &DevRef, (src, dst): Addresses, out: Option<&OutRoute>) -> Option<Refused> {
    let filter = ns.sysctls.rp_filter(&dev.name);
    let accepts_local = ns.sysctls.accepts_local(&dev.name);
    // A packet that goes back out where it came in may cause a redirect, which wants the full check.
    let is_hairpin = out.is_some_and(|out| out.dev.index == dev.index);
    if filter == 0 && !is_hairpin {
        if accepts_local {
            return None;
        }
        if !ns.rules.has_custom() {
            let is_own = ns.interfaces().iter().flat_map(|it| &it.addresses).any(|own| own.net.addr() == src);
            return is_own.then_some(Refused { reason: DropReason::IpLocalSource, way_back: None });
        }
    }
    let back = ns.fib_lookup(&FlowKey::input(src, dst, out.map_or(FlowKey::LOOPBACK, |it| it.dev.index), 0));
    let verdict = match back.route() {
        None => reachable(filter == 0),
        Some(route) => match route.kind {
            RouteKind::Local if !accepts_local => Err(DropReason::IpLocalSource),
            RouteKind::Unicast | RouteKind::Local => {
                let is_same = route.dev.as_ref().is_some_and(|back| back.index == dev.index);
                // A device without addresses cannot be told to be the wrong one, unless somebody filters.
                let is_bare = ns.interface(dev.index).addresses.is_empty();
                reachable(is_same || (filter != STRICT && (filter == 0 || !is_bare)))
            }
            _ => Err(DropReason::IpInvalidSource),
        },
    };
    verdict.err().map(|reason| Refused { reason, way_back: Some(back) })
}

fn reachable(is_reachable: bool) -> Result<(), DropReason> {
    if is_reachable { Ok(()) } else { Err(DropReason::IpRpfilter) }
}

#[cfg(test)]
mod tests;
