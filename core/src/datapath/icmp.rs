//! Telling the sender of a packet why it could not go on.
//!
//! Models net/ipv4/icmp.c icmp_send: who is told, from which address, quoting what. Not modelled: rate limits.
//! Read first: RFC 1122 section 3.2.2, RFC 1812 section 4.3.

use std::net::IpAddr;

use super::{Ctx, Next, Sender, route_output};
use crate::net::{NsId, Skb, Topology};
use crate::wire::{self, Icmp, IcmpError, IpSpec, Transport};

/// Bytes of an error, IP header included: what every host must accept.
const MAX_ERROR_LEN: usize = 576;
/// IP header and ICMP header of the error itself.
const HEADERS_LEN: usize = 28;
/// Internetwork control: the type of service of the kernel's own complaints.
const TOS: u8 = 0xc0;

pub(crate) fn icmp_send(topo: &mut Topology, ns: NsId, about: &Skb, error: IcmpError, ctx: &mut Ctx<'_>) -> Next {
    let Some(ip) = about.packet.ip_header() else { return Next::Done };
    // Never an error about an error, nor about any piece of a packet but the first.
    let is_error = matches!(about.packet.transport(), Some(Transport::Icmp(Icmp::Error(_) | Icmp::Other { .. })));
    if is_error || ip.offset > 0 {
        return Next::Done;
    }
    // The address of the device towards the sender, unless the packet was for an address of this machine.
    let own = Some(ip.dst).filter(|dst| topo.ns(ns).is_local(*dst));
    let src = own.or_else(|| route_output(topo.ns(ns), ip.src).map(|(src, _)| src));
    let (Some(IpAddr::V4(src)), IpAddr::V4(dst)) = (src, ip.src) else { return Next::Done };
    let network = about.packet.network();
    let quote = &network[..network.len().min(ip.total_len).min(MAX_ERROR_LEN - HEADERS_LEN)];
    let ns_mut = topo.ns_mut(ns);
    let spec =
        IpSpec { src, dst, ttl: ns_mut.sysctls.ip_default_ttl, df: false, id: ns_mut.dice.word() as u16, tos: TOS };
    let packet = wire::icmp_error(spec, error, quote);
    let name = match error {
        IcmpError::NetUnreach => "net-unreachable",
        IcmpError::HostUnreach => "host-unreachable",
        IcmpError::PortUnreach => "port-unreachable",
        IcmpError::FragNeeded { .. } => "frag-needed",
        IcmpError::ExcTtl => "time-exceeded",
        IcmpError::ProtUnreach => "protocol-unreachable",
        IcmpError::NetAno | IcmpError::HostAno | IcmpError::PktFiltered => "prohibited",
    };
    let flow = ctx.recorder.journey_of(about.journey).flow;
    let journey = ctx.recorder.journey(flow, name);
    Next::LocalOut(ns, Skb { ct: about.ct.related(), ..Skb::new(packet, journey) }, Sender::Kernel)
}
