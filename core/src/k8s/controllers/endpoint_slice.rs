//! EndpointSlices from selectors.

use std::collections::BTreeSet;

use crate::base::sort_by;
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
    let stated: BTreeSet<(String, String)> = crate::base::set_of(objects.endpoint_slices.iter().map(key));
    let wants = |service: &&Service| {
        let name = (service.meta.namespace.clone(), service.meta.name.clone());
        !service.selector.is_empty() && service.kind != ServiceType::ExternalName && !stated.contains(&name)
    };
    let index = Index::new(objects);
    let added: Vec<EndpointSlice> = objects
        .services
        .iter()
        .filter(wants)
        .flat_map(|service| slices_of(service, index.behind(service), &|name| index.node(name)))
        .collect();
    objects.endpoint_slices.extend(added);
}

/// Pods by their labels and nodes by their names, so that thousands of services do not look at every pod each.
struct Index<'a> {
    /// Namespace, label and value, with the pod's place in the list.
    labels: Vec<([&'a str; 3], usize)>,
    nodes: Vec<&'a Node>,
    pods: &'a [Pod],
}

impl<'a> Index<'a> {
    fn new(objects: &'a Objects) -> Self {
        let labels_of = |(idx, pod): (usize, &'a Pod)| {
            pod.meta.labels.iter().map(move |(key, value)| ([&*pod.meta.namespace, &**key, &**value], idx))
        };
        let mut labels: Vec<([&str; 3], usize)> = objects.pods.iter().enumerate().flat_map(labels_of).collect();
        sort_by(&mut labels, Ord::cmp);
        let mut nodes: Vec<&Node> = objects.nodes.iter().collect();
        sort_by(&mut nodes, |a, b| a.meta.name.cmp(&b.meta.name));
        Self { labels, nodes, pods: &objects.pods }
    }

    fn node(&self, name: &str) -> Option<&'a Node> {
        let idx = self.nodes.binary_search_by(|node| node.meta.name.as_str().cmp(name)).ok()?;
        Some(self.nodes[idx])
    }

    /// The pods that have the rarest of the labels that `service` wants, in the order of the list.
    fn candidates(&self, service: &Service) -> &[([&'a str; 3], usize)] {
        let with_label = |(key, value): (&String, &String)| {
            let wanted = [&*service.meta.namespace, &**key, &**value];
            let start = self.labels.partition_point(|(label, _)| *label < wanted);
            let n = self.labels[start..].partition_point(|(label, _)| *label == wanted);
            &self.labels[start..start + n]
        };
        service.selector.iter().map(with_label).min_by_key(|pods| pods.len()).unwrap_or_default()
    }

    fn behind<'s>(&'s self, service: &'s Service) -> impl Iterator<Item = &'a Pod> + 's {
        self.candidates(service).iter().map(|(_, idx)| &self.pods[*idx]).filter(|pod| is_behind(service, pod))
    }
}

fn is_behind(service: &Service, pod: &Pod) -> bool {
    !pod.finished && pod.meta.namespace == service.meta.namespace && selects(&service.selector, &pod.meta.labels)
}

/// The slices of one service.
pub(in crate::k8s) fn slices(service: &Service, objects: &Objects) -> Vec<EndpointSlice> {
    let pods = objects.pods.iter().filter(|pod| is_behind(service, pod));
    slices_of(service, pods, &|name| objects.nodes.iter().find(|node| node.meta.name == name))
}

/// One slice for each set of port numbers that these pods have for the service's ports.
fn slices_of<'a>(
    service: &Service,
    pods: impl Iterator<Item = &'a Pod>,
    node: &dyn Fn(&str) -> Option<&'a Node>,
) -> Vec<EndpointSlice> {
    let mut groups: Vec<(Vec<EndpointPort>, Vec<Endpoint>)> = Vec::new();
    for pod in pods {
        let Some(endpoint) = endpoint(service, pod, node(&pod.node_name)) else { continue };
        let ports: Vec<EndpointPort> = service.ports.iter().filter_map(|port| endpoint_port(port, pod)).collect();
        match groups.iter_mut().find(|(group, endpoints)| *group == ports && endpoints.len() < MAX_ENDPOINTS) {
            Some((_, endpoints)) => endpoints.push(endpoint),
            None => groups.push((ports, vec![endpoint])),
        }
    }
    let slice = |(number, (ports, endpoints))| EndpointSlice { ports, endpoints, ..empty_slice(service, number) };
    groups.into_iter().enumerate().map(slice).collect()
}

