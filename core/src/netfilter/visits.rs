//! What a walk through rules leaves behind, whichever engine tried them: ranges of rules, and how it ended.
//!
//! Ten thousand misses are one range. Why each of them missed is found out again when somebody reads the row.

use std::sync::Arc;

use super::{Flow, Policy};
use crate::trace::Stretch;

/// Rules of one chain that were tried one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visit<C> {
    /// The chain, as the engine names it.
    pub chain: C,
    /// The first rule tried and the one after the last.
    pub first: usize,
    pub end: usize,
    /// Whether the last of them matched; all others missed.
    pub matched: bool,
    /// The packet as it came to each of them: one that changes it is the last.
    pub flow: Flow,
    /// Which row of the walk the first of them is.
    pub first_row: usize,
}

/// A walk, as it was. Its rows are the rules that were tried, and the policy if that decided.
#[derive(Clone, Debug)]
pub(super) struct Visits<C> {
    visits: Vec<Visit<C>>,
    /// The policy that decided, if no rule did.
    pub policy: Option<Policy>,
}

impl<C> Default for Visits<C> {
    fn default() -> Self {
        Self { visits: Vec::new(), policy: None }
    }
}

impl<C> Visits<C> {
    /// Takes down a visit, unless the chain had no rule left.
    pub(super) fn push(&mut self, visit: Visit<C>) {
        if visit.end > visit.first {
            self.visits.push(visit);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.visits.is_empty()
    }

    pub(super) fn n_tried(&self) -> usize {
        self.visits.last().map_or(0, |visit| visit.first_row + visit.end - visit.first)
    }

    pub(super) fn n_rows(&self) -> usize {
        self.n_tried() + usize::from(self.policy.is_some())
    }

    /// Chain and rule that ended the walk, if a rule did.
    pub(super) fn deciding(&self) -> Option<(&C, usize)> {
        let visit = self.visits.last().filter(|visit| visit.matched && self.policy.is_none())?;
        Some((&visit.chain, visit.end - 1))
    }

    /// Chain and rule of all that matched, in order.
    pub(super) fn matched(&self) -> impl Iterator<Item = (&C, usize)> {
        self.visits.iter().filter(|visit| visit.matched).map(|visit| (&visit.chain, visit.end - 1))
    }

    /// The row that decided.
    pub(super) fn deciding_row(&self) -> Option<usize> {
        match self.policy {
            Some(_) => Some(self.n_tried()),
            None => self.deciding().map(|_| self.n_tried() - 1),
        }
    }

    /// The rows that matched, in order.
    pub(super) fn matched_rows(&self) -> Vec<usize> {
        let visits = self.visits.iter().filter(|visit| visit.matched);
        let rules = visits.map(|visit| visit.first_row + visit.end - visit.first - 1);
        rules.chain(self.policy.map(|_| self.n_tried())).collect()
    }

    /// Which visit holds row `idx`, and which of the chain's rules it is; `None` for the policy.
    pub(super) fn locate(&self, idx: usize) -> Option<(&Visit<C>, usize)> {
        let after = self.visits.partition_point(|visit| visit.first_row <= idx);
        let visit = self.visits.get(after.checked_sub(1)?)?;
        let rule = visit.first + (idx - visit.first_row);
        (rule < visit.end).then_some((visit, rule))
    }

    /// The chains that the rows are of. `base` is the base chain with the number of its rules.
    pub(super) fn stretches(&self, base: Option<(&C, usize)>, name: impl Fn(&C) -> Arc<str>) -> Vec<Stretch> {
        let stretch = |chain, first_row, first| Stretch { chain: name(chain), first_row, first_number: first + 1 };
        let of_rules = self.visits.iter().map(|visit| stretch(&visit.chain, visit.first_row, visit.first));
        let of_policy = base.filter(|_| self.policy.is_some());
        of_rules.chain(of_policy.map(|(chain, n_rules)| stretch(chain, self.n_tried(), n_rules))).collect()
    }
}
