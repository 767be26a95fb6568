//! How long the core takes. `cargo xtask bench` makes a table of it.

use divan::{Bencher, black_box};
use kubehop_core::api::{Lab, Run, Source, parse, step_view, trace};

const TWO_NODES: &[u8] = include_bytes!("../../examples/two-nodes.yaml");

fn main() {
    divan::main();
}

fn lab() -> Lab {
    parse(&[Source { name: "two-nodes.yaml", text: TWO_NODES }], &[]).lab
}

/// The file into a cluster.
#[divan::bench]
fn parse_two_nodes(bencher: Bencher) {
    bencher.bench(lab);
}

/// A whole run, from the cluster to the last packet of the connection, through VXLAN.
#[divan::bench]
fn trace_http_across_nodes(bencher: Bencher) {
    bench_trace(bencher, "http://10.244.1.2:8080");
}

#[divan::bench]
fn trace_http_on_one_node(bencher: Bencher) {
    bench_trace(bencher, "http://10.244.0.3:8080");
}

#[divan::bench]
fn trace_ping_across_nodes(bencher: Bencher) {
    bench_trace(bencher, "ping://10.244.1.2");
}

fn bench_trace(bencher: Bencher, target: &str) {
    let (lab, run) = (lab(), Run::new("pod/client", target));
    bencher.bench(|| trace(black_box(&lab), black_box(&run)));
}

/// What the page shows of one step, in the middle of a connection across nodes.
#[divan::bench]
fn view_one_step(bencher: Bencher) {
    let trace = trace(&lab(), &Run::new("pod/client", "http://10.244.1.2:8080")).expect("the example has a client");
    let middle = trace.steps().count() / 2;
    bencher.bench(|| step_view(black_box(&trace), middle));
}
