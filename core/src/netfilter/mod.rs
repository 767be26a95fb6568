//! L3: netfilter. Hooks, tables of rules, connection tracking and address translation.
//!
//! A packet visits a hook with a [`HookView`], plain data about the machine; [`Netfilter::run`] calls what is registered
//! there in the order of the real priorities and returns the verdict together with the steps of the trace. Nothing here
//! knows a device or a route: whoever calls it does.

mod asked;
mod conntrack;
#[cfg(test)]
mod fixtures;
mod ipset;
mod ipvs;
mod nat;
pub mod nft;
mod recent;
mod view;
mod visits;
mod xtables;

use std::net::IpAddr;
use std::sync::Arc;

use crate::base::{Dice, Writer, sort_by};
use crate::trace::{By, Choice, Decision, DropReason, Hook, HookFunction, Stage, Step, Tracked};
use crate::wire::{End, Packet};

pub use conntrack::{ConnId, Connection, Conntrack, CtInfo, CtLookup, CtState, CtView, Direction, TcpState, Tuple};
pub use ipset::{IpSet, IpSets, Part, SetType};
pub use ipvs::{Ipvs, RealServer, SYSCTLS as IPVS_SYSCTLS, Scheduler, ServiceKey, Transmit, VirtualServer};
pub use recent::RecentLists;
pub use view::{AddressType, Facts, Flow, HookView};
pub use xtables::{
    Chain, CtStates, Match, NatRange, Not, Policy, PortRange, PortSide, RecentOp, RejectWith, Rule, Table, TableError,
    TableName, TableVerdict, Target, Walk,
};

use asked::Asked;
use nft::priority::{CONNTRACK, DSTNAT, FILTER, MANGLE, RAW, SRCNAT};
use xtables::{Chance, Changes, walk};

/// What netfilter keeps on one machine.
#[derive(Clone, Debug)]
pub struct Netfilter {
    tables: [Arc<Table>; 4],
    /// Tables of nftables.
    pub nft: nft::Ruleset,
    /// Sets that rules ask.
    pub sets: IpSets,
    /// Connections.
    pub conntrack: Conntrack,
    /// Virtual servers.
    pub ipvs: Ipvs,
    recent: RecentLists,
    counters: Vec<u32>,
}

impl Default for Netfilter {
    fn default() -> Self {
        Self {
            tables: TableName::ALL.map(|name| Arc::new(Table::new(name))),
            nft: nft::Ruleset::default(),
            sets: IpSets::default(),
            conntrack: Conntrack::default(),
            ipvs: Ipvs::default(),
            recent: RecentLists::default(),
            counters: Vec::new(),
        }
    }
}

/// What a hook says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookVerdict {
    /// It goes on.
    Accept,
    /// It ends here.
    Drop,
    /// It ends here, and its sender is told.
    Reject(RejectWith),
    /// IPVS takes it, and sends it to another machine.
    Transmit(Transmit),
}

/// One visit of one packet to one hook, told.
#[derive(Clone, Debug)]
pub struct HookResult {
    /// The verdict.
    pub verdict: HookVerdict,
    /// What was done on the way, in order. Of a packet that ends here the last step is the one that ended it.
    pub steps: Vec<Step>,
    /// The endpoint chosen for a new connection, if one was.
    pub choice: Option<Choice>,
    /// The endpoint of a new connection whose source a rule of kube-proxy has made the node's.
    pub masqueraded: Option<(IpAddr, u16)>,
}

/// The packet at a hook with what goes along with it.
#[derive(Debug)]
pub struct Passing<'a> {
    /// Its bytes.
    pub packet: &'a mut Packet,
    /// Its mark.
    pub mark: &'a mut u32,
    /// Its connection.
    pub ct: &'a mut CtState,
    /// Whether IPVS has had it.
    pub ipvs: &'a mut bool,
}

impl Netfilter {
    /// A table of iptables.
    #[must_use]
    pub fn table(&self, name: TableName) -> &Arc<Table> {
        &self.tables[Self::idx(name)]
    }

    /// A table, to write.
    pub fn table_mut(&mut self, name: TableName) -> &mut Table {
        Arc::make_mut(&mut self.tables[Self::idx(name)])
    }

    /// Checks all tables as they are checked when they are loaded.
    ///
    /// # Errors
    /// The first rule that cannot be, in words.
    pub fn validate(&self) -> Result<(), String> {
        self.tables.iter().try_for_each(|table| table.validate()).map_err(|error| error.to_string())?;
        self.nft.validate().map_err(|error| error.to_string())
    }

