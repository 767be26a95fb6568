//! Rulesets of nftables: the kernel takes what the simulator prints and lists it back word by word, and both come to the
//! same verdicts. Only a live kernel can be asked.

use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use kubehop_core::api;
use kubehop_core::base::{Dice, Instant, Writer};
use kubehop_core::netfilter::nft::{
    Base, ChainKind, DataType, Element, Family, Field, Key, MarkExpr, Match, Numgen, NumgenMode, Rule, Ruleset, Set,
    SetRef, Span, Statement, Table, UpdateOp, Verdict, priority,
};
use kubehop_core::netfilter::{
    AddressType, CtState, CtStates, Facts, HookVerdict, HookView, NatRange, Netfilter, Passing, Policy, RejectWith,
};
use kubehop_core::trace::Hook;
use kubehop_core::wire::{IcmpError, IpSpec, TcpFlags, TcpOptions, TcpSpec, tcp};

use crate::cases::NFTABLES;
use crate::netns::KernelNs;
use crate::{Mode, labs};

const TCP: u8 = 6;

fn rule() -> Rule {
    Rule::new(Writer::Admin)
}

fn net(text: &str) -> Span {
    Span::net(text.parse().unwrap())
}

fn ip(text: &str) -> Span {
    Span::ip(text.parse().unwrap())
}

fn port(port: u16) -> Span {
    Span::one(port)
}

fn set_of(kind: DataType, spans: &[Span]) -> Set {
    spans.iter().fold(Set::new(&[kind]), |set, span| set.with([*span]))
}

fn vmap_of(kind: DataType, elements: &[(Span, Verdict)]) -> Set {
    elements.iter().fold(Set::vmap(&[kind]), |set, (span, verdict)| set.with_verdict([*span], verdict.clone()))
}

fn to(address: &str, port: u16) -> NatRange {
    NatRange::to(address.parse().unwrap(), Some(port))
}

fn load(ns: &KernelNs, ruleset: &Ruleset) {
    ruleset.validate().unwrap();
    ns.load(&["nft", "-f", "-"], &ruleset.list(Instant::START));
}

/// Everything that can be written, once.
fn everything() -> Ruleset {
    let mut ruleset = Ruleset::default();
    sets(ruleset.table_mut(Family::Ip, "t"));
    chains(ruleset.table_mut(Family::Ip, "t"));
    let inet = ruleset.table_mut(Family::Inet, "both");
    inet.comment = Some("for both families".into());
    inet.add_set("v6", set_of(DataType::Ipv6Addr, &[ip("fd00::1"), ip("fd00::2"), ip("fd00::3")]));
    inet.append("c", rule().when(Field::NfProto.is(Span::one(10_u8))).verdict(Verdict::Drop));
    inet.append("c", rule().when(Field::Ip6Saddr.is(net("fd00::/64"))).verdict(Verdict::Accept));
    inet.append("c", rule().when(Field::IpSaddr.is(ip("10.0.0.1"))).verdict(Verdict::Accept));
    inet.append("c", rule().then(Statement::Reject(RejectWith::Icmp(IcmpError::PortUnreach))));
    inet.append("c", rule().then(Statement::Reject(RejectWith::Icmp(IcmpError::PktFiltered))));
    let nat = Base::new(ChainKind::Nat, Hook::Prerouting, priority::DSTNAT);
    inet.add_base_chain("nat", nat);
    inet.append("nat", rule().when(Field::TcpDport.is(port(80))).then(Statement::Dnat(to("10.0.0.1", 8080))));
    inet.append("nat", rule().when(Field::TcpDport.is(port(81))).then(Statement::Dnat(to("fd00::1", 8080))));
    ruleset
}

