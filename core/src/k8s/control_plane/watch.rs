//! Who watches what, and is woken by it.
//!
//! Every component hears of every object of the kinds that it watches; its event handlers put into its work queue what
//! matters to it, and only that wakes it here.

use std::time::Duration;

use super::store::{Event, Kind, ObjectRef};
use super::{ControlPlane, Phase, Turn, Wake, delays, endpoint_slice, workload};
use crate::base::Place;
use crate::k8s::objects::Pod;
use crate::trace::{Change, Component, Work};

impl ControlPlane {
    /// Who wakes up by an event, and how long it takes besides the way of the event.
    pub(super) fn watchers(&self, event: &Event) -> Vec<(Duration, Wake)> {
        let object = event.object.clone();
        let at_once = |wake| (Duration::ZERO, wake);
        match object.kind {
            Kind::Pod => self.watchers_of_pod(event),
            Kind::Deployment | Kind::DaemonSet => vec![at_once(Wake::Workload(object))],
            Kind::Service => {
                let slices = [Wake::Slices(object.clone()), Wake::Endpoints(object)];
                let slices = slices.map(|wake| (delays::ENDPOINT_BATCH, wake));
                // Who hears of the service in the same moment has no slices yet.
                self.watchers_of_services().chain(slices).collect()
            }
            Kind::EndpointSlice => self.watchers_of_services().collect(),
            // Nobody has waited for a node that takes fewer pods.
            Kind::Node => Vec::new(),
        }
    }

    fn watchers_of_pod(&self, event: &Event) -> Vec<(Duration, Wake)> {
        let object = &event.object;
        let kubelet = |phase| Wake::Kubelet(object.clone(), phase);
        let mut woken = Vec::new();
        match event.change {
            Change::Created => woken.push((delays::SCHEDULE, Wake::Scheduler(object.clone()))),
            Change::Bound => woken.push((delays::SANDBOX, kubelet(Phase::Sandbox))),
            Change::Deleting => woken.push((Duration::ZERO, kubelet(Phase::Stop))),
            _ => {}
        }
        // A ReplicaSet does not count what is being deleted; a DaemonSet waits until it has gone.
        let owner = match event.change {
            Change::Deleting => Some(Kind::Deployment),
            Change::Deleted if event.of.is_empty() => Some(Kind::Deployment),
            Change::Deleted => Some(Kind::DaemonSet),
            _ => None,
        };
        let owners = self.store.objects().workloads.iter().filter(|it| workload::owns(it, &event.meta));
        let owners = owners.map(ObjectRef::of_workload).filter(|it| Some(it.kind) == owner);
        woken.extend(owners.map(|owner| (Duration::ZERO, Wake::Workload(owner))));
        let moves_endpoints = match event.change {
            Change::Started | Change::Ready | Change::NotReady | Change::Deleting | Change::Ended => true,
            Change::Created | Change::Changed | Change::Bound | Change::Deleted => false,
        };
        if moves_endpoints {
            for service in endpoint_slice::services_of(self.store.objects(), &event.meta) {
                woken.push((delays::ENDPOINT_BATCH, Wake::Slices(service.clone())));
                woken.push((delays::ENDPOINT_BATCH, Wake::Endpoints(service)));
            }
        }
        if self.cilium().is_some() && matches!(event.change, Change::Started | Change::Ended) {
            woken.push((Duration::ZERO, Wake::CiliumAgent));
        }
        woken
    }

    fn watchers_of_services(&self) -> impl Iterator<Item = (Duration, Wake)> {
        let has_proxy = self.nodes.iter().any(|node| node.proxier.is_some());
        let has_replacement = self.cilium().is_some_and(|cilium| cilium.kube_proxy_replacement);
        let woken = [
            (has_proxy, Wake::KubeProxy),
            (has_replacement, Wake::CiliumAgent),
            (self.dns_pods().next().is_some(), Wake::CoreDns),
            (self.ingress_pods().next().is_some(), Wake::Ingress),
        ];
        woken.into_iter().filter(|(is_there, _)| *is_there).map(|(_, wake)| (Duration::ZERO, wake))
    }

    fn dns_pods(&self) -> impl Iterator<Item = &Pod> {
        self.store.objects().pods.iter().filter(|pod| {
            let is_dns = pod.meta.labels.get("k8s-app").is_some_and(|app| app == "kube-dns");
            is_dns && pod.meta.namespace == "kube-system" && pod.ready && !pod.finished
        })
    }

    /// CoreDNS hears of services; what it answers from is not kept here.
    pub(super) fn tell_dns(&mut self, turn: &mut Turn<'_>) {
        let about = turn.woken_by.as_ref().map(|woken_by| woken_by.object.to_string()).unwrap_or_default();
        let places: Vec<Place> = self.dns_pods().map(|pod| Place::pod(&pod.meta.namespace, &pod.meta.name)).collect();
        for place in places {
            self.record(turn, &place.into(), Component::CoreDns, &about, Work::Note, Vec::new());
        }
    }
}
