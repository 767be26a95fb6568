//! Virtual addresses and node ports of services.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::base::{BTreeMap, BTreeSet};
use crate::k8s::objects::{Service, ServiceType};

use super::ranges::{hosts_from, nth};
use super::{Shortage, Unfilled};

/// The service of a cluster's DNS: the name of what CoreDNS has replaced.
pub const KUBE_DNS: &str = "kube-dns";
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
        service.cluster_ip = if is_kube_dns(service) { kube_dns } else { None }.or_else(|| free.next());
        if service.cluster_ip.is_none() {
            let reason = Shortage::ClusterIp { service: full_name(service), range };
            unfilled.push(Unfilled { span: service.meta.span, reason });
        }
    }
    unfilled
}

/// Where a cluster's DNS is asked: the address of its service, or the one that the service would get.
#[must_use]
pub fn kube_dns_address(services: &[Service], range: IpNet) -> Option<IpAddr> {
    let stated = services.iter().find(|service| is_kube_dns(service));
    stated.map_or_else(|| kube_dns_default(range), |service| service.cluster_ip)
}

/// The address that kubeadm gives kube-dns in this service network.
#[must_use]
pub fn kube_dns_default(range: IpNet) -> Option<IpAddr> {
    nth(range, KUBE_DNS_OFFSET)
}

/// Whether it is the service of the cluster's DNS.
#[must_use]
pub fn is_kube_dns(service: &Service) -> bool {
    service.meta.namespace == "kube-system" && service.meta.name == KUBE_DNS
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
        let reason = Shortage::NodePort(full_name(service));
        unfilled.push(Unfilled { span: service.meta.span, reason });
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

#[cfg(test)]
mod tests {
    use super::super::fixtures::service;
    use super::{cluster_ips, node_ports};
    use crate::k8s::objects::{Protocol, Service, ServicePort, ServiceType};

    fn with_ports(kind: ServiceType, ports: &[(u16, Protocol, Option<u16>)]) -> Service {
        let port = |(port, protocol, node_port): &(u16, Protocol, Option<u16>)| ServicePort {
            port: *port,
            protocol: *protocol,
            node_port: *node_port,
            ..ServicePort::default()
        };
        Service { kind, ports: ports.iter().map(port).collect(), ..service("web", "web") }
    }

    #[test]
    fn cluster_ips_begin_behind_the_reserved_part() {
        let mut services: Vec<Service> = ["a", "b", "c"].iter().map(|name| service(name, "x")).collect();
        services[1].cluster_ip = "10.96.0.16".parse().ok();
        services.push(Service { headless: true, ..service("headless", "x") });
        services.push(Service { kind: ServiceType::ExternalName, ..service("alias", "x") });
        let mut kube_dns = service("kube-dns", "x");
        kube_dns.meta.namespace = "kube-system".to_owned();
        services.push(kube_dns);
        assert_eq!(cluster_ips(&mut services, "10.96.0.0/12".parse().expect("a network")), []);
        let ips: Vec<String> =
            services.iter().map(|service| service.cluster_ip.map(|ip| ip.to_string()).unwrap_or_default()).collect();
        assert_eq!(ips, ["10.96.0.17", "10.96.0.16", "10.96.0.18", "", "", "10.96.0.10"]);
    }

    #[test]
    fn a_service_network_can_be_full() {
        let mut services = vec![service("a", "x"), service("b", "x")];
        let unfilled = cluster_ips(&mut services, "10.96.0.0/28".parse().expect("a network"));
        assert_eq!(
            unfilled[0].reason.to_string(),
            "no clusterIP is left for service default/a in serviceCIDR 10.96.0.0/28"
        );
        assert_eq!(unfilled.len(), 2);
    }

    #[test]
    fn node_ports_are_the_lowest_free_and_shared_by_one_number() {
        let (tcp, udp) = (Protocol::Tcp, Protocol::Udp);
        let mut local = with_ports(ServiceType::LoadBalancer, &[(80, tcp, None)]);
        local.external_local = true;
        let mut without = with_ports(ServiceType::LoadBalancer, &[(80, tcp, None)]);
        without.no_node_ports = true;
        let mut services = vec![
            local,
            with_ports(ServiceType::NodePort, &[(53, udp, None), (53, tcp, None), (80, tcp, Some(30_001))]),
            with_ports(ServiceType::ClusterIp, &[(80, tcp, None)]),
            without,
            with_ports(ServiceType::NodePort, &[(80, tcp, None)]),
        ];
        assert_eq!(node_ports(&mut services), []);
        let ports: Vec<Vec<u16>> =
            services.iter().map(|service| service.ports.iter().filter_map(|port| port.node_port).collect()).collect();
        assert_eq!(ports, [vec![30_000], vec![30_002, 30_002, 30_001], vec![], vec![], vec![30_003]]);
        assert_eq!(services[0].health_check_node_port, Some(30_004), "after all that packets are sent to");
    }
}
