//! The ingress controller: a pod that reads Ingresses and endpoints, and is a proxy by them.
//!
//! Models ingress-nginx, controller.getBackendServers and getEndpointsFromSlices: it talks to endpoints' own addresses, not
//! to clusterIPs. Which pod is one: its label `app.kubernetes.io/name` is `ingress-nginx` and its component, if it has one,
//! `controller`; or the image of one of its containers is the controller's. It is a proxy on its TCP port named `http`, or
//! 80. Which Ingresses are its own: those of class `nginx`, and those without a class. Not modelled: TLS, annotations,
//! resource backends, `ExternalName` backends.

use std::net::IpAddr;
use std::sync::Arc;

use super::kube_proxy;
use super::objects::{ContainerPort, Ingress, IngressBackend, Objects, Pod, Protocol, Service, TargetPort};
use crate::base::Place;
use crate::net::{Answer, NsId, PathMatching, Proxy, ProxyRoute, Topology};

const NAME: &str = "app.kubernetes.io/name";
const COMPONENT: &str = "app.kubernetes.io/component";
const CONTROLLER: &str = "ingress-nginx";
/// What the controller's image is called, behind registry and folder.
const IMAGE: &str = "ingress-nginx/controller";
/// The class that it serves.
pub const CLASS: &str = "nginx";

/// Whether `pod` is an ingress controller.
#[must_use]
pub fn is_controller(pod: &Pod) -> bool {
    let label = |key: &str| pod.meta.labels.get(key).map(String::as_str);
    let is_labelled =
        label(NAME) == Some(CONTROLLER) && label(COMPONENT).is_none_or(|component| component == "controller");
    let is_image = |image: &str| {
        let digest = image.split('@').next().unwrap_or_default();
        // A colon in front of a slash is of the registry's port.
        let name = digest.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map_or(digest, |(name, _)| name);
        name == IMAGE || name.ends_with(&format!("/{IMAGE}"))
    };
    is_labelled || pod.containers.iter().any(|container| is_image(&container.image))
}

/// Whether an ingress controller serves `ingress`.
#[must_use]
pub fn is_served(ingress: &Ingress) -> bool {
    ingress.class.is_empty() || ingress.class == CLASS
}

/// The ports on which a controller is a proxy.
#[must_use]
pub fn http_ports(pod: &Pod) -> Vec<u16> {
    let ports = || pod.containers.iter().flat_map(|container| &container.ports);
    let of = |wanted: &dyn Fn(&ContainerPort) -> bool| -> Vec<u16> {
        ports().filter(|port| port.protocol == Protocol::Tcp && wanted(port)).map(|port| port.container_port).collect()
    };
    let named = of(&|port| port.name == "http");
    if named.is_empty() { of(&|port| port.container_port == 80) } else { named }
}

/// Has the controllers among the `pods` of a node serve by `proxy`.
pub fn configure(topo: &mut Topology, node: NsId, pods: &[Pod], proxy: &Arc<Proxy>) {
    for pod in pods.iter().filter(|pod| !pod.finished && is_controller(pod)) {
        let own = topo.find(&Place::pod(&pod.meta.namespace, &pod.meta.name));
        let Some(ns) = (if pod.host_network { Some(node) } else { own }) else { continue };
        for port in http_ports(pod) {
            topo.ns_mut(ns).sockets.answer(port, Answer::Forwarded(proxy.clone()));
        }
    }
}

