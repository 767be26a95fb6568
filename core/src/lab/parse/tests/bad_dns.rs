//! What is wrong in a `dns` section, and where.

use super::super::{Source, parse};
use crate::lab::Problem;

const NODE: &str = "apiVersion: v1\nkind: Node\nmetadata: { name: node-a }\n---\n";

fn problems(dns: &str) -> Vec<String> {
    let text = format!("{NODE}apiVersion: kubehop.dev/v1\nkind: Lab\nspec:\n  dns:\n{dns}");
    let parsed = parse(&[Source { name: "lab.yaml", text: text.as_bytes() }], &[]);
    parsed.problems.iter().map(Problem::to_string).collect()
}

#[test]
fn a_corefile_that_coredns_refuses_is_refused_where_it_stands() {
    let ttl = "ttl must be in range [0, 3600]: 4000";
    for (dns, expected) in [
        (
            "    corefile: |\n      .:53 {\n        kubernetes {\n          ttl 4000\n        }\n      }\n",
            format!("lab.yaml:12:11: error: corefile: kubernetes: {ttl}"),
        ),
        (
            "    corefile: |\n\n      .:53 {\n        kubernetes {\n\n          ttl 4000\n        }\n      }\n",
            format!("lab.yaml:14:11: error: corefile: kubernetes: {ttl}"),
        ),
        (
            "    corefile: \".:53 {\\n kubernetes {\\n ttl 4000\\n }\\n}\"\n",
            format!("lab.yaml:9:15: error: corefile: kubernetes: {ttl}"),
        ),
        (
            "    corefile: |\n      .:53 {\n        cache 30 {\n",
            "lab.yaml:11:9: error: corefile: cache: the file ends inside the block; expected }".to_owned(),
        ),
        (
            "    corefile: |\n      .:53 {\n        teapot\n        teapot\n      }\n",
            "lab.yaml:11:9: note: corefile: teapot: this plugin is not modelled; skipped".to_owned(),
        ),
    ] {
        assert_eq!(problems(dns), [expected], "{dns}");
    }
}

#[test]
fn a_resolver_outside_has_an_address_and_records() {
    let upstream = |address: &str, record: &str| {
        problems(&format!("    upstream:\n      address: {address}\n      records: [\"{record}\"]\n"))
    };
    let (record, own) = ("example.com. 300 IN A 192.0.2.1", "expected one in a /24 of its own");
    let address = |said: &str| vec![format!("lab.yaml:10:16: error: dns.upstream.address: found {said}")];
    assert_eq!(upstream("1.1.1.1", record), [""; 0]);
    assert_eq!(
        upstream("172.18.0.9", record),
        address(&format!("172.18.0.9, which is in the network of node node-a; {own}"))
    );
    assert_eq!(upstream("fd00::1", record), address("fd00::1, expected an IPv4 address"));
    let said = upstream("9.9.9.9", "example.com. 300 IN A 192.0.2");
    let expected = "records: \"example.com. 300 IN A 192.0.2\": found \"192.0.2\", expected an IPv4 address";
    assert_eq!(said, [format!("lab.yaml:11:17: error: {expected}")]);
    let said = upstream("9.9.9.9", "example.com 300 IN A 192.0.2.1");
    let expected = "expected a record like `example.com. 300 IN A 93.184.216.34`";
    assert_eq!(
        said,
        [format!("lab.yaml:11:17: error: records: found string \"example.com 300 IN A 192.0.2.1\", {expected}")]
    );
}
