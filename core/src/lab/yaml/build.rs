//! Parser events to trees.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use crate::base::Span;

use super::{Entry, Fault, Node, Scalar, Value, syntax};

/// Nesting that no manifest needs; dropping a deeper tree could exhaust the stack.
const MAX_DEPTH: usize = 128;
/// What aliases may add, in nodes plus bytes: ends the files that double themselves a hundred times.
const ALIAS_BUDGET: usize = 1 << 20;
/// Events of a document before which `apiVersion` or `kind` must have stood at its top.
const MAX_HEADLESS_EVENTS: usize = 100_000;
/// Faults after which the rest of a file is not looked at.
const MAX_FAULTS: usize = 20;

/// What the text should hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lab) enum Expect {
    /// Documents, each a mapping with `apiVersion` and `kind`.
    Manifests,
    /// Any one value.
    AnyValue,
}

/// The documents of `text`, the input file number `file`: those that could be read, and what is wrong with the others.
///
/// After a fault, reading goes on at the next `---`.
pub(in crate::lab) fn read(text: &str, file: usize, expect: Expect) -> (Vec<Node<'_>>, Vec<Fault>) {
    let mut builder = Builder::new(file, expect);
    let mut rest = text;
    loop {
        let Err(fault) = builder.read_documents(rest) else { break };
        let line_in_rest = fault.span.line - builder.line_base;
        builder.faults.push(fault);
        builder.reset();
        if builder.faults.len() >= MAX_FAULTS {
            break;
        }
        let Some((offset, lines)) = next_document(rest, line_in_rest) else { break };
        builder.line_base += lines;
        rest = &rest[offset..];
    }
    (builder.documents, builder.faults)
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

struct Builder<'a> {
    file: usize,
    expect: Expect,
    line_base: usize,
    stack: Vec<Frame<'a>>,
    anchors: BTreeMap<usize, Node<'a>>,
    alias_budget: usize,
    n_events: usize,
    /// Open collections inside a `managedFields`, which nobody reads and which are half of what kubectl prints.
    skipping: usize,
    documents: Vec<Node<'a>>,
    faults: Vec<Fault>,
}

impl<'a> Builder<'a> {
    fn new(file: usize, expect: Expect) -> Self {
        Self {
            file,
            expect,
            line_base: 0,
            stack: Vec::new(),
            anchors: BTreeMap::new(),
            alias_budget: ALIAS_BUDGET,
            n_events: 0,
            skipping: 0,
            documents: Vec::new(),
            faults: Vec::new(),
        }
    }

    fn reset(&mut self) {
        self.stack.clear();
        self.anchors.clear();
        self.n_events = 0;
        self.skipping = 0;
    }

