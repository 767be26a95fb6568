//! A frame comes in by a device.
//!
//! Models net/core/dev.c __netif_receive_skb_core, and what refuses a frame before it: drivers/net/veth.c by
//! is_skb_forwardable. Not modelled: VLANs, generic receive offload.

use std::ops::ControlFlow;

use super::{Ctx, Next, bpf};
use crate::base::MacAddr;
use crate::net::{At, InterfaceKind, Skb, Topology};
use crate::trace::{Decision, DropReason, Stage, Step};
use crate::wire::{ETHERTYPE_ARP, ETHERTYPE_IPV4};

/// What a veth, and a NIC with room for a VLAN tag, takes above its MTU. Models is_skb_forwardable: VLAN_HLEN.
pub(super) const VLAN_ROOM: usize = 4;

pub(crate) fn link_rx(topo: &mut Topology, at: At, skb: Skb, ctx: &mut Ctx<'_>) -> Next {
    let interface = topo.ns(at.ns).interface(at.index);
    let dev = interface.dev.clone();
    if !interface.up {
        return ctx.drop(topo, at.ns, &skb, Stage::Rx, &dev, DropReason::DevReady);
    }
    let is_tunnel = interface.is_tunnel();
    let is_wire = matches!(interface.kind, InterfaceKind::Nic { .. } | InterfaceKind::Veth { .. });
    if is_wire && skb.packet.network_len() > interface.mtu + VLAN_ROOM {
        return ctx.drop(topo, at.ns, &skb, Stage::Rx, &dev, DropReason::FabricMtu);
    }
    ctx.capture(topo, at, &skb);
    let (skb, is_host) = match bpf::ingress(topo, at, skb, ctx) {
        ControlFlow::Continue(passed) => (passed.skb, passed.is_host),
        ControlFlow::Break(next) => return next,
    };
    let interface = topo.ns(at.ns).interface(at.index);
    if interface.master.is_some() {
        return Next::BridgeRx(at, skb);
    }
    // A frame for another station reaches this device only because a bridge or switch flooded it: it is captured, and
    // the kernel forgets it (PACKET_OTHERHOST).
    let (ethertype, is_for_us) = match skb.packet.ethernet() {
        Some(ethernet) => (ethernet.ethertype, is_host || [interface.mac, MacAddr::BROADCAST].contains(&ethernet.dst)),
        // What comes out of IP in IP has no link header.
        None => (ETHERTYPE_IPV4, true),
    };
    match ethertype {
        ETHERTYPE_ARP if is_for_us => Next::Arp(at, skb),
        ETHERTYPE_IPV4 if is_for_us => {
            let packet = skb.packet.without_ethernet();
            let stage = if is_tunnel { Stage::TunnelRx } else { Stage::Rx };
            let step = Step::new(stage, Decision::Receive, &packet).on(&dev.name).from(&skb.packet);
            ctx.record(topo, at.ns, &skb, step);
            Next::IpRcv(at, Skb { packet, ..skb })
        }
        _ => Next::Done,
    }
}
