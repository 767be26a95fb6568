//! What the kernel and nft refuse to load.
//!
//! Models nf_tables_api.c nft_chain_validate, nft_chain_validate_dependency and nft_chain_validate_hooks, and the checks
//! of types in nft's src/evaluate.c.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use super::eval::named;
use super::print::hook_name;
use super::ruleset::{Base, Chain, ChainKind, Ruleset, Table, priority};
use super::{DataType, Field, Key, Set, SetRef, Span, Statement, Verdict, With};
use crate::base::BTreeMap;
use crate::trace::Hook;

/// A rule of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Family and name of the table.
    pub table: String,
    /// The chain, or the map, that holds it.
    pub holder: Arc<str>,
    /// The rule, from 1; of a map the element.
    pub number: usize,
    /// Whether the holder is a map.
    pub is_map: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, kind) = if self.is_map { ("element", "map ") } else { ("rule", "") };
        write!(f, "table {}: {what} {} of {kind}{}", self.table, self.number, self.holder)
    }
}

/// Why a ruleset is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RulesetError {
    /// A rule leads to a chain that is not there, or to one that is hooked.
    #[error("{at} leads to {target}, and there is no such chain to lead to")]
    NoSuchChain {
        /// The rule.
        at: Place,
        /// Where it leads.
        target: Arc<str>,
    },
    /// A rule asks a set that is not there.
    #[error("{at} asks @{set}, and there is no such set")]
    NoSuchSet {
        /// The rule.
        at: Place,
        /// The set.
        set: Arc<str>,
    },
    /// A rule asks a set for what it does not hold.
    #[error("{at}: found {found}, expected {expected}")]
    Mismatch {
        /// The rule.
        at: Place,
        /// What the rule has.
        found: String,
        /// What the set has.
        expected: String,
    },
    /// A rule cannot stand where it can be reached from.
    #[error("{at}: {what} is not possible in {kind} chains on {hook}")]
    NotOnThisHook {
        /// The rule.
        at: Place,
        /// What it does.
        what: &'static str,
        /// The type of the base chain that leads here.
        kind: &'static str,
        /// Its hook.
        hook: &'static str,
    },
    /// Chains lead in a circle.
    #[error("{at} leads back to {target}: too many levels of symbolic links")]
    Loop {
        /// The rule.
        at: Place,
        /// Where it leads.
        target: Arc<str>,
    },
    /// Chains lead deeper than the kernel's stack of jumps.
    #[error("{at} leads deeper than {MAX_JUMPS} chains: too many links")]
    TooDeep {
        /// The rule.
        at: Place,
    },
    /// A set's elements cannot be.
    #[error("table {table}: set {set}: {what}")]
    Elements {
        /// Family and name of the table.
        table: String,
        /// The set.
        set: Arc<str>,
        /// What is wrong with them.
        what: String,
    },
    /// A base chain cannot be hooked there.
    #[error("table {table}: chain {chain}: {what}")]
    Hooked {
        /// Family and name of the table.
        table: String,
        /// The chain.
        chain: Arc<str>,
        /// What is wrong.
        what: &'static str,
    },
}

/// `NFT_JUMP_STACK_SIZE`.
pub(super) const MAX_JUMPS: usize = 16;

impl Ruleset {
    /// Checks all tables as nft and the kernel do when they are loaded.
    ///
    /// # Errors
    /// The first rule that cannot be, with its place.
    pub fn validate(&self) -> Result<(), RulesetError> {
        self.tables().try_for_each(|table| table.validate())
    }
}

impl Table {
    /// Checks the table.
    ///
    /// # Errors
    /// The first rule that cannot be, with its place.
    pub fn validate(&self) -> Result<(), RulesetError> {
        self.sets().into_iter().try_for_each(|(name, set)| self.check_set(name, set))?;
        let chains = self.chains();
        chains.iter().try_for_each(|chain| self.check_chain(chain))?;
        let numbers = chains.iter().enumerate().map(|(idx, chain)| (&*chain.name, idx)).collect();
        let ways = Ways { table: self, chains, numbers };
        let order = ways.check_circles()?;
        ways.check_reach(&order)
    }

    fn place(&self, chain: &Chain, rule_idx: usize) -> Place {
        Place { table: self.title(), holder: chain.name.clone(), number: rule_idx + 1, is_map: false }
    }

