//! A packet's way through the chains of one table, and the record of it.
//!
//! Models net/ipv4/netfilter/ip_tables.c ipt_do_table. The record keeps ranges of rules, not rules: ten thousand misses
//! are one range, and why each of them missed is found out again when somebody reads the row.

use std::sync::Arc;

use super::matching::{Chance, Roll, Rolls, chosen_by, holds, miss, protocol_name, state_name};
use super::rule::{Match, NatRange, RejectWith, Rule, Target};
use super::{Policy, Table, TableName};
use crate::base::Writer;
use crate::netfilter::visits::{Visit, Visits};
use crate::netfilter::{Flow, HookView};
use crate::trace::{Consulted, Draw, Row, Stretch, Why};

/// What a table decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableVerdict {
    /// The packet goes on.
    Accept,
    /// It ends here.
    Drop,
    /// It ends here, and its sender is told.
    Reject(RejectWith),
    /// Its connection's destination is to be translated (table nat).
    Dnat(NatRange),
    /// Its connection's source is to be translated (table nat).
    Snat(NatRange),
    /// The same, to whatever address the outgoing device has.
    Masquerade(NatRange),
    /// Its connection is to be translated to this machine itself.
    Redirect(NatRange),
}

/// What else a walk has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::netfilter) struct Changes {
    /// The packet's mark, if a rule set it.
    pub mark: Option<u32>,
    /// The connection's mark, if a rule set it.
    pub connmark: Option<u32>,
    /// Not to be tracked.
    pub notrack: bool,
}

/// A walk, as it was: what the trace shows.
#[derive(Clone, Debug)]
pub struct Walk {
    table: Arc<Table>,
    view: HookView,
    flow: Flow,
    visits: Visits<usize>,
    /// What was drawn and looked up, each with its row.
    rolls: Vec<(usize, Roll)>,
}

/// Deepest nesting of chains; a table that was validated has no circle, so this only guards memory.
const MAX_DEPTH: usize = 1024;

/// Sends a packet through the chain of `view`'s hook.
pub(in crate::netfilter) fn walk(
    table: &Arc<Table>,
    view: &HookView,
    mut flow: Flow,
    chance: &mut Chance<'_>,
) -> (TableVerdict, Changes, Walk) {
    let mut record =
        Walk { table: table.clone(), view: view.clone(), flow, visits: Visits::default(), rolls: Vec::new() };
    let mut changes = Changes::default();
    let mut returns: Vec<(usize, usize)> = Vec::new();
    let Some(mut chain) = table.chain_idx(view.hook.name()) else {
        return (TableVerdict::Accept, changes, record);
    };
    let mut at = 0;
    let verdict = loop {
        let rules = table.chains()[chain].rules();
        let first_row = chance.row;
        let found = rules[at..].iter().position(|rule| {
            let is_match = miss(rule, &flow, view, &mut Rolls::Live(chance)).is_none();
            chance.row += 1;
            is_match
        });
        let end = found.map_or(rules.len(), |found| at + found + 1);
        record.visits.push(Visit { chain, first: at, end, matched: found.is_some(), flow, first_row });
        let target = match found {
            Some(found) => &rules[at + found].target,
            None => &Target::Return,
        };
        at = end;
        match target {
            Target::None => {}
            Target::Accept => break TableVerdict::Accept,
            Target::Drop => break TableVerdict::Drop,
            Target::Reject(with) => break TableVerdict::Reject(*with),
            Target::Dnat(range) => break TableVerdict::Dnat(*range),
            Target::Snat(range) => break TableVerdict::Snat(*range),
            Target::Masquerade(range) => break TableVerdict::Masquerade(*range),
            Target::Redirect(range) => break TableVerdict::Redirect(*range),
            Target::Jump(name) | Target::Goto(name) => {
                let Some(next) = table.chain_idx(name).filter(|_| returns.len() < MAX_DEPTH) else {
                    break TableVerdict::Drop;
                };
                if matches!(target, Target::Jump(_)) {
                    returns.push((chain, at));
                }
                (chain, at) = (next, 0);
            }
            Target::Return => match returns.pop() {
                Some(back) => (chain, at) = back,
                // The end of the base chain, or a return from it.
                None => {
                    let base = table.chain(view.hook.name());
                    record.visits.policy = base.and_then(super::Chain::policy);
                    break match record.visits.policy {
                        Some(Policy::Drop) => TableVerdict::Drop,
                        _ => TableVerdict::Accept,
                    };
                }
            },
            Target::Mark { value, mask } => {
                flow.mark = (flow.mark & !mask) ^ value;
                changes.mark = Some(flow.mark);
            }
            Target::SetConnmark { value, mask } => {
                if let Some(mark) = &mut flow.ct.mark {
                    *mark = (*mark & !mask) ^ value;
                    changes.connmark = Some(*mark);
                }
            }
            Target::SaveMark => {
                if let Some(mark) = &mut flow.ct.mark {
                    *mark = flow.mark;
                    changes.connmark = Some(*mark);
                }
            }
            Target::RestoreMark => {
                if let Some(mark) = flow.ct.mark {
                    flow.mark = mark;
                    changes.mark = Some(mark);
                }
            }
            Target::Notrack => changes.notrack = true,
            // Everything is traced here.
            Target::Trace => {}
        }
    };
    record.rolls = std::mem::take(&mut chance.rolls);
    (verdict, changes, record)
}

