//! `sysctl`: by place, what its kernel has instead of the default.

use crate::base::{BTreeMap, Place};
use crate::lab::nearest::nearest;
use crate::lab::parse::fields::{Fields, int, text};
use crate::lab::yaml::Node;
use crate::net::{SysctlError, Sysctls};

/// By place, then by path. Whether there is such a place is checked when all of them are known.
pub(super) fn sysctls(fields: &Fields<'_>) -> BTreeMap<String, BTreeMap<String, String>> {
    let of = |(key, span, _): (&'_ str, _, _)| match key.parse::<Place>() {
        Ok(place) => Some((place.to_string(), values(&fields.mapping(key)))),
        Err(error) => {
            fields.problems().error(span, format!("sysctl: {error}"));
            None
        }
    };
    fields.entries().filter_map(of).collect()
}

fn values(place: &Fields<'_>) -> BTreeMap<String, String> {
    let of = |(path, span, node): (&str, _, &Node<'_>)| {
        if !path.contains('.') || path.contains('/') {
            let text = format!("sysctl: found {path:?}, expected a path like net.ipv4.ip_forward");
            place.problems().error(span, text);
            return None;
        }
        let value = text(node).map(str::to_owned).or_else(|| int(node).map(|value| value.to_string()));
        match (Sysctls::default().set(path, value.as_deref().unwrap_or_default()), value) {
            (Ok(()), value) => Some((path.to_owned(), value?)),
            (Err(SysctlError::Value { expected }), _) => {
                place.wrong(path, node, &expected);
                None
            }
            (Err(SysctlError::NoSuchPath), _) => {
                let known: Vec<String> = Sysctls::known().collect();
                let hint = match nearest(path, known.iter().map(String::as_str)) {
                    Some(name) => format!("; the nearest is {name}"),
                    None => String::new(),
                };
                let text = format!("sysctl: found unknown {path:?}, expected one of {}{hint}", known.join(", "));
                place.problems().error(span, text);
                None
            }
        }
    };
    place.entries().filter_map(of).collect()
}
