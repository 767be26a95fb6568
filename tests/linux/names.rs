//! The two resolvers against the real libraries: what glibc and musl of this system ask a scripted server.
//!
//! Debian's musl is 1.2.3: it calls a name without addresses no name, and knows nothing of truncation, which is left to
//! the tables of `tests/dns`, as is the search list of the root alone. `names/recorded.json` is what was seen.

mod server;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use std::{fs, iter};

use kubehop_core::app::resolver::{Families, Libc, Lookup, LookupError, Query, Resolver, Transport};
use serde::{Deserialize, Serialize};

use crate::Mode;
use crate::netns::{KernelNs, folder};
use crate::scripted::{Does, Outcome, code, kind_name, of_zone, run, transport_name};

/// Whom the files name.
pub(crate) const SERVERS: [IpAddr; 2] = [ip(10, 96, 0, 10), ip(10, 96, 0, 11)];

const fn ip(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(std::net::Ipv4Addr::new(a, b, c, d))
}

const CLUSTER: &str = "search default.svc.cluster.local svc.cluster.local cluster.local\n";

/// What is typed, and the file: search list, options, number of servers.
struct Case {
    id: &'static str,
    name: &'static str,
    families: Families,
    search: &'static str,
    options: &'static str,
    n_servers: usize,
}

const fn case(id: &'static str, name: &'static str, options: &'static str) -> Case {
    Case { id, name, families: Families::Both, search: CLUSTER, options, n_servers: 1 }
}

const CASES: &[Case] = &[
    case("short name", "web", "ndots:5"),
    case("other namespace", "web.other", "ndots:5"),
    case("full name", "web.other.svc.cluster.local", "ndots:5"),
    case("full name with a dot", "web.other.svc.cluster.local.", "ndots:5"),
    case("outside", "example.com", "ndots:5"),
    case("outside with ndots 1", "example.com", "ndots:1"),
    case("outside with ndots 2", "api.example.com", "ndots:2"),
    case("service and namespace with ndots 1", "web.other", "ndots:1"),
    case("as many dots as ndots", "a.b.c.d.example.com", "ndots:5"),
    case("ndots 0", "web", "ndots:0"),
    case("ndots above its limit", "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.example.com", "ndots:99"),
    case("no such name", "nope.test", "ndots:5"),
    case("no such name with a dot", "nope.test.", "ndots:5"),
    case("a name without addresses, then one with", "half", "ndots:5"),
    case("only a name without addresses", "empty", "ndots:5"),
    case("both families", "dual", "ndots:5"),
    case("an alias to nothing", "alias", "ndots:5"),
    case("a failing server", "servfail", "ndots:5 timeout:1"),
    case("a failing server, for A", "servfail-a", "ndots:5 timeout:1"),
    case("a failing server, for AAAA", "servfail-aaaa", "ndots:5 timeout:1"),
    case("a refusing server", "refused", "ndots:5 timeout:1"),
    case("a silent server", "silent", "ndots:5 timeout:1"),
    case("a silent server, four attempts", "silent", "ndots:5 timeout:1 attempts:4"),
    case("a silent server, for AAAA", "silent-aaaa", "ndots:5 timeout:1"),
    case("a first A that is lost", "lost-a", "ndots:5 timeout:1"),
    case("one after the other", "web.other", "ndots:5 single-request"),
    case("one after the other, new sockets", "web.other", "ndots:5 single-request-reopen"),
    case("one after the other, failing", "servfail", "ndots:5 single-request timeout:1"),
    case("connections only", "web.other", "ndots:5 use-vc"),
    case("extensions", "web", "ndots:5 edns0 trust-ad"),
    case("no AAAA", "web.other", "ndots:5 no-aaaa"),
    case("no query for a top-level name", "nope", "ndots:5 no-tld-query"),
    case("an empty label", "web..other", "ndots:5"),
    case("a long label", "a23456789012345678901234567890123456789012345678901234567890123456789", "ndots:5"),
    case("an address", "10.96.1.1", "ndots:5"),
    case("a short address", "127.1", "ndots:5"),
    Case { families: Families::Ipv4, ..case("IPv4 only", "example.com", "ndots:5") },
    Case { families: Families::Ipv4, ..case("IPv4 only, a failing server", "servfail", "ndots:5 timeout:1") },
    Case { families: Families::Ipv6, ..case("IPv6 only", "dual", "ndots:5") },
    Case { search: "", ..case("no search list", "web", "ndots:5") },
    Case { search: "search a.test. b.test\n", ..case("a search list with a dot", "web", "ndots:5") },
    Case { search: "domain svc.cluster.local\n", ..case("a domain", "web.other", "ndots:5") },
    Case { n_servers: 2, ..case("two servers", "web", "ndots:5") },
    Case { n_servers: 2, ..case("two servers, a refusing first one", "first-refuses", "ndots:5") },
    Case { n_servers: 2, ..case("two servers, a silent first one", "first-silent", "ndots:5 timeout:1") },
    // Not two failing ones: how often musl asks again depends on whose answer is the first.
];