fn sets(table: &mut Table) {
    let addresses: Vec<Span> = (1..=5_u32).map(|n| Span::one(0x0a00_0000 + 255 * n)).collect();
    table.add_set("addresses", set_of(DataType::Ipv4Addr, &addresses).comment("plain"));
    let networks = [net("192.168.0.0/16"), Span::ips([10, 0, 0, 1].into(), [10, 0, 0, 9].into()), net("10.1.0.0/24")];
    table.add_set("networks", set_of(DataType::Ipv4Addr, &networks).interval());
    let ports: Vec<Span> = (1..=12_u16).map(|n| port(n * 100)).collect();
    table.add_set("ports", set_of(DataType::InetService, &ports));
    let protocols: Vec<Span> = [1_u8, 6, 17, 132, 253].map(Span::one).to_vec();
    table.add_set("protocols", set_of(DataType::InetProto, &protocols));
    table.add_set("by-mark", set_of(DataType::Mark, &[Span::one(1_u8), Span::one(0x4000_u16)]));
    let devices = ["eth0", "lo", "cali1", "eth1"].map(Span::dev);
    table.add_set("by-device", set_of(DataType::IfName, &devices));
    table.add_set("by-state", set_of(DataType::CtState, &[8_u8, 2, 1].map(Span::one)));
    table.add_set("icmp-types", set_of(DataType::IcmpType, &[8_u8, 0, 3].map(Span::one)));
    let ranged = Set::new(&[DataType::Ipv4Addr, DataType::InetService]).interval();
    table.add_set("ranged", ranged.with([net("10.0.0.0/8"), Span::range(80_u16, 99_u16)]));
    table.add_set("seen", Set::new(&[DataType::Ipv4Addr]).dynamic().timeout(Duration::from_secs(5400)));
    table.add_set("empty", Set::new(&[DataType::Ipv4Addr]).timeouts());
    let mut services = Set::vmap(&[DataType::Ipv4Addr, DataType::InetProto, DataType::InetService]).comment("services");
    let leads = || Verdict::goto("a/b_c.d-e");
    for (address, verdict, number) in [
        ("10.96.0.200", Verdict::Drop, 80),
        ("10.96.0.3", leads(), 80),
        ("192.168.7.4", leads(), 443),
        ("172.30.0.9", leads(), 8080),
        ("172.30.0.9", leads(), 30001),
    ] {
        let element = Element { verdict: Some(verdict), comment: Some("ns/svc:p80".into()), ..Element::default() };
        services.insert(vec![ip(address), Span::one(TCP), port(number)], element);
    }
    table.add_set("services", services);
    // A concatenation is listed by its last byte.
    let mixed = [DataType::IfName, DataType::Mark, DataType::InetService, DataType::InetProto];
    let rows =
        [("eth0", 0x1_0002_u32, 80, 6_u8), ("lo", 0x2_0001, 443, 17), ("eth1", 3, 22, 6), ("a", 0x4000, 8080, 6)];
    let mixed = rows.into_iter().fold(Set::new(&mixed), |set, (dev, mark, number, protocol)| {
        set.with([Span::dev(dev), Span::one(mark), port(number), Span::one(protocol)])
    });
    table.add_set("mixed", mixed);
    let by_port = [(port(80), Verdict::Accept), (port(443), Verdict::jump("a/b_c.d-e")), (port(22), Verdict::Return)];
    table.add_set("by-port", vmap_of(DataType::InetService, &by_port));
}

