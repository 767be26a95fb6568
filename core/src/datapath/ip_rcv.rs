//! An IP packet comes in: PREROUTING, then the routing decision.
//!
//! Models net/ipv4/ip_input.c ip_rcv and ip_rcv_finish, and net/ipv4/route.c ip_route_input_slow and ip_error. The
//! lookup of the way back, for source validation, is in the trace only where it refuses.
//! Not modelled: IP options, delivery of broadcasts.

use std::ops::ControlFlow;

use super::hook::{self, Way};
use super::route::{Decided, Routed, consulted, lookup};
use super::{Ctx, Next, fragment, source};
use crate::net::{At, FibError, FlowKey, InterfaceKind, Skb, Topology};
use crate::trace::{Decision, DropReason, Hook, Stage, Step};
use crate::wire::IcmpError;

pub(crate) fn ip_rcv(topo: &mut Topology, at: At, skb: Skb, ctx: &mut Ctx<'_>) -> Next {
    topo.finish(at.ns);
    // nf_defrag_ipv4: connection tracking sees whole packets only.
    let skb = match topo.ns(at.ns).has_netfilter {
        true => match fragment::gather(topo, at, skb, ctx) {
            Some(whole) => whole,
            None => return Next::Done,
        },
        false => skb,
    };
    let dev = topo.ns(at.ns).interface(at.index).dev.clone();
    if skb.packet.ip_header().is_none() {
        return ctx.drop(topo, at.ns, &skb, Stage::Rx, &dev, DropReason::IpInhdr);
    }
    // What came in by a bridge has passed the hook at its port (ip_sabotage_in).
    let skb = match skb.physin {
        Some(_) => skb,
        None => match hook::pass(topo, at.ns, Hook::Prerouting, Way::by(&dev), skb, ctx) {
            ControlFlow::Continue(skb) => skb,
            ControlFlow::Break(next) => return next,
        },
    };
    let ns = topo.ns(at.ns);
    let Some(ip) = skb.packet.ip_header() else { return Next::Done };
    // What came out of lo was routed when it was sent, and keeps that route.
    let is_own = matches!(ns.interface(at.index).kind, InterfaceKind::Loopback);
    if let Some(reason) = source::martian(ns, &dev, (ip.src, ip.dst)).filter(|_| !is_own) {
        return ctx.drop(topo, at.ns, &skb, Stage::Route, &dev, reason);
    }
    let decided = lookup(ns, &FlowKey::input(ip.dst, ip.src, at.index, skb.mark));
    let out = match &decided.result {
        Routed::Out(_) if !ns.sysctls.forwards(&dev.name) => None,
        Routed::Out(out) => Some(out.clone()),
        _ => None,
    };
    let step = |decision| decided.noted(Step::new(Stage::Route, decision, &skb.packet).on(&dev.name));
    if (out.is_some() || matches!(decided.result, Routed::Local | Routed::Broadcast))
        && !is_own
        && let Some(refused) = source::validate(ns, &dev, (ip.src, ip.dst), out.as_ref())
    {
        let step = step(Decision::Drop(refused.reason));
        let step = refused.way_back.iter().fold(step, |step, back| consulted(back, step));
        return ctx.drop_with(topo, at.ns, &skb, step.ends(), refused.reason);
    }
    let next_hop = decided.next_hop();
    match (&decided.result, next_hop) {
        (Routed::Local, Some(next_hop)) => {
            ctx.record(topo, at.ns, &skb, step(Decision::Route { dst: ip.dst, next_hop, chosen_src: None }));
            Next::LocalIn(at, skb)
        }
        (Routed::Out(_), Some(next_hop)) if out.is_some() => {
            ctx.record(topo, at.ns, &skb, step(Decision::Route { dst: ip.dst, next_hop, chosen_src: None }));
            out.map_or(Next::Done, |out| Next::Forward(at, skb, out))
        }
        _ => ip_error(topo, at, skb, &decided, ctx),
    }
}

/// Models ip_error: the packet ends, and its sender is told why unless this machine forwards nothing.
fn ip_error(topo: &Topology, at: At, skb: Skb, decided: &Decided, ctx: &mut Ctx<'_>) -> Next {
    let ns = topo.ns(at.ns);
    let dev = &ns.interface(at.index).dev;
    let error = match decided.result {
        _ if !ns.sysctls.forwards(&dev.name) => None,
        Routed::Nowhere(error) => Some(error),
        Routed::Local | Routed::Broadcast | Routed::Out(_) => None,
    };
    let reason = match (error, &decided.result) {
        (Some(FibError::NetUnreach), _) => DropReason::IpInnoroutes,
        (Some(_), _) | (None, Routed::Broadcast) => DropReason::NotSpecified,
        (None, _) => DropReason::IpInaddrerrors,
    };
    let step = decided.noted(Step::new(Stage::Route, Decision::Drop(reason), &skb.packet).on(&dev.name));
    let error = match error {
        Some(FibError::NetUnreach) => IcmpError::NetUnreach,
        Some(FibError::HostUnreach) => IcmpError::HostUnreach,
        Some(FibError::Acces) => IcmpError::PktFiltered,
        Some(FibError::Inval) | None => return ctx.drop_with(topo, at.ns, &skb, step.ends(), reason),
    };
    ctx.complain(topo, at.ns, skb, step, reason, error)
}
