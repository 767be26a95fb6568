//! kube-proxy on one node: what it has written so far, and how that is made true again.
//!
//! Models pkg/proxy's Proxier of each mode: the first sync writes everything, later ones what has changed.

use std::net::IpAddr;
use std::sync::Arc;

use super::{HealthServer, ProxyConfig, ServicePort, conntrack, iptables, ipvs, nftables};
use crate::net::NetNs;
use crate::netfilter::Connection;

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

/// What a sync has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sync {
    /// Whether everything was written; otherwise only what had changed, and what all services share.
    pub full: bool,
    /// The service ports that are new, different or gone since the last sync, by name; all of them after a full one.
    pub changed: Vec<String>,
    /// How many chains or their like were written.
    pub n_chains: usize,
    /// How many rules or their like were written.
    pub n_rules: usize,
    /// Chains that nothing leads to any more, and that were removed.
    pub deleted_chains: Vec<Arc<str>>,
    /// Connections that led to endpoints that no longer serve, and were forgotten. One that had run out unseen is among
    /// them: see its `expires`.
    pub conntrack: Vec<Connection>,
}

impl Sync {
    /// A chain with so many rules was written.
    pub(super) fn count(&mut self, n_rules: usize) {
        self.n_chains += 1;
        self.n_rules += n_rules;
    }
}

/// kube-proxy on one node.
#[derive(Clone, Debug)]
pub struct Proxier {
    config: ProxyConfig,
    backend: Backend,
}

#[derive(Clone, Debug)]
enum Backend {
    Iptables(iptables::Written),
    Ipvs(ipvs::State),
    Nftables(nftables::Written),
}

impl Proxier {
    /// kube-proxy in `mode`, which has written nothing yet; `None` where there is none.
    #[must_use]
    pub fn new(mode: ProxyMode, config: ProxyConfig) -> Option<Self> {
        let backend = match mode {
            ProxyMode::Iptables => Backend::Iptables(iptables::Written::default()),
            ProxyMode::Ipvs => Backend::Ipvs(ipvs::State::default()),
            ProxyMode::Nftables => Backend::Nftables(nftables::Written::default()),
            ProxyMode::None => return None,
        };
        Some(Self { config, backend })
    }

    /// Makes the tables of its node say what `ports` say, and says what it has done.
    pub fn sync(&mut self, ns: &mut NetNs, ports: &ServicePorts) -> Sync {
        HealthServer::KubeProxy.sync(&mut ns.sockets, &self.config.node_name, ports);
        let own: Vec<IpAddr> = ns.addresses().collect();
        let mut done = match &mut self.backend {
            Backend::Iptables(written) => iptables::sync(written, ns, &self.config, &own, ports),
            Backend::Ipvs(state) => ipvs::sync(state, ns, &self.config, ports),
            Backend::Nftables(written) => nftables::sync(written, ns, &self.config, &own, ports),
        };
        done.conntrack = conntrack::clean(&mut ns.netfilter.conntrack, ports);
        done
    }
}
