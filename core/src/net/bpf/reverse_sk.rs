//! `cilium_lb4_reverse_sk`: which service a socket meant by the backend that it was given.

use std::fmt;
use std::net::IpAddr;

use super::BpfRow;

/// A socket and its backend (`struct ipv4_revnat_tuple`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReverseSkKey {
    /// The socket (`SO_COOKIE`).
    pub cookie: u64,
    /// The backend's address and port.
    pub backend: (IpAddr, u16),
}

/// The service that a socket meant (`struct ipv4_revnat_entry`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReverseSkRow {
    /// Key.
    pub key: ReverseSkKey,
    /// The address and port that the program asked for.
    pub service: (IpAddr, u16),
    /// The service's number.
    pub rev_nat: u16,
}

impl BpfRow for ReverseSkRow {
    type Key = ReverseSkKey;
    // Cilium's own tool has no command for it.
    const COMMAND: &'static str = "bpftool map dump name cilium_lb4_reverse_sk";
    const HEADING: &'static [&'static str] = &[];

    fn key(&self) -> ReverseSkKey {
        self.key
    }
}

impl fmt::Display for ReverseSkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ip, port) = self.backend;
        write!(f, "cookie={} {ip}:{port}", self.cookie)
    }
}

impl fmt::Display for ReverseSkRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ip, port) = self.service;
        write!(f, "{} -> {ip}:{port} ({})", self.key, self.rev_nat)
    }
}
