//! A packet's way through one base chain and what it leads to, and the record of it.
//!
//! Models net/netfilter/nf_tables_core.c nft_do_chain. The record keeps ranges of rules and what was drawn, not rules: why
//! each of them missed is found out again when somebody reads the row.

use std::sync::Arc;

use super::eval::{Carried, Chance, End, Outcome, Roll, Rolls, describe_match, eval};
use super::validate::MAX_JUMPS;
use super::{Chain, Key, Rule, Statement, Table, Verdict};
use crate::base::{ServiceNote, Writer};
use crate::netfilter::visits::{Visit, Visits};
use crate::netfilter::xtables::Changes;
use crate::netfilter::{Flow, HookView, NatRange, Policy, TableVerdict};
use crate::trace::{Consulted, Draw, Row, Stretch, Why};

/// A walk, as it was: what the trace shows.
#[derive(Clone, Debug)]
pub struct Walk {
    table: Arc<Table>,
    base: Arc<Chain>,
    view: HookView,
    flow: Flow,
    visits: Visits<Arc<Chain>>,
    /// What was drawn and looked up, each with its row.
    rolls: Vec<(usize, Roll)>,
    n_lookups: usize,
    /// The service that the last of the rules and elements that matched was written for.
    service: Option<Arc<ServiceNote>>,
}

/// Sends a packet through the base chain `base`.
pub(in crate::netfilter) fn walk(
    table: &Arc<Table>,
    base: &Arc<Chain>,
    view: &HookView,
    flow: Flow,
    chance: &mut Chance<'_>,
) -> (TableVerdict, Changes, Walk) {
    let mut visits = Visits::default();
    let mut service = None;
    let mut carried = Carried { flow, changes: Changes::default() };
    let mut returns: Vec<(&Arc<Chain>, usize)> = Vec::new();
    let (mut chain, mut at) = (base, 0);
    let verdict = loop {
        let rules = chain.rules();
        let mut visit = Visit {
            chain: chain.clone(),
            first: at,
            end: rules.len(),
            matched: false,
            flow: carried.flow,
            first_row: chance.row,
        };
        let mut end = End::Verdict(&Verdict::Return, None);
        for (idx, rule) in rules.iter().enumerate().skip(at) {
            let outcome = eval(table, rule, &mut carried, view, &mut Rolls::Live(chance));
            chance.row += 1;
            if let Outcome::Matched(found) = outcome {
                let element = match &found {
                    End::Verdict(_, Some(found)) => found.element.service.clone(),
                    End::Verdict(_, None) | End::Stop(_) => None,
                };
                service = rule.service.clone().or(element).or(service);
                (visit.end, visit.matched, end) = (idx + 1, true, found);
                break;
            }
            if carried.flow != visit.flow {
                (visit.end, end) = (idx + 1, End::Verdict(&Verdict::Continue, None));
                break;
            }
        }
        at = visit.end;
        visits.push(visit);
        match end {
            End::Stop(verdict) => break verdict,
            End::Verdict(Verdict::Accept, _) => break TableVerdict::Accept,
            End::Verdict(Verdict::Drop, _) => break TableVerdict::Drop,
            End::Verdict(Verdict::Continue, _) => {}
            End::Verdict(verdict @ (Verdict::Jump(name) | Verdict::Goto(name)), _) => {
                // A ruleset that was validated leads to what is there, and not too deep.
                let Some(next) = table.chain(name).filter(|_| returns.len() < MAX_JUMPS) else {
                    break TableVerdict::Drop;
                };
                if matches!(verdict, Verdict::Jump(_)) {
                    returns.push((chain, at));
                }
                (chain, at) = (next, 0);
            }
            End::Verdict(Verdict::Return, _) => match returns.pop() {
                Some(back) => (chain, at) = back,
                None => {
                    visits.policy = base.base().map(|base| base.policy);
                    break if visits.policy == Some(Policy::Drop) { TableVerdict::Drop } else { TableVerdict::Accept };
                }
            },
        }
    };
    let rolls = std::mem::take(&mut chance.rolls);
    let record = Walk {
        table: table.clone(),
        base: base.clone(),
        view: view.clone(),
        flow,
        visits,
        rolls,
        n_lookups: chance.n_lookups,
        service,
    };
    (verdict, carried.changes, record)
}

