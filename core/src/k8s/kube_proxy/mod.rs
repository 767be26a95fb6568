//! kube-proxy: services become rules on every node.
//!
//! Models pkg/proxy of Kubernetes 1.33. [`service_ports`] is what it keeps of the API's objects, the same for all modes
//! and nodes; a [`Proxier`] keeps the tables of one node true. IPv4 only.

mod conntrack;
mod endpoints;
mod health;
pub mod iptables;
mod ipvs;
mod names;
pub mod nftables;
mod ports;
mod proxier;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;

use crate::netfilter::Scheduler;

use super::objects::Protocol;
use crate::base::{Refusal, ServiceNote};

pub use endpoints::{Serving, categorize};
pub use health::{HealthServer, local_endpoints};
pub use ports::{endpoints, service_ports, updated_ports};
pub use proxier::{Proxier, ProxyMode, ServicePorts, Sync};

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
    /// `nodePortAddresses`; empty for every address of the node, or with nftables for its primary one.
    pub node_port_addresses: Vec<IpNet>,
    /// `ipvs.scheduler`.
    pub ipvs_scheduler: Scheduler,
    /// Where clusterIPs come from; nftables drops what goes to one that no service has.
    pub service_cidrs: Vec<IpNet>,
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

fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    }
}

fn protocol_number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
    }
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
    /// What it is listed by.
    pub(super) fn key(&self) -> (&str, Protocol) {
        (&self.name, self.protocol)
    }

    /// `NAMESPACE/SERVICE`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.name.split_once(':').map_or(&self.name, |(service, _)| service)
    }

    /// Whether it has an address besides its clusterIP.
    #[must_use]
    pub fn is_externally_accessible(&self) -> bool {
        self.node_port.is_some() || !self.external_ips.is_empty() || !self.load_balancer_ips.is_empty()
    }

    /// What a row that is written for it says of it.
    #[must_use]
    pub fn note(&self, refusal: Option<Refusal>) -> Arc<ServiceNote> {
        Arc::new(ServiceNote { name: self.name.clone(), refusal })
    }

    /// Why a node refuses packets for it, if it must.
    #[must_use]
    pub fn refusal(&self, serving: &Serving<'_>) -> Refusal {
        match self.endpoints.iter().filter(|it| it.ready).count() {
            n if serving.has_any => Refusal::NoneLocal(n),
            _ if self.endpoints.is_empty() => Refusal::NoEndpoints,
            _ => Refusal::NotReady(self.endpoints.len()),
        }
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
