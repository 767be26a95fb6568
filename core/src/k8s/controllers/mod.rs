//! What a real cluster would fill in: addresses, pods, node ports, slices.
//!
//! Controllers are pure functions over the objects, in file order and lowest free first, so that a reader can predict
//! every value. They run in this order: [`node_addresses`], [`pod_cidrs`], [`create_pods`], [`schedule`], [`pod_ips`],
//! [`cluster_ips`], [`node_ports`], [`endpoint_slices`]. They trust what is stated; checking it is the lab's.

mod endpoint_slice;
#[cfg(test)]
mod fixtures;
mod ipam;
mod ranges;
mod scheduler;
mod service;
mod workload;

use ipnet::IpNet;
use thiserror::Error;

use crate::base::Span;

pub use endpoint_slice::endpoint_slices;
pub(in crate::k8s) use endpoint_slice::{empty_slice, slices};
pub use ipam::{bridge_address, node_addresses, pod_addresses, pod_cidrs, pod_ips};
pub use scheduler::schedule;
pub(in crate::k8s) use scheduler::takes;
pub use service::{KUBE_DNS, cluster_ips, is_kube_dns, kube_dns_address, kube_dns_default, node_ports};
pub use workload::{MAX_REPLICAS, create_pods};
pub(in crate::k8s) use workload::{daemon_fits, pod};

/// Something that could not be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfilled {
    /// The object that lacks it.
    pub span: Span,
    /// What it lacks, and why.
    pub reason: Shortage,
}

/// What there was not enough of.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Shortage {
    /// All node addresses are taken.
    #[error("no address is left for node {0} in 172.18.0.0/16")]
    NodeAddress(String),
    /// The cluster's pod network has no subnet left.
    #[error("no /{prefix} is left for node {node} in podCIDR {cluster}")]
    PodCidr {
        /// The node.
        node: String,
        /// The prefix length it should have had.
        prefix: u8,
        /// The cluster's network.
        cluster: IpNet,
    },
    /// The node's network has no address left.
    #[error("no IP is left for pod {pod} in {pod_cidr}, the podCIDR of node {node}")]
    PodIp {
        /// The pod as `NAMESPACE/NAME`.
        pod: String,
        /// Its node.
        node: String,
        /// That node's network.
        pod_cidr: IpNet,
    },
    /// No node takes the pod.
    #[error("no node takes pod {0}: each is cordoned, tainted or not selected; it stays Pending")]
    Node(String),
    /// A workload wants more pods than any lab could hold.
    #[error("{workload} wants {replicas} replicas, more than the {limit} that a lab can hold")]
    Replicas {
        /// The workload as `NAMESPACE/NAME`.
        workload: String,
        /// What it wants.
        replicas: u32,
        /// The most there can be.
        limit: u32,
    },
    /// The service network has no address left.
    #[error("no clusterIP is left for service {service} in serviceCIDR {range}")]
    ClusterIp {
        /// The service as `NAMESPACE/NAME`.
        service: String,
        /// The service network.
        range: IpNet,
    },
    /// All node ports are taken.
    #[error("no node port is left for service {0} in 30000-32767")]
    NodePort(String),
}
