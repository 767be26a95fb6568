//! From a lab to namespaces, tables and wires: the fabric first, then nodes, then what Kubernetes puts into them.

use std::sync::{Arc, OnceLock};

use ipnet::IpNet;

use super::fabric::{Fabric, set_sysctls};
use super::names::machines_outside;
use super::{Lab, balancer};
use crate::base::{BTreeMap, Place};
use crate::k8s::cni::bgp::Bgp;
use crate::k8s::cni::{CiliumNet, ClusterNet, NodeNet};
use crate::k8s::control_plane::NodeAgents;
use crate::k8s::ingress;
use crate::k8s::kube_proxy::{self, Proxier, ProxyConfig, ProxyMode, ServicePorts};
use crate::k8s::objects::{Node, Pod};
use crate::net::{Answer, Conf, Listener, NetNs, Topology, TransportProtocol};
use crate::wire::DNS_PORT;

/// MTU of machines outside the cluster, and of the router's side towards them, in bytes.
const OUTSIDE_MTU: usize = 1500;

/// Builds the lab, every machine in it. `seed` feeds what kernels draw at random.
#[must_use]
pub fn build(lab: &Lab, seed: u64) -> Topology {
    let mut topo = prepare(lab, seed);
    topo.finish_all();
    topo
}

/// Builds the fabric and every machine's place on it. A node's tables and pods follow when a packet or a reader first
/// comes by, so that a cluster of thousands of nodes costs what is touched of it.
#[must_use]
pub(super) fn prepare(lab: &Lab, seed: u64) -> Topology {
    prepare_cluster(lab, seed).topo
}

/// The machines of a lab, and those who keep them true.
pub(super) struct Prepared {
    /// The machines.
    pub(super) topo: Topology,
    /// The BGP sessions of the fabric.
    pub(super) bgp: Arc<Bgp>,
    /// What runs on the nodes, in file order.
    pub(super) nodes: Vec<NodeAgents>,
}

