//! Tables and chains, and what the kernel refuses to load.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use super::rule::{Match, NatRange, Not, PortRange, Rule, Target};
use crate::trace::Hook;

/// The tables of iptables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TableName {
    /// Before connection tracking.
    Raw,
    /// Changes packets and their marks.
    Mangle,
    /// Translates addresses: asked once for each connection.
    Nat,
    /// Lets through or not.
    Filter,
}

impl TableName {
    /// All of them, in the order of `iptables-save`.
    pub const ALL: [Self; 4] = [Self::Mangle, Self::Raw, Self::Filter, Self::Nat];

    /// The name after `-t`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Mangle => "mangle",
            Self::Nat => "nat",
            Self::Filter => "filter",
        }
    }

    /// The hooks that the table is registered on, in the order in which `iptables-save` names its chains.
    #[must_use]
    pub fn hooks(self) -> &'static [Hook] {
        match self {
            Self::Raw => &[Hook::Prerouting, Hook::Output],
            Self::Mangle => &[Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting],
            Self::Nat => &[Hook::Prerouting, Hook::Input, Hook::Output, Hook::Postrouting],
            Self::Filter => &[Hook::Input, Hook::Forward, Hook::Output],
        }
    }
}

/// What a base chain does with what reaches its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Lets it through.
    Accept,
    /// Drops it.
    Drop,
}

impl Policy {
    /// The word in front of the counters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "ACCEPT",
            Self::Drop => "DROP",
        }
    }
}

/// A list of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    name: Arc<str>,
    policy: Option<Policy>,
    rules: Vec<Arc<Rule>>,
}

impl Chain {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its policy, if it is a base chain.
    #[must_use]
    pub fn policy(&self) -> Option<Policy> {
        self.policy
    }

    /// Its rules, in order.
    #[must_use]
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }
}

/// A table: its base chains, then the others in no order that means anything.
///
/// Chains and rules are shared: whoever keeps the table of a moment ago keeps a list of references.
#[derive(Clone, Debug)]
pub struct Table {
    name: TableName,
    chains: Vec<Arc<Chain>>,
    /// Their places, in parts by [`part`]: a table that somebody keeps a copy of is written without copying all of them.
    by_name: Vec<Arc<BTreeMap<Arc<str>, usize>>>,
    n_counters: u32,
}

const N_PARTS: usize = 64;

/// Which part knows this name. The names of services' chains end like dice.
fn part(name: &str) -> usize {
    name.bytes().rev().take(2).fold(0, |sum, byte| 31 * sum + usize::from(byte)) % N_PARTS
}

/// The same table with the same chains, in whatever order they were made.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        let same = |chain: &Arc<Chain>| other.chain(&chain.name) == Some(chain);
        self.name == other.name && self.chains.len() == other.chains.len() && self.chains.iter().all(same)
    }
}

impl Eq for Table {}

/// Why the kernel does not take a table.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TableError {
    /// A rule leads to a chain that is not there.
    #[error("rule {number} of {chain} leads to {target}, and there is no such chain")]
    NoSuchChain {
        /// The chain that holds the rule.
        chain: Arc<str>,
        /// The rule, from 1.
        number: usize,
        /// Where it leads.
        target: Arc<str>,
    },
    /// Chains lead in a circle.
    #[error("rule {number} of {chain} leads back to {target}: too many levels of symbolic links")]
    Loop {
        /// The chain that holds the rule.
        chain: Arc<str>,
        /// The rule, from 1.
        number: usize,
        /// Where it leads.
        target: Arc<str>,
    },
    /// A target that this table does not have.
    #[error("rule {number} of {chain} translates addresses, which only table nat does")]
    NotInThisTable {
        /// The chain that holds the rule.
        chain: Arc<str>,
        /// The rule, from 1.
        number: usize,
    },
}

impl Table {
    /// An empty table: base chains that accept everything.
    #[must_use]
    pub fn new(name: TableName) -> Self {
        let mut table = Self { name, chains: Vec::new(), by_name: vec![Arc::default(); N_PARTS], n_counters: 0 };
        for hook in name.hooks() {
            table.set_policy(*hook, Policy::Accept);
        }
        table
    }

    /// Which table it is.
    #[must_use]
    pub fn name(&self) -> TableName {
        self.name
    }

    /// Its chains.
    #[must_use]
    pub fn chains(&self) -> &[Arc<Chain>] {
        &self.chains
    }

    /// The chain of this name.
    #[must_use]
    pub fn chain(&self, name: &str) -> Option<&Chain> {
        self.chain_idx(name).map(|idx| &*self.chains[idx])
    }

    pub(super) fn chain_idx(&self, name: &str) -> Option<usize> {
        self.by_name[part(name)].get(name).copied()
    }

    /// Whether a hook's base chain has rules, or a policy that is not to accept.
    #[must_use]
    pub fn says_something_at(&self, hook: Hook) -> bool {
        self.chain(hook.name()).is_some_and(|chain| !chain.rules.is_empty() || chain.policy == Some(Policy::Drop))
    }

