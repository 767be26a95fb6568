//! L3: netfilter. Hooks, tables of rules, connection tracking and address translation.
//!
//! A packet visits a hook with a [`HookView`], plain data about the machine; [`Netfilter::run`] calls what is registered
//! there in the order of the real priorities and returns the verdict together with the steps of the trace. Nothing here
//! knows a device or a route: whoever calls it does.

mod conntrack;
mod ipset;
mod nat;
mod recent;
mod view;
mod xtables;

use std::sync::Arc;

use crate::base::{Dice, Writer};
use crate::trace::{Choice, Decision, DropReason, Hook, HookFunction, Stage, Step, Tracked};
use crate::wire::Packet;

pub use conntrack::{ConnId, Connection, Conntrack, CtInfo, CtLookup, CtState, CtView, Direction, TcpState, Tuple};
pub use ipset::{IpSet, IpSets, Part, SetType};
pub use recent::RecentLists;
pub use view::{AddressType, Facts, Flow, HookView};
pub use xtables::{
    Chain, CtStates, Match, NatRange, Not, Policy, PortRange, PortSide, RecentOp, RejectWith, Rule, Table, TableError,
    TableName, TableVerdict, Target, Walk,
};

use xtables::{Chance, Changes, walk};

/// What netfilter keeps on one machine.
#[derive(Clone, Debug)]
pub struct Netfilter {
    tables: [Arc<Table>; 4],
    /// Sets that rules ask.
    pub sets: IpSets,
    /// Connections.
    pub conntrack: Conntrack,
    recent: RecentLists,
    counters: Vec<u32>,
}

