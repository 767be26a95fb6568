//! What a lookup has cost, and what it would have cost otherwise.
//!
//! The resolver is run again on the answers that were seen. Where it would ask for something that nobody asked in the
//! run, nothing is said.

use std::collections::VecDeque;

use crate::app::resolver::{Action, Event, Families, Libc, Lookup, Progress, Reply, Resolver, Transport};
use crate::base::Instant;
use crate::trace::{NameQuery, Trace};

/// How many messages a name took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupCost {
    /// The name as it was typed.
    pub name: String,
    /// Messages that the client's resolver sent.
    pub n_queries: usize,
    /// Those among them that led to nothing: for names without an address, and those that were sent again.
    pub n_wasted: usize,
    /// How many there would be if the name were typed with a trailing dot.
    pub with_trailing_dot: Option<usize>,
    /// How many there would be with `options ndots:1`.
    pub with_ndots_1: Option<usize>,
}

/// What the lookup of `trace` has cost; `None` if it looked nothing up, or asked one question alone.
#[must_use]
pub fn lookup_cost(trace: &Trace) -> Option<LookupCost> {
    let lookup = trace.lookup.as_ref()?;
    let libc = match lookup.by {
        "glibc" => Libc::Glibc,
        "musl" => Libc::Musl,
        _ => return None,
    };
    let queries = &trace.queries;
    let again = |name: &str, conf: &str| replay(queries, libc, name, conf, &lookup.hostname);
    let dotted = format!("{}.", lookup.name.trim_end_matches('.'));
    // The last option holds.
    let with_ndots_1 = format!("{}options ndots:1\n", lookup.resolv_conf);
    Some(LookupCost {
        name: lookup.name.clone(),
        n_queries: queries.len(),
        n_wasted: wasted_queries(trace).iter().filter(|is_wasted| **is_wasted).count(),
        with_trailing_dot: again(&dotted, &lookup.resolv_conf),
        with_ndots_1: again(&lookup.name, &with_ndots_1),
    })
}

/// For each of the trace's queries whether it led to nothing. Of the name that had an address, one message for each type of
/// records was of use.
#[must_use]
pub fn wasted_queries(trace: &Trace) -> Vec<bool> {
    let is_answered = |query: &NameQuery| query.reply.as_ref().is_some_and(|reply| !reply.message.flags.truncated);
    let has_answer = |query: &&NameQuery| query.reply.as_ref().is_some_and(|reply| !reply.message.answers.is_empty());
    let queries = &trace.queries;
    let found = queries.iter().filter(|query| is_answered(query)).find(has_answer).map(|query| &query.name);
    let mut of_use: Vec<usize> = Vec::new();
    for (at, query) in queries.iter().enumerate().filter(|(_, query)| Some(&query.name) == found) {
        match of_use.iter_mut().find(|known| queries[**known].kind == query.kind) {
            // What had to be asked again was of no use.
            Some(known) if !is_answered(&queries[*known]) => *known = at,
            Some(_) => {}
            None => of_use.push(at),
        }
    }
    (0..queries.len()).map(|at| !of_use.contains(&at)).collect()
}

/// How many messages the resolver sends if everybody answers as they did; `None` if nobody was asked one of them.
fn replay(queries: &[NameQuery], libc: Libc, name: &str, resolv_conf: &str, hostname: &str) -> Option<usize> {
    let lookup = Lookup { name, families: Families::default(), resolv_conf, hostname, draw: 0 };
    let mut resolver = Resolver::new(libc, &lookup);
    let mut progress = resolver.start(Instant::START);
    let (mut waiting, mut n_sent) = (VecDeque::new(), 0);
    while let Progress::Waiting(_) = progress {
        for action in resolver.take_actions() {
            if let Action::Send(query) = action {
                n_sent += 1;
                waiting.push_back(query);
            }
        }
        let asked = waiting.pop_front()?;
        let tcp = asked.transport == Transport::Tcp;
        let name = asked.name.parse().ok()?;
        let same = |query: &&NameQuery| query.name == name && query.kind == asked.kind && query.tcp == tcp;
        let message = &queries.iter().filter(same).find_map(|query| query.reply.as_ref())?.message;
        let reply = Reply::read(message, asked.kind);
        let event = Event::Answer { socket: asked.socket, server: asked.server, number: asked.number, reply };
        progress = resolver.on(&event, Instant::START);
    }
    Some(n_sent)
}

#[cfg(test)]
mod tests {
    use super::{LookupCost, lookup_cost};
    use crate::lab::{Run, Source, parse, trace};

    const LAB: &str = "
apiVersion: kubehop.dev/v1
kind: Lab
metadata: { name: names }
spec:
  dns: { upstream: { address: 9.9.9.9, records: [\"example.com. 300 IN A 93.184.216.34\"] } }
---
apiVersion: v1
kind: Node
metadata: { name: node-a }
---
apiVersion: v1
kind: Pod
metadata: { name: client }
spec: { containers: [{ name: main, image: client }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { ports: [{ port: 80 }] }
";

    #[test]
    fn what_a_dot_saves_is_computed_from_the_answers_that_were_seen() {
        let lab = parse(&[Source { name: "lab.yaml", text: LAB.as_bytes() }], &[]).lab;
        for (name, queries, wasted, with_trailing_dot, with_ndots_1) in [
            ("example.com", 8, 6, Some(2), Some(2)),
            ("example.com.", 2, 0, Some(2), Some(2)),
            // Nobody was asked for `web.` alone; with ndots:1 the search list comes first all the same.
            ("web", 2, 0, None, Some(2)),
            ("web.default.svc.cluster.local", 8, 6, Some(2), Some(2)),
        ] {
            let trace = trace(&lab, &Run::new("pod/client", &format!("lookup://{name}"))).expect("a run");
            let expected = LookupCost {
                name: name.to_owned(),
                n_queries: queries,
                n_wasted: wasted,
                with_trailing_dot,
                with_ndots_1,
            };
            assert_eq!(lookup_cost(&trace), Some(expected), "{name}");
        }
        let ping = trace(&lab, &Run::new("pod/client", "ping://10.244.0.1")).expect("a run");
        assert_eq!(lookup_cost(&ping), None);
    }
}
