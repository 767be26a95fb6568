//! A trace as JSON: CONTRACT section 3.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use crate::trace::{Choice, NameQuery, Trace, explain};
use crate::wire::{DnsRecord, one_line};

#[derive(Serialize)]
struct TraceJson<'a> {
    version: u32,
    disposition: DispositionJson,
    destinations: Vec<DestinationJson>,
    chosen: Option<String>,
    masqueraded: bool,
    queries: Vec<QueryJson>,
    hops: Vec<HopJson<'a>>,
}

#[derive(Serialize)]
struct DispositionJson {
    kind: &'static str,
    reason: Option<&'static str>,
    at: String,
}

#[derive(Serialize)]
struct DestinationJson {
    endpoint: String,
    probability: f64,
}

#[derive(Serialize)]
struct QueryJson {
    name: String,
    r#type: String,
    /// Whom it asked, and how.
    server: String,
    tcp: bool,
    rcode: Option<String>,
    answers: Vec<AnswerJson>,
}

#[derive(Serialize)]
struct AnswerJson {
    name: String,
    r#type: String,
    ttl: u32,
    data: String,
}

#[derive(Serialize)]
struct HopJson<'a> {
    at: String,
    steps: Vec<StepJson<'a>>,
}

#[derive(Serialize)]
struct StepJson<'a> {
    id: &'a str,
    device: Option<&'a str>,
    stage: &'static str,
    text: String,
    /// How it came about.
    what: String,
    packet: Option<String>,
    /// After the client started; negative before.
    time_ns: i64,
}

/// `trace` as one JSON document, with a newline at its end.
#[must_use]
pub fn to_json(trace: &Trace) -> String {
    let hops = trace.hops.iter().map(|hop| HopJson {
        at: hop.at.to_string(),
        steps: hop
            .steps
            .iter()
            .map(|step| {
                let words = explain(trace, hop, step);
                StepJson {
                    id: &step.id,
                    device: step.device.as_deref(),
                    stage: step.stage.slug(),
                    text: words.headline,
                    what: words.what,
                    packet: step.packet().map(one_line),
                    time_ns: trace.since_start(step.time),
                }
            })
            .collect(),
    });
    let document = TraceJson {
        version: 1,
        disposition: DispositionJson {
            kind: trace.disposition.kind(),
            reason: trace.disposition.reason(),
            at: trace.disposition.at().to_string(),
        },
        destinations: trace.choice.iter().flat_map(destinations).collect(),
        chosen: trace.choice.as_ref().map(|choice| endpoint(choice.chosen)),
        masqueraded: trace.choice.as_ref().is_some_and(|choice| choice.masqueraded),
        queries: trace.queries.iter().map(query).collect(),
        hops: hops.collect(),
    };
    // Strings and numbers alone: this cannot fail.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn destinations(choice: &Choice) -> impl Iterator<Item = DestinationJson> {
    let json = |(to, probability): &((IpAddr, u16), f64)| DestinationJson {
        endpoint: endpoint(*to),
        // Rules hold probabilities in 2^31ths: what is finer is rounding of the way there.
        probability: (probability * 1e9).round() / 1e9,
    };
    choice.destinations.iter().map(json)
}

fn query(query: &NameQuery) -> QueryJson {
    let message = query.reply.as_ref().map(|reply| &reply.message);
    let answer = |record: &DnsRecord| AnswerJson {
        name: record.name.to_string(),
        r#type: record.record_type().to_string(),
        ttl: record.ttl,
        data: record.data.to_string(),
    };
    QueryJson {
        name: query.name.to_string(),
        r#type: query.kind.to_string(),
        server: query.server.to_string(),
        tcp: query.tcp,
        rcode: message.map(|message| message.rcode.to_string()),
        answers: message.iter().flat_map(|message| &message.answers).map(answer).collect(),
    }
}

fn endpoint((ip, port): (IpAddr, u16)) -> String {
    SocketAddr::new(ip, port).to_string()
}