impl Default for Netfilter {
    fn default() -> Self {
        Self {
            tables: TableName::ALL.map(|name| Arc::new(Table::new(name))),
            sets: IpSets::default(),
            conntrack: Conntrack::default(),
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

    fn idx(name: TableName) -> usize {
        match name {
            TableName::Mangle => 0,
            TableName::Raw => 1,
            TableName::Filter => 2,
            TableName::Nat => 3,
        }
    }

    /// Sends a packet through everything that is registered on a hook, in the order of `enum nf_ip_hook_priorities`.
    pub fn run(&mut self, mut passing: Passing<'_>, view: &HookView, dice: &mut Dice) -> HookResult {
        let mut result = HookResult { verdict: HookVerdict::Accept, steps: Vec::new(), choice: None };
        for function in functions(view.hook) {
            match function {
                HookFunction::Raw => self.rules(TableName::Raw, &mut passing, view, dice, &mut result),
                HookFunction::Mangle => self.rules(TableName::Mangle, &mut passing, view, dice, &mut result),
                HookFunction::Filter => self.rules(TableName::Filter, &mut passing, view, dice, &mut result),
                HookFunction::Conntrack => self.track(&mut passing, view, &mut result),
                HookFunction::Nat => self.nat(&mut passing, view, dice, &mut result),
                HookFunction::Confirm => self.confirm(&passing, view, &mut result),
            }
            if result.verdict != HookVerdict::Accept {
                break;
            }
        }
        result
    }

    /// Raw, mangle and filter.
    fn rules(
        &mut self,
        name: TableName,
        passing: &mut Passing<'_>,
        view: &HookView,
        dice: &mut Dice,
        result: &mut HookResult,
    ) {
        if !self.table(name).says_something_at(view.hook) {
            return;
        }
        let Some((verdict, changes, walk)) = self.walk(name, passing, view, dice) else { return };
        self.apply(changes, passing);
        result.verdict = match verdict {
            TableVerdict::Drop => HookVerdict::Drop,
            TableVerdict::Reject(with) => HookVerdict::Reject(with),
            // A table that was validated translates in nat alone.
            _ => HookVerdict::Accept,
        };
        let decision = match result.verdict {
            HookVerdict::Accept => {
                Decision::RulesPassed { table: name.as_str(), n_tried: walk.n_tried(), mark: changes.mark }
            }
            HookVerdict::Drop | HookVerdict::Reject(_) => Decision::Drop(DropReason::NetfilterDrop),
        };
        let stage = Stage::Netfilter(view.hook, function_of(name));
        result.steps.push(Step::new(stage, decision, passing.packet).consulted(walk));
    }

    fn walk(
        &mut self,
        name: TableName,
        passing: &Passing<'_>,
        view: &HookView,
        dice: &mut Dice,
    ) -> Option<(TableVerdict, Changes, Walk)> {
        let flow = Flow::new(passing.packet, *passing.mark, self.conntrack.view(*passing.ct))?;
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
        Some(walk(&table, view, flow, &mut chance))
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

    /// Asks table nat about a new connection, and translates the packet. Models nf_nat_inet_fn.
    fn nat(&mut self, passing: &mut Passing<'_>, view: &HookView, dice: &mut Dice, result: &mut HookResult) {
        let (CtState::Tracked { id, info, .. }, Some(end)) = (*passing.ct, nat::end_of(view.hook)) else { return };
        let stage = Stage::Netfilter(view.hook, HookFunction::Nat);
        let mut asked = None;
        if info == CtInfo::New && !nat::is_decided(&self.conntrack, id, end) {
            let Some((verdict, changes, walk)) = self.walk(TableName::Nat, passing, view, dice) else { return };
            self.apply(changes, passing);
            let dropped =
                verdict == TableVerdict::Drop || !nat::decide(&mut self.conntrack, id, end, verdict, view, dice);
            if dropped {
                result.verdict = HookVerdict::Drop;
                let decision = Decision::Drop(DropReason::NetfilterDrop);
                result.steps.push(Step::new(stage, decision, passing.packet).consulted(walk));
                return;
            }
            if matches!(verdict, TableVerdict::Dnat(_)) {
                result.choice = Some(self.choice(id, &walk));
            }
            asked = Some((walk, changes.mark));
        }
        let before = passing.packet.clone();
        let translated = nat::translate(passing.packet, &self.conntrack, *passing.ct, view.hook);
        let decision = match (&translated, &asked) {
            (Some(nat::Translated { end, from, to }), _) => {
                let (rule, says) = asked.as_ref().map_or((None, None), |(walk, _)| {
                    let says = walk.matched_rules().filter_map(comment).last();
                    (walk.deciding_place(), says)
                });
                Decision::Translate { end: *end, from: *from, to: *to, rule, says }
            }
            (None, Some((walk, mark))) if !walk.is_empty() => {
                Decision::RulesPassed { table: "nat", n_tried: walk.n_tried(), mark: *mark }
            }
            _ => return,
        };
        let mut step = Step::new(stage, decision, passing.packet).from(&before);
        step = match asked {
            Some((walk, _)) => step.consulted(walk),
            // Later packets go by the connection's entry alone.
            None => step.consulted(self.conntrack.consulted(Some(id), view.now)),
        };
        result.steps.push(step);
    }

    fn choice(&self, id: ConnId, walk: &Walk) -> Choice {
        let connection = self.conntrack.get(id);
        let original = connection.original.dst;
        let endpoint = |range: &NatRange| {
            let ip = range.addresses.map_or(original.0, |(first, _)| first);
            (ip, range.ports.map_or(original.1, |(first, _)| first))
        };
        let marks = |rule: &Rule| rule.writer == Writer::KubeProxy && matches!(rule.target, Target::Mark { .. });
        Choice {
            destinations: walk.destinations().iter().map(|(range, share)| (endpoint(range), *share)).collect(),
            chosen: connection.reply.src,
            masqueraded: walk.matched_rules().any(marks),
        }
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

fn comment(rule: &Rule) -> Option<Arc<str>> {
    rule.matches.iter().find_map(|one| match one {
        Match::Comment(text) => Some(text.clone()),
        _ => None,
    })
}

fn function_of(name: TableName) -> HookFunction {
    match name {
        TableName::Raw => HookFunction::Raw,
        TableName::Mangle => HookFunction::Mangle,
        TableName::Nat => HookFunction::Nat,
        TableName::Filter => HookFunction::Filter,
    }
}

/// What is registered on a hook, by priority (uapi `linux/netfilter_ipv4.h`): raw -300, conntrack -200, mangle -150,
/// destination NAT -100, filter 0, source NAT 100, confirmation last.
fn functions(hook: Hook) -> &'static [HookFunction] {
    use HookFunction as F;
    match hook {
        Hook::Prerouting => &[F::Raw, F::Conntrack, F::Mangle, F::Nat],
        Hook::Input => &[F::Mangle, F::Filter, F::Nat, F::Confirm],
        Hook::Forward => &[F::Mangle, F::Filter],
        Hook::Output => &[F::Raw, F::Conntrack, F::Mangle, F::Nat, F::Filter],
        Hook::Postrouting => &[F::Mangle, F::Nat, F::Confirm],
    }
}