fn chains(table: &mut Table) {
    let names = |chain: &'static str| move |table: &mut Table, rule: Rule| table.append(chain, rule);
    table.add_chain("a/b_c.d-e").comment = Some("a chain with a comment".into());
    for (hook, priority) in [
        (Hook::Prerouting, priority::RAW),
        (Hook::Prerouting, priority::DSTNAT - 10),
        (Hook::Input, priority::FILTER),
        (Hook::Forward, -5),
        (Hook::Output, -100),
        (Hook::Postrouting, priority::SRCNAT + 10),
        (Hook::Postrouting, 300),
        (Hook::Forward, priority::MANGLE),
    ] {
        let policy = if priority == 300 { Policy::Drop } else { Policy::Accept };
        let base = Base { policy, ..Base::new(ChainKind::Filter, hook, priority) };
        table.add_base_chain(&format!("base{}", table.chains().len()), base);
    }
    table.add_base_chain("route", Base::new(ChainKind::Route, Hook::Output, priority::MANGLE));

    let add = names("matches");
    for one in matches() {
        add(table, rule().when(one));
    }
    // What a statement says by itself is left out.
    add(table, rule().when(Field::L4proto.is(Span::one(TCP))).when(Field::TcpDport.is(port(80))));
    add(table, rule().when(Field::IpProtocol.is(Span::one(TCP))).then(Statement::Reject(RejectWith::TcpReset)));

    let add = names("statements");
    let mark = MarkExpr::copy(Field::Mark);
    let marks = [
        MarkExpr::value(0x10),
        MarkExpr::copy(Field::CtMark),
        mark.or(0x4000),
        mark.xor(0x4000),
        mark.and(0xff),
        mark.and(0xffff_00ff).or(0x1200),
        mark.and(0xff).xor(0x0f),
    ];
    for mark in marks {
        add(table, rule().then(Statement::SetMark(mark)));
    }
    add(table, rule().then(Statement::SetCtMark(mark)));
    add(table, rule().then(Statement::SetCtMark(MarkExpr::copy(Field::CtMark).or(1))));
    let (seen, fields) = (|| Arc::from("seen"), || vec![Field::IpSaddr]);
    let timeout = Some(Duration::from_secs(90));
    add(table, rule().then(Statement::Update { op: UpdateOp::Add, set: seen(), fields: fields(), timeout }));
    add(table, rule().then(Statement::Update { op: UpdateOp::Update, set: seen(), fields: fields(), timeout: None }));
    add(table, rule().then(Statement::Notrack));
    for error in ["PortUnreach", "HostUnreach", "PktFiltered", "NetUnreach", "ProtUnreach", "NetAno", "HostAno"] {
        let error = match error {
            "PortUnreach" => IcmpError::PortUnreach,
            "HostUnreach" => IcmpError::HostUnreach,
            "PktFiltered" => IcmpError::PktFiltered,
            "NetUnreach" => IcmpError::NetUnreach,
            "ProtUnreach" => IcmpError::ProtUnreach,
            "NetAno" => IcmpError::NetAno,
            _ => IcmpError::HostAno,
        };
        add(table, rule().then(Statement::Reject(RejectWith::Icmp(error))));
    }
    let numbers: Vec<_> = (0..3_u8).map(|n| (Span::one(n), Verdict::goto("a/b_c.d-e"))).collect();
    for mode in [NumgenMode::Random, NumgenMode::Inc] {
        let map = vmap_of(DataType::Integer, &numbers).anonymous();
        add(table, rule().then(Statement::Vmap { key: Key::Numgen(Numgen::new(mode, 3)), map }));
    }
    let fields = vec![Field::IpDaddr, Field::L4proto, Field::ThDport];
    add(table, rule().then(Statement::Vmap { key: Key::Fields(fields), map: SetRef::named("services") }));
    let states = [(Span::one(8_u8), Verdict::jump("matches")), (Span::one(1_u8), Verdict::Drop)];
    let map = vmap_of(DataType::CtState, &states).anonymous();
    add(table, rule().then(Statement::Vmap { key: Key::Fields(vec![Field::CtState]), map }));
    for verdict in [Verdict::Accept, Verdict::Drop, Verdict::Continue, Verdict::Return, Verdict::jump("matches")] {
        add(table, rule().then(Statement::Counter).verdict(verdict).comment("with a comment: 1/2"));
    }

    let add = names("destination");
    let tcp = || rule().when(Field::L4proto.is(Span::one(TCP)));
    let fully = NatRange { random_fully: true, ..NatRange::default() };
    let ports = NatRange { ports: Some((1024, 65535)), ..NatRange::default() };
    let pool = NatRange { addresses: Some(([10, 0, 0, 1].into(), [10, 0, 0, 9].into())), ..NatRange::default() };
    add(table, tcp().then(Statement::Dnat(to("10.0.0.1", 8080))));
    add(table, rule().then(Statement::Dnat(pool)));
    add(table, tcp().then(Statement::Dnat(NatRange { ports: ports.ports, ..pool })));
    add(table, tcp().then(Statement::Redirect(NatRange { ports: Some((8080, 8080)), ..fully })));
    let add = names("source");
    add(table, rule().then(Statement::Snat(NatRange::to([10, 0, 0, 1].into(), None))));
    add(table, tcp().then(Statement::Masquerade(ports)));
    add(table, rule().then(Statement::Masquerade(fully)));
    add(table, rule().then(Statement::Masquerade(NatRange::default())));
}

