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
pub(in crate::k8s) fn takes(node: &Node, pod: &Pod) -> bool {
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

#[cfg(test)]
mod tests {
    use super::super::fixtures::{lines, map, pod, two_nodes};
    use super::schedule;
    use crate::k8s::objects::{Objects, Taint, Toleration};

    fn pods(objects: &mut Objects) -> Vec<String> {
        objects.pods = ["p", "q", "r"].iter().map(|name| pod(name, 1, "x", "", "")).collect();
        schedule(objects);
        lines(&objects.pods)
    }

    #[test]
    fn pods_take_the_nodes_in_turn() {
        assert_eq!(pods(&mut two_nodes()), ["p a", "q b", "r a"]);
    }

    #[test]
    fn cordoned_and_tainted_nodes_are_passed_over() {
        let mut objects = two_nodes();
        objects.nodes[0].unschedulable = true;
        assert_eq!(pods(&mut objects), ["p b", "q b", "r b"]);
        let mut objects = two_nodes();
        let taint = |effect: &str| Taint { key: "gpu".into(), value: "yes".into(), effect: effect.into() };
        objects.nodes[1].taints = vec![taint("NoSchedule")];
        assert_eq!(pods(&mut objects), ["p a", "q a", "r a"]);
        objects.nodes[1].taints = vec![taint("PreferNoSchedule")];
        assert_eq!(pods(&mut objects), ["p a", "q b", "r a"]);
    }

    #[test]
    fn a_pod_goes_where_it_tolerates_and_selects() {
        let mut objects = two_nodes();
        objects.nodes[0].taints = vec![Taint { key: "gpu".into(), value: "yes".into(), effect: "NoSchedule".into() }];
        let toleration = |value: Option<&str>| Toleration {
            key: "gpu".into(),
            value: value.map(str::to_owned),
            effect: String::new(),
        };
        for (value, node) in [(None, "a"), (Some("yes"), "a"), (Some("no"), "b")] {
            let mut tolerant = pod("p", 1, "x", "", "");
            tolerant.tolerations = vec![toleration(value)];
            objects.pods = vec![tolerant];
            schedule(&mut objects);
            assert_eq!(objects.pods[0].node_name, node, "{value:?}");
        }
        let mut selecting = pod("p", 1, "x", "", "");
        selecting.node_selector = map(&[("kubernetes.io/os", "linux"), ("kubernetes.io/hostname", "b")]);
        objects.pods = vec![selecting];
        assert_eq!(schedule(&mut objects), []);
        assert_eq!(objects.pods[0].node_name, "b");
        objects.pods[0].node_name.clear();
        objects.pods[0].node_selector = map(&[("disk", "fast")]);
        assert_eq!(schedule(&mut objects).len(), 1);
    }
}