    fn idx(name: TableName) -> usize {
        match name {
            TableName::Mangle => 0,
            TableName::Raw => 1,
            TableName::Filter => 2,
            TableName::Nat => 3,
        }
    }

    /// Sends a packet through everything that is registered on a hook, in the order of the priorities.
    pub fn run(&mut self, mut passing: Passing<'_>, view: &HookView, dice: &mut Dice) -> HookResult {
        let mut result =
            HookResult { verdict: HookVerdict::Accept, steps: Vec::new(), choice: None, masqueraded: None };
        for called in self.called(&passing, view.hook) {
            match called {
                Called::Function(HookFunction::Conntrack) => self.track(&mut passing, view, &mut result),
                Called::Function(HookFunction::Nat) => self.nat(&mut passing, view, dice, &mut result),
                Called::Function(HookFunction::Confirm) => self.confirm(&passing, view, &mut result),
                Called::Function(HookFunction::IpvsIn) => self.ip_vs_in(&mut passing, view, dice, &mut result),
                Called::Function(HookFunction::IpvsOut) => self.ip_vs_out(&mut passing, view, &mut result),
                Called::Function(function @ HookFunction::IpvsIcmp) => {
                    self.ip_vs_in_icmp(&mut passing, view, function, &mut result);
                }
                Called::Function(_) | Called::Chain(_) => self.rules(called, &mut passing, view, dice, &mut result),
            }
            if result.verdict != HookVerdict::Accept {
                break;
            }
        }
        result
    }

    /// What is registered on a hook, by priority. Of the same priority a chain of nftables comes first: it is taken for
    /// one that was registered later (net/netfilter/core.c nf_hook_entries_grow).
    fn called(&self, passing: &Passing<'_>, hook: Hook) -> Vec<Called> {
        let chains = self.chains(passing, hook, false);
        if self.ipvs.is_empty() {
            return merged(functions(hook), chains);
        }
        merged(&[functions(hook), ipvs::functions(hook)].concat(), chains)
    }

    fn chains(&self, passing: &Passing<'_>, hook: Hook, nat: bool) -> Vec<nft::Hooked> {
        let ip = if self.nft.is_empty() { None } else { passing.packet.ip_header() };
        ip.map(|ip| self.nft.hooked(hook, ip.src, nat)).unwrap_or_default()
    }

    /// Raw, mangle and filter, and the chains of nftables that translate nothing.
    fn rules(
        &mut self,
        called: Called,
        passing: &mut Passing<'_>,
        view: &HookView,
        dice: &mut Dice,
        result: &mut HookResult,
    ) {
        let Some(asked) = self.ask(called, passing, view, dice) else { return };
        result.verdict = match asked.verdict {
            TableVerdict::Drop => HookVerdict::Drop,
            TableVerdict::Reject(with) => HookVerdict::Reject(with),
            // A table that was validated translates in nat alone.
            _ => HookVerdict::Accept,
        };
        let decision = match result.verdict {
            HookVerdict::Accept => asked.passed(),
            _ => Decision::Drop(DropReason::NetfilterDrop),
        };
        result.steps.push(asked.step(view.hook, decision, passing.packet));
    }

    /// Walks the rules of a table or a chain, and does to the packet what they do to it. `None` if there are none.
    fn ask(&mut self, called: Called, passing: &mut Passing<'_>, view: &HookView, dice: &mut Dice) -> Option<Asked> {
        let mut flow = Flow::new(passing.packet, *passing.mark, self.conntrack.view(*passing.ct))?;
        flow.ipvs = self.virtual_server(&flow, passing, view.now);
        let (changes, asked) = match called {
            Called::Function(function) => {
                let name = table_of(function)?;
                if !self.table(name).says_something_at(view.hook) {
                    return None;
                }
                let table = self.tables[Self::idx(name)].clone();
                // Models get_random_u32() & 0x7FFFFFFF of xt_statistic.
                let mut draw = || dice.word() >> 1;
                let mut chance = Chance {
                    draw: &mut draw,
                    counters: &mut self.counters,
                    recent: &mut self.recent,
                    sets: &self.sets,
                    row: 0,
                    rolls: Vec::new(),
                };
                let (verdict, changes, walk) = walk(&table, view, flow, &mut chance);
                (changes, Asked::xtables(function, verdict, changes, walk))
            }
            Called::Chain(hooked) => {
                let (table, memory) = self.nft.enter(hooked.table);
                let mut chance = nft::Chance { dice, memory, row: 0, n_lookups: 0, rolls: Vec::new() };
                let (verdict, changes, walk) = nft::walk(&table, &hooked.chain, view, flow, &mut chance);
                (changes, Asked::nft(verdict, changes, walk))
            }
        };
        self.apply(changes, passing);
        Some(asked)
    }

