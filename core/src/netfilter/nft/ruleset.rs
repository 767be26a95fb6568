//! Tables and chains, and which of them a hook calls.
//!
//! Models net/netfilter/nf_tables_api.c and net/netfilter/core.c nf_hook_entries_grow.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Key, NumgenMode, Rule, Set, Statement};
use crate::base::{Instant, sort_by};
use crate::netfilter::Policy;
use crate::trace::Hook;

/// Priorities that have a name (uapi `linux/netfilter_ipv4.h`).
pub mod priority {
    /// `raw`.
    pub const RAW: i32 = -300;
    /// Connection tracking; nobody's chain has it.
    pub const CONNTRACK: i32 = -200;
    /// `mangle`.
    pub const MANGLE: i32 = -150;
    /// `dstnat`.
    pub const DSTNAT: i32 = -100;
    /// `filter`.
    pub const FILTER: i32 = 0;
    /// `srcnat`.
    pub const SRCNAT: i32 = 100;
}

/// Whose packets a table sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// Both.
    Inet,
}

impl Family {
    /// The word in front of a table's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Inet => "inet",
        }
    }

    pub(super) fn sees(self, ip: IpAddr) -> bool {
        match self {
            Self::Ip => ip.is_ipv4(),
            Self::Ip6 => ip.is_ipv6(),
            Self::Inet => true,
        }
    }
}

/// The type of a base chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainKind {
    /// `filter`.
    Filter,
    /// `nat`: asked once for each connection.
    Nat,
    /// `route`. That the route is looked up again when a mark changes is not modelled.
    Route,
}

impl ChainKind {
    /// The word after `type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Nat => "nat",
            Self::Route => "route",
        }
    }
}

/// What makes a chain a base chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// Its type.
    pub kind: ChainKind,
    /// Its hook.
    pub hook: Hook,
    /// Its place among all that is on the hook: lower is earlier.
    pub priority: i32,
    /// What becomes of what reaches its end.
    pub policy: Policy,
}

impl Base {
    /// One that lets through what reaches its end.
    #[must_use]
    pub fn new(kind: ChainKind, hook: Hook, priority: i32) -> Self {
        Self { kind, hook, priority, policy: Policy::Accept }
    }
}

/// A list of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Its name.
    pub name: Arc<str>,
    order: usize,
    base: Option<Base>,
    /// What is said about it.
    pub comment: Option<Arc<str>>,
    pub(super) rules: Vec<Rule>,
}

impl Chain {
    /// Where it is hooked, if it is.
    #[must_use]
    pub fn base(&self) -> Option<Base> {
        self.base
    }

    /// Its rules, in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether a packet that comes by is told anything.
    fn says_something(&self) -> bool {
        !self.rules.is_empty() || self.base.is_some_and(|base| base.policy == Policy::Drop)
    }
}

/// Where a chain or a set stands whose writer leaves that open: behind all others, by name.
const LAST: usize = usize::MAX;

