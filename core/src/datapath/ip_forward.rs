//! Forwarding: a packet that arrived here but belongs elsewhere.
//!
//! Owns the TTL, the MTU of what must not be cut, and the FORWARD hook. The route was chosen by `ip_rcv`; sending is `ip_output`'s.
//! Not modelled: IP options, redirects. Read first: RFC 1812 section 5.2, net/ipv4/ip_forward.c.

use std::ops::ControlFlow;

use super::hook::{self, Way};
use super::{Ctx, Next, OutRoute};
use crate::net::{At, NetNs, Skb, Topology};
use crate::trace::{Decision, DropReason, Hook, MtuCheck, Stage, Step};
use crate::wire::IcmpError;

/// How large a packet may go on: what this machine has learned of the way counts only if it was told to heed it, for whoever
/// forges an error could narrow the way of others, or if a router asked for less than can be believed.
///
/// Models ip_dst_mtu_maybe_forward with `ip_forward_use_pmtu`.
fn forward_mtu(ns: &NetNs, skb: &Skb, route: &OutRoute) -> usize {
    let learned = skb.packet.ip_header().and_then(|ip| ns.exceptions.get(ip.dst));
    let learned = learned.filter(|exception| ns.sysctls.ip_forward_use_pmtu || exception.locked);
    learned.map_or(route.mtu, |exception| route.mtu.min(exception.mtu))
}

/// Models `ip_forward`.
pub(crate) fn ip_forward(topo: &mut Topology, at: At, mut skb: Skb, route: OutRoute, ctx: &mut Ctx<'_>) -> Next {
    let dev = topo.ns(at.ns).interface(at.index).dev.clone();
    let (ttl, df) = skb.packet.ip_header().map_or((0, false), |ip| (ip.ttl, ip.df));
    let step = Step::new(Stage::Forward, Decision::Drop(DropReason::IpInhdr), &skb.packet).on(&dev.name);
    if ttl <= 1 {
        return ctx.complain(topo, at.ns, skb, step, DropReason::IpInhdr, IcmpError::ExcTtl);
    }
    let route = OutRoute { mtu: forward_mtu(topo.ns(at.ns), &skb, &route), ..route };
    let check = MtuCheck { device: route.dev.name.clone(), mtu: route.mtu, len: skb.packet.network_len() };
    if df && !check.fits() {
        let mtu = u16::try_from(check.mtu).unwrap_or(u16::MAX);
        return ctx.complain(topo, at.ns, skb, step.mtu(check), DropReason::PktTooBig, IcmpError::FragNeeded { mtu });
    }
    let before = skb.packet.clone();
    skb.packet.decrement_ttl();
    let step = Step::new(Stage::Forward, Decision::DecrementTtl { from: ttl }, &skb.packet).from(&before);
    ctx.record(topo, at.ns, &skb, step);
    let way = Way { iif: Some(&dev), ..Way::out(&route) };
    match hook::pass(topo, at.ns, Hook::Forward, way, skb, ctx) {
        ControlFlow::Continue(skb) => Next::Output(at.ns, skb, route),
        ControlFlow::Break(next) => next,
    }
}
