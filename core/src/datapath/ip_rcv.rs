//! An IP packet comes in: PREROUTING, then the routing decision.
//!
//! Models net/ipv4/ip_input.c ip_rcv and ip_rcv_finish, and net/ipv4/route.c ip_route_input_slow.
//! Not modelled: source validation (rp_filter), IP options, broadcasts.

use std::ops::ControlFlow;

use super::hook::{self, Way};
use super::route::{Routed, lookup};
use super::{Ctx, Next, fragment};
use crate::net::{At, Skb, Topology};
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
    let decided = lookup(ns, ip.dst);
    let next_hop = decided.next_hop();
    let may_forward = ns.sysctls.ip_forward;
    let step = |decision| {
        let step = Step::new(Stage::Route, decision, &skb.packet).on(&dev.name).consulted(decided.local.clone());
        match &decided.main {
            Some(main) => step.consulted(main.clone()),
            None => step,
        }
    };
    match (&decided.result, next_hop) {
        (Routed::Local, Some(next_hop)) => {
            ctx.record(topo, at.ns, &skb, step(Decision::Route { dst: ip.dst, next_hop, chosen_src: None }));
            Next::LocalIn(at, skb)
        }
        (Routed::Out(out), Some(next_hop)) if may_forward => {
            ctx.record(topo, at.ns, &skb, step(Decision::Route { dst: ip.dst, next_hop, chosen_src: None }));
            let out = out.clone();
            Next::Forward(at, skb, out)
        }
        _ => {
            let is_blackhole = matches!(decided.result, Routed::Blackhole);
            let reason = if is_blackhole { DropReason::NotSpecified } else { DropReason::IpInnoroutes };
            let step = step(Decision::Drop(reason));
            // Who forwards nothing complains of nothing, and nobody of a blackhole (ip_error).
            match may_forward && !is_blackhole {
                true => ctx.complain(topo, at.ns, skb, step, reason, IcmpError::NetUnreach),
                false => ctx.drop_with(topo, at.ns, &skb, step.ends(), reason),
            }
        }
    }
}
