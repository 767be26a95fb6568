//! Building packets from what the kernel knows when it sends them. Lengths and checksums come out right.

use std::net::{IpAddr, Ipv4Addr};

use etherparse::{
    IcmpEchoHeader, Icmpv4Header, Icmpv4Type, IpDscp, IpEcn, IpNumber, Ipv4Header, TcpHeader, TcpOptionElement,
    UdpHeader,
};

use super::{ETHERTYPE_ARP, Packet};
use crate::base::MacAddr;

/// What goes into the IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpSpec {
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// Time to live.
    pub ttl: u8,
    /// Don't fragment.
    pub df: bool,
    /// Identification.
    pub id: u16,
    /// Type of service: precedence 6 (0xc0) on the kernel's own complaints, else 0.
    pub tos: u8,
}

/// What goes into a TCP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpSpec {
    /// Source port.
    pub sport: u16,
    /// Destination port.
    pub dport: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number; carried if the ACK flag is set.
    pub ack: u32,
    /// Flags.
    pub flags: TcpFlags,
    /// Window, as it stands in the header (already scaled).
    pub window: u16,
    /// Options.
    pub options: TcpOptions,
}

/// The flags of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags {
    /// Synchronise.
    pub syn: bool,
    /// Acknowledge.
    pub ack: bool,
    /// Push.
    pub psh: bool,
    /// Finish.
    pub fin: bool,
    /// Reset.
    pub rst: bool,
}

/// The options that Linux puts into a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpOptions {
    /// None: a reset.
    None,
    /// Of a SYN: MSS, SACK permitted, timestamps, window scale. 20 bytes.
    Syn {
        /// Maximum segment size in bytes.
        mss: u16,
        /// TSval and TSecr.
        timestamps: (u32, u32),
    },
    /// Of every other segment: timestamps. 12 bytes.
    Timestamps(u32, u32),
    /// Of an acknowledgment of something that arrived besides, or twice: timestamps, then blocks of sequence numbers, the
    /// newest first. 12 bytes, and 4 and 8 for each block.
    Sack {
        /// TSval and TSecr.
        timestamps: (u32, u32),
        /// The first block.
        first: (u32, u32),
        /// Two more: with timestamps there is no room for a fourth.
        more: [Option<(u32, u32)>; 2],
    },
}

/// The window scale that Linux offers with its default buffers.
const WINDOW_SCALE: u8 = 7;

impl TcpOptions {
    /// The options in Linux's order. Models net/ipv4/tcp_output.c tcp_options_write.
    fn elements(self) -> Vec<TcpOptionElement> {
        use TcpOptionElement as Option;
        match self {
            Self::None => Vec::new(),
            Self::Syn { mss, timestamps: (val, ecr) } => vec![
                Option::MaximumSegmentSize(mss),
                Option::SelectiveAcknowledgementPermitted,
                Option::Timestamp(val, ecr),
                Option::Noop,
                Option::WindowScale(WINDOW_SCALE),
            ],
            Self::Timestamps(val, ecr) => vec![Option::Noop, Option::Noop, Option::Timestamp(val, ecr)],
            Self::Sack { timestamps: (val, ecr), first, more: [second, third] } => vec![
                Option::Noop,
                Option::Noop,
                Option::Timestamp(val, ecr),
                Option::Noop,
                Option::Noop,
                Option::SelectiveAcknowledgement(first, [second, third, None]),
            ],
        }
    }
}

/// An IP packet with a TCP segment.
#[must_use]
pub fn tcp(ip: IpSpec, spec: TcpSpec, payload: &[u8]) -> Packet {
    let mut header = TcpHeader::new(spec.sport, spec.dport, spec.seq, spec.window);
    header.syn = spec.flags.syn;
    header.psh = spec.flags.psh;
    header.fin = spec.flags.fin;
    header.rst = spec.flags.rst;
    header.ack = spec.flags.ack;
    if spec.flags.ack {
        header.acknowledgment_number = spec.ack;
    }
    header.set_options(&spec.options.elements()).expect("at most 40 bytes of options, which is what fits");
    header.checksum = header
        .calc_checksum_ipv4_raw(ip.src.octets(), ip.dst.octets(), payload)
        .expect("sizes are checked at the edge");
    ipv4(ip, IpNumber::TCP, &header.to_bytes(), payload)
}

