//! One packet as bytes, the views that read from it and the rewrites that keep its checksums true.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use etherparse::{
    Ethernet2HeaderSlice, IcmpEchoHeader, Icmpv4Slice, Icmpv4Type, Ipv4HeaderSlice, TcpSlice, UdpHeaderSlice,
};

use super::{ETHERNET_HEADER_LEN, ETHERTYPE_ARP, ETHERTYPE_IPV4, IcmpError};
use crate::base::MacAddr;

/// Which header a packet's bytes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// An Ethernet II header: the packet is a frame on a device.
    Ethernet,
    /// An IP header: the packet is inside a kernel, between its link layers.
    Ip,
}

/// A packet: real bytes, cheap to copy, copied only when written to.
#[derive(Clone, PartialEq, Eq)]
pub struct Packet {
    pub(super) bytes: Arc<Vec<u8>>,
    link: Link,
}

/// The Ethernet II header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EthernetHeader {
    /// Destination address.
    pub dst: MacAddr,
    /// Source address.
    pub src: MacAddr,
    /// EtherType.
    pub ethertype: u16,
}

/// The fields of an IP header that the kernel decides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpHeader {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Time to live.
    pub ttl: u8,
    /// Protocol number.
    pub protocol: u8,
    /// Bytes of the header.
    pub header_len: usize,
    /// Bytes of header and payload, as the header states them.
    pub total_len: usize,
    /// The don't-fragment bit.
    pub df: bool,
    /// The more-fragments bit.
    pub mf: bool,
    /// Where this piece of the payload begins in the whole, in bytes.
    pub offset: usize,
    /// Identification.
    pub id: u16,
}

impl IpHeader {
    /// Whether the packet is a piece of a larger one.
    #[must_use]
    pub fn is_fragment(&self) -> bool {
        self.mf || self.offset > 0
    }
}

/// The transport header of a packet, as far as sockets care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp(Tcp),
    /// UDP.
    Udp(Udp),
    /// ICMP.
    Icmp(Icmp),
    /// Another protocol, by number.
    Other(u8),
}

/// A TCP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// Source port.
    pub sport: u16,
    /// Destination port.
    pub dport: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number.
    pub ack: u32,
    /// SYN flag.
    pub syn: bool,
    /// ACK flag.
    pub is_ack: bool,
    /// PSH flag.
    pub psh: bool,
    /// FIN flag.
    pub fin: bool,
    /// RST flag.
    pub rst: bool,
    /// Window, as it stands in the header.
    pub window: u16,
    /// Maximum segment size option, in bytes.
    pub mss: Option<u16>,
    /// TSval and TSecr of the timestamps option.
    pub timestamps: Option<(u32, u32)>,
    /// Window scale option.
    pub window_scale: Option<u8>,
    /// Blocks of the SACK option: what arrived besides, or twice.
    pub sack: [Option<(u32, u32)>; 4],
    /// Bytes of payload.
    pub payload_len: usize,
}

/// A UDP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udp {
    /// Source port.
    pub sport: u16,
    /// Destination port.
    pub dport: u16,
    /// Bytes of payload.
    pub payload_len: usize,
}

/// An ICMP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icmp {
    /// Echo request (type 8).
    EchoRequest {
        /// Identifier.
        id: u16,
        /// Sequence number.
        seq: u16,
    },
    /// Echo reply (type 0).
    EchoReply {
        /// Identifier.
        id: u16,
        /// Sequence number.
        seq: u16,
    },
    /// An error, which quotes the packet it is about.
    Error(IcmpError),
    /// Any other message.
    Other {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
    },
}

impl Packet {
    /// A frame: `bytes` begin with an Ethernet II header.
    #[must_use]
    pub fn frame(bytes: Vec<u8>) -> Self {
        Self { bytes: Arc::new(bytes), link: Link::Ethernet }
    }

    /// An IP packet without link header.
    #[must_use]
    pub fn ip(bytes: Vec<u8>) -> Self {
        Self { bytes: Arc::new(bytes), link: Link::Ip }
    }

