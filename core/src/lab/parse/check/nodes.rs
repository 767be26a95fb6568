//! Nodes: their addresses and their pod networks.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::base::{BTreeMap, Span};
use crate::k8s::objects::Node;
use crate::lab::LabSpec;
use crate::lab::parse::documents::Stated;
use crate::lab::parse::fields::Fields;

/// A pod network must hold its own address, the bridge's, a pod's and the broadcast.
const LONGEST_POD_PREFIX: u8 = 30;

/// Drops addresses that a node cannot have: another node's, and those that are the fabric's in every /24.
pub(in crate::lab::parse) fn addresses(nodes: &mut [Stated<'_, Node>]) {
    let mut first: BTreeMap<IpAddr, (String, Span)> = BTreeMap::new();
    for Stated { object: node, fields } in nodes {
        let problems = fields.problems();
        let status = fields.mapping("status");
        let mut kept = Vec::new();
        for address in node.addresses.drain(..) {
            let is_it = |text: &str| text == address.to_string();
            let here = status.mappings("addresses").find(|stated| stated.text("address").is_some_and(is_it));
            let here = here.map_or(node.meta.span, |stated| stated.at("address"));
            let whose = match (address, first.get(&address)) {
                (IpAddr::V6(_), _) => {
                    problems.note(here, format!("address {address} left aside: this version walks IPv4"));
                    continue;
                }
                (_, Some((other, before))) => Some(format!("which node {other} has {}", problems.there(here, *before))),
                (IpAddr::V4(v4), None) => reserved(v4).map(str::to_owned),
            };
            match whose {
                Some(whose) => {
                    let text =
                        format!("address: found {address}, {whose}; expected another for node {}", node.meta.name);
                    problems.error(here, text);
                }
                None => {
                    first.insert(address, (node.meta.name.clone(), here));
                    kept.push(address);
                }
            }
        }
        node.addresses = kept;
    }
}

/// Whose an address is that no machine of a /24 can have.
fn reserved(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets()[3] {
        _ if address.is_loopback() || address.is_multicast() || address.is_unspecified() => {
            Some("which is no machine's")
        }
        0 => Some("which is that of its /24 itself"),
        1 => Some("which the fabric's router has"),
        255 => Some("which is the broadcast address of its /24"),
        _ => None,
    }
}

/// Drops pod networks that are not in `podCIDR`, that overlap with others, or that are too small.
pub(in crate::lab::parse) fn networks(nodes: &mut [Stated<'_, Node>], spec: &LabSpec, spec_fields: &Fields<'_>) {
    let addresses: Vec<(IpAddr, String)> = nodes
        .iter()
        .flat_map(|stated| stated.object.addresses.iter().map(|ip| (*ip, stated.object.meta.name.clone())))
        .collect();
    let mut kept: Vec<(IpNet, String, Span)> = Vec::new();
    for Stated { object: node, fields } in nodes {
        let Some(pod_cidr) = node.pod_cidr else { continue };
        let here = fields.at("spec.podCIDR");
        let overlaps = |other: &IpNet| other.contains(&pod_cidr) || pod_cidr.contains(other);
        let wrong = if pod_cidr.prefix_len() > LONGEST_POD_PREFIX {
            Some(format!("one with room for pods: /{LONGEST_POD_PREFIX} at most"))
        } else if let Some((net, other, before)) = kept.iter().find(|(net, ..)| overlaps(net)) {
            let there = fields.problems().there(here, *before);
            Some(format!("one that does not overlap with {net} of node {other} {there}"))
        } else if spec_fields.get("podCIDR").is_some() && !spec.pod_cidr.contains(&pod_cidr) {
            Some(format!("one in {}, the podCIDR of the cluster", spec.pod_cidr))
        } else if spec_fields.get("serviceCIDR").is_some() && overlaps(&spec.service_cidr) {
            Some(format!("one that does not overlap with serviceCIDR {}", spec.service_cidr))
        } else {
            let inside = addresses.iter().find(|(address, _)| pod_cidr.contains(address));
            inside.map(|(address, owner)| format!("one that does not hold {address}, the address of node {owner}"))
        };
        let name = node.meta.name.clone();
        match wrong {
            Some(expected) => {
                fields
                    .problems()
                    .error(here, format!("podCIDR: found {pod_cidr} for node {name}, expected {expected}"));
                node.pod_cidr = None;
            }
            None => kept.push((pod_cidr, name, here)),
        }
    }
}
