//! CNI plugins: what a cluster's network provider writes into nodes and pods. Tables only.
//!
//! [`program_node`] and [`add_pod`] are the one place that knows which plugin does it.

pub mod bgp;
mod calico;
mod cilium;
mod flannel;
pub mod rules;
mod vtep;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};
use sha2::{Digest as _, Sha256};

use crate::base::{Place, Writer};
use crate::net::{At, DevRef, Interface, InterfaceKind, NetNs, NsId, Route, Topology};

pub use calico::host_end_name as cali_name;
pub use cilium::{CiliumNet, lxc_name};

/// The CNI plugin and its mode: pairs that exist, no others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CniMode {
    /// flannel/vxlan.
    #[default]
    FlannelVxlan,
    /// flannel/host-gw.
    FlannelHostGw,
    /// calico/vxlan.
    CalicoVxlan,
    /// calico/ipip.
    CalicoIpip,
    /// calico/bgp.
    CalicoBgp,
    /// cilium/vxlan.
    CiliumVxlan,
    /// cilium/geneve.
    CiliumGeneve,
    /// cilium/native.
    CiliumNative,
}

impl CniMode {
    /// Every pair, as plugin, mode and value; of each plugin its default mode first.
    pub const ALL: [(&'static str, &'static str, Self); 8] = [
        ("flannel", "vxlan", Self::FlannelVxlan),
        ("flannel", "host-gw", Self::FlannelHostGw),
        ("calico", "vxlan", Self::CalicoVxlan),
        ("calico", "ipip", Self::CalicoIpip),
        ("calico", "bgp", Self::CalicoBgp),
        ("cilium", "vxlan", Self::CiliumVxlan),
        ("cilium", "geneve", Self::CiliumGeneve),
        ("cilium", "native", Self::CiliumNative),
    ];

    /// Whether it is one of Cilium's.
    #[must_use]
    pub fn is_cilium(self) -> bool {
        matches!(self, Self::CiliumVxlan | Self::CiliumGeneve | Self::CiliumNative)
    }

    /// `plugin/mode`, as in the page's address.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FlannelVxlan => "flannel/vxlan",
            Self::FlannelHostGw => "flannel/host-gw",
            Self::CalicoVxlan => "calico/vxlan",
            Self::CalicoIpip => "calico/ipip",
            Self::CalicoBgp => "calico/bgp",
            Self::CiliumVxlan => "cilium/vxlan",
            Self::CiliumGeneve => "cilium/geneve",
            Self::CiliumNative => "cilium/native",
        }
    }

    /// Whether its nodes announce their pods by BGP to the routers of their racks.
    #[must_use]
    pub fn speaks_bgp(self) -> bool {
        matches!(self.name(), "calico/bgp" | "cilium/native")
    }

    /// Whether its nodes write the routes that they learn by BGP into their tables. Cilium only announces.
    #[must_use]
    pub fn installs_bgp_routes(self) -> bool {
        self.name() == "calico/bgp"
    }

    /// MTU of a pod's device on a node with this NIC MTU, in bytes.
    #[must_use]
    pub fn pod_mtu(self, nic_mtu: usize) -> usize {
        match self {
            // cilium leaves the device alone and limits the route.
            Self::CiliumVxlan | Self::CiliumGeneve | Self::CiliumNative => nic_mtu,
            _ => self.pod_route_mtu(nic_mtu),
        }
    }

    /// MTU of a pod's way out on a node with this NIC MTU, in bytes: what the tunnel leaves of it.
    #[must_use]
    pub fn pod_route_mtu(self, nic_mtu: usize) -> usize {
        let overhead = match self {
            // Geneve without options is as long as VXLAN.
            Self::FlannelVxlan | Self::CalicoVxlan | Self::CiliumVxlan | Self::CiliumGeneve => vtep::OVERHEAD,
            Self::CalicoIpip => calico::IPIP_OVERHEAD,
            Self::FlannelHostGw | Self::CalicoBgp | Self::CiliumNative => 0,
        };
        nic_mtu.saturating_sub(overhead)
    }
}

/// What the plugin's daemon writes on one node.
pub fn program_node(topo: &mut Topology, id: NsId, node: &NodeNet, cluster: &ClusterNet, nic: &DevRef) {
    match cluster.mode {
        CniMode::FlannelVxlan | CniMode::FlannelHostGw => flannel::program_node(topo.ns_mut(id), node, cluster, nic),
        CniMode::CalicoVxlan | CniMode::CalicoIpip | CniMode::CalicoBgp => {
            calico::program_node(topo.ns_mut(id), node, cluster, nic);
        }
        CniMode::CiliumVxlan | CniMode::CiliumGeneve | CniMode::CiliumNative => {
            cilium::program_node(topo, id, node, cluster, nic);
        }
    }
}

