//! v1 Service.

use std::net::IpAddr;

use crate::k8s::objects::{Service, ServicePort, ServiceType, TargetPort};
use crate::lab::parse::fields::{Fields, ip, net, port, text};
use crate::lab::yaml::Node;

use super::{meta, protocol, text_or_empty};

/// Seconds that Kubernetes remembers a client for, where nothing is stated.
const DEFAULT_AFFINITY_SECS: u32 = 10_800;

pub(in crate::lab::parse) fn service(fields: &Fields<'_>) -> Option<Service> {
    let spec = fields.mapping("spec");
    let status = fields.mapping("status");
    let kind = |node| match text(node)? {
        "ClusterIP" => Some(ServiceType::ClusterIp),
        "NodePort" => Some(ServiceType::NodePort),
        "LoadBalancer" => Some(ServiceType::LoadBalancer),
        "ExternalName" => Some(ServiceType::ExternalName),
        _ => None,
    };
    // The API server fills in the one from the other.
    let headless = spec.get("clusterIP").or_else(|| spec.items("clusterIPs").first()).and_then(text) == Some("None");
    let (cluster_ip, other_cluster_ips) = if headless { (None, Vec::new()) } else { cluster_ips(&spec) };
    let load_balancer = status.mapping("loadBalancer");
    Some(Service {
        meta: meta::namespaced(fields)?,
        kind: spec.read("type", "ClusterIP, NodePort, LoadBalancer or ExternalName", kind).unwrap_or_default(),
        cluster_ip,
        other_cluster_ips,
        headless,
        selector: spec.texts("selector"),
        ports: spec.mappings("ports").filter_map(|fields| service_port(&fields)).collect(),
        external_ips: spec.read_all("externalIPs", "an IP address", ip),
        load_balancer_ips: load_balancer.mappings("ingress").filter_map(|ingress| vip(&ingress)).collect(),
        load_balancer_source_ranges: spec.read_all("loadBalancerSourceRanges", "a network like 10.0.0.0/8", net),
        external_name: text_or_empty(&spec, "externalName"),
        external_local: is_local(&spec, "externalTrafficPolicy"),
        internal_local: is_local(&spec, "internalTrafficPolicy"),
        client_ip_affinity_secs: affinity(&spec),
        health_check_node_port: spec.port_or_zero("healthCheckNodePort"),
        publish_not_ready: spec.flag("publishNotReadyAddresses").unwrap_or(false),
        no_node_ports: spec.flag("allocateLoadBalancerNodePorts") == Some(false),
    })
}

/// An address that a balancer leaves in the packet. With `ipMode: Proxy` it sends packets of its own instead.
fn vip(ingress: &Fields<'_>) -> Option<IpAddr> {
    ingress.ip("ip").filter(|_| ingress.get("ipMode").and_then(text) != Some("Proxy"))
}

/// The address, and those beside it. Of a dual-stack service the IPv4 address is the first; an address of the other family
/// alone is kept as it is.
fn cluster_ips(spec: &Fields<'_>) -> (Option<IpAddr>, Vec<IpAddr>) {
    let mut all: Vec<IpAddr> = spec.ip("clusterIP").into_iter().collect();
    for ip in spec.items("clusterIPs").iter().filter_map(ip) {
        if !all.contains(&ip) {
            all.push(ip);
        }
    }
    let Some(first) = all.iter().find(|ip| ip.is_ipv4()).or(all.first()).copied() else { return (None, all) };
    all.retain(|ip| *ip != first);
    (Some(first), all)
}

fn is_local(spec: &Fields<'_>, key: &str) -> bool {
    let read = |node| match text(node)? {
        "Local" => Some(true),
        "Cluster" => Some(false),
        _ => None,
    };
    spec.read(key, "Cluster or Local", read).unwrap_or(false)
}

fn affinity(spec: &Fields<'_>) -> Option<u32> {
    let read = |node| match text(node)? {
        "ClientIP" => Some(true),
        "None" => Some(false),
        _ => None,
    };
    let is_on = spec.read("sessionAffinity", "ClientIP or None", read).unwrap_or(false);
    let secs = spec.mapping("sessionAffinityConfig").mapping("clientIP").count("timeoutSeconds");
    is_on.then(|| secs.unwrap_or(DEFAULT_AFFINITY_SECS))
}

fn service_port(fields: &Fields<'_>) -> Option<ServicePort> {
    if fields.get("port").is_none() {
        fields.problems().error(fields.span(), "found a service port without port, expected a port number 1-65535");
    }
    let port = fields.port("port")?;
    let target = fields.read("targetPort", "a port number 1-65535 or the name of a container port", target_port);
    Some(ServicePort {
        name: text_or_empty(fields, "name"),
        protocol: protocol(fields),
        port,
        target_port: target.unwrap_or(TargetPort::Number(port)),
        node_port: fields.port_or_zero("nodePort"),
        app_protocol: text_or_empty(fields, "appProtocol"),
    })
}

/// A number or a name.
pub(super) fn target_port<'n>(node: &'n Node<'n>) -> Option<TargetPort> {
    let named = || text(node).filter(|name| !name.is_empty()).map(|name| TargetPort::Name(name.to_owned()));
    port(node).map(TargetPort::Number).or_else(named)
}
