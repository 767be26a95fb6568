//! A bridge learns who is behind which port and forwards by that; br_netfilter shows its frames to the hooks on the way.
//!
//! Models net/bridge/br_input.c br_handle_frame_finish, net/bridge/br_device.c br_dev_xmit, net/bridge/br_forward.c, and
//! net/bridge/br_netfilter_hooks.c br_nf_pre_routing, br_nf_forward and br_nf_post_routing.
//! Not modelled: spanning tree, VLAN filtering, multicast snooping, filtering of ARP.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::hook::{self, Way};
use super::link_rx::VLAN_ROOM;
use super::route::{Routed, lookup};
use super::{Ctx, Next, fragment};
use crate::net::{At, DevRef, FdbLookup, FdbTarget, FlowKey, NetNs, Skb, Topology};
use crate::trace::{BridgeTarget, Decision, DropReason, Hook, Stage, Step, Written};
use crate::wire::EthernetHeader;

/// A frame comes in by a port.
pub(crate) fn bridge_rx(topo: &mut Topology, at: At, skb: Skb, ctx: &mut Ctx<'_>) -> Next {
    if !topo.ns(at.ns).has_bridge_netfilter() || skb.packet.ip_header().is_none() {
        return Next::BridgeForward(at, skb);
    }
    // Netfilter wants whole packets (nf_defrag_ipv4).
    let Some(skb) = fragment::gather(topo, at, skb, ctx) else { return Next::Done };
    let interface = topo.ns(at.ns).interface(at.index);
    let (port, Some(bridge)) = (interface.dev.clone(), interface.master.clone()) else { return Next::Done };
    let asked = skb.packet.ip_header().map(|ip| ip.dst);
    let physin_src = skb.packet.ethernet().map(|ethernet| ethernet.src);
    let skb = Skb { physin: Some(port), physin_src, ..skb };
    match hook::pass(topo, at.ns, Hook::Prerouting, Way::by(&bridge), skb, ctx) {
        ControlFlow::Break(next) => next,
        ControlFlow::Continue(skb) if skb.packet.ip_header().map(|ip| ip.dst) == asked => Next::BridgeForward(at, skb),
        ControlFlow::Continue(skb) => translated(topo, at, &bridge, skb, ctx),
    }
}

/// The hooks have given the packet another destination: its frame must go elsewhere too.
///
/// Models br_nf_pre_routing_finish. Where the route leads back out of the same bridge the packet stays a bridged one, and
/// only its link address changes; anything else goes up to this machine's IP.
fn translated(topo: &Topology, at: At, bridge: &DevRef, skb: Skb, ctx: &mut Ctx<'_>) -> Next {
    let ns = topo.ns(at.ns);
    let (Some(ethernet), Some(ip)) = (skb.packet.ethernet(), skb.packet.ip_header()) else { return Next::Done };
    let decided = lookup(ns, &FlowKey::input(ip.dst, ip.src, bridge.index, skb.mark));
    let (next_hop, mac, route) = match &decided.result {
        Routed::Out(route) if route.dev == *bridge => {
            let known = ns.neighbours.lookup(route.next_hop, bridge);
            let mac = known.entry().filter(|entry| entry.is_connected()).and_then(|entry| entry.mac);
            (Some(route.next_hop), mac, Some(route.clone()))
        }
        _ => (None, Some(ns.interface(bridge.index).mac), None),
    };
    let network = skb.packet.without_ethernet();
    let packet = match mac {
        Some(mac) => network.with_ethernet(ethernet.src, mac, ethernet.ethertype),
        None => network,
    };
    let decision = Decision::Readdress { next_hop, mac };
    let step = decided.noted(Step::new(Stage::BridgeRoute, decision, &packet).from(&skb.packet).on(&bridge.name));
    ctx.record(topo, at.ns, &skb, step);
    match (mac, route) {
        // Models neigh->output: the machine asks, sends by the bridge device itself, and br_nf_dev_xmit puts the frame back
        // on its way as one that came in by the port.
        (None, Some(route)) => Next::Neighbour(at.ns, Skb { packet, bridged_from: Some(ethernet.src), ..skb }, route),
        _ => Next::BridgeForward(at, Skb { packet, ..skb }),
    }
}

