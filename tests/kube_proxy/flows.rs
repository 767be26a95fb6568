//! Packets through the rules, by the engine that moves them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use kubehop_core::base::{Dice, Instant};
use kubehop_core::k8s::objects::Protocol;
use kubehop_core::netfilter::{
    AddressType, CtState, Facts, HookResult, HookVerdict, HookView, Netfilter, Passing, TableName,
};
use kubehop_core::trace::{Choice, Hook};
use kubehop_core::wire::{self, IpSpec, Packet, TcpFlags, TcpOptions, TcpSpec};
use serde::Deserialize;

use super::cluster::{Cluster, OWN, read};

/// One packet and what becomes of it.
#[derive(Deserialize)]
pub(crate) struct Flow {
    name: String,
    from: String,
    protocol: String,
    to: String,
    output: String,
    masq: bool,
    /// Why it is not sent.
    skip: Option<String>,
}

/// The node's addresses are its own; all others are somewhere.
#[derive(Debug)]
struct Machine;

impl Facts for Machine {
    fn address_type(&self, ip: IpAddr, _: Option<&str>) -> AddressType {
        if OWN.map(IpAddr::from).contains(&ip) { AddressType::Local } else { AddressType::Unicast }
    }

    fn source_address(&self, _: &str, _: IpAddr) -> Option<IpAddr> {
        Some(IpAddr::from(OWN[1]))
    }

    fn first_address(&self, _: &str) -> Option<IpAddr> {
        None
    }
}

pub(crate) fn view(hook: Hook) -> HookView {
    HookView {
        hook,
        iif: None,
        oif: None,
        physin: None,
        physout: None,
        next_hop: None,
        now: Instant::START,
        facts: Arc::new(Machine),
    }
}

/// The first packet of a connection from port 40000.
pub(crate) fn packet(from: &str, to: &str, protocol: Protocol) -> Packet {
    let to: SocketAddrV4 = to.parse().expect("an address and a port");
    let src: Ipv4Addr = from.parse().expect("an address");
    let ip = IpSpec { src, dst: *to.ip(), ttl: 64, df: true, id: 1, tos: 0 };
    let (flags, options) = (TcpFlags { syn: true, ..TcpFlags::default() }, TcpOptions::None);
    let syn = TcpSpec { sport: 40000, dport: to.port(), seq: 1, ack: 0, flags, window: 64240, options };
    match protocol {
        Protocol::Udp => wire::udp(ip, 40000, to.port(), b"x"),
        Protocol::Tcp | Protocol::Sctp => wire::tcp(ip, syn, &[]),
    }
}

impl Flow {
    fn packet(&self) -> Packet {
        packet(&self.from, &self.to, if self.protocol == "UDP" { Protocol::Udp } else { Protocol::Tcp })
    }
}

/// What becomes of a packet that comes to the node: an outcome as in the tables, and whether it is marked.
pub(crate) fn walk(mut netfilter: Netfilter, mut packet: Packet) -> (String, bool, Option<Choice>) {
    let (mut mark, mut ct, mut dice) = (0, CtState::None, Dice::new(1, "test"));
    let mut visit = |hook, packet: &mut Packet| -> HookResult {
        let view = view(hook);
        netfilter.run(Passing { packet, mark: &mut mark, ct: &mut ct, ipvs: &mut false }, &view, &mut dice)
    };
    let first = visit(Hook::Prerouting, &mut packet);
    let dst = packet.ip_header().expect("an IP packet").dst;
    let is_own = Machine.address_type(dst, None) == AddressType::Local;
    let last = match first.verdict {
        HookVerdict::Accept => visit(if is_own { Hook::Input } else { Hook::Forward }, &mut packet).verdict,
        ended => ended,
    };
    let endpoint = |((ip, port), _): &((IpAddr, u16), f64)| SocketAddr::new(*ip, *port).to_string();
    let all = first.choice.iter().flat_map(|choice| choice.destinations.iter().map(endpoint));
    let output = match last {
        HookVerdict::Drop => "DROP".to_owned(),
        HookVerdict::Reject(_) => "REJECT".to_owned(),
        HookVerdict::Accept | HookVerdict::Transmit(_) => all.collect::<Vec<_>>().join(", "),
    };
    let is_marked = mark & 0x4000 != 0;
    if let Some(choice) = &first.choice {
        assert_eq!(choice.masqueraded, is_marked, "what the trace says of masquerade");
    }
    (output, is_marked, first.choice)
}

/// What a table's packets go through.
type Tables = fn(&Cluster) -> Netfilter;

const IPTABLES: (&str, Tables) = (include_str!("flows.yaml"), Cluster::netfilter);
const NFTABLES: (&str, Tables) = (include_str!("nftables.yaml"), Cluster::nftables);

fn tables(text: &str) -> impl Iterator<Item = Cluster> {
    read(text).into_iter().filter(|cluster| cluster.skip.is_none())
}

/// Sends every packet; returns how many there are.
fn send_all((text, rules): (&str, Tables)) -> usize {
    let mut n_sent = 0;
    for cluster in tables(text) {
        for flow in cluster.flows.iter().filter(|flow| flow.skip.is_none()) {
            let (output, is_marked, _) = walk(rules(&cluster), flow.packet());
            assert_eq!((output, is_marked), (flow.output.clone(), flow.masq), "{}: {}", cluster.table, flow.name);
            n_sent += 1;
        }
    }
    n_sent
}

#[test]
fn packets_come_to_what_kube_proxy_expects() {
    assert_eq!(send_all(IPTABLES), 111, "flows of the tables");
}

#[test]
fn packets_come_to_what_kube_proxy_expects_of_nftables() {
    assert_eq!(send_all(NFTABLES), 100, "flows of the tables");
}

#[test]
fn every_endpoint_is_as_likely_as_the_others() {
    for (text, rules) in [IPTABLES, NFTABLES] {
        for cluster in tables(text) {
            for flow in cluster.flows.iter().filter(|flow| flow.skip.is_none()) {
                let (_, _, Some(choice)) = walk(rules(&cluster), flow.packet()) else { continue };
                let each = 1.0 / choice.destinations.len() as f64;
                assert!(choice.destinations.iter().all(|(_, p)| (p - each).abs() < 1e-8), "{}: {choice:?}", flow.name);
            }
        }
    }
}

#[test]
fn the_loopback_network_is_guarded_where_node_ports_are_on_it() {
    let wanted = |cluster: Cluster| cluster.blocks_localnet.map(|wanted| (cluster, wanted));
    for (cluster, wanted) in tables(IPTABLES.0).filter_map(wanted) {
        let netfilter = cluster.netfilter();
        let chain = netfilter.table(TableName::Filter).chain("KUBE-FIREWALL").expect("the chain").rules();
        assert_eq!(chain.len(), usize::from(wanted), "{}", cluster.table);
    }
}
