//! `cilium_ct4_global`: the connections that the programs have seen, each once per direction of the program.

use std::fmt;
use std::net::IpAddr;

use super::BpfRow;
use crate::base::Instant;
use crate::net::TransportProtocol;

/// Which program has seen a connection begin (`TUPLE_F_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CtDirection {
    /// One that sends: a pod's, or a node port's towards its backend.
    Out,
    /// A pod's that receives.
    In,
    /// A service's: which backend it is.
    Svc,
}

/// Addresses and ports of a connection (`struct ipv4_ct_tuple`). Of an echo the identifier is the asker's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BpfTuple {
    /// Protocol.
    pub protocol: TransportProtocol,
    /// Where the program stands.
    pub direction: CtDirection,
    /// Who began it.
    pub src: (IpAddr, u16),
    /// Who was meant.
    pub dst: (IpAddr, u16),
}

impl BpfTuple {
    /// The tuple of a connection whose answers look like this, as a program of `direction` keeps it.
    #[must_use]
    pub fn answered(self, direction: CtDirection) -> Self {
        Self { direction, src: self.dst, dst: self.src, ..self }
    }
}

/// A connection (`struct ct_entry`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CtRow {
    /// Key.
    pub tuple: BpfTuple,
    /// It came by a node port of this node: answers are translated back.
    pub node_port: bool,
    /// The service's number, if it is to one.
    pub rev_nat: u16,
    /// Security identity of who began it.
    pub identity: u32,
    /// Number of the backend, of a service's row.
    pub backend: u32,
    /// It has got beyond its first packet.
    pub seen_non_syn: bool,
    /// When it is forgotten.
    pub expires: Instant,
}

impl BpfRow for CtRow {
    type Key = BpfTuple;
    const COMMAND: &'static str = "cilium bpf ct list global";
    const HEADING: &'static [&'static str] = &[];

    fn key(&self) -> BpfTuple {
        self.tuple
    }
}

impl fmt::Display for BpfTuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            CtDirection::Out => "OUT",
            CtDirection::In => "IN",
            CtDirection::Svc => "SVC",
        };
        let ((src, sport), (dst, dport)) = (self.src, self.dst);
        write!(f, "{} {direction} {src}:{sport} -> {dst}:{dport}", self.protocol)
    }
}

impl fmt::Display for CtRow {
    /// As `cilium bpf ct list global` prints it, without the counters, which are off by default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tuple, rev_nat, identity, backend, expires, .. } = self;
        let flags = match (self.seen_non_syn, self.node_port) {
            (false, false) => "Flags=0x0000 [ ]",
            (true, false) => "Flags=0x0010 [ SeenNonSyn ]",
            (false, true) => "Flags=0x0020 [ NodePort ]",
            (true, true) => "Flags=0x0030 [ SeenNonSyn NodePort ]",
        };
        write!(
            f,
            "{tuple} expires={} {flags} RevNAT={rev_nat} SourceSecurityID={identity} BackendID={backend}",
            expires.as_nanos() / 1_000_000_000
        )
    }
}
