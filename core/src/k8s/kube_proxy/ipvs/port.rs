//! What one service port has in a node's tables in IPVS mode.
//!
//! Models the loop over services of pkg/proxy/ipvs/proxier.go syncProxyRules, and syncEndpoint.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::sets::Set;
use super::{DEVICE, TCP};
use crate::base::Writer;
use crate::k8s::kube_proxy::{Endpoint, ProxyConfig, ServicePort, categorize};
use crate::k8s::objects::Protocol;
use crate::net::NetNs;
use crate::netfilter::{Part, RealServer, ServiceKey, VirtualServer};

/// The node's own addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// All but those of the loopback device and of services.
    own: BTreeSet<IpAddr>,
    /// Those of them that node ports are on.
    node_ports: Vec<IpAddr>,
}

impl Node {
    /// Models GetAllLocalAddressesExcept and the choice of nodeIPs: never the loopback address.
    pub(super) fn new(ns: &NetNs, config: &ProxyConfig) -> Self {
        let interfaces = ns.interfaces().iter().filter(|interface| &**interface.name() != DEVICE);
        let all = interfaces.flat_map(|interface| &interface.addresses).map(|address| address.net.addr());
        let own: Vec<IpAddr> = all.filter(|ip| ip.is_ipv4() && !ip.is_loopback()).collect();
        let node_ports = config.node_port_addresses(&own).map_or_else(|| own.clone(), Iterator::collect);
        Self { own: own.into_iter().collect(), node_ports }
    }
}

/// What a service port has.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub servers: Vec<VirtualServer>,
    pub elements: Vec<(Set, Vec<Part>)>,
    /// Addresses that the device is to have.
    pub addresses: Vec<IpAddr>,
    /// Virtual servers that the node itself must not use.
    pub closed: Vec<ServiceKey>,
}

fn number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => TCP,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
    }
}

impl Entries {
    pub(super) fn new(port: &ServicePort, config: &ProxyConfig, node: &Node) -> Self {
        let mut entries = Self::default();
        let serving = categorize(port, &config.node_name, &config.zone);
        let protocol = number(port.protocol);
        let says: Arc<str> = port.name.as_str().into();
        // Without an endpoint here those of all nodes are used after all: pods on this node could reach none otherwise.
        let servers = |only_local: bool| -> Vec<RealServer> {
            let used = if only_local && !serving.local.is_empty() { &serving.local } else { &serving.cluster };
            let real = |endpoint: &&Endpoint| RealServer {
                address: (endpoint.address.ip(), endpoint.address.port()),
                weight: 1,
            };
            let mut real: Vec<RealServer> = used.iter().map(real).collect();
            real.sort_by_key(|it| it.address);
            real
        };
        let server = |ip: IpAddr, number: u16, only_local: bool| VirtualServer {
            key: ServiceKey { protocol, address: (ip, number) },
            scheduler: config.ipvs_scheduler,
            persistence_secs: port.affinity_secs,
            real_servers: servers(only_local),
            says: says.clone(),
            writer: Writer::KubeProxy,
        };
        let at = |number: u16| Part::Port { protocol, port: number };
        let element = |ip: IpAddr| vec![Part::ip(ip), at(port.port)];
        entries.loop_back(port, config, protocol);
        entries.elements.push((Set::ClusterIp, element(port.cluster_ip)));
        entries.servers.push(server(port.cluster_ip, port.port, port.internal_local));
        entries.addresses.push(port.cluster_ip);
        for ip in &port.external_ips {
            let set = if port.external_local { Set::ExternalIpLocal } else { Set::ExternalIp };
            entries.elements.push((set, element(*ip)));
            entries.servers.push(server(*ip, port.port, port.external_local));
        }
        for ip in &port.load_balancer_ips {
            entries.elements.push((Set::LoadBalancer, element(*ip)));
            if port.external_local {
                entries.elements.push((Set::LoadBalancerLocal, element(*ip)));
            }
            if !port.source_ranges.is_empty() {
                entries.source_ranges(port, config, *ip, protocol);
            }
            entries.servers.push(server(*ip, port.port, port.external_local));
        }
        // An address that another device has must not be on this one too.
        let outside = port.external_ips.iter().chain(&port.load_balancer_ips);
        entries.addresses.extend(outside.filter(|ip| !node.own.contains(ip)));
        if let Some(node_port) = port.node_port.filter(|_| !node.node_ports.is_empty()) {
            let (all, local) = match port.protocol {
                Protocol::Tcp => (Set::NodePortTcp, Set::NodePortLocalTcp),
                Protocol::Udp => (Set::NodePortUdp, Set::NodePortLocalUdp),
                Protocol::Sctp => (Set::NodePortSctp, Set::NodePortLocalSctp),
            };
            let elements: Vec<Vec<Part>> = match port.protocol {
                Protocol::Sctp => node.node_ports.iter().map(|ip| vec![Part::ip(*ip), at(node_port)]).collect(),
                Protocol::Tcp | Protocol::Udp => vec![vec![at(node_port)]],
            };
            for element in elements {
                if port.external_local {
                    entries.elements.push((local, element.clone()));
                }
                entries.elements.push((all, element));
            }
            entries.servers.extend(node.node_ports.iter().map(|ip| server(*ip, node_port, port.external_local)));
        }
        if let Some(port) = port.health_check_node_port {
            entries.elements.push((Set::HealthCheckNodePort, vec![Part::Port { protocol: TCP, port }]));
        }
        entries
    }

    /// Endpoints on this node, so that one which reaches itself is masqueraded.
    fn loop_back(&mut self, port: &ServicePort, config: &ProxyConfig, protocol: u8) {
        let here = port.endpoints.iter().filter(|it| it.node_name.as_deref() == Some(config.node_name.as_str()));
        self.elements.extend(here.map(|endpoint| {
            let ip = Part::ip(endpoint.address.ip());
            (Set::LoopBack, vec![ip, Part::Port { protocol, port: endpoint.address.port() }, ip])
        }));
    }

    /// Who may use a load balancer's address.
    fn source_ranges(&mut self, port: &ServicePort, config: &ProxyConfig, ip: IpAddr, protocol: u8) {
        let (own, at) = (Part::ip(ip), Part::Port { protocol, port: port.port });
        self.elements.push((Set::LoadBalancerFw, vec![own, at]));
        let nets = port.source_ranges.iter().map(IpNet::trunc);
        self.elements.extend(nets.map(|net| (Set::LoadBalancerSourceCidr, vec![own, at, Part::Net(net)])));
        // What the node sends to the balancer's address has that address as its source.
        if port.source_ranges.iter().any(|net| net.contains(&config.node_ip)) {
            self.elements.push((Set::LoadBalancerSourceIp, vec![own, at, own]));
        } else {
            self.closed.push(ServiceKey { protocol, address: (ip, port.port) });
        }
    }
}
