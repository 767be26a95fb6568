//! kube-proxy: services become rules on every node.
//!
//! Models pkg/proxy of Kubernetes 1.33. [`service_ports`] is what it keeps of the API's objects, the same for all modes
//! and nodes; a [`Proxier`] keeps the tables of one node true. IPv4 only.

mod endpoints;
pub mod iptables;
mod names;
mod proxier;

use crate::base::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;

use super::objects::{EndpointSlice, Objects, Protocol, Service, ServicePort as PortSpec, ServiceType};
use crate::base::sort_by;

pub use endpoints::{Serving, categorize};
pub use proxier::{Proxier, ProxyMode, ServicePorts};

/// What kube-proxy is configured with on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyConfig {
    /// Name of the node.
    pub node_name: String,
    /// The node's label `topology.kubernetes.io/zone`; empty if none.
    pub zone: String,
    /// Primary address of the node.
    pub node_ip: IpAddr,
    /// Sources that are pods of this cluster (`clusterCIDR`).
    pub local_cidr: Option<IpNet>,
    /// `masqueradeAll`.
    pub masquerade_all: bool,
    /// `localhostNodePorts`.
    pub localhost_node_ports: bool,
    /// `nodePortAddresses`; empty for every address of the node.
    pub node_port_addresses: Vec<IpNet>,
}

impl ProxyConfig {
    /// Whether node ports are on the loopback address too. Models what NewProxier makes of the two settings.
    fn has_localhost_node_ports(&self) -> bool {
        let loopback = IpAddr::from([127, 0, 0, 0]);
        let nets = || self.node_port_addresses.iter().filter(|net| is_v4(net));
        let is_on = |net: &IpNet| net.contains(&loopback) || net.addr().is_loopback();
        self.localhost_node_ports && (nets().next().is_none() || nets().any(is_on))
    }

    /// Those of the node's own addresses that node ports are on; `None` for all. Models NodePortAddresses.
    fn node_port_addresses<'a>(&self, local: &'a [IpAddr]) -> Option<impl Iterator<Item = IpAddr> + 'a> {
        let nets: Vec<IpNet> = self.node_port_addresses.iter().filter(|net| is_v4(net)).copied().collect();
        let matches_all = nets.is_empty() || nets.iter().any(|net| net.prefix_len() == 0);
        let on_loopback = self.has_localhost_node_ports();
        let is_one = move |ip: &IpAddr| nets.iter().any(|net| net.contains(ip)) && (on_loopback || !ip.is_loopback());
        (!matches_all).then(|| local.iter().copied().filter(is_one))
    }
}

/// Services of IPv4 only are looked at.
fn is_v4(net: &IpNet) -> bool {
    matches!(net, IpNet::V4(_))
}

/// A port of a service, with what serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// `NAMESPACE/SERVICE:PORT`, or without the colon if the port has no name.
    pub name: String,
    /// Protocol.
    pub protocol: Protocol,
    /// `spec.clusterIP`.
    pub cluster_ip: IpAddr,
    /// Port.
    pub port: u16,
    /// Port on every node.
    pub node_port: Option<u16>,
    /// `spec.externalIPs`.
    pub external_ips: Vec<IpAddr>,
    /// Addresses of the load balancer.
    pub load_balancer_ips: Vec<IpAddr>,
    /// Who may use these.
    pub source_ranges: Vec<IpNet>,
    /// Seconds for which a client stays with its endpoint.
    pub affinity_secs: Option<u32>,
    /// Clients inside the cluster get endpoints on their own node only.
    pub internal_local: bool,
    /// Clients outside get endpoints on the node that they come to only.
    pub external_local: bool,
    /// Port that a load balancer asks whether this node has endpoints.
    pub health_check_node_port: Option<u16>,
    /// Endpoints, in the order of their `ip:port` as text.
    pub endpoints: Vec<Endpoint>,
}

impl ServicePort {
    /// Whether it has an address besides its clusterIP.
    #[must_use]
    pub fn is_externally_accessible(&self) -> bool {
        self.node_port.is_some() || !self.external_ips.is_empty() || !self.load_balancer_ips.is_empty()
    }

    /// Whether endpoints of all nodes are used. With `externalTrafficPolicy: Local` too: the node's own clients and pods
    /// are not bound by it.
    #[must_use]
    pub fn uses_cluster_endpoints(&self) -> bool {
        !self.internal_local || self.is_externally_accessible()
    }

