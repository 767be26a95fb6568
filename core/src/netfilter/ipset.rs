//! IP sets: lists of addresses and ports that one rule can ask about at once.
//!
//! Models net/netfilter/ipset/ip_set_hash_*.c and ip_set_bitmap_port.c. Not modelled: timeouts, counters, comments.

use std::collections::{BTreeMap, BTreeSet};
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

impl IpSet {
    /// Whether a port is in a set of ports, whatever the protocol it was put there for.
    fn has_port(&self, port: u16) -> bool {
        [0, 6, 17, 132].iter().any(|protocol| self.elements.contains(&[Part::Port { protocol: *protocol, port }][..]))
    }
}

/// Every network that an address is in, the smallest first.
fn nets_of(ip: IpAddr) -> impl Iterator<Item = Part> {
    let longest = IpNet::from(ip).max_prefix_len();
    (0..=longest).rev().filter_map(move |len| Some(Part::Net(IpNet::new(ip, len).ok()?.trunc())))
}

/// All sets of a machine, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpSets {
    /// Shared: whoever keeps the tables of a moment ago keeps references.
    sets: BTreeMap<Arc<str>, Arc<IpSet>>,
}

impl IpSets {
    /// Makes a set, empty if it was not there: `ipset create -exist`.
    pub fn create(&mut self, name: &str, kind: SetType) -> &mut IpSet {
        let set = self.sets.entry(name.into()).or_insert_with(|| Arc::new(IpSet { kind, elements: BTreeSet::new() }));
        Arc::make_mut(set)
    }

    /// The set of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&IpSet> {
        self.sets.get(name).map(|set| &**set)
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
        let own_port = |idx| port(idx).map(|port| Part::Port { protocol: flow.protocol, port });
        match set.kind {
            SetType::BitmapPort => port(0).is_some_and(|port| set.has_port(port)),
            SetType::HashIp => set.elements.contains(&[Part::ip(ip(0))][..]),
            SetType::HashIpPort => own_port(1).is_some_and(|port| set.elements.contains(&[Part::ip(ip(0)), port][..])),
            SetType::HashIpPortIp => {
                let last = Part::ip(ip(2));
                own_port(1).is_some_and(|port| set.elements.contains(&[Part::ip(ip(0)), port, last][..]))
            }
            // Models the walk over the prefix lengths that the set has (mtype_test_cidrs).
            SetType::HashNet => nets_of(ip(0)).any(|net| set.elements.contains(&[net][..])),
            SetType::HashIpPortNet => own_port(1)
                .is_some_and(|port| nets_of(ip(2)).any(|net| set.elements.contains(&[Part::ip(ip(0)), port, net][..]))),
        }
    }

    /// All sets as `ipset save` prints them.
    #[must_use]
    pub fn save(&self) -> String {
        let mut text = String::new();
        for (name, set) in &self.sets {
            let options = match set.kind {
                SetType::BitmapPort => "range 0-65535".to_owned(),
                _ => format!("family inet hashsize 1024 maxelem 65536 bucketsize 12 initval {:#010x}", initval(name)),
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

/// What the kernel draws for a set, so that nobody can guess its buckets: here it follows from the name.
fn initval(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
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
