//! This machine sends an IP packet: its route, then OUTPUT, and the route again if OUTPUT has changed where it goes.
//!
//! Models net/ipv4/ip_output.c __ip_queue_xmit and __ip_local_out, and net/ipv4/netfilter.c ip_route_me_harder.

use std::ops::ControlFlow;

use super::hook::{self, Way};
use super::route::{OutRoute, Routed, lookup};
use super::{Ctx, Next, Sender};
use crate::net::{FlowKey, NsId, Skb, Topology};
use crate::trace::{Decision, DropReason, Hook, Stage, Step};
use crate::wire::Transport;

pub(crate) fn local_out(topo: &mut Topology, ns_id: NsId, skb: Skb, sender: &Sender, ctx: &mut Ctx<'_>) -> Next {
    if skb.packet.ip_header().is_none() {
        return Next::Done;
    }
    record_birth(topo, ns_id, &skb, sender, ctx);
    let out = match route(topo, ns_id, &skb, DropReason::IpOutnoroutes, ctx) {
        ControlFlow::Continue(out) => out,
        ControlFlow::Break(next) => return next,
    };
    routed(topo, ns_id, skb, out, ctx)
}

/// OUTPUT, for a packet that has a route. Models __ip_local_out and ip_route_me_harder.
pub(crate) fn routed(topo: &mut Topology, ns_id: NsId, skb: Skb, out: OutRoute, ctx: &mut Ctx<'_>) -> Next {
    let addressed = |skb: &Skb| (skb.packet.ip_header().map(|ip| (ip.src, ip.dst)), skb.mark);
    let before = addressed(&skb);
    let skb = match hook::pass(topo, ns_id, Hook::Output, Way::out(&out), skb, ctx) {
        ControlFlow::Continue(skb) => skb,
        ControlFlow::Break(next) => return next,
    };
    if addressed(&skb) == before {
        return Next::Output(ns_id, skb, out);
    }
    match route(topo, ns_id, &skb, DropReason::NetfilterDrop, ctx) {
        ControlFlow::Continue(out) => Next::Output(ns_id, skb, out),
        ControlFlow::Break(next) => next,
    }
}

fn record_birth(topo: &Topology, ns: NsId, skb: &Skb, sender: &Sender, ctx: &mut Ctx<'_>) {
    let payload_len = match skb.packet.transport() {
        Some(Transport::Tcp(tcp)) => tcp.payload_len,
        Some(Transport::Udp(udp)) => udp.payload_len,
        Some(Transport::Icmp(_)) => skb.packet.ip_payload().len().saturating_sub(8),
        _ => 0,
    };
    let decision = match sender {
        Sender::Program(by) => Decision::Send { by: by.clone(), payload_len },
        Sender::Kernel => Decision::KernelSend { payload_len },
        Sender::Loss => Decision::Retransmit { payload_len },
        Sender::Tunnel => return,
    };
    ctx.record(topo, ns, skb, Step::new(Stage::App, decision, &skb.packet).born());
}

/// The way out for what this machine sends. Breaks, for `reason`, if there is none.
fn route(
    topo: &Topology,
    ns_id: NsId,
    skb: &Skb,
    reason: DropReason,
    ctx: &mut Ctx<'_>,
) -> ControlFlow<Next, OutRoute> {
    let ns = topo.ns(ns_id);
    let Some(ip) = skb.packet.ip_header() else { return ControlFlow::Break(Next::Done) };
    let decided = lookup(ns, &FlowKey::output(ip.dst, Some(ip.src), skb.mark));
    let out = match &decided.result {
        // Models __mkroute_output: 127.0.0.0/8 leaves by lo alone, unless route_localnet says otherwise.
        Routed::Out(out) if ip.src.is_loopback() && !ns.sysctls.routes_localnet(&out.dev.name) => {
            let step = decided.noted(Step::new(Stage::Route, Decision::Drop(reason), &skb.packet));
            return ControlFlow::Break(ctx.drop_with(topo, ns_id, skb, step.ends(), reason));
        }
        // Only what a machine sends itself heeds what it has learned of the path (ip_dst_mtu_maybe_forward).
        Routed::Out(out) => {
            let learned = ns.exceptions.get(ip.dst).map_or(out.mtu, |exception| exception.mtu);
            OutRoute { mtu: out.mtu.min(learned), ..out.clone() }
        }
        // What a machine says to itself leaves by lo.
        Routed::Local => {
            let lo = ns.interface(FlowKey::LOOPBACK);
            OutRoute { dev: lo.dev.clone(), next_hop: ip.dst, mtu: lo.mtu }
        }
        Routed::Broadcast | Routed::Nowhere(_) => {
            let step = decided.noted(Step::new(Stage::Route, Decision::Drop(reason), &skb.packet));
            return ControlFlow::Break(ctx.drop_with(topo, ns_id, skb, step.ends(), reason));
        }
    };
    if let Some(next_hop) = decided.next_hop() {
        let decision = Decision::Route { dst: ip.dst, next_hop, chosen_src: Some(ip.src) };
        let step = Step::new(Stage::Route, decision, &skb.packet).on(&out.dev.name);
        ctx.record(topo, ns_id, skb, decided.noted(step));
    }
    ControlFlow::Continue(out)
}
