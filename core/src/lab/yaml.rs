//! YAML and JSON text as trees whose every key and value knows where it stands.
//!
//! Owns syntax: anchors, aliases, merge keys, duplicate keys, and what an unquoted word means. What the trees say is
//! read in [`super::parse`]. Scalars mean what they mean to kubectl, whose YAML library follows YAML 1.1: an unquoted
//! `yes` is a boolean. Tags other than those of the core schema are ignored.

mod build;
mod resolve;
mod syntax;
mod text;

use std::borrow::Cow;

use crate::base::Span;

pub(super) use build::{Expect, read};
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
