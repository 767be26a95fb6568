//! The `kubehop.dev/v1 Lab` document: what manifests cannot say.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::base::Span;
pub use crate::k8s::cni::CniMode;

/// `Lab.spec`, complete: every field has its value or its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabSpec {
    /// `metadata.name`.
    pub name: String,
    /// `cni.plugin` and `cni.mode`.
    pub cni: CniMode,
    /// `cni.bridge`.
    pub bridge: String,
    /// `podCIDR`.
    pub pod_cidr: IpNet,
    /// `serviceCIDR`.
    pub service_cidr: IpNet,
    /// `underlay.mtu`, bytes.
    pub mtu: usize,
    /// `underlay.nodes.NAME.mtu`, bytes.
    pub node_mtus: BTreeMap<String, usize>,
    /// `hosts`.
    pub hosts: Vec<HostSpec>,
    /// `sysctl`: by place, then by path.
    pub sysctls: BTreeMap<String, BTreeMap<String, String>>,
}

/// A machine outside the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSpec {
    /// Name.
    pub name: String,
    /// Address with its prefix length.
    pub address: IpNet,
    /// Where it stands.
    pub span: Span,
}

impl Default for LabSpec {
    fn default() -> Self {
        let net = |a, b, len| {
            IpNet::new(IpAddr::from([a, b, 0, 0]), len).expect("a constant prefix length below 32 is a network")
        };
        Self {
            name: "lab".to_owned(),
            cni: CniMode::default(),
            bridge: "cbr0".to_owned(),
            pod_cidr: net(10, 244, 16),
            service_cidr: net(10, 96, 12),
            mtu: 1500,
            node_mtus: BTreeMap::new(),
            hosts: Vec::new(),
            sysctls: BTreeMap::new(),
        }
    }
}
