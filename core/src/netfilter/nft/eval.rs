//! Whether a packet gets through the statements of one rule, and if not, why.
//!
//! Models nft_do_chain's inner loop and the `eval` functions of nft_cmp.c, nft_lookup.c, nft_bitwise.c, nft_dynset.c and
//! nft_numgen.c. Each is written once: while a packet moves it draws and remembers, afterwards it is told what came of that.

use std::time::Duration;

use super::ruleset::{Memory, Table};
use super::{
    Element, Field, Key, MarkExpr, Match, Numgen, NumgenMode, Rule, Set, SetRef, Span, Statement, UpdateOp, Verdict,
    With,
};
use crate::base::{Dice, Instant};
use crate::netfilter::xtables::Changes;
use crate::netfilter::{Flow, HookView, TableVerdict};

/// What rules draw, and what they leave behind in their table.
pub(in crate::netfilter) struct Chance<'a> {
    pub dice: &'a mut Dice,
    pub memory: &'a mut Memory,
    /// Which row of the walk is being tried.
    pub row: usize,
    /// How often a set or map with a name was asked.
    pub n_lookups: usize,
    /// What came of it, each with its row, for whoever explains the rule later: one for each time that a rule asked.
    pub rolls: Vec<(usize, Roll)>,
}

/// What a statement that does not depend on the packet and the tables alone came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::netfilter) enum Roll {
    /// The number of `numgen`.
    Number(u32),
    /// Whether a rule had added the element to a dynamic set.
    Listed(bool),
}

/// Where rolls come from.
pub(super) enum Rolls<'a, 'b> {
    /// The packet is moving.
    Live(&'a mut Chance<'b>),
    /// Somebody asks afterwards: these were drawn. Where they end, no element has been added.
    Replay(&'a [(usize, Roll)]),
}

impl Rolls<'_, '_> {
    fn roll(&mut self, make: impl FnOnce(&mut Chance<'_>) -> Roll) -> Option<Roll> {
        match self {
            Self::Replay(rolls) => {
                let (first, rest) = rolls.split_first()?;
                *rolls = rest;
                Some(first.1)
            }
            Self::Live(chance) => {
                let roll = make(chance);
                chance.rolls.push((chance.row, roll));
                Some(roll)
            }
        }
    }

    fn count(&mut self, set: &SetRef) {
        if let (Self::Live(chance), SetRef::Named(_)) = (self, set) {
            chance.n_lookups += 1;
        }
    }

    fn is_listed(&mut self, set: &str, key: &[u128], now: Instant) -> bool {
        self.roll(|chance| Roll::Listed(chance.memory.has(set, key, now))) == Some(Roll::Listed(true))
    }

    fn number(&mut self, key: Numgen) -> u32 {
        let modulus = key.modulus.max(1);
        let roll = self.roll(|chance| {
            Roll::Number(match key.mode {
                // Models nft_ng_random_gen: reciprocal_scale of a random word.
                NumgenMode::Random => chance.dice.below(modulus),
                NumgenMode::Inc => chance.memory.count(key.counter, modulus),
            })
        });
        if let Some(Roll::Number(number)) = roll { number } else { 0 }
    }
}

/// What a packet carries from rule to rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Carried {
    pub flow: Flow,
    pub changes: Changes,
}

/// How a rule went.
pub(super) enum Outcome<'r> {
    /// A statement did not hold.
    Missed(Miss<'r>),
    /// All of them did, or one ended the rule.
    Matched(End<'r>),
}

/// What becomes of the packet after a rule.
pub(super) enum End<'r> {
    /// A verdict, and the element of the map that gave it, if one did.
    Verdict(&'r Verdict, Option<Found<'r>>),
    /// The end of the walk.
    Stop(TableVerdict),
}

/// An element that was found.
#[derive(Clone, Copy)]
pub(super) struct Found<'r> {
    pub set: &'r Set,
    pub key: &'r [Span],
    pub element: &'r Element,
    /// The drawn number, if the key was one.
    pub number: Option<u32>,
}