impl Walk {
    /// The rule that ended the walk, if one did.
    #[must_use]
    pub fn deciding_rule(&self) -> Option<&Rule> {
        self.visits.deciding().map(|place| self.rule(place))
    }

    /// The chain of the rule that ended the walk, and the rule's number in it, from 1.
    #[must_use]
    pub fn deciding_place(&self) -> Option<(Arc<str>, usize)> {
        let (chain, rule) = self.visits.deciding()?;
        Some((self.table.chains()[*chain].name().clone(), rule + 1))
    }

    /// The rules that matched, in order.
    pub fn matched_rules(&self) -> impl Iterator<Item = &Rule> {
        self.visits.matched().map(|place| self.rule(place))
    }

    fn rule(&self, (chain, rule): (&usize, usize)) -> &Rule {
        &self.table.chains()[*chain].rules()[rule]
    }

    /// What was drawn on the way by rules that choose.
    #[must_use]
    pub fn draws(&self) -> Vec<Draw> {
        let draw = |(row, roll): &(usize, Roll)| {
            let (visit, rule) = self.visits.locate(*row)?;
            let matches = &self.rule((&visit.chain, rule)).matches;
            matches.iter().find_map(|one| match (one, roll) {
                (Match::Random { probability }, Roll::Random(drawn)) => Some(Draw::Random(*drawn, *probability)),
                (Match::Nth { every, .. }, Roll::Nth(counted)) => Some(Draw::Number(*counted, *every)),
                _ => None,
            })
        };
        self.rolls.iter().filter_map(draw).collect()
    }

    /// Number of rules that were tried.
    #[must_use]
    pub fn n_tried(&self) -> usize {
        self.visits.n_tried()
    }

    /// Whether the packet was looked at by no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.visits.is_empty()
    }

    /// What the walk of this packet could have come to had the dice fallen otherwise: every destination that a rule
    /// translates it to, with its probability, in the order of the rules.
    #[must_use]
    pub fn destinations(&self) -> Vec<(NatRange, f64)> {
        let mut found: Vec<(NatRange, f64)> = Vec::new();
        let Some(start) = self.table.chain_idx(self.view.hook.name()) else { return found };
        let mut open = vec![(start, 0, self.flow, 1.0, Vec::<(usize, usize)>::new())];
        let mut budget = 100_000_usize;
        while let Some((chain, at, mut flow, share, mut returns)) = open.pop() {
            if share <= f64::EPSILON || budget == 0 {
                continue;
            }
            let rules = self.table.chains()[chain].rules();
            let mut next = None;
            let mut left = share;
            for (idx, rule) in rules.iter().enumerate().skip(at) {
                budget = budget.saturating_sub(1);
                // All dice fall in favour; how likely that is follows.
                let favourable: Vec<(usize, Roll)> =
                    rule.matches.iter().filter_map(|one| Some((idx, favourable(one)?))).collect();
                if miss(rule, &flow, &self.view, &mut Rolls::Replay(favourable.iter())).is_some() {
                    continue;
                }
                let likely: f64 = rule.matches.iter().map(probability).product();
                if likely < 1.0 {
                    // Both futures go on: this rule taken, and not taken.
                    let not_taken = left * (1.0 - likely);
                    open.push((chain, idx + 1, flow, not_taken, returns.clone()));
                    left *= likely;
                }
                next = Some((idx, rule));
                break;
            }
            let target = next.map_or(&Target::Return, |(_, rule)| &rule.target);
            let after = next.map_or(rules.len(), |(idx, _)| idx + 1);
            match target {
                Target::Dnat(range) => match found.iter_mut().find(|(known, _)| known == range) {
                    Some((_, known)) => *known += left,
                    None => found.push((*range, left)),
                },
                Target::Jump(name) | Target::Goto(name) => {
                    if let Some(idx) = self.table.chain_idx(name).filter(|_| returns.len() < MAX_DEPTH) {
                        if matches!(target, Target::Jump(_)) {
                            returns.push((chain, after));
                        }
                        open.push((idx, 0, flow, left, returns));
                    }
                }
                Target::Return => {
                    if let Some((back, at)) = returns.pop() {
                        open.push((back, at, flow, left, returns));
                    }
                }
                Target::Mark { value, mask } => {
                    flow.mark = (flow.mark & !mask) ^ value;
                    open.push((chain, after, flow, left, returns));
                }
                Target::None | Target::Trace | Target::Notrack => open.push((chain, after, flow, left, returns)),
                _ => {}
            }
        }
        found
    }

    fn why(&self, row: usize, flow: Flow, rule: &Rule) -> Why {
        let rolls = &self.rolls[self.rolls.partition_point(|(of, _)| *of < row)..];
        match miss(rule, &flow, &self.view, &mut Rolls::Replay(rolls.iter())) {
            Some(miss) => Why::Missed(miss.describe(&flow, &self.view)),
            None => {
                let drawn = rolls.first().filter(|(of, _)| *of == row);
                Why::Matched(describe_match(rule, drawn.map(|(_, roll)| roll), &flow, &self.view))
            }
        }
    }
}

