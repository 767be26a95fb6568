//! What the agent writes into the maps of a node: who is who in the cluster, and the services.
//!
//! Models pkg/ipcache and pkg/loadbalancer. Of a service's endpoints those are backends that kube-proxy would use, and
//! topology hints are not heeded (`loadBalancer.serviceTopology` is off).

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::super::{ClusterNet, DEFAULT, NodeNet, host};
use crate::base::{BTreeMap, Place};
use crate::k8s::kube_proxy::{self, Endpoint, ServicePort, ServicePorts, categorize};
use crate::k8s::objects::{Objects, Protocol};
use crate::net::{
    Bpf, EndpointKind, EndpointRow, IpcacheRow, LbFlags, LbKey, LbRow, LbScope, LbType, LbValue, TransportProtocol,
    identity,
};

/// What Cilium's agents learn from the API, the same for every node.
#[derive(Clone, Debug)]
pub struct CiliumNet {
    /// Whether Cilium translates services; else kube-proxy does.
    pub kube_proxy_replacement: bool,
    /// Every pod's address, its node and its identity.
    pods: BTreeMap<IpAddr, (String, u32)>,
    services: ServicePorts,
}

impl CiliumNet {
    /// Reads the objects. Every set of labels in a namespace gets a number, in file order.
    #[must_use]
    pub fn new(objects: &Objects, kube_proxy_replacement: bool) -> Self {
        let mut numbers = BTreeMap::new();
        let mut pods = BTreeMap::new();
        for pod in objects.pods.iter().filter(|pod| !pod.finished && !pod.host_network) {
            let Some(ip) = pod.pod_ip else { continue };
            let next = identity::FIRST_OF_CLUSTER + u32::try_from(numbers.len()).unwrap_or_default();
            let number = *numbers.entry((&pod.meta.namespace, &pod.meta.labels)).or_insert(next);
            pods.insert(ip, (pod.node_name.clone(), number));
        }
        let services = if kube_proxy_replacement { kube_proxy::service_ports(objects) } else { Vec::new() };
        Self { kube_proxy_replacement, pods, services }
    }

    /// The identity of a pod.
    pub(super) fn identity_of(&self, ip: IpAddr) -> u32 {
        self.pods.get(&ip).map_or(identity::WORLD, |(_, number)| *number)
    }

    /// Fills a node's maps. `own` are the addresses of its NIC.
    pub(super) fn write(&self, bpf: &mut Bpf, node: &NodeNet, own: &[IpAddr], cluster: &ClusterNet) {
        let addresses: Vec<IpAddr> = own.iter().copied().chain([bpf.gateway]).collect();
        bpf.endpoints.extend(addresses.iter().map(|ip| EndpointRow { ip: *ip, kind: EndpointKind::Host }));
        let row = |prefix, identity, tunnel_endpoint| IpcacheRow { prefix, identity, tunnel_endpoint };
        bpf.ipcache.extend([row(DEFAULT, identity::WORLD, None)]);
        bpf.ipcache.extend(addresses.iter().map(|ip| row(IpNet::from(*ip), identity::HOST, None)));
        let peers = || cluster.nodes.iter().filter(|peer| peer.place != node.place);
        bpf.ipcache.extend(peers().flat_map(|peer| {
            let gateway = IpNet::from(host(peer.pod_cidr, 1));
            [
                row(IpNet::from(peer.address), identity::REMOTE_NODE, None),
                row(gateway, identity::REMOTE_NODE, Some(peer.address)),
            ]
        }));
        let nodes: BTreeMap<&str, IpAddr> = peers().map(|peer| (name_of(peer), peer.address)).collect();
        let tunnels = self.pods.iter().map(|(ip, (name, number))| {
            let tunnel_endpoint = nodes.get(name.as_str()).copied();
            row(IpNet::from(*ip), *number, tunnel_endpoint)
        });
        bpf.ipcache.extend(tunnels);
        bpf.lb.extend(self.service_rows(name_of(node), own));
    }

    /// The rows of all services as one node has them.
    fn service_rows(&self, node_name: &str, own: &[IpAddr]) -> Vec<LbRow> {
        let mut rows = Rows::default();
        for service in &self.services {
            let protocol = match service.protocol {
                Protocol::Tcp => TransportProtocol::Tcp,
                Protocol::Udp => TransportProtocol::Udp,
                Protocol::Sctp => continue,
            };
            let serving = categorize(service, node_name, "");
            let internal = if service.internal_local { &serving.local } else { &serving.cluster };
            for (kind, ip, port, non_routable) in frontends(service, own) {
                let is_cluster_ip = kind == LbType::ClusterIp;
                let flags = LbFlags {
                    kind,
                    non_routable,
                    affinity: service.affinity_secs.is_some(),
                    external_local: service.external_local && !is_cluster_ip,
                    internal_local: service.internal_local,
                };
                let ranges = if kind == LbType::LoadBalancer { service.source_ranges.as_slice() } else { &[] };
                let external = if flags.external_local { &serving.local } else { &serving.cluster };
                let asked = if is_cluster_ip { internal } else { external };
                let key = LbKey { ip, port, protocol, scope: LbScope::External, slot: 0 };
                rows.add(key, flags, ranges, asked);
                if flags.external_local {
                    rows.add(LbKey { scope: LbScope::Internal, ..key }, flags, ranges, &serving.cluster);
                }
            }
        }
        rows.rows
    }
}

fn name_of(node: &NodeNet) -> &str {
    match &*node.place {
        Place::Node(name) => name,
        _ => "",
    }
}

/// The addresses of a service port: kind, address, port, and whether it is for the node's own processes alone.
fn frontends(service: &ServicePort, own: &[IpAddr]) -> Vec<(LbType, IpAddr, u16, bool)> {
    let mut all = vec![(LbType::ClusterIp, service.cluster_ip, service.port, true)];
    if let Some(port) = service.node_port {
        all.push((LbType::NodePort, IpAddr::from([0, 0, 0, 0]), port, true));
        all.extend(own.iter().map(|ip| (LbType::NodePort, *ip, port, false)));
    }
    all.extend(service.external_ips.iter().map(|ip| (LbType::ExternalIps, *ip, service.port, false)));
    all.extend(service.load_balancer_ips.iter().map(|ip| (LbType::LoadBalancer, *ip, service.port, false)));
    all
}

/// Rows in the making, with the numbers that are given so far.
#[derive(Default)]
struct Rows {
    rows: Vec<LbRow>,
    rev_nat: u16,
    backends: BTreeMap<(IpAddr, u16, TransportProtocol), u32>,
}

impl Rows {
    fn add(&mut self, key: LbKey, flags: LbFlags, source_ranges: &[IpNet], endpoints: &[&Endpoint]) {
        self.rev_nat = self.rev_nat.wrapping_add(1);
        let count = u16::try_from(endpoints.len()).unwrap_or(u16::MAX);
        let value = LbValue::Service { count, flags, source_ranges: Arc::from(source_ranges) };
        self.rows.push(LbRow { key, rev_nat: self.rev_nat, value });
        for (slot, endpoint) in (1..=count).zip(endpoints) {
            let address = (endpoint.address.ip(), endpoint.address.port());
            let next = u32::try_from(self.backends.len()).unwrap_or_default() + 1;
            let id = *self.backends.entry((address.0, address.1, key.protocol)).or_insert(next);
            let value = LbValue::Backend { id, address };
            self.rows.push(LbRow { key: LbKey { slot, ..key }, rev_nat: self.rev_nat, value });
        }
    }
}
