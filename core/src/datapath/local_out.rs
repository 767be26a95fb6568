//! This machine sends an IP packet: its route, then OUTPUT.
//!
//! Models net/ipv4/ip_output.c __ip_queue_xmit and __ip_local_out.

use super::route::{OutRoute, Routed, lookup};
use super::{Ctx, Next, Sender, hook};
use crate::net::{NsId, Skb, Topology};
use crate::trace::{Decision, DropReason, Hook, Stage, Step};
use crate::wire::Transport;

pub(crate) fn local_out(topo: &mut Topology, ns_id: NsId, skb: Skb, sender: &Sender, ctx: &mut Ctx<'_>) -> Next {
    let ns = topo.ns(ns_id);
    let Some(ip) = skb.packet.ip_header() else { return Next::Done };
    let payload_len = match skb.packet.transport() {
        Some(Transport::Tcp(tcp)) => tcp.payload_len,
        Some(Transport::Udp(udp)) => udp.payload_len,
        Some(Transport::Icmp(_)) => skb.packet.ip_payload().len().saturating_sub(8),
        _ => 0,
    };
    match sender {
        Sender::Program(by) => {
            let decision = Decision::Send { by: by.clone(), payload_len };
            ctx.record(topo, ns_id, &skb, Step::new(Stage::App, decision, &skb.packet).born());
        }
        Sender::Kernel => {
            let decision = Decision::KernelSend { payload_len };
            ctx.record(topo, ns_id, &skb, Step::new(Stage::App, decision, &skb.packet).born());
        }
        Sender::Tunnel => {}
    }
    let decided = lookup(ns, ip.dst);
    let out = match &decided.result {
        Routed::Out(out) => out.clone(),
        // What a machine says to itself leaves by lo.
        Routed::Local => OutRoute { dev: ns.interface(1).dev.clone(), next_hop: ip.dst },
        Routed::Blackhole | Routed::None => {
            let reason = DropReason::IpOutnoroutes;
            let step = Step::new(Stage::Route, Decision::Drop(reason), &skb.packet).consulted(decided.local).ends();
            return ctx.drop_with(topo, ns_id, &skb, step, reason);
        }
    };
    if let Some(next_hop) = decided.next_hop() {
        let decision = Decision::Route { dst: ip.dst, next_hop, chosen_src: Some(ip.src) };
        let mut step = Step::new(Stage::Route, decision, &skb.packet).on(&out.dev.name).consulted(decided.local);
        if let Some(main) = decided.main {
            step = step.consulted(main);
        }
        ctx.record(topo, ns_id, &skb, step);
    }
    hook::pass(topo, ns_id, Hook::Output, &out.dev, &skb, ctx);
    Next::Output(ns_id, skb, out)
}
