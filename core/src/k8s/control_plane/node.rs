//! One node as the programs on it keep it: from nothing when somebody first needs it, and from then on bit by bit.

use std::sync::{Arc, OnceLock};

use crate::base::{BTreeMap, Place};
use crate::k8s::cni::{self, ClusterNet, NodeNet};
use crate::k8s::kube_proxy::{HealthServer, Proxier, ServicePorts};
use crate::k8s::node_cache::NodeCache;
use crate::k8s::objects::Pod;
use crate::k8s::{ingress, kubelet};
use crate::net::{DevRef, NsId, Proxy, Topology, Unfinished};

/// What the kubelet, the CNI plugin and kube-proxy of one node know.
#[derive(Clone, Debug)]
pub struct NodeAgents {
    /// The node's namespace.
    pub ns: NsId,
    /// What the plugin knows of the node.
    pub net: NodeNet,
    /// The node's NIC.
    pub nic: DevRef,
    /// What the plugin knows of the cluster.
    pub cluster: Arc<ClusterNet>,
    /// The pods that run when the run begins.
    pub pods: Arc<Vec<Pod>>,
    /// What their kernels have instead of the defaults, by place.
    pub sysctls: Arc<Vec<(Place, BTreeMap<String, String>)>>,
    /// kube-proxy, which has written nothing yet, if there is one.
    pub proxier: Option<Proxier>,
    /// What kube-proxy has heard.
    pub ports: Arc<ServicePorts>,
    /// Whether kube-proxy has stopped, and hears of nothing any more.
    pub is_stopped: bool,
    /// NodeLocal DNSCache, if it is installed.
    pub node_cache: Option<NodeCache>,
    /// What the ingress controllers serve by, if there are any.
    pub ingress: Option<Arc<Proxy>>,
    /// Seed of what kernels draw.
    pub seed: u64,
    /// kube-proxy as it is once it has written everything.
    pub synced: Arc<OnceLock<Proxier>>,
    /// The same, once it has written again.
    pub live: Option<Option<Proxier>>,
}

impl NodeAgents {
    /// Everything that is to be done on the node, for later.
    #[must_use]
    pub fn unfinished(&self) -> Unfinished {
        let agents = self.clone();
        Unfinished::new(move |topo| agents.program(topo))
    }

    /// Cilium's agent answers them in kube-proxy's place; kube-proxy does it itself.
    pub(super) fn answer_health_checks(&self, topo: &mut Topology) {
        if self.cluster.cilium.as_ref().is_some_and(|cilium| cilium.kube_proxy_replacement) {
            HealthServer::Cilium.sync(&mut topo.ns_mut(self.ns).sockets, self.net.place.short(), &self.ports);
        }
    }

    /// Writes everything.
    fn program(&self, topo: &mut Topology) {
        cni::program_node(topo, self.ns, &self.net, &self.cluster, &self.nic);
        // A critical pod is there before others, and has its ports before them.
        if let Some(node_cache) = &self.node_cache {
            node_cache.start(topo.ns_mut(self.ns));
        }
        for pod in self.pods.iter() {
            kubelet::run_pod(topo, self.ns, &self.net, &self.cluster, pod, self.seed);
        }
        if let Some(proxy) = &self.ingress {
            ingress::configure(topo, self.ns, &self.pods, proxy);
        }
        for (place, settings) in self.sysctls.iter() {
            if let Some(pod) = topo.find(place) {
                topo.ns_mut(pod).sysctls.apply(settings);
            }
        }
        if let Some(mut proxier) = self.proxier.clone() {
            proxier.sync(topo.ns_mut(self.ns), &self.ports);
            // A copy of these machines that is finished too has written the same.
            let _ = self.synced.set(proxier);
        }
        self.answer_health_checks(topo);
        cni::program_rules(topo.ns_mut(self.ns), &self.net, &self.cluster);
        // It starts when the service that it asks is there, and so after the others.
        if let Some(node_cache) = &self.node_cache {
            node_cache.write_rules(&mut topo.ns_mut(self.ns).netfilter);
        }
    }
}
