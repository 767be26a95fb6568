//! cilium: no bridge. Every pod hangs on a cable of its own, and eBPF programs at the cables' ends decide.
//!
//! Models the agent of Cilium 1.16 (pkg/datapath/linux/node.go, pkg/datapath/iptables, daemon) and its CNI plugin
//! (plugins/cilium-cni). Two ways of working, by who translates services:
//! - `kubeProxy.mode: none`: kube-proxy replacement. Programs deliver to pods of the node themselves, and sockets are
//!   given a backend when they connect.
//! - any other: kube-proxy translates, in the stack. That needs a route for every pod (`endpoint-routes`), so that
//!   answers pass the stack too. Real Cilium would translate clusterIPs of pods by itself even then.
//!
//! Host routing is "legacy" and masquerading is iptables', both by default. Not modelled: policies, IPv6, encryption.

mod maps;
mod rules;

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use sha2::{Digest as _, Sha256};

use super::{ClusterNet, CniMode, DEFAULT, NodeNet, host, route, veth_pair};
use crate::base::{Place, Writer};
use crate::net::{
    At, Bpf, BpfProgram, Conf, DevRef, EndpointKind, EndpointRow, Fdb, Geneve, InterfaceKind, NetNs, NsId, Protocol,
    Route, Scope, Topology, Vxlan,
};

pub use maps::CiliumNet;

/// The kernel's VXLAN port, which Cilium uses; IANA's is 4789.
const VXLAN_PORT: u16 = 8472;
/// Geneve's.
const GENEVE_PORT: u16 = 6081;
/// The node's end of what leads to pods.
const HOST: &str = "cilium_host";
/// Its other end.
const NET: &str = "cilium_net";

/// What the agent writes on one node.
pub(super) fn program_node(topo: &mut Topology, id: NsId, node: &NodeNet, cluster: &ClusterNet, nic: &DevRef) {
    let Some(cilium) = &cluster.cilium else { return };
    let gateway = host(node.pod_cidr, 1);
    let mtu = node.nic_mtu;
    let ns = topo.ns_mut(id);
    let index = ns.next_index();
    let net =
        ns.add_interface(NET, mtu, Writer::Cni, |_| InterfaceKind::Veth { peer: At { ns: id, index: index + 1 } });
    let host_dev = ns.add_interface(HOST, mtu, Writer::Cni, |_| InterfaceKind::Veth { peer: At { ns: id, index } });
    for dev in [&net, &host_dev] {
        ns.interface_mut(dev.index).noarp = true;
    }
    for name in ["all", HOST, NET] {
        trust_sources(ns, name);
    }
    ns.interface_mut(host_dev.index).bpf = Some(BpfProgram::Host);
    ns.add_address(host_dev.index, IpNet::from(gateway), Writer::Cni);
    let mut bpf = Bpf::new(node.address, gateway, host_dev.clone());
    bpf.kube_proxy_replacement = cilium.kube_proxy_replacement;
    bpf.encap = add_tunnel(ns, cluster.mode, mtu);
    if cilium.kube_proxy_replacement {
        ns.interface_mut(nic.index).bpf = Some(BpfProgram::Netdev);
    }
    let kernel = |route: Route| Route { protocol: Protocol::Kernel, ..route };
    let by_host = |dst| kernel(Route { src: Some(gateway), ..route(dst, Some(gateway), &host_dev) });
    ns.main.add(kernel(Route { scope: Scope::Link, ..route(IpNet::from(gateway), None, &host_dev) }));
    ns.main.add(by_host(node.pod_cidr));
    for peer in cluster.nodes.iter().filter(|peer| peer.place != node.place) {
        let is_tunnel = bpf.encap.is_some();
        // auto-direct-node-routes: a node on another segment needs somebody who knows the way.
        if is_tunnel {
            ns.main.add(limited(by_host(peer.pod_cidr), cluster.mode.pod_route_mtu(mtu)));
        } else if node.subnet.contains(&peer.address) {
            ns.main.add(kernel(route(peer.pod_cidr, Some(peer.address), nic)));
        }
    }
    let own: Vec<IpAddr> = ns.interface(nic.index).addresses.iter().map(|address| address.net.addr()).collect();
    cilium.write(&mut bpf, node, &own, cluster);
    ns.bpf = Some(Arc::new(bpf));
}

/// Programs let packets in where the routing table would not look for their senders, so source validation must be off.
/// Models enableForwarding and the agent's settings of `rp_filter`; what the machine was told otherwise stays.
fn trust_sources(ns: &mut NetNs, dev: &str) {
    if ns.sysctls.conf(dev, Conf::RpFilter) == 2 {
        ns.sysctls.set_conf(dev, Conf::RpFilter, 0);
    }
}

/// What the agent keeps in front of everybody else's rules.
pub(super) fn program_rules(ns: &mut NetNs, node: &NodeNet, cluster: &ClusterNet) {
    rules::write(&mut ns.netfilter, node, cluster);
}

