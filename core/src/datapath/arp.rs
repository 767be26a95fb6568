//! ARP: answering questions about own addresses, learning from answers.
//!
//! Models net/ipv4/arp.c arp_process and arp_fwd_proxy; a proxy answers at once (proxy_delay 0). Not modelled: gratuitous
//! ARP, arp_ignore and arp_filter, single neighbours that are proxied.
//! Read first: RFC 826.

use std::net::IpAddr;
use std::sync::Arc;

use super::route::{Routed, lookup};
use super::{Ctx, Next};
use crate::net::{At, FibLookup, FlowKey, NetNs, Skb, Topology};
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
    let ip = arp.target_ip;
    let is_own = topo.ns(at.ns).is_local(ip);
    // Everyone on the segment hears the question; who is not asked says nothing, and no step is made of it.
    if !is_own && !answers_for_others(topo.ns(at.ns), at.index) {
        return Next::Done;
    }
    topo.finish(at.ns);
    let interface = topo.ns(at.ns).interface(at.index);
    let (dev, mac) = (interface.dev.clone(), interface.mac);
    let (decision, route) = if is_own {
        (Decision::ArpAnswer { ip, mac }, None)
    } else {
        let Some((out, route)) = proxied(topo.ns(at.ns), at.index, ip) else { return Next::Done };
        (Decision::ArpProxy { ip, mac, out }, Some(route))
    };
    let learned = topo.ns_mut(at.ns).neighbours.overhear(arp.sender_ip, &dev, arp.sender_mac);
    let step = Step::new(Stage::Arp, decision, &skb.packet).on(&dev.name).wrote(learned).ends();
    let step = match route {
        Some(route) => step.consulted(route),
        None => step,
    };
    ctx.record(topo, at.ns, skb, step);
    let asked = &ctx.recorder.journey_of(skb.journey).name;
    let name = asked.replacen("request", "reply", 1);
    let reply = wire::arp(ArpSpec {
        op: ArpOp::Reply,
        sender_mac: mac,
        sender_ip: ip,
        target_mac: arp.sender_mac,
        target_ip: arp.sender_ip,
    });
    let journey = ctx.recorder.journey("arp", &name);
    Next::LinkTx(at, Skb::new(reply, journey))
}

/// Whether this machine answers for `ip` on device `index`: it forwards, and by another device. Returns that device, and
/// the table that told.
fn proxied(ns: &NetNs, index: u32, ip: IpAddr) -> Option<(Arc<str>, FibLookup)> {
    let decided = lookup(ns, &FlowKey { iif: index, ..FlowKey::output(ip, None, 0) });
    match decided.result {
        Routed::Out(out) if ns.sysctls.forwards(ns.interface(index).name()) && out.dev.index != index => {
            Some((out.dev.name, decided.fib.result.ok()?))
        }
        _ => None,
    }
}

fn answers_for_others(ns: &NetNs, index: u32) -> bool {
    ns.sysctls.answers_for_others(ns.interface(index).name())
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
