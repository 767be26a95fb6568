//! kube-proxy's nftables mode for one service, written by hand: the engine has all that it needs.

use std::time::Duration;

use super::{CLIENT, SERVER, ip, net, port, syn, view};
use crate::base::{Dice, Instant, Writer};
use crate::netfilter::nft::{
    Base, ChainKind, DataType, Element, Family, Field, Key, MarkExpr, Match, Numgen, NumgenMode, Rule, Set, SetRef,
    Span, Statement, UpdateOp, Verdict, priority,
};
use crate::netfilter::{
    AddressType, CtState, CtStates, HookResult, HookVerdict, NatRange, Netfilter, Passing, RejectWith,
};
use crate::trace::{By, Chosen, Decision, Hook};
use crate::wire::{End, IcmpError, Packet};

const MASQUERADE: u32 = 0x4000;
const NODE: [u8; 4] = [172, 18, 0, 2];
const ENDPOINTS: [[u8; 4]; 2] = [[10, 244, 0, 2], [10, 244, 1, 5]];
const AFFINITY_SECS: u64 = 10_800;

fn rule() -> Rule {
    Rule::new(Writer::KubeProxy)
}

fn jump(chain: &str) -> Statement {
    Statement::Verdict(Verdict::jump(chain))
}

/// Two endpoints with client affinity, a node port, and a service without endpoints.
fn kube_proxy() -> Netfilter {
    let mut netfilter = Netfilter::default();
    let table = netfilter.nft.table_mut(Family::Ip, "kube-proxy");
    table.comment = Some("rules for kube-proxy".into());
    let address = [DataType::Ipv4Addr];
    let proto_port = [DataType::InetProto, DataType::InetService];
    let address_port = [DataType::Ipv4Addr, DataType::InetProto, DataType::InetService];
    let tcp = Span::one(6_u8);

    let ips = [SERVER, [10, 96, 0, 20]];
    let cluster_ips = ips.iter().fold(Set::new(&address), |set, cluster_ip| set.with([ip(*cluster_ip)]));
    table.add_set("cluster-ips", cluster_ips.comment("Active ClusterIPs"));
    table.add_set("nodeport-ips", Set::new(&address).comment("IPs that accept NodePort traffic").with([ip(NODE)]));
    let mut no_endpoints = Set::vmap(&address_port);
    let element = Element {
        verdict: Some(Verdict::goto("reject-chain")),
        comment: Some("ns/empty:p80".into()),
        ..Element::default()
    };
    no_endpoints.insert(vec![ip([10, 96, 0, 20]), tcp, port(80)], element);
    table.add_set("no-endpoint-services", no_endpoints);
    let service = "service-AAAA-ns/svc/tcp/p80";
    let external = "external-AAAA-ns/svc/tcp/p80";
    let services = Set::vmap(&address_port).with_verdict([ip(SERVER), tcp, port(80)], Verdict::goto(service));
    table.add_set("service-ips", services.comment("ClusterIP, ExternalIP and LoadBalancer IP traffic"));
    let nodeports = Set::vmap(&proto_port).with_verdict([tcp, port(30080)], Verdict::goto(external));
    table.add_set("service-nodeports", nodeports.comment("NodePort traffic"));

    let base = |kind, hook, priority| Base::new(kind, hook, priority);
    for (chain, base, jumps) in [
        ("filter-input", base(ChainKind::Filter, Hook::Input, 0), &["service-endpoints-check"][..]),
        (
            "filter-forward",
            base(ChainKind::Filter, Hook::Forward, 0),
            &["service-endpoints-check", "cluster-ips-check"],
        ),
        ("filter-output", base(ChainKind::Filter, Hook::Output, 0), &["service-endpoints-check", "cluster-ips-check"]),
    ] {
        table.add_base_chain(chain, base);
        for target in jumps {
            table.append(chain, rule().when(Field::ct_state(CtStates::NEW)).then(jump(target)));
        }
    }
    for (chain, hook, priority, target) in [
        ("nat-prerouting", Hook::Prerouting, priority::DSTNAT, "services"),
        ("nat-output", Hook::Output, priority::DSTNAT, "services"),
        ("nat-postrouting", Hook::Postrouting, priority::SRCNAT, "masquerading"),
    ] {
        table.add_base_chain(chain, base(ChainKind::Nat, hook, priority));
        table.append(chain, rule().then(jump(target)));
    }

    table.add_chain("reject-chain").comment = Some("helper for @no-endpoint-services".into());
    table.append("reject-chain", rule().then(Statement::Reject(RejectWith::Icmp(IcmpError::PortUnreach))));
    let by_address = vec![Field::IpDaddr, Field::L4proto, Field::ThDport];
    let vmap = |fields: Vec<Field>, map| Statement::Vmap { key: Key::Fields(fields), map: SetRef::named(map) };
    table.append("service-endpoints-check", rule().then(vmap(by_address.clone(), "no-endpoint-services")));
    let to_cluster_ip = rule().when(Field::IpDaddr.within(SetRef::named("cluster-ips")));
    table.append(
        "cluster-ips-check",
        to_cluster_ip
            .then(Statement::Reject(RejectWith::Icmp(IcmpError::PortUnreach)))
            .comment("Reject traffic to invalid ports of ClusterIPs"),
    );
    table.append(
        "cluster-ips-check",
        rule()
            .when(Field::IpDaddr.within(Set::new(&address).with([net("10.96.0.0/16")]).anonymous()))
            .verdict(Verdict::Drop)
            .comment("Drop traffic to unallocated ClusterIPs"),
    );
    let mark = MarkExpr::copy(Field::Mark);
    table.append("mark-for-masquerade", rule().then(Statement::SetMark(mark.or(MASQUERADE))));
    table.append("masquerading", rule().when(Field::Mark.masked(MASQUERADE, 0)).verdict(Verdict::Return));
    table.append("masquerading", rule().then(Statement::SetMark(mark.xor(MASQUERADE))));
    let fully = NatRange { random_fully: true, ..NatRange::default() };
    table.append("masquerading", rule().then(Statement::Masquerade(fully)));
    table.append("services", rule().then(vmap(by_address, "service-ips")));
    table.append(
        "services",
        rule()
            .when(Field::IpDaddr.within(SetRef::named("nodeport-ips")))
            .then(vmap(vec![Field::L4proto, Field::ThDport], "service-nodeports")),
    );
    let outside = Field::IpSaddr.isnt(net("10.244.0.0/16"));
    table.append(service, rule().when(Field::IpDaddr.is(ip(SERVER))).when(outside).then(jump("mark-for-masquerade")));
    let local = Field::FibSaddrType.is(Span::address_type(AddressType::Local));
    table.append(external, rule().when(local).then(jump("mark-for-masquerade")).comment("masquerade local traffic"));
    table.append(external, rule().then(jump("mark-for-masquerade")));
    table.append(external, rule().verdict(Verdict::goto(service)));
    let endpoint = |n: usize| format!("endpoint-{n}-ns/svc/tcp/p80__{}/8080", std::net::Ipv4Addr::from(ENDPOINTS[n]));
    let affinity = |n: usize| format!("affinity-{n}-ns/svc/tcp/p80__{}/8080", std::net::Ipv4Addr::from(ENDPOINTS[n]));
    let mut choice = Set::vmap(&[DataType::Integer]);
    for n in 0..ENDPOINTS.len() {
        let timeout = Duration::from_secs(AFFINITY_SECS);
        table.add_set(&affinity(n), Set::new(&address).dynamic().timeout(timeout));
        let known = Field::IpSaddr.within(SetRef::named(&affinity(n)));
        table.append(service, rule().when(known).verdict(Verdict::goto(&endpoint(n))));
        choice = choice.with_verdict([Span::one(n as u32)], Verdict::goto(&endpoint(n)));
    }
    let numgen = Numgen::new(NumgenMode::Random, ENDPOINTS.len() as u32);
    table.append(service, rule().then(Statement::Vmap { key: Key::Numgen(numgen), map: choice.anonymous() }));
    for (n, address) in ENDPOINTS.iter().enumerate() {
        let hairpin = rule().when(Field::IpSaddr.is(ip(*address))).then(jump("mark-for-masquerade"));
        table.append(&endpoint(n), hairpin);
        let (op, fields) = (UpdateOp::Update, vec![Field::IpSaddr]);
        let update = Statement::Update { op, set: affinity(n).as_str().into(), fields, timeout: None };
        table.append(&endpoint(n), rule().then(update));
        let is_tcp: Match = Field::L4proto.is(tcp);
        let dnat = Statement::Dnat(NatRange::to((*address).into(), Some(8080)));
        table.append(&endpoint(n), rule().when(is_tcp).then(dnat));
    }
    netfilter.nft.validate().expect("a ruleset that nft takes");
    netfilter
}

