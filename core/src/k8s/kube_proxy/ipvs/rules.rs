//! The rules of IPVS mode: who is masqueraded, who may use a load balancer's address, and what else a service's address
//! must not let in.
//!
//! Models pkg/proxy/ipvs/proxier.go writeIptablesRules, iptablesChains, iptablesJumpChain and ipsetWithIptablesChain, and
//! the chain that the kubelet makes by itself (kubelet_network_linux.go).

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::sets::Set;
use crate::base::Writer;
use crate::k8s::kube_proxy::iptables::MASQUERADE_MARK;
use crate::k8s::kube_proxy::iptables::base::{block_localnet, postrouting};
use crate::k8s::kube_proxy::{ProxyConfig, Sync};
use crate::netfilter::{
    AddressType, CtStates, Match, NatRange, Netfilter, Not, PortSide, RejectWith, Rule, ServiceKey, TableName, Target,
};
use crate::wire::IcmpError;

const MARK_MASQ: &str = "KUBE-MARK-MASQ";
const SERVICES: &str = "KUBE-SERVICES";
const NODE_PORT: &str = "KUBE-NODE-PORT";
const LOAD_BALANCER: &str = "KUBE-LOAD-BALANCER";
const POSTROUTING: &str = "KUBE-POSTROUTING";
const FORWARD: &str = "KUBE-FORWARD";
const PROXY_FIREWALL: &str = "KUBE-PROXY-FIREWALL";
const SOURCE_RANGES: &str = "KUBE-SOURCE-RANGES-FIREWALL";
const IPVS_FILTER: &str = "KUBE-IPVS-FILTER";
const IPVS_OUT_FILTER: &str = "KUBE-IPVS-OUT-FILTER";
/// The kubelet's own.
const FIREWALL: &str = "KUBE-FIREWALL";

/// Ends of a packet that an element is made of.
const DST: &[PortSide] = &[PortSide::Destination];
const DST_DST: &[PortSide] = &[PortSide::Destination, PortSide::Destination];
const SRC_DST: &[PortSide] = &[PortSide::Source, PortSide::Destination];
const DST_DST_SRC: &[PortSide] = &[PortSide::Destination, PortSide::Destination, PortSide::Source];

fn rule(target: Target) -> Rule {
    Rule::new(Writer::KubeProxy, target)
}

fn jump(chain: &str) -> Target {
    Target::Jump(chain.into())
}

impl Rule {
    /// And the packet is in `set`.
    fn in_set(self, set: Set, sides: &[PortSide]) -> Self {
        self.and(Match::Set { set: Not::is(set.name().into()), sides: sides.to_vec() })
    }
}

/// Writes all chains anew. `closed`: what the node itself must not use.
pub(super) fn write(netfilter: &mut Netfilter, config: &ProxyConfig, closed: &[ServiceKey], done: &mut Sync) {
    let is_used = |set: Set| netfilter.sets.get(set.name()).is_some_and(|set| !set.elements.is_empty());
    let used: Vec<Set> = Set::ALL.into_iter().filter(|set| is_used(*set)).collect();
    let has = |set: Set| used.contains(&set);
    let chains = [
        (TableName::Nat, SERVICES, services(config, &has)),
        (TableName::Nat, POSTROUTING, masquerade(&has)),
        (TableName::Nat, NODE_PORT, node_port(&has)),
        (TableName::Nat, LOAD_BALANCER, load_balancer(&has)),
        (TableName::Nat, MARK_MASQ, vec![rule(Target::or_mark(MASQUERADE_MARK))]),
        (TableName::Filter, FORWARD, forward().to_vec()),
        (TableName::Filter, NODE_PORT, vec![health_check()]),
        (TableName::Filter, PROXY_FIREWALL, proxy_firewall(&has)),
        (TableName::Filter, SOURCE_RANGES, source_ranges(&has)),
        (TableName::Filter, IPVS_FILTER, ipvs_filter().to_vec()),
        (TableName::Filter, IPVS_OUT_FILTER, closed.iter().map(|key| closed_to_node(*key)).collect()),
    ];
    for (table, chain, rules) in chains {
        done.count(rules.len());
        netfilter.table_mut(table).replace(&chain.into(), rules.into_iter().map(Arc::new).collect());
    }
    if done.full {
        let guard = Rule { writer: Writer::Kubelet, ..block_localnet() };
        netfilter.table_mut(TableName::Filter).replace(&FIREWALL.into(), vec![Arc::new(guard)]);
        base_chains(netfilter);
    }
}