    /// Whether endpoints of this node are told from others.
    #[must_use]
    pub fn uses_local_endpoints(&self) -> bool {
        self.internal_local || (self.external_local && self.is_externally_accessible())
    }
}

/// An endpoint of a service port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Address and port.
    pub address: SocketAddr,
    /// `address` as text: names and rules have it.
    pub text: String,
    /// Its node, if the slice says.
    pub node_name: Option<Arc<str>>,
    /// Takes new connections.
    pub ready: bool,
    /// Answers.
    pub serving: bool,
    /// Is being deleted.
    pub terminating: bool,
    /// Zones whose clients it is meant for; empty if no hint is given.
    pub zone_hints: Vec<String>,
}

/// All service ports that have a clusterIP, by name, with their endpoints.
///
/// Models pkg/proxy ServiceChangeTracker and EndpointsChangeTracker.
#[must_use]
pub fn service_ports(objects: &Objects) -> ServicePorts {
    let mut slices: BTreeMap<(&str, &str), Vec<&EndpointSlice>> = BTreeMap::new();
    for slice in &objects.endpoint_slices {
        slices.entry((&slice.meta.namespace, &slice.service_name)).or_default().push(slice);
    }
    let mut ports = Vec::new();
    for service in &objects.services {
        let Some(cluster_ip @ IpAddr::V4(_)) = service.cluster_ip else { continue };
        let key = (service.meta.namespace.as_str(), service.meta.name.as_str());
        let slices = slices.get(&key).map_or(&[][..], Vec::as_slice);
        ports.extend(service.ports.iter().map(|port| Arc::new(service_port(service, cluster_ip, port, slices))));
    }
    sort_by(&mut ports, |a, b| (&a.name, a.protocol).cmp(&(&b.name, b.protocol)));
    ports
}

/// Models newBaseServiceInfo.
fn service_port(service: &Service, cluster_ip: IpAddr, port: &PortSpec, slices: &[&EndpointSlice]) -> ServicePort {
    let (namespace, name) = (&service.meta.namespace, &service.meta.name);
    let v4 = |ips: &[IpAddr]| ips.iter().copied().filter(IpAddr::is_ipv4).collect::<Vec<IpAddr>>();
    let is_load_balancer = service.kind == ServiceType::LoadBalancer;
    ServicePort {
        name: match port.name.as_str() {
            "" => format!("{namespace}/{name}"),
            port => format!("{namespace}/{name}:{port}"),
        },
        protocol: port.protocol,
        cluster_ip,
        port: port.port,
        node_port: port.node_port,
        external_ips: v4(&service.external_ips),
        load_balancer_ips: v4(&service.load_balancer_ips),
        source_ranges: service.load_balancer_source_ranges.iter().filter(|net| is_v4(net)).copied().collect(),
        affinity_secs: service.client_ip_affinity_secs,
        internal_local: service.internal_local,
        external_local: service.external_local
            && (service.kind != ServiceType::ClusterIp || !service.external_ips.is_empty()),
        health_check_node_port: service.health_check_node_port.filter(|_| is_load_balancer && service.external_local),
        endpoints: endpoints_of(port, slices),
    }
}

/// Models EndpointSliceCache: slices give their port by name, one endpoint may be in several of them.
fn endpoints_of(port: &PortSpec, slices: &[&EndpointSlice]) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for slice in slices {
        let is_it = |it: &&super::objects::EndpointPort| it.name == port.name && it.protocol == port.protocol;
        let Some(target) = slice.ports.iter().find(is_it) else { continue };
        for endpoint in &slice.endpoints {
            let Some(ip @ IpAddr::V4(_)) = endpoint.addresses.first().copied() else { continue };
            let address = SocketAddr::new(ip, target.port);
            endpoints.push(Endpoint {
                address,
                text: address.to_string(),
                node_name: endpoint.node_name.as_deref().map(Arc::from),
                ready: endpoint.ready,
                serving: endpoint.serving,
                terminating: endpoint.terminating,
                zone_hints: endpoint.for_zones.clone(),
            });
        }
    }
    sort_by(&mut endpoints, |a, b| a.text.cmp(&b.text));
    endpoints.dedup_by(|a, b| a.text == b.text);
    endpoints
}
