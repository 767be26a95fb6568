//! What parsing found wrong, gathered in passing and put in order at the end.

use std::cell::RefCell;

use crate::base::{Span, sort_by};
use crate::lab::problem::{Problem, Severity};

/// Problems that are listed; a file with more is not the file that somebody meant.
const MAX_LISTED: usize = 1000;

/// Problems so far. Readers share it, so it is written through a shared reference.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    file_names: Vec<&'a str>,
    texts: Vec<&'a str>,
    list: RefCell<Vec<(Span, Severity, String)>>,
}

impl<'a> Problems<'a> {
    /// None yet; a [`Span`] counts its file in `file_names`.
    pub(super) fn new(file_names: Vec<&'a str>, texts: Vec<&'a str>) -> Self {
        Self { file_names, texts, list: RefCell::default() }
    }

    pub(super) fn error(&self, at: Span, text: impl Into<String>) {
        self.add(at, Severity::Error, text.into());
    }

    pub(super) fn note(&self, at: Span, text: impl Into<String>) {
        self.add(at, Severity::Note, text.into());
    }

    fn add(&self, at: Span, severity: Severity, text: String) {
        let mut list = self.list.borrow_mut();
        if list.len() < MAX_LISTED {
            list.push((at, severity, text));
        } else if list.len() == MAX_LISTED {
            list.push((at, Severity::Error, format!("found more than {MAX_LISTED} problems; no more are listed")));
        }
    }

    /// A line of a file, as it stands there.
    pub(super) fn line(&self, file: usize, line: usize) -> Option<&'a str> {
        self.texts.get(file)?.lines().nth(line.checked_sub(1)?)
    }

    /// Where the other half of a problem stands, seen from `here`.
    pub(super) fn there(&self, here: Span, other: Span) -> String {
        let Span { file, line, col } = other;
        if file == here.file { format!("at {line}:{col}") } else { format!("at {}:{line}:{col}", self.file_name(file)) }
    }

    /// In the order of the files and of the lines in them; what was found twice is said once.
    pub(super) fn into_list(self) -> Vec<Problem> {
        let mut list = self.list.take();
        sort_by(&mut list, |(a, ..), (b, ..)| a.cmp(b));
        list.dedup();
        let problem = |(at, severity, text): (Span, Severity, String)| Problem {
            file: self.file_name(at.file).to_owned(),
            line: at.line.max(1),
            col: at.col.max(1),
            severity,
            text,
        };
        list.into_iter().map(problem).collect()
    }

    fn file_name(&self, file: usize) -> &'a str {
        self.file_names.get(file).copied().unwrap_or("input")
    }
}
