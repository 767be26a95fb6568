//! Pods of Deployments and DaemonSets.

use std::collections::BTreeSet;

use crate::base::sort_by;
use crate::k8s::objects::{Node, ObjectMeta, Objects, Pod, Taint, Workload};

use super::scheduler::takes;
use super::{Shortage, Unfilled};

/// The most pods that one Deployment may ask for; a cluster has at most 150 000 in all.
pub const MAX_REPLICAS: u32 = 10_000;

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
    let name_of = |pod: &Pod| (pod.meta.namespace.clone(), pod.meta.name.clone());
    let mut taken: BTreeSet<(String, String)> = crate::base::set_of(objects.pods.iter().map(name_of));
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
        let name = &workload.meta.name;
        let mut is_free = |name: &String| taken.insert((workload.meta.namespace.clone(), name.clone()));
        match workload.replicas {
            Some(replicas) if replicas > MAX_REPLICAS => {
                let workload_name = format!("{}/{name}", workload.meta.namespace);
                let reason = Shortage::Replicas { workload: workload_name, replicas, limit: MAX_REPLICAS };
                unfilled.push(Unfilled { span: workload.meta.span, reason });
            }
            Some(replicas) => {
                let n_missing = (replicas as usize).saturating_sub(own.len());
                let names = (0_u32..).map(|number| format!("{name}-{number}")).filter(is_free).take(n_missing);
                created.extend(names.map(|name| pod(workload, name, "")));
            }
            None => {
                let served: BTreeSet<&str> = crate::base::set_of(own.iter().map(|pod| pod.node_name.as_str()));
                let lacks =
                    |node: &&Node| !served.contains(node.meta.name.as_str()) && daemon_fits(node, &workload.template);
                for node in objects.nodes.iter().filter(lacks).map(|node| &node.meta.name) {
                    let first = format!("{name}-{node}");
                    let others = (0_u32..).map(|number| format!("{name}-{node}-{number}"));
                    let free = [first].into_iter().chain(others).find(&mut is_free);
                    created.extend(free.map(|name| pod(workload, name, node)));
                }
            }
        }
    }
    objects.pods.extend(created);
    sort_by(&mut objects.pods, |a, b| a.meta.span.cmp(&b.meta.span));
    unfilled
}

/// A pod of the workload's template.
pub(in crate::k8s) fn pod(workload: &Workload, name: String, node_name: &str) -> Pod {
    let meta = ObjectMeta { name, ..workload.template.meta.clone() };
    Pod { meta, node_name: node_name.to_owned(), ..workload.template.clone() }
}

/// Whether a DaemonSet runs on the node, which may be cordoned.
pub(in crate::k8s) fn daemon_fits(node: &Node, template: &Pod) -> bool {
    let minds = |taint: &&Taint| !DAEMON_TOLERATES.contains(&taint.key.as_str());
    let taints = node.taints.iter().filter(minds).cloned().collect();
    takes(&Node { taints, ..node.clone() }, template)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{lines, pod, two_nodes, workload};
    use super::create_pods;
    use crate::k8s::objects::{Objects, Taint};

    fn created(objects: &mut Objects) -> Vec<String> {
        assert_eq!(create_pods(objects), []);
        lines(&objects.pods)
    }

    #[test]
    fn a_deployment_creates_the_pods_that_are_missing() {
        let mut objects = two_nodes();
        objects.workloads = vec![workload("web", 5, Some(3))];
        objects.pods = vec![pod("before", 1, "x", "a", ""), pod("web-xyz", 9, "web", "b", "")];
        assert_eq!(created(&mut objects), ["before a", "web-0", "web-1", "web-xyz b"]);
    }

    #[test]
    fn finished_and_terminating_pods_do_not_count_but_keep_their_names() {
        let mut objects = two_nodes();
        objects.workloads = vec![workload("web", 5, Some(1))];
        objects.pods = vec![pod("web-0", 1, "web", "a", ""), pod("web-1", 1, "web", "a", "")];
        objects.pods[0].finished = true;
        objects.pods[1].terminating = true;
        assert_eq!(created(&mut objects), ["web-0 a", "web-1 a", "web-2"]);
    }

    #[test]
    fn pods_of_other_namespaces_do_not_count() {
        let mut objects = two_nodes();
        objects.workloads = vec![workload("web", 5, Some(1))];
        objects.pods = vec![pod("web-xyz", 1, "web", "a", "")];
        objects.pods[0].meta.namespace = "other".to_owned();
        assert_eq!(created(&mut objects), ["web-xyz a", "web-0"]);
    }

    #[test]
    fn a_daemon_set_has_one_pod_on_each_node_that_takes_it() {
        let mut objects = two_nodes();
        objects.workloads = vec![workload("agent", 5, None)];
        objects.pods = vec![pod("agent-xyz", 1, "agent", "b", "")];
        objects.nodes[0].unschedulable = true;
        assert_eq!(created(&mut objects), ["agent-xyz b", "agent-a a"], "cordoned nodes keep their daemons");
        let mut objects = two_nodes();
        objects.workloads = vec![workload("agent", 5, None)];
        let taint = |key: &str| Taint { key: key.into(), value: String::new(), effect: "NoSchedule".into() };
        objects.nodes[0].taints = vec![taint("node-role.kubernetes.io/control-plane")];
        objects.nodes[1].taints = vec![taint("node.kubernetes.io/disk-pressure")];
        assert_eq!(created(&mut objects), ["agent-b b"]);
    }

    #[test]
    fn names_that_meet_step_aside() {
        let mut objects = two_nodes();
        objects.workloads = vec![workload("agent", 5, None), workload("agent-a", 6, Some(1))];
        objects.pods = vec![pod("agent-a", 1, "x", "a", "")];
        assert_eq!(created(&mut objects), ["agent-a a", "agent-a-0 a", "agent-b b", "agent-a-1"]);
    }
}
