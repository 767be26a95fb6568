//! What objects say about each other: names, addresses and networks that must not collide.
//!
//! What is wrong is dropped after the problem is noted, so that nothing behind the parser meets it.

mod nodes;
mod pods;
mod services;
mod spec;

use std::collections::BTreeMap;

use crate::base::Span;
use crate::lab::nearest::nearest;

use super::documents::{HasMeta, Stated};

pub(super) use nodes::{addresses, networks};
pub(super) use pods::pods;
pub(super) use services::services;
pub(super) use spec::{hosts, networks_of_lab, places};

/// Drops every object whose kind, namespace and name stood before.
pub(super) fn unique<T: HasMeta>(kind: &str, list: &mut Vec<Stated<'_, T>>) {
    let mut first: BTreeMap<(String, String), Span> = BTreeMap::new();
    list.retain(|Stated { object, fields }| {
        let meta = object.meta();
        match first.get(&(meta.namespace.clone(), meta.name.clone())) {
            None => {
                first.insert((meta.namespace.clone(), meta.name.clone()), meta.span);
                true
            }
            Some(before) => {
                let slash = if meta.namespace.is_empty() { "" } else { "/" };
                let name = format!("{}{slash}{}", meta.namespace, meta.name);
                let text =
                    format!("found {kind} {name} again, expected it once: it stands {}", there(meta.span, *before));
                fields.problems().error(meta.span, text);
                false
            }
        }
    });
}

/// Where the other half of a problem stands, seen from `here`.
fn there(here: Span, other: Span) -> String {
    if here.file == other.file {
        format!("at {}:{}", other.line, other.col)
    } else {
        format!("at {}:{} of input file {}", other.line, other.col, other.file + 1)
    }
}

/// `; the nearest is NAME`, if there is one.
fn hint<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> String {
    nearest(wanted, names).map(|name| format!("; the nearest is {name}")).unwrap_or_default()
}
