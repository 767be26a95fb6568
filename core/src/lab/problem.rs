//! What is wrong with an input, and where.

use std::fmt;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The input cannot be taken as it stands.
    Error,
    /// Something was left aside; the rest is whole.
    Note,
}

/// One problem, printed as `file:line:col: error: text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file's name as it was given.
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column, counted from 1.
    pub col: usize,
    /// How bad it is.
    pub severity: Severity,
    /// What was found and what was expected, in one line.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Note => "note",
        };
        write!(f, "{}:{}:{}: {severity}: {}", self.file, self.line, self.col, self.text)
    }
}
