//! What rules said of a packet, whichever tables they stand in.

use std::net::IpAddr;
use std::sync::Arc;

use super::xtables::Changes;
use super::{NatRange, Rule, TableVerdict, Target, Walk, nft};
use crate::base::{ServiceNote, Writer};
use crate::trace::{By, Choice, Chosen, Consulted, Decision, Draw, Hook, HookFunction, Stage, Step};
use crate::wire::Packet;

/// One walk through rules, and what the trace wants to know of it.
#[derive(Debug)]
pub(super) struct Asked {
    function: HookFunction,
    /// The table; of nftables the base chain with it.
    table: Arc<str>,
    pub verdict: TableVerdict,
    mark: Option<u32>,
    untracked: bool,
    pub n_tried: usize,
    /// Chain and number of the rule that decided.
    place: Option<(Arc<str>, usize)>,
    /// The service that they were written for, last.
    service: Option<Arc<ServiceNote>>,
    draws: Vec<Draw>,
    /// Whether kube-proxy marked the packet for masquerade.
    masqueraded: bool,
    /// Who wrote the rule that decided.
    writer: Option<Writer>,
    /// Of a translated destination all that it could have been.
    destinations: Vec<(NatRange, f64)>,
    walk: Arc<dyn Consulted>,
}

impl Asked {
    pub(super) fn xtables(function: HookFunction, verdict: TableVerdict, changes: Changes, walk: Walk) -> Self {
        let marks = |rule: &Rule| rule.writer == Writer::KubeProxy && matches!(rule.target, Target::Mark { .. });
        let masqueraded = walk.matched_rules().any(marks);
        Self {
            function,
            table: walk.table_name().as_str().into(),
            verdict,
            mark: changes.mark,
            untracked: changes.notrack,
            n_tried: walk.n_tried(),
            place: walk.deciding_place(),
            service: walk.matched_rules().filter_map(|rule| rule.service.clone()).last(),
            draws: walk.draws(),
            masqueraded,
            writer: walk.matched_rules().last().map(|rule| rule.writer),
            destinations: if matches!(verdict, TableVerdict::Dnat(_)) { walk.destinations() } else { Vec::new() },
            walk: Arc::new(walk),
        }
    }

    pub(super) fn nft(verdict: TableVerdict, changes: Changes, walk: nft::Walk) -> Self {
        let marks = |rule: &nft::Rule| {
            let sets_mark = rule.statements.iter().any(|it| matches!(it, nft::Statement::SetMark(_)));
            rule.writer == Writer::KubeProxy && sets_mark
        };
        let masqueraded = walk.matched_rules().any(marks);
        Self {
            function: HookFunction::Nft,
            table: walk.title().into(),
            verdict,
            mark: changes.mark,
            untracked: changes.notrack,
            n_tried: walk.n_tried(),
            place: walk.deciding_place(),
            service: walk.service().cloned(),
            draws: walk.draws(),
            masqueraded,
            writer: walk.matched_rules().last().map(|rule| rule.writer),
            destinations: if matches!(verdict, TableVerdict::Dnat(_)) { walk.destinations() } else { Vec::new() },
            walk: Arc::new(walk),
        }
    }

    /// Whether a rule of kube-proxy decided.
    pub(super) fn is_of_kube_proxy(&self) -> bool {
        self.writer == Some(Writer::KubeProxy)
    }

    /// That the rules let the packet through.
    pub(super) fn passed(&self) -> Decision {
        let (n_tried, mark, untracked) = (self.n_tried, self.mark, self.untracked);
        Decision::RulesPassed { table: self.table.clone(), n_tried, mark, untracked }
    }

    pub(super) fn step(&self, hook: Hook, decision: Decision, packet: &Packet) -> Step {
        let mut step = Step::new(Stage::Netfilter(hook, self.function), decision, packet);
        // Rules that only pass a packet on decide nothing about a service.
        step.service = self.service.clone().filter(|_| !matches!(step.decision, Decision::RulesPassed { .. }));
        step.consulted.push(self.walk.clone());
        step
    }

    /// The rule that translates, and how it came to its choice.
    pub(super) fn chosen(&self, choice: Option<&Choice>) -> Option<By> {
        let (chain, number) = self.place.clone()?;
        let endpoint = choice.and_then(|choice| {
            let at = choice.destinations.iter().position(|(to, _)| *to == choice.chosen)?;
            Some((at + 1, choice.destinations.len()))
        });
        Some(By::Rule(Chosen { chain, number, endpoint, draws: self.draws.clone() }))
    }

    /// The endpoint chosen for a connection to `original`, and those that could have been.
    pub(super) fn choice(&self, original: (IpAddr, u16), chosen: (IpAddr, u16)) -> Choice {
        let endpoint = |range: &NatRange| {
            let ip = range.addresses.map_or(original.0, |(first, _)| first);
            (ip, range.ports.map_or(original.1, |(first, _)| first))
        };
        Choice {
            destinations: self.destinations.iter().map(|(range, share)| (endpoint(range), *share)).collect(),
            chosen,
            masqueraded: self.masqueraded,
        }
    }
}
