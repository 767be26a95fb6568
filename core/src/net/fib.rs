//! The forwarding information base: rules name tables, tables have routes.
//!
//! Models include/net/ip_fib.h fib_lookup and net/ipv4/fib_rules.c __fib_lookup.

use super::{FibError, FibLookup, FlowKey, NetNs, Route, RouteKind, RouteTable, RuleAction, RuleLookup, TableId};
use crate::base::{BTreeMap, sort_by};

/// A decision about one packet, with everything that was read for it.
#[derive(Clone, Debug)]
pub struct FibDecision {
    /// The table's lookup that decided, or why there is none.
    pub result: Result<FibLookup, FibError>,
    /// The rules, if they are not the three that every namespace has.
    pub rules: Option<RuleLookup>,
    /// The tables, in the order in which they were read.
    pub tables: Vec<FibLookup>,
}

impl FibDecision {
    /// The route that was found.
    #[must_use]
    pub fn route(&self) -> Option<&Route> {
        self.result.as_ref().ok().and_then(FibLookup::route)
    }
}

impl NetNs {
    /// The routing table with this number, if it has ever had a route.
    #[must_use]
    pub fn table(&self, id: TableId) -> Option<&RouteTable> {
        match id {
            TableId::LOCAL => Some(&self.local),
            TableId::MAIN => Some(&self.main),
            _ => self.tables.get(&id),
        }
    }

    /// The routing table with this number, to write.
    pub fn table_mut(&mut self, id: TableId) -> &mut RouteTable {
        match id {
            TableId::LOCAL => &mut self.local,
            TableId::MAIN => &mut self.main,
            _ => self.tables.entry(id).or_insert_with(|| RouteTable::new(id)),
        }
    }

    /// All routing tables, in the order of the kernel's dump: it keeps them in 256 buckets.
    #[must_use]
    pub fn all_tables(&self) -> Vec<&RouteTable> {
        let mut tables: Vec<&RouteTable> = self.tables.values().chain([&self.main, &self.local]).collect();
        sort_by(&mut tables, |a, b| (a.id().0 & 255).cmp(&(b.id().0 & 255)));
        tables
    }

    /// The route for `flow`. A table that has none leaves it to the next rule.
    #[must_use]
    pub fn fib_lookup(&self, flow: &FlowKey) -> FibDecision {
        let mut tables = Vec::new();
        let mut decided = None;
        for (idx, action) in self.rules.matching(flow) {
            let result = match action {
                RuleAction::Blackhole => Err(FibError::Inval),
                RuleAction::Unreachable => Err(FibError::NetUnreach),
                RuleAction::Prohibit => Err(FibError::Acces),
                RuleAction::Lookup(id) => {
                    let Some(table) = self.table(id) else { continue };
                    let lookup = table.lookup(flow.dst, flow.oif);
                    tables.push(lookup.clone());
                    match lookup.route().map(|route| route.kind) {
                        None | Some(RouteKind::Throw) => continue,
                        Some(kind) => kind.error().map_or(Ok(lookup), Err),
                    }
                }
            };
            decided = Some((idx, result));
            break;
        }
        let (idx, result) = decided.map_or((None, Err(FibError::NetUnreach)), |(idx, result)| (Some(idx), result));
        let rules = self.rules.has_custom().then(|| self.rules.lookup(*flow, idx));
        FibDecision { result, rules, tables }
    }
}

/// Routing tables besides `local` and `main`.
pub(super) type Tables = BTreeMap<TableId, RouteTable>;