    /// Reads to the end of `text` or to the first fault.
    fn read_documents(&mut self, text: &'a str) -> Result<(), Fault> {
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            match event {
                Ok((event, span)) => self.on_event(event, self.span(span.start))?,
                Err(error) => {
                    let marker = *error.marker();
                    let (line, offset) = locate(text, marker);
                    let span = Span { file: self.file, line: self.line_base + line, col: marker.col() + 1 };
                    return Err(Fault { span, text: syntax::explain(&error, text, offset) });
                }
            }
        }
        Ok(())
    }

    fn span(&self, marker: Marker) -> Span {
        Span { file: self.file, line: self.line_base + marker.line(), col: marker.col() + 1 }
    }

    fn on_event(&mut self, event: Event<'a>, span: Span) -> Result<(), Fault> {
        self.n_events += 1;
        if self.skipping > 0 {
            match event {
                Event::SequenceStart(..) | Event::MappingStart(..) => self.skipping += 1,
                Event::SequenceEnd | Event::MappingEnd => self.skipping -= 1,
                _ => {}
            }
            return Ok(());
        }
        if self.n_events > MAX_HEADLESS_EVENTS && self.expect == Expect::Manifests && !self.has_head() {
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
                self.reset();
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
            return Err(Fault { span, text: format!("found nesting deeper than {MAX_DEPTH}, expected less") });
        }
        self.stack.push(Frame { span, anchor, content });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let Some(Frame { span, anchor, content }) = self.stack.pop() else { return Ok(()) };
        let value = match content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping { entries, merged, .. } => Value::Mapping(merge(self.deduplicate(entries), merged)?),
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
            return Err(Fault { span, text: format!("found nesting deeper than {MAX_DEPTH}, expected less") });
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

    /// Of several entries with one key the first stays, and the others are faults.
    fn deduplicate(&mut self, entries: Vec<Entry<'a>>) -> Vec<Entry<'a>> {
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by(|a, b| entries[*a].key.cmp(&entries[*b].key).then(a.cmp(b)));
        let mut doubles: BTreeSet<usize> = BTreeSet::new();
        for group in order.chunk_by(|a, b| entries[*a].key == entries[*b].key) {
            let first = entries[group[0]].key_span;
            for double in &group[1..] {
                let Entry { key, key_span, .. } = &entries[*double];
                let text =
                    format!("found key {key:?} again, expected it once: it stands at {}:{}", first.line, first.col);
                self.faults.push(Fault { span: *key_span, text });
            }
            doubles.extend(&group[1..]);
        }
        if doubles.is_empty() {
            return entries;
        }
        let keep = |(index, entry)| (!doubles.contains(&index)).then_some(entry);
        entries.into_iter().enumerate().filter_map(keep).collect()
    }
}

/// `<<`: what the mapping does not state itself it has from these, the first first.
fn merge<'a>(mut entries: Vec<Entry<'a>>, merged: Vec<Node<'a>>) -> Result<Vec<Entry<'a>>, Fault> {
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

fn is_plain(style: ScalarStyle, tag: Option<&Tag>) -> bool {
    match tag {
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => false,
        Some(tag) if tag.is_yaml_core_schema() => true,
        _ => style == ScalarStyle::Plain,
    }
}

fn not_a_manifest(span: Span, found: &str) -> Fault {
    Fault { span, text: format!("found {found}, expected a manifest: a mapping with `apiVersion` and `kind`") }
}

fn cost(node: &Node<'_>) -> usize {
    match &node.value {
        Value::Scalar(scalar) => 1 + scalar.text.len(),
        Value::Sequence(items) => 1 + items.iter().map(cost).sum::<usize>(),
        Value::Mapping(entries) => {
            1 + entries.iter().map(|entry| 1 + entry.key.len() + cost(&entry.value)).sum::<usize>()
        }
    }
}

fn depth(node: &Node<'_>) -> usize {
    1 + match &node.value {
        Value::Scalar(_) => 0,
        Value::Sequence(items) => items.iter().map(depth).max().unwrap_or(0),
        Value::Mapping(entries) => entries.iter().map(|entry| depth(&entry.value)).max().unwrap_or(0),
    }
}

/// The byte at which `marker` points, and its line; past the end counts as the end of the last line.
fn locate(text: &str, marker: Marker) -> (usize, usize) {
    let mut line = 1;
    let mut offset = 0;
    for text_line in text.split_inclusive('\n') {
        if line == marker.line() {
            let in_line = text_line.char_indices().nth(marker.col()).map_or(text_line.len(), |(at, _)| at);
            return (line, offset + in_line);
        }
        line += 1;
        offset += text_line.len();
    }
    (marker.line(), text.len())
}

/// Where the next `---` after line number `line` of `text` begins, in bytes and in whole lines.
fn next_document(text: &str, line: usize) -> Option<(usize, usize)> {
    let mut offset = 0;
    for (number, text_line) in (1..).zip(text.split_inclusive('\n')) {
        let is_start =
            text_line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        if number > line && is_start {
            return Some((offset, number - 1));
        }
        offset += text_line.len();
    }
    None
}