/// An IP packet with a UDP datagram.
#[must_use]
pub fn udp(ip: IpSpec, sport: u16, dport: u16, payload: &[u8]) -> Packet {
    let mut header = UdpHeader {
        source_port: sport,
        destination_port: dport,
        length: u16::try_from(8 + payload.len()).expect("sizes are checked at the edge"),
        checksum: 0,
    };
    header.checksum = header
        .calc_checksum_ipv4_raw(ip.src.octets(), ip.dst.octets(), payload)
        .expect("sizes are checked at the edge");
    ipv4(ip, IpNumber::UDP, &header.to_bytes(), payload)
}

/// The same without a checksum: a sender over IPv4 may leave it at zero (RFC 768).
#[must_use]
pub fn udp_without_checksum(ip: IpSpec, sport: u16, dport: u16, payload: &[u8]) -> Packet {
    let length = u16::try_from(8 + payload.len()).expect("sizes are checked at the edge");
    let header = UdpHeader { source_port: sport, destination_port: dport, length, checksum: 0 };
    ipv4(ip, IpNumber::UDP, &header.to_bytes(), payload)
}

/// An IP packet in an IP packet (RFC 2003): nothing stands between the two headers.
#[must_use]
pub fn ipip(outer: IpSpec, inner: &Packet) -> Packet {
    ipv4(outer, IpNumber::IPV4, &[], inner.network())
}

/// An IP packet with an ICMP echo request, or its reply.
#[must_use]
pub fn icmp_echo(ip: IpSpec, reply: bool, id: u16, seq: u16, payload: &[u8]) -> Packet {
    let echo = IcmpEchoHeader { id, seq };
    let kind = if reply { Icmpv4Type::EchoReply(echo) } else { Icmpv4Type::EchoRequest(echo) };
    let header = Icmpv4Header::with_checksum(kind, payload);
    ipv4(ip, IpNumber::ICMP, &header.to_bytes(), payload)
}

/// What an ICMP error says (uapi `linux/icmp.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpError {
    /// `ICMP_NET_UNREACH`: no route.
    NetUnreach,
    /// `ICMP_HOST_UNREACH`: the last machine does not answer ARP.
    HostUnreach,
    /// `ICMP_PORT_UNREACH`: nobody listens.
    PortUnreach,
    /// `ICMP_FRAG_NEEDED`: too large for the next link, and not to be cut.
    FragNeeded {
        /// What would fit, in bytes.
        mtu: u16,
    },
    /// `ICMP_EXC_TTL`: the TTL ran out.
    ExcTtl,
    /// `ICMP_PROT_UNREACH`: nobody speaks that protocol.
    ProtUnreach,
    /// `ICMP_NET_ANO`: that network may not be talked to.
    NetAno,
    /// `ICMP_HOST_ANO`: that host may not be talked to.
    HostAno,
    /// `ICMP_PKT_FILTERED`: an administrator forbids it.
    PktFiltered,
}

impl IcmpError {
    /// ICMP type and code.
    #[must_use]
    pub fn type_and_code(self) -> (u8, u8) {
        match self {
            Self::NetUnreach => (3, 0),
            Self::HostUnreach => (3, 1),
            Self::PortUnreach => (3, 3),
            Self::FragNeeded { .. } => (3, 4),
            Self::ExcTtl => (11, 0),
            Self::ProtUnreach => (3, 2),
            Self::NetAno => (3, 9),
            Self::HostAno => (3, 10),
            Self::PktFiltered => (3, 13),
        }
    }

    /// The error with this type, code and second header word.
    #[must_use]
    pub fn from_parts(kind: u8, code: u8, mtu: u16) -> Option<Self> {
        Some(match (kind, code) {
            (3, 0) => Self::NetUnreach,
            (3, 1) => Self::HostUnreach,
            (3, 3) => Self::PortUnreach,
            (3, 4) => Self::FragNeeded { mtu },
            (11, 0) => Self::ExcTtl,
            (3, 2) => Self::ProtUnreach,
            (3, 9) => Self::NetAno,
            (3, 10) => Self::HostAno,
            (3, 13) => Self::PktFiltered,
            _ => return None,
        })
    }