/// The tunnel device in external mode: it asks every packet where to send it.
fn add_tunnel(ns: &mut NetNs, mode: CniMode, mtu: usize) -> Option<DevRef> {
    let vxlan = |dev: &DevRef| {
        let fdb = Fdb::new(dev.clone());
        InterfaceKind::Vxlan(Vxlan { vni: 0, local: None, port: VXLAN_PORT, lower: None, external: true, fdb })
    };
    let dev = match mode {
        CniMode::CiliumVxlan => ns.add_interface("cilium_vxlan", mtu, Writer::Cni, vxlan),
        CniMode::CiliumGeneve => ns.add_interface("cilium_geneve", mtu, Writer::Cni, |_| {
            InterfaceKind::Geneve(Geneve { vni: 0, remote: None, port: GENEVE_PORT })
        }),
        _ => return None,
    };
    trust_sources(ns, &dev.name);
    ns.interface_mut(dev.index).bpf = Some(BpfProgram::Overlay);
    Some(dev)
}

/// What `CNI ADD` and the agent do for one pod: a cable, routes in the pod, and a row in the node's map.
pub(super) fn add_pod(
    topo: &mut Topology,
    node_ns: NsId,
    pod_ns: NsId,
    ip: IpAddr,
    node: &NodeNet,
    cluster: &ClusterNet,
) {
    let Place::Pod { namespace, name } = &*topo.ns(pod_ns).place.clone() else { return };
    let Some(cilium) = &cluster.cilium else { return };
    let (lxc, eth0) = veth_pair(topo, node_ns, pod_ns, &lxc_name(namespace, name), node.nic_mtu);
    let mac = topo.ns(pod_ns).interface(eth0.index).mac;
    let identity = cilium.identity_of(ip);
    let ns = topo.ns_mut(node_ns);
    let node_mac = ns.interface(lxc.index).mac;
    trust_sources(ns, &lxc.name);
    ns.interface_mut(lxc.index).bpf = Some(BpfProgram::Lxc { ip, identity });
    if !cilium.kube_proxy_replacement {
        let to_pod = Route { scope: Scope::Link, ..route(IpNet::from(ip), None, &lxc) };
        ns.main.add(Route { protocol: Protocol::Kernel, ..to_pod });
    }
    if let Some(bpf) = ns.bpf.as_mut().map(Arc::make_mut) {
        let is_pod = |row: &&EndpointRow| matches!(row.kind, EndpointKind::Pod { .. });
        let n_pods = bpf.endpoints.rows().iter().filter(is_pod).count();
        let id = u16::try_from(n_pods + 1).unwrap_or(u16::MAX);
        bpf.endpoints.update(EndpointRow { ip, kind: EndpointKind::Pod { id, identity, dev: lxc, mac, node_mac } });
    }
    let gateway = host(node.pod_cidr, 1);
    let pod = topo.ns_mut(pod_ns);
    pod.add_address(eth0.index, IpNet::from(ip), Writer::Cni);
    pod.main.add(Route { scope: Scope::Link, ..route(IpNet::from(gateway), None, &eth0) });
    // The device keeps the NIC's MTU; the way out has what the tunnel leaves of it.
    pod.main.add(limited(route(DEFAULT, Some(gateway), &eth0), cluster.mode.pod_route_mtu(node.nic_mtu)));
}

/// The agent's maps of who is who, and of services, are written anew; the pods of the node keep their rows.
pub(super) fn sync_node(ns: &mut NetNs, node: &NodeNet, cluster: &ClusterNet, nic: &DevRef) {
    let Some(cilium) = &cluster.cilium else { return };
    let own: Vec<IpAddr> = ns.interface(nic.index).addresses.iter().map(|address| address.net.addr()).collect();
    let Some(bpf) = ns.bpf.as_mut().map(Arc::make_mut) else { return };
    bpf.ipcache.retain(|_| false);
    bpf.lb.retain(|_| false);
    let mut pods = bpf.endpoints.rows().to_vec();
    bpf.endpoints.retain(|_| false);
    let mut programs = Vec::new();
    for EndpointRow { ip, kind } in &mut pods {
        if let EndpointKind::Pod { identity, dev, .. } = kind {
            *identity = cilium.identity_of(*ip);
            programs.push((dev.index, BpfProgram::Lxc { ip: *ip, identity: *identity }));
        }
    }
    bpf.endpoints.extend(pods.into_iter().filter(|row| row.kind != EndpointKind::Host));
    cilium.write(bpf, node, &own, cluster);
    for (index, program) in programs {
        ns.interface_mut(index).bpf = Some(program);
    }
}

/// The agent takes the pod behind the device with this index out of the node's map.
pub(super) fn forget_pod(ns: &mut NetNs, index: u32) {
    if let Some(bpf) = ns.bpf.as_mut().map(Arc::make_mut) {
        let is_its = |row: &EndpointRow| matches!(&row.kind, EndpointKind::Pod { dev, .. } if dev.index == index);
        bpf.endpoints.retain(|row| !is_its(row));
    }
}

/// A route that says how large a packet may be.
fn limited(route: Route, mtu: usize) -> Route {
    Route { mtu: Some(mtu), ..route }
}

/// Host end of a pod's cable: `lxc` and twelve hex digits of a hash.
#[must_use]
pub fn lxc_name(namespace: &str, name: &str) -> String {
    let hash = Sha256::digest(format!("{namespace}/{name}").as_bytes());
    hash[..6].iter().fold("lxc".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::lxc_name;

    #[test]
    fn a_host_end_is_named_after_its_pod() {
        // `printf default/client | sha256sum` begins with 6844d0909128.
        assert_eq!(lxc_name("default", "client"), "lxc6844d0909128");
    }
}
