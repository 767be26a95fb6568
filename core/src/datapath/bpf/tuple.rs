//! A packet's addresses and ports, also where it is a later piece of a datagram.
//!
//! Models lib/ipv4.h ipv4_handle_fragmentation (`enable-ipv4-fragment-tracking`, on by default). Not modelled: that the
//! map forgets the oldest of 8192 datagrams, and pieces of pings, of which Cilium reads wrong bytes.

use std::sync::Arc;

use super::Run;
use crate::net::{BpfTuple, CtDirection, FragKey, FragRow, TransportProtocol};
use crate::trace::DropReason;
use crate::wire::{Icmp, IpHeader, Packet, Transport};

/// The addresses and ports that a packet itself names; `None` for one that has none.
pub(super) fn named(packet: &Packet, direction: CtDirection) -> Option<BpfTuple> {
    let ip = packet.ip_header().filter(|ip| ip.offset == 0)?;
    let (protocol, sport, dport) = match packet.transport()? {
        Transport::Tcp(tcp) => (TransportProtocol::Tcp, tcp.sport, tcp.dport),
        Transport::Udp(udp) => (TransportProtocol::Udp, udp.sport, udp.dport),
        Transport::Icmp(Icmp::EchoRequest { id, .. }) => (TransportProtocol::Icmp, id, 0),
        Transport::Icmp(Icmp::EchoReply { id, .. }) => (TransportProtocol::Icmp, 0, id),
        Transport::Icmp(_) | Transport::Other(_) => return None,
    };
    Some(BpfTuple { protocol, direction, src: (ip.src, sport), dst: (ip.dst, dport) })
}

fn key(ip: &IpHeader) -> Option<FragKey> {
    let protocol = match ip.protocol {
        6 => TransportProtocol::Tcp,
        17 => TransportProtocol::Udp,
        _ => return None,
    };
    Some(FragKey { id: ip.id, protocol, src: ip.src, dst: ip.dst })
}

impl Run<'_, '_, '_> {
    /// The packet's addresses and ports as a map's key; `None` for what has none. The first piece of a datagram leaves its
    /// ports in the map, and later pieces find them there.
    pub(super) fn tuple(&mut self, direction: CtDirection) -> Result<Option<BpfTuple>, DropReason> {
        let named = named(&self.skb.packet, direction);
        let ip = self.skb.packet.ip_header().filter(IpHeader::is_fragment);
        let Some((ip, key)) = ip.and_then(|ip| Some((ip, key(&ip)?))) else { return Ok(named) };
        let Some(lookup) = self.bpf().map(|bpf| bpf.frag.lookup(key)) else { return Ok(named) };
        let known = lookup.row().cloned();
        if let Some(BpfTuple { src: (_, sport), dst: (_, dport), .. }) = named {
            let row = FragRow { key, sport, dport };
            if known.as_ref() != Some(&row) {
                let written = self.bpf_mut().map(|bpf| bpf.frag.update(row));
                self.wrote.extend(written);
            }
            return Ok(named);
        }
        self.consulted.push(Arc::new(lookup));
        let FragRow { sport, dport, .. } = known.ok_or(DropReason::BpfFragNotFound)?;
        Ok(Some(BpfTuple { protocol: key.protocol, direction, src: (ip.src, sport), dst: (ip.dst, dport) }))
    }
}