    /// The name in uapi `linux/icmp.h`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NetUnreach => "ICMP_NET_UNREACH",
            Self::HostUnreach => "ICMP_HOST_UNREACH",
            Self::PortUnreach => "ICMP_PORT_UNREACH",
            Self::FragNeeded { .. } => "ICMP_FRAG_NEEDED",
            Self::ExcTtl => "ICMP_EXC_TTL",
            Self::ProtUnreach => "ICMP_PROT_UNREACH",
            Self::NetAno => "ICMP_NET_ANO",
            Self::HostAno => "ICMP_HOST_ANO",
            Self::PktFiltered => "ICMP_PKT_FILTERED",
        }
    }
}

/// An IP packet with an ICMP error that quotes the packet it is about (RFC 792, RFC 1191).
#[must_use]
pub fn icmp_error(ip: IpSpec, error: IcmpError, quote: &[u8]) -> Packet {
    let (kind, code) = error.type_and_code();
    let mtu = if let IcmpError::FragNeeded { mtu } = error { mtu } else { 0 };
    let [high, low] = mtu.to_be_bytes();
    let header = Icmpv4Header::with_checksum(
        Icmpv4Type::Unknown { type_u8: kind, code_u8: code, bytes5to8: [0, 0, high, low] },
        quote,
    );
    ipv4(ip, IpNumber::ICMP, &header.to_bytes(), quote)
}

/// A piece of an IP packet: the same header with its own length, offset and more-fragments bit (RFC 791 section 3.2).
/// `offset` counts bytes of payload and is a multiple of 8.
#[must_use]
pub fn fragment(header: &[u8], payload: &[u8], offset: usize, more: bool) -> Packet {
    let mut bytes = [header, payload].concat();
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let flags = u16::try_from(offset / 8).unwrap_or_default() | if more { 0x2000 } else { 0 };
    bytes[2..4].copy_from_slice(&len.to_be_bytes());
    bytes[6..8].copy_from_slice(&flags.to_be_bytes());
    super::packet::repair_header_checksum(&mut bytes[..header.len()]);
    Packet::ip(bytes)
}

fn ipv4(spec: IpSpec, protocol: IpNumber, transport: &[u8], payload: &[u8]) -> Packet {
    let len = u16::try_from(transport.len() + payload.len()).expect("sizes are checked at the edge");
    let mut header = Ipv4Header::new(len, spec.ttl, protocol, spec.src.octets(), spec.dst.octets())
        .expect("sizes are checked at the edge");
    header.identification = spec.id;
    header.dscp = IpDscp::try_new(spec.tos >> 2).expect("six bits fit");
    header.ecn = IpEcn::try_new(spec.tos & 3).expect("two bits fit");
    header.dont_fragment = spec.df;
    header.header_checksum = header.calc_header_checksum();
    let mut bytes = Vec::with_capacity(Ipv4Header::MIN_LEN + usize::from(len));
    bytes.extend_from_slice(&header.to_bytes());
    bytes.extend_from_slice(transport);
    bytes.extend_from_slice(payload);
    Packet::ip(bytes)
}

/// Request or reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArpOp {
    /// Who has this address?
    Request,
    /// I have it.
    Reply,
}

/// An ARP packet for IPv4 over Ethernet (RFC 826).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArpSpec {
    /// Request or reply.
    pub op: ArpOp,
    /// Sender hardware address.
    pub sender_mac: MacAddr,
    /// Sender protocol address.
    pub sender_ip: IpAddr,
    /// Target hardware address; zero in a request.
    pub target_mac: MacAddr,
    /// Target protocol address.
    pub target_ip: IpAddr,
}

/// A frame with an ARP packet: requests go to everyone, replies to the asker.
#[must_use]
pub fn arp(spec: ArpSpec) -> Packet {
    let mut body = vec![0, 1, 8, 0, 6, 4, 0, if spec.op == ArpOp::Request { 1 } else { 2 }];
    for (mac, ip) in [(spec.sender_mac, spec.sender_ip), (spec.target_mac, spec.target_ip)] {
        body.extend_from_slice(&mac.0);
        match ip {
            IpAddr::V4(ip) => body.extend_from_slice(&ip.octets()),
            // IPv6 resolves by neighbour discovery; no caller hands one here.
            IpAddr::V6(_) => body.extend_from_slice(&[0; 4]),
        }
    }
    let dst = if spec.op == ArpOp::Request { MacAddr::BROADCAST } else { spec.target_mac };
    Packet::ip(body).with_ethernet(spec.sender_mac, dst, ETHERTYPE_ARP)
}
