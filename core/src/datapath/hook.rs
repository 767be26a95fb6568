//! The netfilter hooks: places on the path. No table is registered on them yet, so every packet passes.

use super::Ctx;
use crate::net::{DevRef, NsId, Skb, Topology};
use crate::trace::{Decision, Hook, Stage, Step};

/// Passes `skb` through a hook.
pub(crate) fn pass(topo: &Topology, ns: NsId, hook: Hook, dev: &DevRef, skb: &Skb, ctx: &mut Ctx<'_>) {
    if topo.ns(ns).has_netfilter {
        ctx.record(topo, ns, skb, Step::new(Stage::Hook(hook), Decision::Accept(hook), &skb.packet).on(&dev.name));
    }
}