/// What controllers make of all Ingresses; `None` where there is nothing to serve or nobody to do it.
#[must_use]
pub fn proxy(objects: &Objects) -> Option<Arc<Proxy>> {
    let has_controller = objects.pods.iter().any(|pod| !pod.finished && is_controller(pod));
    if !has_controller {
        return None;
    }
    let mut routes = Vec::new();
    let mut defaults = Vec::new();
    for ingress in objects.ingresses.iter().filter(|ingress| is_served(ingress)) {
        let namespace = &ingress.meta.namespace;
        let route = |host: &str, path: &str, matching, backend: &IngressBackend| ProxyRoute {
            host: host.to_owned(),
            path: path.to_owned(),
            matching,
            backend: named(namespace, backend),
            servers: servers(objects, namespace, backend),
        };
        for rule in &ingress.rules {
            routes.push(route(&rule.host, &rule.path, rule.matching, &rule.backend));
        }
        let Some(backend) = &ingress.default_backend else { continue };
        // It takes what is left: at the hosts of its own rules, and at all that nobody has.
        let mut hosts: Vec<&str> = ingress.rules.iter().map(|rule| rule.host.as_str()).collect();
        hosts.push("");
        hosts.dedup();
        defaults.extend(hosts.into_iter().map(|host| route(host, "/", PathMatching::Prefix, backend)));
    }
    for default in defaults {
        let is_taken = |other: &ProxyRoute| (&other.host, &other.path) == (&default.host, &default.path);
        if !routes.iter().any(is_taken) {
            routes.push(default);
        }
    }
    Some(Arc::new(Proxy { routes }))
}

/// `default/web:80`.
fn named(namespace: &str, backend: &IngressBackend) -> String {
    match &backend.port {
        TargetPort::Number(port) => format!("{namespace}/{}:{port}", backend.service),
        TargetPort::Name(port) => format!("{namespace}/{}:{port}", backend.service),
    }
}

/// The service that a backend names, and its port.
#[must_use]
pub fn service_of<'a>(objects: &'a Objects, namespace: &str, backend: &IngressBackend) -> Option<&'a Service> {
    let is_it = |service: &&Service| service.meta.namespace == namespace && service.meta.name == backend.service;
    objects.services.iter().find(is_it)
}

/// The ready endpoints of a backend.
fn servers(objects: &Objects, namespace: &str, backend: &IngressBackend) -> Vec<(IpAddr, u16)> {
    let Some(service) = service_of(objects, namespace, backend) else { return Vec::new() };
    let is_port = |port: &&super::objects::ServicePort| match &backend.port {
        TargetPort::Number(number) => port.port == *number,
        TargetPort::Name(name) => port.name == *name,
    };
    let Some(port) = service.ports.iter().filter(|port| port.protocol == Protocol::Tcp).find(is_port) else {
        return Vec::new();
    };
    let endpoints = kube_proxy::endpoints(objects, service, port);
    endpoints.iter().filter(|it| it.ready).map(|it| (it.address.ip(), it.address.port())).collect()
}

#[cfg(test)]
mod tests {
    use super::{http_ports, is_controller};
    use crate::k8s::objects::{Container, ContainerPort, Pod};

    #[test]
    fn a_controller_is_known_by_its_labels_or_its_image() {
        let cases = [
            (&[("app.kubernetes.io/name", "ingress-nginx")][..], "x", true),
            (&[("app.kubernetes.io/name", "ingress-nginx"), ("app.kubernetes.io/component", "controller")], "x", true),
            (&[("app.kubernetes.io/name", "ingress-nginx"), ("app.kubernetes.io/component", "webhook")], "x", false),
            (&[], "registry.k8s.io/ingress-nginx/controller:v1.12.1@sha256:0123", true),
            (&[], "registry:5000/ingress-nginx/controller", true),
            (&[], "nginx", false),
        ];
        for (labels, image, expected) in cases {
            let mut pod = Pod::default();
            pod.containers.push(Container { image: image.to_owned(), ..Container::default() });
            pod.meta.labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            assert_eq!(is_controller(&pod), expected, "{labels:?} {image}");
        }
    }

    #[test]
    fn it_is_a_proxy_on_the_port_named_http_or_else_on_80() {
        let pod = |ports: &[(&str, u16)]| {
            let port = |(name, port): &(&str, u16)| ContainerPort {
                name: (*name).to_owned(),
                container_port: *port,
                ..ContainerPort::default()
            };
            let ports = ports.iter().map(port).collect();
            Pod { containers: vec![Container { ports, ..Container::default() }], ..Pod::default() }
        };
        assert_eq!(http_ports(&pod(&[("http", 8080), ("https", 443), ("", 80)])), [8080]);
        assert_eq!(http_ports(&pod(&[("", 443), ("web", 80)])), [80]);
        assert_eq!(http_ports(&pod(&[])), [0_u16; 0]);
    }
}
