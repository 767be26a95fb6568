//! kube-proxy's nftables mode: the table `ip kube-proxy` of one node.
//!
//! Models pkg/proxy/nftables/proxier.go syncProxyRules. The first sync writes the whole table, later ones the chains of the
//! ports that have changed and the elements that have. Where upstream leaves an order open, chains and sets stand by name.
//! Chains that nothing leads to any more go in the same sync: upstream empties them, and deletes them with the next sync
//! that comes at least a second later. Not modelled: IPv6, metrics, a kernel that refuses.

mod base;
mod port;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::{ProxyConfig, ServicePort, ServicePorts, Sync};
use crate::net::NetNs;
use crate::netfilter::nft::{Element, Family, Ruleset, Span, Table};
use port::Port;

/// The table's name.
pub const TABLE: &str = "kube-proxy";

/// What kube-proxy has written on a node, so that the next sync knows what to leave alone.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The service ports of the last sync.
    ports: Option<ServicePorts>,
}

/// A map or set whose elements services have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    ClusterIps,
    ServiceIps,
    NoEndpointServices,
    FirewallIps,
    ServiceNodePorts,
    NoEndpointNodePorts,
}

impl Holder {
    fn name(self) -> &'static str {
        match self {
            Self::ClusterIps => "cluster-ips",
            Self::ServiceIps => "service-ips",
            Self::NoEndpointServices => "no-endpoint-services",
            Self::FirewallIps => "firewall-ips",
            Self::ServiceNodePorts => "service-nodeports",
            Self::NoEndpointNodePorts => "no-endpoint-nodeports",
        }
    }
}

/// Where an element is.
type Slot = (Holder, Vec<Span>);

/// Makes the table say what `ports` say, on a node whose addresses are `own`. What it has done to connections is left out.
pub fn sync(written: &mut Written, ns: &mut NetNs, config: &ProxyConfig, own: &[IpAddr], ports: &ServicePorts) -> Sync {
    let nft = &mut ns.netfilter.nft;
    // Somebody may have thrown the table away.
    match written.ports.replace(ports.clone()).filter(|_| nft.table(Family::Ip, TABLE).is_some()) {
        Some(last) => change(nft, config, own, &last, ports),
        None => write(nft, config, own, ports),
    }
}

/// Writes the whole table.
fn write(nft: &mut Ruleset, config: &ProxyConfig, own: &[IpAddr], ports: &ServicePorts) -> Sync {
    nft.remove_table(Family::Ip, TABLE);
    let table = nft.table_mut(Family::Ip, TABLE);
    base::set_up(table, config, own);
    let mut done = Sync { full: true, ..Sync::default() };
    table.chains().iter().for_each(|chain| done.count(chain.rules().len()));
    for port in ports {
        let rules = Port::new(port, config);
        put_chains(table, &rules, &mut done);
        for ((holder, key), element) in rules.elements() {
            insert(table, holder, key, element, &mut done);
        }
        done.changed.push(port.name.clone());
    }
    done
}

/// Changes what is different between two syncs.
fn change(nft: &mut Ruleset, config: &ProxyConfig, own: &[IpAddr], last: &ServicePorts, ports: &ServicePorts) -> Sync {
    let mut done = Sync::default();
    let (gone, come) = differences(last, ports, &mut done);
    let gone: Vec<Port> = gone.into_iter().map(|port| Port::new(port, config)).collect();
    let come: Vec<Port> = come.into_iter().map(|port| Port::new(port, config)).collect();
    let names = |ports: &[Port]| {
        let (mut chains, mut sets) = (BTreeSet::new(), BTreeSet::new());
        for (of_port, affinity) in ports.iter().map(Port::chains) {
            chains.extend(of_port.into_iter().map(|(name, _)| name));
            sets.extend(affinity.into_iter().map(|(name, _)| name));
        }
        (chains, sets)
    };
    let ((old_chains, old_sets), (new_chains, new_sets)) = (names(&gone), names(&come));
    // A set that stays keeps the clients that it knows.
    old_sets.difference(&new_sets).for_each(|set| nft.remove_set(Family::Ip, TABLE, set));
    let table = nft.table_mut(Family::Ip, TABLE);
    for chain in old_chains.difference(&new_chains) {
        table.remove_chain(chain);
        done.deleted_chains.push(chain.clone());
    }
    come.iter().for_each(|port| put_chains(table, port, &mut done));
    change_elements(table, config, &gone, &come, ports, &mut done);
    if let Some(set) = base::node_port_ips(config, own).filter(|set| table.set(base::NODE_PORT_IPS) != Some(set)) {
        table.add_set(base::NODE_PORT_IPS, set);
    }
    done
}

