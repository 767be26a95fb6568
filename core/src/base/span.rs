//! Where in the input something stood.

/// A position in one of the input files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Index of the file among the inputs.
    pub file: usize,
    /// Line, counted from 1; 0 if the thing stands in no file.
    pub line: usize,
    /// Column, counted from 1.
    pub col: usize,
}
