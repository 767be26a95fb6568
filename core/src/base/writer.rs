//! Who wrote a row of a table: half of the lesson.

use std::fmt;

/// The program that put a row where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Writer {
    /// The kernel by itself: connected routes, learned neighbours and MAC addresses.
    Kernel,
    /// The CNI plugin or its daemon.
    Cni,
    /// kube-proxy.
    KubeProxy,
    /// The kubelet.
    Kubelet,
    /// NodeLocal DNSCache on a node.
    NodeCache,
    /// A component of the control plane, or a person by `kubectl`: objects of the API server.
    ControlPlane,
    /// The load balancer in the fabric.
    Balancer,
    /// Whoever set the machine up: node addresses, default gateways, the fabric.
    Admin,
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel",
            Self::Cni => "CNI",
            Self::KubeProxy => "kube-proxy",
            Self::Kubelet => "kubelet",
            Self::NodeCache => "node-cache",
            Self::ControlPlane => "control plane",
            Self::Balancer => "balancer",
            Self::Admin => "admin",
        })
    }
}