    fn check_set(&self, name: &Arc<str>, set: &Set) -> Result<(), RulesetError> {
        let wrong = |what| RulesetError::Elements { table: self.title(), set: name.clone(), what };
        let show = |key: &[Span]| set.print_key(key);
        if let Some(key) = set.ranged_key().filter(|_| !set.interval) {
            return Err(wrong(format!("{} is an interval, and the set has no flag for them", show(key))));
        }
        if let Some((a, b)) = set.overlap() {
            return Err(wrong(format!("{} and {} are conflicting intervals", show(a), show(b))));
        }
        for (idx, (key, element)) in set.elements().enumerate() {
            if key.len() != set.key.len() {
                return Err(wrong(format!(
                    "element {}: found {} parts, expected {}",
                    idx + 1,
                    key.len(),
                    set.key.len()
                )));
            }
            if element.verdict.is_some() != set.is_map {
                return Err(wrong(format!("element {}: a map's elements have verdicts, a set's have none", show(key))));
            }
            let at = || Place { table: self.title(), holder: name.clone(), number: idx + 1, is_map: true };
            if let Some(target) = element.verdict.as_ref().and_then(Verdict::chain) {
                self.check_target(target).map_err(|target| RulesetError::NoSuchChain { at: at(), target })?;
            }
        }
        Ok(())
    }

    fn check_target(&self, target: &Arc<str>) -> Result<(), Arc<str>> {
        let is_there = self.chain(target).is_some_and(|chain| chain.base().is_none());
        if is_there { Ok(()) } else { Err(target.clone()) }
    }

    fn check_chain(&self, chain: &Chain) -> Result<(), RulesetError> {
        if let Some(what) = chain.base().and_then(misplaced) {
            return Err(RulesetError::Hooked { table: self.title(), chain: chain.name.clone(), what });
        }
        for (idx, rule) in chain.rules().iter().enumerate() {
            for statement in &rule.statements {
                self.check_statement(statement, &|| self.place(chain, idx))?;
            }
        }
        Ok(())
    }

    fn check_statement(&self, statement: &Statement, at: &dyn Fn() -> Place) -> Result<(), RulesetError> {
        for target in statement.verdicts().into_iter().filter_map(Verdict::chain) {
            self.check_target(target).map_err(|target| RulesetError::NoSuchChain { at: at(), target })?;
        }
        match statement {
            Statement::Match(one) => match &one.with {
                With::Set(set) => self.check_lookup(&types(&one.fields), set, false, at),
                With::Span(_) | With::Flags(_) if one.fields.len() != 1 => Err(RulesetError::Mismatch {
                    at: at(),
                    found: format!("{} fields", one.fields.len()),
                    expected: "a set for a concatenation".to_owned(),
                }),
                _ => Ok(()),
            },
            Statement::Vmap { key: Key::Fields(fields), map } => self.check_lookup(&types(fields), map, true, at),
            Statement::Vmap { key: Key::Numgen(_), map } => self.check_lookup(&[DataType::Integer], map, true, at),
            Statement::Update { set, fields, timeout, .. } => {
                self.check_lookup(&types(fields), &SetRef::Named(set.clone()), false, at)?;
                let may_add = self.set(set).is_some_and(|it| it.dynamic && (timeout.is_none() || it.can_time_out));
                let mismatch = || RulesetError::Mismatch {
                    at: at(),
                    found: format!("@{set}"),
                    expected: "a set with flag dynamic, and timeout if elements have one".to_owned(),
                };
                if may_add { Ok(()) } else { Err(mismatch()) }
            }
            _ => Ok(()),
        }
    }

    fn check_lookup(
        &self,
        key: &[DataType],
        set: &SetRef,
        map: bool,
        at: &dyn Fn() -> Place,
    ) -> Result<(), RulesetError> {
        let found = match (named(self, set), set) {
            (Some(found), _) => found,
            (None, SetRef::Named(name)) => return Err(RulesetError::NoSuchSet { at: at(), set: name.clone() }),
            (None, SetRef::Anonymous(_)) => return Ok(()),
        };
        let show = |key: &[DataType], map| {
            let types: Vec<&str> = key.iter().map(|it| it.name()).collect();
            format!("{}{}", types.join(" . "), if map { " : verdict" } else { "" })
        };
        if found.key == key && found.is_map == map {
            return Ok(());
        }
        Err(RulesetError::Mismatch { at: at(), found: show(key, map), expected: show(&found.key, found.is_map) })
    }
}

/// A table's chains by number, to follow where they lead.
struct Ways<'a> {
    table: &'a Table,
    chains: Vec<&'a Arc<Chain>>,
    numbers: BTreeMap<&'a str, usize>,
}

