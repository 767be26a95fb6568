//! CNI plugins: what a cluster's network provider writes into nodes and pods. Tables only.

pub mod flannel;
pub mod rules;

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use sha2::{Digest as _, Sha256};

use crate::base::Place;

/// The CNI plugin and its mode: pairs that exist, no others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CniMode {
    /// flannel/vxlan.
    #[default]
    FlannelVxlan,
    /// flannel/host-gw.
    FlannelHostGw,
}

impl CniMode {
    /// Every pair that this version runs, as plugin, mode and value.
    pub const ALL: [(&'static str, &'static str, Self); 2] =
        [("flannel", "vxlan", Self::FlannelVxlan), ("flannel", "host-gw", Self::FlannelHostGw)];

    /// `plugin/mode`, as in the page's address.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FlannelVxlan => "flannel/vxlan",
            Self::FlannelHostGw => "flannel/host-gw",
        }
    }

    /// MTU that the plugin gives pods on a node with this NIC MTU, in bytes.
    #[must_use]
    pub fn pod_mtu(self, nic_mtu: usize) -> usize {
        match self {
            Self::FlannelVxlan => nic_mtu.saturating_sub(flannel::VXLAN_OVERHEAD),
            Self::FlannelHostGw => nic_mtu,
        }
    }
}

/// What a CNI daemon knows of a node.
#[derive(Clone, Debug)]
pub struct NodeNet {
    /// `node/NAME`.
    pub place: Arc<Place>,
    /// Primary address.
    pub address: IpAddr,
    /// Prefix length of the segment it is on.
    pub subnet: IpNet,
    /// Its range of pod addresses.
    pub pod_cidr: IpNet,
    /// MTU of its NIC, bytes.
    pub nic_mtu: usize,
}

/// What a CNI plugin knows of the cluster.
#[derive(Clone, Debug)]
pub struct ClusterNet {
    /// Plugin and mode.
    pub mode: CniMode,
    /// Name of the bridge.
    pub bridge: String,
    /// The range of all pod addresses.
    pub pod_cidr: IpNet,
    /// All nodes, in file order.
    pub nodes: Vec<NodeNet>,
}

/// Host end of a pod's veth pair under a bridge CNI: `veth` and eight hex digits of a hash.
#[must_use]
pub fn veth_name(namespace: &str, name: &str) -> String {
    let hash = Sha256::digest(format!("{namespace}/{name}").as_bytes());
    hash[..4].iter().fold("veth".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::veth_name;

    #[test]
    fn a_veth_is_named_after_its_pod() {
        // `printf default/client | sha256sum` begins with 6844d090.
        assert_eq!(veth_name("default", "client"), "veth6844d090");
        assert_eq!(veth_name("default", "web"), "veth82b3ade9");
    }
}
