//! Runs whose every byte must be the same natively and as WebAssembly.

use std::fmt::Write as _;

use kubehop_core::api::{Detail, Run, Source, parse, render, to_json, trace};
use sha2::{Digest as _, Sha256};

const TWO_NODES: &str = include_str!("../../examples/two-nodes.yaml");

/// Sender, target, CNI mode, bytes of the request, seed.
const RUNS: [(&str, &str, &str, usize, u64); 8] = [
    ("pod/client", "http://10.244.1.2:8080/", "vxlan", 100, 1),
    ("pod/client", "http://10.244.1.2:8080/", "vxlan", 4000, 7),
    ("pod/client", "tcp://10.244.1.2:8080", "host-gw", 100, 1),
    ("pod/client", "http://10.244.0.3:8080/", "vxlan", 100, 1),
    ("pod/default/duo/main", "http://127.0.0.1:9090/", "vxlan", 100, 1),
    ("pod/client", "udp://10.244.1.3:8125", "vxlan", 30, 1),
    ("pod/client", "ping://10.244.1.2", "vxlan", 2000, 1),
    ("node/node-a", "ping://10.244.1.2", "vxlan", 56, u64::MAX),
];

/// One line for each run: what it is, then the digests of its capture, its JSON and its text.
///
/// # Panics
/// If a run cannot be made.
#[must_use]
#[allow(unreachable_pub, reason = "the build script includes this file as a private module")]
pub fn digests() -> String {
    let mut lines = String::new();
    for (from, to, mode, size, seed) in RUNS {
        let sets = [("cni.mode".to_owned(), mode.to_owned())];
        let parsed = parse(&[Source { name: "two-nodes.yaml", text: TWO_NODES.as_bytes() }], &sets);
        let run = Run { size, seed, ..Run::new(from, to) };
        let trace = trace(&parsed.lab, &run).expect("every run of the list can be made");
        let digest =
            |bytes: &[u8]| Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let (capture, json, text) = (trace.to_pcapng(), to_json(&trace), render(&trace, Detail::Full));
        // Writing to a String cannot fail.
        let _ = writeln!(
            lines,
            "{from} {to} {mode} {size} {seed} {} {} {}",
            digest(&capture),
            digest(json.as_bytes()),
            digest(text.as_bytes())
        );
    }
    lines
}