fn zone() -> BTreeMap<String, Vec<IpAddr>> {
    let records: [(&str, &[&str]); 12] = [
        ("web.default.svc.cluster.local.", &["10.96.1.1"]),
        ("web.other.svc.cluster.local.", &["10.96.1.2"]),
        ("dual.default.svc.cluster.local.", &["10.96.1.3", "fd00:10:96::3"]),
        ("half.default.svc.cluster.local.", &[]),
        ("half.svc.cluster.local.", &["10.96.1.9"]),
        ("empty.svc.cluster.local.", &[]),
        ("example.com.", &["93.184.216.34"]),
        ("api.example.com.", &["192.0.2.80"]),
        ("a.b.c.d.example.com.", &["192.0.2.82"]),
        ("web.b.test.", &["192.0.2.83"]),
        ("first-refuses.default.svc.cluster.local.", &["10.96.1.4"]),
        ("first-silent.default.svc.cluster.local.", &["10.96.1.5"]),
    ];
    let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    records.map(|(name, texts)| (name.to_owned(), addresses(texts))).into()
}

/// What a server does; `lost` counts what it has lost on purpose.
pub(crate) fn serve(query: &Query, lost: &mut usize) -> Does {
    let (first, rest) = query.name.split_once('.').unwrap_or_default();
    let here = IpAddr::from([10, 96, 2, 1]);
    let of_service = rest.starts_with("default.svc");
    let is_a = kind_name(query.kind) == "A";
    let found = |is_asked: bool| {
        let addresses = if is_asked && is_a { vec![here] } else { Vec::new() };
        Does::Answers(kubehop_core::app::resolver::Reply { n_answers: addresses.len(), addresses, ..code(0) })
    };
    match first {
        "servfail" if of_service => Does::Answers(code(2)),
        "servfail-a" if of_service && is_a => Does::Answers(code(2)),
        "servfail-aaaa" if of_service && !is_a => Does::Answers(code(2)),
        "servfail" | "servfail-a" | "servfail-aaaa" | "lost-a" | "refused" if of_service || rest.starts_with("svc") => {
            if first == "refused" && of_service {
                return Does::Answers(code(5));
            }
            if first == "lost-a" && is_a && *lost == 0 {
                *lost += 1;
                return Does::Drops;
            }
            found(true)
        }
        "silent" if of_service => Does::Drops,
        "silent-aaaa" if of_service && !is_a => Does::Drops,
        "silent-aaaa" if of_service => found(true),
        "first-refuses" if query.server == SERVERS[0] => Does::Answers(code(5)),
        "first-silent" if query.server == SERVERS[0] => Does::Drops,
        // An alias whose target has no address.
        "alias" if of_service => Does::Answers(kubehop_core::app::resolver::Reply { n_answers: 1, ..code(0) }),
        _ => Does::Answers(of_zone(&zone(), query)),
    }
}

/// What was asked, and what came of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
struct Seen {
    result: String,
    /// In half seconds.
    time: u128,
    /// `TIME SERVER PROTO SOCKET NAME TYPE OUTCOME`, and `edns` and `ad` where they are set.
    queries: Vec<String>,
}

/// One line per query, each server's in order.
fn lines(mut seen: Vec<(u128, Query, &'static str)>) -> Vec<String> {
    // What came to one server cannot be told to be before what came to another.
    seen.sort_by_key(|(time, query, _)| (*time, query.server));
    let line = |(time, query, outcome): (u128, Query, &str)| {
        let Query { server, name, socket, transport, .. } = query;
        let socket = if transport == Transport::Udp { socket.0.to_string() } else { "-".to_owned() };
        let flags = [(query.edns.is_some(), " edns"), (query.authentic_data, " ad")];
        let flags: String = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, word)| *word).collect();
        let (transport, kind) = (transport_name(transport), kind_name(query.kind));
        format!("{time} {server} {transport} {socket} {name} {kind} {outcome}{flags}")
    };
    seen.into_iter().map(line).collect()
}

fn halves(ms: u128) -> u128 {
    (ms + 100) / 500
}

impl Case {
    fn resolv_conf(&self) -> String {
        let servers: String = SERVERS[..self.n_servers].iter().map(|ip| format!("nameserver {ip}\n")).collect();
        format!("{servers}{}options {}\n", self.search, self.options)
    }

    fn simulated(&self, libc: Libc) -> Seen {
        let text = self.resolv_conf();
        let lookup =
            Lookup { name: self.name, families: self.families, resolv_conf: &text, hostname: "client", draw: 0 };
        let mut lost = 0;
        let (outcome, ms, seen) = run(Resolver::new(libc, &lookup), |query| serve(query, &mut lost));
        let queries = lines(seen.into_iter().map(|seen| (halves(seen.ms), seen.query, seen.outcome)).collect());
        Seen { result: said(libc, &outcome), time: halves(ms), queries }
    }

