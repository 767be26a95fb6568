//! Tables, chains and walks, on a machine without devices.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Match, NatRange, Not, Policy, RecentOp, Rule, Table, TableError, TableName, Target};
use crate::base::{Dice, Instant, Writer};
use crate::netfilter::fixtures::Nowhere;
use crate::netfilter::{AddressType, CtState, HookResult, HookVerdict, HookView, Netfilter, Passing, RejectWith};
use crate::trace::{Choice, Hook, Why};
use crate::wire::{IcmpError, IpSpec, Packet, TcpFlags, TcpOptions, TcpSpec, tcp};

fn view(hook: Hook) -> HookView {
    HookView {
        hook,
        iif: Some("cbr0".into()),
        oif: Some("eth0".into()),
        physin: None,
        physout: None,
        next_hop: None,
        now: Instant::START,
        facts: Arc::new(Nowhere),
    }
}

/// A SYN from 10.244.0.2 to 10.96.0.10:80.
fn syn() -> Packet {
    let ip = IpSpec { src: [10, 244, 0, 2].into(), dst: [10, 96, 0, 10].into(), ttl: 64, df: true, id: 1, tos: 0 };
    let flags = TcpFlags { syn: true, ..TcpFlags::default() };
    let options = TcpOptions::Syn { mss: 1410, timestamps: (1, 0) };
    tcp(ip, TcpSpec { sport: 40000, dport: 80, seq: 1, ack: 0, flags, window: 64000, options }, &[])
}

fn run(netfilter: &mut Netfilter, hook: Hook, packet: &mut Packet, ct: &mut CtState, seed: u64) -> HookResult {
    let passing = Passing { packet, mark: &mut 0, ct, ipvs: &mut false };
    netfilter.run(passing, &view(hook), &mut Dice::new(seed, "node/node-a"))
}

fn rule(target: Target) -> Rule {
    Rule::new(Writer::Admin, target)
}

fn jump(chain: &str) -> Target {
    Target::Jump(chain.into())
}

fn to(ip: [u8; 4], port: u16) -> Target {
    Target::Dnat(NatRange::to(IpAddr::from(ip), Some(port)))
}

#[test]
fn ten_thousand_misses_are_one_range_and_each_says_why_when_asked() {
    let mut netfilter = Netfilter::default();
    for port in 1..=10_000 {
        let rule = rule(Target::Drop).protocol(6).and(Match::dport(port + 10_000));
        netfilter.table_mut(TableName::Filter).append("FORWARD", rule);
    }
    let result = run(&mut netfilter, Hook::Forward, &mut syn(), &mut CtState::None, 1);
    assert_eq!(result.verdict, HookVerdict::Accept);
    let walk = &result.steps[0].consulted[0];
    assert_eq!((walk.n_rows(), walk.matched()), (10_001, Some(10_000)));
    assert_eq!(walk.row(9_999).why, Why::Missed("destination port is 80".to_owned()));
    assert_eq!(walk.row(10_000).text, "-P FORWARD ACCEPT");
}

#[test]
fn a_chain_that_ends_goes_on_where_it_was_called_and_a_goto_does_not_come_back() {
    let verdict = |call: Target| {
        let mut netfilter = Netfilter::default();
        let table = netfilter.table_mut(TableName::Filter);
        table.append("FORWARD", rule(jump("A")));
        table.append("FORWARD", rule(Target::Accept));
        table.append("A", rule(call));
        table.append("A", rule(Target::Drop));
        table.append("B", rule(Target::None));
        table.set_policy(Hook::Forward, Policy::Drop);
        table.validate().expect("no circle");
        let result = run(&mut netfilter, Hook::Forward, &mut syn(), &mut CtState::None, 1);
        (result.verdict, result.steps[0].consulted[0].n_rows())
    };
    assert_eq!(verdict(jump("B")), (HookVerdict::Drop, 4));
    assert_eq!(verdict(Target::Goto("B".into())), (HookVerdict::Accept, 4));
    assert_eq!(verdict(Target::Return), (HookVerdict::Accept, 3));
}

#[test]
fn what_leads_in_a_circle_or_nowhere_is_refused_with_its_place() {
    let mut table = Table::new(TableName::Filter);
    table.append("FORWARD", rule(jump("A")));
    table.append("A", rule(Target::None));
    table.append("A", rule(jump("FORWARD")));
    let circle = TableError::Loop { chain: "A".into(), number: 2, target: "FORWARD".into() };
    assert_eq!(table.validate(), Err(circle));
    let mut table = Table::new(TableName::Filter);
    table.append("INPUT", rule(jump("MISSING")));
    let nowhere = TableError::NoSuchChain { chain: "INPUT".into(), number: 1, target: "MISSING".into() };
    assert_eq!(table.validate(), Err(nowhere));
    let mut table = Table::new(TableName::Filter);
    table.append("INPUT", rule(to([10, 0, 0, 1], 80)));
    assert!(matches!(table.validate(), Err(TableError::NotInThisTable { number: 1, .. })));
}

