//! `cilium_ipv4_frag_datagrams`: the ports of datagrams that come in pieces.

use std::fmt;
use std::net::IpAddr;

use super::BpfRow;
use crate::net::TransportProtocol;

/// What the pieces of one datagram have in common (`struct ipv4_frag_id`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FragKey {
    /// Identification.
    pub id: u16,
    /// Protocol.
    pub protocol: TransportProtocol,
    /// Who sent it.
    pub src: IpAddr,
    /// Whom it is for.
    pub dst: IpAddr,
}

/// The ports of a datagram, which only its first piece names (`struct ipv4_frag_l4ports`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FragRow {
    /// Key.
    pub key: FragKey,
    /// The sender's port.
    pub sport: u16,
    /// The receiver's.
    pub dport: u16,
}

impl BpfRow for FragRow {
    type Key = FragKey;
    const COMMAND: &'static str = "cilium bpf frag list";
    const HEADING: &'static [&'static str] = &["ID", "PROTO", "SOURCE ADDRESS:PORT", "DEST ADDRESS:PORT"];

    fn key(&self) -> FragKey {
        self.key
    }
}

impl fmt::Display for FragKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, protocol, src, dst } = self;
        write!(f, "{protocol} {src} -> {dst} id {id}")
    }
}

impl fmt::Display for FragRow {
    /// As `cilium bpf frag list` prints it, numbers as people read them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key: FragKey { id, protocol, src, dst }, sport, dport } = self;
        write!(f, "{id}   {protocol}   {src}:{sport}   {dst}:{dport}")
    }
}