/// Models iptablesJumpChain: each is put in front of those before it, if it is not there yet.
fn base_chains(netfilter: &mut Netfilter) {
    let filter = netfilter.table_mut(TableName::Filter);
    for base in ["INPUT", "OUTPUT"] {
        filter.ensure(base, Rule::new(Writer::Kubelet, jump(FIREWALL)));
    }
    for (table, base, chain, comment) in [
        (TableName::Nat, "OUTPUT", SERVICES, "kubernetes service portals"),
        (TableName::Nat, "PREROUTING", SERVICES, "kubernetes service portals"),
        (TableName::Nat, "POSTROUTING", POSTROUTING, "kubernetes postrouting rules"),
        (TableName::Filter, "FORWARD", FORWARD, "kubernetes forwarding rules"),
        (TableName::Filter, "INPUT", NODE_PORT, "kubernetes health check rules"),
        (TableName::Filter, "INPUT", PROXY_FIREWALL, "kube-proxy firewall rules"),
        (TableName::Filter, "FORWARD", PROXY_FIREWALL, "kube-proxy firewall rules"),
        (TableName::Filter, "INPUT", IPVS_FILTER, "kubernetes ipvs access filter"),
        (TableName::Filter, "OUTPUT", IPVS_OUT_FILTER, "kubernetes ipvs access filter"),
    ] {
        netfilter.table_mut(table).ensure(base, rule(jump(chain)).comment(comment));
    }
}

/// A rule of ipsetWithIptablesChain: there only while its set holds something.
fn asks(set: Set, sides: &[PortSide], protocol: Option<u8>, target: Target) -> Rule {
    let rule = rule(target).comment(set.comment()).in_set(set, sides);
    match protocol {
        Some(number) => rule.protocol(number),
        None => rule,
    }
}

fn services(config: &ProxyConfig, has: &dyn Fn(Set) -> bool) -> Vec<Rule> {
    let loopback = IpNet::new_assert(IpAddr::from([127, 0, 0, 0]), 8);
    let mut rules = vec![rule(Target::Return).src(Not::is(loopback))];
    if has(Set::LoadBalancer) {
        rules.push(asks(Set::LoadBalancer, DST_DST, None, jump(LOAD_BALANCER)));
    }
    if has(Set::ClusterIp) {
        let marks = |sides| asks(Set::ClusterIp, sides, None, jump(MARK_MASQ));
        rules.push(match config.local_cidr {
            _ if config.masquerade_all => marks(DST_DST),
            Some(cidr) => marks(DST_DST).src(Not::isnt(cidr)),
            // Without a detector: what the node sends to a service has a service's address as its source.
            None => marks(SRC_DST),
        });
    }
    for (set, is_masqueraded) in [(Set::ExternalIp, true), (Set::ExternalIpLocal, false)] {
        if !has(set) {
            continue;
        }
        let asks = |target| asks(set, DST_DST, None, target);
        if is_masqueraded {
            rules.push(asks(jump(MARK_MASQ)));
        }
        let not_bridged = Match::Physdev { physin: None, physout: None, is_in: Some(Not::isnt(())), is_bridged: None };
        let not_from_here =
            Match::Addrtype { src: Some(Not::isnt(AddressType::Local)), dst: None, limit_in: false, limit_out: false };
        rules.push(asks(Target::Accept).and(not_bridged).and(not_from_here));
        rules.push(asks(Target::Accept).and(Match::dst_type(AddressType::Local)));
    }
    rules.push(rule(jump(NODE_PORT)).and(Match::dst_type(AddressType::Local)));
    let last = [Set::ClusterIp, Set::LoadBalancer].into_iter().filter(|set| has(*set));
    rules.extend(last.map(|set| rule(Target::Accept).in_set(set, DST_DST)));
    rules
}

