//! What long tables and large clusters cost in memory.

use std::alloc::System;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kubehop_core::api::{Run, Source, parse, trace};
use kubehop_core::base::{Place, Writer};
use kubehop_core::lab;
use kubehop_core::netfilter::{Match, Rule, TableName, Target};
use kubehop_core::sim::{self, Exchange, Talk};
use kubehop_tests::large;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The allocator counts for all threads: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

const TWO_NODES: &[u8] = include_bytes!("../examples/two-nodes.yaml");

/// Bytes that a ping across nodes leaves allocated, with this many rules on its way that all miss.
fn kept_by_a_ping(n_rules: u16) -> usize {
    let lab = parse(&[Source { name: "two-nodes.yaml", text: TWO_NODES }], &[]).lab;
    let mut topo = lab::build(&lab, 1);
    let (client, _) = lab::resolve(&lab, &mut topo, "pod/client", "--from").expect("the example has a client");
    for name in ["node-a", "node-b"] {
        let node = topo.find(&Place::Node(name.to_owned())).expect("the example has this node");
        let filter = topo.ns_mut(node).netfilter.table_mut(TableName::Filter);
        for port in 1..=n_rules {
            filter.append("FORWARD", Rule::new(Writer::Admin, Target::Drop).protocol(17).and(Match::dport(port)));
        }
    }
    let talk = Talk::Ping { size: 56, df: false };
    let exchange = Exchange {
        client,
        program: "ping".into(),
        dst: [10, 244, 1, 2].into(),
        talk,
        ttl: None,
        seed: 1,
        names: sim::Names::default(),
    };
    let region = Region::new(ALLOCATOR);
    let (trace, topo) = sim::run_to_end(topo, &exchange);
    let change = region.change();
    assert_eq!(trace.disposition.kind(), "delivered");
    drop((trace, topo));
    change.bytes_allocated.saturating_sub(change.bytes_deallocated)
}

#[test]
fn ten_thousand_rules_that_miss_add_less_than_a_megabyte_to_a_trace() {
    let _alone = alone();
    let (short, long) = (kept_by_a_ping(1), kept_by_a_ping(10_000));
    assert!(long < short + (1 << 20), "{short} bytes with one rule, {long} with ten thousand");
}

/// A tenth of the cluster that docs/PERFORMANCE.md tells of.
#[test]
fn a_hundred_nodes_with_three_thousand_pods_and_five_hundred_services_fit_into_thirty_megabytes() {
    let _alone = alone();
    let text = large::cluster(100, 30, 500);
    let region = Region::new(ALLOCATOR);
    let parsed = parse(&[Source { name: "large.json", text: text.as_bytes() }], &[]);
    assert_eq!(parsed.problems, []);
    let run = Run::new("pod/pod-0", &format!("http://{}", large::cluster_ip(499)));
    let trace = trace(&parsed.lab, &run).expect("the cluster has this pod");
    let change = region.change();
    assert_eq!(trace.disposition.kind(), "delivered");
    let kept = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    assert!(kept < 30 << 20, "{kept} bytes for {} of JSON", text.len());
}