/// Makes the elements true that ports have lost or got. Of two ports that want the same element the one that comes later
/// has it, so whoever else may want one of them is asked again.
fn change_elements(
    table: &mut Table,
    config: &ProxyConfig,
    gone: &[Port<'_>],
    come: &[Port<'_>],
    ports: &ServicePorts,
    done: &mut Sync,
) {
    let by_slot = |ports: &[Port]| {
        let mut found: BTreeMap<Slot, Vec<Element>> = BTreeMap::new();
        for (slot, element) in ports.iter().flat_map(Port::elements) {
            found.entry(slot).or_default().push(element);
        }
        found
    };
    let (mut old, mut slots) = (by_slot(gone), BTreeSet::new());
    for (slot, elements) in by_slot(come) {
        if old.remove(&slot) != Some(elements) {
            slots.insert(slot);
        }
    }
    slots.extend(old.into_keys());
    if slots.is_empty() {
        return;
    }
    for (holder, key) in &slots {
        if let Some(set) = table.set_mut(holder.name()) {
            set.remove(key);
        }
    }
    let firsts: BTreeSet<Span> = slots.iter().filter_map(|(_, key)| key.first().copied()).collect();
    let lasts: BTreeSet<Span> = slots.iter().filter_map(|(_, key)| key.last().copied()).collect();
    for port in ports {
        let is_there = |ip: &IpAddr| firsts.contains(&Span::ip(*ip));
        let may_have_one = is_there(&port.cluster_ip)
            || port.external_ips.iter().chain(&port.load_balancer_ips).any(is_there)
            || port.node_port.is_some_and(|node_port| lasts.contains(&Span::one(node_port)));
        let elements = if may_have_one { Port::new(port, config).elements() } else { Vec::new() };
        for ((holder, key), element) in elements.into_iter().filter(|(slot, _)| slots.contains(slot)) {
            insert(table, holder, key, element, done);
        }
    }
}

/// The ports of before that are no more, and those that were not there before. Both lists are in the same order.
fn differences<'a>(
    last: &'a ServicePorts,
    ports: &'a ServicePorts,
    done: &mut Sync,
) -> (Vec<&'a Arc<ServicePort>>, Vec<&'a Arc<ServicePort>>) {
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    let is_same = |a: &Arc<ServicePort>, b: &Arc<ServicePort>| a.key() == b.key();
    let mut old = last.chunk_by(is_same).peekable();
    let mut new = ports.chunk_by(is_same).peekable();
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some([a, ..]), Some([b, ..])) if Arc::ptr_eq(a, b) => Ordering::Equal,
            (Some([a, ..]), Some([b, ..])) => a.key().cmp(&b.key()),
            (Some(_), _) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return (gone, come),
        };
        let was = if order.is_le() { old.next().unwrap_or_default() } else { &[] };
        let is = if order.is_ge() { new.next().unwrap_or_default() } else { &[] };
        let stays = |(was, is): (&Arc<ServicePort>, &Arc<ServicePort>)| Arc::ptr_eq(was, is) || was == is;
        if was.len() != is.len() || !was.iter().zip(is).all(stays) {
            done.changed.extend(was.iter().chain(is).next().map(|port| port.name.clone()));
            gone.extend(was);
            come.extend(is);
        }
    }
}

fn put_chains(table: &mut Table, port: &Port<'_>, done: &mut Sync) {
    let (chains, sets) = port.chains();
    sets.into_iter().for_each(|(name, set)| table.put_set(name, set));
    for (name, rules) in chains {
        done.count(rules.len());
        table.put_chain(name, rules);
    }
}

fn insert(table: &mut Table, holder: Holder, key: Vec<Span>, element: Element, done: &mut Sync) {
    if let Some(set) = table.set_mut(holder.name()) {
        set.insert(key, element);
        done.n_rules += 1;
    }
}