fn matches() -> Vec<Match> {
    let one_of = |field: Field, spans: &[Span]| field.within(set_of(field.data_type(), spans).anonymous());
    let pairs = Set::new(&[DataType::Ipv4Addr, DataType::InetService]);
    let pairs = pairs.with([ip("10.0.0.9"), port(80)]).with([ip("10.0.0.10"), port(81)]);
    vec![
        Field::IpSaddr.is(ip("10.0.0.1")),
        Field::IpDaddr.isnt(net("10.0.0.0/8")),
        Field::IpSaddr.is(Span::ips([10, 0, 0, 1].into(), [10, 0, 0, 9].into())),
        Field::IpSaddr.is(net("0.0.0.0/0")),
        Field::IpSaddr.within(SetRef::named("addresses")),
        Field::IpSaddr.within(SetRef::named("networks")).negated(),
        one_of(Field::IpSaddr, &[ip("10.0.0.200"), ip("10.0.0.3"), net("10.1.0.0/16")]).negated(),
        one_of(Field::IpDaddr, &[net("172.30.0.0/16")]),
        one_of(
            Field::IpSaddr,
            &[net("10.0.0.0/8"), net("10.1.0.0/16"), net("11.0.0.0/9"), ip("1.2.3.4"), ip("1.2.3.5")],
        ),
        Match::within(vec![Field::IpSaddr, Field::TcpDport], pairs.anonymous()),
        Match::within(vec![Field::IpDaddr, Field::ThDport], SetRef::named("ranged")),
        Field::IpProtocol.is(Span::one(TCP)),
        one_of(Field::L4proto, &[Span::one(17_u8), Span::one(TCP)]),
        Field::L4proto.isnt(Span::one(132_u8)),
        Field::TcpDport.is(port(80)),
        Field::TcpSport.isnt(port(22)),
        Field::UdpDport.is(Span::range(1024_u16, 65535_u16)),
        one_of(Field::TcpDport, &[port(443), port(80), Span::range(1000_u16, 2000_u16)]),
        Field::ThDport.is(port(53)),
        Field::IcmpType.is(Span::one(8_u8)),
        one_of(Field::IcmpType, &[Span::one(8_u8), Span::one(0_u8), Span::one(77_u8)]),
        Field::Mark.is(Span::one(0x10_u32)),
        Field::Mark.masked(0x4000, 0),
        Field::Mark.masked(0xff, 0x10).negated(),
        Field::CtMark.masked(0xff, 1),
        Field::IifName.is(Span::dev("eth*")),
        Field::OifName.isnt(Span::dev("lo")),
        one_of(Field::IifName, &[Span::dev("eth0"), Span::dev("lo")]),
        Field::ct_state(CtStates::RELATED.or(CtStates::ESTABLISHED)),
        Field::ct_state(CtStates::NEW).negated(),
        Field::CtState.isnt(Span::one(8_u8)),
        one_of(Field::CtState, &[Span::one(8_u8), Span::one(1_u8)]),
        Field::CtStatus.has(0x30),
        Field::CtStatus.has(0x20).negated(),
        Field::CtDirection.is(Span::one(0_u8)),
        Field::FibDaddrType.is(Span::address_type(AddressType::Local)),
        Field::FibSaddrType.isnt(Span::address_type(AddressType::Local)),
        one_of(Field::FibDaddrType, &[AddressType::Broadcast, AddressType::Local].map(Span::address_type)),
    ]
}

