//! Addresses: of nodes, of the nodes' pod networks, and of pods.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::k8s::objects::{Node, Objects};

use super::ranges::{hosts_from, nth};
use super::{Shortage, Unfilled};

/// kube-controller-manager's --node-cidr-mask-size, per family.
const NODE_PREFIX_V4: u8 = 24;
const NODE_PREFIX_V6: u8 = 64;

/// Gives every node without an address the next of 172.18.0.2, 172.18.0.3, …, in subnets of /24.
///
/// `taken` are addresses of others on the same wires. A subnet's `.1` is the fabric's router.
pub fn node_addresses(nodes: &mut [Node], taken: &BTreeSet<IpAddr>) -> Vec<Unfilled> {
    let taken: BTreeSet<IpAddr> =
        nodes.iter().flat_map(|node| &node.addresses).copied().chain(taken.iter().copied()).collect();
    let mut free = (0..=255)
        .flat_map(|subnet| (2..=254).map(move |host| IpAddr::from(Ipv4Addr::new(172, 18, subnet, host))))
        .filter(|address| !taken.contains(address));
    let mut unfilled = Vec::new();
    for node in nodes.iter_mut().filter(|node| node.addresses.is_empty()) {
        match free.next() {
            Some(address) => node.addresses.push(address),
            None => {
                unfilled.push(Unfilled { span: node.meta.span, reason: Shortage::NodeAddress(node.meta.name.clone()) })
            }
        }
    }
    unfilled
}

/// Gives every node without a podCIDR the next free /24 of `cluster`. Models the RangeAllocator of nodeipam.
pub fn pod_cidrs(nodes: &mut [Node], cluster: IpNet) -> Vec<Unfilled> {
    let prefix = match cluster {
        IpNet::V4(_) => NODE_PREFIX_V4,
        IpNet::V6(_) => NODE_PREFIX_V6,
    };
    let taken: Vec<IpNet> = nodes.iter().filter_map(|node| node.pod_cidr).collect();
    let mut free = cluster
        .subnets(prefix)
        .into_iter()
        .flatten()
        .filter(|subnet| !taken.iter().any(|taken| taken.contains(subnet) || subnet.contains(taken)));
    let mut unfilled = Vec::new();
    for node in nodes.iter_mut().filter(|node| node.pod_cidr.is_none()) {
        node.pod_cidr = free.next();
        if node.pod_cidr.is_none() {
            let reason = Shortage::PodCidr { node: node.meta.name.clone(), prefix, cluster };
            unfilled.push(Unfilled { span: node.meta.span, reason });
        }
    }
    unfilled
}

/// The first address of a node's podCIDR: its bridge's.
#[must_use]
pub fn bridge_address(pod_cidr: IpNet) -> Option<IpAddr> {
    nth(pod_cidr, 1)
}

/// The addresses that pods of a node may have: all but the network's own, the bridge's and the broadcast.
pub fn pod_addresses(pod_cidr: IpNet) -> impl Iterator<Item = IpAddr> {
    hosts_from(pod_cidr, 2)
}

/// Gives every pod that runs and has no IP the lowest free one of its node. Models the host-local plugin without its
/// memory of addresses given before. A pod in its node's network has the node's address.
pub fn pod_ips(objects: &mut Objects) -> Vec<Unfilled> {
    let taken: BTreeSet<IpAddr> =
        objects.pods.iter().filter(|pod| !pod.host_network).filter_map(|pod| pod.pod_ip).collect();
    let mut free: BTreeMap<&str, _> = BTreeMap::new();
    for node in &objects.nodes {
        let addresses = node.pod_cidr.into_iter().flat_map(pod_addresses).filter(|ip| !taken.contains(ip));
        free.insert(&node.meta.name, (node, addresses));
    }
    let mut unfilled = Vec::new();
    for pod in objects.pods.iter_mut().filter(|pod| !pod.finished) {
        let Some((node, free)) = free.get_mut(pod.node_name.as_str()) else { continue };
        if pod.host_network {
            pod.pod_ip = node.addresses.first().copied();
        } else if pod.pod_ip.is_none() {
            pod.pod_ip = free.next();
            if let (None, Some(pod_cidr)) = (pod.pod_ip, node.pod_cidr) {
                let pod_name = format!("{}/{}", pod.meta.namespace, pod.meta.name);
                let reason = Shortage::PodIp { pod: pod_name, node: pod.node_name.clone(), pod_cidr };
                unfilled.push(Unfilled { span: pod.meta.span, reason });
            }
        }
    }
    unfilled
}
