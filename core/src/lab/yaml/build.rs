//! Parser events to trees.

use std::borrow::Cow;

use saphyr_parser::{Event, ScalarStyle, Tag};

use super::entries::{deduplicate, merge};
use super::{Entry, Fault, Node, Scalar, Value, cost, depth};
use crate::base::{BTreeMap, Span};

/// Nesting that no manifest needs; dropping a deeper tree could exhaust the stack.
const MAX_DEPTH: usize = 128;
/// What aliases may add, in nodes plus bytes: ends the files that double themselves a hundred times.
const ALIAS_BUDGET: usize = 1 << 20;
/// Events of a document before which `apiVersion` or `kind` must have stood at its top.
const MAX_HEADLESS_EVENTS: usize = 100_000;
/// Events of a file: enough for a cluster of thousands of pods, and few enough to be held in memory.
const MAX_EVENTS: usize = 8_000_000;

/// What the text should hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lab) enum Expect {
    /// Documents, each a mapping with `apiVersion` and `kind`.
    Manifests,
    /// Any one value.
    AnyValue,
}

/// A collection that is not closed yet.
struct Frame<'a> {
    span: Span,
    anchor: usize,
    content: Content<'a>,
}

enum Content<'a> {
    Sequence(Vec<Node<'a>>),
    Mapping { entries: Vec<Entry<'a>>, merged: Vec<Node<'a>>, key: Option<(Cow<'a, str>, Span, bool)> },
}

/// Takes events and puts together trees.
pub(super) struct Builder<'a> {
    expect: Expect,
    stack: Vec<Frame<'a>>,
    anchors: BTreeMap<usize, Node<'a>>,
    alias_budget: usize,
    n_events_left: usize,
    n_events_of_document: usize,
    /// Open collections inside a `managedFields`, which nobody reads and which are half of what kubectl prints.
    skipping: usize,
    /// Documents that are whole.
    pub(super) documents: Vec<Node<'a>>,
    /// What was wrong without ending the document.
    pub(super) faults: Vec<Fault>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(expect: Expect) -> Self {
        Self {
            expect,
            stack: Vec::new(),
            anchors: BTreeMap::new(),
            alias_budget: ALIAS_BUDGET,
            n_events_left: MAX_EVENTS,
            n_events_of_document: 0,
            skipping: 0,
            documents: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Forgets what is not whole; the next event begins a document.
    pub(super) fn end_document(&mut self) {
        self.stack.clear();
        self.anchors.clear();
        self.n_events_of_document = 0;
        self.skipping = 0;
    }

    /// Whether the text held more than any manifest.
    pub(super) fn is_exhausted(&self) -> bool {
        self.n_events_left == 0
    }

    /// Takes the next event. A fault ends the document.
    pub(super) fn on_event(&mut self, event: Event<'a>, span: Span) -> Result<(), Fault> {
        self.n_events_of_document += 1;
        let Some(n_events_left) = self.n_events_left.checked_sub(1) else {
            let text = format!("found more than {MAX_EVENTS} values in this file, expected fewer");
            return Err(Fault { span, text });
        };
        self.n_events_left = n_events_left;
        if self.skipping > 0 {
            match event {
                Event::SequenceStart(..) | Event::MappingStart(..) if self.skipping > MAX_DEPTH => {
                    return Err(too_deep(span));
                }
                Event::SequenceStart(..) | Event::MappingStart(..) => self.skipping += 1,
                Event::SequenceEnd | Event::MappingEnd => self.skipping -= 1,
                _ => {}
            }
            return Ok(());
        }
        if self.n_events_of_document > MAX_HEADLESS_EVENTS && self.expect == Expect::Manifests && !self.has_head() {
            let text = "found no `apiVersion` and no `kind` here, expected a Kubernetes manifest".to_owned();
            return Err(Fault { span: self.stack.first().map_or(span, |root| root.span), text });
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = is_plain(style, tag.as_deref());
                self.add(Node { span, value: Value::Scalar(Scalar { text, plain }) }, anchor)
            }
            Event::SequenceStart(anchor, _) => self.open(span, anchor, Content::Sequence(Vec::new())),
            Event::MappingStart(anchor, _) => {
                self.open(span, anchor, Content::Mapping { entries: Vec::new(), merged: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::DocumentEnd => {
                self.end_document();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => Ok(()),
        }
    }

    /// Whether the document says what it is; a document that does not begin with a mapping was refused already.
    fn has_head(&self) -> bool {
        match self.stack.first().map(|frame| &frame.content) {
            Some(Content::Mapping { entries, key, .. }) => entries
                .iter()
                .map(|entry| &entry.key)
                .chain(key.iter().map(|(key, ..)| key))
                .any(|key| key == "apiVersion" || key == "kind"),
            Some(Content::Sequence(_)) | None => true,
        }
    }

    fn open(&mut self, span: Span, anchor: usize, content: Content<'a>) -> Result<(), Fault> {
        if self.stack.is_empty() && self.expect == Expect::Manifests && matches!(content, Content::Sequence(_)) {
            return Err(not_a_manifest(span, "a list"));
        }
        if let Some(Frame { content: Content::Mapping { key, .. }, .. }) = self.stack.last() {
            match key {
                None => {
                    let text = "found a list or a mapping as a key, expected a string".to_owned();
                    return Err(Fault { span, text });
                }
                Some((key, ..)) if key == "managedFields" => {
                    self.skipping = 1;
                    return self.add(Node { span, value: Value::Sequence(Vec::new()) }, 0);
                }
                Some(_) => {}
            }
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.stack.push(Frame { span, anchor, content });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let Some(Frame { span, anchor, content }) = self.stack.pop() else { return Ok(()) };
        let value = match content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping { entries, merged, .. } => {
                Value::Mapping(merge(deduplicate(entries, &mut self.faults), merged)?)
            }
        };
        self.add(Node { span, value }, anchor)
    }

    /// Puts a finished node where it belongs: into the open collection, or among the documents.
    fn add(&mut self, node: Node<'a>, anchor: usize) -> Result<(), Fault> {
        if anchor != 0 {
            self.spend(&node)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.stack.last_mut().map(|frame| &mut frame.content) {
            None if self.expect == Expect::Manifests && !matches!(node.value, Value::Mapping(_)) && !node.is_null() => {
                return Err(not_a_manifest(node.span, &node.describe()));
            }
            None if self.expect == Expect::Manifests && node.is_null() => {}
            None => self.documents.push(node),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping { entries, merged, key }) => match (key.take(), node.value) {
                (None, Value::Scalar(scalar)) => *key = Some((scalar.text, node.span, scalar.plain)),
                (None, _) => {
                    let text = "found a list or a mapping as a key, expected a string".to_owned();
                    return Err(Fault { span: node.span, text });
                }
                (Some((name, _, true)), value) if name == "<<" => merged.push(Node { span: node.span, value }),
                (Some((key, key_span, _)), value) => {
                    entries.push(Entry { key, key_span, value: Node { span: node.span, value } });
                }
            },
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Fault> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            let text = "found an alias inside what it stands for, expected an anchor (`&name`) above it".to_owned();
            return Err(Fault { span, text });
        };
        if self.stack.len() + depth(&node) > MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.spend(&node)?;
        self.add(node, 0)
    }

    fn spend(&mut self, node: &Node<'_>) -> Result<(), Fault> {
        match self.alias_budget.checked_sub(cost(node)) {
            Some(rest) => {
                self.alias_budget = rest;
                Ok(())
            }
            None => {
                let text = "found aliases that grow without measure, expected a manifest".to_owned();
                Err(Fault { span: node.span, text })
            }
        }
    }
}

fn is_plain(style: ScalarStyle, tag: Option<&Tag>) -> bool {
    match tag {
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => false,
        Some(tag) if tag.is_yaml_core_schema() => true,
        _ => style == ScalarStyle::Plain,
    }
}

fn too_deep(span: Span) -> Fault {
    Fault { span, text: format!("found nesting deeper than {MAX_DEPTH}, expected less") }
}

fn not_a_manifest(span: Span, found: &str) -> Fault {
    Fault { span, text: format!("found {found}, expected a manifest: a mapping with `apiVersion` and `kind`") }
}