#[test]
fn nft_lists_what_the_simulator_prints() {
    if Mode::of_environment() == Mode::Recorded {
        return;
    }
    let (ns, ruleset) = (KernelNs::new(), everything());
    load(&ns, &ruleset);
    same_lines(&ruleset.list(Instant::START), &ns.output(&["nft", "list", "ruleset"]));
}

fn same_lines(printed: &str, listed: &str) {
    let mut pairs = printed.lines().zip(listed.lines()).enumerate();
    if let Some((idx, (printed, listed))) = pairs.find(|(_, (printed, listed))| printed != listed) {
        panic!("line {}:\n  kubehop {printed}\n  nft     {listed}", idx + 1);
    }
    assert_eq!(printed.lines().count(), listed.lines().count());
}

#[test]
fn nft_lists_kube_proxys_table_as_show_prints_it() {
    if Mode::of_environment() == Mode::Recorded {
        return;
    }
    let lab = labs::read("services", NFTABLES);
    for node in ["node/node-a", "node/node-b"] {
        let shown = api::show(&lab, node, None, &["nft", "list", "ruleset"], false).unwrap();
        let ns = KernelNs::new();
        ns.load(&["nft", "-f", "-"], &shown);
        same_lines(&shown, &ns.output(&["nft", "list", "ruleset"]));
    }
}

/// A machine whose addresses are all on `lo`.
#[derive(Debug)]
struct Lo;

const OWN: [[u8; 4]; 3] = [[10, 9, 0, 1], [10, 9, 0, 2], [10, 9, 0, 3]];

impl Facts for Lo {
    fn address_type(&self, ip: IpAddr, _: Option<&str>) -> AddressType {
        if OWN.iter().any(|own| ip == IpAddr::from(*own)) { AddressType::Local } else { AddressType::Unicast }
    }

    fn source_address(&self, _: &str, to: IpAddr) -> Option<IpAddr> {
        Some(to)
    }

    fn first_address(&self, _: &str) -> Option<IpAddr> {
        Some(Ipv4Addr::LOCALHOST.into())
    }
}

/// What becomes of connections from the second address to these.
const TARGETS: [([u8; 4], u16); 9] = [
    ([10, 96, 0, 10], 80),
    ([10, 96, 0, 10], 81),
    ([10, 96, 0, 11], 80),
    ([10, 96, 0, 12], 80),
    ([10, 9, 0, 3], 8080),
    ([10, 9, 0, 3], 8081),
    ([10, 9, 0, 3], 8082),
    ([10, 9, 0, 3], 8083),
    ([10, 9, 0, 3], 8083),
];

