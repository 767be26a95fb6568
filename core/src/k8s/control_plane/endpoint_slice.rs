//! The EndpointSlice controller, and the older Endpoints controller beside it.
//!
//! Models pkg/controller/endpointslice and pkg/controller/endpoint. Slices that somebody else manages are left alone;
//! those without a word about that are taken for the controller's own. Not modelled: topology hints.

use super::store::{Kind, ObjectRef};
use super::{ControlPlane, Turn, names};
use crate::base::{Dice, Writer};
use crate::k8s::controllers;
use crate::k8s::objects::{Endpoint, EndpointSlice, Objects, Service, ServiceType};
use crate::trace::{Component, Work, Written};

const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const CONTROLLER: &str = "endpointslice-controller.k8s.io";

impl ControlPlane {
    pub(super) fn reconcile_slices(&mut self, service: &ObjectRef, turn: &mut Turn<'_>) {
        let old = managed(self.store.objects(), service);
        let new = match self.store.service(service) {
            Some(service) if has_slices(service) => wanted(service, self.store.objects(), &old, &mut self.dice),
            // A service takes its slices along (garbage collection).
            Some(_) => return,
            None => Vec::new(),
        };
        let work = if new == old {
            Work::Nothing
        } else if new.is_empty() {
            Work::Collect
        } else {
            let count = |is_it: &dyn Fn(&Endpoint) -> bool| {
                new.iter().flat_map(|slice| &slice.endpoints).filter(|endpoint| is_it(endpoint)).count()
            };
            Work::WriteSlices {
                n_ready: count(&|it| it.ready),
                n_terminating: count(&|it| it.terminating && !it.ready),
                n_not_ready: count(&|it| !it.ready && !it.terminating),
            }
        };
        self.store.replace_slices(&old, new);
        let at = self.place.clone();
        self.record(turn, &at, Component::EndpointSlice, &service.to_string(), work, Vec::new());
    }

    /// Nobody here reads Endpoints, so they are not kept: what is in them follows from the pods.
    pub(super) fn write_endpoints(&mut self, service: &ObjectRef, turn: &mut Turn<'_>) {
        let (work, text) = match self.store.service(service) {
            Some(found) if has_slices(found) => {
                let slices = controllers::slices(found, self.store.objects());
                let ready = |slice: &EndpointSlice| -> Vec<String> {
                    let port = slice.ports.first().map(|port| format!(":{}", port.port)).unwrap_or_default();
                    let ready = slice.endpoints.iter().filter(|endpoint| endpoint.ready);
                    ready.filter_map(|endpoint| Some(format!("{}{port}", endpoint.addresses.first()?))).collect()
                };
                let all: Vec<String> = slices.iter().flat_map(ready).collect();
                let list = if all.is_empty() { "<none>".to_owned() } else { all.join(",") };
                (Work::WriteEndpoints, format!("endpoints/{}/{}: {list}", service.namespace, service.name))
            }
            Some(_) => return,
            None => (Work::Collect, format!("Deleted endpoints/{}/{}", service.namespace, service.name)),
        };
        let row = Written { command: "kubectl get endpoints -A -w".to_owned(), text, writer: Writer::ControlPlane };
        let about = format!("endpoints/{}/{}", service.namespace, service.name);
        let at = self.place.clone();
        self.record(turn, &at, Component::Endpoints, &about, work, vec![row]);
    }
}

/// Whether the controller makes slices for a service.
pub(super) fn has_slices(service: &Service) -> bool {
    !service.selector.is_empty() && service.kind != ServiceType::ExternalName
}

/// The slices of a service that are the controller's.
pub(super) fn managed(objects: &Objects, service: &ObjectRef) -> Vec<EndpointSlice> {
    let is_its = |slice: &&EndpointSlice| {
        slice.meta.namespace == service.namespace
            && slice.service_name == service.name
            && slice.meta.labels.get(MANAGED_BY).is_none_or(|manager| manager == CONTROLLER)
    };
    objects.endpoint_slices.iter().filter(is_its).cloned().collect()
}

/// The slices that a service should have: as `old` where nothing of them changes, with old names as far as they go.
fn wanted(service: &Service, objects: &Objects, old: &[EndpointSlice], dice: &mut Dice) -> Vec<EndpointSlice> {
    let mut free: Vec<&EndpointSlice> = old.iter().collect();
    let mut named = |slice: EndpointSlice| {
        let alike =
            free.iter().position(|other| other.ports == slice.ports).or_else(|| (!free.is_empty()).then_some(0));
        let meta = match alike.map(|idx| free.remove(idx)) {
            Some(other) => other.meta.clone(),
            None => {
                let mut meta = slice.meta.clone();
                meta.name = format!("{}-{}", service.meta.name, names::suffix(dice));
                meta
            }
        };
        EndpointSlice { meta, ..slice }
    };
    let mut wanted = controllers::slices(service, objects);
    if wanted.is_empty() {
        // A service without endpoints keeps one slice, which says so.
        wanted.push(controllers::empty_slice(service, 0));
    }
    wanted.into_iter().map(&mut named).collect()
}

/// The services that a pod with this metadata is behind.
pub(super) fn services_of(objects: &Objects, meta: &crate::k8s::objects::ObjectMeta) -> Vec<ObjectRef> {
    let selects = |service: &&Service| {
        service.meta.namespace == meta.namespace
            && has_slices(service)
            && crate::k8s::objects::selects(&service.selector, &meta.labels)
    };
    objects.services.iter().filter(selects).map(|service| ObjectRef::of(Kind::Service, &service.meta)).collect()
}
