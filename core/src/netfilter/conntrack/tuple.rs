//! What tells one connection's packets from another's.
//!
//! Models include/net/netfilter/nf_conntrack_tuple.h and nf_conntrack_core.c nf_ct_get_tuple.

use std::net::IpAddr;

use crate::trace::Ends;
use crate::wire::{Icmp, Packet, Transport};

/// Which way a packet of a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// As the first packet went.
    Original,
    /// As the answers go.
    Reply,
}

impl Direction {
    /// The other way.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Original => Self::Reply,
            Self::Reply => Self::Original,
        }
    }
}

/// Both ends and the protocol of a packet. A port is, of an echo, its identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tuple {
    /// IP protocol number.
    pub protocol: u8,
    /// Source address and port.
    pub src: (IpAddr, u16),
    /// Destination address and port; of ICMP type and code, as one number.
    pub dst: (IpAddr, u16),
}

const ICMP: u8 = 1;
const ECHO_REQUEST: u16 = 8 << 8;
const ECHO_REPLY: u16 = 0;

impl Tuple {
    /// The tuple of a packet; `None` if connection tracking can make nothing of it.
    #[must_use]
    pub fn of(packet: &Packet) -> Option<Self> {
        let ip = packet.ip_header()?;
        let (sport, dport) = match packet.transport()? {
            Transport::Tcp(tcp) => (tcp.sport, tcp.dport),
            Transport::Udp(udp) => (udp.sport, udp.dport),
            Transport::Icmp(Icmp::EchoRequest { id, .. }) => (id, ECHO_REQUEST),
            Transport::Icmp(Icmp::EchoReply { id, .. }) => (id, ECHO_REPLY),
            Transport::Icmp(_) => return None,
            // Models nf_conntrack_proto_generic.c: the addresses alone.
            Transport::Other(_) => (0, 0),
        };
        Some(Self { protocol: ip.protocol, src: (ip.src, sport), dst: (ip.dst, dport) })
    }

    /// Both ends, as they are shown: ICMP has an identifier for a port, and at one end only.
    #[must_use]
    pub fn ends(self) -> Ends {
        let dst = if self.protocol == ICMP { (self.dst.0, 0) } else { self.dst };
        Ends { src: self.src, dst }
    }

    /// The tuple of this packet's answer.
    #[must_use]
    pub fn invert(self) -> Self {
        if self.protocol == ICMP {
            let kind = if self.dst.1 == ECHO_REQUEST { ECHO_REPLY } else { ECHO_REQUEST };
            return Self { protocol: ICMP, src: (self.dst.0, self.src.1), dst: (self.src.0, kind) };
        }
        Self { protocol: self.protocol, src: self.dst, dst: self.src }
    }
}
