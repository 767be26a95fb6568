//! Rulesets on a machine without devices. Their texts are what nft 1.0.6 lists after it has loaded them.

mod kube_proxy;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Base, ChainKind, DataType, Element, Family, Field, Key, MarkExpr, Match, Numgen, NumgenMode, Rule, Ruleset, Set,
    SetRef, Span, Statement, Table, UpdateOp, Verdict, priority,
};
use crate::base::{Dice, Instant, Writer};
use crate::netfilter::fixtures::Nowhere;
use crate::netfilter::{
    AddressType, CtState, CtStates, HookResult, HookVerdict, HookView, NatRange, Netfilter, Passing, Policy,
    RejectWith, TableName, Target,
};
use crate::trace::{Hook, Why};
use crate::wire::{IcmpError, IpSpec, Packet, TcpFlags, TcpOptions, TcpSpec, tcp, udp};

fn view(hook: Hook, now: Instant) -> HookView {
    let (iif, oif): (Option<Arc<str>>, Option<Arc<str>>) = match hook {
        Hook::Prerouting | Hook::Input => (Some("cbr0".into()), None),
        Hook::Forward => (Some("cbr0".into()), Some("eth0".into())),
        Hook::Output | Hook::Postrouting => (None, Some("eth0".into())),
    };
    HookView { hook, iif, oif, physin: None, physout: None, next_hop: None, now, facts: Arc::new(Nowhere) }
}

/// A SYN to port 80 or whichever, the source's port 40000.
fn syn(src: [u8; 4], dst: [u8; 4], dport: u16) -> Packet {
    let ip = IpSpec { src: src.into(), dst: dst.into(), ttl: 64, df: true, id: 1, tos: 0 };
    let flags = TcpFlags { syn: true, ..TcpFlags::default() };
    let options = TcpOptions::Syn { mss: 1410, timestamps: (1, 0) };
    tcp(ip, TcpSpec { sport: 40000, dport, seq: 1, ack: 0, flags, window: 64000, options }, &[])
}

const CLIENT: [u8; 4] = [10, 244, 0, 2];
const SERVER: [u8; 4] = [10, 96, 0, 10];

fn run_at(netfilter: &mut Netfilter, hook: Hook, packet: &mut Packet, now: Duration, seed: u64) -> HookResult {
    let passing = Passing { packet, mark: &mut 0, ct: &mut CtState::None, ipvs: &mut false };
    netfilter.run(passing, &view(hook, Instant::START + now), &mut Dice::new(seed, "node/node-a"))
}

/// The verdict on a SYN that is forwarded.
fn forward(netfilter: &mut Netfilter, dport: u16) -> HookVerdict {
    run_at(netfilter, Hook::Forward, &mut syn(CLIENT, SERVER, dport), Duration::ZERO, 1).verdict
}

fn rule() -> Rule {
    Rule::new(Writer::Admin)
}

fn drops() -> Rule {
    rule().verdict(Verdict::Drop)
}

fn port(port: u16) -> Span {
    Span::one(port)
}

fn ip(ip: [u8; 4]) -> Span {
    Span::ip(ip.into())
}

fn net(text: &str) -> Span {
    Span::net(text.parse().expect("a network"))
}

/// A table with one base chain `c` on hook forward.
fn with_chain(rules: impl IntoIterator<Item = Rule>) -> Netfilter {
    let mut netfilter = Netfilter::default();
    let table = netfilter.nft.table_mut(Family::Ip, "t");
    table.add_base_chain("c", Base::new(ChainKind::Filter, Hook::Forward, priority::FILTER));
    rules.into_iter().for_each(|rule| table.append("c", rule));
    netfilter
}