/// Translates, rejects, drops, masquerades, and lets each source come once.
fn verdicts() -> Ruleset {
    let mut ruleset = Ruleset::default();
    let table = ruleset.table_mut(Family::Ip, "t");
    let key = [DataType::Ipv4Addr, DataType::InetProto, DataType::InetService];
    let service = |address: &str| [ip(address), Span::one(TCP), port(80)];
    let services = Set::vmap(&key)
        .with_verdict(service("10.96.0.10"), Verdict::goto("one"))
        .with_verdict(service("10.96.0.11"), Verdict::jump("two"));
    table.add_set("services", services);
    table.add_set("seen", Set::new(&[DataType::Ipv4Addr]).dynamic().timeout(Duration::from_secs(60)));

    let fields = || vec![Field::IpDaddr, Field::L4proto, Field::ThDport];
    table.add_base_chain("nat", Base::new(ChainKind::Nat, Hook::Output, -100));
    table.append("nat", rule().then(Statement::Vmap { key: Key::Fields(fields()), map: SetRef::named("services") }));
    let choice = vmap_of(DataType::Integer, &[(Span::one(0_u8), Verdict::goto("first"))]).anonymous();
    table.append(
        "one",
        rule().then(Statement::Vmap { key: Key::Numgen(Numgen::new(NumgenMode::Random, 1)), map: choice }),
    );
    table.append("first", rule().then(Statement::SetMark(MarkExpr::copy(Field::Mark).or(0x4000))));
    let is_tcp = || rule().when(Field::L4proto.is(Span::one(TCP)));
    table.append("first", is_tcp().then(Statement::Dnat(to("10.9.0.3", 8080))));
    // The mark of this one is set and taken back: nothing is masqueraded.
    table.append("two", rule().then(Statement::SetMark(MarkExpr::copy(Field::Mark).or(0x4000))));
    table.append("two", rule().then(Statement::SetMark(MarkExpr::copy(Field::Mark).xor(0x4000))));
    table.append("two", is_tcp().then(Statement::Dnat(to("10.9.0.1", 8080))));

    table.add_base_chain("post", Base::new(ChainKind::Nat, Hook::Postrouting, priority::SRCNAT));
    table.append("post", rule().when(Field::Mark.masked(0x4000, 0)).verdict(Verdict::Return));
    let fully = NatRange { random_fully: true, ..NatRange::default() };
    table.append("post", rule().then(Statement::Masquerade(fully)));

    table.add_base_chain("filter", Base::new(ChainKind::Filter, Hook::Output, priority::FILTER));
    let established = rule().when(Field::ct_state(CtStates::ESTABLISHED)).verdict(Verdict::Accept);
    table.append("filter", established);
    let refused = rule().when(Field::IpDaddr.is(ip("10.96.0.10")));
    table.append("filter", refused.then(Statement::Reject(RejectWith::Icmp(IcmpError::PortUnreach))));
    let range = set_of(DataType::Ipv4Addr, &[net("10.96.0.0/16")]).anonymous();
    table.append("filter", rule().when(Field::IpDaddr.within(range)).verdict(Verdict::Drop));
    let reset = rule().when(Field::TcpDport.is(port(8081)));
    table.append("filter", reset.then(Statement::Reject(RejectWith::TcpReset)));
    let own = Field::FibDaddrType.is(Span::address_type(AddressType::Local));
    table.append("filter", rule().when(Field::TcpDport.is(port(8082))).when(own).verdict(Verdict::Drop));
    let again = Field::IpSaddr.within(SetRef::named("seen"));
    let once = || rule().when(Field::TcpDport.is(port(8083)));
    table.append("filter", once().when(again).verdict(Verdict::Drop));
    let (op, fields) = (UpdateOp::Update, vec![Field::IpSaddr]);
    table.append("filter", once().then(Statement::Update { op, set: "seen".into(), fields, timeout: None }));
    ruleset
}

