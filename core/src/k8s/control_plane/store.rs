//! The API server's store: objects, their versions, and what watchers are told.

use std::fmt;

use crate::base::Writer;
use crate::k8s::objects::{EndpointSlice, ObjectMeta, Objects, Pod, Service, Workload};
use crate::trace::{Change, Written};

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// v1 Node.
    Node,
    /// v1 Pod.
    Pod,
    /// v1 Service.
    Service,
    /// discovery.k8s.io/v1 EndpointSlice.
    EndpointSlice,
    /// apps/v1 Deployment.
    Deployment,
    /// apps/v1 DaemonSet.
    DaemonSet,
}

impl Kind {
    /// Every kind, as `kubectl` calls it.
    pub const ALL: [(&'static str, Self); 6] = [
        ("node", Self::Node),
        ("pod", Self::Pod),
        ("service", Self::Service),
        ("endpointslice", Self::EndpointSlice),
        ("deployment", Self::Deployment),
        ("daemonset", Self::DaemonSet),
    ];
}

/// An object by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectRef {
    /// Kind.
    pub kind: Kind,
    /// Namespace; empty for a node.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectRef {
    pub(super) fn of(kind: Kind, meta: &ObjectMeta) -> Self {
        Self { kind, namespace: meta.namespace.clone(), name: meta.name.clone() }
    }

    /// The workload's own, which is a Deployment or a DaemonSet.
    pub(super) fn of_workload(workload: &Workload) -> Self {
        let kind = if workload.replicas.is_some() { Kind::Deployment } else { Kind::DaemonSet };
        Self::of(kind, &workload.meta)
    }

    pub(super) fn is(&self, meta: &ObjectMeta) -> bool {
        self.name == meta.name && self.namespace == meta.namespace
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = Kind::ALL.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(name, _)| name);
        match self.kind {
            Kind::Node => write!(f, "{kind}/{}", self.name),
            _ => write!(f, "{kind}/{}/{}", self.namespace, self.name),
        }
    }
}

/// What a watcher is told.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) object: ObjectRef,
    pub(super) change: Change,
    /// The labels that it had last: who selects it is told, even when it is gone.
    pub(super) meta: ObjectMeta,
    /// Of a pod its node, of a slice its service.
    pub(super) of: String,
}

/// The store. Writing is the only way to change an object; every write has a version and is an event.
#[derive(Clone, Debug)]
pub(super) struct ApiServer {
    objects: Objects,
    version: u64,
    events: Vec<Event>,
    written: Vec<Written>,
}

impl ApiServer {
    pub(super) fn new(objects: Objects) -> Self {
        // The revision of etcd after the cluster has come up; only that it grows matters.
        Self { objects, version: 1000, events: Vec::new(), written: Vec::new() }
    }

    pub(super) fn objects(&self) -> &Objects {
        &self.objects
    }

    pub(super) fn into_objects(self) -> Objects {
        self.objects
    }

    /// What watchers have not been told yet.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// What was written since it was asked last.
    pub(super) fn take_written(&mut self) -> Vec<Written> {
        std::mem::take(&mut self.written)
    }

    pub(super) fn pod(&self, object: &ObjectRef) -> Option<&Pod> {
        self.objects.pods.iter().find(|pod| object.is(&pod.meta))
    }

    pub(super) fn workload(&self, object: &ObjectRef) -> Option<&Workload> {
        self.objects.workloads.iter().find(|workload| ObjectRef::of_workload(workload) == *object)
    }

    pub(super) fn service(&self, object: &ObjectRef) -> Option<&Service> {
        self.objects.services.iter().find(|service| object.is(&service.meta))
    }

    /// Adds a pod, at the end.
    pub(super) fn add_pod(&mut self, pod: Pod) {
        let change = if pod.node_name.is_empty() { Change::Created } else { Change::Bound };
        self.told_pod(&pod, change);
        self.objects.pods.push(pod);
    }

    /// Writes a pod. Returns whether it is there.
    pub(super) fn update_pod(&mut self, object: &ObjectRef, change: Change, write: impl FnOnce(&mut Pod)) -> bool {
        let Some(pod) = self.objects.pods.iter_mut().find(|pod| object.is(&pod.meta)) else { return false };
        write(pod);
        let pod = pod.clone();
        self.told_pod(&pod, change);
        true
    }

    /// Takes a pod out.
    pub(super) fn remove_pod(&mut self, object: &ObjectRef) -> Option<Pod> {
        let idx = self.objects.pods.iter().position(|pod| object.is(&pod.meta))?;
        let pod = self.objects.pods.remove(idx);
        self.told_pod(&pod, Change::Deleted);
        Some(pod)
    }

    fn told_pod(&mut self, pod: &Pod, change: Change) {
        let object = ObjectRef::of(Kind::Pod, &pod.meta);
        self.told(object, change, &pod.meta, &pod.node_name, || pod_row(pod));
    }

    pub(super) fn add_service(&mut self, service: Service) {
        let object = ObjectRef::of(Kind::Service, &service.meta);
        self.told(object, Change::Created, &service.meta, "", || service_row(&service));
        self.objects.services.push(service);
    }

    pub(super) fn remove_service(&mut self, object: &ObjectRef) -> Option<Service> {
        let idx = self.objects.services.iter().position(|service| object.is(&service.meta))?;
        let service = self.objects.services.remove(idx);
        self.told(object.clone(), Change::Deleted, &service.meta, "", String::new);
        Some(service)
    }

