//! v1 Node.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::k8s::objects::{Node, Taint};
use crate::lab::parse::fields::{Fields, net};

use super::{ipv4, meta, text_or_empty};

pub(in crate::lab::parse) fn node(fields: &Fields<'_>) -> Option<Node> {
    let spec = fields.mapping("spec");
    let status = fields.mapping("status");
    let is_internal = |address: &Fields<'_>| address.text("type") == Some("InternalIP");
    let addresses: Vec<IpAddr> =
        status.mappings("addresses").filter(is_internal).filter_map(|address| address.ip("address")).collect();
    let taint = |taint: Fields<'_>| Taint {
        key: text_or_empty(&taint, "key"),
        value: text_or_empty(&taint, "value"),
        effect: text_or_empty(&taint, "effect"),
    };
    Some(Node {
        meta: meta::cluster_wide(fields)?,
        addresses,
        pod_cidr: pod_cidr(&spec),
        unschedulable: spec.flag("unschedulable").unwrap_or(false),
        taints: spec.mappings("taints").map(taint).collect(),
    })
}

fn pod_cidr(spec: &Fields<'_>) -> Option<IpNet> {
    let others = spec.read_all("podCIDRs", "a network like 10.244.0.0/24", net);
    ipv4(spec, "podCIDR", spec.net("podCIDR"), others, |net| net.addr().is_ipv4())
}
