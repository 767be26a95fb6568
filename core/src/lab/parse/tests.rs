//! Bad input and what is said of it, and what good input becomes.

mod bad_cluster;
mod bad_dns;
mod bad_fabric;
mod bad_file;
mod bad_ingress;
mod bad_lab;
mod bad_services;
mod filled_in;

use super::{Parsed, Source, parse};

/// A cluster of one node, to which cases add what they are about.
const NODE: &str = "apiVersion: v1\nkind: Node\nmetadata: {name: node-a}\n---\n";
const TWO_NODES: &str = include_str!("../../../../examples/two-nodes.yaml");
const THREE_NODES: &str = include_str!("../../../../examples/three-nodes.yaml");

fn parse_one(text: impl AsRef<[u8]>) -> Parsed {
    parse(&[Source { name: "lab.yaml", text: text.as_ref() }], &[])
}

/// Checks the problems of one file, each without its file name.
fn check(text: impl AsRef<[u8]>, expected: &[&str]) {
    let problems: Vec<String> = parse_one(&text).problems.iter().map(ToString::to_string).collect();
    let found: Vec<&str> = problems.iter().filter_map(|problem| problem.strip_prefix("lab.yaml:")).collect();
    assert_eq!(found, expected, "{}", String::from_utf8_lossy(text.as_ref()));
}

/// Checks what is said of `text` behind a node, with lines counted from the first of `text`.
fn check_beside_node(text: &str, expected: &[&str]) {
    let first_line = NODE.lines().count();
    let renumber = |line: &&str| {
        let (number, rest) = line.split_once(':').expect("a line number");
        format!("{}:{rest}", number.parse::<usize>().expect("a line number") + first_line)
    };
    let expected: Vec<String> = expected.iter().map(renumber).collect();
    check(format!("{NODE}{text}"), &expected.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn the_examples_have_no_problem() {
    for text in [TWO_NODES, THREE_NODES] {
        check(text, &[]);
    }
}

#[test]
fn the_small_example_is_understood_whole() {
    let lab = parse_one(TWO_NODES).lab;
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(lab.spec.name, "two-nodes");
    assert_eq!(lab.spec.hosts[0].address.to_string(), "203.0.113.2/24");
    let pods: Vec<String> = lab.objects.pods.iter().map(|pod| format!("{} {}", pod.meta.name, pod.node_name)).collect();
    assert_eq!(pods, names(&["client node-a", "web-0 node-a", "web-1 node-b", "duo node-b"]));
    let duo: Vec<String> = lab.objects.pods[3].containers.iter().map(|container| container.name.clone()).collect();
    assert_eq!(duo, names(&["main", "side"]));
}

#[test]
fn the_large_example_has_what_a_cluster_has() {
    let objects = parse_one(THREE_NODES).lab.objects;
    assert_eq!((objects.nodes.len(), objects.pods.len(), objects.services.len()), (3, 20, 11));
    assert_eq!(objects.endpoint_slices.len(), 10, "stated slices are kept and none is added");
    let finished: Vec<_> = objects.pods.iter().filter(|pod| pod.finished).collect();
    assert_eq!(finished.len(), 1);
    assert_eq!(finished[0].pod_ip, None, "another pod has the address of what has finished");
    for pod in objects.pods.iter().filter(|pod| pod.host_network) {
        let node = objects.nodes.iter().find(|node| node.meta.name == pod.node_name).expect("a node");
        assert_eq!(pod.pod_ip, node.addresses.first().copied());
    }
}

#[test]
fn files_make_one_cluster_and_problems_name_theirs() {
    let node = Source { name: "nodes.yaml", text: NODE.as_bytes() };
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {nodeName: node-a}\n";
    let pods = Source { name: "pods.yaml", text: pod.as_bytes() };
    assert!(parse(&[node, pods], &[]).problems.is_empty());
    let again = Source { name: "more.yaml", text: pod.as_bytes() };
    let problems: Vec<String> = parse(&[node, pods, again], &[]).problems.iter().map(ToString::to_string).collect();
    let expected =
        "more.yaml:3:18: error: found Pod default/web again, expected it once: it stands at pods.yaml:3:18".to_owned();
    assert_eq!(problems, [expected]);
}

#[test]
fn a_list_counts_as_its_items() {
    let items = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Node, metadata: {name: node-a}}\n- {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, metadata: {name: web}}]}\n";
    let raw = "{\"kind\": \"NodeList\", \"apiVersion\": \"v1\", \"items\": [{\"metadata\": {\"name\": \"node-b\"}}]}";
    let objects = parse_one(format!("{items}---\n{raw}")).lab.objects;
    assert_eq!((objects.nodes.len(), objects.pods.len()), (2, 1));
}

#[test]
fn nothing_at_all_is_a_problem_too() {
    let problems = parse(&[], &[]).problems;
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].text, "found no Node, expected at least one: pods and addresses are on nodes");
}
