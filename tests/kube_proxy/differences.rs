//! iptables and nftables beside each other, packet by packet: what they have in common, and each documented difference as
//! one.

use std::net::IpAddr;

use kubehop_core::base::{Dice, Writer};
use kubehop_core::k8s::kube_proxy::{ProxyConfig, ServicePort, ServicePorts, iptables, nftables};
use kubehop_core::k8s::objects::Protocol;
use kubehop_core::netfilter::{Match, Netfilter, Rule, TableName, Target};
use kubehop_core::trace::Choice;
use kubehop_core::wire::{IpSpec, TcpFlags, TcpOptions, TcpSpec, tcp};

use super::cluster::{OWN, node, read};
use super::draw::{Draw, config};
use super::flows::{packet, walk};

/// The node's rules of iptables, and those of nftables.
fn both(config: &ProxyConfig, ports: &ServicePorts) -> [Netfilter; 2] {
    let own = OWN.map(IpAddr::from);
    let [mut one, mut two] = [node(), node()];
    iptables::sync(&mut iptables::Written::default(), &mut one, config, &own, ports);
    nftables::sync(&mut nftables::Written::default(), &mut two, config, &own, ports);
    [one.netfilter, two.netfilter]
}

/// A few services that have no address in common.
fn services(draw: &mut Draw) -> ServicePorts {
    let services = (0..3_u8).map(|n| {
        let mut service = draw.service();
        service.name = format!("ns/svc{n}:p80");
        service.port = 80;
        service.cluster_ip = IpAddr::from([172, 30, 0, n + 1]);
        service.node_port = service.node_port.map(|_| 30001 + u16::from(n));
        let to_own = |ips: &mut Vec<IpAddr>, last| ips.iter_mut().for_each(|ip| *ip = IpAddr::from([198, 51, n, last]));
        to_own(&mut service.external_ips, 1);
        to_own(&mut service.load_balancer_ips, 2);
        service.into()
    });
    services.collect()
}

/// Where a service is asked: its addresses, and its port on the node's primary one.
fn targets(service: &ServicePort) -> Vec<String> {
    let addresses = [service.cluster_ip].into_iter();
    let addresses = addresses.chain(service.external_ips.iter().chain(&service.load_balancer_ips).copied());
    let node_port = service.node_port.map(|port| format!("192.168.0.2:{port}"));
    addresses.map(|ip| format!("{ip}:{}", service.port)).chain(node_port).collect()
}

/// Whether a client asks a balancer's address that is limited to others.
fn is_for_others(service: &ServicePort, from: &str, to: &str) -> bool {
    let from: IpAddr = from.parse().expect("an address");
    let is_balancer = service.load_balancer_ips.iter().any(|ip| *to == format!("{ip}:{}", service.port));
    is_balancer && !service.source_ranges.is_empty() && !service.source_ranges.iter().any(|net| net.contains(&from))
}

#[test]
fn both_modes_reach_the_same_endpoints_with_the_same_probabilities() {
    let (mut n_translated, mut n_for_others) = (0, 0);
    for seed in 0..60 {
        let mut draw = Draw(Dice::new(seed, "modes"));
        let mut config = config();
        config.masquerade_all = draw.below(4) == 0;
        config.local_cidr = config.local_cidr.filter(|_| draw.below(4) > 0);
        let ports = services(&mut draw);
        let [one, two] = both(&config, &ports);
        for service in &ports {
            // A pod, an endpoint, the node, somebody outside, and one of the clients that source ranges allow.
            for from in ["10.0.0.9", "10.0.0.1", "192.168.0.2", "203.0.113.2", "192.168.0.77"] {
                for to in targets(service) {
                    let syn = packet(from, &to, service.protocol);
                    let (mut left, right) = (walk(one.clone(), syn.clone()), walk(two.clone(), syn));
                    // Source ranges hold without endpoints too; iptables then tells everybody that there are none.
                    if left.0 == "REJECT" && is_for_others(service, from, &to) {
                        left.0 = "DROP".to_owned();
                        n_for_others += 1;
                    }
                    let context = format!("{seed}: {from} to {to} of {service:?}");
                    assert_eq!(left.0, right.0, "{context}");
                    // An endpoint that is sent to itself is masqueraded, and the modes draw each for themselves.
                    let chosen = |choice: &Option<Choice>| choice.as_ref().map(|choice| choice.chosen);
                    if from != "10.0.0.1" || chosen(&left.2) == chosen(&right.2) {
                        assert_eq!(left.1, right.1, "masquerade: {context}");
                    }
                    let shares = |choice: &Option<Choice>| -> Vec<((IpAddr, u16), u32)> {
                        let all = choice.iter().flat_map(|choice| &choice.destinations);
                        all.map(|(endpoint, share)| (*endpoint, (share * 1e6).round() as u32)).collect()
                    };
                    assert_eq!(shares(&left.2), shares(&right.2), "{context}");
                    n_translated += usize::from(left.2.is_some());
                }
            }
        }
    }
    assert!(n_translated > 500 && n_for_others > 5, "{n_translated}, {n_for_others}");
}

