//! What is no manifest.

use super::{NODE, check, check_beside_node, parse_one};

const NO_NODE: &str = "1:1: error: found no Node, expected at least one: pods and addresses are on nodes";

#[test]
fn an_empty_file_is_an_error() {
    let nothing = "1:1: error: found nothing in this file, expected Kubernetes manifests";
    for text in ["", "\n", "# only a comment\n", "---\n---\n", "\u{feff}"] {
        check(text, &[nothing]);
    }
}

#[test]
fn a_file_without_a_node_is_an_error() {
    check("apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {nodeName: node-a}\n", &[NO_NODE]);
}

#[test]
fn a_file_that_is_not_text_is_an_error_at_its_first_bad_byte() {
    let expected = |at: &str, byte: &str| {
        format!("{at}: error: found byte {byte}, expected text (UTF-8); this file is not a manifest")
    };
    check(b"kind: \xff\n", &[&expected("1:7", "0xff")]);
    check(b"\x89PNG\r\n\x1a\n", &[&expected("1:1", "0x89")]);
    check(b"kind: Pod\nname: \0\n", &[&expected("2:7", "0x00")]);
}

#[test]
fn a_syntax_error_leaves_the_other_documents_standing() {
    let text = "kind: [Pod\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: web}\n";
    check_beside_node(text, &["2:1: error: not YAML: found `-`, expected `,` or `]`"]);
    let pods = parse_one(format!("{NODE}{text}")).lab.objects.pods;
    assert_eq!(pods.len(), 1);
}

#[test]
fn what_is_no_manifest_is_named() {
    let manifest = "expected a manifest: a mapping with `apiVersion` and `kind`";
    check_beside_node("hello\n", &[&format!("1:1: error: found string \"hello\", {manifest}")]);
    check_beside_node("- a\n", &[&format!("1:1: error: found a list, {manifest}")]);
    check_beside_node("a: b\n", &[&format!("1:1: error: found a document without `apiVersion`, {manifest}")]);
    check_beside_node("apiVersion: v1\n", &[&format!("1:1: error: found a document without `kind`, {manifest}")]);
    let item = "apiVersion: v1\nkind: List\nitems:\n- a\n- metadata: {name: x}\n";
    let no_head = format!("5:3: error: found a document without `apiVersion`, {manifest}");
    check_beside_node(item, &["4:3: error: items: found string \"a\", expected a mapping", &no_head]);
}

#[test]
fn a_large_file_that_is_no_manifest_is_refused_at_once() {
    // Two megabytes here; the whole fifty take a tenth of a second in a release build.
    let keys = "found 2 MB without the keys `apiVersion` and `kind`, expected Kubernetes manifests";
    for unit in ["lorem ipsum dolor sit amet\n", "[1, 2, {", "a", "key: value\n", "- \"x\"\n"] {
        check(unit.repeat(2_000_000 / unit.len() + 1), &[&format!("1:1: error: {keys}")]);
    }
    let list = format!("[{}]", "{\"apiVersion\": \"v1\", \"kind\": \"Pod\"},".repeat(60_000));
    check(list, &["1:1: error: found a list, expected a manifest: a mapping with `apiVersion` and `kind`"]);
    let fields = "x: {apiVersion: v1, kind: Pod}\n".repeat(60_000);
    check(fields, &["1:1: error: found no `apiVersion` and no `kind` here, expected a Kubernetes manifest"]);
}

#[test]
fn each_kind_that_is_not_read_is_one_note() {
    let of = |api_version: &str, kind: &str| format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{}}\n---\n");
    let text = [of("v1", "Secret"), of("v1", "Podd"), of("v1", "Secret"), of("extensions/v1beta1", "Ingress")].concat();
    let expected = [
        "2:7: note: 2 objects of kind Secret (v1) skipped",
        "6:7: note: 1 object of kind Podd (v1) skipped; the nearest that is read is Pod",
        "14:7: note: 1 object of kind Ingress (extensions/v1beta1) skipped; Ingress is read in networking.k8s.io/v1",
    ];
    check_beside_node(&text, &expected);
}

#[test]
fn problems_without_end_are_cut_short() {
    let pods = "- {apiVersion: v1, kind: Pod, metadata: {name: A}}\n".repeat(3000);
    let problems = parse_one(format!("apiVersion: v1\nkind: List\nitems:\n{pods}")).problems;
    assert_eq!(problems.len(), 1001);
    assert_eq!(problems[1000].text, "found more than 1000 problems; no more are listed");
}
