//! Tunnel devices: a packet goes into another packet's payload, and comes out at the other end.
//!
//! Owns which device takes a packet and the UDP datagram around a frame. Each kind has a file of its own. Not modelled:
//! IPv6 outside, congestion marks (ECN) carried between the headers.

mod geneve;
mod ipip;
#[cfg(test)]
mod tests;
mod vxlan;

use std::net::IpAddr;

use super::{Ctx, Next, Sender, route_output};
use crate::net::{At, FdbLookup, Interface, InterfaceKind, NetNs, Skb, Topology, TunnelKey};
use crate::trace::{Decision, DropReason, Envelope, Stage, Step};
use crate::wire::{self, IpSpec, Packet, Transport, VxlanHeader};

/// IP in IP's protocol number.
const IPPROTO_IPIP: u8 = 4;
/// Bytes of a UDP header.
const UDP_HEADER_LEN: usize = 8;
/// `net.ipv4.ip_local_port_range`, from which the outer source port is taken.
const PORT_RANGE: std::ops::Range<u32> = 32768..60999;

/// The tunnel device that takes `packet`, which is for this machine.
///
/// Models the UDP sockets of drivers/net/vxlan/vxlan_core.c and drivers/net/geneve.c, and net/ipv4/tunnel4.c.
pub(crate) fn receiver<'a>(ns: &'a NetNs, packet: &Packet) -> Option<&'a Interface> {
    let is_its: fn(&InterfaceKind, u16) -> bool = match packet.transport()? {
        Transport::Udp(_) => |kind, dport| match kind {
            InterfaceKind::Vxlan(vxlan) => vxlan.port == dport,
            InterfaceKind::Geneve(geneve) => geneve.port == dport,
            _ => false,
        },
        Transport::Other(IPPROTO_IPIP) => |kind, _| matches!(kind, InterfaceKind::Ipip(_)),
        _ => return None,
    };
    let takers = || ns.interfaces().iter().filter(|interface| interface.up && is_its(&interface.kind, dport(packet)));
    // Devices of several networks share a port: one of another network is asked only if there is no better.
    let vni = VxlanHeader::from_slice(datagram(packet)).map(|header| header.vni);
    let of_network = |interface: &&Interface| match &interface.kind {
        InterfaceKind::Vxlan(vxlan) => vxlan.external || Some(vxlan.vni) == vni,
        _ => true,
    };
    takers().find(of_network).or_else(|| takers().next())
}

/// The tunnel device that sent the envelope which an ICMP error quotes, and the other end.
///
/// Models vxlan_err_lookup, geneve_udp_encap_err_lookup and ipip_err.
pub(crate) fn sender<'a>(ns: &'a NetNs, error: &Packet) -> Option<(&'a Interface, IpAddr)> {
    let quoted = error.quoted()?;
    let ip = quoted.ip_header()?;
    // The quote begins as the envelope did, so it has the other end's port.
    receiver(ns, &quoted).map(|interface| (interface, ip.dst))
}

fn dport(packet: &Packet) -> u16 {
    match packet.transport() {
        Some(Transport::Udp(udp)) => udp.dport,
        _ => 0,
    }
}

pub(crate) fn encap(topo: &mut Topology, at: At, skb: &Skb, ctx: &mut Ctx<'_>) -> Next {
    match topo.ns(at.ns).interface(at.index).kind.clone() {
        InterfaceKind::Vxlan(vxlan) => vxlan::encap(topo, at, &vxlan, skb, ctx),
        InterfaceKind::Geneve(geneve) => geneve::encap(topo, at, &geneve, skb, ctx),
        InterfaceKind::Ipip(ipip) => ipip::encap(topo, at, &ipip, skb, ctx),
        _ => Next::Done,
    }
}

pub(crate) fn decap(topo: &Topology, at: At, skb: &Skb, ctx: &mut Ctx<'_>) -> Next {
    let ns = topo.ns(at.ns);
    let (Some(interface), Some(ip)) = (receiver(ns, &skb.packet), skb.packet.ip_header()) else { return Next::Done };
    let opened = match &interface.kind {
        InterfaceKind::Vxlan(vxlan) => vxlan::open(vxlan, datagram(&skb.packet)),
        InterfaceKind::Geneve(geneve) => geneve::open(geneve, ip.src, datagram(&skb.packet)),
        _ => ipip::open(&skb.packet),
    };
    let dev = &interface.dev;
    let (envelope, inner, is_external) = match opened {
        Ok(opened) => opened,
        Err(reason) => return ctx.drop(topo, at.ns, skb, Stage::Decap, dev, reason),
    };
    let decision = Decision::Decapsulate { envelope, remote: ip.src };
    ctx.record(topo, at.ns, skb, Step::new(Stage::Decap, decision, &inner).from(&skb.packet).on(&dev.name));
    let key = |vni| TunnelKey { remote: ip.src, vni, zero_checksum: false };
    let tunnel_key = envelope.vni().filter(|_| is_external).map(key);
    Next::LinkRx(At { index: dev.index, ..at }, Skb { tunnel_key, ..Skb::new(inner, skb.journey) })
}

/// What is in an envelope, and whether its device is in external mode; or why the device does not take it.
type Opened = Result<(Envelope, Packet, bool), DropReason>;

/// The payload of a UDP datagram.
fn datagram(packet: &Packet) -> &[u8] {
    packet.ip_payload().get(UDP_HEADER_LEN..).unwrap_or_default()
}

/// A datagram that a tunnel device makes of a frame.
struct Datagram {
    envelope: Envelope,
    /// Where it goes.
    key: TunnelKey,
    /// Source address, if the device has one of its own.
    local: Option<IpAddr>,
    /// Destination port.
    port: u16,
    /// The tunnel's header.
    header: Vec<u8>,
}

/// Models udp_tunnel_xmit_skb. `lookup` is the table that told where the datagram goes.
fn send(
    topo: &mut Topology,
    at: At,
    skb: &Skb,
    datagram: Datagram,
    lookup: Option<FdbLookup>,
    ctx: &mut Ctx<'_>,
) -> Next {
    let Datagram { envelope, key, local, port, header } = datagram;
    let ns = topo.ns_mut(at.ns);
    let dev = ns.interface(at.index).dev.clone();
    let src = local.or_else(|| route_output(ns, key.remote).map(|(src, _)| src));
    let (Some(IpAddr::V4(src)), IpAddr::V4(dst)) = (src, key.remote) else {
        return ctx.drop(topo, at.ns, skb, Stage::Encap, &dev, DropReason::IpOutnoroutes);
    };
    // TTL and DF are the tunnel's own: neither is copied from the inner packet.
    let ttl = ns.sysctls.ip_default_ttl;
    let outer = IpSpec { src, dst, ttl, df: false, id: ns.dice.word() as u16, tos: 0 };
    let build = if key.zero_checksum { wire::udp_without_checksum } else { wire::udp };
    let packet = build(outer, source_port(&skb.packet), port, &[&header, skb.packet.bytes()].concat());
    let decision = Decision::Encapsulate { envelope, remote: key.remote };
    let step = Step::new(Stage::Encap, decision, &packet).from(&skb.packet).on(&dev.name);
    let step = match lookup {
        Some(lookup) => step.consulted(lookup),
        None => step,
    };
    ctx.record(topo, at.ns, skb, step);
    Next::LocalOut(at.ns, Skb { outer: true, mark: skb.mark, ..Skb::new(packet, skb.journey) }, Sender::Tunnel)
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