/// Why a rule did not match. A packet that lacks a field has no values.
pub(super) enum Miss<'r> {
    Match(&'r Match, Option<Vec<u128>>),
    Vmap(&'r Key, &'r SetRef, Option<Vec<u128>>),
    Update(&'r [Field]),
}

/// Tries `rule`, and does to `carried` what it does to the packet.
pub(super) fn eval<'r>(
    table: &'r Table,
    rule: &'r Rule,
    carried: &mut Carried,
    view: &HookView,
    rolls: &mut Rolls<'_, '_>,
) -> Outcome<'r> {
    for statement in &rule.statements {
        match statement {
            Statement::Match(one) => {
                let values = read(&one.fields, &carried.flow, view);
                if !values.as_ref().is_some_and(|values| holds(table, one, values, view, rolls)) {
                    return Outcome::Missed(Miss::Match(one, values));
                }
            }
            Statement::Vmap { key, map } => {
                let (values, number) = match key {
                    Key::Fields(fields) => (read(fields, &carried.flow, view), None),
                    Key::Numgen(numgen) => {
                        let number = rolls.number(*numgen);
                        (Some(vec![number.into()]), Some(number))
                    }
                };
                rolls.count(map);
                let set = named(table, map);
                let found = values.as_ref().zip(set).and_then(|(values, set)| set.find(values, view.now));
                match (found.and_then(|(key, element)| Some((key, element, element.verdict.as_ref()?))), set) {
                    (Some((key, element, verdict)), Some(set)) => {
                        return Outcome::Matched(End::Verdict(verdict, Some(Found { set, key, element, number })));
                    }
                    _ => return Outcome::Missed(Miss::Vmap(key, map, values)),
                }
            }
            Statement::Verdict(verdict) => return Outcome::Matched(End::Verdict(verdict, None)),
            Statement::Reject(with) => return Outcome::Matched(End::Stop(TableVerdict::Reject(*with))),
            Statement::Dnat(range) => return Outcome::Matched(End::Stop(TableVerdict::Dnat(*range))),
            Statement::Snat(range) => return Outcome::Matched(End::Stop(TableVerdict::Snat(*range))),
            Statement::Masquerade(range) => return Outcome::Matched(End::Stop(TableVerdict::Masquerade(*range))),
            Statement::Redirect(range) => return Outcome::Matched(End::Stop(TableVerdict::Redirect(*range))),
            Statement::Notrack => carried.changes.notrack = true,
            Statement::Counter => {}
            Statement::SetMark(expr) => {
                carried.flow.mark = mark_of(*expr, &carried.flow);
                carried.changes.mark = Some(carried.flow.mark);
            }
            Statement::SetCtMark(expr) => {
                if carried.flow.ct.mark.is_some() {
                    carried.flow.ct.mark = Some(mark_of(*expr, &carried.flow));
                    carried.changes.connmark = carried.flow.ct.mark;
                }
            }
            Statement::Update { op, set, fields, timeout } => {
                let Some(values) = read(fields, &carried.flow, view) else {
                    return Outcome::Missed(Miss::Update(fields));
                };
                if let Rolls::Live(chance) = rolls {
                    let timeout: Option<Duration> = timeout.or_else(|| table.set(set)?.timeout);
                    if *op == UpdateOp::Update || !chance.memory.has(set, &values, view.now) {
                        chance.memory.add(set, values, timeout.map(|timeout| view.now + timeout));
                    }
                }
            }
        }
    }
    Outcome::Matched(End::Verdict(&Verdict::Continue, None))
}

fn read(fields: &[Field], flow: &Flow, view: &HookView) -> Option<Vec<u128>> {
    fields.iter().map(|field| field.read(flow, view)).collect()
}

