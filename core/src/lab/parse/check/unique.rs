//! One object for each kind, namespace and name.

use crate::base::{BTreeMap, Span};
use crate::k8s::objects::{EndpointSlice, Ingress, Node, ObjectMeta, Pod, Service, Workload};
use crate::lab::parse::documents::Stated;
use crate::lab::parse::k8s::Endpoints;

/// What tells objects apart.
pub(in crate::lab::parse) trait Named {
    /// Kind and metadata.
    fn named(&self) -> (&'static str, &ObjectMeta);
}

/// Drops every object whose kind, namespace and name stood before.
pub(in crate::lab::parse) fn unique<T: Named>(list: &mut Vec<Stated<'_, T>>) {
    let mut first: BTreeMap<(&str, String, String), Span> = BTreeMap::new();
    list.retain(|Stated { object, fields }| {
        let (kind, meta) = object.named();
        let key = (kind, meta.namespace.clone(), meta.name.clone());
        let Some(before) = first.get(&key).copied() else {
            first.insert(key, meta.span);
            return true;
        };
        let slash = if meta.namespace.is_empty() { "" } else { "/" };
        let name = format!("{}{slash}{}", meta.namespace, meta.name);
        let there = fields.problems().there(meta.span, before);
        fields.problems().error(meta.span, format!("found {kind} {name} again, expected it once: it stands {there}"));
        false
    });
}

impl Named for Node {
    fn named(&self) -> (&'static str, &ObjectMeta) {
        ("Node", &self.meta)
    }
}

impl Named for Pod {
    fn named(&self) -> (&'static str, &ObjectMeta) {
        ("Pod", &self.meta)
    }
}

impl Named for Service {
    fn named(&self) -> (&'static str, &ObjectMeta) {
        ("Service", &self.meta)
    }
}

impl Named for EndpointSlice {
    fn named(&self) -> (&'static str, &ObjectMeta) {
        ("EndpointSlice", &self.meta)
    }
}

impl Named for Endpoints {
    fn named(&self) -> (&'static str, &ObjectMeta) {
        ("Endpoints", &self.meta)
    }
}

impl Named for Workload {
    fn named(&self) -> (&'static str, &ObjectMeta) {
        (if self.replicas.is_some() { "Deployment" } else { "DaemonSet" }, &self.meta)
    }
}

impl Named for Ingress {
    fn named(&self) -> (&'static str, &ObjectMeta) {
        ("Ingress", &self.meta)
    }
}
