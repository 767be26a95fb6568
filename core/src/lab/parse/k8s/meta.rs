//! `metadata`: what every object carries.

use crate::k8s::objects::ObjectMeta;
use crate::lab::parse::fields::{Fields, text};
use crate::lab::yaml::Node;

pub(in crate::lab::parse) const NAME: &str = "a name of lower-case letters, digits, `-` and `.`";

/// The metadata of a namespaced object; `None`, and a problem, without a usable name.
pub(super) fn namespaced(object: &Fields<'_>) -> Option<ObjectMeta> {
    let meta = cluster_wide(object)?;
    let fields = object.mapping("metadata");
    let namespace = match fields.get("namespace") {
        None => "default",
        Some(_) => fields.read("namespace", NAME, name)?,
    };
    Some(ObjectMeta { namespace: namespace.to_owned(), ..meta })
}

/// The metadata of an object that is in no namespace.
pub(super) fn cluster_wide(object: &Fields<'_>) -> Option<ObjectMeta> {
    let fields = object.mapping("metadata");
    if fields.get("name").is_none() {
        let kind = object.text("kind").unwrap_or("object");
        fields
            .problems()
            .error(object.at("metadata"), format!("found a {kind} without metadata.name, expected its name"));
        return None;
    }
    Some(ObjectMeta { name: fields.read("name", NAME, name)?.to_owned(), ..unnamed(object) })
}

/// Labels and annotations alone, as a pod template has them.
pub(super) fn unnamed(object: &Fields<'_>) -> ObjectMeta {
    let fields = object.mapping("metadata");
    ObjectMeta {
        name: String::new(),
        namespace: String::new(),
        labels: fields.texts("labels"),
        annotations: fields.texts("annotations"),
        span: fields.at("name"),
    }
}

/// Models IsDNS1123Subdomain: what may stand between the slashes of a reference.
pub(in crate::lab::parse) fn name<'n>(node: &'n Node<'n>) -> Option<&'n str> {
    let fits = |label: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !label.is_empty() && label.chars().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    text(node).filter(|name| name.len() <= 253 && name.split('.').all(fits))
}
