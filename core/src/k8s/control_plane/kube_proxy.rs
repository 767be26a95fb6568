//! kube-proxy on every node: from what it has heard of services to the rules of its node.
//!
//! Models pkg/proxy's sync loop and k8s.io/kubernetes/pkg/util/async.BoundedFrequencyRunner. All nodes hear of a change in
//! the same moment, so that they write in the same moment too. In a cluster of more than [`MAX_TOLD`] nodes only those
//! that a packet has come by are told of one by one: the tables of the others are made from the newest state when somebody
//! first needs them.

use std::sync::Arc;
use std::time::Duration;

use super::rows::{self, Rows};
use super::{ControlPlane, NodeAgents, Turn, delays};
use crate::base::{Instant, Writer};
use crate::k8s::kube_proxy::{self, ProxyMode};
use crate::net::{Bpf, Topology};
use crate::netfilter::{Chain, Netfilter, Rule, Table, TableName};
use crate::trace::{Component, Work, Written};

/// Nodes of which a trace tells one by one.
const MAX_TOLD: usize = 16;

/// When kube-proxy may write: a bucket of as many syncs as it may do at once, which fills with time.
#[derive(Clone, Debug)]
pub(super) struct Frequency {
    min_sync: Duration,
    /// When the last sync was, and how much time had been saved up after it.
    last: Option<Instant>,
    saved: Duration,
}

impl Frequency {
    pub(super) fn new(mode: ProxyMode) -> Self {
        let min_sync = if mode == ProxyMode::Ipvs { Duration::ZERO } else { delays::MIN_SYNC };
        Self { min_sync, last: None, saved: min_sync * delays::BURST_SYNCS }
    }

    fn saved_at(&self, now: Instant) -> Duration {
        let since = self.last.map_or(Duration::ZERO, |last| now - last);
        (self.saved + since).min(self.min_sync * delays::BURST_SYNCS)
    }

    /// The first moment from `wanted` on in which it may write.
    pub(super) fn next(&self, wanted: Instant) -> Instant {
        match self.last {
            Some(last) if self.saved_at(wanted) < self.min_sync => wanted.max(last + self.min_sync),
            _ => wanted,
        }
    }

    fn write(&mut self, now: Instant) {
        self.saved = self.saved_at(now).saturating_sub(self.min_sync);
        self.last = Some(now);
    }
}

impl ControlPlane {
    pub(super) fn sync_proxies(&mut self, turn: &mut Turn<'_>) {
        self.frequency.write(turn.now);
        let Some(ports) = self.nodes.first().map(|node| node.ports.clone()) else { return };
        let (heard, unheard): (Vec<_>, Vec<_>) = self.unsynced.drain(..).partition(|(at, _)| *at <= turn.now);
        self.unsynced = unheard;
        let heard = heard.into_iter().map(|(_, service)| service).collect();
        let ports = Arc::new(kube_proxy::updated_ports(&ports, self.store.objects(), &heard));
        let now = turn.now;
        self.sync_nodes(Component::KubeProxy, turn, |agents, topo| {
            if agents.is_stopped {
                return Some((Vec::new(), Work::Nothing));
            }
            agents.ports = ports.clone();
            if topo.defer_instead(agents.ns, agents.unfinished()) {
                return None;
            }
            let proxier = agents.live.get_or_insert_with(|| agents.synced.get().cloned());
            let before = topo.ns(agents.ns).clone();
            let done = proxier.as_mut()?.sync(topo.ns_mut(agents.ns), &ports);
            let mut written = changed_rules(&before.netfilter, &topo.ns(agents.ns).netfilter, now);
            let forgotten = || done.conntrack.iter().filter(|connection| connection.expires > now);
            let n_forgotten = forgotten().count();
            let n_rows = written.len();
            written.extend(forgotten().map(|connection| Written {
                command: "conntrack -L".to_owned(),
                text: format!("Deleted {}", connection.print(now)),
                writer: Writer::KubeProxy,
            }));
            Some((written, Work::Sync { n_rows, n_forgotten, n_others: 0 }))
        });
    }