/// A table: its sets and chains. A copy of it shares all that does not change afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Whose packets it sees.
    pub family: Family,
    /// Its name.
    pub name: Arc<str>,
    /// What is said about it.
    pub comment: Option<Arc<str>>,
    chains: BTreeMap<Arc<str>, Arc<Chain>>,
    /// Which chains are hooked: a packet must not look at all of them to find those.
    hooked: Vec<Arc<str>>,
    sets: BTreeMap<Arc<str>, (usize, Arc<Set>)>,
    /// How many chains, sets and counting rules were made.
    n_made: usize,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(family: Family, name: &str) -> Self {
        Self {
            family,
            name: name.into(),
            comment: None,
            chains: BTreeMap::new(),
            hooked: Vec::new(),
            sets: BTreeMap::new(),
            n_made: 0,
        }
    }

    /// Family and name, as commands want them.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} {}", self.family.name(), self.name)
    }

    /// Its chains, in order of making.
    #[must_use]
    pub fn chains(&self) -> Vec<&Arc<Chain>> {
        let mut chains: Vec<&Arc<Chain>> = self.chains.values().collect();
        sort_by(&mut chains, |a, b| a.order.cmp(&b.order));
        chains
    }

    /// The chain of this name.
    #[must_use]
    pub fn chain(&self, name: &str) -> Option<&Arc<Chain>> {
        self.chains.get(name)
    }

    /// Its sets and maps, with their names, in order of making.
    #[must_use]
    pub fn sets(&self) -> Vec<(&Arc<str>, &Set)> {
        let mut sets: Vec<_> = self.sets.iter().collect();
        sort_by(&mut sets, |(_, (a, _)), (_, (b, _))| a.cmp(b));
        sets.into_iter().map(|(name, (_, set))| (name, &**set)).collect()
    }

    /// The set or map of this name.
    #[must_use]
    pub fn set(&self, name: &str) -> Option<&Set> {
        self.sets.get(name).map(|(_, set)| &**set)
    }

    /// Makes sure that there is a chain of this name: `add chain`.
    pub fn add_chain(&mut self, name: &str) -> &mut Chain {
        let chain = self.chains.entry(name.into()).or_insert_with_key(|name| {
            self.n_made += 1;
            Arc::new(Chain { name: name.clone(), order: self.n_made, base: None, comment: None, rules: Vec::new() })
        });
        Arc::make_mut(chain)
    }

    /// Makes a base chain: `add chain NAME { type … hook … priority … ; }`.
    pub fn add_base_chain(&mut self, name: &str, base: Base) {
        if self.add_chain(name).base.replace(base).is_none() {
            self.hooked.push(name.into());
        }
    }

    /// Adds a rule at the end of a chain, which is made if it is not there: `add rule`.
    pub fn append(&mut self, chain: &str, mut rule: Rule) {
        for statement in &mut rule.statements {
            if let Statement::Vmap { key: Key::Numgen(numgen), .. } = statement
                && numgen.mode == NumgenMode::Inc
            {
                // Each counts for itself.
                self.n_made += 1;
                numgen.counter = self.n_made;
            }
        }
        self.add_chain(chain).rules.push(rule);
    }

    /// A chain with these rules and no others, in place of the one of this name: `add chain`, `flush chain`, `add rule`.
    /// Where it stands among others is left open.
    pub fn put_chain(&mut self, name: Arc<str>, rules: Vec<Rule>) {
        let chain = Chain { name: name.clone(), order: LAST, base: None, comment: None, rules };
        self.chains.insert(name, Arc::new(chain));
    }

    /// Takes a chain out that is not hooked: `delete chain`.
    pub fn remove_chain(&mut self, name: &str) {
        self.chains.remove(name);
    }

    /// Adds a set or a map, in place of the one of this name: `add set`, `add map`.
    pub fn add_set(&mut self, name: &str, set: Set) {
        let known = self.sets.get(name).map(|(order, _)| *order);
        self.n_made += usize::from(known.is_none());
        self.sets.insert(name.into(), (known.unwrap_or(self.n_made), Arc::new(set)));
    }

    /// The same, where it is left open where the set stands among others.
    pub fn put_set(&mut self, name: Arc<str>, set: Set) {
        self.sets.insert(name, (LAST, Arc::new(set)));
    }

    /// The set of this name, to add elements: `add element`.
    pub fn set_mut(&mut self, name: &str) -> Option<&mut Set> {
        self.sets.get_mut(name).map(|(_, set)| Arc::make_mut(set))
    }
}

/// What packets leave behind in a table: what rules added to sets, and what `numgen inc` has counted to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::netfilter) struct Memory {
    added: BTreeMap<Arc<str>, BTreeMap<Vec<u128>, Option<Instant>>>,
    counters: BTreeMap<usize, u32>,
}

impl Memory {
    /// Whether rules have added this element, and it is still there.
    pub(super) fn has(&self, set: &str, key: &[u128], now: Instant) -> bool {
        let expires = self.added.get(set).and_then(|elements| elements.get(key));
        expires.is_some_and(|expires| expires.is_none_or(|expires| expires > now))
    }

