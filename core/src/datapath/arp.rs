//! ARP: answering questions about own addresses, learning from answers.
//!
//! Models net/ipv4/arp.c arp_process. Not modelled: proxy ARP, gratuitous ARP, arp_ignore and arp_filter.
//! Read first: RFC 826.

use super::{Ctx, Next};
use crate::net::{At, Skb, Topology};
use crate::trace::{Decision, Stage, Step};
use crate::wire::{self, ArpOp, ArpSpec};

pub(crate) fn arp_rcv(topo: &mut Topology, at: At, skb: &Skb, ctx: &mut Ctx<'_>) -> Next {
    match skb.packet.arp() {
        Some(arp) if arp.op == ArpOp::Request => answer(topo, at, skb, arp, ctx),
        Some(arp) => learn(topo, at, skb, arp, ctx),
        None => Next::Done,
    }
}

fn answer(topo: &mut Topology, at: At, skb: &Skb, arp: ArpSpec, ctx: &mut Ctx<'_>) -> Next {
    // Everyone on the segment hears the question; who is not asked says nothing, and no step is made of it.
    if !topo.ns(at.ns).is_local(arp.target_ip) {
        return Next::Done;
    }
    topo.finish(at.ns);
    let ns = topo.ns_mut(at.ns);
    let dev = ns.interface(at.index).dev.clone();
    let mac = ns.interface(at.index).mac;
    let learned = ns.neighbours.overhear(arp.sender_ip, &dev, arp.sender_mac);
    let step = Step::new(Stage::Arp, Decision::ArpAnswer { ip: arp.target_ip, mac }, &skb.packet)
        .on(&dev.name)
        .wrote(learned)
        .ends();
    ctx.record(topo, at.ns, skb, step);
    let asked = &ctx.recorder.journey_of(skb.journey).name;
    let name = asked.replacen("request", "reply", 1);
    let reply = wire::arp(ArpSpec {
        op: ArpOp::Reply,
        sender_mac: mac,
        sender_ip: arp.target_ip,
        target_mac: arp.sender_mac,
        target_ip: arp.sender_ip,
    });
    let journey = ctx.recorder.journey("arp", &name);
    Next::LinkTx(at, Skb::new(reply, journey))
}

fn learn(topo: &mut Topology, at: At, skb: &Skb, arp: ArpSpec, ctx: &mut Ctx<'_>) -> Next {
    let ns = topo.ns_mut(at.ns);
    let dev = ns.interface(at.index).dev.clone();
    // An answer that nobody asked for creates nothing (arp_accept is 0).
    let Some(written) = ns.neighbours.confirm(arp.sender_ip, &dev, arp.sender_mac, ctx.now) else { return Next::Done };
    let waiting = ns.neighbours.take_waiting(arp.sender_ip, &dev);
    let decision = Decision::ArpLearn { ip: arp.sender_ip, mac: arp.sender_mac };
    let step = Step::new(Stage::Arp, decision, &skb.packet).on(&dev.name).wrote(Some(written)).ends();
    ctx.record(topo, at.ns, skb, step);
    Next::Many(
        waiting
            .into_iter()
            .map(|skb| super::neighbour::resume(topo, at, skb, arp.sender_ip, arp.sender_mac, ctx))
            .collect(),
    )
}
