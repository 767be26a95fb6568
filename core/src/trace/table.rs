//! Tables as the trace sees them: a snapshot that can be asked, and the reason of a miss only when asked for.

use std::fmt;
use std::sync::Arc;

use crate::base::Writer;

/// A table that a step read, as it was then.
///
/// Implementors keep a cheap snapshot and the key of the lookup; rows and reasons are made when somebody reads them, so
/// that ten thousand misses cost nothing while the packet moves.
pub trait Consulted: Send + Sync {
    /// The command that shows this table on a real machine: `ip route show table main`.
    fn command(&self) -> String;

    /// Number of rows.
    fn n_rows(&self) -> usize;

    /// How much was asked: rules that were tried one after the other, and lookups that found their row at once.
    fn n_asked(&self) -> (usize, usize) {
        (0, 1)
    }

    /// The row that decided.
    fn matched(&self) -> Option<usize>;

    /// Every row that matched on the way to the one that decided, in order: of chains that lead to each other several do.
    fn all_matched(&self) -> Vec<usize> {
        self.matched().into_iter().collect()
    }

    /// Where the table has chains: the stretches of rows that are of one chain, in order.
    fn stretches(&self) -> Vec<Stretch> {
        Vec::new()
    }

    /// One row, in the real tool's syntax, and why it did or did not match. `idx` is below [`Consulted::n_rows`].
    fn row(&self, idx: usize) -> Row;
}

/// Rows of one chain that were tried one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The chain.
    pub chain: Arc<str>,
    /// Its first row, among all rows.
    pub first_row: usize,
    /// The number of that row in the chain, from 1.
    pub first_number: usize,
}

/// A table by its command alone: what it holds would be printed by nobody, but every page would carry the words for it.
impl fmt::Debug for dyn Consulted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.command())
    }
}

/// One row of a table that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The row as its tool prints it.
    pub text: String,
    /// Who wrote it.
    pub writer: Writer,
    /// Why it did or did not decide.
    pub why: Why,
}

/// Why a row did or did not decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It matched, by this.
    Matched(String),
    /// It was tried and missed, by this.
    Missed(String),
}

/// A row that a step wrote into a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The command that shows the table.
    pub command: String,
    /// The row as its tool prints it.
    pub text: String,
    /// Who wrote it.
    pub writer: Writer,
}