/// The roll with which a match holds.
fn favourable(one: &Match) -> Option<Roll> {
    Some(match one {
        Match::Random { .. } => Roll::Random(0),
        Match::Nth { packet, .. } => Roll::Nth(*packet),
        // Nobody is on a list before the first connection.
        Match::Recent { op, .. } => Roll::Listed(op.not),
        Match::Set { set, .. } => Roll::Listed(!set.not),
        _ => return None,
    })
}

/// How likely a match holds, whatever the packet.
fn probability(one: &Match) -> f64 {
    match one {
        Match::Random { probability } => f64::from(*probability) / f64::from(1_u32 << 31),
        Match::Nth { every, .. } => 1.0 / f64::from((*every).max(1)),
        _ => 1.0,
    }
}

/// What the packet has that the rule asks for: what tells most about it first.
fn describe_match(rule: &Rule, drawn: Option<&Roll>, flow: &Flow, view: &HookView) -> String {
    let has = |is: fn(&Match) -> bool| rule.matches.iter().any(is);
    match () {
        () if has(|one| matches!(one, Match::Random { .. } | Match::Nth { .. })) => {
            let words = rule.matches.iter().find_map(|one| chosen_by(one, drawn?));
            words.unwrap_or_else(|| "the dice chose it".to_owned())
        }
        () if has(|one| matches!(one, Match::CtState(_))) => format!("state is {}", state_name(flow.ct.states)),
        () if rule.dst.is_some() => format!("destination is {}", flow.dst),
        () if rule.src.is_some() => format!("source is {}", flow.src),
        () => match rule.matches.iter().find(|one| !matches!(one, Match::Comment(_))) {
            Some(one) => holds(one, flow, view),
            None if rule.oif.is_some() => format!("leaves by {}", view.oif.as_deref().unwrap_or("no device")),
            None if rule.iif.is_some() => format!("came in by {}", view.iif.as_deref().unwrap_or("no device")),
            None if rule.protocol.is_some() => format!("protocol is {}", protocol_name(flow.protocol)),
            None => "takes every packet that comes here".to_owned(),
        },
    }
}

impl Consulted for Walk {
    fn command(&self) -> String {
        format!("iptables-save -t {}", self.table.name().as_str())
    }

    fn n_asked(&self) -> (usize, usize) {
        (self.n_tried(), 0)
    }

    fn n_rows(&self) -> usize {
        self.visits.n_rows()
    }

    fn matched(&self) -> Option<usize> {
        self.visits.deciding_row()
    }

    fn all_matched(&self) -> Vec<usize> {
        self.visits.matched_rows()
    }

    fn stretches(&self) -> Vec<Stretch> {
        let base = self.table.chain_idx(self.view.hook.name());
        let base = base.as_ref().map(|chain| (chain, self.table.chains()[*chain].rules().len()));
        self.visits.stretches(base, |chain| self.table.chains()[*chain].name().clone())
    }

    fn row(&self, idx: usize) -> Row {
        let Some((visit, rule_idx)) = self.visits.locate(idx) else {
            let (hook, policy) = (self.view.hook.name(), self.visits.policy.map_or("ACCEPT", Policy::name));
            return Row {
                text: format!("-P {hook} {policy}"),
                writer: Writer::Kernel,
                why: Why::Matched("the end of the chain".to_owned()),
            };
        };
        let chain = &self.table.chains()[visit.chain];
        let rule = &chain.rules()[rule_idx];
        Row { text: format!("-A {} {rule}", chain.name()), writer: rule.writer, why: self.why(idx, visit.flow, rule) }
    }
}

impl Walk {
    /// The table that was walked.
    #[must_use]
    pub fn table_name(&self) -> TableName {
        self.table.name()
    }
}
