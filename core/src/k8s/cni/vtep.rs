//! What flannel and calico do alike: a VXLAN device per node that is told of every other node, and so learns nothing.

use std::net::IpAddr;

use ipnet::IpNet;

use super::NodeNet;
use crate::base::{MacAddr, Writer};
use crate::net::{DevRef, Fdb, FdbEntry, FdbTarget, InterfaceKind, NetNs, Vxlan};

/// Bytes that VXLAN adds above the link header: inner Ethernet 14, VXLAN 8, UDP 8, IPv4 20.
pub(super) const OVERHEAD: usize = 50;

/// A plugin's VXLAN network.
pub(super) struct Vtep {
    /// Name of the device.
    pub(super) name: &'static str,
    /// Network identifier.
    pub(super) vni: u32,
    /// UDP port.
    pub(super) port: u16,
}

impl Vtep {
    /// Adds the device to a node. Its address is the first of the node's range, alone.
    pub(super) fn add(&self, ns: &mut NetNs, node: &NodeNet, nic: &DevRef, mtu: usize) -> DevRef {
        let vtep = ns.add_interface(self.name, mtu, Writer::Cni, |dev| {
            InterfaceKind::Vxlan(Vxlan {
                vni: self.vni,
                local: Some(node.address),
                port: self.port,
                lower: Some(nic.clone()),
                external: false,
                fdb: Fdb::new(dev.clone()),
            })
        });
        ns.add_address(vtep.index, IpNet::from(address(node)), Writer::Cni);
        vtep
    }

    /// Besides its route there are exactly two rows for a remote node.
    pub(super) fn know(&self, ns: &mut NetNs, peer: &NodeNet, vtep: &DevRef) {
        let mac = MacAddr::of(&format!("{}:{}", peer.place, self.name));
        ns.neighbours.add_permanent(address(peer), vtep.clone(), mac, Writer::Cni);
        if let Some(fdb) = ns.fdb_mut(vtep.index) {
            fdb.add(FdbEntry { mac, target: FdbTarget::Remote(peer.address), writer: Writer::Cni });
        }
    }
}

/// The address of a node's tunnel device.
pub(super) fn address(node: &NodeNet) -> IpAddr {
    node.pod_cidr.network()
}
