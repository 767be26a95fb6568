//! Network devices.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::{At, BpfProgram, Fdb, SegmentId};
use crate::base::{MacAddr, Writer};

/// A device by index and name: what rows of tables refer to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DevRef {
    /// Interface index; `lo` is 1.
    pub index: u32,
    /// Name.
    pub name: Arc<str>,
}

/// A network device (`struct net_device`).
#[derive(Clone, Debug)]
pub struct Interface {
    /// Index and name.
    pub dev: DevRef,
    /// Link address.
    pub mac: MacAddr,
    /// Largest packet above the link header, in bytes.
    pub mtu: usize,
    /// Whether it is up.
    pub up: bool,
    /// Whether the other end of its cable is up.
    pub peer_up: bool,
    /// What it is.
    pub kind: InterfaceKind,
    /// Its addresses, primary first.
    pub addresses: Vec<IfAddress>,
    /// The bridge it is a port of.
    pub master: Option<DevRef>,
    /// Whether its bridge may send a frame back out of it.
    pub hairpin: bool,
    /// It asks nobody for link addresses (`NOARP`): what is sent by it is for its own.
    pub noarp: bool,
    /// The eBPF program that sees what passes it.
    pub bpf: Option<BpfProgram>,
    /// Who made it.
    pub writer: Writer,
}

/// An address of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfAddress {
    /// Address and prefix length.
    pub net: IpNet,
    /// Who gave it.
    pub writer: Writer,
}

/// What a device is.
#[derive(Clone, Debug)]
pub enum InterfaceKind {
    /// `lo`.
    Loopback,
    /// One end of a cable between two namespaces.
    Veth {
        /// The other end.
        peer: At,
    },
    /// A bridge; its ports name it as their master.
    Bridge {
        /// Its forwarding database.
        fdb: Fdb,
    },
    /// A VXLAN tunnel endpoint.
    Vxlan(Vxlan),
    /// A Geneve tunnel endpoint.
    Geneve(Geneve),
    /// An IP-in-IP tunnel endpoint: the one device on which packets have no link header.
    Ipip(Ipip),
    /// A device that goes nowhere, and has addresses (`ip link add type dummy`).
    Dummy,
    /// A NIC on a segment of the fabric.
    Nic {
        /// The segment.
        segment: SegmentId,
    },
}

/// What a VXLAN device knows (`ip -d link show type vxlan`).
#[derive(Clone, Debug)]
pub struct Vxlan {
    /// Network identifier; nothing in external mode.
    pub vni: u32,
    /// Source address of the outer packet; without one the route to the other end tells it.
    pub local: Option<IpAddr>,
    /// UDP destination port.
    pub port: u16,
    /// The device that the outer packets leave by, if it is bound to one.
    pub lower: Option<DevRef>,
    /// External mode (`collect_metadata`): each packet says by its [`TunnelKey`](super::TunnelKey) where it goes.
    pub external: bool,
    /// Inner address to remote endpoint.
    pub fdb: Fdb,
}

/// What a Geneve device knows (`ip -d link show type geneve`).
#[derive(Clone, Debug)]
pub struct Geneve {
    /// Network identifier; nothing in external mode.
    pub vni: u32,
    /// The other end. Without one the device is in external mode: each packet says by its
    /// [`TunnelKey`](super::TunnelKey) where it goes.
    pub remote: Option<IpAddr>,
    /// UDP destination port.
    pub port: u16,
}

/// What an IP-in-IP device knows (`ip -d tunnel show`). It has no remote: `tunl0` sends to the gateway of the packet's
/// route (NBMA mode).
#[derive(Clone, Debug)]
pub struct Ipip {
    /// Source address of the outer packet; without one the route to the other end tells it.
    pub local: Option<IpAddr>,
}

impl Interface {
    /// Name of the device.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.dev.name
    }

    /// Whether it is one end of a tunnel.
    #[must_use]
    pub fn is_tunnel(&self) -> bool {
        matches!(self.kind, InterfaceKind::Vxlan(_) | InterfaceKind::Geneve(_) | InterfaceKind::Ipip(_))
    }

    /// The kernel's word for the device in `ip link`: what stands after `mtu`.
    #[must_use]
    pub fn qdisc(&self) -> &'static str {
        match self.kind {
            InterfaceKind::Nic { .. } => "fq_codel",
            InterfaceKind::Dummy if !self.up => "noop",
            _ => "noqueue",
        }
    }
}