/// A packet from 10.244.0.2 to port 80 of 10.96.0.10 is dropped by a rule if it matches.
#[test]
fn matches_compare_as_the_kernel_does() {
    let one = |spans: &[Span]| {
        let fields = [DataType::InetService];
        spans.iter().fold(Set::new(&fields), |set, span| set.with([*span])).anonymous()
    };
    let pair = Set::new(&[DataType::Ipv4Addr, DataType::InetProto, DataType::InetService]).with([
        ip(SERVER),
        Span::one(6_u8),
        port(80),
    ]);
    let dport = Field::TcpDport;
    let cases = [
        (Field::IpSaddr.is(ip(CLIENT)), true),
        (Field::IpSaddr.isnt(net("10.244.0.0/16")), false),
        (Field::IpDaddr.is(net("10.96.0.0/12")), true),
        (Field::Ip6Saddr.isnt(Span::one(1_u8)), false),
        (Field::IpProtocol.is(Span::one(6_u8)), true),
        (Field::L4proto.isnt(Span::one(17_u8)), true),
        (dport.is(Span::range(80_u16, 90_u16)), true),
        (dport.isnt(port(80)), false),
        // What is no UDP has no UDP port, whatever it is compared to.
        (Field::UdpDport.isnt(port(53)), false),
        (Field::ThDport.isnt(port(53)), true),
        (dport.within(one(&[port(80), port(443)])), true),
        (dport.within(one(&[port(1), Span::range(70_u16, 79_u16), port(443)])), false),
        (dport.within(one(&[port(1), Span::range(70_u16, 80_u16), port(443)])), true),
        (Match::within(vec![Field::IpDaddr, Field::L4proto, Field::ThDport], pair.clone().anonymous()), true),
        (Match::within(vec![Field::IpDaddr, Field::L4proto, Field::ThDport], pair.anonymous()).negated(), false),
        (Field::IifName.is(Span::dev("cbr*")), true),
        (Field::IifName.is(Span::dev("cbr")), false),
        (Field::OifName.isnt(Span::dev("lo")), true),
        (Field::Mark.masked(0xff, 0), true),
        (Field::Mark.isnt(Span::one(0_u32)), false),
        (Field::ct_state(CtStates::INVALID.or(CtStates::NEW)), true),
        (Field::ct_state(CtStates::NEW).negated(), true),
        (Field::CtState.isnt(Span::one(8_u32)), true),
        // A packet that belongs to no connection has no direction, no mark and no status.
        (Field::CtDirection.isnt(Span::one(0_u8)), false),
        (Field::CtMark.isnt(Span::one(1_u32)), false),
        (Field::CtStatus.has(0x20).negated(), false),
        (Field::NfProto.is(Span::one(2_u8)), true),
        (Field::FibSaddrType.is(Span::address_type(AddressType::Local)), false),
        (Field::FibDaddrType.isnt(Span::address_type(AddressType::Local)), true),
        (Field::IcmpType.is(Span::one(8_u8)), false),
    ];
    for (one, expected) in cases {
        let mut netfilter = with_chain([rule().when(one.clone()).verdict(Verdict::Drop)]);
        netfilter.nft.validate().expect("a ruleset that nft takes");
        assert_eq!(forward(&mut netfilter, 80) == HookVerdict::Drop, expected, "{one:?}");
    }
}

#[test]
fn statements_end_in_the_kernels_verdicts() {
    let vmap = |verdict| Statement::Vmap {
        key: Key::Fields(vec![Field::TcpDport]),
        map: Set::vmap(&[DataType::InetService]).with_verdict([port(80)], verdict).anonymous(),
    };
    let unreachable = RejectWith::Icmp(IcmpError::PortUnreach);
    let cases = [
        (vec![rule().verdict(Verdict::Accept), drops()], HookVerdict::Accept),
        (vec![rule().then(Statement::Counter).verdict(Verdict::Continue), drops()], HookVerdict::Drop),
        (vec![rule().then(Statement::Reject(unreachable))], HookVerdict::Reject(unreachable)),
        (vec![rule().then(Statement::Reject(RejectWith::TcpReset))], HookVerdict::Reject(RejectWith::TcpReset)),
        (vec![rule().then(vmap(Verdict::Drop))], HookVerdict::Drop),
        (vec![rule().then(vmap(Verdict::Accept)), drops()], HookVerdict::Accept),
        // The other chain drops everything: a jump comes back from a return, a goto does not.
        (vec![rule().then(vmap(Verdict::jump("returns"))), drops()], HookVerdict::Drop),
        (vec![rule().then(vmap(Verdict::goto("returns"))), drops()], HookVerdict::Accept),
        // The mark is changed before the next rule is tried, even by a rule that then misses.
        (
            vec![
                rule()
                    .then(Statement::SetMark(MarkExpr::copy(Field::Mark).or(0x4000)))
                    .when(Field::TcpDport.is(port(1))),
                rule().when(Field::Mark.masked(0x4000, 0x4000)).verdict(Verdict::Drop),
            ],
            HookVerdict::Drop,
        ),
    ];
    for (rules, expected) in cases {
        let mut netfilter = with_chain(rules.clone());
        let table = netfilter.nft.table_mut(Family::Ip, "t");
        table.append("returns", rule().verdict(Verdict::Return));
        table.append("returns", drops());
        netfilter.nft.validate().expect("a ruleset that nft takes");
        assert_eq!(forward(&mut netfilter, 80), expected, "{rules:?}");
    }
}

