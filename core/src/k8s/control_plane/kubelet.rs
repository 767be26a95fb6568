//! The kubelet of each node: pods from their binding to their end.
//!
//! Models pkg/kubelet's pod workers: SyncPod, SyncTerminatingPod, SyncTerminatedPod. A container has one probe, for
//! readiness, with Kubernetes' defaults. Not modelled: restarts, preStop hooks, liveness and startup probes, init
//! containers; frames of the probes.

use super::store::ObjectRef;
use super::{ControlPlane, Phase, Turn, Wake, delays, rows};
use crate::base::Place;
use crate::k8s::kubelet;
use crate::k8s::objects::Pod;
use crate::net::{NetNs, NsId};
use crate::trace::{Change, Component, Work, Written};

impl ControlPlane {
    pub(super) fn run_kubelet(&mut self, object: &ObjectRef, phase: Phase, turn: &mut Turn<'_>) {
        let Some(pod) = self.store.pod(object).cloned() else { return };
        let Some(node) = self.nodes.iter().position(|node| node.net.place.short() == pod.node_name) else { return };
        // A pod that is being deleted goes no other way any more.
        if pod.terminating && matches!(phase, Phase::Sandbox | Phase::Start | Phase::Ready) {
            return;
        }
        let node_ns = self.nodes[node].ns;
        turn.topo.finish(node_ns);
        let before = turn.topo.ns(node_ns).clone();
        let (work, mut written) = match phase {
            Phase::Sandbox if pod.host_network => (self.start(object, &pod, node_ns, turn), Vec::new()),
            Phase::Sandbox => self.make_sandbox(object, &pod, node, turn),
            Phase::Start => (self.start(object, &pod, node_ns, turn), Vec::new()),
            Phase::Ready => {
                self.store.update_pod(object, Change::Ready, |pod| pod.ready = true);
                (Work::Probe(true), Vec::new())
            }
            Phase::Stop => {
                if let Some(ns) = self.namespace_of(&pod, node_ns, turn) {
                    kubelet::stop_containers(turn.topo, ns, &pod);
                }
                self.go_on(object, Phase::TearDown, turn);
                (Work::Stop, Vec::new())
            }
            Phase::TearDown => {
                if let Some(ns) = self.namespace_of(&pod, node_ns, turn).filter(|ns| *ns != node_ns) {
                    kubelet::remove_sandbox(turn.topo, node_ns, ns);
                }
                self.ipam.sandboxes.remove(object);
                let ended = |pod: &mut Pod| (pod.finished, pod.ready) = (true, false);
                self.store.update_pod(object, Change::Ended, ended);
                self.go_on(object, Phase::Remove, turn);
                (Work::TearDown, Vec::new())
            }
            Phase::Remove => {
                self.store.remove_pod(object);
                (Work::Remove, Vec::new())
            }
        };
        written.extend(rows::changes(&before, turn.topo.ns(node_ns)));
        let at = self.nodes[node].net.place.clone();
        self.record(turn, &at, Component::Kubelet, &object.to_string(), work, written);
    }

    /// Goes on with the pod after a while, without anybody having to say so.
    fn go_on(&mut self, object: &ObjectRef, next: Phase, turn: &Turn<'_>) {
        let after = match next {
            Phase::Start => delays::CONTAINER_START,
            Phase::Ready => delays::READY,
            Phase::TearDown => delays::EXIT,
            Phase::Remove => delays::REMOVE,
            Phase::Sandbox | Phase::Stop => return,
        };
        self.plan(turn.now + after, Wake::Kubelet(object.clone(), next), turn.journey, None);
    }

    fn make_sandbox(
        &mut self,
        object: &ObjectRef,
        pod: &Pod,
        node: usize,
        turn: &mut Turn<'_>,
    ) -> (Work, Vec<Written>) {
        let objects = self.store.objects();
        let of_node = objects.nodes.iter().find(|other| other.meta.name == pod.node_name);
        let Some(ip) = of_node.and_then(|node| self.ipam.reserve(node, objects, object)) else {
            return (Work::NoAddress, Vec::new());
        };
        self.learn_pod(node, turn);
        let agents = &self.nodes[node];
        let sandbox = kubelet::add_sandbox(turn.topo, agents.ns, &agents.net, &agents.cluster, pod, ip, agents.seed);
        self.go_on(object, Phase::Start, turn);
        let empty = NetNs::new((*turn.topo.ns(sandbox).place).clone(), 0);
        (Work::Sandbox(ip), rows::changes(&empty, turn.topo.ns(sandbox)))
    }

    fn start(&mut self, object: &ObjectRef, pod: &Pod, node_ns: NsId, turn: &mut Turn<'_>) -> Work {
        if let Some(ns) = self.namespace_of(pod, node_ns, turn) {
            kubelet::start_containers(turn.topo, ns, pod);
            self.serve(pod, node_ns, turn);
        }
        let own = turn.topo.ns(node_ns).addresses().find(|ip| !ip.is_loopback()).filter(|_| pod.host_network);
        let ip = self.ipam.sandboxes.remove(object).or(own);
        self.store.update_pod(object, Change::Started, |pod| pod.pod_ip = ip);
        self.go_on(object, Phase::Ready, turn);
        Work::Start
    }

    fn namespace_of(&self, pod: &Pod, node_ns: NsId, turn: &Turn<'_>) -> Option<NsId> {
        match pod.host_network {
            true => Some(node_ns),
            false => turn.topo.find(&Place::pod(&pod.meta.namespace, &pod.meta.name)),
        }
    }

    /// The readiness probe has failed too often.
    pub(super) fn fail_readiness(&mut self, object: &ObjectRef, turn: &mut Turn<'_>) {
        let Some(pod) = self.store.pod(object) else { return };
        let is_ready = pod.ready;
        let node = self.nodes.iter().find(|node| node.net.place.short() == pod.node_name);
        let at = node.map_or_else(|| self.place.clone(), |node| node.net.place.clone());
        if is_ready {
            self.store.update_pod(object, Change::NotReady, |pod| pod.ready = false);
        }
        let work = if is_ready { Work::Probe(false) } else { Work::Nothing };
        self.record(turn, &at, Component::Kubelet, &object.to_string(), work, Vec::new());
    }
}
