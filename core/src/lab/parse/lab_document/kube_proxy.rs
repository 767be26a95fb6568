//! `kubeProxy`: the fields of KubeProxyConfiguration that packets notice.

use ipnet::IpNet;

use crate::k8s::kube_proxy::ProxyMode;
use crate::lab::parse::fields::{Fields, net, text};
use crate::lab::spec::KubeProxySpec;
use crate::netfilter::Scheduler;

const KNOWN: [&str; 6] = ["mode", "clusterCIDR", "masqueradeAll", "localhostNodePorts", "nodePortAddresses", "ipvs"];

pub(super) fn kube_proxy(fields: &Fields<'_>, pod_cidr: IpNet) -> KubeProxySpec {
    fields.only("kubeProxy", &KNOWN);
    let mode = |node| ProxyMode::ALL.iter().find(|(name, _)| Some(*name) == text(node)).map(|(_, mode)| *mode);
    let ipvs = fields.mapping("ipvs");
    ipvs.only("kubeProxy.ipvs", &["scheduler"]);
    let scheduler = |node| Scheduler::ALL.iter().find(|(name, _)| Some(*name) == text(node)).map(|(_, it)| *it);
    KubeProxySpec {
        mode: fields.read("mode", "iptables, ipvs, nftables or none", mode).unwrap_or_default(),
        cluster_cidr: match fields.raw("clusterCIDR") {
            Some(node) if node.is_null() => None,
            _ => Some(fields.net("clusterCIDR").unwrap_or(pod_cidr)),
        },
        masquerade_all: fields.flag("masqueradeAll").unwrap_or(false),
        localhost_node_ports: fields.flag("localhostNodePorts").unwrap_or(true),
        node_port_addresses: fields.read_all("nodePortAddresses", "a network like 172.18.0.0/24", net),
        ipvs_scheduler: ipvs.read("scheduler", "rr, wrr, lc or sh", scheduler).unwrap_or_default(),
    }
}
