//! An IP packet leaves by a route: POSTROUTING, then the device's MTU.
//!
//! Models net/ipv4/ip_output.c ip_output and ip_finish_output.

use std::ops::ControlFlow;

use super::hook::{self, Way};
use super::{Ctx, Next, OutRoute, fragment};
use crate::net::{NsId, Skb, Topology};
use crate::trace::{Decision, DropReason, Hook, MtuCheck, Stage, Step};

pub(crate) fn ip_output(topo: &mut Topology, ns: NsId, skb: Skb, route: OutRoute, ctx: &mut Ctx<'_>) -> Next {
    let skb = match hook::pass(topo, ns, Hook::Postrouting, Way::out(&route), skb, ctx) {
        ControlFlow::Continue(skb) => skb,
        ControlFlow::Break(next) => return next,
    };
    let check = MtuCheck { device: route.dev.name.clone(), mtu: route.mtu, len: skb.packet.network_len() };
    let (fits, mtu) = (check.fits(), check.mtu);
    let step = Step::new(Stage::Output, Decision::Fits, &skb.packet).on(&route.dev.name).mtu(check);
    let df = skb.packet.ip_header().is_some_and(|ip| ip.df);
    if !fits && df {
        let reason = DropReason::PktTooBig;
        let step = Step { decision: Decision::Drop(reason), ..step };
        return ctx.drop_with(topo, ns, &skb, step.ends(), reason);
    }
    // What was put together on its way here is cut again, and into no larger pieces than it came in.
    if !fits || skb.frag_max_size.is_some() {
        let limit = skb.frag_max_size.map_or(mtu, |max| max.min(mtu));
        return fragment::scatter(topo, ns, skb, &route, limit, step, ctx);
    }
    ctx.record(topo, ns, &skb, step);
    Next::Neighbour(ns, skb, route)
}