#[test]
fn marks_are_masked_and_flipped_as_nft_writes_it() {
    let mark = MarkExpr::copy(Field::Mark);
    let cases = [
        (MarkExpr::value(0x10), 0x10, "meta mark set 0x00000010"),
        (mark.or(0x4000), 0x40f0, "meta mark set meta mark | 0x00004000"),
        (mark.xor(0x4000), 0x40f0, "meta mark set meta mark ^ 0x00004000"),
        (mark.and(0xff), 0xf0, "meta mark set meta mark & 0x000000ff"),
        (mark.and(0xffff_00ff).or(0x1200), 0x12f0, "meta mark set meta mark & 0xffff12ff | 0x00001200"),
        (mark.and(0xff).xor(0x0f), 0xff, "meta mark set meta mark & 0x000000ff ^ 0x0000000f"),
    ];
    for (expr, expected, text) in cases {
        let set = rule().then(Statement::SetMark(expr));
        assert_eq!(set.print(Family::Ip), text);
        let mut netfilter = with_chain([set]);
        let (mut packet, mut mark) = (syn(CLIENT, SERVER, 80), 0xf0);
        let passing = Passing { packet: &mut packet, mark: &mut mark, ct: &mut CtState::None, ipvs: &mut false };
        netfilter.run(passing, &view(Hook::Forward, Instant::START), &mut Dice::new(1, ""));
        assert_eq!(mark, expected, "{text}");
    }
}

#[test]
fn chains_of_both_engines_are_called_by_priority() {
    let accept_80 = || rule().when(Field::TcpDport.is(port(80))).verdict(Verdict::Accept);
    let mut netfilter = Netfilter::default();
    let table = netfilter.nft.table_mut(Family::Inet, "t");
    for (name, priority) in [("late", 10), ("first", -200), ("second", 0), ("made-later", 0)] {
        table.add_base_chain(name, Base::new(ChainKind::Filter, Hook::Forward, priority));
        table.append(name, accept_80());
    }
    table.add_base_chain("silent", Base::new(ChainKind::Filter, Hook::Forward, -5));
    for name in [TableName::Mangle, TableName::Filter] {
        netfilter.table_mut(name).append("FORWARD", crate::netfilter::Rule::new(Writer::Admin, Target::None));
    }
    let result = run_at(&mut netfilter, Hook::Forward, &mut syn(CLIENT, SERVER, 80), Duration::ZERO, 1);
    let called: Vec<String> = result.steps.iter().map(|step| step.consulted[0].row(0).text).collect();
    let called: Vec<&str> = called.iter().map(|text| text.split(" tcp").next().unwrap_or(text).trim_end()).collect();
    let expected = [
        "add rule inet t first",
        "-A FORWARD",
        "add rule inet t made-later",
        "add rule inet t second",
        "-A FORWARD",
        "add rule inet t late",
    ];
    assert_eq!(called, expected);
    let slugs: Vec<&str> = result.steps.iter().map(|step| step.stage.slug()).collect();
    assert_eq!(slugs[..2], ["nft-forward", "mangle-forward"]);
}