    fn real(&self, program: &Path, ns: &KernelNs, folder: &Path) -> Seen {
        let file = folder.join("resolv.conf");
        fs::write(&file, self.resolv_conf()).unwrap();
        let family = match self.families {
            Families::Both => "0",
            Families::Ipv4 => "4",
            Families::Ipv6 => "6",
        };
        // The file is this program's alone.
        let script = "mount --bind \"$1\" /etc/resolv.conf && exec \"$2\" \"$3\" \"$4\"";
        let words = ["--mount", "sh", "-c", script, "sh"];
        let paths = [file.as_path(), program];
        let begun = Instant::now();
        let running = server::start(ns);
        let output = ns.inside(|| Command::new("unshare").args(words).args(paths).args([self.name, family]).output());
        let time = halves(begun.elapsed().as_millis());
        let output = output.unwrap();
        assert!(output.status.success(), "{}: {output:?}", self.id);
        let said = String::from_utf8(output.stdout).unwrap();
        Seen { result: sorted(said.trim()), time, queries: lines(running.stop()) }
    }
}

/// The addresses in one order: how getaddrinfo sorts them is not compared.
fn sorted(said: &str) -> String {
    let mut words: Vec<&str> = said.split(' ').collect();
    words[1..].sort_unstable();
    words.join(" ")
}

/// The result as this system's library would call it.
fn said(libc: Libc, outcome: &Outcome) -> String {
    match outcome {
        Ok(addresses) => {
            let words = iter::once("OK".to_owned()).chain(addresses.iter().map(ToString::to_string));
            sorted(&words.collect::<Vec<_>>().join(" "))
        }
        Err(LookupError::NoData) if libc == Libc::Musl => LookupError::NoName.as_str().to_owned(),
        Err(error) => error.as_str().to_owned(),
    }
}

type Recording = BTreeMap<String, BTreeMap<String, Seen>>;

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "linux", "names", "recorded.json"].iter().collect()
}

fn recorded() -> Recording {
    let text = fs::read_to_string(path()).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// How often a case is asked before what came of it is believed to be more than a busy machine's delay.
const TRIES: usize = 8;

/// Builds the program with a compiler and asks everything, again where it is not as `expected`: moments are compared.
fn ask_library(compiler: &[&str], expected: &BTreeMap<String, Seen>) -> BTreeMap<String, Seen> {
    let folder = folder();
    let program = folder.path().join("lookup");
    let source: PathBuf = [env!("CARGO_MANIFEST_DIR"), "linux", "names", "lookup.c"].iter().collect();
    let built = Command::new(compiler[0]).args(&compiler[1..]).arg("-o").arg(&program).arg(source).output().unwrap();
    assert!(built.status.success(), "{compiler:?}: {}", String::from_utf8_lossy(&built.stderr));
    let ns = KernelNs::new();
    ns.ip(&SERVERS.map(|server| format!("address add {server}/32 dev lo")));
    let ask = |case: &Case| {
        let mut seen = case.real(&program, &ns, folder.path());
        for _ in 1..TRIES {
            if expected.get(case.id).is_none_or(|expected| *expected == seen) {
                break;
            }
            seen = case.real(&program, &ns, folder.path());
        }
        (case.id.to_owned(), seen)
    };
    CASES.iter().map(ask).collect()
}

fn judge(libc: Libc, name: &str, compiler: &[&str]) {
    let mode = Mode::of_environment();
    let mut of_file = recorded().remove(name).unwrap_or_default();
    if mode != Mode::Recorded {
        let live = ask_library(compiler, &of_file);
        if mode == Mode::Record {
            write(name, &live);
            of_file = live.clone();
        }
        for (case, live) in &live {
            assert_eq!(of_file.get(case), Some(live), "{name}: {case} (recorded, live)");
        }
    }
    for case in CASES {
        let seen = of_file.get(case.id).unwrap_or_else(|| panic!("{name}: {} is not recorded", case.id));
        assert_eq!(&case.simulated(libc), seen, "{name}: {} (kubehop, {name})", case.id);
    }
}

/// Writes one library's part; the two tests may write at once.
fn write(name: &str, seen: &BTreeMap<String, Seen>) {
    static WRITING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = WRITING.lock();
    let mut all = recorded();
    all.insert(name.to_owned(), seen.clone());
    fs::write(path(), serde_json::to_string_pretty(&all).unwrap() + "\n").unwrap();
}

#[test]
fn glibc_asks_what_the_simulator_asks() {
    judge(Libc::Glibc, "glibc", &["gcc"]);
}

#[test]
fn musl_asks_what_the_simulator_asks() {
    judge(Libc::Musl, "musl", &["musl-gcc", "-static"]);
}
