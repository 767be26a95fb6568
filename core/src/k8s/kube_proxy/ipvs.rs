//! kube-proxy's IPVS mode: virtual servers, the addresses that make their packets local, sets, and a few rules that ask
//! them.
//!
//! Models pkg/proxy/ipvs/proxier.go syncProxyRules and graceful_termination.go: the first sync writes everything, later
//! ones what services that have changed had and have. Upstream leaves the order of real servers, addresses and elements
//! open; here they are sorted, and of two services that claim one address and port the later by name has it. A real
//! server that goes while TCP connections lead to it stays with weight 0 until a sync finds it without (upstream looks once
//! a minute). Not modelled: IPv6, `excludeCIDRs`, `strictARP`, timeouts of its own.

mod port;
mod rules;
mod sets;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::{ProxyConfig, ServicePort, ServicePorts, Sync};
use crate::base::Writer;
use crate::net::{InterfaceKind, NetNs};
use crate::netfilter::{Part, RealServer, ServiceKey, VirtualServer};
use port::{Entries, Node};
use sets::Set;

/// The device whose only purpose is to have the addresses of services.
const DEVICE: &str = "kube-ipvs0";
/// Its MTU, which no packet meets.
const MTU: usize = 1500;
/// IP protocol number of TCP.
const TCP: u8 = 6;

/// What kube-proxy has written on a node, so that the next sync knows what to leave alone.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    ports: ServicePorts,
    /// The node's own addresses; `None` before the first sync.
    node: Option<Node>,
    /// Elements that more than one service has put into a set, and how many more.
    shared: BTreeMap<(Set, Vec<Part>), usize>,
    /// Addresses that must be the node's, and how many service ports want each.
    bound: BTreeMap<IpAddr, usize>,
    /// Virtual servers that the node itself must not use, and how many service ports say so.
    closed: BTreeMap<ServiceKey, usize>,
    /// How many virtual servers the service ports have together. If fewer are there two services claim the same.
    n_servers: usize,
    /// Real servers that are gone but for their connections.
    terminating: BTreeSet<(ServiceKey, (IpAddr, u16))>,
}

/// Makes the tables of a node say what `ports` say.
pub(super) fn sync(state: &mut State, ns: &mut NetNs, config: &ProxyConfig, ports: &ServicePorts) -> Sync {
    let node = Node::new(ns, config);
    let is_clear = ns.netfilter.ipvs.services().len() == state.n_servers;
    let mut done = Sync { full: !is_clear || state.node.as_ref() != Some(&node), ..Sync::default() };
    if !done.full {
        let before = std::mem::take(&mut state.ports);
        let (old, new) = changed(&before, ports);
        let name = |port: &&Arc<ServicePort>| port.name.clone();
        done.changed = old.iter().chain(&new).map(name).collect::<BTreeSet<String>>().into_iter().collect();
        write(state, ns, config, &node, &old, &new);
        // They have come to claim the same: who has it is found out by going through all.
        done.full = ns.netfilter.ipvs.services().len() != state.n_servers;
    }
    if done.full {
        prepare(state, ns);
        done.changed = ports.iter().map(|port| port.name.clone()).collect();
        write(state, ns, config, &node, &[], &ports.iter().collect::<Vec<_>>());
    }
    state.ports = ports.clone();
    state.node = Some(node);
    end_terminated(state, ns);
    let closed: Vec<ServiceKey> = state.closed.keys().copied().collect();
    rules::write(&mut ns.netfilter, config, &closed, &mut done);
    done
}

/// The ports that are gone or different, and those that are new or different. Both lists are by name and protocol.
fn changed<'a>(old: &'a ServicePorts, new: &'a ServicePorts) -> (Vec<&'a Arc<ServicePort>>, Vec<&'a Arc<ServicePort>>) {
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        match (old.peek(), new.peek()) {
            (Some(was), Some(is)) if Arc::ptr_eq(was, is) => {
                old.next();
                new.next();
            }
            (Some(was), Some(is)) if was.key() > is.key() => come.extend(new.next()),
            (Some(was), Some(is)) if was.key() == is.key() => {
                gone.extend(old.next());
                come.extend(new.next());
            }
            (Some(_), _) => gone.extend(old.next()),
            (None, Some(_)) => come.extend(new.next()),
            (None, None) => return (gone, come),
        }
    }
}

/// Makes sure that the device and all sets are there, and empties what was written before.
fn prepare(state: &mut State, ns: &mut NetNs) {
    let dev = ns.interface_named(DEVICE).map(|interface| interface.dev.clone());
    let dev = dev.unwrap_or_else(|| {
        let dev = ns.add_interface(DEVICE, MTU, Writer::KubeProxy, |_| InterfaceKind::Dummy);
        let interface = ns.interface_mut(dev.index);
        // kube-proxy never brings it up: an address is local on a device that is down as well.
        interface.up = false;
        interface.noarp = true;
        dev
    });
    ns.remove_addresses(dev.index, &state.bound.keys().copied().collect());
    for set in Set::ALL {
        ns.netfilter.sets.create(set.name(), set.kind()).elements.clear();
    }
    ns.netfilter.ipvs.load();
    let keys: Vec<ServiceKey> = ns.netfilter.ipvs.services().iter().map(|service| service.key).collect();
    // What the services have is put back with them, so that connections keep their real servers.
    state.terminating.retain(|(key, _)| keys.contains(key));
    *state = State { terminating: std::mem::take(&mut state.terminating), ..State::default() };
}

