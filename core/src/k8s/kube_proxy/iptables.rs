//! kube-proxy's iptables mode: the rules of one node.
//!
//! Models pkg/proxy/iptables/proxier.go syncProxyRules: which rules there are, their order inside a chain, their comments;
//! the first sync writes all of them, later ones only the chains of services that have changed, besides the chains that
//! all services share. Services come by name; upstream leaves their order open. Two things are done at once that upstream
//! leaves for later, so that the rules never depend on what was before: chains that nobody uses any more are removed by
//! every sync (upstream: in a large cluster once in `syncPeriod`), and all is written anew when a cluster becomes large or
//! ceases to be (upstream: by the full sync that comes once an hour). Not modelled: rules that only feed metrics
//! (`-m nfacct`), IPv6.

pub(super) mod base;
mod port;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::{ProxyConfig, ServicePorts, Sync};
use crate::base::Writer;
use crate::net::NetNs;
use crate::netfilter::{Rule, Table, TableName, Target};
use port::PortRules;

/// Bit 14 of the mark: the packet's source is to become the node's (`iptables.masqueradeBit`).
pub const MASQUERADE_MARK: u32 = 0x4000;
/// Above so many endpoints the chains of endpoints carry no comments.
const LARGE_CLUSTER: usize = 1000;

const MARK_MASQ: &str = "KUBE-MARK-MASQ";
const SERVICES: &str = "KUBE-SERVICES";
const EXTERNAL_SERVICES: &str = "KUBE-EXTERNAL-SERVICES";
const NODE_PORTS: &str = "KUBE-NODEPORTS";
const POSTROUTING: &str = "KUBE-POSTROUTING";
const FORWARD: &str = "KUBE-FORWARD";
const PROXY_FIREWALL: &str = "KUBE-PROXY-FIREWALL";
const FIREWALL: &str = "KUBE-FIREWALL";
const CANARY: &str = "KUBE-PROXY-CANARY";

/// What kube-proxy has written on a node, so that the next sync knows what to leave alone.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// By name, as the ports came.
    ports: Vec<PortRules>,
    /// Whether the chains of endpoints are without comments; `None` before the first sync.
    is_large: Option<bool>,
    /// Whether the kernel took odd packets of TCP for part of their connections when kube-proxy started.
    is_liberal: bool,
}

/// A chain that all services share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shared {
    NatServices,
    NatNodePorts,
    FilterServices,
    ExternalServices,
    FilterNodePorts,
    ProxyFirewall,
}

impl Shared {
    /// With their tables and names.
    const ALL: [(Self, TableName, &'static str); 6] = [
        (Self::NatServices, TableName::Nat, SERVICES),
        (Self::NatNodePorts, TableName::Nat, NODE_PORTS),
        (Self::FilterServices, TableName::Filter, SERVICES),
        (Self::ExternalServices, TableName::Filter, EXTERNAL_SERVICES),
        (Self::FilterNodePorts, TableName::Filter, NODE_PORTS),
        (Self::ProxyFirewall, TableName::Filter, PROXY_FIREWALL),
    ];
}

/// Makes the rules of a node, whose addresses are `own`, say what `ports` say. What it has done to connections is left out.
pub fn sync(written: &mut Written, ns: &mut NetNs, config: &ProxyConfig, own: &[IpAddr], ports: &ServicePorts) -> Sync {
    let is_large = ports.iter().map(|port| port.endpoints.len()).sum::<usize>() > LARGE_CLUSTER;
    let mut done = Sync { full: written.is_large != Some(is_large), ..Sync::default() };
    if written.is_large.replace(is_large).is_none() {
        written.is_liberal = ns.sysctls.nf_conntrack_tcp_be_liberal;
    }
    let netfilter = &mut ns.netfilter;
    let nat = netfilter.table_mut(TableName::Nat);
    own_chains(written, nat, config, ports, &mut done);
    let mut shared: [Vec<Arc<Rule>>; Shared::ALL.len()] = Default::default();
    shared[Shared::NatServices as usize].reserve(ports.len());
    for (chain, rule) in written.ports.iter().flat_map(|port| &port.captures) {
        shared[*chain as usize].push(rule.clone());
    }
    shared[Shared::NatServices as usize].extend(base::node_ports_jumps(config, own).into_iter().map(Arc::new));
    for ((_, table, chain), rules) in Shared::ALL.into_iter().zip(shared) {
        replace(netfilter.table_mut(table), chain, rules, &mut done);
    }
    let arcs = |rules: &[Rule]| rules.iter().cloned().map(Arc::new).collect::<Vec<Arc<Rule>>>();
    let nat = netfilter.table_mut(TableName::Nat);
    replace(nat, MARK_MASQ, arcs(&[rule(Target::or_mark(MASQUERADE_MARK))]), &mut done);
    replace(nat, POSTROUTING, arcs(&base::postrouting()), &mut done);
    let filter = netfilter.table_mut(TableName::Filter);
    replace(filter, FORWARD, arcs(&base::forward(written.is_liberal)), &mut done);
    if done.full {
        let guard = config.has_localhost_node_ports().then(base::block_localnet);
        replace(filter, FIREWALL, arcs(guard.as_slice()), &mut done);
        base::base_chains_of_filter(filter);
        base::base_chains_of_nat(netfilter.table_mut(TableName::Nat));
        // An empty chain whose loss tells that somebody has flushed the tables.
        for table in [TableName::Mangle, TableName::Nat, TableName::Filter] {
            netfilter.table_mut(table).add_chain(CANARY);
        }
    }
    done
}

/// Writes the chains of services that have changed, and removes those that no service uses any more.
fn own_chains(written: &mut Written, nat: &mut Table, config: &ProxyConfig, ports: &ServicePorts, done: &mut Sync) {
    let mut before = std::mem::take(&mut written.ports).into_iter().peekable();
    let mut stale: BTreeSet<Arc<str>> = BTreeSet::new();
    let is_large = written.is_large == Some(true);
    written.ports.reserve(ports.len());
    for port in ports {
        // Both lists are in the same order: what comes before this port is gone.
        while let Some(gone) = before.next_if(|it| !Arc::ptr_eq(&it.port, port) && it.port.key() < port.key()) {
            stale.extend(gone.chains);
            done.changed.push(gone.port.name.clone());
        }
        let was = before.next_if(|it| Arc::ptr_eq(&it.port, port) || it.port.key() == port.key());
        match was {
            Some(was) if !done.full && (Arc::ptr_eq(&was.port, port) || was.port == *port) => written.ports.push(was),
            was => {
                stale.extend(was.into_iter().flat_map(|was| was.chains));
                done.changed.push(port.name.clone());
                let (rules, chains) = PortRules::new(port, config, is_large);
                for (chain, rules) in chains {
                    stale.remove(&chain);
                    done.count(rules.len());
                    nat.replace(&chain, rules);
                }
                written.ports.push(rules);
            }
        }
    }
    for gone in before {
        stale.extend(gone.chains);
        done.changed.push(gone.port.name.clone());
    }
    stale.iter().for_each(|chain| nat.remove(chain));
    done.deleted_chains.extend(stale);
}

fn replace(table: &mut Table, chain: &str, rules: Vec<Arc<Rule>>, done: &mut Sync) {
    done.count(rules.len());
    table.replace(&chain.into(), rules);
}

fn rule(target: Target) -> Rule {
    Rule::new(Writer::KubeProxy, target)
}
