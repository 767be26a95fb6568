//! The routing decision: policy rules 0 (local) and 32766 (main), longest prefix first.
//!
//! Models net/ipv4/fib_rules.c and the parts of net/ipv4/route.c that choose a source address.
//! Not modelled: further rules and tables, route exceptions, multipath.

use std::net::IpAddr;

use crate::net::{DevRef, FibLookup, NetNs, Route, RouteKind};
use crate::trace::NextHop;

/// The way out of a machine.
#[derive(Clone, Debug)]
pub(crate) struct OutRoute {
    /// Outgoing device.
    pub dev: DevRef,
    /// The station to hand the packet to: the gateway, or the destination itself.
    pub next_hop: IpAddr,
}

/// What a routing decision came to.
#[derive(Clone, Debug)]
pub(crate) enum Routed {
    /// The address is this machine's own.
    Local,
    /// It leads out.
    Out(OutRoute),
    /// It leads nowhere on purpose, and nobody is told.
    Blackhole,
    /// Nothing leads there.
    None,
}

/// A routing decision with the tables that were read for it.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    pub result: Routed,
    pub local: FibLookup,
    /// Read only if table local had nothing.
    pub main: Option<FibLookup>,
}

/// Looks `dst` up.
pub(crate) fn lookup(ns: &NetNs, dst: IpAddr) -> Decided {
    let local = ns.local.lookup(dst);
    if local.route().is_some_and(|route| route.kind == RouteKind::Local) {
        return Decided { result: Routed::Local, local, main: None };
    }
    let main = ns.main.lookup(dst);
    let result = match main.route() {
        Some(route) if route.kind == RouteKind::Blackhole => Routed::Blackhole,
        Some(route) => Routed::Out(out_route(route, dst)),
        None => Routed::None,
    };
    Decided { result, local, main: Some(main) }
}

fn out_route(route: &Route, dst: IpAddr) -> OutRoute {
    OutRoute { dev: route.dev.clone(), next_hop: route.gateway.unwrap_or(dst) }
}

impl Decided {
    /// Where it leads, in the trace's words.
    pub(crate) fn next_hop(&self) -> Option<NextHop> {
        match &self.result {
            Routed::Local => Some(NextHop::Local),
            Routed::Blackhole | Routed::None => None,
            Routed::Out(out) => {
                let gateway = self.main.as_ref().and_then(FibLookup::route).and_then(|route| route.gateway);
                let dev = out.dev.name.clone();
                Some(match gateway {
                    Some(gateway) => NextHop::Via { gateway, dev },
                    None => NextHop::Direct { dev },
                })
            }
        }
    }
}

/// What a socket learns when it connects: its source address and the MTU of the way.
///
/// Models ip_route_output_key: the route's preferred source, else one that belongs to the outgoing device.
pub(crate) fn route_output(ns: &NetNs, dst: IpAddr) -> Option<(IpAddr, usize)> {
    let decided = lookup(ns, dst);
    match &decided.result {
        Routed::Local => {
            // Its own preferred source: the address that was asked, or 127.0.0.1 for the rest of 127.0.0.0/8.
            let src = decided.local.route().and_then(|route| route.src).unwrap_or(dst);
            Some((src, ns.interfaces().first().map_or(0, |lo| lo.mtu)))
        }
        Routed::Out(out) => {
            let preferred = decided.main.as_ref().and_then(FibLookup::route).and_then(|route| route.src);
            let src = preferred.or_else(|| ns.select_address(out.dev.index, out.next_hop))?;
            Some((src, ns.interface(out.dev.index).mtu))
        }
        Routed::Blackhole | Routed::None => None,
    }
}
