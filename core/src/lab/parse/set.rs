//! `--set path=value`: fields of `Lab.spec` from the command line.
//!
//! The pair becomes part of the document before it is read, so that one reader knows which fields there are.

use std::borrow::Cow;

use crate::base::Span;
use crate::lab::yaml::{self, Entry, Node, Value};

use super::fields::Fields;
use super::problems::Problems;

/// What the keys of `sysctl` paths begin with: `node/a.example.net.ipv4.ip_forward` is cut before one of these.
const SYSCTL_ROOTS: [&str; 5] = [".net.", ".kernel.", ".vm.", ".fs.", ".user."];

/// No field of `Lab.spec` is deeper.
const MAX_PARTS: usize = 8;

/// `spec` of the Lab document with every pair of `set` applied; `None` if there is nothing at all.
pub(super) fn apply<'n>(
    stated: Option<Fields<'n>>,
    set: &'n [(String, String)],
    file: usize,
    problems: &Problems<'_>,
) -> Option<Node<'n>> {
    let mut spec = stated.and_then(|fields| fields.get("spec").cloned());
    for (path, value) in set {
        let Some(value) = value_of(path, value, file, problems) else { continue };
        let root = Span { file, line: 1, col: 1 };
        let spec = spec.get_or_insert_with(|| Node { span: root, value: Value::Mapping(Vec::new()) });
        let parts = parts(path, file);
        if parts.len() > MAX_PARTS {
            problems.error(root, format!("found {} parts, expected a path like cni.mode", parts.len()));
        } else if let Err((span, text)) = put(spec, &parts, value) {
            problems.error(span, text);
        }
    }
    spec
}

/// The value, read as YAML.
fn value_of<'n>(path: &str, value: &'n str, file: usize, problems: &Problems<'_>) -> Option<Node<'n>> {
    let shift = path.chars().count() + 1;
    let moved = |span: Span| if span.line == 1 { Span { col: span.col + shift, ..span } } else { span };
    let (mut documents, faults) = yaml::read(value, file, yaml::Expect::AnyValue);
    for fault in &faults {
        problems.error(moved(fault.span), fault.text.clone());
    }
    if !faults.is_empty() {
        return None;
    }
    let at = Span { file, line: 1, col: 1 + shift };
    let nothing = Node { span: at, value: Value::Scalar(yaml::Scalar { text: Cow::Borrowed(""), plain: true }) };
    if documents.len() > 1 {
        problems.error(at, "found several documents, expected one value");
        return None;
    }
    let mut node = documents.pop().unwrap_or(nothing);
    move_spans(&mut node, &moved);
    Some(node)
}

fn move_spans(node: &mut Node<'_>, moved: &impl Fn(Span) -> Span) {
    node.span = moved(node.span);
    match &mut node.value {
        Value::Scalar(_) => {}
        Value::Sequence(items) => items.iter_mut().for_each(|item| move_spans(item, moved)),
        Value::Mapping(entries) => {
            for entry in entries {
                entry.key_span = moved(entry.key_span);
                move_spans(&mut entry.value, moved);
            }
        }
    }
}

/// The parts of a path with their positions.
fn parts(path: &str, file: usize) -> Vec<(&str, Span)> {
    let mut parts = Vec::new();
    let mut start = 0;
    for end in dots(path).into_iter().chain([path.len()]) {
        let col = 1 + path[..start].chars().count();
        parts.push((&path[start..end], Span { file, line: 1, col }));
        start = end + 1;
    }
    parts
}

/// Where the dots of a path are that separate: names of nodes and of sysctls have dots of their own.
fn dots(path: &str) -> Vec<usize> {
    let within = |prefix: &str, end: &dyn Fn(&str) -> Option<usize>| {
        let rest = path.strip_prefix(prefix)?;
        let before = path[..prefix.len()].match_indices('.').map(|(at, _)| at);
        Some(before.chain(end(rest).map(|at| prefix.len() + at)).collect())
    };
    let after_node = |rest: &str| rest.strip_suffix(".mtu").map(str::len);
    let after_place = |rest: &str| SYSCTL_ROOTS.iter().filter_map(|root| rest.find(root)).min();
    within("underlay.nodes.", &after_node)
        .or_else(|| within("sysctl.", &after_place))
        .unwrap_or_else(|| path.match_indices('.').map(|(at, _)| at).collect())
}

/// Puts `value` at `path` below `node`, making the mappings on the way.
fn put<'n>(node: &mut Node<'n>, path: &[(&'n str, Span)], value: Node<'n>) -> Result<(), (Span, String)> {
    let Some(((name, span), rest)) = path.split_first() else {
        *node = value;
        return Ok(());
    };
    if name.is_empty() {
        return Err((*span, "found an empty name, expected a path like cni.mode".to_owned()));
    }
    if node.is_null() {
        node.value = Value::Mapping(Vec::new());
    }
    match &mut node.value {
        Value::Mapping(entries) => {
            let index = entries.iter().position(|entry| entry.key == *name).unwrap_or(entries.len());
            if index == entries.len() {
                let empty = Node { span: *span, value: Value::Mapping(Vec::new()) };
                entries.push(Entry { key: Cow::Borrowed(name), key_span: *span, value: empty });
            }
            put(&mut entries[index].value, rest, value)
        }
        Value::Sequence(items) => {
            let n_items = items.len();
            match name.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                Some(item) => put(item, rest, value),
                None => {
                    Err((*span, format!("found {name:?}, expected the position of one of {n_items} items, from 0")))
                }
            }
        }
        Value::Scalar(_) => {
            let found = node.describe();
            Err((*span, format!("found {name:?} below {found}, expected a field of a mapping")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn names_keep_their_dots() {
        let cases: [(&str, &[&str]); 7] = [
            ("cni.mode", &["cni", "mode"]),
            ("hosts.0.name", &["hosts", "0", "name"]),
            ("underlay.mtu", &["underlay", "mtu"]),
            ("underlay.nodes.a.example.mtu", &["underlay", "nodes", "a.example", "mtu"]),
            ("sysctl.node/a.example.net.ipv4.ip_forward", &["sysctl", "node/a.example", "net.ipv4.ip_forward"]),
            ("sysctl.node/a", &["sysctl", "node/a"]),
            ("a..b", &["a", "", "b"]),
        ];
        for (path, expected) in cases {
            assert_eq!(parts(path, 0).into_iter().map(|(part, _)| part).collect::<Vec<_>>(), expected);
        }
    }
}