/// Sends a packet through these hooks, as far as it gets.
fn pass(netfilter: &mut Netfilter, hooks: &[Hook], packet: &mut Packet, secs: u64, seed: u64) -> Vec<HookResult> {
    let (mut mark, mut ct, mut dice) = (0, CtState::None, Dice::new(seed, "node/node-a"));
    let mut results = Vec::new();
    for hook in hooks {
        let passing = Passing { packet, mark: &mut mark, ct: &mut ct, ipvs: &mut false };
        let view = view(*hook, Instant::START + Duration::from_secs(secs));
        results.push(netfilter.run(passing, &view, &mut dice));
        if results.last().is_some_and(|result| result.verdict != HookVerdict::Accept) {
            break;
        }
    }
    results
}

const THROUGH: [Hook; 3] = [Hook::Prerouting, Hook::Forward, Hook::Postrouting];

#[test]
fn the_ruleset_reads_as_nft_lists_it() {
    let expected = include_str!("kube_proxy.nft");
    let found = kube_proxy().nft.list(Instant::START);
    assert!(found == expected, "{found}");
}

#[test]
fn a_service_is_translated_to_an_endpoint_that_numgen_draws() {
    let mut taken = [0_usize; 2];
    for seed in 0..40 {
        let (mut netfilter, mut packet) = (kube_proxy(), syn([10, 244, 7, 7], SERVER, 80));
        let results = pass(&mut netfilter, &THROUGH, &mut packet, 0, seed);
        let choice = results[0].choice.clone().expect("an endpoint is chosen");
        let all: Vec<_> = ENDPOINTS.iter().map(|endpoint| (((*endpoint).into(), 8080), 0.5)).collect();
        assert_eq!((&choice.destinations, choice.masqueraded), (&all, false));
        let dst = packet.ip_header().map(|header| header.dst);
        let n = ENDPOINTS.iter().position(|endpoint| dst == Some((*endpoint).into())).expect("one of them");
        assert_eq!(choice.chosen, all[n].0);
        taken[n] += 1;
    }
    assert!(taken.iter().all(|n| *n > 5), "{taken:?}");
}

