//! The ingress controllers: what they serve by follows the endpoints.

use super::{ControlPlane, Turn};
use crate::base::Place;
use crate::k8s::ingress;
use crate::k8s::objects::Pod;
use crate::net::NsId;
use crate::trace::{Component, Work};

impl ControlPlane {
    pub(super) fn ingress_pods(&self) -> impl Iterator<Item = &Pod> {
        self.store.objects().pods.iter().filter(|pod| !pod.finished && ingress::is_controller(pod))
    }

    /// The controllers hear of services and their endpoints.
    pub(super) fn configure_ingress(&mut self, turn: &mut Turn<'_>) {
        let proxy = ingress::proxy(self.store.objects());
        let about = turn.woken_by.as_ref().map(|woken_by| woken_by.object.to_string()).unwrap_or_default();
        let pods: Vec<Pod> = self.ingress_pods().cloned().collect();
        for node in &mut self.nodes {
            node.ingress.clone_from(&proxy);
            turn.topo.defer_instead(node.ns, node.unfinished());
        }
        for pod in &pods {
            let Some(node) = self.nodes.iter().find(|node| node.net.place.short() == pod.node_name) else { continue };
            let (node_ns, node_place) = (node.ns, node.net.place.clone());
            let at = if pod.host_network { node_place } else { Place::pod(&pod.meta.namespace, &pod.meta.name).into() };
            turn.topo.finish(node_ns);
            self.serve(pod, node_ns, turn);
            self.record(turn, &at, Component::Ingress, &about, Work::Note, Vec::new());
        }
    }

    /// A controller serves by what the API has now.
    pub(super) fn serve(&self, pod: &Pod, node_ns: NsId, turn: &mut Turn<'_>) {
        let proxy = ingress::is_controller(pod).then(|| ingress::proxy(self.store.objects())).flatten();
        if let Some(proxy) = proxy {
            ingress::configure(turn.topo, node_ns, std::slice::from_ref(pod), &proxy);
        }
    }
}