/// The bridge device has been handed a frame that is only passing: it goes on as one that came in by its port. `None` for
/// any other frame.
///
/// Models br_nf_dev_xmit and br_nf_pre_routing_finish_bridge_slow.
pub(crate) fn bridge_resume(topo: &Topology, at: At, skb: &Skb, ctx: &mut Ctx<'_>) -> Option<Next> {
    let (src, port, ethernet) = (skb.bridged_from?, skb.physin.as_ref()?, skb.packet.ethernet()?);
    let packet = skb.packet.without_ethernet().with_ethernet(src, ethernet.dst, ethernet.ethertype);
    let decision = Decision::BridgeResume { port: port.name.clone(), mac: src };
    let dev = topo.ns(at.ns).interface(at.index).name();
    ctx.record(topo, at.ns, skb, Step::new(Stage::BridgeRoute, decision, &packet).from(&skb.packet).on(dev));
    Some(Next::BridgeForward(At { index: port.index, ..at }, Skb { packet, bridged_from: None, ..skb.clone() }))
}

/// A frame that came in by a port is forwarded. Models br_handle_frame_finish.
pub(crate) fn bridge_forward(topo: &mut Topology, at: At, skb: Skb, ctx: &mut Ctx<'_>) -> Next {
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
            let mut nexts = to_ports(topo, at, &bridge, &choice.ports, &skb, ctx);
            nexts.push(to_host);
            Next::Many(nexts)
        }
        // A capture makes the bridge promiscuous: it sees a copy of what only passes between its ports.
        BridgeTarget::Port(_) | BridgeTarget::Unknown(_) => {
            let mut nexts = to_ports(topo, at, &bridge, &choice.ports, &skb, ctx);
            nexts.push(Next::Tap(At { index: bridge.index, ..at }, skb));
            Next::Many(nexts)
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
    // What was routed has passed the hooks already.
    let skb = Skb { physin: None, ..skb };
    Next::Many(to_ports(topo, at, &bridge, &choice.ports, &skb, ctx))
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

fn to_ports(topo: &mut Topology, at: At, bridge: &DevRef, ports: &[u32], skb: &Skb, ctx: &mut Ctx<'_>) -> Vec<Next> {
    let mut nexts = Vec::new();
    for index in ports {
        let port = At { index: *index, ..at };
        let skb = match bridged_hooks(topo, port, bridge, skb.clone(), ctx) {
            ControlFlow::Continue(skb) => skb,
            ControlFlow::Break(next) => {
                nexts.push(next);
                continue;
            }
        };
        for frame in fragment::scatter_frame(topo, port, &skb, ctx) {
            nexts.push(forward(topo, port, frame, ctx));
        }
    }
    nexts
}

/// A port takes no frame that its device could not send. Models net/bridge/br_forward.c br_dev_queue_push_xmit.
fn forward(topo: &Topology, port: At, frame: Skb, ctx: &mut Ctx<'_>) -> Next {
    let interface = topo.ns(port.ns).interface(port.index);
    if frame.packet.network_len() > interface.mtu + VLAN_ROOM {
        return ctx.drop(topo, port.ns, &frame, Stage::Tx, &interface.dev, DropReason::FabricMtu);
    }
    Next::HardXmit(port, frame)
}

/// FORWARD and POSTROUTING, for a frame that goes from port to port. To the rules both devices are the bridge.
fn bridged_hooks(
    topo: &mut Topology,
    port: At,
    bridge: &DevRef,
    skb: Skb,
    ctx: &mut Ctx<'_>,
) -> ControlFlow<Next, Skb> {
    if skb.physin.is_none() {
        return ControlFlow::Continue(skb);
    }
    let physout = topo.ns(port.ns).interface(port.index).dev.clone();
    let forward = Way { iif: Some(bridge), oif: Some(bridge), physout: Some(&physout), next_hop: None };
    let skb = hook::pass(topo, port.ns, Hook::Forward, forward, skb, ctx)?;
    hook::pass(topo, port.ns, Hook::Postrouting, Way { iif: None, ..forward }, skb, ctx)
}
