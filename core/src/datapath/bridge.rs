//! A bridge learns who is behind which port and forwards by that.
//!
//! Models net/bridge/br_input.c br_handle_frame_finish and net/bridge/br_device.c br_dev_xmit.
//! Not modelled: spanning tree, VLAN filtering, multicast snooping, br_netfilter.

use std::sync::Arc;

use super::{Ctx, Next, fragment};
use crate::net::{At, DevRef, FdbLookup, FdbTarget, NetNs, Skb, Topology};
use crate::trace::{BridgeTarget, Decision, DropReason, Stage, Step, Written};
use crate::wire::EthernetHeader;

/// A frame comes in by a port.
pub(crate) fn bridge_rx(topo: &mut Topology, at: At, skb: Skb, ctx: &mut Ctx<'_>) -> Next {
    // br_netfilter shows netfilter whole packets only.
    let skb = match topo.ns(at.ns).has_netfilter {
        true => match fragment::gather(topo, at, skb, ctx) {
            Some(whole) => whole,
            None => return Next::Done,
        },
        false => skb,
    };
    let ns = topo.ns_mut(at.ns);
    let port = ns.interface(at.index).dev.clone();
    let (Some(bridge), Some(ethernet)) = (ns.interface(at.index).master.clone(), skb.packet.ethernet()) else {
        return Next::Done;
    };
    let Some(fdb) = ns.fdb_mut(bridge.index) else { return Next::Done };
    let learned = fdb.learn(ethernet.src, &port);
    let lookup = fdb.lookup(ethernet.dst);
    let choice = choose(topo.ns(at.ns), &bridge, Some(at.index), ethernet, &lookup);
    record(topo, at, &port, &skb, &choice, lookup, learned, ctx);
    let to_host = Next::LinkRx(At { index: bridge.index, ..at }, skb.clone());
    match choice.target {
        BridgeTarget::Host => to_host,
        // The ports first, then the machine itself.
        BridgeTarget::Broadcast(_) => {
            let mut nexts = to_ports(topo, at, &choice.ports, &skb, ctx);
            nexts.push(to_host);
            Next::Many(nexts)
        }
        // A capture makes the bridge promiscuous: it sees a copy of what only passes between its ports.
        BridgeTarget::Port(_) | BridgeTarget::Unknown(_) => {
            ctx.capture(topo, At { index: bridge.index, ..at }, &skb);
            Next::Many(to_ports(topo, at, &choice.ports, &skb, ctx))
        }
    }
}

/// The machine itself sends through its bridge.
pub(crate) fn bridge_tx(topo: &mut Topology, at: At, skb: Skb, ctx: &mut Ctx<'_>) -> Next {
    let ns = topo.ns_mut(at.ns);
    let bridge = ns.interface(at.index).dev.clone();
    let (Some(ethernet), Some(fdb)) = (skb.packet.ethernet(), ns.fdb_mut(at.index)) else { return Next::Done };
    let lookup = fdb.lookup(ethernet.dst);
    let choice = choose(topo.ns(at.ns), &bridge, None, ethernet, &lookup);
    record(topo, at, &bridge, &skb, &choice, lookup, None, ctx);
    Next::Many(to_ports(topo, at, &choice.ports, &skb, ctx))
}

struct Choice {
    target: BridgeTarget,
    ports: Vec<u32>,
}

impl Choice {
    /// Why the frame goes nowhere, if it does.
    fn dropped(&self) -> Option<DropReason> {
        match self.target {
            // It would go back where it came from.
            BridgeTarget::Port(_) if self.ports.is_empty() => Some(DropReason::NotSpecified),
            BridgeTarget::Unknown(_) if self.ports.is_empty() => Some(DropReason::NoTxTarget),
            _ => None,
        }
    }
}

fn choose(ns: &NetNs, bridge: &DevRef, from: Option<u32>, ethernet: EthernetHeader, lookup: &FdbLookup) -> Choice {
    let may_leave = |index: u32, hairpin: bool| Some(index) != from || hairpin;
    let flood = || -> (Vec<u32>, Vec<Arc<str>>) {
        let ports = ns
            .ports(bridge.index)
            .filter(|port| ns.has_carrier(port.dev.index) && may_leave(port.dev.index, port.hairpin));
        ports.map(|port| (port.dev.index, port.name().clone())).unzip()
    };
    if ethernet.dst.is_multicast() {
        let (ports, names) = flood();
        return Choice { target: BridgeTarget::Broadcast(names), ports };
    }
    match lookup.target() {
        Some(FdbTarget::Local(_)) => Choice { target: BridgeTarget::Host, ports: Vec::new() },
        Some(FdbTarget::Port(port)) => {
            let open = may_leave(port.index, ns.interface(port.index).hairpin);
            Choice {
                target: BridgeTarget::Port(port.name.clone()),
                ports: open.then_some(port.index).into_iter().collect(),
            }
        }
        Some(FdbTarget::Remote(_)) | None => {
            let (ports, names) = flood();
            Choice { target: BridgeTarget::Unknown(names), ports }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "one call site each way; a struct would only rename the arguments")]
fn record(
    topo: &Topology,
    at: At,
    dev: &DevRef,
    skb: &Skb,
    choice: &Choice,
    lookup: FdbLookup,
    learned: Option<Written>,
    ctx: &mut Ctx<'_>,
) {
    let dropped = choice.dropped();
    let decision = dropped.map_or_else(|| Decision::Bridge(choice.target.clone()), Decision::Drop);
    let step = Step::new(Stage::Bridge, decision, &skb.packet).on(&dev.name).wrote(learned);
    // A broadcast is flooded without looking.
    let step = if matches!(choice.target, BridgeTarget::Broadcast(_)) { step } else { step.consulted(lookup) };
    match dropped {
        Some(reason) => {
            ctx.drop_with(topo, at.ns, skb, step.ends(), reason);
        }
        None => ctx.record(topo, at.ns, skb, step),
    }
}

fn to_ports(topo: &Topology, at: At, ports: &[u32], skb: &Skb, ctx: &mut Ctx<'_>) -> Vec<Next> {
    let mut nexts = Vec::new();
    for index in ports {
        let port = At { index: *index, ..at };
        let frames = fragment::scatter_frame(topo, port, skb, ctx);
        nexts.extend(frames.into_iter().map(|frame| Next::HardXmit(port, frame)));
    }
    nexts
}
