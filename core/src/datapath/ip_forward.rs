//! Forwarding: a packet that arrived here but belongs elsewhere.
//!
//! Owns the TTL and the FORWARD hook. The route was chosen by `ip_rcv`; sending is `ip_output`'s.
//! Not modelled: IP options, redirects. Read first: RFC 1812 section 5.2, net/ipv4/ip_forward.c.

use super::{Ctx, Next, OutRoute, hook};
use crate::net::{At, Skb, Topology};
use crate::trace::{Decision, Draft, DropReason, Hook, Stage};

/// Models `ip_forward`.
pub(crate) fn ip_forward(topo: &mut Topology, at: At, mut skb: Skb, route: OutRoute, ctx: &mut Ctx<'_>) -> Next {
    let dev = topo.ns(at.ns).interface(at.index).dev.clone();
    let ttl = skb.packet.ip_header().map_or(0, |ip| ip.ttl);
    if ttl <= 1 {
        return ctx.drop(topo, at.ns, &skb, Stage::Forward, &dev, DropReason::IpInhdr);
    }
    let before = skb.packet.clone();
    skb.packet.decrement_ttl();
    let draft = Draft::new(Stage::Forward, Decision::DecrementTtl { from: ttl }, &skb.packet).from(&before);
    ctx.record(topo, at.ns, &skb, draft);
    hook::pass(topo, at.ns, Hook::Forward, &route.dev, &skb, ctx);
    Next::Output(at.ns, skb, route)
}
