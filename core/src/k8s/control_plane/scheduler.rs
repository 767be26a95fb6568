//! kube-scheduler: a node for a pod.
//!
//! Of its filters those for cordoned nodes, taints and node selectors; of its scores that pods of one kind are spread
//! (PodTopologySpread's default), then that nodes are filled evenly.

use crate::base::BTreeMap;

use super::store::ObjectRef;
use super::{ControlPlane, Turn};
use crate::k8s::controllers;
use crate::k8s::objects::{Objects, Pod};
use crate::trace::{Change, Component, Work};

impl ControlPlane {
    pub(super) fn schedule(&mut self, object: &ObjectRef, turn: &mut Turn<'_>) {
        let Some(pod) = self.store.pod(object).filter(|pod| pod.node_name.is_empty()) else { return };
        let work = match node_for(pod, self.store.objects()) {
            Some(node) => {
                self.store.update_pod(object, Change::Bound, |pod| pod.node_name.clone_from(&node));
                Work::Bind(node.into())
            }
            None => Work::NoNode,
        };
        let at = self.place.clone();
        self.record(turn, &at, Component::Scheduler, &object.to_string(), work, Vec::new());
    }
}

fn node_for(pod: &Pod, objects: &Objects) -> Option<String> {
    let is_kin = |other: &Pod| other.meta.namespace == pod.meta.namespace && other.meta.labels == pod.meta.labels;
    // Pods of the same kind, and all pods, by node.
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for other in objects.pods.iter().filter(|other| !other.finished && !other.terminating) {
        let (n_kin, n_all) = counts.entry(&other.node_name).or_default();
        *n_kin += usize::from(is_kin(other));
        *n_all += 1;
    }
    let feasible = objects.nodes.iter().filter(|node| !node.unschedulable && controllers::takes(node, pod));
    let best = feasible.min_by_key(|node| counts.get(node.meta.name.as_str()).copied().unwrap_or_default())?;
    Some(best.meta.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::objects::Node;

    fn node(name: &str, unschedulable: bool) -> Node {
        let mut node = Node { unschedulable, ..Node::default() };
        node.meta.name = name.to_owned();
        node
    }

    fn pod(app: &str, node_name: &str) -> Pod {
        let mut pod = Pod { node_name: node_name.to_owned(), ..Pod::default() };
        pod.meta.labels.insert("app".to_owned(), app.to_owned());
        pod
    }

    #[test]
    fn a_pod_goes_where_fewest_of_its_kind_are_and_never_to_a_cordoned_node() {
        let nodes = vec![node("cordoned", true), node("a", false), node("b", false)];
        let pods = vec![pod("web", "a"), pod("other", "b"), pod("other", "b")];
        let mut objects = Objects { nodes, pods, ..Objects::default() };
        assert_eq!(node_for(&pod("web", ""), &objects).as_deref(), Some("b"));
        assert_eq!(node_for(&pod("third", ""), &objects).as_deref(), Some("a"), "of equals the emptier one");
        objects.nodes.iter_mut().for_each(|node| node.unschedulable = true);
        assert_eq!(node_for(&pod("web", ""), &objects), None);
    }
}
