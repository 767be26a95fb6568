//! nftables: tables that somebody named, chains hooked at a priority of their own, sets and maps.
//!
//! Models net/netfilter/nf_tables_core.c and nft_*.c with the words of nft 1.0.6. What is not here: maps whose data are
//! addresses, `limit`, `log`, flow tables, named counters, the families arp, bridge and netdev.

mod eval;
mod field;
mod print;
mod rule;
mod ruleset;
mod set;
#[cfg(test)]
mod tests;
mod validate;
mod value;
mod walk;

pub use field::Field;
pub use rule::{Key, MarkExpr, Match, Numgen, NumgenMode, Rule, SetRef, Statement, UpdateOp, Verdict, With};
pub use ruleset::{Base, Chain, ChainKind, Family, Ruleset, Table, priority};
pub use set::{Element, Set};
pub use validate::{Place, RulesetError};
pub use value::{DataType, Span};
pub use walk::Walk;

pub(super) use eval::Chance;
pub(super) use ruleset::Hooked;
pub(super) use walk::walk;
