//! Rules of nftables as values: statements, one after the other, until one does not hold or one ends the rule.
//!
//! A rule is written as nft lists it: `tcp dport 80`, not `meta l4proto tcp th dport 80`. Text is never read back to
//! decide anything.

use std::sync::Arc;
use std::time::Duration;

use super::{Field, Set, Span};
use crate::base::{ServiceNote, Writer};
use crate::netfilter::{NatRange, RejectWith};

/// One rule of a chain (`struct nft_rule`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it asks and does, in order.
    pub statements: Vec<Statement>,
    /// What it says about itself.
    pub comment: Option<Arc<str>>,
    /// Who wrote it.
    pub writer: Writer,
    /// For which service.
    pub service: Option<Arc<ServiceNote>>,
}

impl Rule {
    /// A rule that does nothing yet.
    #[must_use]
    pub fn new(writer: Writer) -> Self {
        Self { statements: Vec::new(), comment: None, writer, service: None }
    }

    /// Written for this service.
    #[must_use]
    pub fn about(self, service: &Arc<ServiceNote>) -> Self {
        Self { service: Some(service.clone()), ..self }
    }

    /// If this holds.
    #[must_use]
    pub fn when(self, one: Match) -> Self {
        self.then(Statement::Match(one))
    }

    /// And then this.
    #[must_use]
    pub fn then(mut self, statement: Statement) -> Self {
        self.statements.push(statement);
        self
    }

    /// And then this verdict.
    #[must_use]
    pub fn verdict(self, verdict: Verdict) -> Self {
        self.then(Statement::Verdict(verdict))
    }

    /// And this is said about it.
    #[must_use]
    pub fn comment(self, text: &str) -> Self {
        Self { comment: Some(text.into()), ..self }
    }
}

/// Something that must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// What is read; several are a concatenation.
    pub fields: Vec<Field>,
    /// The bits that are looked at.
    pub mask: Option<u32>,
    /// Whether it must not hold.
    pub not: bool,
    /// What it is held against.
    pub with: With,
}

impl Match {
    /// The concatenation of `fields` is in a set.
    #[must_use]
    pub fn within(fields: Vec<Field>, set: SetRef) -> Self {
        Self { fields, mask: None, not: false, with: With::Set(set) }
    }

    /// The same, not.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { not: !self.not, ..self }
    }
}

/// What a match holds a field against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum With {
    /// A value, or values from one to another.
    Span(Span),
    /// Bits, of which it has one.
    Flags(u32),
    /// A set.
    Set(SetRef),
}

/// A set, as a rule names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetRef {
    /// `@NAME`.
    Named(Arc<str>),
    /// `{ … }`.
    Anonymous(Arc<Set>),
}

impl SetRef {
    /// `@NAME`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::Named(name.into())
    }
}

/// What a map is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// These fields, one behind the other.
    Fields(Vec<Field>),
    /// A drawn number.
    Numgen(Numgen),
}

/// `numgen`: a number below `modulus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numgen {
    /// How it is made.
    pub mode: NumgenMode,
    /// How many numbers there are.
    pub modulus: u32,
    /// Which of its table's counters it counts with.
    pub(super) counter: usize,
}

impl Numgen {
    /// `numgen MODE mod MODULUS`.
    #[must_use]
    pub fn new(mode: NumgenMode, modulus: u32) -> Self {
        Self { mode, modulus, counter: 0 }
    }
}

/// How `numgen` makes its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumgenMode {
    /// Drawn.
    Random,
    /// One after the other, from 0.
    Inc,
}

/// Where a packet goes on, or that it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passes this base chain; others on the same hook may still stop it.
    Accept,
    /// It ends here.
    Drop,
    /// The next rule.
    Continue,
    /// Back to where this chain was called.
    Return,
    /// To another chain, and back from its end.
    Jump(Arc<str>),
    /// To another chain, and from its end to where this one was called.
    Goto(Arc<str>),
}

impl Verdict {
    /// `jump CHAIN`.
    #[must_use]
    pub fn jump(chain: &str) -> Self {
        Self::Jump(chain.into())
    }

    /// `goto CHAIN`.
    #[must_use]
    pub fn goto(chain: &str) -> Self {
        Self::Goto(chain.into())
    }

    /// The chain that it leads to.
    #[must_use]
    pub fn chain(&self) -> Option<&Arc<str>> {
        match self {
            Self::Jump(chain) | Self::Goto(chain) => Some(chain),
            _ => None,
        }
    }
}

/// A new mark: `(FROM & mask) ^ xor`, as the kernel has it (nft_bitwise.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkExpr {
    /// The mark that it begins with; none for a constant.
    pub from: Option<Field>,
    /// Bits that stay.
    pub mask: u32,
    /// Bits that are flipped then.
    pub xor: u32,
}

impl MarkExpr {
    /// This value.
    #[must_use]
    pub fn value(value: u32) -> Self {
        Self { from: None, mask: 0, xor: value }
    }

    /// What another mark is: [`Field::Mark`] or [`Field::CtMark`].
    #[must_use]
    pub fn copy(from: Field) -> Self {
        Self { from: Some(from), mask: u32::MAX, xor: 0 }
    }

    /// And without all bits but these.
    #[must_use]
    pub fn and(self, bits: u32) -> Self {
        Self { mask: self.mask & bits, xor: self.xor & bits, ..self }
    }

    /// And with these bits set.
    #[must_use]
    pub fn or(self, bits: u32) -> Self {
        Self { mask: self.mask & !bits, xor: self.xor | bits, ..self }
    }

    /// And with these bits flipped.
    #[must_use]
    pub fn xor(self, bits: u32) -> Self {
        Self { xor: self.xor ^ bits, ..self }
    }
}

/// What is done with an element that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateOp {
    /// Nothing: `add`.
    Add,
    /// Its time begins anew: `update`.
    Update,
}

/// One statement of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// Goes on if this holds.
    Match(Match),
    /// Does what a map says of the key; goes to the next rule if it says nothing.
    Vmap {
        /// What is looked up.
        key: Key,
        /// Where.
        map: SetRef,
    },
    /// `accept`, `drop`, `jump` and so on.
    Verdict(Verdict),
    /// `reject`.
    Reject(RejectWith),
    /// `dnat to`.
    Dnat(NatRange),
    /// `snat to`.
    Snat(NatRange),
    /// `masquerade`.
    Masquerade(NatRange),
    /// `redirect`.
    Redirect(NatRange),
    /// `notrack`.
    Notrack,
    /// `counter`: what it counted is not kept.
    Counter,
    /// `meta mark set`.
    SetMark(MarkExpr),
    /// `ct mark set`.
    SetCtMark(MarkExpr),
    /// `add @SET { … }` or `update @SET { … }`.
    Update {
        /// Which of the two.
        op: UpdateOp,
        /// The set.
        set: Arc<str>,
        /// What the element is made of.
        fields: Vec<Field>,
        /// How long it stays, if not as long as the set says.
        timeout: Option<Duration>,
    },
}

impl Statement {
    /// The verdicts that it may come to; those of a named map are not among them.
    pub(super) fn verdicts(&self) -> Vec<&Verdict> {
        match self {
            Self::Verdict(verdict) => vec![verdict],
            Self::Vmap { map: SetRef::Anonymous(set), .. } => {
                set.elements().filter_map(|(_, element)| element.verdict.as_ref()).collect()
            }
            _ => Vec::new(),
        }
    }
}
