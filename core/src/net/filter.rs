//! Filters of the fabric: what its switches and routers do not let through.
//!
//! Not a kernel's: a filter acts on a wire, after the sender's capture and before the receiver's. ARP always passes.

use super::{NsId, SegmentId};
use crate::wire::{Icmp, Packet, Transport};

/// Tunnels in tunnels that a filter looks through.
const MAX_DEPTH: usize = 4;

/// A filter and how often it still drops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Where.
    pub site: Site,
    /// Seen from there; `None` for both.
    pub direction: Option<Direction>,
    /// Which packets.
    pub matches: FrameMatch,
    /// How many it still drops; `None` for all.
    pub left: Option<u32>,
}

/// Where a filter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// On every wire.
    Everywhere,
    /// On the wires of one segment.
    Segment(SegmentId),
    /// At the NICs of one machine.
    Machine(NsId),
}

/// Into a machine or out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards it.
    In,
    /// From it.
    Out,
}

/// Which packets a filter drops: those that have all that is stated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameMatch {
    /// IP protocol.
    pub protocol: Option<u8>,
    /// Destination port of TCP or UDP.
    pub port: Option<u16>,
    /// ICMP type, and code if it matters.
    pub icmp: Option<(u8, Option<u8>)>,
    /// SYN and ACK flags of TCP.
    pub flags: Option<(bool, bool)>,
    /// Whether packets inside tunnels are looked at too, as no switch does: for the loss of one certain packet.
    pub inside: bool,
}

impl FrameMatch {
    /// Whether `packet` is one of those.
    #[must_use]
    pub fn matches(&self, packet: &Packet) -> bool {
        let mut packet = packet.clone();
        for _ in 0..MAX_DEPTH {
            if self.matches_outermost(&packet) {
                return true;
            }
            match packet.tunnelled().filter(|_| self.inside) {
                Some(inner) => packet = inner,
                None => return false,
            }
        }
        false
    }

    fn matches_outermost(&self, packet: &Packet) -> bool {
        let Some(ip) = packet.ip_header() else { return false };
        // Only the first piece of a cut packet has ports: a filter that has no memory lets the others through.
        let transport = packet.transport();
        let port = match transport {
            Some(Transport::Tcp(tcp)) => Some(tcp.dport),
            Some(Transport::Udp(udp)) => Some(udp.dport),
            _ => None,
        };
        let flags = match transport {
            Some(Transport::Tcp(tcp)) => Some((tcp.syn, tcp.is_ack)),
            _ => None,
        };
        let icmp = match transport {
            Some(Transport::Icmp(icmp)) => Some(type_and_code(icmp)),
            _ => None,
        };
        self.protocol.is_none_or(|protocol| protocol == ip.protocol)
            && (self.port.is_none() || self.port == port)
            && (self.flags.is_none() || self.flags == flags)
            && self.icmp.is_none_or(|(kind, code)| {
                icmp.is_some_and(|found| found.0 == kind && code.is_none_or(|code| found.1 == code))
            })
    }
}

fn type_and_code(icmp: Icmp) -> (u8, u8) {
    match icmp {
        Icmp::EchoReply { .. } => (0, 0),
        Icmp::EchoRequest { .. } => (8, 0),
        Icmp::Error(error) => error.type_and_code(),
        Icmp::Other { kind, code } => (kind, code),
    }
}