#[test]
fn a_mark_that_one_rule_sets_is_what_the_next_rule_sees() {
    let mut netfilter = Netfilter::default();
    let table = netfilter.table_mut(TableName::Mangle);
    table.append("FORWARD", rule(Target::or_mark(0x4000)));
    table.append("FORWARD", rule(Target::Drop).and(Match::Mark { value: 0x4000, mask: 0x4000, not: true }));
    table.append("FORWARD", rule(Target::xor_mark(0x4001)));
    let (mut packet, mut mark, mut ct) = (syn(), 0, CtState::None);
    let passing = Passing { packet: &mut packet, mark: &mut mark, ct: &mut ct, ipvs: &mut false };
    let result = netfilter.run(passing, &view(Hook::Forward), &mut Dice::new(1, ""));
    assert_eq!((result.verdict, mark), (HookVerdict::Accept, 1));
    let walk = &result.steps[0].consulted[0];
    assert_eq!(walk.row(1).why, Why::Missed("mark is 0x4000".to_owned()));
}

/// Two endpoints behind one service, as kube-proxy writes them.
fn service(netfilter: &mut Netfilter) {
    let table = netfilter.table_mut(TableName::Nat);
    let of_service = rule(jump("SVC")).dst(Not::is("10.96.0.10/32".parse().expect("a network")));
    table.append("PREROUTING", of_service.protocol(6).and(Match::dport(80)));
    table.append("SVC", rule(jump("SEP-1")).and(Match::random(0.5)));
    table.append("SVC", rule(jump("SEP-2")));
    table.append("SEP-1", rule(to([10, 244, 1, 2], 8080)).protocol(6));
    table.append("SEP-2", rule(to([10, 244, 1, 3], 8080)).protocol(6));
    let fully = NatRange { random_fully: true, ..NatRange::default() };
    table.append("POSTROUTING", rule(Target::Masquerade(fully)));
}

#[test]
fn the_dice_choose_an_endpoint_and_every_other_is_told_with_its_probability() {
    let choose = |seed| {
        let mut netfilter = Netfilter::default();
        service(&mut netfilter);
        run(&mut netfilter, Hook::Prerouting, &mut syn(), &mut CtState::None, seed).choice.expect("a translation")
    };
    let endpoint = |last| (IpAddr::from([10, 244, 1, last]), 8080);
    let all: Vec<Choice> = (1..20).map(choose).collect();
    for choice in &all {
        let mut known = choice.destinations.clone();
        crate::base::sort_by(&mut known, |(a, _), (b, _)| a.cmp(b));
        assert_eq!(known, [(endpoint(2), 0.5), (endpoint(3), 0.5)]);
    }
    for last in [2, 3] {
        assert!(all.iter().any(|choice| choice.chosen == endpoint(last)), "10.244.1.{last} is never chosen");
    }
}

#[test]
fn an_answer_is_translated_back_exactly() {
    let mut netfilter = Netfilter::default();
    service(&mut netfilter);
    let (mut packet, mut ct) = (syn(), CtState::None);
    run(&mut netfilter, Hook::Prerouting, &mut packet, &mut ct, 1);
    run(&mut netfilter, Hook::Postrouting, &mut packet, &mut ct, 1);
    let (ip, Some(crate::wire::Transport::Tcp(sent))) = (packet.ip_header().expect("IP"), packet.transport()) else {
        panic!("a segment");
    };
    assert_eq!(ip.src, IpAddr::from([172, 18, 0, 2]));
    assert!(packet.checksums_valid());
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (ip.dst, ip.src) else { panic!("IPv4") };
    let spec = IpSpec { src, dst, ttl: 64, df: true, id: 0, tos: 0 };
    let flags = TcpFlags { syn: true, ack: true, ..TcpFlags::default() };
    let options = TcpOptions::Syn { mss: 1410, timestamps: (1, 1) };
    let answer = TcpSpec { sport: 8080, dport: sent.sport, seq: 9, ack: 2, flags, window: 64000, options };
    let (mut answer, mut ct) = (tcp(spec, answer, &[]), CtState::None);
    run(&mut netfilter, Hook::Prerouting, &mut answer, &mut ct, 1);
    run(&mut netfilter, Hook::Postrouting, &mut answer, &mut ct, 1);
    assert_eq!(
        crate::wire::one_line(&answer).split(':').next(),
        Some("IP 10.96.0.10.80 > 10.244.0.2.40000"),
        "{answer:?}"
    );
    assert!(answer.checksums_valid());
    let row = netfilter.conntrack.rows(Instant::START).next().expect("an entry").print(Instant::START);
    assert!(row.starts_with("tcp      6 60 SYN_RECV src=10.244.0.2 dst=10.96.0.10 sport=40000 dport=80 src="), "{row}");
}

