//! Sets, maps of verdicts, and finding an element in them.
//!
//! Models nft_set_hash.c and nft_set_rbtree.c: single values are found by one search in order, and so are intervals. Only
//! concatenations with intervals in them (nft_set_pipapo.c) are tried one by one, for there the order helps nobody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::value::{DataType, Span};
use super::{SetRef, Verdict};
use crate::base::{Instant, ServiceNote};

/// What a set keeps of one element besides its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// What a map gives back.
    pub verdict: Option<Verdict>,
    /// How long it stays and when it goes; `None` if it stays.
    pub timeout: Option<(Duration, Instant)>,
    /// What is said about it.
    pub comment: Option<Arc<str>>,
    /// The service that it was written for.
    pub service: Option<Arc<ServiceNote>>,
}

impl Element {
    /// Whether it is still there.
    #[must_use]
    pub fn is_there(&self, now: Instant) -> bool {
        self.timeout.is_none_or(|(_, expires)| expires > now)
    }
}

/// A set, or with verdicts a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// The types of a key's parts.
    pub key: Vec<DataType>,
    /// Whether its elements have verdicts.
    pub is_map: bool,
    /// Flag `interval`: keys may be ranges.
    pub interval: bool,
    /// Flag `dynamic`: rules may add elements.
    pub dynamic: bool,
    /// Flag `timeout`: elements may go by themselves.
    pub can_time_out: bool,
    /// How long elements stay, if they do not say so themselves.
    pub timeout: Option<Duration>,
    /// What is said about it.
    pub comment: Option<Arc<str>>,
    elements: BTreeMap<Vec<Span>, Element>,
}

impl Set {
    /// An empty set of such keys.
    #[must_use]
    pub fn new(key: &[DataType]) -> Self {
        Self {
            key: key.to_vec(),
            is_map: false,
            interval: false,
            dynamic: false,
            can_time_out: false,
            timeout: None,
            comment: None,
            elements: BTreeMap::new(),
        }
    }

    /// An empty map from such keys to verdicts.
    #[must_use]
    pub fn vmap(key: &[DataType]) -> Self {
        Self { is_map: true, ..Self::new(key) }
    }

    /// With something said about it.
    #[must_use]
    pub fn comment(self, text: &str) -> Self {
        Self { comment: Some(text.into()), ..self }
    }

    /// `flags interval`.
    #[must_use]
    pub fn interval(self) -> Self {
        Self { interval: true, ..self }
    }

    /// `flags dynamic`.
    #[must_use]
    pub fn dynamic(self) -> Self {
        Self { dynamic: true, ..self }
    }

    /// `flags timeout`.
    #[must_use]
    pub fn timeouts(self) -> Self {
        Self { can_time_out: true, ..self }
    }

    /// The same with a default.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { can_time_out: true, timeout: Some(timeout), ..self }
    }

    /// With this element.
    #[must_use]
    pub fn with(mut self, key: impl Into<Vec<Span>>) -> Self {
        self.insert(key.into(), Element::default());
        self
    }

    /// With this element of a map.
    #[must_use]
    pub fn with_verdict(mut self, key: impl Into<Vec<Span>>, verdict: Verdict) -> Self {
        self.insert(key.into(), Element { verdict: Some(verdict), ..Element::default() });
        self
    }

    /// As the set of one rule alone, which nft flags by itself.
    #[must_use]
    pub fn anonymous(mut self) -> SetRef {
        self.interval = self.ranged_key().is_some();
        if self.interval && !self.is_map && self.key.len() == 1 {
            self.merge();
        }
        SetRef::Anonymous(Arc::new(self))
    }

    /// Makes one of intervals that overlap or touch. Models set_automerge of nft's src/intervals.c.
    fn merge(&mut self) {
        let mut merged: Vec<Span> = Vec::new();
        for span in self.elements.keys().flatten() {
            match merged.last_mut() {
                Some(last) if span.first <= last.last.saturating_add(1) => last.last = last.last.max(span.last),
                _ => merged.push(*span),
            }
        }
        self.elements = merged.into_iter().map(|span| (vec![span], Element::default())).collect();
    }

    /// Adds an element, in place of the one that has the same key.
    pub fn insert(&mut self, key: Vec<Span>, element: Element) {
        self.elements.insert(key, element);
    }

    /// Takes an element out; returns whether it was there.
    pub fn remove(&mut self, key: &[Span]) -> bool {
        self.elements.remove(key).is_some()
    }

    /// The elements, by key.
    pub fn elements(&self) -> impl ExactSizeIterator<Item = (&Vec<Span>, &Element)> {
        self.elements.iter()
    }

    /// The element that a key is in.
    #[must_use]
    pub fn find(&self, key: &[u128], now: Instant) -> Option<(&Vec<Span>, &Element)> {
        let exact: Vec<Span> = key.iter().map(|value| Span::one(*value)).collect();
        let is_in = |spans: &[Span]| spans.iter().zip(key).all(|(span, value)| span.contains(*value));
        let found = match (self.interval, &exact[..]) {
            (false, _) => self.elements.get_key_value(&exact),
            // The last that begins at the value or below it; intervals do not overlap.
            (true, [Span { first, .. }]) => {
                let below = vec![Span { first: *first, last: u128::MAX }];
                self.elements.range(..=below).next_back().filter(|(spans, _)| is_in(spans))
            }
            (true, _) => self.elements.iter().find(|(spans, _)| is_in(spans)),
        };
        found.filter(|(_, element)| element.is_there(now))
    }

    /// Two keys of which one overlaps the other, if there are such. Concatenations are not looked at.
    pub(super) fn overlap(&self) -> Option<(&[Span], &[Span])> {
        if self.key.len() != 1 {
            return None;
        }
        let pairs = self.elements.keys().zip(self.elements.keys().skip(1));
        pairs.map(|(a, b)| (&a[..], &b[..])).find(|(a, b)| b[0].first <= a[0].last)
    }

    /// A key of which a part is no single value.
    pub(super) fn ranged_key(&self) -> Option<&[Span]> {
        self.elements.keys().map(|key| &key[..]).find(|key| key.iter().any(|span| !span.is_single()))
    }
}