    fn apply(&mut self, changes: Changes, passing: &mut Passing<'_>) {
        if let Some(mark) = changes.mark {
            *passing.mark = mark;
        }
        if let (Some(mark), CtState::Tracked { id, .. }) = (changes.connmark, *passing.ct) {
            self.conntrack.get_mut(id).mark = mark;
        }
        if changes.notrack {
            *passing.ct = CtState::Untracked;
        }
    }

    /// Models nf_conntrack_in.
    fn track(&mut self, passing: &mut Passing<'_>, view: &HookView, result: &mut HookResult) {
        // What came through a tunnel or was tracked at a bridge's port is not tracked again.
        if *passing.ct != CtState::None {
            return;
        }
        let before = self.conntrack.snapshot();
        *passing.ct = self.conntrack.enter(passing.packet, view.now);
        let (decision, id) = match *passing.ct {
            CtState::Tracked { id, info, direction } => {
                let is_reply = direction == Direction::Reply;
                let tracked = match info {
                    CtInfo::New => Tracked::New,
                    CtInfo::Established => Tracked::Established { is_reply },
                    CtInfo::Related => Tracked::Related,
                };
                (Decision::Track(tracked), Some(id))
            }
            CtState::Untracked | CtState::None => (Decision::Track(Tracked::Invalid), None),
        };
        let changed = id.filter(|id| {
            let now = self.conntrack.get(*id);
            now.confirmed && {
                let was = before.get(*id);
                (was.seen_reply, was.assured, was.tcp) != (now.seen_reply, now.assured, now.tcp)
            }
        });
        let wrote = changed.map(|id| self.conntrack.written(id, view.now));
        let step = Step::new(Stage::Netfilter(view.hook, HookFunction::Conntrack), decision, passing.packet)
            .consulted(before.consulted(id, view.now))
            .wrote(wrote);
        result.steps.push(step);
    }

    /// Asks table nat and the nat chains about a new connection, and translates the packet. Models nf_nat_inet_fn: each
    /// is asked until one has chosen.
    fn nat(&mut self, passing: &mut Passing<'_>, view: &HookView, dice: &mut Dice, result: &mut HookResult) {
        let (CtState::Tracked { id, info, .. }, Some(end)) = (*passing.ct, nat::end_of(view.hook)) else { return };
        let mut last: Option<Asked> = None;
        if info == CtInfo::New && !nat::is_decided(&self.conntrack, id, end) {
            let priority = if end == End::Destination { DSTNAT } else { SRCNAT };
            let mut verdict = TableVerdict::Accept;
            for called in merged(&[(priority, HookFunction::Nat)], self.chains(passing, view.hook, true)) {
                let Some(asked) = self.ask(called, passing, view, dice) else { continue };
                verdict = asked.verdict;
                if let Some(earlier) = last.replace(asked).filter(|earlier| earlier.n_tried > 0) {
                    result.steps.push(earlier.step(view.hook, earlier.passed(), passing.packet));
                }
                if verdict != TableVerdict::Accept {
                    break;
                }
            }
            let dropped =
                verdict == TableVerdict::Drop || !nat::decide(&mut self.conntrack, id, end, verdict, view, dice);
            if let Some(asked) = last.as_ref().filter(|_| dropped) {
                result.verdict = HookVerdict::Drop;
                let decision = Decision::Drop(DropReason::NetfilterDrop);
                result.steps.push(asked.step(view.hook, decision, passing.packet));
                return;
            }
            if let (TableVerdict::Masquerade(_), Some(true)) = (verdict, last.as_ref().map(Asked::is_of_kube_proxy)) {
                result.masqueraded = Some(self.conntrack.get(id).reply.src);
            }
            if let (TableVerdict::Dnat(_), Some(asked)) = (verdict, &last) {
                let connection = self.conntrack.get(id);
                result.choice = Some(asked.choice(connection.original.dst, connection.reply.src));
            }
        }
        let before = passing.packet.clone();
        let translated = nat::translate(passing.packet, &self.conntrack, *passing.ct, view.hook);
        let decision = match (&translated, &last) {
            (Some(nat::Translated { end, from, to }), _) => {
                let by_rule = last.as_ref().and_then(|asked| asked.chosen(result.choice.as_ref()));
                let by = by_rule.unwrap_or_else(|| {
                    let connection = self.conntrack.get(id);
                    By::Entry { original: connection.original.ends(), reply: connection.reply.ends() }
                });
                Decision::Translate { end: *end, from: *from, to: *to, by }
            }
            (None, Some(asked)) if asked.n_tried > 0 => asked.passed(),
            _ => return,
        };
        let step = match last {
            Some(asked) => asked.step(view.hook, decision, passing.packet),
            // Later packets go by the connection's entry alone.
            None => Step::new(Stage::Netfilter(view.hook, HookFunction::Nat), decision, passing.packet)
                .consulted(self.conntrack.consulted(Some(id), view.now)),
        };
        result.steps.push(step.from(&before));
    }