/// What the plugin's daemon keeps in front of the rules of others, once these are there.
pub fn program_rules(ns: &mut NetNs, node: &NodeNet, cluster: &ClusterNet) {
    if cluster.mode.is_cilium() {
        cilium::program_rules(ns, node, cluster);
    }
}

/// What `CNI ADD` does for one pod: its device, address and routes. `pod_ns` is the pod's empty namespace.
pub fn add_pod(topo: &mut Topology, node_ns: NsId, pod_ns: NsId, ip: IpAddr, node: &NodeNet, cluster: &ClusterNet) {
    match cluster.mode {
        CniMode::FlannelVxlan | CniMode::FlannelHostGw => flannel::add_pod(topo, node_ns, pod_ns, ip, node, cluster),
        CniMode::CalicoVxlan | CniMode::CalicoIpip | CniMode::CalicoBgp => {
            calico::add_pod(topo, node_ns, pod_ns, ip, node, cluster.mode);
        }
        CniMode::CiliumVxlan | CniMode::CiliumGeneve | CniMode::CiliumNative => {
            cilium::add_pod(topo, node_ns, pod_ns, ip, node, cluster);
        }
    }
}

/// What the plugin's daemon writes on a node when it has heard of pods and services: only Cilium's does.
pub fn sync_node(ns: &mut NetNs, node: &NodeNet, cluster: &ClusterNet, nic: &DevRef) {
    if cluster.mode.is_cilium() {
        cilium::sync_node(ns, node, cluster, nic);
    }
}

/// What `CNI DEL` does for one pod: its cable goes, and the kernel takes away what named it.
pub fn del_pod(topo: &mut Topology, node_ns: NsId, pod_ns: NsId) {
    let is_its = |interface: &&Interface| matches!(interface.kind, InterfaceKind::Veth { peer } if peer.ns == pod_ns);
    let Some(index) = topo.ns(node_ns).interfaces().iter().find(is_its).map(|host_end| host_end.dev.index) else {
        return;
    };
    cilium::forget_pod(topo.ns_mut(node_ns), index);
    topo.remove_interface(At { ns: node_ns, index });
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
    /// What Cilium's agents know, if it is Cilium.
    pub cilium: Option<CiliumNet>,
    /// The sessions of nodes in racks, and what they have told them; no speakers without racks.
    pub bgp: Arc<bgp::Bgp>,
    /// Nodes that have lost their BGP sessions.
    pub bgp_down: Vec<String>,
}

impl ClusterNet {
    /// Whether a node has lost its BGP sessions.
    fn has_no_session(&self, node: &NodeNet) -> bool {
        self.bgp_down.iter().any(|name| name == node.place.short())
    }
}

/// `0.0.0.0/0`.
const DEFAULT: IpNet = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0));

/// A route as the plugins' netlink library writes it; what differs is overwritten.
fn route(dst: IpNet, gateway: Option<IpAddr>, dev: &DevRef) -> Route {
    Route { gateway, ..Route::unicast(dst, dev, Writer::Cni) }
}

/// The `n`th address of a network.
fn host(net: IpNet, n: u32) -> IpAddr {
    match net.network() {
        IpAddr::V4(network) => IpAddr::from(u32::from(network).wrapping_add(n).to_be_bytes()),
        IpAddr::V6(network) => IpAddr::from(u128::from(network).wrapping_add(n.into()).to_be_bytes()),
    }
}

/// A cable from a node to a pod: the host end, called `name`, and the pod's `eth0`.
fn veth_pair(topo: &mut Topology, node_ns: NsId, pod_ns: NsId, name: &str, mtu: usize) -> (DevRef, DevRef) {
    let host_end = At { ns: node_ns, index: topo.ns(node_ns).next_index() };
    let eth0 = topo.ns_mut(pod_ns).add_interface("eth0", mtu, Writer::Cni, |_| InterfaceKind::Veth { peer: host_end });
    let pod_end = At { ns: pod_ns, index: eth0.index };
    let veth = |_: &DevRef| InterfaceKind::Veth { peer: pod_end };
    (topo.ns_mut(node_ns).add_interface(name, mtu, Writer::Cni, veth), eth0)
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
