//! What a pod sends, seen at the host end of its cable.
//!
//! Models bpf/bpf_lxc.c handle_ipv4_from_lxc and tail_handle_arp. Not modelled: per-packet load balancing, which sockets
//! make needless; egress policies.

use std::net::IpAddr;

use super::conntrack::Tracked;
use super::{Passed, Run, Verdict};
use crate::net::{At, EndpointKind, Skb, Topology};
use crate::trace::{BpfHook, Decision, DropReason, Stage, Step};
use crate::wire::{self, ArpOp, ArpSpec};

use crate::datapath::{Ctx, Next};

/// The mark that carries a pod's identity through the stack (`MARK_MAGIC_IDENTITY`).
pub(super) const MARK_IDENTITY: u32 = 0x0f00;

pub(super) fn from_container(mut run: Run<'_, '_, '_>, identity: u32) -> Verdict {
    let Some((_, dst)) = run.addresses() else { return run.pass() };
    let tracked = match run.track_egress(identity) {
        Ok(tracked) => tracked,
        Err(reason) => return Verdict::Break(run.drop(reason)),
    };
    if let Tracked::Reply(row) = tracked
        && row.node_port
        && run.has_kube_proxy_replacement()
    {
        return Verdict::Break(run.answer_of_node_port(&row));
    }
    // ENABLE_ROUTING, which endpoint routes take away: then pods of this node are the stack's business.
    if run.has_kube_proxy_replacement() {
        match run.endpoint(dst) {
            Some(pod @ EndpointKind::Pod { .. }) => return Verdict::Break(run.local_delivery(&pod, true)),
            Some(EndpointKind::Host) => return to_stack(run, identity),
            None => {}
        }
    }
    let tunnel = run.remote(dst).and_then(|row| row.tunnel_endpoint);
    let encap = run.bpf().and_then(|bpf| bpf.encap.clone());
    match (encap, tunnel) {
        (Some(encap), Some(remote)) => Verdict::Break(run.encap(&encap, remote, identity, true)),
        _ => to_stack(run, identity),
    }
}

/// Models pass_to_stack: with ENABLE_ROUTING the program is a router of its own, and the stack behind it another.
fn to_stack(mut run: Run<'_, '_, '_>, identity: u32) -> Verdict {
    let own = run.ns().interface(run.at.index).mac;
    if run.has_kube_proxy_replacement() && !run.l3(None, own) {
        return Verdict::Break(run.drop(DropReason::BpfTtlExceeded));
    }
    run.skb.mark = MARK_IDENTITY | identity << 16;
    run.pass()
}

/// Models tail_handle_arp: whatever the pod asks for but itself is here.
pub(super) fn arp(topo: &mut Topology, at: At, own: IpAddr, skb: Skb, ctx: &mut Ctx<'_>) -> Verdict {
    let arp = skb.packet.arp().filter(|arp| arp.op == ArpOp::Request && arp.target_ip != own);
    let Some(arp) = arp else { return Verdict::Continue(Passed { skb, is_host: false }) };
    let interface = topo.ns(at.ns).interface(at.index);
    let mac = interface.mac;
    let decision = Decision::ArpAnswer { ip: arp.target_ip, mac };
    let step = Step::new(Stage::Bpf(BpfHook::FromContainer), decision, &skb.packet).on(interface.name()).ends();
    ctx.record(topo, at.ns, &skb, step);
    let name = ctx.recorder.journey_of(skb.journey).name.replacen("request", "reply", 1);
    let reply = wire::arp(ArpSpec {
        op: ArpOp::Reply,
        sender_mac: mac,
        sender_ip: arp.target_ip,
        target_mac: arp.sender_mac,
        target_ip: arp.sender_ip,
    });
    let journey = ctx.recorder.journey("arp", &name);
    Verdict::Break(Next::LinkTx(at, Skb::new(reply, journey)))
}