#[test]
fn a_new_connection_asks_nat_chains_until_one_has_chosen_and_then_none() {
    let to = |last: u8| rule().then(Statement::Dnat(NatRange::to([10, 244, 1, last].into(), Some(8080))));
    let mut netfilter = Netfilter::default();
    let table = netfilter.nft.table_mut(Family::Ip, "t");
    table.add_base_chain("early", Base::new(ChainKind::Nat, Hook::Output, -110));
    table.append("early", rule().when(Field::TcpDport.is(port(443))).verdict(Verdict::Drop));
    table.add_base_chain("late", Base::new(ChainKind::Nat, Hook::Output, -90));
    table.append("late", to(9));
    table.add_base_chain("post", Base::new(ChainKind::Nat, Hook::Postrouting, priority::SRCNAT));
    table.append("post", rule().then(Statement::Masquerade(NatRange { random_fully: true, ..NatRange::default() })));
    let nat = netfilter.table_mut(TableName::Nat);
    let target = Target::Dnat(NatRange::to([10, 244, 1, 7].into(), Some(8080)));
    nat.append("OUTPUT", crate::netfilter::Rule::new(Writer::Admin, target));
    netfilter.nft.validate().expect("a ruleset that nft takes");

    let (mut packet, mut ct, mut dice) = (syn(CLIENT, SERVER, 80), CtState::None, Dice::new(1, ""));
    let mut pass = |packet: &mut Packet, ct: &mut CtState, hook| {
        let passing = Passing { packet, mark: &mut 0, ct, ipvs: &mut false };
        netfilter.run(passing, &view(hook, Instant::START), &mut dice)
    };
    let slugs = |result: &HookResult| result.steps.iter().map(|step| step.stage.slug()).collect::<Vec<_>>();
    // Table nat is asked between the two and chooses; the first one passed.
    let result = pass(&mut packet, &mut ct, Hook::Output);
    assert_eq!(slugs(&result), ["conntrack-output", "nft-output", "nat-output"]);
    assert_eq!(packet.ip_header().map(|ip| ip.dst), Some(IpAddr::from([10, 244, 1, 7])));
    let result = pass(&mut packet, &mut ct, Hook::Postrouting);
    assert_eq!(slugs(&result), ["nft-postrouting", "confirm-postrouting"]);
    assert_eq!(packet.ip_header().map(|ip| ip.src), Some(IpAddr::from([172, 18, 0, 2])));

    // The same again belongs to the connection, and no rule is asked.
    let (mut again, mut ct) = (syn(CLIENT, SERVER, 80), CtState::None);
    let result = pass(&mut again, &mut ct, Hook::Output);
    assert_eq!(slugs(&result), ["conntrack-output", "nat-output"]);
    assert_eq!(result.steps[1].consulted[0].command(), "conntrack -L");
    let result = pass(&mut syn(CLIENT, SERVER, 443), &mut CtState::None, Hook::Output);
    assert_eq!((result.verdict, &slugs(&result)[1..]), (HookVerdict::Drop, &["nft-output"][..]));
}

#[test]
fn a_lookup_among_ten_thousand_elements_is_a_search_and_says_what_it_found() {
    let key = [DataType::Ipv4Addr, DataType::InetProto, DataType::InetService];
    let service = |n: u16| [Span::one(0x0a60_0000_u32 + u32::from(n)), Span::one(6_u8), port(80)];
    let map = (0..10_000).fold(Set::vmap(&key), |map, n| map.with_verdict(service(n), Verdict::goto(&format!("s{n}"))));
    let keys = vec![Field::IpDaddr, Field::L4proto, Field::ThDport];
    let mut netfilter =
        with_chain([rule().then(Statement::Vmap { key: Key::Fields(keys), map: SetRef::named("services") })]);
    let table = netfilter.nft.table_mut(Family::Ip, "t");
    (0..10_000).for_each(|n| table.append(&format!("s{n}"), drops()));
    table.add_set("services", map);
    netfilter.nft.validate().expect("a ruleset that nft takes");
    for _ in 0..10_000 {
        assert_eq!(forward(&mut netfilter, 80), HookVerdict::Drop);
    }
    let why = |dport| {
        let result = run_at(&mut netfilter.clone(), Hook::Forward, &mut syn(CLIENT, SERVER, dport), Duration::ZERO, 1);
        let walk = result.steps[0].consulted[0].clone();
        (walk.row(0).why, walk.matched().map(|idx| walk.row(idx).text))
    };
    assert_eq!(
        why(80),
        (
            Why::Matched("element 10.96.0.10 . tcp . 80 : goto s10".to_owned()),
            Some("add rule ip t s10 drop".to_owned())
        )
    );
    assert_eq!(
        why(81),
        (
            Why::Missed("10.96.0.10 . tcp . 81 is not in @services".to_owned()),
            Some("add chain ip t c { type filter hook forward priority filter; policy accept; }".to_owned())
        )
    );
}

