//! The CNI plugin host-local: which address of its range a node hands out next.
//!
//! Models plugins/ipam/host-local/backend/allocator: it goes on from the last address that it has handed out and comes
//! back to the first at the end, so that an address that was given back is not given again soon. Calico's blocks and
//! Cilium's pools do alike, and are taken for the same.

use std::net::IpAddr;

use crate::base::{BTreeMap, BTreeSet};
use crate::k8s::controllers::pod_addresses;
use crate::k8s::objects::{Node, Objects, Pod};

use super::store::ObjectRef;

/// The reservations of all nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Ipam {
    /// `last_reserved_ip.0`, by node.
    last: BTreeMap<String, IpAddr>,
    /// Addresses of sandboxes of which the API has not heard.
    pub(super) sandboxes: BTreeMap<ObjectRef, IpAddr>,
}

impl Ipam {
    /// Reserves an address of `node` for `pod`; `None` if there is none left.
    pub(super) fn reserve(&mut self, node: &Node, objects: &Objects, pod: &ObjectRef) -> Option<IpAddr> {
        let pod_cidr = node.pod_cidr?;
        let is_here = |other: &&Pod| other.node_name == node.meta.name && !other.host_network && !other.finished;
        let known = objects.pods.iter().filter(is_here).filter_map(|other| other.pod_ip);
        let taken: BTreeSet<IpAddr> = known.chain(self.sandboxes.values().copied()).collect();
        // Those that are there when the run begins have got their addresses one after the other.
        let last = self
            .last
            .get(&node.meta.name)
            .copied()
            .or_else(|| taken.iter().copied().filter(|ip| pod_cidr.contains(ip)).max());
        let after = pod_addresses(pod_cidr).filter(|ip| last.is_none_or(|last| *ip > last));
        let ip = after.chain(pod_addresses(pod_cidr)).find(|ip| !taken.contains(ip))?;
        self.last.insert(node.meta.name.clone(), ip);
        self.sandboxes.insert(pod.clone(), ip);
        Some(ip)
    }
}

#[cfg(test)]
mod tests {
    use super::super::store::Kind;
    use super::*;

    fn pod(name: &str, ip: Option<&str>) -> Pod {
        let pod_ip = ip.map(|ip| ip.parse().unwrap());
        let mut pod = Pod { node_name: "a".to_owned(), pod_ip, ..Pod::default() };
        pod.meta.name = name.to_owned();
        pod
    }

    #[test]
    fn an_address_that_was_given_back_comes_again_only_after_all_others() {
        let mut node = Node { pod_cidr: "10.244.0.0/29".parse().ok(), ..Node::default() };
        node.meta.name = "a".to_owned();
        let mut objects = Objects::default();
        objects.pods = vec![pod("first", Some("10.244.0.2")), pod("second", Some("10.244.0.3"))];
        let mut ipam = Ipam::default();
        objects.pods.remove(0);
        let mut reserve = |name: &str| {
            let of = ObjectRef::of(Kind::Pod, &pod(name, None).meta);
            ipam.reserve(&node, &objects, &of).map(|ip| ip.to_string()).unwrap_or_default()
        };
        let reserved: Vec<String> = ["third", "fourth", "fifth", "sixth", "seventh"].map(&mut reserve).into();
        assert_eq!(reserved, ["10.244.0.4", "10.244.0.5", "10.244.0.6", "10.244.0.2", ""]);
    }
}