/// The set that a rule means.
pub(super) fn named<'r>(table: &'r Table, set: &'r SetRef) -> Option<&'r Set> {
    match set {
        SetRef::Named(name) => table.set(name),
        SetRef::Anonymous(set) => Some(set),
    }
}

fn holds(table: &Table, one: &Match, values: &[u128], view: &HookView, rolls: &mut Rolls<'_, '_>) -> bool {
    let [first, ..] = values else { return false };
    let value = one.mask.map_or(*first, |mask| *first & u128::from(mask));
    let is = match &one.with {
        With::Span(span) => span.contains(value),
        With::Flags(bits) => value & u128::from(*bits) != 0,
        With::Set(set) => {
            rolls.count(set);
            let found = named(table, set).and_then(|it| it.find(values, view.now)).is_some();
            let may_be_added = |name: &str| table.set(name).is_some_and(|set| set.dynamic);
            match set {
                SetRef::Named(name) if !found && may_be_added(name) => rolls.is_listed(name, values, view.now),
                _ => found,
            }
        }
    };
    is != one.not
}

fn mark_of(expr: MarkExpr, flow: &Flow) -> u32 {
    let from = match expr.from {
        Some(Field::CtMark) => flow.ct.mark.unwrap_or_default(),
        Some(_) => flow.mark,
        None => 0,
    };
    (from & expr.mask) ^ expr.xor
}

impl Miss<'_> {
    /// In words: what the packet has instead.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Match(one, None) => lacks(&one.fields),
            Self::Match(one, Some(values)) => match &one.with {
                With::Set(set) => {
                    let is_in = if one.not { "is in" } else { "is not in" };
                    format!("{} {is_in} {}", show(&one.fields, values), set.title())
                }
                With::Span(_) | With::Flags(_) => is(&one.fields, values),
            },
            Self::Vmap(Key::Fields(fields), _, None) => lacks(fields),
            Self::Vmap(Key::Fields(fields), map, Some(values)) => {
                format!("{} is not in {}", show(fields, values), map.title())
            }
            Self::Vmap(Key::Numgen(_), map, values) => {
                let number = values.as_ref().and_then(|values| values.first().copied()).unwrap_or_default();
                format!("drew {number}, which is not in {}", map.title())
            }
            Self::Update(fields) => lacks(fields),
        }
    }
}

fn lacks(fields: &[Field]) -> String {
    format!("has no {}", names(fields))
}

fn is(fields: &[Field], values: &[u128]) -> String {
    format!("{} is {}", names(fields), show(fields, values))
}

/// Fields as they are written, concatenated.
pub(super) fn names(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name()).collect::<Vec<_>>().join(" . ")
}

/// Values, each as its field's type prints it.
fn show(fields: &[Field], values: &[u128]) -> String {
    let parts = fields.iter().zip(values).map(|(field, value)| field.data_type().print(*value));
    parts.collect::<Vec<_>>().join(" . ")
}

/// In words: why a rule matched.
pub(super) fn describe_match(rule: &Rule, end: &End<'_>, flow: &Flow, view: &HookView) -> String {
    if let End::Verdict(_, Some(found)) = end {
        let drew = found.number.map(|number| format!("drew {number}; ")).unwrap_or_default();
        return format!("{drew}element {}", found.set.print_element(found.key, found.element, view.now));
    }
    let last = rule.statements.iter().rev().find_map(|statement| match statement {
        Statement::Match(one) => Some(one),
        _ => None,
    });
    let values = last.and_then(|one| read(&one.fields, flow, view));
    match (last, values) {
        (Some(Match { fields, with: With::Set(set), not, .. }), Some(values)) => {
            format!("{} {} {}", show(fields, &values), if *not { "is not in" } else { "is in" }, set.title())
        }
        (Some(Match { fields, .. }), Some(values)) => is(fields, &values),
        _ => "takes every packet that comes here".to_owned(),
    }
}
