//! kube-proxy on one node: what it has written so far, and how that is made true again.
//!
//! Models pkg/proxy's Proxier of each mode: the first sync writes everything, later ones what has changed.

use std::net::IpAddr;
use std::sync::Arc;

use super::{HealthServer, ProxyConfig, ServicePort, iptables};
use crate::net::NetNs;

/// The back end of kube-proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProxyMode {
    /// Rules of iptables.
    #[default]
    Iptables,
    /// Virtual servers of IPVS.
    Ipvs,
    /// Verdict maps of nftables.
    Nftables,
    /// No kube-proxy.
    None,
}

impl ProxyMode {
    /// Every mode with its name in the document.
    pub const ALL: [(&'static str, Self); 4] =
        [("iptables", Self::Iptables), ("ipvs", Self::Ipvs), ("nftables", Self::Nftables), ("none", Self::None)];
}

/// All service ports that have a clusterIP, by name and protocol. A port that has not changed is the same allocation in
/// the next list, which is how a sync finds what has.
pub type ServicePorts = Vec<Arc<ServicePort>>;

/// kube-proxy on one node.
#[derive(Clone, Debug)]
pub struct Proxier {
    config: ProxyConfig,
    backend: Backend,
}

#[derive(Clone, Debug)]
enum Backend {
    Iptables,
}

impl Proxier {
    /// kube-proxy in `mode`, which has written nothing yet; `None` where there is none.
    #[must_use]
    pub fn new(mode: ProxyMode, config: ProxyConfig) -> Option<Self> {
        let backend = match mode {
            ProxyMode::Iptables => Backend::Iptables,
            ProxyMode::Ipvs | ProxyMode::Nftables | ProxyMode::None => return None,
        };
        Some(Self { config, backend })
    }

    /// Makes the tables of its node say what `ports` say.
    pub fn sync(&mut self, ns: &mut NetNs, ports: &ServicePorts) {
        HealthServer::KubeProxy.sync(&mut ns.sockets, &self.config.node_name, ports);
        let own: Vec<IpAddr> = ns.addresses().collect();
        match self.backend {
            Backend::Iptables => iptables::program(&mut ns.netfilter, &self.config, &own, ports),
        }
    }
}