#[test]
fn elements_go_when_their_time_is_over_and_update_begins_it_anew() {
    let add = |op| Statement::Update { op, set: "seen".into(), fields: vec![Field::IpSaddr], timeout: None };
    let verdicts = |op| {
        let known = rule().when(Field::IpSaddr.within(SetRef::named("seen"))).then(add(op)).verdict(Verdict::Drop);
        let mut netfilter = with_chain([known, rule().then(add(op))]);
        let table = netfilter.nft.table_mut(Family::Ip, "t");
        table.add_set("seen", Set::new(&[DataType::Ipv4Addr]).dynamic().timeout(Duration::from_secs(10)));
        netfilter.nft.validate().expect("a ruleset that nft takes");
        [0, 8, 16, 30].map(|secs| {
            let mut packet = syn(CLIENT, SERVER, 80);
            let result = run_at(&mut netfilter, Hook::Forward, &mut packet, Duration::from_secs(secs), 1);
            let walk = &result.steps[0].consulted[0];
            (result.verdict == HookVerdict::Drop, matches!(walk.row(0).why, Why::Matched(_)))
        })
    };
    let (no, yes) = ((false, false), (true, true));
    assert_eq!(verdicts(UpdateOp::Update), [no, yes, yes, no]);
    assert_eq!(verdicts(UpdateOp::Add), [no, yes, no, no]);

    let mut set = Set::new(&[DataType::Ipv4Addr]).timeout(Duration::from_secs(10));
    let hour = Duration::from_secs(3600);
    set.insert(vec![ip(CLIENT)], Element { timeout: Some((hour, Instant::START + hour)), ..Element::default() });
    let key = [u128::from(u32::from_be_bytes(CLIENT))];
    assert!(set.find(&key, Instant::START + Duration::from_secs(3599)).is_some());
    assert!(set.find(&key, Instant::START + hour).is_none());
}

#[test]
fn numgen_inc_takes_turns_and_random_draws() {
    let vmap = |mode| Statement::Vmap {
        key: Key::Numgen(Numgen::new(mode, 2)),
        map: Set::vmap(&[DataType::Integer])
            .with_verdict([Span::one(0_u8)], Verdict::Accept)
            .with_verdict([Span::one(1_u8)], Verdict::Drop)
            .anonymous(),
    };
    let mut netfilter = with_chain([rule().then(vmap(NumgenMode::Inc))]);
    let inc: Vec<bool> = (0..4).map(|_| forward(&mut netfilter, 80) == HookVerdict::Drop).collect();
    assert_eq!(inc, [false, true, false, true]);

    let mut netfilter = with_chain([rule().then(vmap(NumgenMode::Random))]);
    let mut drops = 0;
    for seed in 0..1000 {
        let result = run_at(&mut netfilter, Hook::Forward, &mut syn(CLIENT, SERVER, 80), Duration::ZERO, seed);
        let (is_drop, row) = (result.verdict == HookVerdict::Drop, result.steps[0].consulted[0].row(0));
        let said = if is_drop { "drew 1; element 1 : drop" } else { "drew 0; element 0 : accept" };
        assert_eq!(row.why, Why::Matched(said.to_owned()), "seed {seed}");
        drops += u32::from(is_drop);
    }
    assert!((450..550).contains(&drops), "{drops} of 1000");
}

