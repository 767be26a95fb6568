//! The routing decision: rules, tables, longest prefix, and what a sender learns from it.
//!
//! Models net/ipv4/route.c ip_route_output_key_hash_rcu and ip_route_input_slow as far as they look up; what they
//! refuse before and after is `source`'s. Not modelled: multipath, multicast, sending to broadcast addresses.

use std::net::IpAddr;

use crate::net::{DevRef, FibDecision, FibError, FlowKey, NetNs, Route, RouteKind};
use crate::trace::{NextHop, RejectReason, Step};

/// The way out of a machine.
#[derive(Clone, Debug)]
pub(crate) struct OutRoute {
    /// Outgoing device.
    pub dev: DevRef,
    /// The station to hand the packet to: the gateway, or the destination itself.
    pub next_hop: IpAddr,
    /// Largest packet that goes this way, in bytes. Models ip_dst_mtu_maybe_forward: the route's own, else the device's.
    pub mtu: usize,
}

/// What a routing decision came to.
#[derive(Clone, Debug)]
pub(crate) enum Routed {
    /// The address is this machine's own.
    Local,
    /// It is everybody's on a segment of this machine.
    Broadcast,
    /// It leads out.
    Out(OutRoute),
    /// It leads nowhere.
    Nowhere(FibError),
}

/// A routing decision with the tables that were read for it.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    pub result: Routed,
    pub fib: FibDecision,
}

/// Looks `flow` up.
pub(crate) fn lookup(ns: &NetNs, flow: &FlowKey) -> Decided {
    let fib = ns.fib_lookup(flow);
    let result = match (&fib.result, fib.route()) {
        (Err(error), _) => Routed::Nowhere(*error),
        (Ok(_), Some(route)) => match (route.kind, &route.dev) {
            (RouteKind::Local, _) => Routed::Local,
            (RouteKind::Broadcast, _) => Routed::Broadcast,
            (_, Some(dev)) => Routed::Out(out_route(ns, route, dev, flow.dst)),
            (_, None) => Routed::Nowhere(FibError::NetUnreach),
        },
        (Ok(_), None) => Routed::Nowhere(FibError::NetUnreach),
    };
    Decided { result, fib }
}

fn out_route(ns: &NetNs, route: &Route, dev: &DevRef, dst: IpAddr) -> OutRoute {
    OutRoute {
        dev: dev.clone(),
        next_hop: route.gateway.unwrap_or(dst),
        mtu: route.mtu.unwrap_or_else(|| ns.interface(dev.index).mtu),
    }
}

impl Decided {
    /// Where it leads, in the trace's words.
    pub(crate) fn next_hop(&self) -> Option<NextHop> {
        match &self.result {
            Routed::Local | Routed::Broadcast => Some(NextHop::Local),
            Routed::Nowhere(_) => None,
            Routed::Out(out) => {
                let dev = out.dev.name.clone();
                Some(match self.fib.route().and_then(|route| route.gateway) {
                    Some(gateway) => NextHop::Via { gateway, dev },
                    None => NextHop::Direct { dev },
                })
            }
        }
    }

    /// Adds everything that was read to a step.
    pub(crate) fn noted(&self, step: Step) -> Step {
        consulted(&self.fib, step)
    }
}

/// Adds everything that was read for `fib` to a step.
pub(super) fn consulted(fib: &FibDecision, step: Step) -> Step {
    let step = match &fib.rules {
        Some(rules) => step.consulted(rules.clone()),
        None => step,
    };
    fib.tables.iter().fold(step, |step, table| step.consulted(table.clone()))
}

/// What a socket learns when it connects: its source address and the MTU of the way.
///
/// Models ip_route_output_key: the route's preferred source, else one that belongs to the outgoing device.
pub(crate) fn route_output(ns: &NetNs, dst: IpAddr) -> Option<(IpAddr, usize)> {
    let decided = lookup(ns, &FlowKey::output(dst, None, 0));
    let preferred = decided.fib.route().and_then(|route| route.src);
    match &decided.result {
        // Its own preferred source: the address that was asked, or 127.0.0.1 for the rest of 127.0.0.0/8.
        Routed::Local => Some((preferred.unwrap_or(dst), ns.interfaces().first().map_or(0, |lo| lo.mtu))),
        Routed::Out(out) => {
            let src = preferred.or_else(|| ns.select_address(out.dev.index, out.next_hop))?;
            Some((src, ns.exceptions.get(dst).map_or(out.mtu, |exception| out.mtu.min(exception.mtu))))
        }
        Routed::Broadcast | Routed::Nowhere(_) => None,
    }
}

/// What a socket is told that connects to where [`route_output`] finds no way.
pub(crate) fn refusal(ns: &NetNs, dst: IpAddr) -> RejectReason {
    match lookup(ns, &FlowKey::output(dst, None, 0)).result {
        Routed::Nowhere(FibError::Inval) => RejectReason::Inval,
        Routed::Nowhere(FibError::HostUnreach) => RejectReason::IcmpHostUnreach,
        // Who wants to send to everybody must say so (SO_BROADCAST).
        Routed::Nowhere(FibError::Acces) | Routed::Broadcast => RejectReason::IcmpPktFiltered,
        Routed::Nowhere(FibError::NetUnreach) | Routed::Local | Routed::Out(_) => RejectReason::IcmpNetUnreach,
    }
}
