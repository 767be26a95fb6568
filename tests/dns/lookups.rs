//! What glibc and musl ask, against what was seen of the real ones.

use std::collections::BTreeMap;
use std::net::IpAddr;

use kubehop_core::app::resolver::{Families, Libc, Lookup, Query, Reply, Resolver, Transport};
use kubehop_core::wire::RecordType;
use serde::Deserialize;

use crate::scripted::{Does, Outcome, Seen, code, kind_name, of_zone, run, transport_name};

#[derive(Deserialize)]
pub(crate) struct Table {
    zone: BTreeMap<String, Vec<IpAddr>>,
    cases: Vec<Case>,
    glibc_tests: GlibcTests,
    pub(crate) glibc_files: Vec<GlibcFile>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    name: String,
    family: Option<String>,
    resolv_conf: String,
    #[serde(default)]
    behaviour: BTreeMap<String, String>,
    glibc: Expected,
    musl: Expected,
}

#[derive(Deserialize)]
struct Expected {
    result: String,
    addresses: Vec<IpAddr>,
    ms: u128,
    queries: Vec<String>,
}

#[derive(Deserialize)]
struct GlibcTests {
    search: Vec<String>,
    records: BTreeMap<String, serde_yaml_ng::Value>,
    rows: Vec<GlibcTest>,
}

#[derive(Deserialize)]
struct GlibcTest {
    id: String,
    name: String,
    resolves_to: String,
    first_server: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct GlibcFile {
    pub(crate) id: String,
    pub(crate) file: String,
    pub(crate) nameservers: Vec<IpAddr>,
    pub(crate) search: Vec<String>,
    pub(crate) options: Vec<String>,
}

pub(crate) fn table() -> Table {
    serde_yaml_ng::from_str(include_str!("lookups.yaml")).expect("the table")
}

fn resolver(libc: Libc, name: &str, families: Families, resolv_conf: &str) -> Resolver {
    Resolver::new(libc, &Lookup { name, families, resolv_conf, hostname: "client", draw: 0 })
}

fn result(outcome: &Outcome) -> &'static str {
    match outcome {
        Ok(_) => "OK",
        Err(error) => error.as_str(),
    }
}

fn line(seen: &Seen) -> String {
    let Seen { ms, query, outcome } = seen;
    let socket = match query.transport {
        Transport::Udp => query.socket.0.to_string(),
        Transport::Tcp => "-".to_owned(),
    };
    let edns = if query.edns.is_some() { " edns" } else { "" };
    let (transport, kind) = (transport_name(query.transport), kind_name(query.kind));
    format!("{ms} {} {transport} {socket} {} {kind} {outcome}{edns}", query.server, query.name)
}

/// What the server of a case does. What it does once, it does once for each key.
fn server<'a>(table: &'a Table, case: &'a Case) -> impl FnMut(&Query) -> Does + 'a {
    let mut done = Vec::new();
    move |query| {
        let (server, kind) = (query.server.to_string(), kind_name(query.kind));
        let fits = |key: &str| {
            let parts: Vec<&str> = key.split('|').collect();
            let asked = [server.as_str(), query.name.as_str(), kind];
            parts.iter().zip(asked).all(|(part, asked)| *part == "*" || *part == asked)
        };
        let found = case.behaviour.iter().find(|(key, _)| fits(key) && !done.contains(*key));
        match found.map(|(key, does)| (key, does.as_str())) {
            Some((_, "drop")) => Does::Drops,
            Some((key, "drop (first time only)")) => {
                done.push(key.clone());
                Does::Drops
            }
            Some((_, "servfail")) => Does::Answers(code(2)),
            Some((_, other)) => panic!("no server does {other}"),
            None => Does::Answers(of_zone(&table.zone, query)),
        }
    }
}

fn hold(libc: Libc, of: impl Fn(&Case) -> &Expected) {
    let table = table();
    for case in &table.cases {
        let expected = of(case);
        let families = if case.family.as_deref() == Some("AF_INET") { Families::Ipv4 } else { Families::Both };
        let (outcome, ms, seen) = run(resolver(libc, &case.name, families, &case.resolv_conf), server(&table, case));
        // What came to one server cannot be told to be before what came to another.
        let mut seen = seen;
        seen.sort_by_key(|seen| (seen.ms, seen.query.server));
        let queries: Vec<String> = seen.iter().map(line).collect();
        assert_eq!(queries, expected.queries, "{}: queries", case.id);
        assert_eq!((result(&outcome), ms), (expected.result.as_str(), expected.ms), "{}: result and time", case.id);
        let mut addresses = outcome.unwrap_or_default();
        let mut wanted = expected.addresses.clone();
        addresses.sort();
        wanted.sort();
        assert_eq!(addresses, wanted, "{}: addresses", case.id);
    }
}

#[test]
fn glibc_asks_as_it_was_seen_to() {
    hold(Libc::Glibc, |case| &case.glibc);
}

#[test]
fn musl_asks_as_it_was_seen_to() {
    hold(Libc::Musl, |case| &case.musl);
}

/// More addresses than this do not fit a datagram of the test's server.
const FIT: u64 = 5;

#[test]
fn glibc_finds_what_its_own_tests_look_for() {
    let tests = table().glibc_tests;
    let search = tests.search.join(" ");
    let resolv_conf = format!("nameserver 127.0.0.1\nnameserver 127.0.0.2\nsearch {search}\n");
    for test in &tests.rows {
        for families in [Families::Both, Families::Ipv4, Families::Ipv6] {
            let mut last = String::new();
            let answer = |query: &Query| {
                let first = test.first_server.as_deref().filter(|_| query.server == IpAddr::from([127, 0, 0, 1]));
                match first {
                    Some("SERVFAIL") => return Does::Answers(code(2)),
                    Some(_) => return Does::Answers(code(5)),
                    None => query.name.trim_end_matches('.').clone_into(&mut last),
                }
                Does::Answers(said(&tests, query))
            };
            let (outcome, _, seen) = run(resolver(Libc::Glibc, &test.name, families, &resolv_conf), answer);
            assert!(outcome.is_ok(), "{} {families:?}: {outcome:?}", test.id);
            assert_eq!(last, test.resolves_to, "{} {families:?}", test.id);
            let by_tcp = seen.iter().any(|seen| seen.query.transport == Transport::Tcp);
            assert_eq!(by_tcp, test.resolves_to.starts_with("large"), "{} {families:?}: TCP", test.id);
        }
    }
}

fn said(tests: &GlibcTests, query: &Query) -> Reply {
    let name = query.name.trim_end_matches('.');
    let is_domain = tests.search.iter().any(|domain| domain == name);
    let Some(record) = tests.records.get(name) else { return code(if is_domain { 0 } else { 3 }) };
    let Some(count) = record.as_u64() else { return code(2) };
    let address = if query.kind == RecordType::A { IpAddr::from([10, 0, 0, 1]) } else { IpAddr::from([1_u16; 8]) };
    let truncated = count > FIT && query.transport == Transport::Udp;
    let addresses = if truncated { Vec::new() } else { vec![address; usize::try_from(count).expect("a count")] };
    Reply { truncated, n_answers: addresses.len(), addresses, ..code(0) }
}