    pub(super) fn add_workload(&mut self, workload: Workload) {
        let object = ObjectRef::of_workload(&workload);
        self.told(object, Change::Created, &workload.meta, "", || replicas_row(&workload));
        self.objects.workloads.push(workload);
    }

    pub(super) fn remove_workload(&mut self, object: &ObjectRef) -> Option<Workload> {
        let idx = self.objects.workloads.iter().position(|it| ObjectRef::of_workload(it) == *object)?;
        let workload = self.objects.workloads.remove(idx);
        self.told(object.clone(), Change::Deleted, &workload.meta, "", String::new);
        Some(workload)
    }

    /// Sets the replicas of a Deployment. Returns whether it is there.
    pub(super) fn scale(&mut self, object: &ObjectRef, replicas: u32) -> bool {
        let mut workloads = self.objects.workloads.iter_mut();
        let Some(workload) = workloads.find(|it| ObjectRef::of_workload(it) == *object) else { return false };
        workload.replicas = Some(replicas);
        let workload = workload.clone();
        self.told(object.clone(), Change::Changed, &workload.meta, "", || replicas_row(&workload));
        true
    }

    /// Makes a node take no more pods. Returns whether it is there.
    pub(super) fn cordon(&mut self, object: &ObjectRef) -> bool {
        let Some(node) = self.objects.nodes.iter_mut().find(|node| object.is(&node.meta)) else { return false };
        node.unschedulable = true;
        let meta = node.meta.clone();
        self.told(object.clone(), Change::Changed, &meta, "", || "spec.unschedulable: true".to_owned());
        true
    }

    /// Makes `slices` the slices in place of `old`, each told if it is new, another or gone.
    pub(super) fn replace_slices(&mut self, old: &[EndpointSlice], slices: Vec<EndpointSlice>) {
        let all = &mut self.objects.endpoint_slices;
        let at = all.iter().position(|slice| old.contains(slice)).unwrap_or(all.len());
        all.retain(|slice| !old.contains(slice));
        let at = at.min(all.len());
        all.splice(at..at, slices.iter().cloned());
        for slice in &slices {
            let change = match old.iter().find(|other| other.meta.name == slice.meta.name) {
                Some(other) if other == slice => continue,
                Some(_) => Change::Changed,
                None => Change::Created,
            };
            let object = ObjectRef::of(Kind::EndpointSlice, &slice.meta);
            self.told(object, change, &slice.meta, &slice.service_name, || slice_row(slice));
        }
        for slice in old.iter().filter(|old| slices.iter().all(|slice| slice.meta.name != old.meta.name)) {
            let object = ObjectRef::of(Kind::EndpointSlice, &slice.meta);
            self.told(object, Change::Deleted, &slice.meta, &slice.service_name, String::new);
        }
    }

    /// A write: its version, its row, its event.
    fn told(&mut self, object: ObjectRef, change: Change, meta: &ObjectMeta, of: &str, row: impl Fn() -> String) {
        self.version += 1;
        let text = match change {
            Change::Deleted => format!("Deleted {object}"),
            _ => format!("{object} resourceVersion {}: {}", self.version, row()),
        };
        let kind = Kind::ALL.iter().find(|(_, kind)| *kind == object.kind).map_or("", |(name, _)| name);
        self.written.push(Written {
            command: format!("kubectl get {kind}s -A -w"),
            text,
            writer: Writer::ControlPlane,
        });
        self.events.push(Event { object, change, meta: meta.clone(), of: of.to_owned() });
    }
}

/// The columns of `kubectl get pods -o wide` that matter, one after the other.
fn pod_row(pod: &Pod) -> String {
    let status = match () {
        () if pod.finished => "Completed",
        () if pod.terminating => "Terminating",
        () if pod.node_name.is_empty() => "Pending",
        () if pod.pod_ip.is_none() => "ContainerCreating",
        () => "Running",
    };
    let n_containers = pod.containers.len();
    let n_ready = if pod.ready { n_containers } else { 0 };
    let ip = pod.pod_ip.map(|ip| format!(" {ip}")).unwrap_or_default();
    let node = if pod.node_name.is_empty() { String::new() } else { format!(" {}", pod.node_name) };
    format!("{n_ready}/{n_containers} {status}{ip}{node}")
}

fn service_row(service: &Service) -> String {
    let ports: Vec<String> = service.ports.iter().map(|port| port.port.to_string()).collect();
    let cluster_ip = service.cluster_ip.map_or_else(|| "None".to_owned(), |ip| ip.to_string());
    format!("{cluster_ip} {}", ports.join(","))
}

fn replicas_row(workload: &Workload) -> String {
    workload.replicas.map(|replicas| format!("spec.replicas: {replicas}")).unwrap_or_default()
}

fn slice_row(slice: &EndpointSlice) -> String {
    let endpoint = |endpoint: &crate::k8s::objects::Endpoint| {
        let state = match (endpoint.ready, endpoint.serving, endpoint.terminating) {
            (_, true, true) => " terminating, serving",
            (_, false, true) => " terminating",
            (true, _, false) => "",
            (false, _, false) => " not ready",
        };
        endpoint.addresses.first().map(|ip| format!("{ip}{state}")).unwrap_or_default()
    };
    let all: Vec<String> = slice.endpoints.iter().map(endpoint).collect();
    if all.is_empty() { "no endpoints".to_owned() } else { all.join("; ") }
}