fn masquerade(has: &dyn Fn(Set) -> bool) -> Vec<Rule> {
    let to_itself = || asks(Set::LoopBack, DST_DST_SRC, None, Target::Masquerade(NatRange::default()));
    has(Set::LoopBack).then(to_itself).into_iter().chain(postrouting()).collect()
}

fn node_port(has: &dyn Fn(Set) -> bool) -> Vec<Rule> {
    let kinds = [
        (Set::NodePortLocalTcp, Set::NodePortTcp, 6, DST),
        (Set::NodePortLocalUdp, Set::NodePortUdp, 17, DST),
        (Set::NodePortLocalSctp, Set::NodePortSctp, 132, DST_DST),
    ];
    let of_kind = |(local, all, protocol, sides): (Set, Set, u8, &'static [PortSide])| {
        [(local, Target::Return), (all, jump(MARK_MASQ))]
            .into_iter()
            .filter(|(set, _)| has(*set))
            .map(move |(set, target)| asks(set, sides, Some(protocol), target))
    };
    kinds.into_iter().flat_map(of_kind).collect()
}

fn load_balancer(has: &dyn Fn(Set) -> bool) -> Vec<Rule> {
    let keeps = || asks(Set::LoadBalancerLocal, DST_DST, None, Target::Return);
    let keeps = has(Set::LoadBalancerLocal).then(keeps);
    keeps.into_iter().chain([rule(jump(MARK_MASQ))]).collect()
}

/// KUBE-FORWARD.
fn forward() -> [Rule; 2] {
    let known = CtStates::RELATED.or(CtStates::ESTABLISHED);
    [
        rule(Target::Accept).comment("kubernetes forwarding rules").and(Match::marked(MASQUERADE_MARK)),
        rule(Target::Accept).comment("kubernetes forwarding conntrack rule").and(Match::CtState(Not::is(known))),
    ]
}

fn health_check() -> Rule {
    asks(Set::HealthCheckNodePort, DST, None, Target::Accept)
}

fn proxy_firewall(has: &dyn Fn(Set) -> bool) -> Vec<Rule> {
    let limits = || asks(Set::LoadBalancerFw, DST_DST, None, jump(SOURCE_RANGES));
    has(Set::LoadBalancerFw).then(limits).into_iter().collect()
}

fn source_ranges(has: &dyn Fn(Set) -> bool) -> Vec<Rule> {
    let may = [Set::LoadBalancerSourceCidr, Set::LoadBalancerSourceIp].into_iter().filter(|set| has(*set));
    may.map(|set| asks(set, DST_DST_SRC, None, Target::Return)).chain([rule(Target::Drop)]).collect()
}

/// KUBE-IPVS-FILTER: a service's address is the node's own, and whatever listens on the node would listen there too.
fn ipvs_filter() -> [Rule; 6] {
    let may = |set, sides| rule(Target::Return).in_set(set, sides);
    let refuse = rule(Target::Reject(RejectWith::Icmp(IcmpError::PortUnreach)));
    [
        may(Set::LoadBalancer, DST_DST),
        may(Set::ClusterIp, DST_DST),
        may(Set::ExternalIp, DST_DST),
        may(Set::ExternalIpLocal, DST_DST),
        may(Set::HealthCheckNodePort, DST),
        refuse.and(Match::CtState(Not::is(CtStates::NEW))).in_set(Set::IpvsIps, DST),
    ]
}

/// KUBE-IPVS-OUT-FILTER: what the node sends there has the address as its source too.
fn closed_to_node(key: ServiceKey) -> Rule {
    let (vaddr, vport) = key.address;
    let own = rule(Target::Drop).src(Not::is(IpNet::from(vaddr)));
    own.and(Match::Ipvs { vproto: key.protocol, vaddr, vport })
}
