//! Nodes for pods that have none.

use crate::k8s::objects::{Node, Objects, Pod, Taint, Toleration};

use super::{Shortage, Unfilled};

/// Gives every pod without a node the next one in turn that takes it, in file order.
///
/// Models of kube-scheduler only its filters for cordoned nodes, taints and node selectors; the score is the turn.
pub fn schedule(objects: &mut Objects) -> Vec<Unfilled> {
    let nodes = &objects.nodes;
    let mut turn = 0;
    let mut unfilled = Vec::new();
    for pod in objects.pods.iter_mut().filter(|pod| pod.node_name.is_empty() && !pod.finished) {
        let from_turn = (0..nodes.len()).map(|step| (turn + step) % nodes.len());
        match from_turn.into_iter().find(|index| !nodes[*index].unschedulable && takes(&nodes[*index], pod)) {
            Some(index) => {
                pod.node_name.clone_from(&nodes[index].meta.name);
                turn = index + 1;
            }
            None => {
                let reason = Shortage::Node(format!("{}/{}", pod.meta.namespace, pod.meta.name));
                unfilled.push(Unfilled { span: pod.meta.span, reason });
            }
        }
    }
    unfilled
}

/// Whether the node's taints and the pod's node selector allow the pod there. Cordoning is the caller's.
pub(super) fn takes(node: &Node, pod: &Pod) -> bool {
    let keeps_off = |taint: &&Taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute");
    node.taints.iter().filter(keeps_off).all(|taint| pod.tolerations.iter().any(|it| tolerates(it, taint)))
        && pod.node_selector.iter().all(|(key, value)| label(node, key) == Some(value.as_str()))
}

/// Models ToleratesTaint.
fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    (toleration.effect.is_empty() || toleration.effect == taint.effect)
        && (toleration.key.is_empty() || toleration.key == taint.key)
        && toleration.value.as_ref().is_none_or(|value| *value == taint.value)
}

/// A label of a node, or what the kubelet would have set where the file states none.
fn label<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.meta.labels.get(key).map(String::as_str).or(match key {
        "kubernetes.io/os" | "beta.kubernetes.io/os" => Some("linux"),
        "kubernetes.io/hostname" => Some(&node.meta.name),
        _ => None,
    })
}