#[test]
fn a_client_with_affinity_comes_back_to_its_endpoint_until_its_time_is_over() {
    let mut netfilter = kube_proxy();
    let mut went = |secs, sport_seed| {
        let mut packet = syn([10, 244, 7, 7], SERVER, 80);
        // Every try is a connection of its own.
        netfilter.conntrack.delete(|_| true);
        pass(&mut netfilter, &THROUGH, &mut packet, secs, sport_seed);
        packet.ip_header().map(|header| header.dst)
    };
    let first = went(0, 1);
    assert!((2..30).all(|seed| went(seed, seed) == first));
    let later: Vec<_> = (0..30).map(|n| went((n + 1) * (AFFINITY_SECS + 60), n)).collect();
    assert!(later.iter().any(|dst| *dst != first));
}

#[test]
fn a_pod_that_is_sent_to_itself_is_masqueraded() {
    let masqueraded = (0..20).find_map(|seed| {
        let (mut netfilter, mut packet) = (kube_proxy(), syn(CLIENT, SERVER, 80));
        let results = pass(&mut netfilter, &THROUGH, &mut packet, 0, seed);
        let header = packet.ip_header()?;
        (header.dst == std::net::IpAddr::from(CLIENT)).then_some((header.src, results))
    });
    let (src, results) = masqueraded.expect("one of 20 draws is the pod itself");
    assert_eq!(src, std::net::IpAddr::from(NODE));
    let step = &results[2].steps[0];
    assert!(matches!(
        &step.decision,
        Decision::Translate { end: End::Source, by: By::Rule(Chosen { chain, number: 3, .. }), .. } if **chain == *"masquerading"
    ));
    assert!(results[0].choice.as_ref().is_some_and(|choice| choice.masqueraded));
}

#[test]
fn ports_and_addresses_that_no_service_has_are_refused() {
    let unreachable = HookVerdict::Reject(RejectWith::Icmp(IcmpError::PortUnreach));
    let cases = [
        (syn(CLIENT, [10, 96, 0, 20], 80), unreachable),
        (syn(CLIENT, SERVER, 81), unreachable),
        (syn(CLIENT, [10, 96, 0, 99], 80), HookVerdict::Drop),
        (syn(CLIENT, [10, 97, 0, 1], 80), HookVerdict::Accept),
        (syn(CLIENT, NODE, 30080), HookVerdict::Accept),
    ];
    for (packet, expected) in cases {
        let results = pass(&mut kube_proxy(), &THROUGH, &mut packet.clone(), 0, 1);
        assert_eq!(results.last().map(|result| result.verdict), Some(expected), "{packet:?}");
    }
}
