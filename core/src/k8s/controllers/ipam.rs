//! Addresses: of nodes, of the nodes' pod networks, and of pods.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::base::{BTreeMap, BTreeSet};
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
    let pod_cidrs: Vec<IpNet> = nodes.iter().filter_map(|node| node.pod_cidr).collect();
    let mut free = (0..=255)
        .flat_map(|subnet| (2..=254).map(move |host| IpAddr::from(Ipv4Addr::new(172, 18, subnet, host))))
        .filter(|address| !taken.contains(address) && !pod_cidrs.iter().any(|net| net.contains(address)));
    let mut unfilled = Vec::new();
    for node in nodes.iter_mut().filter(|node| node.addresses.is_empty()) {
        match free.next() {
            Some(address) => node.addresses.push(address),
            None => {
                let reason = Shortage::NodeAddress(node.meta.name.clone());
                unfilled.push(Unfilled { span: node.meta.span, reason });
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
    let addresses = nodes.iter().flat_map(|node| &node.addresses).map(|address| IpNet::from(*address));
    let taken: Vec<IpNet> = nodes.iter().filter_map(|node| node.pod_cidr).chain(addresses).collect();
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

#[cfg(test)]
mod tests {
    use crate::base::BTreeSet;

    use super::super::fixtures::{lines, node, pod, two_nodes};
    use super::{node_addresses, pod_cidrs, pod_ips};

    #[test]
    fn nodes_get_the_lowest_address_that_nobody_has() {
        let mut nodes = ["", "172.18.0.2", "", "10.0.0.9", ""].map(|address| node("n", address, ""));
        let host = BTreeSet::from(["172.18.0.4".parse().expect("an address")]);
        assert_eq!(node_addresses(&mut nodes, &host), []);
        let addresses: Vec<String> = nodes.iter().map(|node| node.addresses[0].to_string()).collect();
        assert_eq!(addresses, ["172.18.0.3", "172.18.0.2", "172.18.0.5", "10.0.0.9", "172.18.0.6"]);
    }

    #[test]
    fn after_a_full_subnet_comes_the_next() {
        let mut nodes = vec![node("n", "", ""); 254];
        assert_eq!(node_addresses(&mut nodes, &BTreeSet::new()), []);
        let last: Vec<String> = nodes[252..].iter().map(|node| node.addresses[0].to_string()).collect();
        assert_eq!(last, ["172.18.0.254", "172.18.1.2"]);
    }

    #[test]
    fn networks_of_pods_are_the_next_free_and_end_with_the_cluster() {
        let mut nodes = ["", "10.244.0.0/24", "", "10.244.2.0/23", ""].map(|pod_cidr| node("n", "", pod_cidr));
        assert_eq!(pod_cidrs(&mut nodes, "10.244.0.0/16".parse().expect("a network")), []);
        let networks: Vec<String> = nodes.iter().map(|node| node.pod_cidr.expect("a network").to_string()).collect();
        assert_eq!(networks, ["10.244.1.0/24", "10.244.0.0/24", "10.244.4.0/24", "10.244.2.0/23", "10.244.5.0/24"]);
        let mut nodes = vec![node("a", "", ""), node("b", "", "")];
        let missing = pod_cidrs(&mut nodes, "10.244.0.0/24".parse().expect("a network"));
        assert_eq!(missing[0].reason.to_string(), "no /24 is left for node b in podCIDR 10.244.0.0/24");
        let mut nodes = vec![node("a", "", "")];
        assert_eq!(pod_cidrs(&mut nodes, "10.244.0.0/28".parse().expect("a network")).len(), 1, "smaller than a /24");
    }

    #[test]
    fn pods_get_the_lowest_address_of_their_node() {
        let mut objects = two_nodes();
        let stated = pod("stated", 1, "x", "a", "10.244.0.3");
        let mut host = pod("host", 1, "x", "b", "");
        host.host_network = true;
        let mut finished = pod("finished", 1, "x", "b", "");
        finished.finished = true;
        let others = ["a", "a", "b"].map(|node| pod("other", 1, "x", node, ""));
        objects.pods = [stated, host, finished].into_iter().chain(others).collect();
        assert_eq!(pod_ips(&mut objects), []);
        let expected = [
            "stated a 10.244.0.3",
            "host b 172.18.0.3",
            "finished b",
            "other a 10.244.0.2",
            "other a 10.244.0.4",
            "other b 10.244.1.2",
        ];
        assert_eq!(lines(&objects.pods), expected);
    }
}
