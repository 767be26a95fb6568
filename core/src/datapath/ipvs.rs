//! IPVS sends a packet to its real server: a route, the TTL, the MTU, the new address; then it leaves like a packet that was
//! made here.
//!
//! Models net/netfilter/ipvs/ip_vs_xmit.c __ip_vs_get_out_rt, ip_vs_nat_xmit and ip_vs_icmp_xmit. To a real server on this
//! machine a packet goes on at its hook, and does not come here.

use std::net::IpAddr;

use super::route::{Routed, lookup};
use super::{Ctx, Next};
use crate::net::{FlowKey, NsId, Skb, Topology};
use crate::netfilter::{Passing, Transmit};
use crate::trace::{Decision, DropReason, MtuCheck, Stage, Step};
use crate::wire::IcmpError;

/// Of all that goes wrong here the kernel gives no reason.
const REASON: DropReason = DropReason::NotSpecified;

pub(crate) fn ip_vs_nat_xmit(
    topo: &mut Topology,
    id: NsId,
    mut skb: Skb,
    transmit: Transmit,
    ctx: &mut Ctx<'_>,
) -> Next {
    let Some(ip) = skb.packet.ip_header() else { return Next::Done };
    let ns = topo.ns(id);
    // The route is the real server's alone: neither the packet's source nor its mark counts.
    let decided = lookup(ns, &FlowKey::output(transmit.to, None, 0));
    let at_route = |decision| decided.noted(Step::new(Stage::Route, decision, &skb.packet));
    let route = match &decided.result {
        Routed::Out(route) => {
            let learned = ns.exceptions.get(transmit.to).map_or(route.mtu, |exception| exception.mtu);
            super::OutRoute { mtu: route.mtu.min(learned), ..route.clone() }
        }
        // Models dst_link_failure.
        Routed::Nowhere(_) => {
            let step = at_route(Decision::Drop(REASON));
            return ctx.complain(topo, id, skb, step, REASON, IcmpError::HostUnreach);
        }
        Routed::Local | Routed::Broadcast => {
            let step = at_route(Decision::Drop(REASON)).ends();
            return ctx.drop_with(topo, id, &skb, step, REASON);
        }
    };
    // Models crosses_local_route_boundary: what comes from the loopback address stays here.
    if matches!(ip.src, IpAddr::V4(src) if src.is_loopback()) {
        let step = at_route(Decision::Drop(REASON)).ends();
        return ctx.drop_with(topo, id, &skb, step, REASON);
    }
    if let Some(next_hop) = decided.next_hop() {
        let decision = Decision::Route { dst: transmit.to, next_hop, chosen_src: None };
        ctx.record(topo, id, &skb, at_route(decision).on(&route.dev.name));
    }
    let stage = transmit.stage();
    let check = MtuCheck { device: route.dev.name.clone(), mtu: route.mtu, len: skb.packet.network_len() };
    let dropped = Step::new(stage, Decision::Drop(REASON), &skb.packet).on(&route.dev.name);
    if ip.ttl <= 1 {
        return ctx.complain(topo, id, skb, dropped, REASON, IcmpError::ExcTtl);
    }
    let before = skb.packet.clone();
    skb.packet.decrement_ttl();
    let step = Step::new(stage, Decision::DecrementTtl { from: ip.ttl }, &skb.packet).from(&before);
    ctx.record(topo, id, &skb, step.on(&route.dev.name));
    if ip.df && !check.fits() && !transmit.is_icmp {
        let mtu = u16::try_from(check.mtu).unwrap_or(u16::MAX);
        let step = Step::new(stage, Decision::Drop(REASON), &skb.packet).on(&route.dev.name).mtu(check);
        return ctx.complain(topo, id, skb, step, REASON, IcmpError::FragNeeded { mtu });
    }
    let passing = Passing { packet: &mut skb.packet, mark: &mut skb.mark, ct: &mut skb.ct, ipvs: &mut skb.ipvs };
    let step = topo.ns_mut(id).netfilter.rewrite(transmit, passing, ctx.now);
    ctx.record(topo, id, &skb, step.on(&route.dev.name).mtu(check));
    Next::IpvsOut(id, skb, route)
}
