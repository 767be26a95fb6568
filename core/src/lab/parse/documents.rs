//! Documents to objects: which kind each is, and what is passed over.

use crate::base::{BTreeMap, BTreeSet, Span};
use crate::k8s::objects::{EndpointSlice, Ingress, Node, Pod, Service, Workload};
use crate::lab::nearest::nearest;

use super::fields::{Fields, text};
use super::k8s::{self, Endpoints};
use super::problems::Problems;

/// Every kind that is read, with the `apiVersion` it is read in.
const KINDS: [(&str, &str); 9] = [
    ("v1", "Node"),
    ("v1", "Namespace"),
    ("v1", "Pod"),
    ("v1", "Service"),
    ("v1", "Endpoints"),
    ("discovery.k8s.io/v1", "EndpointSlice"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "DaemonSet"),
    ("networking.k8s.io/v1", "Ingress"),
];

/// An object and the document it was read from, in which checks look up positions.
pub(super) struct Stated<'n, T> {
    pub(super) object: T,
    pub(super) fields: Fields<'n>,
}

/// What the files state, in file order, before anything is checked or filled in.
#[derive(Default)]
pub(super) struct Draft<'n> {
    pub(super) nodes: Vec<Stated<'n, Node>>,
    pub(super) pods: Vec<Stated<'n, Pod>>,
    pub(super) services: Vec<Stated<'n, Service>>,
    pub(super) endpoint_slices: Vec<Stated<'n, EndpointSlice>>,
    pub(super) endpoints: Vec<Stated<'n, Endpoints>>,
    pub(super) workloads: Vec<Stated<'n, Workload>>,
    pub(super) ingresses: Vec<Stated<'n, Ingress>>,
    pub(super) namespaces: BTreeSet<String>,
    /// Whether a Node stands anywhere, even one that cannot be read.
    pub(super) has_node: bool,
    labs: Vec<Fields<'n>>,
    walks: Vec<Fields<'n>>,
    skipped: BTreeMap<(&'n str, &'n str), (Span, usize)>,
}

/// What a list says about the items that say nothing themselves, as the raw API prints them.
#[derive(Clone, Copy)]
struct Head<'n> {
    api_version: &'n str,
    kind: &'n str,
}

impl<'n> Draft<'n> {
    /// Takes in one document.
    pub(super) fn add(&mut self, fields: Fields<'n>) {
        self.add_with_default(fields, None);
    }

    fn add_with_default(&mut self, fields: Fields<'n>, default: Option<Head<'n>>) {
        let Some(Head { api_version, kind }) = head(&fields, default) else { return };
        if api_version.starts_with("kubehop.dev/") {
            self.add_lab(fields, api_version, kind);
            return;
        }
        if let Some(item_kind) = kind.strip_suffix("List") {
            let default = (!item_kind.is_empty()).then_some(Head { api_version, kind: item_kind });
            for item in fields.mappings("items") {
                self.add_with_default(item, default);
            }
            return;
        }
        match (api_version, kind) {
            ("v1", "Node") => {
                self.has_node = true;
                push(&mut self.nodes, k8s::node(&fields), fields);
            }
            ("v1", "Namespace") => {
                let name = fields.mapping("metadata").get("name").and_then(text);
                self.namespaces.extend(name.map(str::to_owned));
            }
            ("v1", "Pod") => push(&mut self.pods, k8s::pod(&fields), fields),
            ("v1", "Service") => push(&mut self.services, k8s::service(&fields), fields),
            ("v1", "Endpoints") => push(&mut self.endpoints, k8s::endpoints(&fields), fields),
            ("discovery.k8s.io/v1", "EndpointSlice") => {
                push(&mut self.endpoint_slices, k8s::endpoint_slice(&fields), fields);
            }
            ("apps/v1", "Deployment") => push(&mut self.workloads, k8s::deployment(&fields), fields),
            ("apps/v1", "DaemonSet") => push(&mut self.workloads, k8s::daemon_set(&fields), fields),
            ("networking.k8s.io/v1", "Ingress") => push(&mut self.ingresses, k8s::ingress(&fields), fields),
            _ => self.skipped.entry((api_version, kind)).or_insert((fields.at("kind"), 0)).1 += 1,
        }
    }

    fn add_lab(&mut self, fields: Fields<'n>, api_version: &str, kind: &str) {
        if (api_version, kind) == ("kubehop.dev/v1", "Lab") {
            self.labs.push(fields);
        } else if (api_version, kind) == ("kubehop.dev/v1", "Walk") {
            self.walks.push(fields);
        } else {
            let text = format!(
                "found {api_version} {kind}, expected kubehop.dev/v1 Lab: Kubehop has no other document of a cluster"
            );
            fields.problems().error(fields.at("kind"), text);
        }
    }

    /// A walk says what to run, and is not part of a cluster. Whether there was one.
    pub(super) fn refuse_walks(&self) -> bool {
        for walk in &self.walks {
            walk.problems().error(walk.at("kind"), "found a Walk, expected a cluster: `kubehop check` reads walks");
        }
        !self.walks.is_empty()
    }

    /// One note for each kind that is not read.
    pub(super) fn note_skipped(&self, problems: &Problems<'_>) {
        for ((api_version, kind), (at, n_objects)) in &self.skipped {
            let known = KINDS.iter().map(|(_, kind)| *kind);
            let hint = match KINDS.iter().find(|(_, known)| known == kind) {
                Some((expected, _)) => format!("; {kind} is read in {expected}"),
                None => match nearest(kind, known) {
                    Some(name) => format!("; the nearest that is read is {name}"),
                    None => String::new(),
                },
            };
            let objects = if *n_objects == 1 { "object" } else { "objects" };
            problems.note(*at, format!("{n_objects} {objects} of kind {kind} ({api_version}) skipped{hint}"));
        }
    }

    /// The Lab document; a second one is an error.
    pub(super) fn lab(&self, problems: &Problems<'_>) -> Option<Fields<'n>> {
        let first = self.labs.first()?;
        for second in &self.labs[1..] {
            let there = problems.there(second.span(), first.span());
            problems.error(second.span(), format!("found a second Lab document, expected one: it stands {there}"));
        }
        Some(*first)
    }
}

/// `apiVersion` and `kind` of a document; a problem if it lacks one.
fn head<'n>(fields: &Fields<'n>, default: Option<Head<'n>>) -> Option<Head<'n>> {
    let of = |key, default: Option<&'n str>| {
        if fields.get(key).is_none() && default.is_none() {
            let text = format!(
                "found a document without `{key}`, expected a manifest: a mapping with `apiVersion` and `kind`"
            );
            fields.problems().error(fields.span(), text);
        }
        fields.text(key).or(default)
    };
    let api_version = of("apiVersion", default.map(|head| head.api_version))?;
    Some(Head { api_version, kind: of("kind", default.map(|head| head.kind))? })
}

fn push<'n, T>(list: &mut Vec<Stated<'n, T>>, object: Option<T>, fields: Fields<'n>) {
    list.extend(object.map(|object| Stated { object, fields }));
}