    pub(super) fn add(&mut self, set: &Arc<str>, key: Vec<u128>, expires: Option<Instant>) {
        self.added.entry(set.clone()).or_default().insert(key, expires);
    }

    /// What rules have added to a set.
    pub(super) fn added(&self, set: &str, now: Instant) -> impl Iterator<Item = (&Vec<u128>, Option<Instant>)> {
        let elements = self.added.get(set).into_iter().flatten();
        elements.map(|(key, expires)| (key, *expires)).filter(move |(_, it)| it.is_none_or(|it| it > now))
    }

    /// Models nft_ng_inc_gen: the first number is 0.
    pub(super) fn count(&mut self, counter: usize, modulus: u32) -> u32 {
        let next = self.counters.entry(counter).or_insert(0);
        let now = *next;
        *next = (now + 1) % modulus.max(1);
        now
    }
}

/// A base chain on its hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::netfilter) struct Hooked {
    pub priority: i32,
    pub table: usize,
    pub chain: Arc<Chain>,
}

/// All tables of a machine: `nft list ruleset`.
#[derive(Clone, Debug, Default)]
pub struct Ruleset {
    tables: Vec<(Arc<Table>, Memory)>,
}

impl Ruleset {
    /// Whether there is no table.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Its tables, in order of making.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.iter().map(|(table, _)| table)
    }

    pub(super) fn with_memory(&self) -> &[(Arc<Table>, Memory)] {
        &self.tables
    }

    /// The table of this name.
    #[must_use]
    pub fn table(&self, family: Family, name: &str) -> Option<&Arc<Table>> {
        self.tables().find(|table| table.family == family && *table.name == *name)
    }

    /// A table, to write; it is made if it is not there: `add table`.
    pub fn table_mut(&mut self, family: Family, name: &str) -> &mut Table {
        let is_it = |(table, _): &(Arc<Table>, Memory)| table.family == family && *table.name == *name;
        let idx = self.tables.iter().position(is_it).unwrap_or_else(|| {
            self.tables.push((Arc::new(Table::new(family, name)), Memory::default()));
            self.tables.len() - 1
        });
        Arc::make_mut(&mut self.tables[idx].0)
    }

    /// Takes a set out, with what rules have added to it: `delete set`.
    pub fn remove_set(&mut self, family: Family, table: &str, set: &str) {
        let is_it = |(it, _): &&mut (Arc<Table>, Memory)| it.family == family && *it.name == *table;
        if let Some((table, memory)) = self.tables.iter_mut().find(is_it) {
            Arc::make_mut(table).sets.remove(set);
            memory.added.remove(set);
        }
    }

    /// Takes a table out, with all that is in it: `delete table`.
    pub fn remove_table(&mut self, family: Family, table: &str) {
        self.tables.retain(|(it, _)| it.family != family || *it.name != *table);
    }

    pub(in crate::netfilter) fn enter(&mut self, table: usize) -> (Arc<Table>, &mut Memory) {
        let (table, memory) = &mut self.tables[table];
        (table.clone(), memory)
    }

    /// The base chains on a hook that have something to say to a packet of this address, in order: the lowest priority
    /// first, and of two that have the same the one that was made later.
    pub(in crate::netfilter) fn hooked(&self, hook: Hook, ip: IpAddr, nat: bool) -> Vec<Hooked> {
        let mut found = Vec::new();
        for (table_idx, (table, _)) in self.tables.iter().enumerate().rev().filter(|(_, (it, _))| it.family.sees(ip)) {
            for chain in table.hooked.iter().rev().filter_map(|name| table.chains.get(name)) {
                if let Some(base) = chain.base.filter(|base| base.hook == hook && (base.kind == ChainKind::Nat) == nat)
                    && chain.says_something()
                {
                    found.push(Hooked { priority: base.priority, table: table_idx, chain: chain.clone() });
                }
            }
        }
        sort_by(&mut found, |a, b| a.priority.cmp(&b.priority));
        found
    }
}