    /// Does on every node what its program does: the rows that it changes, or `None` where the node's tables are not made
    /// yet, which are then made from what the program knows.
    pub(super) fn sync_nodes(
        &mut self,
        component: Component,
        turn: &mut Turn<'_>,
        mut sync: impl FnMut(&mut NodeAgents, &mut Topology) -> Option<(Vec<Written>, Work)>,
    ) {
        let about = turn.woken_by.as_ref().map(|woken_by| woken_by.object.to_string()).unwrap_or_default();
        let tells_all = self.nodes.len() <= MAX_TOLD;
        let mut done = Vec::new();
        for agents in &mut self.nodes {
            if tells_all {
                turn.topo.finish(agents.ns);
            }
            done.push((agents.net.place.clone(), sync(agents, turn.topo)));
        }
        let n_untold = done.iter().filter(|(_, told)| told.is_none()).count();
        let mut untold = Some(Work::Sync { n_rows: 0, n_forgotten: 0, n_others: n_untold.saturating_sub(1) });
        for (at, told) in done {
            let Some((written, work)) = told.or_else(|| Some((Vec::new(), untold.take()?))) else { continue };
            self.record(turn, &at, component, &about, work, written);
        }
    }
}

/// Rules, sets and virtual servers that went or came. Chains that nobody has touched are the same allocation.
fn changed_rules(before: &Netfilter, after: &Netfilter, now: Instant) -> Vec<Written> {
    let mut written = Vec::new();
    for name in TableName::ALL {
        let command = format!("iptables-save -t {}", name.as_str());
        let (was, is) = (before.table(name), after.table(name));
        let rows = |table: &Table, other: &Table| {
            let is_new = |chain: &&Arc<Chain>| other.chain(chain.name()).is_none_or(|it| it.rules() != chain.rules());
            let chains = table.chains().iter().filter(is_new);
            let of_chain = |chain: &Arc<Chain>| -> Rows {
                let line = |rule: &Arc<Rule>| (command.clone(), format!("-A {} {rule}", chain.name()), rule.writer);
                chain.rules().iter().map(line).collect()
            };
            chains.flat_map(of_chain).collect()
        };
        written.extend(rows::compare(rows(was, is), rows(is, was)));
    }
    let rows = |netfilter: &Netfilter| {
        let row = |(text, writer): (String, Option<Writer>)| Some(("nft list ruleset".to_owned(), text, writer?));
        let nft = netfilter.nft.rows(now).into_iter().filter_map(row);
        let ipvs = netfilter.ipvs.save().into_iter();
        let sets = netfilter.sets.save();
        let sets = sets.lines().map(|line| ("ipset save".to_owned(), line.to_owned(), Writer::KubeProxy));
        nft.chain(ipvs.map(|(text, writer)| ("ipvsadm-save -n".to_owned(), text, writer))).chain(sets).collect()
    };
    written.extend(rows::compare(rows(before), rows(after)));
    written
}

/// Rows of Cilium's maps that went or came.
pub(super) fn changed_maps(before: Option<&Bpf>, after: Option<&Bpf>) -> Vec<Written> {
    let rows = |bpf: Option<&Bpf>| {
        let row = |command: &str, text| (command.to_owned(), text, Writer::Cni);
        let ipcache = bpf.into_iter().flat_map(|bpf| bpf.ipcache.rows());
        let lb = bpf.into_iter().flat_map(|bpf| bpf.lb.rows());
        let ipcache = ipcache.map(|it| row("cilium bpf ipcache list", it.to_string()));
        ipcache.chain(lb.map(|it| row("cilium bpf lb list", it.to_string()))).collect()
    };
    rows::compare(rows(before), rows(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When kube-proxy writes if it is asked at these moments, in milliseconds.
    fn writes(mode: ProxyMode, wanted: &[u64]) -> Vec<u64> {
        let mut frequency = Frequency::new(mode);
        let mut write = |wanted: &u64| {
            let at = frequency.next(Instant::START + Duration::from_millis(*wanted));
            frequency.write(at);
            (at - Instant::START).as_millis().try_into().unwrap()
        };
        wanted.iter().map(&mut write).collect()
    }

    #[test]
    fn two_syncs_may_follow_each_other_and_the_next_waits_for_a_second() {
        for mode in [ProxyMode::Iptables, ProxyMode::Nftables] {
            assert_eq!(writes(mode, &[0, 10, 20, 1015]), [0, 10, 1010, 2010], "{mode:?}");
        }
    }

    #[test]
    fn two_quiet_seconds_save_up_two_syncs_and_no_more() {
        assert_eq!(writes(ProxyMode::Iptables, &[0, 10, 9000, 9010, 9020]), [0, 10, 9000, 9010, 10_010]);
        assert_eq!(writes(ProxyMode::Iptables, &[0, 10, 1500, 1510]), [0, 10, 1500, 2500]);
    }

    #[test]
    fn ipvs_never_waits() {
        assert_eq!(writes(ProxyMode::Ipvs, &[0, 1, 2, 3]), [0, 1, 2, 3]);
    }
}
