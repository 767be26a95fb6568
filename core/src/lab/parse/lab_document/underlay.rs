//! `underlay`: how large a packet the network between the nodes takes.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::lab::parse::fields::{Fields, int};

/// From the smallest MTU that IPv4 allows to the largest packet there is.
const MTUS: RangeInclusive<i128> = 68..=65_535;

pub(super) fn mtu(fields: &Fields<'_>) -> Option<usize> {
    fields.read("mtu", "a number of bytes 68-65535", |node| {
        int(node).filter(|mtu| MTUS.contains(mtu)).and_then(|mtu| mtu.try_into().ok())
    })
}

/// `nodes`: the MTU of each node that has its own. Whether there is such a node is checked with the nodes.
pub(super) fn node_mtus(underlay: &Fields<'_>) -> BTreeMap<String, usize> {
    underlay.only("underlay", &["mtu", "nodes"]);
    let nodes = underlay.mapping("nodes");
    let of = |(name, _, _): (&str, _, _)| {
        let node = nodes.mapping(name);
        node.only("underlay.nodes", &["mtu"]);
        Some((name.to_owned(), mtu(&node)?))
    };
    nodes.entries().filter_map(of).collect()
}
