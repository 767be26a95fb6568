//! From a lab to namespaces, tables and wires: the fabric first, then nodes, then what Kubernetes puts into them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::Lab;
use super::spec::KubeProxyMode;
use crate::base::{Place, Writer};
use crate::k8s::cni::{self, ClusterNet, NodeNet};
use crate::k8s::kube_proxy::{self, ProxyConfig, ServicePort};
use crate::k8s::kubelet;
use crate::k8s::objects::{Node, Pod};
use crate::net::{At, Conf, DevRef, InterfaceKind, NetNs, NsId, Route, SegmentId, Topology, Unfinished};

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
    let mut topo = Topology::default();
    let nodes: Vec<(&Node, NodeNet)> =
        lab.objects.nodes.iter().filter_map(|node| Some((node, node_net(lab, node)?))).collect();
    let mut fabric = Fabric::new(&mut topo, lab, seed);
    for (_, net) in &nodes {
        fabric.subnet(&mut topo, net.subnet, lab.spec.mtu);
    }
    for host in &lab.spec.hosts {
        fabric.subnet(&mut topo, host.address.trunc(), OUTSIDE_MTU);
    }
    let cluster = Arc::new(ClusterNet {
        mode: lab.spec.cni,
        bridge: lab.spec.bridge.clone(),
        pod_cidr: lab.spec.pod_cidr,
        nodes: nodes.iter().map(|(_, net)| net.clone()).collect(),
    });
    let services: Arc<Vec<ServicePort>> = match lab.spec.kube_proxy.mode {
        KubeProxyMode::None => Arc::default(),
        _ => Arc::new(kube_proxy::service_ports(&lab.objects)),
    };
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
        set_sysctls(&mut ns, lab);
        let addresses = node.addresses.iter().map(|address| IpNet::new_assert(*address, net.subnet.prefix_len()));
        let (id, nic) = fabric.plug_in(&mut topo, ns, net.subnet, addresses, net.nic_mtu);
        let pods = pods.remove(node.meta.name.as_str()).unwrap_or_default();
        let cluster = cluster.clone();
        let sysctls_of = |pod: &Pod| {
            let place = Place::pod(&pod.meta.namespace, &pod.meta.name);
            lab.spec.sysctls.get(&place.to_string()).map(|settings| (place, settings.clone()))
        };
        let sysctls: Vec<_> = pods.iter().filter_map(sysctls_of).collect();
        let (mode, proxy, services) = (lab.spec.kube_proxy.mode, proxy_config(lab, node), services.clone());
        topo.defer(
            id,
            Unfinished::new(move |topo| {
                cni::program_node(topo.ns_mut(id), &net, &cluster, &nic);
                for pod in &pods {
                    kubelet::run_pod(topo, id, &net, &cluster, pod, seed);
                }
                for (place, settings) in &sysctls {
                    if let Some(pod) = topo.find(place) {
                        topo.ns_mut(pod).sysctls.apply(settings);
                    }
                }
                if let (KubeProxyMode::Iptables, Some(proxy)) = (mode, &proxy) {
                    let ns = topo.ns_mut(id);
                    let own: Vec<IpAddr> = ns.addresses().collect();
                    kube_proxy::iptables::program(&mut ns.netfilter, proxy, &own, &services);
                }
            }),
        );
    }
    for host in &lab.spec.hosts {
        let mut ns = NetNs::new(Place::Host(host.name.clone()), seed);
        set_sysctls(&mut ns, lab);
        fabric.plug_in(&mut topo, ns, host.address.trunc(), [host.address].into_iter(), OUTSIDE_MTU);
    }
    topo
}

/// Sets what the lab says of this machine's kernel.
fn set_sysctls(ns: &mut NetNs, lab: &Lab) {
    if let Some(settings) = lab.spec.sysctls.get(&ns.place.to_string()) {
        ns.sysctls.apply(settings);
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
fn proxy_config(lab: &Lab, node: &Node) -> Option<ProxyConfig> {
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
    })
}

/// The router that joins all subnets, and a switch for each of them.
struct Fabric {
    router: NsId,
    subnets: BTreeMap<IpNet, (SegmentId, IpAddr)>,
}

impl Fabric {
    fn new(topo: &mut Topology, lab: &Lab, seed: u64) -> Self {
        let mut router = NetNs::new(Place::Router("fabric".to_owned()), seed);
        router.sysctls.ip_forward = true;
        set_sysctls(&mut router, lab);
        Self { router: topo.add_namespace(router), subnets: BTreeMap::new() }
    }

    /// Makes sure that `subnet` has a switch and a port of the router, with its first address.
    fn subnet(&mut self, topo: &mut Topology, subnet: IpNet, mtu: usize) {
        if self.subnets.contains_key(&subnet) {
            return;
        }
        let Some(gateway) = subnet.hosts().next() else { return };
        let segment = topo.add_segment();
        let name = format!("eth{}", self.subnets.len());
        let router = topo.ns_mut(self.router);
        let port = router.add_interface(&name, mtu, Writer::Admin, |_| InterfaceKind::Nic { segment });
        router.add_address(port.index, IpNet::new_assert(gateway, subnet.prefix_len()), Writer::Admin);
        topo.segment_mut(segment).ports.push(At { ns: self.router, index: port.index });
        self.subnets.insert(subnet, (segment, gateway));
    }

    /// Gives a machine its NIC on `subnet`, its addresses and its default gateway.
    fn plug_in(
        &self,
        topo: &mut Topology,
        mut ns: NetNs,
        subnet: IpNet,
        addresses: impl Iterator<Item = IpNet>,
        mtu: usize,
    ) -> (NsId, DevRef) {
        let (segment, gateway) = self.subnets[&subnet];
        let nic = ns.add_interface("eth0", mtu, Writer::Admin, |_| InterfaceKind::Nic { segment });
        for address in addresses {
            ns.add_address(nic.index, address, Writer::Admin);
        }
        let everywhere = IpNet::new_assert(IpAddr::from([0, 0, 0, 0]), 0);
        ns.main.add(Route { gateway: Some(gateway), ..Route::unicast(everywhere, &nic, Writer::Admin) });
        let id = topo.add_namespace(ns);
        topo.segment_mut(segment).ports.push(At { ns: id, index: nic.index });
        (id, nic)
    }
}
