//! An IP packet leaves by a route: POSTROUTING, then the device's MTU.
//!
//! Models net/ipv4/ip_output.c ip_output and ip_finish_output. Not modelled yet: fragmentation; what does not fit is
//! refused and says so.

use super::{Ctx, Next, OutRoute, hook};
use crate::net::{NsId, Skb, Topology};
use crate::trace::{Decision, Draft, DropReason, Hook, MtuCheck, Stage};

pub(crate) fn ip_output(topo: &mut Topology, ns: NsId, skb: Skb, route: OutRoute, ctx: &mut Ctx<'_>) -> Next {
    hook::pass(topo, ns, Hook::Postrouting, &route.dev, &skb, ctx);
    let check = MtuCheck {
        device: route.dev.name.clone(),
        mtu: topo.ns(ns).interface(route.dev.index).mtu,
        len: skb.packet.network_len(),
    };
    let fits = check.fits();
    let reason = DropReason::PktTooBig;
    let decision = if fits { Decision::Fits } else { Decision::Drop(reason) };
    let draft = Draft::new(Stage::Output, decision, &skb.packet).on(&route.dev.name).mtu(check);
    if !fits {
        return ctx.drop_with(topo, ns, &skb, draft.ends(), reason);
    }
    ctx.record(topo, ns, &skb, draft);
    Next::Neighbour(ns, skb, route)
}