    /// Whether nobody has written anything into it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chains.iter().all(|chain| chain.rules.is_empty()) && self.chains.len() == self.name.hooks().len()
    }

    /// Makes sure that there is a chain of this name: `-N`.
    pub fn add_chain(&mut self, name: &str) -> usize {
        self.chain_idx(name).unwrap_or_else(|| self.make(name.into()))
    }

    fn make(&mut self, name: Arc<str>) -> usize {
        let idx = self.chains.len();
        self.chains.push(Arc::new(Chain { name: name.clone(), policy: None, rules: Vec::new() }));
        self.places(&name).insert(name.clone(), idx);
        idx
    }

    /// The part that knows this name.
    fn places(&mut self, name: &str) -> &mut BTreeMap<Arc<str>, usize> {
        Arc::make_mut(&mut self.by_name[part(name)])
    }

    fn chain_mut(&mut self, name: &str) -> &mut Chain {
        let idx = self.add_chain(name);
        Arc::make_mut(&mut self.chains[idx])
    }

    /// Sets the policy of a base chain: `-P`.
    pub fn set_policy(&mut self, hook: Hook, policy: Policy) {
        self.chain_mut(hook.name()).policy = Some(policy);
    }

    /// Adds a rule at the end of a chain, which is made if it is not there: `-A`.
    pub fn append(&mut self, chain: &str, rule: Rule) {
        self.extend(chain, [rule]);
    }

    /// Adds rules at the end of a chain, which is made if it is not there.
    pub fn extend(&mut self, chain: &str, rules: impl IntoIterator<Item = Rule>) {
        let rules: Vec<Arc<Rule>> = rules.into_iter().map(|rule| Arc::new(self.numbered(rule))).collect();
        self.chain_mut(chain).rules.extend(rules);
    }

    /// Adds a rule in front of all others of a chain: `-I`.
    pub fn prepend(&mut self, chain: &str, rule: Rule) {
        let rule = Arc::new(self.numbered(rule));
        self.chain_mut(chain).rules.insert(0, rule);
    }

    /// Makes sure that a chain has a rule, in front of all others if it is new: `-C`, then `-I`.
    pub fn ensure(&mut self, chain: &str, rule: Rule) {
        if !self.chain(chain).is_some_and(|chain| chain.rules.iter().any(|it| **it == rule)) {
            self.prepend(chain, rule);
        }
    }

    /// A chain has these rules from now on, and is made if it is not there: what `iptables-restore --noflush` does to a
    /// chain that its input names. None of them may count packets (`--mode nth`).
    pub fn replace(&mut self, chain: &Arc<str>, rules: Vec<Arc<Rule>>) {
        let idx = self.chain_idx(chain).unwrap_or_else(|| self.make(chain.clone()));
        let policy = self.chains[idx].policy;
        self.chains[idx] = Arc::new(Chain { name: chain.clone(), policy, rules });
    }

    /// Removes a chain with its rules, if it is there: `-F` and `-X`.
    pub fn remove(&mut self, chain: &str) {
        let Some(idx) = self.chain_idx(chain) else { return };
        self.places(chain).remove(chain);
        self.chains.swap_remove(idx);
        if let Some(moved) = self.chains.get(idx).map(|chain| chain.name.clone()) {
            self.places(&moved).insert(moved.clone(), idx);
        }
    }

    /// Each `--mode nth` counts for itself.
    fn numbered(&mut self, mut rule: Rule) -> Rule {
        for one in &mut rule.matches {
            if let Match::Nth { counter, .. } = one {
                *counter = self.n_counters;
                self.n_counters += 1;
            }
        }
        rule
    }

    /// Checks the table as the kernel does when it is loaded.
    ///
    /// # Errors
    /// The first rule that cannot be. Models net/ipv4/netfilter/ip_tables.c mark_source_chains and the targets' own checks.
    pub fn validate(&self) -> Result<(), TableError> {
        let mut states = vec![Visit::Unseen; self.chains.len()];
        for start in 0..self.chains.len() {
            self.visit(start, &mut states)?;
        }
        Ok(())
    }

    /// Follows every jump from `start`, depth first and without recursion: kube-proxy's tables are large.
    fn visit(&self, start: usize, states: &mut [Visit]) -> Result<(), TableError> {
        if states[start] != Visit::Unseen {
            return Ok(());
        }
        states[start] = Visit::Open;
        let mut stack = vec![(start, 0)];
        while let Some((idx, at)) = stack.pop() {
            let chain = &self.chains[idx];
            let Some(rule) = chain.rules.get(at) else {
                states[idx] = Visit::Done;
                continue;
            };
            stack.push((idx, at + 1));
            let here = || (chain.name.clone(), at + 1);
            match &rule.target {
                Target::Jump(target) | Target::Goto(target) => {
                    let (chain, number) = here();
                    let Some(next) = self.chain_idx(target) else {
                        return Err(TableError::NoSuchChain { chain, number, target: target.clone() });
                    };
                    match states[next] {
                        Visit::Unseen => {
                            states[next] = Visit::Open;
                            stack.push((next, 0));
                        }
                        Visit::Open => return Err(TableError::Loop { chain, number, target: target.clone() }),
                        Visit::Done => {}
                    }
                }
                Target::Dnat(_) | Target::Snat(_) | Target::Masquerade(_) | Target::Redirect(_)
                    if self.name != TableName::Nat =>
                {
                    let (chain, number) = here();
                    return Err(TableError::NotInThisTable { chain, number });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Unseen,
    Open,
    Done,
}

impl NatRange {
    /// One address and, if given, one port.
    #[must_use]
    pub fn to(ip: std::net::IpAddr, port: Option<u16>) -> Self {
        Self { addresses: Some((ip, ip)), ports: port.map(|port| (port, port)), random_fully: false }
    }
}

impl Match {
    /// `-m multiport --dports`.
    #[must_use]
    pub fn dports(ports: &[u16]) -> Self {
        let ports = ports.iter().map(|port| PortRange::one(*port)).collect();
        Self::Multiport { side: super::rule::PortSide::Destination, ports: Not::is(ports) }
    }
}
