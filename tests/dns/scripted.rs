//! A resolver against servers that do what they are told, in virtual time.

use std::collections::BTreeMap;
use std::net::IpAddr;

use kubehop_core::app::resolver::{Action, Event, LookupError, Progress, Query, Reply, Resolver, Transport};
use kubehop_core::base::Instant;
use kubehop_core::wire::RecordType;

/// What a server does with a question.
pub(crate) enum Does {
    Answers(Reply),
    Drops,
}

/// A message as the server sees it: when, and what became of it.
pub(crate) struct Seen {
    pub(crate) ms: u128,
    pub(crate) query: Query,
    pub(crate) outcome: &'static str,
}

pub(crate) type Outcome = Result<Vec<IpAddr>, LookupError>;

/// Runs a lookup to its end; answers are there at once.
pub(crate) fn run(mut resolver: Resolver, mut server: impl FnMut(&Query) -> Does) -> (Outcome, u128, Vec<Seen>) {
    let mut now = Instant::START;
    let mut seen = Vec::new();
    let mut arriving: Vec<Event> = Vec::new();
    let mut progress = resolver.start(now);
    for _ in 0..10_000 {
        for action in resolver.take_actions() {
            let Action::Send(query) = action else { continue };
            let does = server(&query);
            let outcome = outcome(&does);
            if let Does::Answers(reply) = does {
                let Query { socket, server, number, .. } = query;
                arriving.push(Event::Answer { socket, server, number, reply });
            }
            seen.push(Seen { ms: now.elapsed().as_millis(), query, outcome });
        }
        let until = match progress {
            Progress::Done(outcome) => return (outcome, now.elapsed().as_millis(), seen),
            Progress::Waiting(until) => until,
        };
        progress = if arriving.is_empty() {
            now = until.expect("a lookup that waits for nothing has an end");
            resolver.on(&Event::Timeout, now)
        } else {
            resolver.on(&arriving.remove(0), now)
        };
    }
    panic!("the lookup has no end");
}

/// What becomes of a question.
pub(crate) fn outcome(does: &Does) -> &'static str {
    let Does::Answers(reply) = does else { return "DROPPED" };
    match (reply.rcode, reply.n_answers) {
        _ if reply.truncated => "TRUNCATED",
        (0, 0) => "NODATA",
        (0, _) => "NOERROR",
        (2, _) => "SERVFAIL",
        (3, _) => "NXDOMAIN",
        (5, _) => "REFUSED",
        _ => "OTHER",
    }
}

/// A reply with this code and nothing else.
pub(crate) fn code(rcode: u16) -> Reply {
    Reply { rcode, authoritative: true, recursion_available: true, ..Reply::default() }
}

/// What a zone says; `records` by name with its trailing dot.
pub(crate) fn of_zone(records: &BTreeMap<String, Vec<IpAddr>>, query: &Query) -> Reply {
    let Some(addresses) = records.get(&query.name) else { return code(3) };
    let fits = |ip: &&IpAddr| ip.is_ipv4() == (query.kind == RecordType::A);
    let addresses: Vec<IpAddr> = addresses.iter().filter(fits).copied().collect();
    Reply { n_answers: addresses.len(), addresses, ..code(0) }
}

pub(crate) fn kind_name(kind: RecordType) -> &'static str {
    if kind == RecordType::A { "A" } else { "AAAA" }
}

pub(crate) fn transport_name(transport: Transport) -> &'static str {
    if transport == Transport::Udp { "udp" } else { "tcp" }
}