#[test]
fn a_packet_that_a_rule_refuses_leaves_no_connection_behind() {
    let mut netfilter = Netfilter::default();
    let reject = Target::Reject(RejectWith::Icmp(IcmpError::PortUnreach));
    netfilter.table_mut(TableName::Filter).append("FORWARD", rule(reject));
    let (mut packet, mut ct) = (syn(), CtState::None);
    run(&mut netfilter, Hook::Prerouting, &mut packet, &mut ct, 1);
    let result = run(&mut netfilter, Hook::Forward, &mut packet, &mut ct, 1);
    assert_eq!(result.verdict, HookVerdict::Reject(RejectWith::Icmp(IcmpError::PortUnreach)));
    assert_eq!(netfilter.conntrack.rows(Instant::START).count(), 0);
}

#[test]
fn a_list_remembers_a_source_for_as_long_as_it_was_told_to() {
    let mut netfilter = Netfilter::default();
    let recent = |op, seconds| Match::Recent { list: "L".into(), op: Not::is(op), seconds, reap: true };
    let table = netfilter.table_mut(TableName::Filter);
    table.append("FORWARD", rule(Target::Accept).and(recent(RecentOp::Rcheck, Some(10))));
    table.append("FORWARD", rule(Target::Drop).and(recent(RecentOp::Set, None)));
    let mut verdict = |secs| {
        let view = HookView { now: Instant::START + std::time::Duration::from_secs(secs), ..view(Hook::Forward) };
        let passing = Passing { packet: &mut syn(), mark: &mut 0, ct: &mut CtState::None, ipvs: &mut false };
        netfilter.run(passing, &view, &mut Dice::new(1, "")).verdict
    };
    assert_eq!([0, 5, 12].map(&mut verdict), [HookVerdict::Drop, HookVerdict::Accept, HookVerdict::Drop]);
}

#[test]
fn a_table_is_printed_as_iptables_save_prints_it() {
    let mut table = Table::new(TableName::Nat);
    let net = |text: &str| text.parse().expect("a network");
    table.append("PREROUTING", rule(jump("KUBE-SERVICES")).comment("kubernetes service portals"));
    let service = rule(jump("KUBE-SVC-X")).dst(Not::is(net("10.96.0.1/32"))).protocol(6);
    table.append("KUBE-SERVICES", service.comment("default/kubernetes:https cluster IP").and(Match::dport(443)));
    let local = rule(jump("KUBE-NODEPORTS")).and(Match::dst_type(AddressType::Local));
    table.append("KUBE-SERVICES", local);
    table.append("KUBE-SVC-X", rule(Target::or_mark(0x4000)).src(Not::isnt(net("10.244.0.0/16"))));
    table.append("KUBE-SVC-X", rule(jump("KUBE-SEP-A")).and(Match::random(1.0 / 3.0)));
    table.append("KUBE-SEP-A", rule(to([10, 244, 1, 2], 8080)).protocol(6));
    let random = Target::Masquerade(NatRange { random_fully: true, ..NatRange::default() });
    table.append("POSTROUTING", rule(random).and(Match::Mark { value: 0x4000, mask: 0x4000, not: true }));
    let text = table.save();
    let rules: Vec<&str> = text.lines().filter(|line| line.starts_with("-A")).collect();
    assert_eq!(
        rules,
        [
            "-A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES",
            "-A POSTROUTING -m mark ! --mark 0x4000/0x4000 -j MASQUERADE --random-fully",
            "-A KUBE-SEP-A -p tcp -j DNAT --to-destination 10.244.1.2:8080",
            "-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m comment --comment \"default/kubernetes:https cluster IP\" -m tcp --dport 443 -j KUBE-SVC-X",
            "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS",
            "-A KUBE-SVC-X ! -s 10.244.0.0/16 -j MARK --set-xmark 0x4000/0x4000",
            "-A KUBE-SVC-X -m statistic --mode random --probability 0.33333333349 -j KUBE-SEP-A",
        ]
    );
}

#[test]
fn a_verdict_of_table_nat_is_no_verdict_about_the_packet() {
    let mut netfilter = Netfilter::default();
    service(&mut netfilter);
    let (mut packet, mut ct) = (syn(), CtState::None);
    let result = run(&mut netfilter, Hook::Prerouting, &mut packet, &mut ct, 1);
    assert_eq!(result.verdict, HookVerdict::Accept);
    assert_ne!(packet.ip_header().map(|ip| ip.dst), syn().ip_header().map(|ip| ip.dst));
}