#[test]
fn what_nftables_does_otherwise_than_iptables() {
    let clusters = read(include_str!("overall.yaml"));
    let tables = [clusters[0].netfilter(), clusters[0].nftables()];
    for (what, from, to, expected) in [
        ("node ports are on the primary address alone", "203.0.113.2", "192.168.1.2:3003", ["10.180.0.3:80", ""]),
        ("node ports are not on the loopback address", "127.0.0.1", "127.0.0.1:3003", ["10.180.0.3:80", ""]),
        ("a port that no service of a clusterIP has is refused", "10.0.0.2", "172.30.0.41:81", ["", "REJECT"]),
        ("a clusterIP that no service has is dropped", "10.0.0.2", "172.30.0.99:80", ["", "DROP"]),
    ] {
        let found = tables.clone().map(|tables| walk(tables, packet(from, to, Protocol::Tcp)).0);
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn nftables_has_node_ports_where_it_is_told_but_never_on_loopback() {
    let clusters = read(include_str!("overall.yaml"));
    for (nets, expected) in [
        (&["192.168.1.0/24", "127.0.0.0/8"][..], ["", "10.180.0.3:80", ""]),
        (&["0.0.0.0/0"], ["10.180.0.3:80", "10.180.0.3:80", ""]),
    ] {
        let mut config = clusters[0].config();
        config.node_port_addresses = nets.iter().map(|net| net.parse().expect("a network")).collect();
        let [_, tables] = both(&config, &kubehop_core::k8s::kube_proxy::service_ports(&clusters[0].objects()));
        assert_eq!(tables.nft.validate(), Ok(()));
        let found = ["192.168.0.2", "192.168.1.2", "127.0.0.1"]
            .map(|ip| walk(tables.clone(), packet("203.0.113.2", &format!("{ip}:3003"), Protocol::Tcp)).0);
        assert_eq!(found, expected, "{nets:?}");
    }
}

#[test]
fn nftables_lets_packets_through_that_belong_to_no_connection() {
    let ip = IpSpec { src: [10, 0, 0, 2].into(), dst: [10, 0, 0, 3].into(), ttl: 64, df: true, id: 1, tos: 0 };
    let flags = TcpFlags { rst: true, ..TcpFlags::default() };
    let reset = TcpSpec { sport: 1, dport: 2, seq: 1, ack: 0, flags, window: 0, options: TcpOptions::None };
    let found = both(&config(), &ServicePorts::new()).map(|tables| walk(tables, tcp(ip, reset, &[])).0);
    assert_eq!(found, ["DROP", ""]);
}

#[test]
fn nftables_does_not_open_the_port_of_health_checks() {
    let clusters = read(include_str!("overall.yaml"));
    // Somebody else's rule behind kube-proxy's: with iptables the port is accepted before it.
    let found = [clusters[0].netfilter(), clusters[0].nftables()].map(|mut tables| {
        let closed = Rule::new(Writer::Admin, Target::Drop).protocol(6).and(Match::dport(30000));
        tables.table_mut(TableName::Filter).append("INPUT", closed);
        walk(tables, packet("203.0.113.2", "192.168.0.2:30000", Protocol::Tcp)).0
    });
    assert_eq!(found, ["", "DROP"]);
}
