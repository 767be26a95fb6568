//! YAML and JSON text as trees whose every key and value knows where it stands.
//!
//! Owns syntax: anchors, aliases, merge keys, duplicate keys, and what an unquoted word means. What the trees say is
//! read in [`super::parse`]. Scalars mean what they mean to kubectl, whose YAML library follows YAML 1.1: an unquoted
//! `yes` is a boolean. Tags other than those of the core schema are ignored.

mod build;
mod entries;
mod json;
mod position;
mod read;
mod resolve;
mod syntax;
mod text;

use std::borrow::Cow;

use crate::base::Span;

pub(super) use build::Expect;
pub(super) use read::read;
pub(super) use resolve::Resolved;
pub(super) use text::decode;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub(super) span: Span,
    pub(super) value: Value<'a>,
}

/// A scalar or a collection.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Scalar(Scalar<'a>),
    Sequence(Vec<Node<'a>>),
    Mapping(Vec<Entry<'a>>),
}

/// A scalar as it was written; [`Scalar::resolve`] says what it means.
#[derive(Clone, Debug)]
pub(super) struct Scalar<'a> {
    pub(super) text: Cow<'a, str>,
    /// Neither quoted nor tagged as a string: may be null, a boolean or a number.
    pub(super) plain: bool,
}

/// A key of a mapping and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry<'a> {
    pub(super) key: Cow<'a, str>,
    pub(super) key_span: Span,
    pub(super) value: Node<'a>,
}

/// Something wrong at one place of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) span: Span,
    pub(super) text: String,
}

impl<'a> Node<'a> {
    /// What `key` of this mapping holds.
    pub(super) fn get(&self, key: &str) -> Option<&Node<'a>> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            Value::Scalar(_) | Value::Sequence(_) => None,
        }
    }

    /// Whether nothing is stated: `null`, `~`, or no text at all.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.resolve() == Resolved::Null)
    }

    /// What stands there, for the first half of an error.
    pub(super) fn describe(&self) -> String {
        match &self.value {
            Value::Scalar(scalar) => scalar.describe(),
            Value::Sequence(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        }
    }
}

#[cfg(test)]
impl std::fmt::Display for Node<'_> {
    /// The tree in one line, each value with its position.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.value {
            Value::Scalar(scalar) if scalar.plain => f.write_str(&scalar.text)?,
            Value::Scalar(scalar) => write!(f, "{:?}", scalar.text)?,
            Value::Sequence(items) => {
                let items: Vec<String> = items.iter().map(Self::to_string).collect();
                write!(f, "[{}]", items.join(", "))?;
            }
            Value::Mapping(entries) => {
                let entry = |entry: &Entry<'_>| {
                    let Span { line, col, .. } = entry.key_span;
                    format!("{}@{line}:{col}: {}", entry.key, entry.value)
                };
                write!(f, "{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))?;
            }
        }
        write!(f, "@{}:{}", self.span.line, self.span.col)
    }
}

/// What an alias of `node` adds to a document, in nodes and bytes.
fn cost(node: &Node<'_>) -> usize {
    match &node.value {
        Value::Scalar(scalar) => 1 + scalar.text.len(),
        Value::Sequence(items) => 1 + items.iter().map(cost).sum::<usize>(),
        Value::Mapping(entries) => {
            1 + entries.iter().map(|entry| 1 + entry.key.len() + cost(&entry.value)).sum::<usize>()
        }
    }
}

/// Levels of nesting in `node`.
fn depth(node: &Node<'_>) -> usize {
    1 + match &node.value {
        Value::Scalar(_) => 0,
        Value::Sequence(items) => items.iter().map(depth).max().unwrap_or(0),
        Value::Mapping(entries) => entries.iter().map(|entry| depth(&entry.value)).max().unwrap_or(0),
    }
}