    /// All bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Which header the bytes begin with.
    #[must_use]
    pub fn link(&self) -> Link {
        self.link
    }

    /// The Ethernet header, if the packet has one.
    #[must_use]
    pub fn ethernet(&self) -> Option<EthernetHeader> {
        if self.link != Link::Ethernet {
            return None;
        }
        let header = Ethernet2HeaderSlice::from_slice(&self.bytes).ok()?;
        Some(EthernetHeader {
            dst: MacAddr(header.destination()),
            src: MacAddr(header.source()),
            ethertype: header.ether_type().0,
        })
    }

    /// Everything above the link header.
    #[must_use]
    pub fn network(&self) -> &[u8] {
        &self.bytes[self.network_offset()..]
    }

    /// Bytes that count against a device's MTU: everything above the link header.
    #[must_use]
    pub fn network_len(&self) -> usize {
        self.bytes.len() - self.network_offset()
    }

    fn network_offset(&self) -> usize {
        match self.link {
            Link::Ethernet => ETHERNET_HEADER_LEN.min(self.bytes.len()),
            Link::Ip => 0,
        }
    }

    /// The IP header, if the packet is an IP packet.
    #[must_use]
    pub fn ip_header(&self) -> Option<IpHeader> {
        if self.ethernet().is_some_and(|ethernet| ethernet.ethertype != ETHERTYPE_IPV4) {
            return None;
        }
        let header = Ipv4HeaderSlice::from_slice(self.network()).ok()?;
        Some(IpHeader {
            src: IpAddr::V4(header.source_addr()),
            dst: IpAddr::V4(header.destination_addr()),
            ttl: header.ttl(),
            protocol: header.protocol().0,
            header_len: header.slice().len(),
            total_len: usize::from(header.total_len()),
            df: header.dont_fragment(),
            mf: header.more_fragments(),
            offset: usize::from(header.fragments_offset().byte_offset()),
            id: header.identification(),
        })
    }

    /// The bytes of the IP payload, as far as the packet's total length reaches.
    #[must_use]
    pub fn ip_payload(&self) -> &[u8] {
        self.ip_header().map_or(&[], |ip| {
            let network = self.network();
            &network[ip.header_len.min(network.len())..ip.total_len.min(network.len()).max(ip.header_len)]
        })
    }

