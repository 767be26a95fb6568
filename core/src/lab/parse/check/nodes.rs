//! Nodes: their addresses and their pod networks.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::base::Span;
use crate::k8s::objects::Node;
use crate::lab::LabSpec;
use crate::lab::parse::documents::Stated;

use super::there;

/// A pod network must hold its own address, the bridge's, a pod's and the broadcast.
const LONGEST_POD_PREFIX: u8 = 30;

/// Drops addresses that a node cannot have: another node's, and those that are the fabric's in every /24.
pub(in crate::lab::parse) fn addresses(nodes: &mut [Stated<'_, Node>]) {
    let mut first: BTreeMap<IpAddr, (String, Span)> = BTreeMap::new();
    for Stated { object: node, fields } in nodes {
        let problems = fields.problems();
        let at = |address: IpAddr| {
            let status = fields.mapping("status");
            let stated =
                status.mappings("addresses").find(|stated| stated.text("address") == Some(&address.to_string()));
            stated.map_or(node.meta.span, |stated| stated.at("address"))
        };
        let name = node.meta.name.clone();
        let fits = |address: &IpAddr| {
            let IpAddr::V4(v4) = address else {
                problems.note(at(*address), format!("address {address} left aside: this version walks IPv4"));
                return false;
            };
            if let Some(whose) = reserved(*v4) {
                let text = format!("found address {address}, {whose}; expected another for node {name}");
                problems.error(at(*address), text);
                return false;
            }
            match first.get(address) {
                Some((other, before)) => {
                    let here = at(*address);
                    let text = format!("found address {address}, which node {other} has {}", there(here, *before));
                    problems.error(here, format!("{text}; expected another for node {name}"));
                    false
                }
                None => true,
            }
        };
        let kept: Vec<IpAddr> = node.addresses.iter().copied().filter(fits).collect();
        for address in &kept {
            first.insert(*address, (name.clone(), at(*address)));
        }
        node.addresses = kept;
    }
}

/// Whose an address is that no machine of a /24 can have.
pub(super) fn reserved(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets()[3] {
        _ if address.is_loopback() || address.is_multicast() || address.is_unspecified() => {
            Some("which is no machine's")
        }
        0 => Some("which is that of its /24 itself"),
        1 => Some("which is the fabric router's"),
        255 => Some("which is the broadcast address of its /24"),
        _ => None,
    }
}

/// Drops pod networks that are not in `podCIDR`, that another node has, or that are too small.
pub(in crate::lab::parse) fn networks(nodes: &mut [Stated<'_, Node>], spec: &LabSpec, cluster_is_stated: bool) {
    let mut kept: Vec<(IpNet, String, Span)> = Vec::new();
    for Stated { object: node, fields } in nodes {
        let Some(pod_cidr) = node.pod_cidr else { continue };
        let here = fields.at("spec.podCIDR");
        let name = &node.meta.name;
        let other = kept.iter().find(|(other, ..)| other.contains(&pod_cidr) || pod_cidr.contains(other));
        let wrong = if pod_cidr.prefix_len() > LONGEST_POD_PREFIX {
            Some(format!("expected room for pods: at most /{LONGEST_POD_PREFIX}"))
        } else if let Some((net, other, before)) = other {
            Some(format!("expected one that is not {net} of node {other} {}", there(here, *before)))
        } else if cluster_is_stated && !spec.pod_cidr.contains(&pod_cidr) {
            Some(format!("expected one in {}, the podCIDR of the cluster", spec.pod_cidr))
        } else {
            None
        };
        match wrong {
            Some(expected) => {
                fields.problems().error(here, format!("podCIDR: found {pod_cidr} for node {name}, {expected}"));
                node.pod_cidr = None;
            }
            None => kept.push((pod_cidr, name.clone(), here)),
        }
    }
}
