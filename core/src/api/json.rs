//! A trace as JSON: CONTRACT section 3.

use serde::Serialize;

use crate::trace::{Trace, explain};
use crate::wire::one_line;

#[derive(Serialize)]
struct TraceJson<'a> {
    version: u32,
    disposition: DispositionJson,
    /// Nothing is translated yet, so there is nothing to choose from.
    destinations: [(); 0],
    chosen: Option<String>,
    masqueraded: bool,
    /// Nothing resolves names yet.
    queries: [(); 0],
    hops: Vec<HopJson<'a>>,
}

#[derive(Serialize)]
struct DispositionJson {
    kind: &'static str,
    reason: Option<&'static str>,
    at: String,
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
    packet: Option<String>,
    time_ns: u64,
}

/// `trace` as one JSON document, with a newline at its end.
#[must_use]
pub fn to_json(trace: &Trace) -> String {
    let hops = trace.hops.iter().map(|hop| HopJson {
        at: hop.at.to_string(),
        steps: hop
            .steps
            .iter()
            .map(|step| StepJson {
                id: &step.id,
                device: step.device.as_deref(),
                stage: step.stage.slug(),
                text: explain(trace, hop, step).headline,
                packet: step.packet().map(one_line),
                time_ns: step.time.as_nanos(),
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
        destinations: [],
        chosen: None,
        masqueraded: false,
        queries: [],
        hops: hops.collect(),
    };
    // Strings and numbers alone: this cannot fail.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}
