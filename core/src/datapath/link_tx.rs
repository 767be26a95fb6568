//! A frame goes out by a device.
//!
//! Models net/core/dev.c __dev_queue_xmit and the devices' own ndo_start_xmit. Not modelled: queueing disciplines,
//! segmentation offload.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{Ctx, Effect, Next, bpf, bridge};
use crate::net::{At, InterfaceKind, Skb, Topology};
use crate::trace::{Decision, DropReason, Stage, Step};

/// Time on a cable between two namespaces of one machine.
const VETH_DELAY: Duration = Duration::from_micros(5);
/// Time on a wire of the fabric, switch included.
const WIRE_DELAY: Duration = Duration::from_micros(25);

pub(crate) fn link_tx(topo: &mut Topology, at: At, skb: Skb, ctx: &mut Ctx<'_>) -> Next {
    let skb = match bpf::egress(topo, at, skb, ctx) {
        ControlFlow::Continue(skb) => skb,
        ControlFlow::Break(next) => return next,
    };
    let interface = topo.ns(at.ns).interface(at.index);
    // The queue of a device without link is noop_qdisc, which drops everything.
    if !topo.ns(at.ns).has_carrier(at.index) {
        return ctx.drop(topo, at.ns, &skb, Stage::Tx, &interface.dev, DropReason::QdiscDrop);
    }
    match interface.kind {
        // What these do with the frame is a step of its own.
        InterfaceKind::Bridge { .. } | InterfaceKind::Vxlan(_) | InterfaceKind::Geneve(_) | InterfaceKind::Ipip(_) => {}
        InterfaceKind::Loopback | InterfaceKind::Veth { .. } | InterfaceKind::Nic { .. } | InterfaceKind::Dummy => {
            let step = Step::new(Stage::Tx, Decision::Transmit, &skb.packet).on(interface.name());
            ctx.record(topo, at.ns, &skb, step);
        }
    }
    Next::HardXmit(at, skb)
}

pub(crate) fn hard_xmit(topo: &mut Topology, at: At, skb: Skb, ctx: &mut Ctx<'_>) -> Next {
    match topo.ns(at.ns).interface(at.index).kind {
        // A capture on lo shows each packet once, on its way in.
        InterfaceKind::Loopback => Next::LinkRx(at, skb),
        InterfaceKind::Veth { peer } => {
            ctx.capture(topo, at, &skb);
            ctx.effects.push(Effect::Arrive { at: peer, skb: skb.scrubbed(), after: VETH_DELAY });
            Next::Done
        }
        InterfaceKind::Nic { segment } => {
            ctx.capture(topo, at, &skb);
            let Some(ethernet) = skb.packet.ethernet() else { return Next::Done };
            let ports = topo.segment_mut(segment).switch(at, ethernet.src, ethernet.dst);
            if let Some(router) = topo.filtered(segment, at, &ports, &skb.packet) {
                let dev = topo.ns(router.ns).interface(router.index).dev.clone();
                return ctx.drop(topo, router.ns, &skb, Stage::Rx, &dev, DropReason::FabricFiltered);
            }
            for port in ports {
                ctx.effects.push(Effect::Arrive { at: port, skb: skb.clone().scrubbed(), after: WIRE_DELAY });
            }
            Next::Done
        }
        // Models dummy_xmit: what is sent by it is gone.
        InterfaceKind::Dummy => {
            ctx.capture(topo, at, &skb);
            Next::Done
        }
        InterfaceKind::Bridge { .. } => {
            ctx.capture(topo, at, &skb);
            bridge::bridge_resume(topo, at, &skb, ctx).unwrap_or(Next::BridgeTx(at, skb))
        }
        InterfaceKind::Vxlan(_) | InterfaceKind::Geneve(_) | InterfaceKind::Ipip(_) => {
            ctx.capture(topo, at, &skb);
            Next::Encap(at, skb)
        }
    }
}
