//! What CoreDNS hears of the objects.
//!
//! Models plugin/kubernetes/object: `ToService`, `EndpointSliceToEndpoints`, `ToPod`, `ToNamespace`.

use crate::app::coredns::{DnsCluster, DnsEndpoint, DnsService, DnsServicePort, DnsSlice};
use crate::k8s::objects::{EndpointSlice, Objects, Protocol, Service, ServiceType};

/// Namespaces that every cluster has.
const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];
/// When the cluster came up, in seconds: the serial number of the zone. Only that it grows matters.
const EPOCH: u32 = 1_767_225_600;

/// The objects as CoreDNS knows them so many seconds after the cluster came up.
#[must_use]
pub fn dns_cluster(objects: &Objects, secs: u32) -> DnsCluster {
    let mut cluster = DnsCluster::new(EPOCH.saturating_add(secs));
    NAMESPACES.iter().for_each(|name| cluster.add_namespace(name));
    objects.namespaces.iter().for_each(|name| cluster.add_namespace(name));
    for workload in &objects.workloads {
        cluster.add_namespace(&workload.meta.namespace);
    }
    for pod in &objects.pods {
        cluster.add_namespace(&pod.meta.namespace);
        // It does not watch what has ended, and forgets what is being deleted.
        if let Some(ip) = pod.pod_ip.filter(|_| !pod.finished && !pod.terminating) {
            cluster.add_pod(&pod.meta.namespace, ip);
        }
    }
    objects.services.iter().for_each(|service| cluster.add_service(dns_service(service)));
    objects.endpoint_slices.iter().filter(|slice| !slice.service_name.is_empty()).for_each(|slice| {
        cluster.add_namespace(&slice.meta.namespace);
        cluster.add_slice(dns_slice(slice));
    });
    cluster
}

fn dns_service(service: &Service) -> DnsService {
    let is_alias = service.kind == ServiceType::ExternalName;
    let ports = service.ports.iter().map(|port| dns_port(&port.name, port.protocol, port.port));
    let cluster_ips = service.cluster_ip.iter().chain(&service.other_cluster_ips);
    DnsService {
        namespace: service.meta.namespace.clone(),
        name: service.meta.name.clone(),
        cluster_ips: cluster_ips.filter(|_| !is_alias).copied().collect(),
        headless: service.headless && !is_alias,
        external_name: is_alias.then(|| service.external_name.clone()),
        ports: ports.collect(),
    }
}

fn dns_port(name: &str, protocol: Protocol, port: u16) -> DnsServicePort {
    let protocol = match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Sctp => "SCTP",
    };
    DnsServicePort { name: name.to_owned(), protocol: protocol.to_owned(), port: Some(port) }
}

/// Only ready endpoints; with publishNotReadyAddresses the controller has marked all of them so.
fn dns_slice(slice: &EndpointSlice) -> DnsSlice {
    let ready = slice.endpoints.iter().filter(|endpoint| endpoint.ready);
    let endpoints = ready.flat_map(|endpoint| {
        let pod = endpoint.target_pod.as_ref().map(|(_, name)| name.clone()).unwrap_or_default();
        endpoint.addresses.iter().map(move |ip| DnsEndpoint {
            ip: *ip,
            hostname: endpoint.hostname.clone(),
            pod: pod.clone(),
            zone: endpoint.zone.clone(),
        })
    });
    DnsSlice {
        namespace: slice.meta.namespace.clone(),
        service: slice.service_name.clone(),
        cluster: String::new(),
        endpoints: endpoints.collect(),
        ports: slice.ports.iter().map(|port| dns_port(&port.name, port.protocol, port.port)).collect(),
    }
}
