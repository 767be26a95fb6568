//! Virtual servers and their real servers, as `ipvsadm` makes them.
//!
//! Models struct ip_vs_service and struct ip_vs_dest of include/net/ip_vs.h.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::base::Writer;

/// How a real server is picked for a new connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheduler {
    /// Each in turn.
    #[default]
    Rr,
    /// Each in turn, as often as its weight says.
    Wrr,
    /// The one with the fewest connections.
    Lc,
    /// By a hash of the client's address.
    Sh,
}

impl Scheduler {
    /// Every scheduler with its name.
    pub const ALL: [(&'static str, Self); 4] =
        [("rr", Self::Rr), ("wrr", Self::Wrr), ("lc", Self::Lc), ("sh", Self::Sh)];

    /// The name of its module.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// What a virtual server is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceKey {
    /// IP protocol number.
    pub protocol: u8,
    /// Address and port.
    pub address: (IpAddr, u16),
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{}", protocol_name(self.protocol), self.address.0, self.address.1)
    }
}

/// A protocol as `ipvsadm -L` writes it.
pub(super) fn protocol_name(protocol: u8) -> &'static str {
    match protocol {
        6 => "TCP",
        17 => "UDP",
        _ => "SCTP",
    }
}

/// A virtual server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualServer {
    /// What it is found by.
    pub key: ServiceKey,
    /// How a real server is picked.
    pub scheduler: Scheduler,
    /// For how many seconds a client stays with its real server (`IP_VS_SVC_F_PERSISTENT`).
    pub persistence_secs: Option<u32>,
    /// Where connections go: by address and port.
    pub real_servers: Vec<RealServer>,
    /// Whom it serves, in its writer's words.
    pub says: Arc<str>,
    /// Who made it.
    pub writer: Writer,
}

/// A real server of a virtual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RealServer {
    /// Address and port.
    pub address: (IpAddr, u16),
    /// How many connections it gets for each of another's; none at 0.
    pub weight: u32,
}