/// The same, with everybody who keeps the machines true.
pub(super) fn prepare_cluster(lab: &Lab, seed: u64) -> Prepared {
    let mut agents = Vec::new();
    let mut topo = Topology::default();
    let nodes: Vec<(&Node, NodeNet)> =
        lab.objects.nodes.iter().filter_map(|node| Some((node, node_net(lab, node)?))).collect();
    let node_nets: Vec<NodeNet> = nodes.iter().map(|(_, net)| net.clone()).collect();
    let mut fabric = Fabric::new(&mut topo, &lab.spec, &node_nets, seed);
    for net in &node_nets {
        fabric.node_subnet(&mut topo, net.subnet, lab.spec.mtu);
    }
    let outside = machines_outside(&lab.spec);
    for host in &outside {
        fabric.subnet(&mut topo, host.address, OUTSIDE_MTU);
    }
    let speakers = if lab.spec.cni.speaks_bgp() { &*node_nets } else { &[] };
    // Without racks the routers have nobody to talk to.
    let has_racks = !lab.spec.fabric.racks.is_empty();
    let bgp = Arc::new(if has_racks { fabric.bgp(&topo, &lab.spec.fabric, speakers) } else { Bgp::default() });
    fabric.learn(&mut topo, &bgp);
    let cluster = Arc::new(ClusterNet {
        mode: lab.spec.cni,
        bridge: lab.spec.bridge.clone(),
        pod_cidr: lab.spec.pod_cidr,
        nodes: node_nets,
        bgp: bgp.clone(),
        bgp_down: lab.spec.fabric.bgp_down.clone(),
        cilium: lab.spec.cni.is_cilium().then(|| {
            let is_replaced = lab.spec.kube_proxy.mode == ProxyMode::None;
            CiliumNet::new(&lab.objects, is_replaced)
        }),
    });
    let services: Arc<ServicePorts> = Arc::new(kube_proxy::service_ports(&lab.objects));
    let proxy = ingress::proxy(&lab.objects);
    let mut pods: BTreeMap<&str, Vec<Pod>> = BTreeMap::new();
    for pod in &lab.objects.pods {
        pods.entry(&pod.node_name).or_default().push(pod.clone());
    }
    for (node, net) in nodes {
        let mut ns = NetNs::new((*net.place).clone(), seed);
        ns.has_netfilter = true;
        ns.sysctls.ip_forward = true;
        ns.sysctls.set_conf("all", Conf::RpFilter, 2);
        ns.sysctls.set_conf("default", Conf::RpFilter, 2);
        ns.sysctls.set_conf("all", Conf::RouteLocalnet, 1);
        set_sysctls(&mut ns, &lab.spec);
        let addresses = node.addresses.iter().map(|address| IpNet::new_assert(*address, net.subnet.prefix_len()));
        let (id, nic) = fabric.plug_in(&mut topo, ns, net.subnet, addresses, net.nic_mtu);
        let pods = pods.remove(node.meta.name.as_str()).unwrap_or_default();
        let cluster = cluster.clone();
        let sysctls_of = |pod: &Pod| {
            let place = Place::pod(&pod.meta.namespace, &pod.meta.name);
            lab.spec.sysctls.get(&place.to_string()).map(|settings| (place, settings.clone()))
        };
        let sysctls = Arc::new(pods.iter().filter_map(sysctls_of).collect());
        let proxier = proxy_config(lab, node).and_then(|config| Proxier::new(lab.spec.kube_proxy.mode, config));
        let stopped = lab.stopped_proxies.get(&node.meta.name);
        let node = NodeAgents {
            ns: id,
            net,
            nic,
            cluster,
            pods: Arc::new(pods),
            sysctls,
            proxier,
            ports: stopped.unwrap_or(&services).clone(),
            is_stopped: stopped.is_some(),
            ingress: proxy.clone(),
            seed,
            synced: Arc::new(OnceLock::new()),
            live: None,
        };
        topo.defer(id, node.unfinished());
        agents.push(node);
    }
    let has_upstream = outside.len() > lab.spec.hosts.len();
    for (at, host) in outside.iter().enumerate() {
        let mut ns = NetNs::new(Place::Host(host.name.clone()), seed);
        set_sysctls(&mut ns, &lab.spec);
        if has_upstream && at == lab.spec.hosts.len() {
            listen_for_names(&mut ns);
        }
        fabric.plug_in(&mut topo, ns, host.address.trunc(), [host.address].into_iter(), OUTSIDE_MTU);
    }
    fabric.finish(&mut topo, &lab.spec.fabric);
    balancer::balance(lab, &mut topo, &services, seed);
    Prepared { topo, bgp, nodes: agents }
}

/// The resolver outside answers over both.
fn listen_for_names(ns: &mut NetNs) {
    for protocol in [TransportProtocol::Udp, TransportProtocol::Tcp] {
        ns.sockets.listen(Listener { protocol, port: DNS_PORT, program: "resolver".into(), answer: Answer::Named });
    }
}

/// What the CNI plugin is told of a node.
fn node_net(lab: &Lab, node: &Node) -> Option<NodeNet> {
    let address = *node.addresses.first()?;
    Some(NodeNet {
        place: Arc::new(Place::Node(node.meta.name.clone())),
        address,
        subnet: IpNet::new(address, 24).ok()?.trunc(),
        pod_cidr: node.pod_cidr?,
        nic_mtu: lab.spec.node_mtus.get(&node.meta.name).copied().unwrap_or(lab.spec.mtu),
    })
}

/// What kube-proxy is told on a node.
pub(super) fn proxy_config(lab: &Lab, node: &Node) -> Option<ProxyConfig> {
    let spec = &lab.spec.kube_proxy;
    let zone = node.meta.labels.get("topology.kubernetes.io/zone");
    Some(ProxyConfig {
        node_name: node.meta.name.clone(),
        zone: zone.cloned().unwrap_or_default(),
        node_ip: *node.addresses.first()?,
        local_cidr: spec.cluster_cidr,
        masquerade_all: spec.masquerade_all,
        localhost_node_ports: spec.localhost_node_ports,
        node_port_addresses: spec.node_port_addresses.clone(),
        ipvs_scheduler: spec.ipvs_scheduler,
        service_cidrs: vec![lab.spec.service_cidr],
    })
}
