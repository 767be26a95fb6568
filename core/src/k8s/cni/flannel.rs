//! flannel: a bridge on every node, and VXLAN or plain routes between nodes.
//!
//! Models flannel's backends vxlan and host-gw (pkg/backend/vxlan/vxlan_network.go, pkg/backend/route_network.go) and
//! the CNI plugins that it delegates to, bridge and host-local. Not modelled: DirectRouting, the other backends.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{ClusterNet, CniMode, NodeNet, rules, veth_name};
use crate::base::{MacAddr, Place, Writer};
use crate::net::{
    At, DevRef, Fdb, FdbEntry, FdbTarget, InterfaceKind, NetNs, NsId, Protocol, Route, RouteKind, Scope, Topology,
    Vxlan,
};

/// Bytes that VXLAN adds above the link header: inner Ethernet 14, VXLAN 8, UDP 8, IPv4 20.
pub const VXLAN_OVERHEAD: usize = 50;
/// flannel's VXLAN network identifier.
const VNI: u32 = 1;
/// The kernel's VXLAN port, which flannel uses on Linux; IANA's is 4789.
const PORT: u16 = 8472;
/// `flannel.<VNI>`.
const VTEP: &str = "flannel.1";

/// What flanneld and the bridge plugin write on one node.
pub fn program_node(ns: &mut NetNs, node: &NodeNet, cluster: &ClusterNet, nic: &DevRef) {
    let pod_mtu = cluster.mode.pod_mtu(node.nic_mtu);
    let vtep = (cluster.mode == CniMode::FlannelVxlan).then(|| add_vtep(ns, node, nic, pod_mtu));
    let peers = || cluster.nodes.iter().filter(|peer| peer.place != node.place);
    match &vtep {
        Some(vtep) => {
            ns.main.extend(peers().map(|peer| route(peer.pod_cidr, Some(peer.pod_cidr.network()), vtep, true)));
            peers().for_each(|peer| know_vtep(ns, peer, vtep));
        }
        None => ns.main.extend(peers().filter_map(|peer| route_by_gateway(node, peer, nic))),
    }
    let bridge = ns.add_bridge(&cluster.bridge, pod_mtu, Writer::Cni);
    ns.add_address(bridge.index, IpNet::new_assert(host(node.pod_cidr, 1), node.pod_cidr.prefix_len()), Writer::Cni);
    rules::flannel_rules(&mut ns.netfilter, node.pod_cidr, cluster.pod_cidr);
}

/// What `CNI ADD` does for one pod: a veth pair, its address and routes. `pod` is the pod's empty namespace.
pub fn add_pod(topo: &mut Topology, node_ns: NsId, pod_ns: NsId, ip: IpAddr, node: &NodeNet, cluster: &ClusterNet) {
    let mtu = cluster.mode.pod_mtu(node.nic_mtu);
    let Place::Pod { namespace, name } = &*topo.ns(pod_ns).place.clone() else { return };
    let host_end = At { ns: node_ns, index: topo.ns(node_ns).next_index() };
    let eth0 = topo.ns_mut(pod_ns).add_interface("eth0", mtu, Writer::Cni, |_| InterfaceKind::Veth { peer: host_end });
    let pod_end = At { ns: pod_ns, index: eth0.index };
    let on_node = topo.ns_mut(node_ns);
    let veth =
        on_node.add_interface(&veth_name(namespace, name), mtu, Writer::Cni, |_| InterfaceKind::Veth { peer: pod_end });
    if let Some(bridge) = on_node.interface_named(&cluster.bridge).map(|bridge| bridge.dev.index) {
        // flannel's configuration asks for hairpinMode, so that a pod can reach itself through a service.
        on_node.enslave(veth.index, bridge, true);
    }
    let pod = topo.ns_mut(pod_ns);
    pod.add_address(eth0.index, IpNet::new_assert(ip, node.pod_cidr.prefix_len()), Writer::Cni);
    let gateway = host(node.pod_cidr, 1);
    let default = IpNet::new_assert(IpAddr::from([0, 0, 0, 0]), 0);
    for dst in [default, cluster.pod_cidr] {
        // A cluster of one node has one range, and its connected route stands already.
        if dst != node.pod_cidr {
            pod.main.add(route(dst, Some(gateway), &eth0, false));
        }
    }
}

fn add_vtep(ns: &mut NetNs, node: &NodeNet, nic: &DevRef, mtu: usize) -> DevRef {
    let vtep = ns.add_interface(VTEP, mtu, Writer::Cni, |dev| {
        InterfaceKind::Vxlan(Vxlan {
            vni: VNI,
            local: node.address,
            port: PORT,
            lower: nic.clone(),
            fdb: Fdb::new(dev.clone()),
        })
    });
    let address = node.pod_cidr.network();
    ns.add_address(vtep.index, IpNet::from(address), Writer::Cni);
    vtep
}

/// Per remote node there are exactly three rows: its route, and these two.
fn know_vtep(ns: &mut NetNs, peer: &NodeNet, vtep: &DevRef) {
    let mac = MacAddr::of(&format!("{}:{VTEP}", peer.place));
    ns.neighbours.add_permanent(peer.pod_cidr.network(), vtep.clone(), mac, Writer::Cni);
    if let Some(fdb) = ns.fdb_mut(vtep.index) {
        fdb.add(FdbEntry { mac, target: FdbTarget::Remote(peer.address), writer: Writer::Cni });
    }
}

fn route_by_gateway(node: &NodeNet, peer: &NodeNet, nic: &DevRef) -> Option<Route> {
    // The kernel refuses a gateway that is on no segment of the node ("Nexthop has invalid gateway"): host-gw needs
    // neighbouring nodes, and flanneld only logs the failure.
    node.subnet.contains(&peer.address).then(|| route(peer.pod_cidr, Some(peer.address), nic, false))
}

fn route(dst: IpNet, gateway: Option<IpAddr>, dev: &DevRef, onlink: bool) -> Route {
    Route {
        kind: RouteKind::Unicast,
        dst,
        gateway,
        dev: dev.clone(),
        protocol: Protocol::Boot,
        scope: Scope::Global,
        src: None,
        onlink,
        writer: Writer::Cni,
    }
}

/// The `n`th address of a network.
fn host(net: IpNet, n: u32) -> IpAddr {
    match net.network() {
        IpAddr::V4(network) => IpAddr::from(u32::from(network).wrapping_add(n).to_be_bytes()),
        IpAddr::V6(network) => IpAddr::from(u128::from(network).wrapping_add(n.into()).to_be_bytes()),
    }
}