/// Where each connection ends: `from ADDRESS at ADDRESS:PORT`, `refused` or `silence`.
fn in_simulator(ruleset: Ruleset) -> Vec<String> {
    let mut netfilter = Netfilter::default();
    netfilter.nft = ruleset;
    let mut dice = Dice::new(1, "");
    let mut outcome = |(dst, dport): ([u8; 4], u16), sport: u16| {
        let ip = IpSpec { src: OWN[1].into(), dst: dst.into(), ttl: 64, df: true, id: 1, tos: 0 };
        let flags = TcpFlags { syn: true, ..TcpFlags::default() };
        let options = TcpOptions::Syn { mss: 1410, timestamps: (1, 0) };
        let mut packet = tcp(ip, TcpSpec { sport, dport, seq: 1, ack: 0, flags, window: 64000, options }, &[]);
        let (mut mark, mut ct) = (0, CtState::None);
        for hook in [Hook::Output, Hook::Postrouting] {
            let view = HookView {
                hook,
                iif: None,
                oif: Some("lo".into()),
                physin: None,
                physout: None,
                next_hop: None,
                now: Instant::START,
                facts: Arc::new(Lo),
            };
            let passing = Passing { packet: &mut packet, mark: &mut mark, ct: &mut ct, ipvs: &mut false };
            match netfilter.run(passing, &view, &mut dice).verdict {
                HookVerdict::Accept | HookVerdict::Transmit(_) => {}
                HookVerdict::Drop => return "silence".to_owned(),
                HookVerdict::Reject(_) => return "refused".to_owned(),
            }
        }
        let header = packet.ip_header().unwrap();
        let Some(kubehop_core::wire::Transport::Tcp(tcp)) = packet.transport() else { return String::new() };
        format!("from {} at {}:{}", header.src, header.dst, tcp.dport)
    };
    TARGETS.iter().zip(40000..).map(|(target, sport)| outcome(*target, sport)).collect()
}

fn in_kernel(ns: &KernelNs) -> Vec<String> {
    let done = AtomicBool::new(false);
    let listeners: Vec<TcpListener> = OWN
        .iter()
        .flat_map(|own| [8080, 8081, 8082, 8083].map(|port| SocketAddr::from((*own, port))))
        .map(|at| ns.inside(|| TcpListener::bind(at)).unwrap())
        .collect();
    thread::scope(|scope| {
        for listener in &listeners {
            listener.set_nonblocking(true).unwrap();
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    match listener.accept() {
                        Ok((mut stream, peer)) => {
                            let at = stream.local_addr().unwrap();
                            let _ = std::io::Write::write_all(
                                &mut stream,
                                format!("from {} at {at}", peer.ip()).as_bytes(),
                            );
                        }
                        Err(_) => thread::sleep(Duration::from_millis(5)),
                    }
                }
            });
        }
        let outcomes = TARGETS.map(|target| ns.inside(|| connect(target.into())));
        done.store(true, Ordering::Relaxed);
        outcomes.to_vec()
    })
}

/// A socket that is told no while it still sends its first SYN only hears it when it sends the second, after a second.
const PATIENCE: Duration = Duration::from_millis(1500);

fn connect(target: SocketAddr) -> String {
    match TcpStream::connect_timeout(&target, PATIENCE) {
        Ok(mut stream) => {
            let mut said = String::new();
            stream.read_to_string(&mut said).unwrap();
            said
        }
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => "refused".to_owned(),
        Err(_) => "silence".to_owned(),
    }
}

#[test]
fn the_kernel_comes_to_the_same_verdicts() {
    let expected = [
        "from 10.9.0.3 at 10.9.0.3:8080",
        "refused",
        "from 10.9.0.2 at 10.9.0.1:8080",
        "silence",
        "from 10.9.0.2 at 10.9.0.3:8080",
        "refused",
        "silence",
        "from 10.9.0.2 at 10.9.0.3:8083",
        "silence",
    ];
    assert_eq!(in_simulator(verdicts()), expected);
    if Mode::of_environment() == Mode::Recorded {
        return;
    }
    let ns = KernelNs::new();
    ns.ip(&OWN.map(|own| format!("addr add {}/32 dev lo", Ipv4Addr::from(own))));
    // Connections begin at the second address, whatever they are for.
    let targets = ["10.96.0.0/16", "10.9.0.3"];
    ns.ip(&targets.map(|to| format!("route replace table local local {to} dev lo src 10.9.0.2")));
    load(&ns, &verdicts());
    assert_eq!(in_kernel(&ns), expected);
}
