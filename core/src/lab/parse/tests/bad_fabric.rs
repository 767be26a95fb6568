//! `fabric` of the Lab document: what racks and filters cannot be.

use super::{check_beside_node, parse_one};

/// Checks what is said of a Lab document with this `fabric`, which begins at 3:16, beside node-a and node-b.
fn check_fabric(fabric: &str, expected: &[&str]) {
    let lab = format!("apiVersion: kubehop.dev/v1\nkind: Lab\nspec: {{fabric: {fabric}}}\n");
    check_beside_node(&lab, expected);
}

#[test]
fn what_racks_cannot_be_is_said() {
    let cases = [
        (
            "{rack: []}",
            "3:17: error: fabric: found unknown field \"rack\", expected one of racks, filters, nested, bgp; the nearest is `racks`",
        ),
        ("{racks: [{}]}", "3:25: error: found a rack without name, expected its name"),
        (
            "{racks: [{name: fabric}]}",
            "3:32: error: name: found rack fabric, which the router between the racks is called",
        ),
        ("{racks: [{name: a}, {name: a}]}", "3:43: error: found rack a again, expected it once: it stands at 7:32"),
        (
            "{racks: [{name: a, nodes: [node-b]}]}",
            "3:32: error: racks: found node \"node-b\" in rack a, expected a node of this cluster; the nearest is node-a",
        ),
        (
            "{racks: [{name: a, nodes: [node-a]}, {name: b, nodes: [node-a]}]}",
            "3:60: error: racks: found node node-a in rack b again, expected every node in one rack",
        ),
        (
            "{racks: [{name: a, subnet: 10.0.0.0/16}]}",
            "3:43: error: subnet: found string \"10.0.0.0/16\", expected an IPv4 /24 like 172.18.1.0/24",
        ),
        (
            "{racks: [{name: a, subnet: 10.0.0.0/24}, {name: b, subnet: 10.0.0.0/24}]}",
            "3:64: error: racks: found 10.0.0.0/24 for rack b, which rack a has; expected another",
        ),
        (
            "{racks: [{name: a, subnet: 10.244.9.0/24}]}",
            "3:32: error: racks: found 10.244.9.0/24 for rack a, which overlaps with podCIDR 10.244.0.0/16 or serviceCIDR 10.96.0.0/12; expected another",
        ),
        (
            "{racks: [{name: a, asn: 0}]}",
            "3:40: error: asn: found number 0, expected an autonomous system number 1-4294967295",
        ),
        ("{racks: [{name: a}], nested: {}}", "3:45: error: nested: found beside racks, expected one of the two"),
    ];
    for (fabric, problem) in cases {
        check_fabric(fabric, &[problem]);
    }
}

#[test]
fn what_filters_cannot_be_is_said() {
    let cases = [
        (
            "{filters: [{at: node/node-b}]}",
            "3:32: error: filters: found node/node-b, expected a machine of this lab; the nearest is node/node-a",
        ),
        (
            "{filters: [{at: 10.0.0.0/24}]}",
            "3:32: error: filters: found 10.0.0.0/24, expected a subnet of this lab: 172.18.0.0/24",
        ),
        (
            "{filters: [{at: pod/web}]}",
            "3:32: error: at: found string \"pod/web\", expected a machine like node/NAME or router/NAME, or a subnet like 172.18.0.0/24",
        ),
        (
            "{filters: [{protocol: upd}]}",
            "3:38: error: protocol: found string \"upd\", expected tcp, udp, icmp, ipip or a protocol number 0-255",
        ),
        (
            "{filters: [{protocol: icmp, port: 80}]}",
            "3:50: error: port: found 80 beside protocol 1, which has no ports; expected tcp or udp",
        ),
        (
            "{filters: [{protocol: udp, flags: syn}]}",
            "3:50: error: flags: found a field of protocol 6 beside protocol 17, expected one of them",
        ),
        ("{filters: [{action: reject}]}", "3:36: error: action: found string \"reject\", expected drop"),
        (
            "{bgp: {down: [node-x]}}",
            "3:29: error: down: found \"node-x\", expected a node of this cluster; the nearest is node-a",
        ),
    ];
    for (fabric, problem) in cases {
        check_fabric(fabric, &[problem]);
    }
}

#[test]
fn nodes_of_a_rack_are_in_its_subnet() {
    let node = |name: &str, address: &str| {
        let status = if address.is_empty() {
            String::new()
        } else {
            format!("status: {{addresses: [{{type: InternalIP, address: {address}}}]}}\n")
        };
        format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n{status}---\n")
    };
    let nodes =
        [("a", ""), ("b", "10.0.5.9"), ("c", ""), ("d", "")].map(|(name, address)| node(name, address)).concat();
    let lab = "apiVersion: kubehop.dev/v1\nkind: Lab\nspec: {fabric: {racks: [{name: r1, nodes: [a, d]}, {name: r2, nodes: [b, c]}]}}\n";
    let parsed = parse_one(format!("{nodes}{lab}"));
    assert_eq!(parsed.problems, []);
    let addresses: Vec<String> = parsed.lab.objects.nodes.iter().map(|node| node.addresses[0].to_string()).collect();
    assert_eq!(addresses, ["172.18.0.2", "10.0.5.9", "10.0.5.2", "172.18.0.3"]);
}
