//! Pods: their nodes and their addresses.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::base::{BTreeMap, BTreeSet, Span};
use crate::k8s::controllers::bridge_address;
use crate::k8s::objects::{Node, Pod};
use crate::lab::parse::documents::Stated;

use super::hint;

/// Drops pods on nodes that do not exist, and addresses that a pod cannot have.
///
/// Nothing is said of pods for what is their nodes' fault: where there is no node at all, and for the addresses on
/// nodes that are `unsure`, whose podCIDR could not be taken as it stood.
pub(in crate::lab::parse) fn pods(pods: &mut Vec<Stated<'_, Pod>>, nodes: &[Node], unsure: &BTreeSet<String>) {
    if nodes.is_empty() {
        pods.clear();
    }
    let by_name: BTreeMap<&str, &Node> = nodes.iter().map(|node| (node.meta.name.as_str(), node)).collect();
    pods.retain(|pod| has_node(pod, &by_name));
    let mut first: BTreeMap<IpAddr, (String, Span)> = BTreeMap::new();
    for Stated { object: pod, fields } in pods {
        let (Some(ip), Some(node)) = (pod.pod_ip, by_name.get(pod.node_name.as_str())) else { continue };
        let here = fields.at("status.podIP");
        let name = format!("{}/{}", pod.meta.namespace, pod.meta.name);
        let wrong = if pod.host_network {
            (!node.addresses.contains(&ip)).then(|| {
                let address = node.addresses.first().map(ToString::to_string).unwrap_or_default();
                format!("expected {address}, the address of its node: it has hostNetwork")
            })
        } else if let Some((other, before)) = first.get(&ip) {
            Some(format!("expected another: pod {other} has it {}", fields.problems().there(here, *before)))
        } else if unsure.contains(&pod.node_name) {
            pod.pod_ip = None;
            continue;
        } else {
            node.pod_cidr.and_then(|pod_cidr| misplaced(ip, pod_cidr, &node.meta.name))
        };
        match wrong {
            Some(expected) => {
                fields.problems().error(here, format!("podIP: found {ip} for pod {name}, {expected}"));
                pod.pod_ip = None;
            }
            None if !pod.host_network => _ = first.insert(ip, (name, here)),
            None => {}
        }
    }
}

fn has_node(pod: &Stated<'_, Pod>, nodes: &BTreeMap<&str, &Node>) -> bool {
    let Stated { object: pod, fields } = pod;
    // What has finished may have outlived its node.
    if pod.finished || pod.node_name.is_empty() || nodes.contains_key(pod.node_name.as_str()) {
        return true;
    }
    let found = format!("nodeName: found {:?}, expected a node of this cluster", pod.node_name);
    let text = format!("{found}{}", hint(&pod.node_name, nodes.keys().copied()));
    fields.problems().error(fields.at("spec.nodeName"), text);
    false
}

/// Why `ip` is no pod's in this network.
fn misplaced(ip: IpAddr, pod_cidr: IpNet, node: &str) -> Option<String> {
    if !pod_cidr.contains(&ip) {
        Some(format!("expected one in {pod_cidr}, the podCIDR of its node {node}"))
    } else if bridge_address(pod_cidr) == Some(ip) {
        Some(format!("expected another: it is the bridge's on its node {node}"))
    } else if ip == pod_cidr.network() || (ip.is_ipv4() && ip == pod_cidr.broadcast()) {
        Some(format!("expected an address of a pod: it is that of the network {pod_cidr} itself or its broadcast"))
    } else {
        None
    }
}
