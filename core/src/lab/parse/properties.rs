//! Whatever the input, parsing ends, does not panic, and leaves a lab that nothing behind it needs to doubt.

use proptest::prelude::*;

use super::{Source, parse};
use crate::lab::Lab;

const TWO_NODES: &str = include_str!("../../../../examples/two-nodes.yaml");

/// Lines that make up documents, right and wrong.
const LINES: [&str; 24] = [
    "---",
    "apiVersion: v1",
    "kind: Pod",
    "kind: Node",
    "kind: Service",
    "kind: List",
    "items:",
    "- apiVersion: v1",
    "  kind: Pod",
    "  metadata: {name: a}",
    "metadata: {name: a}",
    "metadata: &m",
    "  name: *m",
    "<<: *m",
    "spec:",
    "  podCIDR: 10.244.0.0/30",
    "  nodeName: a",
    "  clusterIP: 10.96.0.1",
    "  ports: [{port: 80}]",
    "apiVersion: kubehop.dev/v1",
    "kind: Lab",
    "status: {podIP: 10.244.0.2}",
    "{\"kind\":",
    "\t- x: |",
];

fn check(text: &[u8], set: &[(String, String)]) {
    let parsed = parse(&[Source { name: "lab.yaml", text }], set);
    assert_whole(&parsed.lab);
    let n_lines = text.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
    for problem in &parsed.problems {
        assert!(problem.line >= 1 && problem.col >= 1 && !problem.text.contains('\n'), "{problem}");
        assert!(problem.file == "--set" || problem.line <= n_lines, "{problem} in {n_lines} lines");
    }
}

/// What the rest of the program relies on, errors or not.
fn assert_whole(lab: &Lab) {
    for node in &lab.objects.nodes {
        assert!(!node.addresses.is_empty() && node.pod_cidr.is_some(), "{node:?}");
    }
    for pod in lab.objects.pods.iter().filter(|pod| !pod.finished) {
        assert!(pod.pod_ip.is_some(), "{pod:?}");
        assert!(lab.objects.nodes.iter().any(|node| node.meta.name == pod.node_name), "{pod:?}");
    }
    let ips = || lab.objects.pods.iter().filter(|pod| !pod.finished && !pod.host_network).filter_map(|pod| pod.pod_ip);
    let different: crate::base::BTreeSet<_> = ips().collect();
    assert_eq!(different.len(), ips().count(), "two pods with one IP");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        check(&bytes, &[]);
    }

    #[test]
    fn any_text_is_survived(text in "[ -~\\n\\t{}\\[\\]:&*|>\"'é]{0,300}") {
        check(text.as_bytes(), &[]);
    }

    #[test]
    fn documents_of_any_lines_are_survived(lines in proptest::collection::vec(proptest::sample::select(&LINES[..]), 0..40)) {
        check(lines.join("\n").as_bytes(), &[]);
    }

    #[test]
    fn an_example_with_anything_in_it_is_survived(at in 0..TWO_NODES.len(), cut in 0_usize..40, text in "[ -~\\n]{0,8}") {
        let mut bytes = TWO_NODES.as_bytes().to_vec();
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, text.bytes());
        check(&bytes, &[]);
    }

    #[test]
    fn any_setting_is_survived(path in "[a-zA-Z.0-9/-]{0,24}", known in 0_usize..6, value in "[ -~]{0,16}") {
        let known = ["", "cni.", "underlay.nodes.", "hosts.0.", "sysctl.node/node-a.net.", "dns.upstream."][known];
        check(TWO_NODES.as_bytes(), &[(format!("{known}{path}"), value)]);
    }
}
