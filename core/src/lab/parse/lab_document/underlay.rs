//! `underlay`: how large a packet the network between the nodes takes.

use std::ops::RangeInclusive;

use crate::base::BTreeMap;
use crate::lab::CniMode;
use crate::lab::parse::fields::{Fields, int};

/// The smallest MTU that IPv4 allows.
const SMALLEST: usize = 68;
/// From there to the largest packet there is.
const MTUS: RangeInclusive<i128> = 68..=65_535;

/// `mtu`, which must leave enough for pods when the network provider has taken its part.
pub(super) fn mtu(fields: &Fields<'_>, cni: CniMode) -> Option<usize> {
    let read = |node| int(node).filter(|mtu| MTUS.contains(mtu)).and_then(|mtu| mtu.try_into().ok());
    let mtu = fields.read("mtu", "a number of bytes 68-65535", read)?;
    let pod_mtu = cni.pod_route_mtu(mtu);
    if pod_mtu < SMALLEST {
        let text = format!(
            "mtu: found {mtu}, of which {} leaves pods {pod_mtu}, expected {SMALLEST} at least for pods",
            cni.name()
        );
        fields.problems().error(fields.at("mtu"), text);
        return None;
    }
    Some(mtu)
}

/// `nodes`: the MTU of each node that has its own. Whether there is such a node is checked with the nodes.
pub(super) fn node_mtus(underlay: &Fields<'_>, cni: CniMode) -> BTreeMap<String, usize> {
    underlay.only("underlay", &["mtu", "nodes"]);
    let nodes = underlay.mapping("nodes");
    let of = |(name, _, _): (&str, _, _)| {
        let node = nodes.mapping(name);
        node.only("underlay.nodes", &["mtu"]);
        Some((name.to_owned(), mtu(&node, cni)?))
    };
    nodes.entries().filter_map(of).collect()
}
