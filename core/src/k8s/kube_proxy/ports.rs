//! From the API's objects to service ports.
//!
//! Models pkg/proxy/servicechangetracker.go, endpointschangetracker.go and endpointslicecache.go.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::{Endpoint, ServicePort, ServicePorts, is_v4};
use crate::base::sort_by;
use crate::k8s::objects::{
    EndpointPort, EndpointSlice, ObjectMeta, Objects, Service, ServicePort as PortSpec, ServiceType,
};

/// All service ports that have a clusterIP, by name, with their endpoints.
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
    sort_by(&mut ports, |a, b| a.key().cmp(&b.key()));
    ports
}

/// `ports`, which was made of earlier objects, after the services with these namespaces and names or their slices have
/// changed, come or gone. Every other port is the same allocation as before, and so is one that turns out unchanged.
#[must_use]
pub fn updated_ports(ports: &ServicePorts, objects: &Objects, changed: &BTreeSet<(String, String)>) -> ServicePorts {
    let is_in = |meta: &ObjectMeta, name: &str| {
        changed.iter().any(|(namespace, changed)| *changed == name && *namespace == meta.namespace)
    };
    let of_these = Objects {
        services: objects.services.iter().filter(|it| is_in(&it.meta, &it.meta.name)).cloned().collect(),
        endpoint_slices: objects
            .endpoint_slices
            .iter()
            .filter(|it| is_in(&it.meta, &it.service_name))
            .cloned()
            .collect(),
        ..Objects::default()
    };
    let mut updated = ports.clone();
    let mut new = service_ports(&of_these);
    for (namespace, name) in changed {
        let service = format!("{namespace}/{name}");
        // A port without a name is not beside those that have one: `a/b-c` is between `a/b` and `a/b:c`.
        for (first, is_whole) in [(service.clone(), true), (service + ":", false)] {
            let is_it = |name: &str| if is_whole { name == first } else { name.starts_with(&first) };
            let start = updated.partition_point(|port| port.name < first);
            let n = updated[start..].iter().take_while(|port| is_it(&port.name)).count();
            for was in updated.drain(start..start + n) {
                if let Some(same) = new.iter_mut().find(|port| **port == was) {
                    *same = was;
                }
            }
        }
    }
    for port in new {
        let at = updated.partition_point(|before| before.key() <= port.key());
        updated.insert(at, port);
    }
    updated
}

/// The endpoints of one port of a service, whatever kind the service is of.
#[must_use]
pub fn endpoints(objects: &Objects, service: &Service, port: &PortSpec) -> Vec<Endpoint> {
    let is_its = |slice: &&EndpointSlice| {
        (&slice.meta.namespace, &slice.service_name) == (&service.meta.namespace, &service.meta.name)
    };
    let slices: Vec<&EndpointSlice> = objects.endpoint_slices.iter().filter(is_its).collect();
    endpoints_of(port, &slices)
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
        let is_it = |it: &&EndpointPort| it.name == port.name && it.protocol == port.protocol;
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
