//! The rules that do not depend on services, and the jumps from the kernel's own chains.
//!
//! Models pkg/proxy/iptables/proxier.go iptablesJumpChains and the ends of syncProxyRules.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{
    EXTERNAL_SERVICES, FIREWALL, FORWARD, MASQUERADE_MARK, NODE_PORTS, POSTROUTING, PROXY_FIREWALL, SERVICES, rule,
};
use crate::k8s::kube_proxy::ProxyConfig;
use crate::netfilter::{AddressType, CtStates, Match, NatRange, Not, Rule, Table, Target};

fn loopback() -> IpNet {
    IpNet::new_assert(IpAddr::from([127, 0, 0, 0]), 8)
}

/// The last rules of KUBE-SERVICES: to node ports, on a node with these addresses.
pub(super) fn node_ports_jumps(config: &ProxyConfig, own: &[IpAddr]) -> Vec<Rule> {
    let comment = "kubernetes service nodeports; NOTE: this must be the last rule in this chain";
    let to_node_ports = || rule(Target::Jump(NODE_PORTS.into())).comment(comment);
    match config.node_port_addresses(own) {
        Some(addresses) => addresses.map(|ip| to_node_ports().dst(Not::is(IpNet::from(ip)))).collect(),
        None => {
            let mut last = to_node_ports().and(Match::dst_type(AddressType::Local));
            last.dst = (!config.has_localhost_node_ports()).then(|| Not::isnt(loopback()));
            vec![last]
        }
    }
}

/// KUBE-POSTROUTING.
pub(in crate::k8s::kube_proxy) fn postrouting() -> [Rule; 3] {
    let unmarked = Match::Mark { value: MASQUERADE_MARK, mask: MASQUERADE_MARK, not: true };
    let any = NatRange { random_fully: true, ..NatRange::default() };
    [
        rule(Target::Return).and(unmarked),
        // The mark goes, so that a packet that passes this chain twice is not masqueraded twice.
        rule(Target::xor_mark(MASQUERADE_MARK)),
        rule(Target::Masquerade(any)).comment("kubernetes service traffic requiring SNAT"),
    ]
}

/// KUBE-FORWARD. A packet that is invalid would leave with an endpoint's address as its source, and its peer would reset the
/// connection; where the kernel is liberal none is.
pub(super) fn forward(is_liberal: bool) -> Vec<Rule> {
    let known = CtStates::RELATED.or(CtStates::ESTABLISHED);
    let drop_invalid = rule(Target::Drop).and(Match::CtState(Not::is(CtStates::INVALID)));
    let mut rules = if is_liberal { Vec::new() } else { vec![drop_invalid] };
    rules.extend([
        rule(Target::Accept).comment("kubernetes forwarding rules").and(Match::marked(MASQUERADE_MARK)),
        rule(Target::Accept).comment("kubernetes forwarding conntrack rule").and(Match::CtState(Not::is(known))),
    ]);
    rules
}

/// KUBE-FIREWALL. With `route_localnet` on, neighbours could reach what listens on the loopback address alone: CVE-2020-8558.
pub(in crate::k8s::kube_proxy) fn block_localnet() -> Rule {
    let known = CtStates::RELATED.or(CtStates::ESTABLISHED).or(CtStates::DNAT);
    rule(Target::Drop)
        .src(Not::isnt(loopback()))
        .dst(Not::is(loopback()))
        .comment("block incoming localnet connections")
        .and(Match::CtState(Not::isnt(known)))
}

/// A jump from a base chain: to where, and what is said of it.
fn jump_to(chain: &str, only_new: bool, comment: &str) -> Rule {
    let jump = rule(Target::Jump(chain.into()));
    let jump = if only_new { jump.and(Match::CtState(Not::is(CtStates::NEW))) } else { jump };
    if comment.is_empty() { jump } else { jump.comment(comment) }
}

/// Models iptablesJumpChains: each is put in front of those before it, if it is not there yet.
pub(super) fn base_chains_of_nat(nat: &mut Table) {
    for (base, chain, comment) in [
        ("OUTPUT", SERVICES, "kubernetes service portals"),
        ("PREROUTING", SERVICES, "kubernetes service portals"),
        ("POSTROUTING", POSTROUTING, "kubernetes postrouting rules"),
    ] {
        nat.ensure(base, jump_to(chain, false, comment));
    }
}

pub(super) fn base_chains_of_filter(filter: &mut Table) {
    for (base, chain, only_new, comment) in [
        // The kubelet has made this one before kube-proxy starts.
        ("INPUT", FIREWALL, false, ""),
        ("OUTPUT", FIREWALL, false, ""),
        ("INPUT", EXTERNAL_SERVICES, true, "kubernetes externally-visible service portals"),
        ("FORWARD", EXTERNAL_SERVICES, true, "kubernetes externally-visible service portals"),
        ("INPUT", NODE_PORTS, false, "kubernetes health check service ports"),
        ("FORWARD", SERVICES, true, "kubernetes service portals"),
        ("OUTPUT", SERVICES, true, "kubernetes service portals"),
        ("FORWARD", FORWARD, false, "kubernetes forwarding rules"),
        ("INPUT", PROXY_FIREWALL, true, "kubernetes load balancer firewall"),
        ("OUTPUT", PROXY_FIREWALL, true, "kubernetes load balancer firewall"),
        ("FORWARD", PROXY_FIREWALL, true, "kubernetes load balancer firewall"),
    ] {
        filter.ensure(base, jump_to(chain, only_new, comment));
    }
}
