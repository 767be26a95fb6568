//! How long the core takes as WebAssembly. `cargo xtask bench` builds this in release and makes a row of what it logs.
#![cfg(target_arch = "wasm32")]

use kubehop_core::api::{Run, Source, parse, trace};
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const LAB: &[u8] = include_bytes!("../../../examples/two-nodes.yaml");
const N_RUNS: usize = 101;

#[wasm_bindgen_test]
fn trace_http_across_nodes() {
    let lab = parse(&[Source { name: "two-nodes.yaml", text: LAB }], &[]).lab;
    let run = Run::new("pod/client", "http://10.244.1.2:8080");
    let clock = web_sys::window().and_then(|window| window.performance()).expect("a browser has a clock");
    let mut times: Vec<f64> = (0..N_RUNS)
        .map(|_| {
            let start = clock.now();
            let trace = trace(&lab, &run).expect("client and server exist");
            assert_eq!(trace.disposition.kind(), "delivered");
            clock.now() - start
        })
        .collect();
    times.sort_by(f64::total_cmp);
    console_log!("figure: trace_http_across_nodes, WASM | {:.2} ms | {:.2} ms", times[0], times[N_RUNS / 2]);
}
