//! The Lab document against the cluster: its networks, its hosts and the places it names.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::base::Place;
use crate::k8s::objects::{Node, Objects};
use crate::lab::LabSpec;
use crate::lab::parse::documents::Stated;
use crate::lab::parse::fields::Fields;

use super::fabric::machines;
use super::hint;

/// Widest network that is still taken to be one cluster's.
const WIDEST_CLUSTER: u8 = 8;

/// Takes `podCIDR` from the nodes where nobody states it and they are not in the default, and checks that pods and
/// services have networks of their own.
pub(in crate::lab::parse) fn networks_of_lab(spec: &mut LabSpec, nodes: &[Stated<'_, Node>], fields: &Fields<'_>) {
    let outside = |stated: &&Stated<'_, Node>| stated.object.pod_cidr.is_some_and(|net| !spec.pod_cidr.contains(&net));
    if let (None, Some(first)) = (fields.get("podCIDR"), nodes.iter().find(outside)) {
        let default = spec.pod_cidr;
        let derived = covering(nodes.iter().filter_map(|stated| stated.object.pod_cidr));
        if let Some(net) = derived.filter(|net| net.prefix_len() >= WIDEST_CLUSTER) {
            spec.pod_cidr = net;
            if fields.mapping("kubeProxy").raw("clusterCIDR").is_none() {
                spec.kube_proxy.cluster_cidr = Some(net);
            }
        }
        let text = format!("podCIDRs are not in {default}: the cluster's is taken to be {}", spec.pod_cidr);
        let hint = "a Lab document can state it (spec.podCIDR)";
        fields.problems().note(first.fields.at("spec.podCIDR"), format!("{text}; {hint}"));
    }
    let (pods, services) = (spec.pod_cidr, spec.service_cidr);
    let stated = ["serviceCIDR", "podCIDR"].into_iter().find(|key| fields.get(key).is_some());
    if let (Some(key), true) = (stated, pods.contains(&services) || services.contains(&pods)) {
        let expected = "expected networks that do not overlap";
        fields
            .problems()
            .error(fields.at(key), format!("{key}: found podCIDR {pods} and serviceCIDR {services}, {expected}"));
        let LabSpec { pod_cidr, service_cidr, .. } = LabSpec::default();
        (spec.pod_cidr, spec.service_cidr) = (pod_cidr, service_cidr);
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

/// Drops hosts whose name, address or network is somebody else's.
pub(in crate::lab::parse) fn hosts(spec: &mut LabSpec, nodes: &[Node], fields: &Fields<'_>) {
    let subnet = |ip: IpAddr| IpNet::new(ip, 24).map(|net| net.trunc()).unwrap_or(IpNet::from(ip));
    let of_node = |node: &Node| {
        let owner = format!("node {}", node.meta.name);
        node.addresses.iter().map(|ip| (*ip, subnet(*ip), owner.clone())).collect::<Vec<_>>()
    };
    let mut taken: Vec<(IpAddr, IpNet, String)> = nodes.iter().flat_map(of_node).collect();
    upstream_address(spec, &taken, fields);
    let upstream = spec.dns.as_ref().and_then(|dns| dns.upstream.as_ref()).map(|upstream| upstream.address);
    taken.extend(upstream.map(|ip| (ip, subnet(ip), "host upstream, the resolver of `dns`,".to_owned())));
    let (pods, services) = (spec.pod_cidr, spec.service_cidr);
    spec.hosts.retain(|host| {
        let (ip, net) = (host.address.addr(), host.address.trunc());
        let overlaps = |other: IpNet| other.contains(&net) || net.contains(&other);
        let wrong = if upstream.is_some() && host.name == "upstream" {
            Some("a name that the resolver of `dns` has; expected another".to_owned())
        } else if let Some((.., owner)) = taken.iter().find(|(other, ..)| *other == ip) {
            Some(format!("which {owner} has; expected another"))
        } else if net.hosts().next() == Some(ip) {
            Some("which the fabric's router has; expected another".to_owned())
        } else if let Some((_, other, owner)) = taken.iter().find(|(_, other, _)| overlaps(*other) && net != *other) {
            Some(format!("which overlaps with {other} of {owner}; expected the same network or another"))
        } else if overlaps(pods) || overlaps(services) {
            Some(format!(
                "which overlaps with podCIDR {pods} or serviceCIDR {services}; expected a network outside the cluster"
            ))
        } else {
            None
        };
        if let Some(wrong) = &wrong {
            fields
                .problems()
                .error(host.span, format!("hosts: found {} for host {}, {wrong}", host.address, host.name));
        } else {
            taken.push((ip, net, format!("host {}", host.name)));
        }
        wrong.is_none()
    });
}

/// Drops the resolver of `dns` if it has an address that no machine outside can have.
fn upstream_address(spec: &mut LabSpec, nodes: &[(IpAddr, IpNet, String)], fields: &Fields<'_>) {
    let Some(upstream) = spec.dns.as_ref().and_then(|dns| dns.upstream.as_ref()) else { return };
    let ip = upstream.address;
    let net = IpNet::new(ip, 24).map(|net| net.trunc()).unwrap_or(IpNet::from(ip));
    let overlaps = |other: IpNet| other.contains(&net) || net.contains(&other);
    let (pods, services) = (spec.pod_cidr, spec.service_cidr);
    let wrong = if ip.is_ipv6() {
        Some("expected an IPv4 address".to_owned())
    } else if ip.is_loopback() || ip.is_multicast() || ip.is_unspecified() {
        Some("which is no machine's; expected another".to_owned())
    } else if net.network() == ip || net.broadcast() == ip {
        Some("which is that of its /24 itself or its broadcast; expected another".to_owned())
    } else if net.hosts().next() == Some(ip) && spec.hosts.iter().any(|host| host.address.trunc() == net) {
        Some("which the fabric's router has; expected another".to_owned())
    } else if let Some((.., owner)) = nodes.iter().find(|(_, other, _)| overlaps(*other)) {
        Some(format!("which is in the network of {owner}; expected one in a /24 of its own"))
    } else if let Some(rack) = spec.fabric.racks.iter().find(|rack| rack.subnet.is_some_and(overlaps)) {
        Some(format!("which is in the network of rack {}; expected one in a /24 of its own", rack.name))
    } else if overlaps(pods) || overlaps(services) {
        Some(format!("which is in podCIDR {pods} or serviceCIDR {services}; expected one outside the cluster"))
    } else {
        None
    };
    if let Some(wrong) = wrong {
        let here = fields.mapping("dns").mapping("upstream").at("address");
        fields.problems().error(here, format!("dns.upstream.address: found {ip}, {wrong}"));
        if let Some(dns) = &mut spec.dns {
            dns.upstream = None;
        }
    }
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
    let sandboxed = objects.pods.iter().filter(|pod| !pod.finished && !pod.host_network);
    let pods = sandboxed.map(|pod| Place::pod(&pod.meta.namespace, &pod.meta.name));
    let upstream = spec.dns.as_ref().and_then(|dns| dns.upstream.as_ref()).map(|_| Place::Host("upstream".to_owned()));
    let hosts = spec.hosts.iter().map(|host| Place::Host(host.name.clone())).chain(upstream);
    let fabric = machines(spec, &objects.nodes);
    let known: Vec<String> = nodes.chain(pods).chain(hosts).chain(fabric).map(|place| place.to_string()).collect();
    super::fabric(spec, &objects.nodes, &known, fields);
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
