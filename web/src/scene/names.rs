//! What the client's resolver asks: its queries in order, what each led to, and the lines of `resolv.conf` that made it
//! ask so.

use kubehop_core::api::{Lookup, NameQuery, Trace, lookup_cost, wasted_queries};

use super::reel::Reel;

/// The lookup of a run as it stands at a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameSheet {
    /// Who asks for what.
    pub title: String,
    /// How many queries there were until now.
    pub count: String,
    /// What would have saved some.
    pub saving: String,
    /// The queries, in order.
    pub rows: Vec<NameRow>,
    /// The lines of the client's `resolv.conf`, each with what it decided of the present query.
    pub conf: Vec<(String, Option<String>)>,
}

/// A query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRow {
    /// Its number, from 1.
    pub n: usize,
    /// Name and type.
    pub asked: String,
    /// What came back, as far as that has happened.
    pub told: String,
    /// Who is asked.
    pub server: String,
    /// The step that sent it.
    pub step: Option<usize>,
    /// How far it is.
    pub state: Asked,
    /// Whether this step is about it.
    pub is_now: bool,
}

/// How far a query is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Not sent yet.
    Ahead,
    /// On its way.
    Open,
    /// Answered, and of use.
    Found,
    /// Over, and of no use.
    Wasted,
}

/// The lookup of `trace` as it stands at step `cursor`; `None` if nothing was asked.
#[must_use]
pub fn names(reel: &Reel, trace: &Trace, cursor: usize) -> Option<NameSheet> {
    let lookup = trace.lookup.as_ref().filter(|_| !trace.queries.is_empty())?;
    let find = |id: Option<&str>| id.and_then(|id| (0..reel.len()).find(|idx| reel.step(trace, *idx).1.id == id));
    let steps: Vec<(Option<usize>, Option<usize>)> = trace
        .queries
        .iter()
        .map(|query| (find(trace.step_that_sent(query)), find(trace.step_that_received(query))))
        .collect();
    let is_past = |step: Option<usize>| step.is_some_and(|step| step <= cursor);
    let journey = reel.step(trace, cursor).0.journey;
    let is_about = |query: &NameQuery| {
        query.sent == Some(journey) || query.reply.as_ref().is_some_and(|reply| reply.received == journey)
    };
    let last_sent = steps.iter().rposition(|(sent, _)| is_past(*sent));
    let now = trace.queries.iter().position(is_about).or(last_sent);
    let wasted = wasted_queries(trace);
    let rows: Vec<NameRow> = trace
        .queries
        .iter()
        .enumerate()
        .map(|(at, query)| {
            let (sent, received) = steps[at];
            // What nobody answers is over when the next is sent.
            let is_given_up = query.reply.is_none() && last_sent.is_some_and(|last| last > at);
            let state = match () {
                () if !is_past(sent) => Asked::Ahead,
                () if !is_past(received) && !is_given_up => Asked::Open,
                () if wasted[at] && lookup.by != "dig" => Asked::Wasted,
                () => Asked::Found,
            };
            NameRow {
                n: at + 1,
                asked: format!("{} {}", query.name, query.kind),
                told: if matches!(state, Asked::Ahead | Asked::Open) { String::new() } else { told(query) },
                server: format!("{}{}", query.server, if query.tcp { " tcp" } else { "" }),
                step: sent,
                state,
                is_now: now == Some(at),
            }
        })
        .collect();
    let n_sent = rows.iter().filter(|row| row.state != Asked::Ahead).count();
    let n_wasted = rows.iter().filter(|row| row.state == Asked::Wasted).count();
    let waste = if n_wasted > 0 { format!(", {n_wasted} of them wasted") } else { String::new() };
    Some(NameSheet {
        title: format!("{} {}", lookup.by, lookup.name),
        count: format!("{n_sent} of {} so far{waste}", count(rows.len())),
        saving: saving(trace),
        conf: conf(lookup, now.map(|at| &trace.queries[at])),
        rows,
    })
}

fn count(n: usize) -> String {
    if n == 1 { "1 query".to_owned() } else { format!("{n} queries") }
}

/// What came back, in a few words.
fn told(query: &NameQuery) -> String {
    let Some(message) = query.reply.as_ref().map(|reply| &reply.message) else { return "no answer".to_owned() };
    match message.answers.len() {
        _ if message.flags.truncated => "cut off".to_owned(),
        0 if message.rcode.0 == 0 => "NODATA".to_owned(),
        0 => message.rcode.to_string(),
        n => {
            let first = message.answers[0].data.to_string();
            if n == 1 { first } else { format!("{first} +{}", n - 1) }
        }
    }
}

