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
    /// A NIC on a segment of the fabric.
    Nic {
        /// The segment.
        segment: SegmentId,
    },
}

/// What a VXLAN device knows (`ip -d link show type vxlan`).
#[derive(Clone, Debug)]
pub struct Vxlan {
    /// Network identifier.
    pub vni: u32,
    /// Source address of the outer packet.
    pub local: IpAddr,
    /// UDP destination port.
    pub port: u16,
    /// The device that the outer packets leave by.
    pub lower: DevRef,
    /// Inner address to remote endpoint.
    pub fdb: Fdb,
}

impl Interface {
    /// Name of the device.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.dev.name
    }

    /// The kernel's word for the device in `ip link`: what stands after `mtu`.
    #[must_use]
    pub fn qdisc(&self) -> &'static str {
        match self.kind {
            InterfaceKind::Nic { .. } => "fq_codel",
            _ => "noqueue",
        }
    }
}
