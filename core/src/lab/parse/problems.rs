//! What parsing found wrong, gathered in passing and put in order at the end.

use std::cell::RefCell;

use crate::base::Span;
use crate::lab::problem::{Problem, Severity};

/// Problems so far. Readers share it, so it is written through a shared reference.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<(Span, Severity, String)>>);

impl Problems {
    pub(super) fn error(&self, at: Span, text: impl Into<String>) {
        self.0.borrow_mut().push((at, Severity::Error, text.into()));
    }

    pub(super) fn note(&self, at: Span, text: impl Into<String>) {
        self.0.borrow_mut().push((at, Severity::Note, text.into()));
    }

    /// In the order of the files and of the lines in them; what was found twice is said once.
    pub(super) fn into_list(self, file_names: &[&str]) -> Vec<Problem> {
        let mut list = self.0.into_inner();
        list.sort_by_key(|(at, ..)| *at);
        list.dedup();
        let problem = |(at, severity, text): (Span, Severity, String)| Problem {
            file: file_names.get(at.file).copied().unwrap_or_default().to_owned(),
            line: at.line.max(1),
            col: at.col.max(1),
            severity,
            text,
        };
        list.into_iter().map(problem).collect()
    }
}
