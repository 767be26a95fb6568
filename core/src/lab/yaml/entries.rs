//! The entries of a mapping: each key once, and what `<<` adds.

use std::borrow::Cow;

use super::{Entry, Fault, Node, Value};
use crate::base::{BTreeSet, order_of};

/// Of several entries with one key the first stays, and the others are faults.
pub(super) fn deduplicate<'a>(entries: Vec<Entry<'a>>, faults: &mut Vec<Fault>) -> Vec<Entry<'a>> {
    let order = order_of(entries.len(), &|a, b| entries[a].key.cmp(&entries[b].key));
    let mut doubles: BTreeSet<usize> = BTreeSet::new();
    for group in order.chunk_by(|a, b| entries[*a].key == entries[*b].key) {
        let first = entries[group[0]].key_span;
        for double in &group[1..] {
            let Entry { key, key_span, .. } = &entries[*double];
            let text = format!("found key {key:?} again, expected it once: it stands at {}:{}", first.line, first.col);
            faults.push(Fault { span: *key_span, text });
        }
        doubles.extend(group[1..].iter().copied());
    }
    if doubles.is_empty() {
        return entries;
    }
    let keep = |(index, entry)| (!doubles.contains(&index)).then_some(entry);
    entries.into_iter().enumerate().filter_map(keep).collect()
}

/// `<<`: what the mapping does not state itself it has from these, the first first.
pub(super) fn merge<'a>(mut entries: Vec<Entry<'a>>, merged: Vec<Node<'a>>) -> Result<Vec<Entry<'a>>, Fault> {
    if merged.is_empty() {
        return Ok(entries);
    }
    let mut keys: BTreeSet<Cow<'a, str>> = entries.iter().map(|entry| entry.key.clone()).collect();
    for node in merged {
        let sources = match node.value {
            Value::Sequence(items) => items,
            Value::Mapping(_) | Value::Scalar(_) => vec![node],
        };
        for source in sources {
            let Value::Mapping(more) = source.value else {
                let text = format!("found {} under `<<`, expected a mapping", source.describe());
                return Err(Fault { span: source.span, text });
            };
            entries.extend(more.into_iter().filter(|entry| keys.insert(entry.key.clone())));
        }
    }
    Ok(entries)
}