/// What would have saved queries.
fn saving(trace: &Trace) -> String {
    let Some(cost) = lookup_cost(trace) else { return String::new() };
    let ways = [(cost.with_trailing_dot, "a trailing dot"), (cost.with_ndots_1, "ndots:1")];
    let saves = |(n, way): &(Option<usize>, &'static str)| {
        let saved = cost.n_queries.checked_sub((*n)?).filter(|saved| *saved > 0)?;
        Some((saved, *way))
    };
    match ways.iter().filter_map(saves).collect::<Vec<_>>()[..] {
        [(a, dot), (b, ndots)] if a == b => format!("{dot} or {ndots} would have saved {a} of {}", cost.n_queries),
        [(a, dot), (b, ndots)] => format!("{dot} would have saved {a} of {}, {ndots} {b}", cost.n_queries),
        [(saved, way)] => format!("{way} would have saved {saved} of {}", cost.n_queries),
        _ => String::new(),
    }
}

/// The lines of `resolv.conf`, each with what it decided of `query`.
fn conf(lookup: &Lookup, query: Option<&NameQuery>) -> Vec<(String, Option<String>)> {
    let line = |line: &str| (line.to_owned(), query.and_then(|query| decided(lookup, query, line)));
    lookup.resolv_conf.lines().map(line).collect()
}

fn decided(lookup: &Lookup, query: &NameQuery, line: &str) -> Option<String> {
    let (word, rest) = line.split_once(' ')?;
    let is_searched = lookup.by != "dig" && !lookup.name.ends_with('.');
    match word {
        "nameserver" => (rest == query.server.to_string()).then(|| "is asked".to_owned()),
        "search" if is_searched => {
            let asked = query.name.to_string();
            let suffix = asked.strip_prefix(&lookup.name)?.strip_prefix('.')?.strip_suffix('.')?;
            let mut entries = rest.split(' ');
            let at = entries.position(|entry| entry == suffix)?;
            Some(format!("entry {} of {}", at + 1, rest.split(' ').count()))
        }
        "options" if is_searched => {
            let ndots: usize = rest.split(' ').find_map(|option| option.strip_prefix("ndots:"))?.parse().ok()?;
            let n = lookup.name.matches('.').count();
            let dots = if n == 1 { "dot" } else { "dots" };
            Some(if n < ndots {
                format!("{n} {dots} < {ndots}: search first")
            } else {
                format!("{n} {dots} ≥ {ndots}: as typed first")
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, NameSheet, names};
    use crate::state::{Scenario, Walk};

    fn walk(to: &str) -> Walk {
        Walk::new(&Scenario { to: Some(to.to_owned()), ..Scenario::default() }).expect("a run")
    }

    fn sheet(walk: &Walk, cursor: usize) -> NameSheet {
        names(&walk.reel, &walk.trace, cursor).expect("names are asked for")
    }

    #[test]
    fn queries_are_counted_as_they_are_sent_and_wasted_when_their_answer_is_there() {
        let walk = walk("http://web.default/");
        let first = sheet(&walk, 0);
        assert_eq!((first.title.as_str(), first.count.as_str()), ("glibc web.default", "1 of 4 queries so far"));
        assert_eq!(first.rows[0].asked, "web.default.default.svc.cluster.local. A");
        assert!(first.rows[0].is_now && first.rows[0].told.is_empty());
        assert_eq!(first.rows[3].state, Asked::Ahead);
        let last = sheet(&walk, walk.n_steps() - 1);
        assert_eq!(last.count, "4 of 4 queries so far, 2 of them wasted");
        let told: Vec<(&str, Asked)> = last.rows.iter().map(|row| (row.told.as_str(), row.state)).collect();
        let (nothing, found) = (("NXDOMAIN", Asked::Wasted), ("10.96.45.67", Asked::Found));
        assert_eq!(told, [nothing, nothing, found, ("NODATA", Asked::Found)]);
        assert_eq!(last.rows[2].step.map(|step| walk.id(step)), Some("dns.query-3.client.app"));
    }

    #[test]
    fn the_lines_that_decided_are_lit() {
        let walk = walk("lookup://web.default");
        let first: Vec<Option<String>> = sheet(&walk, 0).conf.into_iter().map(|(_, why)| why).collect();
        let some = |why: &str| Some(why.to_owned());
        assert_eq!(first, [some("is asked"), some("entry 1 of 3"), some("1 dot < 5: search first")]);
        let asked = walk.find("dns.query-3.client.app").expect("a third query");
        assert_eq!(sheet(&walk, asked).conf[1].1, some("entry 2 of 3"));
    }

    #[test]
    fn dig_wastes_nothing_and_other_runs_ask_nothing() {
        let walk = walk("dns://web");
        let last = sheet(&walk, walk.n_steps() - 1);
        assert_eq!((last.count.as_str(), last.saving.as_str()), ("1 of 1 query so far", ""));
        assert_eq!(last.conf[1].1, None);
        let other = Walk::new(&Scenario::default()).expect("the built-in walk");
        assert_eq!(names(&other.reel, &other.trace, 0), None);
    }
}
