//! The Lab document against the cluster: its networks, its hosts and the places it names.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::base::Place;
use crate::k8s::objects::{Node, Objects};
use crate::lab::LabSpec;
use crate::lab::parse::documents::Stated;
use crate::lab::parse::fields::Fields;

use super::hint;
use super::nodes::reserved;

/// Widest network that is still taken to be one cluster's.
const WIDEST_CLUSTER: u8 = 8;

/// Takes `podCIDR` from the nodes where nobody states it and they are not in the default, and checks that pods and
/// services have networks of their own.
pub(in crate::lab::parse) fn networks_of_lab(spec: &mut LabSpec, nodes: &[Stated<'_, Node>], fields: &Fields<'_>) {
    let outside = |stated: &&Stated<'_, Node>| stated.object.pod_cidr.is_some_and(|net| !spec.pod_cidr.contains(&net));
    if let (None, Some(first)) = (fields.get("podCIDR"), nodes.iter().find(outside)) {
        let derived = covering(nodes.iter().filter_map(|stated| stated.object.pod_cidr));
        let taken = derived.filter(|net| net.prefix_len() >= WIDEST_CLUSTER);
        let default = spec.pod_cidr;
        let text = match taken {
            Some(net) => {
                format!("the nodes' podCIDRs are not in {default}: the cluster's podCIDR is taken to be {net}")
            }
            None => format!("the nodes' podCIDRs are not in {default}, the podCIDR of the cluster"),
        };
        first.fields.problems().note(first.fields.at("spec.podCIDR"), format!("{text}; a Lab document can state it"));
        if let Some(net) = taken {
            spec.pod_cidr = net;
            if fields.mapping("kubeProxy").raw("clusterCIDR").is_none() {
                spec.kube_proxy.cluster_cidr = Some(net);
            }
        }
    }
    let (pods, services) = (spec.pod_cidr, spec.service_cidr);
    if pods.contains(&services) || services.contains(&pods) {
        let key = if fields.get("serviceCIDR").is_some() { "serviceCIDR" } else { "podCIDR" };
        let text =
            format!("{key}: found podCIDR {pods} and serviceCIDR {services}, expected networks that do not overlap");
        fields.problems().error(fields.at(key), text);
    }
}

/// The smallest network, but none smaller than a /16, that holds all of these.
fn covering(nets: impl Iterator<Item = IpNet>) -> Option<IpNet> {
    let widest = |net: IpNet| IpNet::new(net.addr(), net.prefix_len().min(16)).ok().map(|net| net.trunc());
    nets.map(widest).reduce(|a, b| {
        let (mut a, b) = (a?, b?);
        while !a.contains(&b) {
            a = a.supernet()?;
        }
        Some(a)
    })?
}

/// Drops hosts whose address is somebody else's.
pub(in crate::lab::parse) fn hosts(spec: &mut LabSpec, nodes: &[Stated<'_, Node>], fields: &Fields<'_>) {
    let mut taken: Vec<(IpAddr, String)> = nodes
        .iter()
        .flat_map(|stated| stated.object.addresses.iter().map(|ip| (*ip, format!("node {}", stated.object.meta.name))))
        .collect();
    if let Some(upstream) = spec.dns.as_ref().and_then(|dns| dns.upstream.as_ref()) {
        taken.push((upstream.address, "host upstream, the resolver of `dns`,".to_owned()));
    }
    spec.hosts.retain(|host| {
        let address = host.address.addr();
        let whose = match (taken.iter().find(|(ip, _)| *ip == address), address) {
            (Some((_, owner)), _) => Some(format!("which {owner} has")),
            (None, IpAddr::V4(v4)) => reserved(v4).map(str::to_owned),
            (None, IpAddr::V6(_)) => None,
        };
        if let Some(whose) = &whose {
            let text = format!("address: found {address}, {whose}; expected another for host {}", host.name);
            fields.problems().error(host.span, text);
        }
        taken.push((address, format!("host {}", host.name)));
        whose.is_none()
    });
}

/// Drops what is said about nodes and places that do not exist.
pub(in crate::lab::parse) fn places(spec: &mut LabSpec, objects: &Objects, fields: &Fields<'_>) {
    let node_names: Vec<&str> = objects.nodes.iter().map(|node| node.meta.name.as_str()).collect();
    let nodes = fields.mapping("underlay").mapping("nodes");
    for (name, span, _) in nodes.entries().filter(|(name, ..)| !node_names.contains(name)) {
        let hint = hint(name, node_names.iter().copied());
        fields.problems().error(span, format!("underlay.nodes: found {name:?}, expected a node of this cluster{hint}"));
        spec.node_mtus.remove(name);
    }
    let nodes = node_names.iter().map(|name| Place::Node((*name).to_owned()));
    let pods = objects.pods.iter().map(|pod| Place::pod(&pod.meta.namespace, &pod.meta.name));
    let hosts = spec.hosts.iter().map(|host| Place::Host(host.name.clone()));
    let fabric = [Place::Router("fabric".to_owned())];
    let known: Vec<String> = nodes.chain(pods).chain(hosts).chain(fabric).map(|place| place.to_string()).collect();
    let sysctl = fields.mapping("sysctl");
    for (key, span, _) in sysctl.entries() {
        let Ok(place) = key.parse::<Place>().map(|place| place.to_string()) else { continue };
        if !known.contains(&place) {
            let hint = hint(&place, known.iter().map(String::as_str));
            fields.problems().error(span, format!("sysctl: found {place:?}, expected a place of this lab{hint}"));
            spec.sysctls.remove(&place);
        }
    }
}
