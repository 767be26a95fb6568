//! iptables: tables of chains of rules, as the legacy tools have them.

mod matching;
mod print;
mod rule;
mod table;
#[cfg(test)]
mod tests;
mod walk;

pub use rule::{CtStates, Match, NatRange, Not, PortRange, PortSide, RecentOp, RejectWith, Rule, Target};
pub use table::{Chain, Policy, Table, TableError, TableName};
pub use walk::{TableVerdict, Walk};

pub(super) use matching::Chance;
pub(super) use walk::{Changes, walk};