/// Takes out what `old` had and puts in what `new` has.
fn write(
    state: &mut State,
    ns: &mut NetNs,
    config: &ProxyConfig,
    node: &Node,
    old: &[&Arc<ServicePort>],
    new: &[&Arc<ServicePort>],
) {
    let is_all = state.node.is_none();
    let mut gone_keys: BTreeSet<ServiceKey> = match is_all {
        true => ns.netfilter.ipvs.services().iter().map(|service| service.key).collect(),
        false => BTreeSet::new(),
    };
    let mut touched: BTreeMap<IpAddr, bool> = BTreeMap::new();
    // What a changed port has as before is left alone.
    let mut gone: BTreeMap<(Set, Vec<Part>), usize> = BTreeMap::new();
    for port in old {
        let entries = Entries::new(port, config, node);
        for (set, element) in entries.elements {
            *gone.entry((set, element)).or_insert(0) += 1;
        }
        for ip in entries.addresses {
            touched.entry(ip).or_insert(true);
            uncount(&mut state.bound, ip);
        }
        entries.closed.into_iter().for_each(|key| uncount(&mut state.closed, key));
        state.n_servers -= entries.servers.len();
        gone_keys.extend(entries.servers.into_iter().map(|server| server.key));
    }
    let mut servers: Vec<VirtualServer> = Vec::new();
    for port in new {
        let entries = Entries::new(port, config, node);
        for (set, element) in entries.elements {
            let key = (set, element);
            if gone.contains_key(&key) {
                uncount(&mut gone, key);
            } else {
                state.add_element(ns, key);
            }
        }
        for ip in entries.addresses {
            let count = state.bound.entry(ip).or_insert(0);
            touched.entry(ip).or_insert(*count > 0);
            *count += 1;
        }
        entries.closed.into_iter().for_each(|key| *state.closed.entry(key).or_insert(0) += 1);
        state.n_servers += entries.servers.len();
        servers.extend(entries.servers);
    }
    for (key, n) in gone {
        (0..n).for_each(|_| state.drop_element(ns, key.clone()));
    }
    bind(state, ns, touched);
    for server in &mut servers {
        gone_keys.remove(&server.key);
        state.keep_terminating(ns, server);
    }
    ns.netfilter.ipvs.extend(servers);
    for key in gone_keys {
        ns.netfilter.ipvs.remove(key);
        state.terminating.retain(|(of, _)| *of != key);
    }
}

/// Gives the device the addresses that are wanted now and takes those that are not. `touched` says of each that may have
/// changed whether it was there.
fn bind(state: &State, ns: &mut NetNs, touched: BTreeMap<IpAddr, bool>) {
    let Some(index) = ns.interface_named(DEVICE).map(|interface| interface.dev.index) else { return };
    let (mut come, mut gone) = (Vec::new(), BTreeSet::new());
    for (ip, was_there) in touched {
        match (was_there, state.bound.contains_key(&ip)) {
            (false, true) => come.push(ip),
            (true, false) => {
                gone.insert(ip);
            }
            _ => {}
        }
    }
    for ip in &come {
        ns.netfilter.sets.create(Set::IpvsIps.name(), Set::IpvsIps.kind()).elements.insert(vec![Part::ip(*ip)]);
    }
    for ip in &gone {
        ns.netfilter.sets.create(Set::IpvsIps.name(), Set::IpvsIps.kind()).elements.remove(&[Part::ip(*ip)][..]);
    }
    ns.remove_addresses(index, &gone);
    ns.add_addresses(index, come.into_iter().map(IpNet::from), Writer::KubeProxy);
}

fn uncount<K: Ord>(counts: &mut BTreeMap<K, usize>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

/// Takes out real servers that only their connections kept. Models tryDeleteRs.
fn end_terminated(state: &mut State, ns: &mut NetNs) {
    let ipvs = &mut ns.netfilter.ipvs;
    let is_over = |(key, real): &(ServiceKey, (IpAddr, u16))| ipvs.n_connections(*key, *real) == 0;
    let over: Vec<(ServiceKey, (IpAddr, u16))> = state.terminating.iter().filter(|it| is_over(it)).copied().collect();
    for (key, real) in over {
        if let Some(service) = ipvs.service(key) {
            let mut service = (**service).clone();
            service.real_servers.retain(|it| it.address != real);
            ipvs.extend([service]);
        }
        state.terminating.remove(&(key, real));
    }
}

impl State {
    fn add_element(&mut self, ns: &mut NetNs, (set, element): (Set, Vec<Part>)) {
        let elements = &mut ns.netfilter.sets.create(set.name(), set.kind()).elements;
        if elements.contains(&element) {
            *self.shared.entry((set, element)).or_insert(0) += 1;
        } else {
            elements.insert(element);
        }
    }

    fn drop_element(&mut self, ns: &mut NetNs, key: (Set, Vec<Part>)) {
        if self.shared.contains_key(&key) {
            uncount(&mut self.shared, key);
        } else {
            ns.netfilter.sets.create(key.0.name(), key.0.kind()).elements.remove(&key.1);
        }
    }

    /// Real servers that are to go keep their connections, and get no new ones. Models GracefulDeleteRS: of UDP they go at
    /// once.
    fn keep_terminating(&mut self, ns: &NetNs, server: &mut VirtualServer) {
        let key = server.key;
        let wanted: BTreeSet<(IpAddr, u16)> = server.real_servers.iter().map(|it| it.address).collect();
        self.terminating.retain(|(of, real)| *of != key || !wanted.contains(real));
        let Some(known) = ns.netfilter.ipvs.service(key).filter(|_| key.protocol == TCP) else { return };
        let is_kept =
            |it: &&RealServer| !wanted.contains(&it.address) && ns.netfilter.ipvs.n_connections(key, it.address) > 0;
        for real in known.real_servers.iter().filter(is_kept) {
            self.terminating.insert((key, real.address));
            server.real_servers.push(RealServer { weight: 0, ..*real });
        }
        server.real_servers.sort_by_key(|it| it.address);
    }
}
