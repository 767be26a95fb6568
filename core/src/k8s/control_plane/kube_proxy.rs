//! kube-proxy on every node: from what it has heard of services to the rules of its node.
//!
//! Models pkg/proxy's sync loop and k8s.io/kubernetes/pkg/util/async.BoundedFrequencyRunner. All nodes hear of a change in
//! the same moment, so that they write in the same moment too. In a cluster of more than [`MAX_TOLD`] nodes only those
//! that a packet has come by are told of one by one: the tables of the others are made from the newest state when somebody
//! first needs them.

use std::sync::Arc;
use std::time::Duration;

use super::{ControlPlane, NodeAgents, Turn, delays, rows};
use crate::base::{Instant, Writer};
use crate::k8s::kube_proxy::{self, ProxyMode};
use crate::net::{Bpf, NetNs, Topology};
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
        let ports = Arc::new(kube_proxy::service_ports(self.store.objects()));
        let now = turn.now;
        self.sync_nodes(Component::KubeProxy, turn, |agents, topo| {
            agents.ports = ports.clone();
            if topo.defer_instead(agents.ns, agents.unfinished()) {
                return None;
            }
            let proxier = agents.live.get_or_insert_with(|| agents.synced.get().cloned());
            let before = topo.ns(agents.ns).clone();
            proxier.as_mut()?.sync(topo.ns_mut(agents.ns), &ports);
            Some(changed_rules(&before, topo.ns(agents.ns), now))
        });
    }

    /// Does on every node what its program does: the rows that it changes, or `None` where the node's tables are not made
    /// yet, which are then made from what the program knows.
    pub(super) fn sync_nodes(
        &mut self,
        component: Component,
        turn: &mut Turn<'_>,
        mut sync: impl FnMut(&mut NodeAgents, &mut Topology) -> Option<Vec<Written>>,
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
        let n_untold = done.iter().filter(|(_, written)| written.is_none()).count();
        let mut n_others = Some(n_untold.saturating_sub(1));
        for (at, written) in done {
            let work = match (&written, n_others) {
                (Some(written), _) => Work::Sync { n_rows: written.len(), n_others: 0 },
                (None, Some(n)) => {
                    n_others = None;
                    Work::Sync { n_rows: 0, n_others: n }
                }
                (None, None) => continue,
            };
            self.record(turn, &at, component, &about, work, written.unwrap_or_default());
        }
    }
}

/// Rules that went or came.
fn changed_rules(before: &NetNs, after: &NetNs, now: Instant) -> Vec<Written> {
    let rows = |ns: &NetNs| {
        let rules = ns.netfilter.iptables_rows(None).into_iter().map(|(text, writer)| ("iptables-save", text, writer));
        let nft = ns.netfilter.nft.rows(now).into_iter().map(|(text, writer)| ("nft list ruleset", text, writer));
        let of_writer =
            |(command, text, writer): (&'static str, String, Option<Writer>)| Some((command, text, writer?));
        rules.chain(nft).filter_map(of_writer).collect()
    };
    rows::compare(rows(before), rows(after))
}

/// Rows of Cilium's maps that went or came.
pub(super) fn changed_maps(before: Option<&Bpf>, after: Option<&Bpf>) -> Vec<Written> {
    let rows = |bpf: Option<&Bpf>| {
        let row = |command, text| (command, text, Writer::Cni);
        let ipcache = bpf.into_iter().flat_map(|bpf| bpf.ipcache.rows());
        let lb = bpf.into_iter().flat_map(|bpf| bpf.lb.rows());
        let ipcache = ipcache.map(|it| row("cilium bpf ipcache list", it.to_string()));
        ipcache.chain(lb.map(|it| row("cilium bpf lb list", it.to_string()))).collect()
    };
    rows::compare(rows(before), rows(after))
}
