//! What the table has before any service is in it: its hooks, and the chains that ask the maps.
//!
//! Models pkg/proxy/nftables/proxier.go setupNFTables.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Holder;
use crate::base::Writer;
use crate::k8s::kube_proxy::ProxyConfig;
use crate::k8s::kube_proxy::iptables::MASQUERADE_MARK;
use crate::netfilter::nft::{
    Base, ChainKind, DataType, Field, Key, MarkExpr, Rule, Set, SetRef, Span, Statement, Table, Verdict, priority,
};
use crate::netfilter::{AddressType, CtStates, NatRange, RejectWith};
use crate::trace::Hook;
use crate::wire::IcmpError;

pub(super) const MARK_MASQ: &str = "mark-for-masquerade";
pub(super) const REJECT: &str = "reject-chain";
/// The addresses that node ports are on, unless all are.
pub(super) const NODE_PORT_IPS: &str = "nodeport-ips";

const NODE_PORT_CHECK: &str = "nodeport-endpoints-check";
const SERVICE_CHECK: &str = "service-endpoints-check";
const FIREWALL_CHECK: &str = "firewall-check";
const SERVICES: &str = "services";
const MASQUERADING: &str = "masquerading";
const CLUSTER_IPS_CHECK: &str = "cluster-ips-check";

/// The base chains. Source ranges are held against the address that the client asked, so that is before any translation.
const BASE_CHAINS: [(&str, ChainKind, Hook, i32); 8] = [
    ("filter-prerouting-pre-dnat", ChainKind::Filter, Hook::Prerouting, priority::DSTNAT - 10),
    ("filter-output-pre-dnat", ChainKind::Filter, Hook::Output, priority::DSTNAT - 10),
    ("filter-input", ChainKind::Filter, Hook::Input, priority::FILTER),
    ("filter-forward", ChainKind::Filter, Hook::Forward, priority::FILTER),
    ("filter-output", ChainKind::Filter, Hook::Output, priority::FILTER),
    ("nat-prerouting", ChainKind::Nat, Hook::Prerouting, priority::DSTNAT),
    ("nat-output", ChainKind::Nat, Hook::Output, priority::DSTNAT),
    ("nat-postrouting", ChainKind::Nat, Hook::Postrouting, priority::SRCNAT),
];

/// Where each base chain leads, and whether for new connections only.
const JUMPS: [(&str, &str, bool); 11] = [
    ("filter-input", NODE_PORT_CHECK, true),
    ("filter-input", SERVICE_CHECK, true),
    ("filter-forward", SERVICE_CHECK, true),
    ("filter-output", SERVICE_CHECK, true),
    ("filter-prerouting-pre-dnat", FIREWALL_CHECK, true),
    ("filter-output-pre-dnat", FIREWALL_CHECK, true),
    ("nat-output", SERVICES, false),
    ("nat-prerouting", SERVICES, false),
    ("nat-postrouting", MASQUERADING, false),
    ("filter-forward", CLUSTER_IPS_CHECK, true),
    ("filter-output", CLUSTER_IPS_CHECK, true),
];

pub(super) fn rule() -> Rule {
    Rule::new(Writer::KubeProxy)
}

/// Makes everything that is there without services.
pub(super) fn set_up(table: &mut Table, config: &ProxyConfig, own: &[IpAddr]) {
    table.comment = Some("rules for kube-proxy".into());
    for (name, kind, hook, priority) in BASE_CHAINS {
        table.add_base_chain(name, Base::new(kind, hook, priority));
    }
    for (from, to, only_new) in JUMPS {
        table.add_chain(to);
        let jump = if only_new { rule().when(Field::ct_state(CtStates::NEW)) } else { rule() };
        table.append(from, jump.verdict(Verdict::jump(to)));
    }
    masquerading(table);
    table.add_set(Holder::ClusterIps.name(), Set::new(&[DataType::Ipv4Addr]).comment("Active ClusterIPs"));
    cluster_ips_check(table, config);
    let node_port_ips = node_port_ips(config, own);
    let is_node_port = node_port_ips.as_ref().map(|_| Field::IpDaddr.within(SetRef::named(NODE_PORT_IPS)));
    if let Some(set) = node_port_ips {
        table.add_set(NODE_PORT_IPS, set);
    }
    maps(table);
    table.add_chain(REJECT).comment = Some("helper for @no-endpoint-services / @no-endpoint-nodeports".into());
    table.append(REJECT, reject(rule()));
    table.append(SERVICE_CHECK, rule().then(by_address(Holder::NoEndpointServices)));
    table.append(FIREWALL_CHECK, rule().then(by_address(Holder::FirewallIps)));
    table.append(SERVICES, rule().then(by_address(Holder::ServiceIps)));
    let not_loopback = || Field::IpDaddr.isnt(Span::net(IpNet::new_assert(IpAddr::from([127, 0, 0, 0]), 8)));
    let (check, dispatch) = match is_node_port {
        Some(is_one) => (rule().when(is_one.clone()), rule().when(is_one)),
        // What is on hook input is for this node anyway.
        None => {
            let is_own = Field::FibDaddrType.is(Span::address_type(AddressType::Local));
            (rule().when(not_loopback()), rule().when(is_own).when(not_loopback()))
        }
    };
    table.append(NODE_PORT_CHECK, check.then(by_port(Holder::NoEndpointNodePorts)));
    table.append(SERVICES, dispatch.then(by_port(Holder::ServiceNodePorts)));
}