#[test]
fn what_the_kernel_does_not_take_is_refused_with_its_place() {
    type Build = fn(&mut Table);
    let vmap =
        |name: &str| rule().then(Statement::Vmap { key: Key::Fields(vec![Field::IpDaddr]), map: SetRef::named(name) });
    let cases: [(&str, Build); 12] = [
        ("table ip t: rule 1 of c leads to a, and there is no such chain to lead to", |table| {
            table.append("c", rule().verdict(Verdict::jump("a")));
        }),
        ("table ip t: rule 2 of b leads back to a: too many levels of symbolic links", |table| {
            table.append("a", rule().verdict(Verdict::jump("b")));
            table.append("b", rule().then(Statement::Counter));
            table.append("b", rule().verdict(Verdict::goto("a")));
        }),
        ("table ip t: rule 1 of c16 leads deeper than 16 chains: too many links", |table| {
            table.add_chain("c0");
            (1..=16)
                .for_each(|n| table.append(&format!("c{n}"), rule().verdict(Verdict::jump(&format!("c{}", n - 1)))));
        }),
        ("table ip t: rule 1 of c asks @s, and there is no such set", |table| {
            table.append("c", rule().when(Field::IpSaddr.within(SetRef::named("s"))));
        }),
        ("table ip t: rule 1 of c: found inet_service, expected ipv4_addr", |table| {
            table.add_set("s", Set::new(&[DataType::Ipv4Addr]));
            table.append("c", rule().when(Field::TcpDport.within(SetRef::named("s"))));
        }),
        ("table ip t: element 1 of map m leads to a, and there is no such chain to lead to", |table| {
            table.add_set("m", Set::vmap(&[DataType::Ipv4Addr]).with_verdict([ip(SERVER)], Verdict::goto("a")));
        }),
        ("table ip t: set s: 10.0.0.0/8 and 10.96.0.10 are conflicting intervals", |table| {
            table.add_set("s", Set::new(&[DataType::Ipv4Addr]).interval().with([net("10.0.0.0/8")]).with([ip(SERVER)]));
        }),
        ("table ip t: set s: 10.0.0.0/8 is an interval, and the set has no flag for them", |table| {
            table.add_set("s", Set::new(&[DataType::Ipv4Addr]).with([net("10.0.0.0/8")]));
        }),
        ("table ip t: rule 1 of c: dnat is not possible in filter chains on forward", |table| {
            table.add_base_chain("f", Base::new(ChainKind::Filter, Hook::Forward, 0));
            table.append("f", rule().verdict(Verdict::jump("c")));
            table.append("c", rule().then(Statement::Dnat(NatRange::to(CLIENT.into(), None))));
        }),
        ("table ip t: chain n: nothing is translated on hook forward", |table| {
            table.add_base_chain("n", Base::new(ChainKind::Nat, Hook::Forward, 0));
        }),
        (
            "table ip t: rule 1 of c: found @s, expected a set with flag dynamic, and timeout if elements have one",
            |table| {
                table.add_set("s", Set::new(&[DataType::Ipv4Addr]));
                let op = UpdateOp::Add;
                let fields = vec![Field::IpSaddr];
                table.append("c", rule().then(Statement::Update { op, set: "s".into(), fields, timeout: None }));
            },
        ),
        ("table ip t: rule 1 of c: found ipv4_addr : verdict, expected ipv4_addr", |table| {
            table.add_set("s", Set::new(&[DataType::Ipv4Addr]));
            let key = Key::Fields(vec![Field::IpDaddr]);
            table.append("c", rule().then(Statement::Vmap { key, map: SetRef::named("s") }));
        }),
    ];
    for (expected, build) in cases {
        let mut ruleset = Ruleset::default();
        build(ruleset.table_mut(Family::Ip, "t"));
        assert_eq!(ruleset.validate().map_err(|error| error.to_string()), Err(expected.to_owned()));
    }
    // A circle through a map is one as well.
    let mut ruleset = Ruleset::default();
    let table = ruleset.table_mut(Family::Ip, "t");
    table.add_set("m", Set::vmap(&[DataType::Ipv4Addr]).with_verdict([ip(SERVER)], Verdict::goto("a")));
    table.append("a", vmap("m"));
    let error = ruleset.validate().map_err(|error| error.to_string());
    assert_eq!(error, Err("table ip t: rule 1 of a leads back to a: too many levels of symbolic links".to_owned()));
}

#[test]
fn a_base_chains_policy_decides_at_its_end() {
    let mut netfilter = with_chain([]);
    let base = Base { policy: Policy::Drop, ..Base::new(ChainKind::Filter, Hook::Forward, -5) };
    netfilter.nft.table_mut(Family::Ip, "t").add_base_chain("c", base);
    let mut packet = udp(
        IpSpec { src: CLIENT.into(), dst: SERVER.into(), ttl: 64, df: true, id: 1, tos: 0 },
        40000,
        53,
        b"question",
    );
    let result = run_at(&mut netfilter, Hook::Forward, &mut packet, Duration::ZERO, 1);
    assert_eq!(result.verdict, HookVerdict::Drop);
    let row = result.steps[0].consulted[0].row(0);
    assert_eq!(row.text, "add chain ip t c { type filter hook forward priority filter - 5; policy drop; }");
}