    /// Models nf_confirm: the first packet of a connection has got through.
    fn confirm(&mut self, passing: &Passing<'_>, view: &HookView, result: &mut HookResult) {
        let CtState::Tracked { id, info: CtInfo::New | CtInfo::Established, .. } = *passing.ct else { return };
        let stage = Stage::Netfilter(view.hook, HookFunction::Confirm);
        match self.conntrack.confirm(id, view.now) {
            Ok(None) => {}
            Ok(Some(written)) => {
                result.steps.push(Step::new(stage, Decision::Confirm, passing.packet).wrote(Some(written)));
            }
            Err(conntrack::Clash) => {
                result.verdict = HookVerdict::Drop;
                result.steps.push(Step::new(stage, Decision::Drop(DropReason::NetfilterDrop), passing.packet));
            }
        }
    }

    /// All tables that somebody has written into, as `iptables-save` prints them; of one table alone if one is named.
    #[must_use]
    pub fn iptables_save(&self, only: Option<TableName>) -> String {
        self.iptables_rows(only).into_iter().map(|(line, _)| line + "\n").collect()
    }

    /// The same line by line, with the writer of each rule.
    #[must_use]
    pub fn iptables_rows(&self, only: Option<TableName>) -> Vec<(String, Option<Writer>)> {
        let wanted = |name: &TableName| only.is_none_or(|only| only == *name) && !self.table(*name).is_empty();
        TableName::ALL.iter().filter(|name| wanted(name)).flat_map(|name| self.table(*name).rows()).collect()
    }
}

/// What a hook calls.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Called {
    Function(HookFunction),
    Chain(nft::Hooked),
}

/// Both lists as one, by priority.
fn merged(functions: &[(i32, HookFunction)], chains: Vec<nft::Hooked>) -> Vec<Called> {
    let mut called: Vec<(i32, Called)> = chains.into_iter().map(|it| (it.priority, Called::Chain(it))).collect();
    called.extend(functions.iter().map(|(priority, function)| (*priority, Called::Function(*function))));
    sort_by(&mut called, |(a, _), (b, _)| a.cmp(b));
    called.into_iter().map(|(_, called)| called).collect()
}

fn table_of(function: HookFunction) -> Option<TableName> {
    match function {
        HookFunction::Raw => Some(TableName::Raw),
        HookFunction::Mangle => Some(TableName::Mangle),
        HookFunction::Nat => Some(TableName::Nat),
        HookFunction::Filter => Some(TableName::Filter),
        _ => None,
    }
}

/// What is registered on a hook from the beginning, with its priority (uapi `linux/netfilter_ipv4.h`).
fn functions(hook: Hook) -> &'static [(i32, HookFunction)] {
    use HookFunction as F;
    match hook {
        Hook::Prerouting => &[(RAW, F::Raw), (CONNTRACK, F::Conntrack), (MANGLE, F::Mangle), (DSTNAT, F::Nat)],
        Hook::Input => &[(MANGLE, F::Mangle), (FILTER, F::Filter), (SRCNAT, F::Nat), (i32::MAX, F::Confirm)],
        Hook::Forward => &[(MANGLE, F::Mangle), (FILTER, F::Filter)],
        Hook::Output => {
            &[(RAW, F::Raw), (CONNTRACK, F::Conntrack), (MANGLE, F::Mangle), (DSTNAT, F::Nat), (FILTER, F::Filter)]
        }
        Hook::Postrouting => &[(MANGLE, F::Mangle), (SRCNAT, F::Nat), (i32::MAX, F::Confirm)],
    }
}