/// The addresses that node ports are on: the primary one unless told otherwise, never 127.0.0.1. `None` if on all.
pub(super) fn node_port_ips(config: &ProxyConfig, own: &[IpAddr]) -> Option<Set> {
    let set = Set::new(&[DataType::Ipv4Addr]).comment("IPs that accept NodePort traffic");
    if config.node_port_addresses.is_empty() {
        return Some(set.with([Span::ip(config.node_ip)]));
    }
    let ips = config.node_port_addresses(own)?.filter(|ip| ip.is_ipv4() && !ip.is_loopback());
    Some(ips.fold(set, |set, ip| set.with([Span::ip(ip)])))
}

/// The mark, and what is done about it at the end. It goes, so that nothing masquerades the packet once more.
fn masquerading(table: &mut Table) {
    let mark = MarkExpr::copy(Field::Mark);
    table.append(MARK_MASQ, rule().then(Statement::SetMark(mark.or(MASQUERADE_MARK))));
    table.append(MASQUERADING, rule().when(Field::Mark.masked(MASQUERADE_MARK, 0)).verdict(Verdict::Return));
    table.append(MASQUERADING, rule().then(Statement::SetMark(mark.xor(MASQUERADE_MARK))));
    let range = NatRange { random_fully: true, ..NatRange::default() };
    table.append(MASQUERADING, rule().then(Statement::Masquerade(range)));
}

/// What is still for a clusterIP after the translation is for none of its ports.
fn cluster_ips_check(table: &mut Table, config: &ProxyConfig) {
    let is_known = Field::IpDaddr.within(SetRef::named(Holder::ClusterIps.name()));
    let known = reject(rule().when(is_known)).comment("Reject traffic to invalid ports of ClusterIPs");
    table.append(CLUSTER_IPS_CHECK, known);
    let cidrs: Vec<IpNet> = config.service_cidrs.iter().filter(|net| net.addr().is_ipv4()).copied().collect();
    if !cidrs.is_empty() {
        let all = cidrs.into_iter().fold(Set::new(&[DataType::Ipv4Addr]), |set, net| set.with([Span::net(net)]));
        let unknown = rule().when(Field::IpDaddr.within(all.anonymous())).verdict(Verdict::Drop);
        table.append(CLUSTER_IPS_CHECK, unknown.comment("Drop traffic to unallocated ClusterIPs"));
    }
}

fn maps(table: &mut Table) {
    let by_port = [DataType::InetProto, DataType::InetService];
    let by_address = [DataType::Ipv4Addr, DataType::InetProto, DataType::InetService];
    for (holder, key, comment) in [
        (Holder::NoEndpointServices, &by_address[..], "vmap to drop or reject packets to services with no endpoints"),
        (
            Holder::NoEndpointNodePorts,
            &by_port[..],
            "vmap to drop or reject packets to service nodeports with no endpoints",
        ),
        (Holder::FirewallIps, &by_address[..], "destinations that are subject to LoadBalancerSourceRanges"),
        (Holder::ServiceIps, &by_address[..], "ClusterIP, ExternalIP and LoadBalancer IP traffic"),
        (Holder::ServiceNodePorts, &by_port[..], "NodePort traffic"),
    ] {
        table.add_set(holder.name(), Set::vmap(key).comment(comment));
    }
}

fn by_address(map: Holder) -> Statement {
    let fields = vec![Field::IpDaddr, Field::L4proto, Field::ThDport];
    Statement::Vmap { key: Key::Fields(fields), map: SetRef::named(map.name()) }
}

fn by_port(map: Holder) -> Statement {
    let fields = vec![Field::L4proto, Field::ThDport];
    Statement::Vmap { key: Key::Fields(fields), map: SetRef::named(map.name()) }
}

fn reject(rule: Rule) -> Rule {
    rule.then(Statement::Reject(RejectWith::Icmp(IcmpError::PortUnreach)))
}
