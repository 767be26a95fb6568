//! EndpointSlices from selectors.

use std::collections::BTreeSet;

use crate::k8s::objects::{
    Endpoint, EndpointPort, EndpointSlice, Node, ObjectMeta, Objects, Pod, Service, ServicePort, ServiceType,
    TargetPort, selects,
};

/// The endpoints that one slice holds at most: the controller's --max-endpoints-per-slice.
const MAX_ENDPOINTS: usize = 100;

/// Adds the slices of every service that has a selector and that no stated slice names. Endpoints come in the order
/// of their pods. Models pkg/controller/endpointslice without topology hints.
pub fn endpoint_slices(objects: &mut Objects) {
    let key = |slice: &EndpointSlice| (slice.meta.namespace.clone(), slice.service_name.clone());
    let stated: BTreeSet<(String, String)> = objects.endpoint_slices.iter().map(key).collect();
    let wants = |service: &&Service| {
        let name = (service.meta.namespace.clone(), service.meta.name.clone());
        !service.selector.is_empty() && service.kind != ServiceType::ExternalName && !stated.contains(&name)
    };
    let added: Vec<EndpointSlice> =
        objects.services.iter().filter(wants).flat_map(|service| slices(service, objects)).collect();
    objects.endpoint_slices.extend(added);
}

/// One slice for each set of port numbers that the pods have for the service's ports.
fn slices(service: &Service, objects: &Objects) -> Vec<EndpointSlice> {
    let is_behind = |pod: &&Pod| {
        !pod.finished && pod.meta.namespace == service.meta.namespace && selects(&service.selector, &pod.meta.labels)
    };
    let mut groups: Vec<(Vec<EndpointPort>, Vec<Endpoint>)> = Vec::new();
    for pod in objects.pods.iter().filter(is_behind) {
        let node = objects.nodes.iter().find(|node| node.meta.name == pod.node_name);
        let Some(endpoint) = endpoint(service, pod, node) else { continue };
        let ports: Vec<EndpointPort> = service.ports.iter().filter_map(|port| endpoint_port(port, pod)).collect();
        match groups.iter_mut().find(|(group, endpoints)| *group == ports && endpoints.len() < MAX_ENDPOINTS) {
            Some((_, endpoints)) => endpoints.push(endpoint),
            None => groups.push((ports, vec![endpoint])),
        }
    }
    let slice = |(number, (ports, endpoints)): (usize, (Vec<EndpointPort>, Vec<Endpoint>))| EndpointSlice {
        meta: ObjectMeta { name: format!("{}-{number}", service.meta.name), ..service.meta.clone() },
        service_name: service.meta.name.clone(),
        ports,
        endpoints,
    };
    groups.into_iter().enumerate().map(slice).collect()
}

/// Models podToEndpoint.
fn endpoint(service: &Service, pod: &Pod, node: Option<&Node>) -> Option<Endpoint> {
    let has_hostname = !pod.hostname.is_empty() && pod.subdomain == service.meta.name;
    let zone = node.and_then(|node| node.meta.labels.get("topology.kubernetes.io/zone"));
    Some(Endpoint {
        addresses: vec![pod.pod_ip?],
        ready: service.publish_not_ready || (pod.ready && !pod.terminating),
        serving: pod.ready,
        terminating: pod.terminating,
        node_name: Some(pod.node_name.clone()),
        target_pod: Some((pod.meta.namespace.clone(), pod.meta.name.clone())),
        hostname: if has_hostname { pod.hostname.clone() } else { String::new() },
        zone: zone.cloned().unwrap_or_default(),
        for_zones: Vec::new(),
        span: pod.meta.span,
    })
}

/// Models FindPort: a name means the number that this pod gives it, and a pod without the name has no such port.
fn endpoint_port(port: &ServicePort, pod: &Pod) -> Option<EndpointPort> {
    let number = match &port.target_port {
        TargetPort::Number(number) => *number,
        TargetPort::Name(name) => {
            let mut ports = pod.containers.iter().flat_map(|container| &container.ports);
            ports.find(|candidate| candidate.name == *name && candidate.protocol == port.protocol)?.container_port
        }
    };
    Some(EndpointPort { name: port.name.clone(), protocol: port.protocol, port: number })
}