/// A slice of the service, without ports and endpoints.
pub(in crate::k8s) fn empty_slice(service: &Service, number: usize) -> EndpointSlice {
    EndpointSlice {
        meta: ObjectMeta { name: format!("{}-{number}", service.meta.name), ..service.meta.clone() },
        service_name: service.meta.name.clone(),
        ..EndpointSlice::default()
    }
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

#[cfg(test)]
mod tests {
    use super::super::fixtures::{pod, service, two_nodes};
    use super::endpoint_slices;
    use crate::k8s::objects::{Container, ContainerPort, Objects, Pod, Protocol, ServicePort, ServiceType, TargetPort};

    /// A service `web` with a named port in front of pods `a` and `b`.
    fn web() -> Objects {
        let mut objects = two_nodes();
        let mut web = service("web", "web");
        let target_port = TargetPort::Name("http".into());
        web.ports = vec![ServicePort { name: "http".into(), port: 80, target_port, ..ServicePort::default() }];
        objects.services = vec![web];
        objects.pods = vec![listening("a", 8080), listening("b", 8080), pod("other", 1, "other", "a", "10.244.0.9")];
        objects
    }

    fn listening(name: &str, port: u16) -> Pod {
        let ports = vec![ContainerPort { name: "http".into(), container_port: port, protocol: Protocol::Tcp }];
        let containers = vec![Container { ports, ..Container::default() }];
        let ip = if name == "a" { "10.244.0.2" } else { "10.244.1.2" };
        Pod { containers, ..pod(name, 1, "web", name, ip) }
    }

    /// Each slice as `NAME PORTS: ADDRESS STATE…`.
    fn slices(mut objects: Objects) -> Vec<String> {
        endpoint_slices(&mut objects);
        let state =
            |ready, serving, terminating| format!("{}{}{}", u8::from(ready), u8::from(serving), u8::from(terminating));
        let line = |slice: &crate::k8s::objects::EndpointSlice| {
            let ports: Vec<String> = slice.ports.iter().map(|port| port.port.to_string()).collect();
            let endpoints: Vec<String> = slice
                .endpoints
                .iter()
                .map(|it| format!("{} {}", it.addresses[0], state(it.ready, it.serving, it.terminating)))
                .collect();
            format!("{} {}: {}", slice.meta.name, ports.join(","), endpoints.join(", "))
        };
        objects.endpoint_slices.iter().map(line).collect()
    }

    #[test]
    fn a_slice_holds_the_pods_that_the_selector_matches() {
        assert_eq!(slices(web()), ["web-0 8080: 10.244.0.2 110, 10.244.1.2 110"]);
    }

    #[test]
    fn pods_with_other_numbers_for_a_name_are_in_another_slice() {
        let mut objects = web();
        objects.pods[1] = listening("b", 9090);
        assert_eq!(slices(objects), ["web-0 8080: 10.244.0.2 110", "web-1 9090: 10.244.1.2 110"]);
        let mut objects = web();
        objects.pods[1].containers.clear();
        assert_eq!(slices(objects), ["web-0 8080: 10.244.0.2 110", "web-1 : 10.244.1.2 110"]);
    }

    #[test]
    fn readiness_is_told_from_serving_and_terminating() {
        let mut objects = web();
        objects.pods[0].ready = false;
        objects.pods[1].terminating = true;
        assert_eq!(slices(objects.clone()), ["web-0 8080: 10.244.0.2 000, 10.244.1.2 011"]);
        objects.services[0].publish_not_ready = true;
        assert_eq!(slices(objects), ["web-0 8080: 10.244.0.2 100, 10.244.1.2 111"]);
    }

    #[test]
    fn services_without_a_selector_and_aliases_get_no_slice() {
        let mut objects = web();
        objects.services[0].selector.clear();
        assert_eq!(slices(objects), [""; 0]);
        let mut objects = web();
        objects.services[0].kind = ServiceType::ExternalName;
        assert_eq!(slices(objects), [""; 0]);
    }

    #[test]
    fn a_slice_is_full_with_a_hundred() {
        let mut objects = web();
        objects.pods = vec![listening("a", 8080); 101];
        endpoint_slices(&mut objects);
        let lengths: Vec<usize> = objects.endpoint_slices.iter().map(|slice| slice.endpoints.len()).collect();
        assert_eq!(lengths, [100, 1]);
    }
}
