//! The netfilter hooks: hands a packet to [`crate::netfilter`] with what it asks of this machine, and does what it says.
//!
//! Models NF_HOOK of include/linux/netfilter.h.

use std::net::IpAddr;
use std::ops::ControlFlow;

use super::{Ctx, Next, OutRoute};
use crate::net::{DevRef, NsId, Skb, Topology};
use crate::netfilter::{HookVerdict, HookView, Passing, RejectWith};
use crate::trace::{DropReason, Hook};

/// Where a packet comes from and goes to at a hook.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Way<'a> {
    pub iif: Option<&'a DevRef>,
    pub oif: Option<&'a DevRef>,
    pub next_hop: Option<IpAddr>,
    /// The bridge port that it leaves by; the one that it came in by goes along with the packet.
    pub physout: Option<&'a DevRef>,
}

impl<'a> Way<'a> {
    /// In by this device.
    pub(crate) fn by(iif: &'a DevRef) -> Self {
        Self { iif: Some(iif), ..Self::default() }
    }

    /// Out by this route.
    pub(crate) fn out(route: &'a OutRoute) -> Self {
        Self { oif: Some(&route.dev), next_hop: Some(route.next_hop), ..Self::default() }
    }
}

/// Passes `skb` through a hook. Breaks with what happens instead if it does not get through.
pub(crate) fn pass(
    topo: &mut Topology,
    id: NsId,
    hook: Hook,
    way: Way<'_>,
    mut skb: Skb,
    ctx: &mut Ctx<'_>,
) -> ControlFlow<Next, Skb> {
    if !topo.ns(id).has_netfilter {
        return ControlFlow::Continue(skb);
    }
    let name = |dev: Option<&DevRef>| dev.map(|dev| dev.name.clone());
    let ns = topo.ns_mut(id);
    let view = HookView {
        hook,
        iif: name(way.iif),
        oif: name(way.oif),
        physin: name(skb.physin.as_ref()),
        physout: name(way.physout),
        next_hop: way.next_hop,
        now: ctx.now,
        facts: ns.facts(),
    };
    let passing = Passing { packet: &mut skb.packet, mark: &mut skb.mark, ct: &mut skb.ct, ipvs: &mut skb.ipvs };
    let result = ns.netfilter.run(passing, &view, &mut ns.dice);
    if let Some(choice) = result.choice {
        ctx.recorder.choose(choice);
    }
    if let Some(endpoint) = result.masqueraded {
        ctx.recorder.masquerade(endpoint);
    }
    // The port says more than its bridge.
    let dev = match hook {
        Hook::Prerouting | Hook::Input => view.physin.or(view.iif),
        Hook::Forward | Hook::Output | Hook::Postrouting => view.physout.or(view.oif),
    };
    let mut steps = result.steps.into_iter().map(|step| match &dev {
        Some(dev) => step.on(dev),
        None => step,
    });
    let goes_on = matches!(result.verdict, HookVerdict::Accept | HookVerdict::Transmit(_));
    let last = if goes_on { None } else { steps.next_back() };
    for step in steps {
        ctx.record(topo, id, &skb, step);
    }
    let reason = DropReason::NetfilterDrop;
    match (result.verdict, last) {
        (HookVerdict::Reject(RejectWith::Icmp(error)), Some(step)) => {
            ControlFlow::Break(ctx.complain(topo, id, skb, step, reason, error))
        }
        (HookVerdict::Reject(RejectWith::TcpReset), Some(step)) => {
            ctx.drop_with(topo, id, &skb, step.ends(), reason);
            ControlFlow::Break(Next::ResetSend(id, skb))
        }
        (HookVerdict::Transmit(transmit), _) => ControlFlow::Break(Next::IpvsXmit(id, skb, transmit)),
        (HookVerdict::Drop, Some(step)) => ControlFlow::Break(ctx.drop_with(topo, id, &skb, step.ends(), reason)),
        (_, None) | (HookVerdict::Accept, _) => ControlFlow::Continue(skb),
    }
}
