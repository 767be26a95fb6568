//! calico: no bridge. Every pod hangs on a cable of its own, and its node routes.
//!
//! Models Felix (felix/dataplane/linux: endpoint_mgr.go, vxlan_mgr.go, ipip_mgr.go), BIRD's routes and the CNI plugin
//! (cni-plugin/pkg/dataplane/linux/dataplane_linux.go). A node's block is its podCIDR. Not modelled: CrossSubnet modes,
//! borrowed addresses, IPv6.

use std::net::IpAddr;

use ipnet::IpNet;
use sha1::{Digest as _, Sha1};

use super::vtep::{self, Vtep};
use super::{ClusterNet, CniMode, DEFAULT, NodeNet, route, rules, veth_pair};
use crate::base::{MacAddr, Place, Writer};
use crate::net::{Conf, DevRef, InterfaceKind, Ipip, NetNs, NsId, Protocol, Route, RouteKind, Scope, Topology};

/// Bytes that IP in IP adds: one IPv4 header.
pub(super) const IPIP_OVERHEAD: usize = 20;
/// Felix' defaults VXLANVNI and VXLANPort.
const VXLAN: Vtep = Vtep { name: "vxlan.calico", vni: 4096, port: 4789 };
/// The kernel's own IP-in-IP device, which appears with the module.
const TUNL0: &str = "tunl0";
/// What pods have as their gateway: an address that no device has.
const GATEWAY: [u8; 4] = [169, 254, 1, 1];
/// The link address of every host end.
const HOST_END_MAC: MacAddr = MacAddr([0xee; 6]);
/// The number Felix signs its blackhole routes with.
const FELIX: Protocol = Protocol::Number(80);

/// What Felix and BIRD write on one node.
pub(super) fn program_node(ns: &mut NetNs, node: &NodeNet, cluster: &ClusterNet, nic: &DevRef) {
    let mtu = cluster.mode.pod_mtu(node.nic_mtu);
    let peers = || cluster.nodes.iter().filter(|peer| peer.place != node.place);
    // An address of the block that no pod has must not leave by the default route.
    let protocol = if cluster.mode == CniMode::CalicoVxlan { FELIX } else { Protocol::Bird };
    ns.main.add(Route { protocol, ..Route::nowhere(RouteKind::Blackhole, node.pod_cidr, Writer::Cni) });
    rules::calico_rules(&mut ns.netfilter, cluster.pod_cidr, cluster.mode == CniMode::CalicoVxlan);
    match cluster.mode {
        CniMode::CalicoVxlan => {
            let vtep = VXLAN.add(ns, node, nic, mtu);
            let via = |peer: &NodeNet| Route { onlink: true, ..route(peer.pod_cidr, Some(vtep::address(peer)), &vtep) };
            ns.main.extend(peers().map(via));
            peers().for_each(|peer| VXLAN.know(ns, peer, &vtep));
        }
        CniMode::CalicoIpip => {
            let tunl0 = ns.add_interface(TUNL0, mtu, Writer::Cni, |_| InterfaceKind::Ipip(Ipip { local: None }));
            ns.add_address(tunl0.index, IpNet::from(node.pod_cidr.network()), Writer::Cni);
            let via = |peer: &NodeNet| Route {
                onlink: true,
                protocol: Protocol::Bird,
                ..route(peer.pod_cidr, Some(peer.address), &tunl0)
            };
            ns.main.extend(peers().map(via));
        }
        _ if cluster.bgp.find(&node.place).is_some() => cluster.bgp.install(ns, Protocol::Bird, Writer::Cni),
        // Every node has a session with every other (nodeToNodeMesh), unless it has lost them all.
        _ if cluster.has_no_session(node) => {}
        _ => {
            for peer in peers().filter(|peer| !cluster.has_no_session(peer)) {
                // BIRD resolves the next hop through what the kernel has: a node of another subnet is behind a gateway.
                let gateway = ns.main.lookup(peer.address, 0).route().and_then(|way| way.gateway);
                let via = gateway.unwrap_or(peer.address);
                ns.main.add(Route { protocol: Protocol::Bird, ..route(peer.pod_cidr, Some(via), nic) });
            }
        }
    }
}

/// What `CNI ADD` and Felix do for one pod: a cable, and a route at each end of it.
pub(super) fn add_pod(topo: &mut Topology, node_ns: NsId, pod_ns: NsId, ip: IpAddr, node: &NodeNet, mode: CniMode) {
    let Place::Pod { namespace, name } = &*topo.ns(pod_ns).place.clone() else { return };
    let (host_end, eth0) =
        veth_pair(topo, node_ns, pod_ns, &host_end_name(namespace, name), mode.pod_mtu(node.nic_mtu));
    let on_node = topo.ns_mut(node_ns);
    on_node.interface_mut(host_end.index).mac = HOST_END_MAC;
    on_node.sysctls.set_conf(&host_end.name, Conf::ProxyArp, 1);
    on_node.main.add(Route { scope: Scope::Link, ..route(IpNet::from(ip), None, &host_end) });
    let pod = topo.ns_mut(pod_ns);
    let gateway = IpAddr::from(GATEWAY);
    pod.add_address(eth0.index, IpNet::from(ip), Writer::Cni);
    pod.main.add(Route { scope: Scope::Link, ..route(IpNet::from(gateway), None, &eth0) });
    pod.main.add(route(DEFAULT, Some(gateway), &eth0));
}

/// Host end of a pod's cable: `cali` and eleven hex digits of a hash.
#[must_use]
pub fn host_end_name(namespace: &str, name: &str) -> String {
    let hash = Sha1::digest(format!("{namespace}.{name}").as_bytes());
    let digits: String = hash[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("cali{}", &digits[..11])
}

#[cfg(test)]
mod tests {
    use super::host_end_name;

    #[test]
    fn a_host_end_is_named_after_its_pod() {
        // `printf default.client | sha1sum` begins with a7a3e029a7b.
        assert_eq!(host_end_name("default", "client"), "calia7a3e029a7b");
        assert_eq!(host_end_name("default", "web"), "cali68caf03a5f4");
    }
}
