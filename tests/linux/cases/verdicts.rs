//! Packets that somebody forbids: rules that drop and refuse, and the filters of source addresses.

use kubehop_core::base::{Place, Writer};
use kubehop_core::net::Topology;
use kubehop_core::netfilter::{CtStates, Match, Not, RejectWith, Rule, TableName, Target};
use kubehop_core::wire::IcmpError;

use super::Case;

/// Writes `rule` in front of the others of a chain of a node's table filter.
fn forbid(topo: &mut Topology, node: &str, chain: &str, rule: Rule) {
    let at = topo.find(&Place::Node(node.to_owned())).expect("a node of the lab");
    topo.ns_mut(at).netfilter.table_mut(TableName::Filter).prepend(chain, rule);
}

fn drop_all() -> Rule {
    Rule::new(Writer::Admin, Target::Drop)
}

fn refuse(with: IcmpError) -> Rule {
    Rule::new(Writer::Admin, Target::Reject(RejectWith::Icmp(with)))
}

fn reset() -> Rule {
    Rule::new(Writer::Admin, Target::Reject(RejectWith::TcpReset)).protocol(6)
}

const fn pods(to: &'static str, change: fn(&mut Topology)) -> Case {
    Case::new("two-nodes", "pod/client", to).change(change)
}

const NEAR: &str = "http://10.244.0.3:8080";
const FAR: &str = "http://10.244.1.2:8080";
const FAR_UDP: &str = "udp://10.244.1.2:5353";
const FAR_PING: &str = "ping://10.244.1.2";

/// `rp_filter` of one device of a node, where `all` says 0.
macro_rules! rp_filter {
    ($node:literal, $device:literal, $value:literal) => {
        &[
            (concat!("sysctl.node/", $node, ".net.ipv4.conf.all.rp_filter"), "0"),
            (concat!("sysctl.node/", $node, ".net.ipv4.conf.", $device, ".rp_filter"), $value),
        ]
    };
}