impl Ways<'_> {
    /// The chains that a rule leads to, directly or by a map.
    fn targets(&self, chain: &Chain) -> Vec<(usize, usize)> {
        let mut targets = Vec::new();
        for (idx, rule) in chain.rules().iter().enumerate() {
            for statement in &rule.statements {
                let mut of = |verdict: &Verdict| {
                    targets.extend(verdict.chain().and_then(|name| self.numbers.get(&**name)).map(|to| (idx, *to)));
                };
                statement.verdicts().into_iter().for_each(&mut of);
                if let Statement::Vmap { map: SetRef::Named(name), .. } = statement {
                    let elements = self.table.set(name).into_iter().flat_map(Set::elements);
                    elements.filter_map(|(_, element)| element.verdict.as_ref()).for_each(&mut of);
                }
            }
        }
        targets
    }

    /// Follows every jump, depth first and without recursion. Returns the chains, each after all that it leads to.
    fn check_circles(&self) -> Result<Vec<usize>, RulesetError> {
        #[derive(Clone, Copy, PartialEq, Eq)]
        enum Visit {
            Unseen,
            Open,
            Done,
        }
        let mut states = vec![Visit::Unseen; self.chains.len()];
        // How many chains deep it goes below each.
        let mut heights = vec![0_usize; self.chains.len()];
        let mut order = Vec::new();
        for start in 0..self.chains.len() {
            if states[start] != Visit::Unseen {
                continue;
            }
            states[start] = Visit::Open;
            let mut stack = vec![(start, self.targets(self.chains[start]), 0)];
            while let Some((idx, targets, at)) = stack.pop() {
                let chain = self.chains[idx];
                let Some(&(rule_idx, next)) = targets.get(at) else {
                    states[idx] = Visit::Done;
                    let below = targets.iter().max_by_key(|(_, to)| heights[*to]);
                    heights[idx] = below.map_or(0, |(_, to)| heights[*to] + 1);
                    if let Some((rule_idx, _)) = below.filter(|_| heights[idx] >= MAX_JUMPS) {
                        return Err(RulesetError::TooDeep { at: self.table.place(chain, *rule_idx) });
                    }
                    order.push(idx);
                    continue;
                };
                stack.push((idx, targets, at + 1));
                match states[next] {
                    Visit::Unseen => {
                        states[next] = Visit::Open;
                        stack.push((next, self.targets(self.chains[next]), 0));
                    }
                    Visit::Open => {
                        let target = self.chains[next].name.clone();
                        return Err(RulesetError::Loop { at: self.table.place(chain, rule_idx), target });
                    }
                    Visit::Done => {}
                }
            }
        }
        Ok(order)
    }

    /// What stands in a chain must be possible on every hook that leads there.
    fn check_reach(&self, order: &[usize]) -> Result<(), RulesetError> {
        let mut reached: Vec<Vec<Base>> = self.chains.iter().map(|chain| chain.base().into_iter().collect()).collect();
        // Callers first.
        for idx in order.iter().rev() {
            let bases = reached[*idx].clone();
            for (_, next) in self.targets(self.chains[*idx]) {
                let new = bases.iter().filter(|base| !reached[next].contains(base)).copied().collect::<Vec<_>>();
                reached[next].extend(new);
            }
        }
        for (chain, bases) in self.chains.iter().zip(&reached) {
            for (idx, rule) in chain.rules().iter().enumerate() {
                for (base, statement) in bases.iter().flat_map(|base| rule.statements.iter().map(move |it| (base, it)))
                {
                    if let Some(what) = impossible(statement, *base) {
                        let (kind, hook) = (base.kind.name(), hook_name(base.hook));
                        return Err(RulesetError::NotOnThisHook { at: self.table.place(chain, idx), what, kind, hook });
                    }
                }
            }
        }
        Ok(())
    }
}

fn types(fields: &[Field]) -> Vec<DataType> {
    fields.iter().map(|field| field.data_type()).collect()
}

/// Models the hook masks of nft_chain_nat.c and nft_chain_route.c.
fn misplaced(base: Base) -> Option<&'static str> {
    match base.kind {
        ChainKind::Nat if base.hook == Hook::Forward => Some("nothing is translated on hook forward"),
        ChainKind::Nat if base.priority <= priority::CONNTRACK => {
            Some("a nat chain needs a priority above that of connection tracking, -200")
        }
        ChainKind::Route if base.hook != Hook::Output => Some("a route chain stands on hook output"),
        _ => None,
    }
}

/// Models the `validate` functions of nft_nat.c, nft_masq.c, nft_redir.c and nft_reject.c.
fn impossible(statement: &Statement, base: Base) -> Option<&'static str> {
    let (what, hooks): (&'static str, &[Hook]) = match statement {
        Statement::Dnat(_) => ("dnat", &[Hook::Prerouting, Hook::Output]),
        Statement::Snat(_) => ("snat", &[Hook::Input, Hook::Postrouting]),
        Statement::Masquerade(_) => ("masquerade", &[Hook::Postrouting]),
        Statement::Redirect(_) => ("redirect", &[Hook::Prerouting, Hook::Output]),
        Statement::Reject(_) => {
            let allowed = base.hook != Hook::Postrouting;
            return (!allowed).then_some("reject");
        }
        _ => return None,
    };
    (base.kind != ChainKind::Nat || !hooks.contains(&base.hook)).then_some(what)
}
