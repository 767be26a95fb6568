//! NodeLocal DNSCache in a lab: the service that it asks, its Corefile, and where it serves.
//!
//! Models cluster/addons/dns/nodelocaldns/nodelocaldns.yaml with its variables filled in as the documentation of
//! Kubernetes says, for kube-proxy in IPVS mode and in every other; what is left node-cache fills in (configmap.go).

#[cfg(test)]
mod tests;

use std::iter::once;

use ipnet::IpNet;

use super::super::dns::CLUSTER_DOMAIN;
use super::{Lab, NamesError};
use crate::k8s::controllers::{self, kube_dns_address};
use crate::k8s::coredns::{self, KUBE_DNS_UPSTREAM};
use crate::k8s::kube_proxy::ProxyMode;
use crate::k8s::node_cache::{LOCAL_DNS, NodeCache};
use crate::k8s::objects::{Objects, Service};
use crate::lab::LabSpec;

/// The note on a lab whose CNI plugin leaves node-cache out.
pub(in crate::lab) const BYPASSED: &str = "nodeLocal: without kube-proxy Cilium translates kube-dns' address at the socket, so no question of a pod reaches node-cache: pods ask CoreDNS directly, as long as no CiliumLocalRedirectPolicy leads them to the cache; that is not modelled";

/// node-cache as it runs on every node; `None` if the lab has none. Under IPVS kube-dns' address is taken: kube-ipvs0
/// has it.
pub(in crate::lab) fn node_cache(lab: &Lab) -> Option<NodeCache> {
    lab.spec.dns.as_ref().filter(|dns| dns.node_local)?;
    let kube_dns = kube_dns_address(&lab.objects.services, lab.spec.service_cidr).filter(|_| !is_ipvs(&lab.spec));
    Some(NodeCache { addresses: once(LOCAL_DNS).chain(kube_dns).collect() })
}

/// Whether pods ask it, and not kube-dns: with IPVS its address is what kubelets are told.
pub(in crate::lab) fn is_asked_by_name(spec: &LabSpec) -> bool {
    is_ipvs(spec) && spec.dns.as_ref().is_some_and(|dns| dns.node_local)
}

/// Whether no pod's question reaches it.
pub(in crate::lab) fn is_bypassed(spec: &LabSpec) -> bool {
    let is_replaced = spec.cni.is_cilium() && spec.kube_proxy.mode == ProxyMode::None;
    is_replaced && spec.dns.as_ref().is_some_and(|dns| dns.node_local)
}

fn is_ipvs(spec: &LabSpec) -> bool {
    spec.kube_proxy.mode == ProxyMode::Ipvs
}

/// Gives a cluster the service by which node-cache reaches CoreDNS. Its address comes after all others.
pub(in crate::lab) fn add_upstream(objects: &mut Objects, service_cidr: IpNet) -> Vec<NamesError> {
    if objects.services.iter().any(is_upstream) {
        return Vec::new();
    }
    objects.services.push(coredns::upstream_service());
    let unfilled = controllers::cluster_ips(&mut objects.services, service_cidr);
    controllers::endpoint_slices(objects);
    unfilled.into_iter().map(|unfilled| NamesError::Unfilled(unfilled.reason)).collect()
}

fn is_upstream(service: &Service) -> bool {
    service.meta.namespace == coredns::NAMESPACE && service.meta.name == KUBE_DNS_UPSTREAM
}

/// The Corefile that node-cache is started with.
pub(super) fn corefile(lab: &Lab, node_cache: &NodeCache) -> Option<String> {
    let services = &lab.objects.services;
    let cluster = match is_ipvs(&lab.spec) {
        true => kube_dns_address(services, lab.spec.service_cidr),
        false => services.iter().find(|service| is_upstream(service)).and_then(|service| service.cluster_ip),
    }?;
    let addresses: Vec<String> = node_cache.addresses.iter().map(ToString::to_string).collect();
    let bind = addresses.join(" ");
    let block = |zone: &str, cache: &str, forward: &str, health: &str| {
        format!(
            "{zone}:53 {{\n    errors\n    {cache}\n    reload\n    loop\n    bind {bind}\n    {forward}\n    prometheus :9253\n{health}    }}\n"
        )
    };
    let own = "cache {\n            success 9984 30\n            denial 9984 5\n    }";
    let force = format!("forward . {cluster} {{\n            force_tcp\n    }}");
    let health = format!("    health {LOCAL_DNS}:8080\n");
    Some(
        [
            block(CLUSTER_DOMAIN, own, &force, &health),
            block("in-addr.arpa", "cache 30", &force, ""),
            block("ip6.arpa", "cache 30", &force, ""),
            block(".", "cache 30", "forward . /etc/resolv.conf", ""),
        ]
        .concat(),
    )
}
