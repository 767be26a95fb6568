//! VXLAN: a frame in a UDP datagram.
//!
//! Models drivers/net/vxlan/vxlan_core.c vxlan_xmit_one and vxlan_rcv. Read first: RFC 7348 section 5.
//! Not modelled: learning (flannel turns it off), ARP suppression, IPv6 outside.

use std::net::IpAddr;

use super::{Ctx, Next, Sender};
use crate::net::{At, DevRef, FdbTarget, InterfaceKind, NetNs, Skb, Topology, Vxlan};
use crate::trace::{Decision, DropReason, Stage, Step};
use crate::wire::{self, IpSpec, Packet, Transport, VXLAN_HEADER_LEN, VxlanHeader};

/// Bytes of a UDP header.
const UDP_HEADER_LEN: usize = 8;
/// `net.ipv4.ip_local_port_range`, from which the outer source port is taken.
const PORT_RANGE: std::ops::Range<u32> = 32768..60999;

/// The tunnel device that takes datagrams for UDP `port`.
pub(crate) fn device_for(ns: &NetNs, port: u16) -> Option<(DevRef, &Vxlan)> {
    ns.interfaces().iter().find_map(|interface| match &interface.kind {
        InterfaceKind::Vxlan(vxlan) if vxlan.port == port => Some((interface.dev.clone(), vxlan)),
        _ => None,
    })
}

pub(crate) fn encap(topo: &mut Topology, at: At, skb: &Skb, ctx: &mut Ctx<'_>) -> Next {
    let ns = topo.ns_mut(at.ns);
    let id = ns.dice.word() as u16;
    let interface = ns.interface(at.index);
    let dev = interface.dev.clone();
    let (InterfaceKind::Vxlan(vxlan), Some(ethernet)) = (&interface.kind, skb.packet.ethernet()) else {
        return Next::Done;
    };
    let lookup = vxlan.fdb.lookup(ethernet.dst);
    let (Some(FdbTarget::Remote(IpAddr::V4(dst))), IpAddr::V4(src)) = (lookup.target().cloned(), vxlan.local) else {
        let reason = DropReason::VxlanNoRemote;
        let step = Step::new(Stage::Encap, Decision::Drop(reason), &skb.packet).on(&dev.name).consulted(lookup).ends();
        return ctx.drop_with(topo, at.ns, skb, step, reason);
    };
    let mut payload = VxlanHeader { vni: vxlan.vni }.to_bytes().to_vec();
    payload.extend_from_slice(skb.packet.bytes());
    // TTL and DF are the tunnel's own: neither is copied from the inner packet.
    let outer = IpSpec { src, dst, ttl: ns.sysctls.ip_default_ttl, df: false, id, tos: 0 };
    let packet = wire::udp(outer, source_port(&skb.packet), vxlan.port, &payload);
    let decision = Decision::Encapsulate { vni: vxlan.vni, remote: IpAddr::V4(dst) };
    let step = Step::new(Stage::Encap, decision, &packet).from(&skb.packet).on(&dev.name).consulted(lookup);
    ctx.record(topo, at.ns, skb, step);
    Next::LocalOut(at.ns, Skb { outer: true, mark: skb.mark, ..Skb::new(packet, skb.journey) }, Sender::Tunnel)
}

pub(crate) fn decap(topo: &mut Topology, at: At, skb: &Skb, ctx: &mut Ctx<'_>) -> Next {
    let ns = topo.ns(at.ns);
    let outer_dev = ns.interface(at.index).dev.clone();
    let body = skb.packet.ip_payload().get(UDP_HEADER_LEN..).unwrap_or_default();
    let port = match skb.packet.transport() {
        Some(Transport::Udp(udp)) => udp.dport,
        _ => 0,
    };
    let (Some(header), Some((dev, vxlan)), Some(ip)) =
        (VxlanHeader::from_slice(body), device_for(ns, port), skb.packet.ip_header())
    else {
        return ctx.drop(topo, at.ns, skb, Stage::Decap, &outer_dev, DropReason::VxlanVniNotFound);
    };
    if header.vni != vxlan.vni {
        return ctx.drop(topo, at.ns, skb, Stage::Decap, &dev, DropReason::VxlanVniNotFound);
    }
    let inner = Packet::frame(body[VXLAN_HEADER_LEN..].to_vec());
    let decision = Decision::Decapsulate { vni: header.vni, remote: ip.src };
    let step = Step::new(Stage::Decap, decision, &inner).from(&skb.packet).on(&dev.name);
    ctx.record(topo, at.ns, skb, step);
    Next::LinkRx(At { index: dev.index, ..at }, Skb::new(inner, skb.journey))
}

/// The outer source port: a hash of the inner flow, so that routers spread flows over equal paths.
///
/// Models udp_flow_src_port; the kernel's hash is keyed at boot, so only the range can agree. Of fragments it takes the
/// addresses alone, the first one included, so that they stay together (net/core/flow_dissector.c).
fn source_port(inner: &Packet) -> u16 {
    let mut hash = 0x811c_9dc5_u32;
    let mut mix = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    };
    if let Some(ip) = inner.ip_header() {
        for address in [ip.src, ip.dst] {
            match address {
                IpAddr::V4(v4) => mix(&v4.octets()),
                IpAddr::V6(v6) => mix(&v6.octets()),
            }
        }
        mix(&[ip.protocol]);
    }
    let is_whole = inner.ip_header().is_some_and(|ip| !ip.is_fragment());
    match inner.transport().filter(|_| is_whole) {
        Some(Transport::Tcp(tcp)) => mix(&[tcp.sport.to_be_bytes(), tcp.dport.to_be_bytes()].concat()),
        Some(Transport::Udp(udp)) => mix(&[udp.sport.to_be_bytes(), udp.dport.to_be_bytes()].concat()),
        _ => {}
    }
    hash ^= hash << 16;
    let span = u64::from(PORT_RANGE.end - PORT_RANGE.start);
    let offset = (u64::from(hash) * span) >> 32;
    u16::try_from(u64::from(PORT_RANGE.start) + offset).unwrap_or(u16::MAX)
}
