//! Deployments and DaemonSets: as many pods as are wanted.
//!
//! Models pkg/controller/replicaset and pkg/controller/daemon. A Deployment's one ReplicaSet is taken for the Deployment
//! itself. Not modelled: rollouts, which a change of the template would begin; status.

use std::cmp::Reverse;

use super::store::{Kind, ObjectRef};
use super::{ControlPlane, Turn, names};
use crate::base::order_of;
use crate::k8s::controllers;
use crate::k8s::objects::{ObjectMeta, Pod, Workload};
use crate::trace::{Change, Component, Work};

impl ControlPlane {
    pub(super) fn reconcile_workload(&mut self, object: &ObjectRef, turn: &mut Turn<'_>) {
        let work = match self.store.workload(object).cloned() {
            Some(workload) if workload.replicas.is_some() => self.reconcile_replicas(&workload),
            Some(workload) => self.reconcile_daemons(&workload),
            None => self.collect_garbage(object),
        };
        let component = if object.kind == Kind::Deployment { Component::ReplicaSet } else { Component::DaemonSet };
        let at = self.place.clone();
        self.record(turn, &at, component, &object.to_string(), work, Vec::new());
    }

    fn reconcile_replicas(&mut self, workload: &Workload) -> Work {
        let active: Vec<&Pod> = self.pods_of(workload).filter(|pod| !pod.terminating).collect();
        let wanted = workload.replicas.unwrap_or_default() as usize;
        if active.len() > wanted {
            let doomed = doomed(&active, active.len() - wanted);
            doomed.iter().for_each(|pod| self.delete_pod(pod));
            return Work::DeletePods(doomed.len());
        }
        let label = active.iter().find_map(|pod| pod.meta.labels.get("pod-template-hash")).cloned();
        let hash = label.unwrap_or_else(|| names::template_hash(&workload.meta.namespace, &workload.meta.name));
        let n_missing = wanted - active.len();
        for _ in 0..n_missing {
            self.create_pod(workload, &format!("{}-{hash}", workload.meta.name), "");
        }
        if n_missing == 0 { Work::Nothing } else { Work::CreatePods(n_missing) }
    }

    /// One pod on each node. One that is being deleted still has its node: its successor comes when it has gone.
    fn reconcile_daemons(&mut self, workload: &Workload) -> Work {
        let served: Vec<&str> = self.pods_of(workload).map(|pod| pod.node_name.as_str()).collect();
        let nodes = self.store.objects().nodes.iter();
        let lacks = nodes.filter(|node| {
            !served.contains(&node.meta.name.as_str()) && controllers::daemon_fits(node, &workload.template)
        });
        let lacks: Vec<String> = lacks.map(|node| node.meta.name.clone()).collect();
        for node in &lacks {
            self.create_pod(workload, &workload.meta.name, node);
        }
        if lacks.is_empty() { Work::Nothing } else { Work::CreatePods(lacks.len()) }
    }

    /// The workload has gone: its pods go too. Models pkg/controller/garbagecollector.
    fn collect_garbage(&mut self, object: &ObjectRef) -> Work {
        let Some(workload) = self.deleted_workload(object) else { return Work::Nothing };
        let active = self.pods_of(&workload).filter(|pod| !pod.terminating);
        let pods: Vec<ObjectRef> = active.map(|pod| ObjectRef::of(Kind::Pod, &pod.meta)).collect();
        pods.iter().for_each(|pod| self.delete_pod(pod));
        if pods.is_empty() { Work::Nothing } else { Work::DeletePods(pods.len()) }
    }

    /// The pods that count for a workload.
    fn pods_of<'a>(&'a self, workload: &'a Workload) -> impl Iterator<Item = &'a Pod> {
        self.store.objects().pods.iter().filter(|pod| !pod.finished && owns(workload, &pod.meta))
    }

    fn create_pod(&mut self, workload: &Workload, prefix: &str, node_name: &str) {
        let name = format!("{prefix}-{}", names::suffix(&mut self.dice));
        let pod = controllers::pod(workload, name, node_name);
        self.store.add_pod(Pod { pod_ip: None, ready: false, terminating: false, finished: false, ..pod });
    }

    /// Marks a pod for deletion. One that no kubelet has is gone at once.
    pub(super) fn delete_pod(&mut self, object: &ObjectRef) {
        match self.store.pod(object) {
            Some(pod) if pod.node_name.is_empty() => {
                self.store.remove_pod(object);
            }
            Some(pod) if !pod.terminating => {
                self.store.update_pod(object, Change::Deleting, |pod| pod.terminating = true);
            }
            _ => {}
        }
    }
}

/// Whether a workload counts pods with this metadata as its own.
pub(super) fn owns(workload: &Workload, meta: &ObjectMeta) -> bool {
    meta.namespace == workload.meta.namespace && workload.selector.matches(&meta.labels)
}

/// The `n` pods that go first. Models getPodsToDelete and ActivePodsWithRanks.
fn doomed(active: &[&Pod], n: usize) -> Vec<ObjectRef> {
    let n_neighbours = |pod: &Pod| active.iter().filter(|other| other.node_name == pod.node_name).count();
    let rank = |idx: usize| {
        let pod = active[idx];
        let is_bound = !pod.node_name.is_empty();
        (is_bound, pod.pod_ip.is_some(), pod.ready, Reverse(n_neighbours(pod)), Reverse(idx))
    };
    let ranked = order_of(active.len(), &|a, b| rank(a).cmp(&rank(b)));
    ranked.iter().take(n).map(|idx| ObjectRef::of(Kind::Pod, &active[*idx].meta)).collect()
}