cases! {
    tcp_that_a_rule_drops_on_the_way: pods(FAR, |topo| forbid(topo, "node-b", "FORWARD", drop_all()));
    tcp_that_a_rule_drops_between_two_ports_of_a_bridge: pods(NEAR, |topo| forbid(topo, "node-a", "FORWARD", drop_all()));
    tcp_that_a_rule_resets_on_the_way: pods(FAR, |topo| forbid(topo, "node-b", "FORWARD", reset()));
    tcp_that_a_rule_resets_at_the_first_node: pods(FAR, |topo| forbid(topo, "node-a", "FORWARD", reset()));
    tcp_that_a_rule_resets_between_two_ports_of_a_bridge: pods(NEAR, |topo| forbid(topo, "node-a", "FORWARD", reset()));
    tcp_that_a_rule_resets_at_a_node: Case::new("two-nodes", "pod/client", "tcp://172.18.0.3:80").change(|topo| forbid(topo, "node-b", "INPUT", reset()));
    tcp_that_a_rule_refuses_on_the_way: pods(FAR, |topo| forbid(topo, "node-b", "FORWARD", refuse(IcmpError::PortUnreach)));
    udp_that_a_rule_refuses_as_port_unreachable: pods(FAR_UDP, |topo| forbid(topo, "node-b", "FORWARD", refuse(IcmpError::PortUnreach)));
    udp_that_a_rule_refuses_as_net_unreachable: pods(FAR_UDP, |topo| forbid(topo, "node-a", "FORWARD", refuse(IcmpError::NetUnreach)));
    udp_that_a_rule_refuses_as_host_unreachable: pods(FAR_UDP, |topo| forbid(topo, "node-a", "FORWARD", refuse(IcmpError::HostUnreach)));
    udp_that_a_rule_refuses_as_protocol_unreachable: pods(FAR_UDP, |topo| forbid(topo, "node-b", "FORWARD", refuse(IcmpError::ProtUnreach)));
    udp_that_a_rule_refuses_as_net_prohibited: pods(FAR_UDP, |topo| forbid(topo, "node-b", "FORWARD", refuse(IcmpError::NetAno)));
    udp_that_a_rule_refuses_as_host_prohibited: pods(FAR_UDP, |topo| forbid(topo, "node-b", "FORWARD", refuse(IcmpError::HostAno)));
    ping_that_a_rule_refuses_as_administratively_prohibited: pods(FAR_PING, |topo| forbid(topo, "node-b", "FORWARD", refuse(IcmpError::PktFiltered)));
    ping_that_a_rule_refuses_between_two_ports_of_a_bridge: pods("ping://10.244.0.3", |topo| forbid(topo, "node-a", "FORWARD", refuse(IcmpError::PortUnreach)));
    a_ping_in_fragments_that_a_rule_refuses: pods(FAR_PING, |topo| forbid(topo, "node-b", "FORWARD", refuse(IcmpError::HostAno))).sizes(3000, 0);
    ping_that_a_rule_refuses_at_a_node: Case::new("two-nodes", "node/node-a", "ping://172.18.0.3").change(|topo| forbid(topo, "node-b", "INPUT", refuse(IcmpError::HostAno)));
    ping_that_a_rule_refuses_to_send: Case::new("two-nodes", "node/node-a", "ping://172.18.0.3").change(|topo| forbid(topo, "node-a", "OUTPUT", refuse(IcmpError::HostAno).protocol(1)));
    ping_that_a_rule_drops_as_it_is_sent: Case::new("two-nodes", "node/node-a", "ping://172.18.0.3").change(|topo| forbid(topo, "node-a", "OUTPUT", drop_all()));
    answers_that_a_rule_drops: pods(FAR_UDP, |topo| forbid(topo, "node-a", "FORWARD", drop_all().and(Match::CtState(Not::is(CtStates::ESTABLISHED)))));
    an_envelope_that_a_rule_drops: pods(FAR_PING, |topo| forbid(topo, "node-b", "INPUT", drop_all().protocol(17).and(Match::dport(8472))));
    an_envelope_that_a_rule_refuses: pods(FAR_PING, |topo| forbid(topo, "node-b", "INPUT", refuse(IcmpError::PortUnreach).protocol(17).and(Match::dport(8472))));
    a_service_behind_a_rule_that_resets: Case::new("services", "pod/client", "http://10.96.1.2:80").change(|topo| forbid(topo, "node-b", "FORWARD", reset()));
    a_service_behind_a_rule_that_refuses: Case::new("services", "pod/client", "udp://10.96.1.2:53").change(|topo| forbid(topo, "node-b", "FORWARD", refuse(IcmpError::HostAno)));
    a_node_port_behind_a_rule_that_resets: Case::new("services", "host/laptop", "http://172.18.0.2:30082").change(|topo| forbid(topo, "node-b", "FORWARD", reset()));

    no_filter_of_sources: Case::new("two-nodes", "pod/client", FAR_PING).set(rp_filter!("node-b", "default", "0"));
    a_loose_filter_of_sources: Case::new("two-nodes", "pod/client", FAR_PING).set(rp_filter!("node-b", "default", "2"));
    a_node_calls_a_far_pod_through_a_strict_filter: Case::new("two-nodes", "node/node-a", FAR_PING).set(rp_filter!("node-b", "default", "1"));
    a_node_calls_a_far_pod_by_host_gw_through_a_strict_filter: Case::new("two-nodes", "node/node-a", FAR_PING)
        .set(&[("cni.mode", "host-gw"), ("sysctl.node/node-b.net.ipv4.conf.all.rp_filter", "1")]);
    a_node_port_through_a_strict_filter: Case::new("services", "host/laptop", "http://172.18.0.2:30082")
        .set(&[("sysctl.node/node-a.net.ipv4.conf.all.rp_filter", "1"), ("sysctl.node/node-b.net.ipv4.conf.all.rp_filter", "1")]);
    the_loopback_node_port_where_loopback_is_not_routed: Case::new("services", "node/node-a", "http://127.0.0.1:30082")
        .set(&[("sysctl.node/node-a.net.ipv4.conf.all.route_localnet", "0")]);
}
