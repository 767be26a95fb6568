//! The `kubehop.dev/v1 Lab` document: what manifests cannot say.

mod fabric;

use std::net::IpAddr;

use ipnet::IpNet;

use crate::base::{BTreeMap, Span};
pub use crate::k8s::cni::CniMode;
use crate::k8s::kube_proxy::ProxyMode;
use crate::netfilter::Scheduler;
use crate::wire::DnsRecord;
pub use fabric::{FabricSpec, FilterSite, FilterSpec, NestedSpec, RackSpec};

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
    /// `fabric`.
    pub fabric: FabricSpec,
    /// `kubeProxy`.
    pub kube_proxy: KubeProxySpec,
    /// `dns`, if the document has that section.
    pub dns: Option<DnsSpec>,
    /// `sysctl`: by place, then by path.
    pub sysctls: BTreeMap<String, BTreeMap<String, String>>,
}

/// `kubeProxy`: how services are translated on the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeProxySpec {
    /// `mode`.
    pub mode: ProxyMode,
    /// `clusterCIDR`: what counts as local traffic; `podCIDR` unless stated, `None` for `null`.
    pub cluster_cidr: Option<IpNet>,
    /// `masqueradeAll`.
    pub masquerade_all: bool,
    /// `localhostNodePorts`.
    pub localhost_node_ports: bool,
    /// `nodePortAddresses`; empty for every address of the node.
    pub node_port_addresses: Vec<IpNet>,
    /// `ipvs.scheduler`.
    pub ipvs_scheduler: Scheduler,
}

/// `dns`: CoreDNS and the resolver it forwards to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsSpec {
    /// `corefile`; `None` for kubeadm's.
    pub corefile: Option<String>,
    /// `upstream`.
    pub upstream: Option<UpstreamSpec>,
    /// `nodeLocal`: node-cache on every node.
    pub node_local: bool,
}

/// `dns.upstream`: the resolver outside, the machine `host/upstream`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSpec {
    /// `address`.
    pub address: IpAddr,
    /// `records`: `example.com. 300 IN A 93.184.216.34`.
    pub records: Vec<DnsRecord>,
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
            fabric: FabricSpec::default(),
            kube_proxy: KubeProxySpec {
                mode: ProxyMode::default(),
                cluster_cidr: Some(net(10, 244, 16)),
                masquerade_all: false,
                localhost_node_ports: true,
                node_port_addresses: Vec::new(),
                ipvs_scheduler: Scheduler::default(),
            },
            dns: None,
            sysctls: BTreeMap::new(),
        }
    }
}