    /// The transport header of an IP packet; `None` if it is cut short.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        let ip = self.ip_header()?;
        let payload = self.ip_payload();
        // Only the first piece of a packet has its transport header.
        if ip.offset > 0 {
            return Some(Transport::Other(ip.protocol));
        }
        Some(match ip.protocol {
            6 => {
                let tcp = TcpSlice::from_slice(payload).ok()?;
                let (mut mss, mut timestamps, mut window_scale, mut sack) = (None, None, None, [None; 4]);
                for option in tcp.options_iterator().flatten() {
                    match option {
                        etherparse::TcpOptionElement::MaximumSegmentSize(value) => mss = Some(value),
                        etherparse::TcpOptionElement::Timestamp(val, ecr) => timestamps = Some((val, ecr)),
                        etherparse::TcpOptionElement::WindowScale(value) => window_scale = Some(value),
                        etherparse::TcpOptionElement::SelectiveAcknowledgement(first, [second, third, fourth]) => {
                            sack = [Some(first), second, third, fourth];
                        }
                        _ => {}
                    }
                }
                Transport::Tcp(Tcp {
                    sport: tcp.source_port(),
                    dport: tcp.destination_port(),
                    seq: tcp.sequence_number(),
                    ack: tcp.acknowledgment_number(),
                    syn: tcp.syn(),
                    is_ack: tcp.ack(),
                    psh: tcp.psh(),
                    fin: tcp.fin(),
                    rst: tcp.rst(),
                    window: tcp.window_size(),
                    mss,
                    timestamps,
                    window_scale,
                    sack,
                    payload_len: tcp.payload().len(),
                })
            }
            17 => {
                // A quote, or the first piece of a datagram, holds less than the header states.
                let udp = UdpHeaderSlice::from_slice(payload).ok()?;
                Transport::Udp(Udp {
                    sport: udp.source_port(),
                    dport: udp.destination_port(),
                    payload_len: payload.len() - udp.slice().len(),
                })
            }
            1 => {
                let icmp = Icmpv4Slice::from_slice(payload).ok()?;
                Transport::Icmp(match icmp.icmp_type() {
                    Icmpv4Type::EchoRequest(IcmpEchoHeader { id, seq }) => Icmp::EchoRequest { id, seq },
                    Icmpv4Type::EchoReply(IcmpEchoHeader { id, seq }) => Icmp::EchoReply { id, seq },
                    _ => {
                        let (kind, code) = (icmp.type_u8(), icmp.code_u8());
                        let mtu = u16::from_be_bytes([payload[6], payload[7]]);
                        IcmpError::from_parts(kind, code, mtu).map_or(Icmp::Other { kind, code }, Icmp::Error)
                    }
                })
            }
            other => Transport::Other(other),
        })
    }

    /// Whether every checksum that the packet carries is right, inner packets of tunnels included.
    #[must_use]
    pub fn checksums_valid(&self) -> bool {
        super::dissect(self).iter().flat_map(|layer| &layer.fields).all(|field| !field.bad)
    }

    /// The packet with an Ethernet header in front.
    #[must_use]
    pub fn with_ethernet(&self, src: MacAddr, dst: MacAddr, ethertype: u16) -> Self {
        let mut bytes = Vec::with_capacity(ETHERNET_HEADER_LEN + self.bytes.len());
        bytes.extend_from_slice(&dst.0);
        bytes.extend_from_slice(&src.0);
        bytes.extend_from_slice(&ethertype.to_be_bytes());
        bytes.extend_from_slice(&self.bytes);
        Self::frame(bytes)
    }

    /// The packet without its link header.
    #[must_use]
    pub fn without_ethernet(&self) -> Self {
        match self.link {
            Link::Ethernet => Self::ip(self.network().to_vec()),
            Link::Ip => self.clone(),
        }
    }

    /// Takes one from the TTL and repairs the header checksum.
    ///
    /// Models include/net/ip.h ip_decrease_ttl (RFC 1624 arithmetic comes to the same bytes).
    pub fn decrement_ttl(&mut self) {
        let offset = self.network_offset();
        let header_len = self.ip_header().map_or(0, |ip| ip.header_len);
        if header_len == 0 {
            return;
        }
        let header = &mut Arc::make_mut(&mut self.bytes)[offset..offset + header_len];
        header[8] = header[8].saturating_sub(1);
        repair_header_checksum(header);
    }

    /// The packet that an ICMP error quotes, as far as it is quoted.
    #[must_use]
    pub fn quoted(&self) -> Option<Self> {
        match self.transport()? {
            Transport::Icmp(Icmp::Error(_)) => Some(Self::ip(self.ip_payload().get(8..)?.to_vec())),
            _ => None,
        }
    }

    /// What an ARP packet says: operation, sender and target.
    #[must_use]
    pub fn arp(&self) -> Option<super::ArpSpec> {
        let ethernet = self.ethernet()?;
        let body = self.network();
        if ethernet.ethertype != ETHERTYPE_ARP || body.len() < 28 {
            return None;
        }
        let mac = |at: usize| MacAddr(body[at..at + 6].try_into().unwrap_or_default());
        let ip = |at: usize| IpAddr::V4(Ipv4Addr::new(body[at], body[at + 1], body[at + 2], body[at + 3]));
        Some(super::ArpSpec {
            op: match u16::from_be_bytes([body[6], body[7]]) {
                1 => super::ArpOp::Request,
                2 => super::ArpOp::Reply,
                _ => return None,
            },
            sender_mac: mac(8),
            sender_ip: ip(14),
            target_mac: mac(18),
            target_ip: ip(24),
        })
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::one_line(self))
    }
}

/// Computes the checksum of an IPv4 header anew.
pub(super) fn repair_header_checksum(header: &mut [u8]) {
    header[10..12].fill(0);
    let checksum = etherparse::checksum::Sum16BitWords::new().add_slice(header).ones_complement().to_be();
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
}
