//! Pods of Deployments and DaemonSets.

use std::collections::BTreeSet;

use crate::k8s::objects::{Node, ObjectMeta, Objects, Pod, Taint, Workload};

use super::scheduler::takes;
use super::{Shortage, Unfilled};

/// The most pods that one Deployment may ask for; a cluster has at most 150 000 in all.
const MAX_REPLICAS: u32 = 10_000;

/// Taints that the DaemonSet controller lets its pods tolerate.
const DAEMON_TOLERATES: [&str; 7] = [
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unschedulable",
    "node.kubernetes.io/network-unavailable",
];

/// Creates the pods that are missing after counting those that a workload's selector matches. They stand in the
/// order of the file where their workload stands.
///
/// Like the ReplicaSet controller it does not count pods that have finished or are being deleted.
pub fn create_pods(objects: &mut Objects) -> Vec<Unfilled> {
    let mut unfilled = Vec::new();
    let mut created = Vec::new();
    for workload in &objects.workloads {
        let counts = |pod: &&Pod| {
            !pod.finished
                && !pod.terminating
                && pod.meta.namespace == workload.meta.namespace
                && workload.selector.matches(&pod.meta.labels)
        };
        let own: Vec<&Pod> = objects.pods.iter().filter(counts).collect();
        match workload.replicas {
            Some(replicas) if replicas > MAX_REPLICAS => {
                let name = format!("{}/{}", workload.meta.namespace, workload.meta.name);
                let reason = Shortage::Replicas { workload: name, replicas, limit: MAX_REPLICAS };
                unfilled.push(Unfilled { span: workload.meta.span, reason });
            }
            Some(replicas) => {
                let n_missing = (replicas as usize).saturating_sub(own.len());
                created.extend(free_names(workload, &objects.pods).take(n_missing).map(|name| pod(workload, name, "")));
            }
            None => {
                let lacks = |node: &&Node| own.iter().all(|pod| pod.node_name != node.meta.name);
                let lacking = objects.nodes.iter().filter(lacks).filter(|node| daemon_fits(node, &workload.template));
                created.extend(lacking.map(|node| {
                    let name = &node.meta.name;
                    pod(workload, format!("{}-{name}", workload.meta.name), name)
                }));
            }
        }
    }
    objects.pods.extend(created);
    objects.pods.sort_by_key(|pod| pod.meta.span);
    unfilled
}

/// `NAME-0`, `NAME-1`, … without those that other pods have.
fn free_names<'a>(workload: &'a Workload, pods: &'a [Pod]) -> impl Iterator<Item = String> + 'a {
    let is_neighbour = |pod: &&Pod| pod.meta.namespace == workload.meta.namespace;
    let taken: BTreeSet<&str> = pods.iter().filter(is_neighbour).map(|pod| pod.meta.name.as_str()).collect();
    (0_u32..)
        .map(|number| format!("{}-{number}", workload.meta.name))
        .filter(move |name| !taken.contains(name.as_str()))
}

fn pod(workload: &Workload, name: String, node_name: &str) -> Pod {
    let meta = ObjectMeta { name, ..workload.template.meta.clone() };
    Pod { meta, node_name: node_name.to_owned(), ..workload.template.clone() }
}

/// Whether a DaemonSet runs on the node, which may be cordoned.
fn daemon_fits(node: &Node, template: &Pod) -> bool {
    let minds = |taint: &&Taint| !DAEMON_TOLERATES.contains(&taint.key.as_str());
    let taints = node.taints.iter().filter(minds).cloned().collect();
    takes(&Node { taints, ..node.clone() }, template)
}
