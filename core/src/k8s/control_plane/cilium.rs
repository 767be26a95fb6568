//! Cilium's agents: what they know of pods and services, on every node.
//!
//! Models pkg/k8s/watchers. Agents of all nodes hear in the same moment. The numbers of identities, services and backends
//! are given anew with every change, in the order of the objects; real agents keep those that they have given.

use std::sync::Arc;

use super::store::{Kind, ObjectRef};
use super::{ControlPlane, Turn, kube_proxy};
use crate::k8s::cni::{self, CiliumNet, ClusterNet};
use crate::k8s::kube_proxy::service_ports;
use crate::trace::{Component, Work};

impl ControlPlane {
    /// What the agents know, if they are there.
    pub(super) fn cilium(&self) -> Option<&CiliumNet> {
        self.nodes.first()?.cluster.cilium.as_ref()
    }

    /// The agents of all nodes hear of what the API has.
    pub(super) fn run_agents(&mut self, turn: &mut Turn<'_>) {
        let Some(cluster) = self.cluster_now() else { return };
        let is_replaced = cluster.cilium.as_ref().is_some_and(|cilium| cilium.kube_proxy_replacement);
        // Beside kube-proxy the agents tell nobody of services.
        let ports = is_replaced.then(|| Arc::new(service_ports(self.store.objects())));
        self.sync_nodes(Component::CiliumAgent, turn, |agents, topo| {
            agents.cluster = cluster.clone();
            if let Some(ports) = &ports {
                agents.ports = ports.clone();
            }
            if topo.defer_instead(agents.ns, agents.unfinished()) {
                return None;
            }
            let before = topo.ns(agents.ns).bpf.clone();
            cni::sync_node(topo.ns_mut(agents.ns), &agents.net, &cluster, &agents.nic);
            agents.answer_health_checks(topo);
            let written = kube_proxy::changed_maps(before.as_deref(), topo.ns(agents.ns).bpf.as_deref());
            let work = Work::Sync { n_rows: written.len(), n_forgotten: 0, n_others: 0 };
            Some((written, work))
        });
    }

    /// The agent of a node gives the pod its identity, whose sandbox is just being made.
    pub(super) fn learn_pod(&mut self, node: usize, turn: &mut Turn<'_>) {
        let Some(cluster) = self.cluster_now() else { return };
        let agents = &mut self.nodes[node];
        agents.cluster = cluster;
        cni::sync_node(turn.topo.ns_mut(agents.ns), &agents.net, &agents.cluster, &agents.nic);
    }

    fn cluster_now(&self) -> Option<Arc<ClusterNet>> {
        let cilium = self.cilium()?;
        let mut objects = self.store.objects().clone();
        // A sandbox has its identity before the API has its address.
        for pod in &mut objects.pods {
            let own = ObjectRef::of(Kind::Pod, &pod.meta);
            pod.pod_ip = self.ipam.sandboxes.get(&own).copied().or(pod.pod_ip);
        }
        let mut cluster = (*self.nodes.first()?.cluster).clone();
        cluster.cilium = Some(CiliumNet::new(&objects, cilium.kube_proxy_replacement));
        Some(Arc::new(cluster))
    }
}
