//! The `kubehop.dev/v1 Lab` document: unlike Kubernetes objects it is ours, so what it says must be known.

mod cni;
mod dns;
mod fabric;
mod hosts;
mod kube_proxy;
mod sysctl;
mod underlay;

use crate::lab::spec::LabSpec;

use super::fields::Fields;

/// `metadata.name`; says what does not belong beside `spec`.
pub(super) fn name(document: Fields<'_>) -> Option<&str> {
    document.only("Lab", &["apiVersion", "kind", "metadata", "spec"]);
    let metadata = document.mapping("metadata");
    metadata.only("metadata", &["name", "labels", "annotations"]);
    metadata.text("name")
}

/// `spec` with its defaults. Fields that are wrong have their defaults too.
pub(super) fn lab_spec(name: Option<&str>, spec: &Fields<'_>) -> LabSpec {
    spec.only("spec", &["cni", "podCIDR", "serviceCIDR", "underlay", "kubeProxy", "hosts", "fabric", "dns", "sysctl"]);
    let default = LabSpec::default();
    let cni_fields = spec.mapping("cni");
    let cni = cni::mode(&cni_fields).unwrap_or_default();
    let underlay = spec.mapping("underlay");
    let pod_cidr = spec.ipv4_net("podCIDR").unwrap_or(default.pod_cidr);
    LabSpec {
        name: name.map_or(default.name, str::to_owned),
        cni,
        bridge: cni::bridge(&cni_fields).map_or(default.bridge, str::to_owned),
        pod_cidr,
        service_cidr: spec.ipv4_net("serviceCIDR").unwrap_or(default.service_cidr),
        mtu: underlay::mtu(&underlay, cni).unwrap_or(default.mtu),
        node_mtus: underlay::node_mtus(&underlay, cni),
        hosts: hosts::hosts(spec),
        fabric: fabric::fabric(&spec.mapping("fabric")),
        kube_proxy: kube_proxy::kube_proxy(&spec.mapping("kubeProxy"), pod_cidr),
        dns: spec.get("dns").map(|_| dns::dns(&spec.mapping("dns"))),
        sysctls: sysctl::sysctls(&spec.mapping("sysctl")),
    }
}
