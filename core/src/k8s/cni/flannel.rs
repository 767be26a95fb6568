//! flannel: a bridge on every node, and VXLAN or plain routes between nodes.
//!
//! Models flannel's backends vxlan and host-gw (pkg/backend/vxlan/vxlan_network.go, pkg/backend/route_network.go) and
//! the CNI plugins that it delegates to, bridge and host-local. Not modelled: DirectRouting, the other backends.

use std::net::IpAddr;

use ipnet::IpNet;

use super::vtep::{self, Vtep};
use super::{ClusterNet, CniMode, DEFAULT, NodeNet, host, route, rules, veth_name, veth_pair};
use crate::base::{Place, Writer};
use crate::net::{DevRef, NetNs, NsId, Route, Topology};

/// `flannel.<VNI>`, at the kernel's VXLAN port, which flannel uses on Linux; IANA's is 4789.
const VXLAN: Vtep = Vtep { name: "flannel.1", vni: 1, port: 8472 };

/// What flanneld and the bridge plugin write on one node.
pub(super) fn program_node(ns: &mut NetNs, node: &NodeNet, cluster: &ClusterNet, nic: &DevRef) {
    let pod_mtu = cluster.mode.pod_mtu(node.nic_mtu);
    let peers = || cluster.nodes.iter().filter(|peer| peer.place != node.place);
    if cluster.mode == CniMode::FlannelVxlan {
        let vtep = VXLAN.add(ns, node, nic, pod_mtu);
        let via = |peer: &NodeNet| Route { onlink: true, ..route(peer.pod_cidr, Some(vtep::address(peer)), &vtep) };
        ns.main.extend(peers().map(via));
        peers().for_each(|peer| VXLAN.know(ns, peer, &vtep));
    } else {
        ns.main.extend(peers().filter_map(|peer| route_by_gateway(node, peer, nic)));
    }
    let bridge = ns.add_bridge(&cluster.bridge, pod_mtu, Writer::Cni);
    ns.add_address(bridge.index, IpNet::new_assert(host(node.pod_cidr, 1), node.pod_cidr.prefix_len()), Writer::Cni);
    rules::flannel_rules(&mut ns.netfilter, node.pod_cidr, cluster.pod_cidr);
}

/// What `CNI ADD` does for one pod: a veth pair, its address and routes. `pod` is the pod's empty namespace.
pub(super) fn add_pod(
    topo: &mut Topology,
    node_ns: NsId,
    pod_ns: NsId,
    ip: IpAddr,
    node: &NodeNet,
    cluster: &ClusterNet,
) {
    let Place::Pod { namespace, name } = &*topo.ns(pod_ns).place.clone() else { return };
    let mtu = cluster.mode.pod_mtu(node.nic_mtu);
    let (veth, eth0) = veth_pair(topo, node_ns, pod_ns, &veth_name(namespace, name), mtu);
    let on_node = topo.ns_mut(node_ns);
    if let Some(bridge) = on_node.interface_named(&cluster.bridge).map(|bridge| bridge.dev.index) {
        // flannel's configuration asks for hairpinMode, so that a pod can reach itself through a service.
        on_node.enslave(veth.index, bridge, true);
    }
    let pod = topo.ns_mut(pod_ns);
    pod.add_address(eth0.index, IpNet::new_assert(ip, node.pod_cidr.prefix_len()), Writer::Cni);
    let gateway = host(node.pod_cidr, 1);
    for dst in [DEFAULT, cluster.pod_cidr] {
        // A cluster of one node has one range, and its connected route stands already.
        if dst != node.pod_cidr {
            pod.main.add(route(dst, Some(gateway), &eth0));
        }
    }
}

fn route_by_gateway(node: &NodeNet, peer: &NodeNet, nic: &DevRef) -> Option<Route> {
    // The kernel refuses a gateway that is on no segment of the node ("Nexthop has invalid gateway"): host-gw needs
    // neighbouring nodes, and flanneld only logs the failure.
    node.subnet.contains(&peer.address).then(|| route(peer.pod_cidr, Some(peer.address), nic))
}
