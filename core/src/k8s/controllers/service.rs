//! Virtual addresses and node ports of services.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::k8s::objects::{Service, ServiceType};

use super::ranges::{hosts_from, nth};
use super::{Shortage, Unfilled};

/// Where kubeadm puts kube-dns in the service network.
const KUBE_DNS_OFFSET: u32 = 10;
/// Below this the service network is left for addresses that somebody chooses.
const FIRST_OFFSET: u32 = 16;

/// Gives every service that should have a clusterIP and has none the lowest free one of `range`.
pub fn cluster_ips(services: &mut [Service], range: IpNet) -> Vec<Unfilled> {
    let taken: BTreeSet<IpAddr> = services.iter().filter_map(|service| service.cluster_ip).collect();
    let mut free = hosts_from(range, FIRST_OFFSET).filter(|ip| !taken.contains(ip));
    let kube_dns = nth(range, KUBE_DNS_OFFSET).filter(|ip| !taken.contains(ip));
    let mut unfilled = Vec::new();
    let lacks = |service: &&mut Service| {
        service.cluster_ip.is_none() && !service.headless && service.kind != ServiceType::ExternalName
    };
    for service in services.iter_mut().filter(lacks) {
        let is_kube_dns = service.meta.namespace == "kube-system" && service.meta.name == "kube-dns";
        service.cluster_ip = if is_kube_dns { kube_dns } else { None }.or_else(|| free.next());
        if service.cluster_ip.is_none() {
            let reason = Shortage::ClusterIp { service: full_name(service), range };
            unfilled.push(Unfilled { span: service.meta.span, reason });
        }
    }
    unfilled
}

/// Gives every port that should have a node port and has none the lowest free one, and after all of these the
/// services that need one the port of their health check.
///
/// A number belongs to one service; its ports of one number (DNS over UDP and TCP) share their node port too.
pub fn node_ports(services: &mut [Service]) -> Vec<Unfilled> {
    let stated = |service: &Service| {
        let ports: Vec<u16> = service.ports.iter().filter_map(|port| port.node_port).collect();
        ports.into_iter().chain(service.health_check_node_port)
    };
    let taken: BTreeSet<u16> = services.iter().flat_map(stated).collect();
    let mut free = (30_000..=32_767).filter(|port| !taken.contains(port));
    let mut unfilled = Vec::new();
    let mut lacks_one = |service: &Service| {
        unfilled.push(Unfilled { span: service.meta.span, reason: Shortage::NodePort(full_name(service)) })
    };
    for service in services.iter_mut().filter(|service| has_node_ports(service)) {
        let mut by_port: BTreeMap<u16, u16> =
            service.ports.iter().filter_map(|port| Some((port.port, port.node_port?))).collect();
        for index in 0..service.ports.len() {
            let port = &mut service.ports[index];
            if port.node_port.is_some() {
                continue;
            }
            port.node_port = by_port.get(&port.port).copied().or_else(|| free.next());
            match port.node_port {
                Some(node_port) => _ = by_port.insert(port.port, node_port),
                None => lacks_one(service),
            }
        }
    }
    let lacks_health_check = |service: &&mut Service| {
        service.kind == ServiceType::LoadBalancer && service.external_local && service.health_check_node_port.is_none()
    };
    for service in services.iter_mut().filter(lacks_health_check) {
        service.health_check_node_port = free.next();
        if service.health_check_node_port.is_none() {
            lacks_one(service);
        }
    }
    unfilled
}

fn has_node_ports(service: &Service) -> bool {
    match service.kind {
        ServiceType::NodePort => true,
        ServiceType::LoadBalancer => !service.no_node_ports,
        ServiceType::ClusterIp | ServiceType::ExternalName => false,
    }
}

fn full_name(service: &Service) -> String {
    format!("{}/{}", service.meta.namespace, service.meta.name)
}
