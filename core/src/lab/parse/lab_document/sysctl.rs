//! `sysctl`: by place, what its kernel has instead of the default.

use std::collections::BTreeMap;

use crate::base::{Place, map_of};
use crate::lab::parse::fields::{Fields, int, text};
use crate::lab::yaml::Node;

/// By place, then by path. Whether there is such a place is checked when all of them are known.
pub(super) fn sysctls(fields: &Fields<'_>) -> BTreeMap<String, BTreeMap<String, String>> {
    let of = |(key, span, _): (&'_ str, _, _)| match key.parse::<Place>() {
        Ok(place) => Some((place.to_string(), values(&fields.mapping(key)))),
        Err(error) => {
            fields.problems().error(span, format!("sysctl: {error}"));
            None
        }
    };
    map_of(fields.entries().filter_map(of))
}

fn values(place: &Fields<'_>) -> BTreeMap<String, String> {
    let of = |(path, span, node): (&str, _, &Node<'_>)| {
        if !path.contains('.') || path.contains('/') {
            let text = format!("sysctl: found {path:?}, expected a path like net.ipv4.ip_forward");
            place.problems().error(span, text);
            return None;
        }
        let value = text(node).map(str::to_owned).or_else(|| int(node).map(|value| value.to_string()));
        if value.is_none() {
            place.wrong(path, node, "a number or a string");
        }
        Some((path.to_owned(), value?))
    };
    map_of(place.entries().filter_map(of))
}