impl Walk {
    /// Family and name of the table, and the base chain.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} {}", self.table.title(), self.base.name)
    }

    /// The chain of the rule that ended the walk, and the rule's number in it, from 1.
    #[must_use]
    pub fn deciding_place(&self) -> Option<(Arc<str>, usize)> {
        let (chain, rule) = self.visits.deciding()?;
        Some((chain.name.clone(), rule + 1))
    }

    /// The rules that matched, in order.
    pub fn matched_rules(&self) -> impl Iterator<Item = &Rule> {
        self.visits.matched().map(|(chain, rule)| &chain.rules()[rule])
    }

    /// The service that the last of the rules and elements that matched was written for.
    #[must_use]
    pub fn service(&self) -> Option<&Arc<ServiceNote>> {
        self.service.as_ref()
    }

    /// What was drawn on the way by rules that choose.
    #[must_use]
    pub fn draws(&self) -> Vec<Draw> {
        let draw = |(row, roll): &(usize, Roll)| {
            let Roll::Number(drawn) = roll else { return None };
            let (visit, rule) = self.visits.locate(*row)?;
            Some(Draw::Number(*drawn, draws(&visit.chain.rules()[rule])))
        };
        self.rolls.iter().filter_map(draw).collect()
    }

    /// Number of rules that were tried.
    #[must_use]
    pub fn n_tried(&self) -> usize {
        self.visits.n_tried()
    }

    /// What the walk of this packet could have come to had `numgen` drawn otherwise: every destination that a rule
    /// translates it to, with its probability. A packet is taken for one that no rule has put on a list.
    #[must_use]
    pub fn destinations(&self) -> Vec<(NatRange, f64)> {
        struct Open<'a> {
            chain: &'a Arc<Chain>,
            at: usize,
            carried: Carried,
            share: f64,
            returns: Vec<(&'a Arc<Chain>, usize)>,
        }
        let mut found: Vec<(NatRange, f64)> = Vec::new();
        let start = Carried { flow: self.flow, changes: Changes::default() };
        let mut open = vec![Open { chain: &self.base, at: 0, carried: start, share: 1.0, returns: Vec::new() }];
        let mut budget = 100_000_usize;
        while let Some(Open { chain, at, carried, share, mut returns }) = open.pop() {
            let rules = chain.rules();
            let Some(rule) = rules.get(at).filter(|_| budget > 0) else {
                if let Some((chain, at)) = returns.pop().filter(|_| budget > 0) {
                    open.push(Open { chain, at, carried, share, returns });
                }
                continue;
            };
            budget -= 1;
            // The last number is taken first: futures are found in the order of the numbers.
            let n_draws = draws(rule);
            for number in (0..n_draws).rev() {
                let (mut carried, mut returns) = (carried, returns.clone());
                let drawn = [(0, Roll::Number(number))];
                let mut rolls = Rolls::Replay(&drawn[..usize::from(n_draws > 1)]);
                let outcome = eval(&self.table, rule, &mut carried, &self.view, &mut rolls);
                // A rule that ended before it drew has one future.
                let was_drawn = n_draws > 1 && matches!(rolls, Rolls::Replay([]));
                if n_draws > 1 && !was_drawn && number > 0 {
                    continue;
                }
                let share = if was_drawn { share / f64::from(n_draws) } else { share };
                let (chain, at) = match outcome {
                    Outcome::Missed(_) | Outcome::Matched(End::Verdict(Verdict::Continue, _)) => (chain, at + 1),
                    Outcome::Matched(End::Stop(TableVerdict::Dnat(range))) => {
                        match found.iter_mut().find(|(known, _)| *known == range) {
                            Some((_, known)) => *known += share,
                            None => found.push((range, share)),
                        }
                        continue;
                    }
                    Outcome::Matched(End::Verdict(verdict @ (Verdict::Jump(name) | Verdict::Goto(name)), _)) => {
                        let Some(next) = self.table.chain(name) else { continue };
                        if matches!(verdict, Verdict::Jump(_)) {
                            returns.push((chain, at + 1));
                        }
                        (next, 0)
                    }
                    Outcome::Matched(End::Verdict(Verdict::Return, _)) => (chain, rules.len()),
                    Outcome::Matched(End::Stop(_) | End::Verdict(Verdict::Accept | Verdict::Drop, _)) => continue,
                };
                open.push(Open { chain, at, carried, share, returns });
            }
        }
        found
    }

    fn why(&self, row: usize, flow: Flow, rule: &Rule) -> Why {
        let mut carried = Carried { flow, changes: Changes::default() };
        let rolls = &self.rolls[self.rolls.partition_point(|(of, _)| *of < row)..];
        match eval(&self.table, rule, &mut carried, &self.view, &mut Rolls::Replay(rolls)) {
            Outcome::Missed(miss) => Why::Missed(miss.describe()),
            Outcome::Matched(end) => Why::Matched(describe_match(rule, &end, &flow, &self.view)),
        }
    }
}

/// How many numbers a rule may draw; of a rule without `numgen` there is one future.
fn draws(rule: &Rule) -> u32 {
    let of = |statement: &Statement| match statement {
        Statement::Vmap { key: Key::Numgen(numgen), .. } => Some(numgen.modulus.max(1)),
        _ => None,
    };
    rule.statements.iter().find_map(of).unwrap_or(1)
}

impl Consulted for Walk {
    fn command(&self) -> String {
        format!("nft list table {}", self.table.title())
    }

    fn n_asked(&self) -> (usize, usize) {
        (self.n_tried(), self.n_lookups)
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
        self.visits.stretches(Some((&self.base, self.base.rules().len())), |chain| chain.name.clone())
    }

    fn row(&self, idx: usize) -> Row {
        let Some((visit, rule_idx)) = self.visits.locate(idx) else {
            let chain = &self.base;
            let head = chain.base().map(|base| base.to_string()).unwrap_or_default();
            return Row {
                text: format!("add chain {} {} {{ {head} }}", self.table.title(), chain.name),
                writer: chain.rules().first().map_or(Writer::Admin, |rule| rule.writer),
                why: Why::Matched("the end of the chain".to_owned()),
            };
        };
        let chain = &visit.chain;
        let rule = &chain.rules()[rule_idx];
        let text = format!("add rule {} {} {}", self.table.title(), chain.name, rule.print(self.table.family));
        Row { text, writer: rule.writer, why: self.why(idx, visit.flow, rule) }
    }
}
