//! What a hook is told about the packet and about the machine it is on.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::conntrack::CtView;
use super::ipvs::ServiceKey;
use crate::base::Instant;
use crate::trace::Hook;
use crate::wire::{Icmp, Packet, Transport};

/// What kind of address an address is on a machine (`RTN_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressType {
    /// One of the machine's own.
    Local,
    /// A broadcast address of its segments.
    Broadcast,
    /// A group.
    Multicast,
    /// Any other that a route leads to.
    Unicast,
    /// One whose packets are thrown away.
    Blackhole,
    /// One that is said to be unreachable.
    Unreachable,
    /// One that may not be talked to.
    Prohibit,
}

impl AddressType {
    /// The word of `iptables -m addrtype`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "LOCAL",
            Self::Broadcast => "BROADCAST",
            Self::Multicast => "MULTICAST",
            Self::Unicast => "UNICAST",
            Self::Blackhole => "BLACKHOLE",
            Self::Unreachable => "UNREACHABLE",
            Self::Prohibit => "PROHIBIT",
        }
    }
}

/// What netfilter asks the rest of the kernel.
pub trait Facts: Send + Sync {
    /// The type of an address; of `dev` alone if one is named (`--limit-iface-in`, `--limit-iface-out`).
    fn address_type(&self, ip: IpAddr, dev: Option<&str>) -> AddressType;

    /// The source address of packets that leave by `dev` towards `to`: what MASQUERADE takes.
    fn source_address(&self, dev: &str, to: IpAddr) -> Option<IpAddr>;

    /// The first address of a device: what REDIRECT takes of packets that came in by it.
    fn first_address(&self, dev: &str) -> Option<IpAddr>;
}

impl fmt::Debug for dyn Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Facts")
    }
}

/// One visit of one packet to one hook.
#[derive(Clone, Debug)]
pub struct HookView {
    /// Which hook.
    pub hook: Hook,
    /// The device it came in by.
    pub iif: Option<Arc<str>>,
    /// The device it leaves by.
    pub oif: Option<Arc<str>>,
    /// The port of a bridge that it came in by.
    pub physin: Option<Arc<str>>,
    /// The port of a bridge that it leaves by.
    pub physout: Option<Arc<str>>,
    /// The station that it is handed to next: the gateway, or the destination itself.
    pub next_hop: Option<IpAddr>,
    /// Virtual time.
    pub now: Instant,
    /// The machine.
    pub facts: Arc<dyn Facts>,
}

/// The fields of a packet that rules decide by, read once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// Source and destination port of TCP and UDP.
    pub ports: Option<(u16, u16)>,
    /// SYN, ACK, FIN, RST, PSH as bits of the TCP header's flags byte.
    pub tcp_flags: u8,
    /// Type and code of ICMP.
    pub icmp: Option<(u8, u8)>,
    /// The mark that goes with the packet.
    pub mark: u32,
    /// What connection tracking knows of it.
    pub ct: CtView,
    /// The virtual server that it came to, if IPVS sends it to a real one.
    pub ipvs: Option<ServiceKey>,
}

impl Flow {
    /// The fields of `packet`; `None` if it is no IP packet.
    #[must_use]
    pub fn new(packet: &Packet, mark: u32, ct: CtView) -> Option<Self> {
        let ip = packet.ip_header()?;
        let (mut ports, mut tcp_flags, mut icmp) = (None, 0, None);
        match packet.transport() {
            Some(Transport::Tcp(tcp)) => {
                ports = Some((tcp.sport, tcp.dport));
                let flags = [(tcp.fin, 0x01), (tcp.syn, 0x02), (tcp.rst, 0x04), (tcp.psh, 0x08), (tcp.is_ack, 0x10)];
                tcp_flags = flags.iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum();
            }
            Some(Transport::Udp(udp)) => ports = Some((udp.sport, udp.dport)),
            Some(Transport::Icmp(message)) => {
                icmp = Some(match message {
                    Icmp::EchoRequest { .. } => (8, 0),
                    Icmp::EchoReply { .. } => (0, 0),
                    Icmp::Error(error) => error.type_and_code(),
                    Icmp::Other { kind, code } => (kind, code),
                });
            }
            Some(Transport::Other(_)) | None => {}
        }
        Some(Self { src: ip.src, dst: ip.dst, protocol: ip.protocol, ports, tcp_flags, icmp, mark, ct, ipvs: None })
    }
}
