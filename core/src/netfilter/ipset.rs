//! IP sets: lists of addresses and ports that one rule can ask about at once.
//!
//! Models net/netfilter/ipset/ip_set_hash_*.c and ip_set_bitmap_port.c. Not modelled: timeouts, counters, comments.

use crate::base::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::Flow;
use super::xtables::PortSide;

/// What the elements of a set are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetType {
    /// `hash:ip`.
    HashIp,
    /// `hash:net`.
    HashNet,
    /// `hash:ip,port`.
    HashIpPort,
    /// `hash:ip,port,ip`.
    HashIpPortIp,
    /// `hash:ip,port,net`.
    HashIpPortNet,
    /// `bitmap:port`.
    BitmapPort,
}

impl SetType {
    fn name(self) -> &'static str {
        match self {
            Self::HashIp => "hash:ip",
            Self::HashNet => "hash:net",
            Self::HashIpPort => "hash:ip,port",
            Self::HashIpPortIp => "hash:ip,port,ip",
            Self::HashIpPortNet => "hash:ip,port,net",
            Self::BitmapPort => "bitmap:port",
        }
    }
}

/// One part of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// An address, as a network of one.
    Net(IpNet),
    /// A port of a protocol; of `bitmap:port` the protocol is the rule's.
    Port {
        /// IP protocol number.
        protocol: u8,
        /// Port.
        port: u16,
    },
}

impl Part {
    /// One address.
    #[must_use]
    pub fn ip(ip: IpAddr) -> Self {
        Self::Net(ip.into())
    }
}

/// A set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpSet {
    /// What it holds.
    pub kind: SetType,
    /// Its elements.
    pub elements: BTreeSet<Vec<Part>>,
}

/// All sets of a machine, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpSets {
    sets: BTreeMap<Arc<str>, IpSet>,
}

impl IpSets {
    /// Makes a set, empty if it was not there: `ipset create -exist`.
    pub fn create(&mut self, name: &str, kind: SetType) -> &mut IpSet {
        self.sets.entry(name.into()).or_insert_with(|| IpSet { kind, elements: BTreeSet::new() })
    }

    /// The set of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&IpSet> {
        self.sets.get(name)
    }

    /// Whether a packet is in a set, its parts taken from these ends of it.
    #[must_use]
    pub fn contains(&self, name: &str, sides: &[PortSide], flow: &Flow) -> bool {
        let Some(set) = self.sets.get(name) else { return false };
        let side = |idx: usize| sides.get(idx).copied().unwrap_or(PortSide::Source);
        let ip = |idx| if side(idx) == PortSide::Source { flow.src } else { flow.dst };
        let port = |idx| {
            let (sport, dport) = flow.ports?;
            Some(if side(idx) == PortSide::Source { sport } else { dport })
        };
        let is = |part: &Part, idx| match part {
            Part::Net(net) => net.contains(&ip(idx)),
            Part::Port { protocol, port: wanted } => {
                (set.kind == SetType::BitmapPort || *protocol == flow.protocol) && port(idx) == Some(*wanted)
            }
        };
        set.elements.iter().any(|element| element.iter().enumerate().all(|(idx, part)| is(part, idx)))
    }

    /// All sets as `ipset save` prints them.
    #[must_use]
    pub fn save(&self) -> String {
        let mut text = String::new();
        for (name, set) in &self.sets {
            let options = match set.kind {
                SetType::BitmapPort => "range 0-65535".to_owned(),
                _ => "family inet hashsize 1024 maxelem 65536".to_owned(),
            };
            let _ = writeln!(text, "create {name} {} {options}", set.kind.name());
        }
        for (name, set) in &self.sets {
            for element in &set.elements {
                let parts: Vec<String> = element.iter().map(|part| print(part, set.kind)).collect();
                let _ = writeln!(text, "add {name} {}", parts.join(","));
            }
        }
        text
    }
}

fn print(part: &Part, kind: SetType) -> String {
    match part {
        Part::Net(net) if net.prefix_len() == net.max_prefix_len() => net.addr().to_string(),
        Part::Net(net) => net.to_string(),
        Part::Port { port, .. } if kind == SetType::BitmapPort => port.to_string(),
        Part::Port { protocol, port } => {
            let protocol = match protocol {
                6 => "tcp",
                17 => "udp",
                _ => "sctp",
            };
            format!("{protocol}:{port}")
        }
    }
}
