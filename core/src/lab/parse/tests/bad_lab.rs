//! The Lab document and `--set`: what is ours must be known.

use super::{NODE, Source, check_beside_node, parse};
use crate::lab::{CniMode, LabSpec, RackSpec};

/// Checks what is said of a Lab document whose `spec` is `spec`, which begins at 3:7.
fn check_spec(spec: &str, expected: &[&str]) {
    check_beside_node(&format!("apiVersion: kubehop.dev/v1\nkind: Lab\nspec: {spec}\n"), expected);
}

/// Checks what is said of `--set` pairs.
fn check_set(pairs: &[(&str, &str)], expected: &[&str]) -> LabSpec {
    let set: Vec<(String, String)> = pairs.iter().map(|(path, value)| ((*path).into(), (*value).into())).collect();
    let parsed = parse(&[Source { name: "lab.yaml", text: NODE.as_bytes() }], &set);
    let problems: Vec<String> = parsed.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, expected, "{pairs:?}");
    parsed.lab.spec
}

#[test]
fn an_unknown_cni_names_the_known_and_the_nearest() {
    let cases = [
        (
            "{cni: {plugin: flanel}}",
            "3:22: error: plugin: found string \"flanel\", expected one of flannel, calico, cilium; the nearest is flannel",
        ),
        (
            "{cni: {mode: vxlna}}",
            "3:20: error: mode: found string \"vxlna\", expected one of flannel's modes vxlan, host-gw; the nearest is vxlan",
        ),
        (
            "{cni: {mode: ipip}}",
            "3:20: error: mode: found string \"ipip\", expected one of flannel's modes vxlan, host-gw",
        ),
        (
            "{cni: {plugin: cilium, mode: genev}}",
            "3:36: error: mode: found string \"genev\", expected one of cilium's modes vxlan, geneve, native; the nearest is geneve",
        ),
        ("{cni: {plugin: 5}}", "3:22: error: plugin: found number 5, expected one of flannel, calico, cilium"),
        (
            "{cni: {bridge: eth0}}",
            "3:22: error: bridge: found string \"eth0\", expected a device name of 1-15 characters that is not taken",
        ),
    ];
    for (spec, problem) in cases {
        check_spec(spec, &[problem]);
    }
}

#[test]
fn an_unknown_field_names_the_known_and_the_nearest() {
    let known = "expected one of cni, podCIDR, serviceCIDR, underlay, kubeProxy, hosts, fabric, dns, sysctl";
    check_spec(
        "{podCIRD: x}",
        &[&format!("3:8: error: spec: found unknown field \"podCIRD\", {known}; the nearest is `podCIDR`")],
    );
    check_spec("{wires: {}}", &[&format!("3:8: error: spec: found unknown field \"wires\", {known}")]);
    let mtu = "3:19: error: underlay: found unknown field \"mtus\", expected one of mtu, nodes; the nearest is `mtu`";
    check_spec("{underlay: {mtus: 9000}}", &[mtu]);
    let document = "apiVersion: kubehop.dev/v1\nkind: Lab\nspecs: {}\n";
    let field = "3:1: error: Lab: found unknown field \"specs\", expected one of apiVersion, kind, metadata, spec; the nearest is `spec`";
    check_beside_node(document, &[field]);
}

#[test]
fn there_is_one_lab_of_one_version() {
    let other =
        "2:7: error: found kubehop.dev/v2 Lab, expected kubehop.dev/v1 Lab: Kubehop has no other document of a cluster";
    check_beside_node("apiVersion: kubehop.dev/v2\nkind: Lab\n", &[other]);
    let twice = "apiVersion: kubehop.dev/v1\nkind: Lab\n---\napiVersion: kubehop.dev/v1\nkind: Lab\n";
    check_beside_node(twice, &["4:1: error: found a second Lab document, expected one: it stands at 5:1"]);
}

#[test]
fn values_of_the_lab_are_checked() {
    let cases = [
        (
            "{podCIDR: 10.0.0.0}",
            "3:17: error: podCIDR: found string \"10.0.0.0\", expected an IPv4 network like 10.244.0.0/16",
        ),
        ("{underlay: {mtu: 67}}", "3:24: error: mtu: found number 67, expected a number of bytes 68-65535"),
        ("{underlay: {mtu: 65536}}", "3:24: error: mtu: found number 65536, expected a number of bytes 68-65535"),
        (
            "{underlay: {mtu: 100}}",
            "3:24: error: mtu: found 100, of which flannel/vxlan leaves pods 50, expected 68 at least for pods",
        ),
        (
            "{underlay: {nodes: {node-b: {mtu: 9000}}}}",
            "3:27: error: underlay.nodes: found \"node-b\", expected a node of this cluster; the nearest is node-a",
        ),
        (
            "{kubeProxy: {mode: ip}}",
            "3:26: error: mode: found string \"ip\", expected iptables, ipvs, nftables or none",
        ),
        (
            "{hosts: [{name: a, address: 203.0.113.2}]}",
            "3:35: error: address: found string \"203.0.113.2\", expected an address with its prefix length, like 203.0.113.2/24",
        ),
        (
            "{hosts: [{name: a, address: 203.0.113.1/24}]}",
            "3:35: error: hosts: found 203.0.113.1/24 for host a, which the fabric's router has; expected another",
        ),
        (
            "{hosts: [{name: a, address: 172.19.0.9/16}, {name: b, address: 172.19.5.5/24}]}",
            "3:70: error: hosts: found 172.19.5.5/24 for host b, which overlaps with 172.19.0.0/16 of host a; expected the same network or another",
        ),
        (
            "{hosts: [{name: a, address: 203.0.113.2/24}, {name: b, address: 203.0.113.2/24}]}",
            "3:71: error: hosts: found 203.0.113.2/24 for host b, which host a has; expected another",
        ),
        (
            "{hosts: [{name: a, address: 172.18.5.5/16}]}",
            "3:35: error: hosts: found 172.18.5.5/16 for host a, which overlaps with 172.18.0.0/24 of node node-a; expected the same network or another",
        ),
        ("{dns: {nodeLocal: maybe}}", "3:25: error: nodeLocal: found string \"maybe\", expected true or false"),
        ("{dns: {upstream: {}}}", "3:24: error: found an upstream without address, expected an IP address"),
        (
            "{dns: {upstream: {address: 9.9.9.9, records: [x]}}}",
            "3:53: error: records: found string \"x\", expected a record like `example.com. 300 IN A 93.184.216.34`",
        ),
        (
            "{sysctl: {node/node-x: {net.ipv4.ip_forward: 0}}}",
            "3:17: error: sysctl: found \"node/node-x\", expected a place of this lab; the nearest is node/node-a",
        ),
        (
            "{sysctl: {node/node-a: {ip_forward: 0}}}",
            "3:31: error: sysctl: found \"ip_forward\", expected a path like net.ipv4.ip_forward",
        ),
        (
            "{sysctl: {node/node-a: {net.ipv4.ip_forward: 2}}}",
            "3:52: error: net.ipv4.ip_forward: found number 2, expected 0 or 1",
        ),
        (
            "{sysctl: {node/node-a: {net.ipv4.conf.eth0.rp_filter: [1]}}}",
            "3:61: error: net.ipv4.conf.eth0.rp_filter: found a list, expected a number 0-2",
        ),
        (
            "{serviceCIDR: 10.244.0.0/16}",
            "3:21: error: serviceCIDR: found podCIDR 10.244.0.0/16 and serviceCIDR 10.244.0.0/16, expected networks that do not overlap",
        ),
    ];
    for (spec, problem) in cases {
        check_spec(spec, &[problem]);
    }
}

#[test]
fn a_cidr_that_the_lab_states_binds_nodes_and_services() {
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: node-b}\nspec: {podCIDR: 10.1.0.0/24}\n---\n";
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {clusterIP: 10.43.0.5, selector: {app: web}}\n---\n";
    let lab = "apiVersion: kubehop.dev/v1\nkind: Lab\nspec: {podCIDR: 10.244.0.0/16, serviceCIDR: 10.96.0.0/12}\n";
    let expected = [
        "4:17: error: podCIDR: found 10.1.0.0/24 for node node-b, expected one in 10.244.0.0/16, the podCIDR of the cluster",
        "9:19: error: clusterIP: found 10.43.0.5 for service default/web, expected one in 10.96.0.0/12, the serviceCIDR of the cluster",
    ];
    check_beside_node(&format!("{node}{service}{lab}"), &expected);
}

#[test]
fn every_field_of_the_lab_is_read() {
    let spec = "
  cni: { plugin: flannel, mode: host-gw, bridge: cni0 }
  podCIDR: 10.10.0.0/16
  serviceCIDR: 10.20.0.0/16
  underlay: { mtu: 9000, nodes: { node-a: { mtu: 1400 } } }
  kubeProxy: { mode: nftables, clusterCIDR: null, masqueradeAll: true, localhostNodePorts: false, nodePortAddresses: [172.18.0.0/24] }
  hosts:
  - { name: laptop, address: 203.0.113.2/24 }
  fabric:
    racks: [{ name: r1, asn: 65010, nodes: [node-a], subnet: 172.18.7.0/24 }, { name: r2 }]
    filters:
    - { at: router/r1, direction: in, protocol: udp, port: 8472, action: drop, count: 2, inside: true }
    - { at: node/node-a, protocol: tcp, flags: syn }
    - { at: 172.18.7.0/24, icmpType: fragmentation-needed }
    bgp: { down: [node-a] }
  dns:
    nodeLocal: true
    corefile: |
      .:53 { }
    upstream: { address: 9.9.9.9, records: [\"example.com. 300 IN A 93.184.216.34\"] }
  sysctl:
    node/node-a: { net.bridge.bridge-nf-call-iptables: \"0\", net.ipv4.ip_forward: 1 }";
    check_spec(spec, &[]);
    let text = format!("{NODE}apiVersion: kubehop.dev/v1\nkind: Lab\nmetadata: {{name: all}}\nspec: {spec}\n");
    let spec = super::parse_one(text).lab.spec;
    assert_eq!((spec.name.as_str(), spec.cni, spec.bridge.as_str()), ("all", CniMode::FlannelHostGw, "cni0"));
    assert_eq!(
        (spec.pod_cidr.to_string(), spec.service_cidr.to_string()),
        ("10.10.0.0/16".into(), "10.20.0.0/16".into())
    );
    assert_eq!((spec.mtu, spec.node_mtus["node-a"]), (9000, 1400));
    assert_eq!((spec.kube_proxy.cluster_cidr, spec.kube_proxy.masquerade_all), (None, true));
    assert_eq!(spec.kube_proxy.node_port_addresses.len(), 1);
    let rack = |rack: &RackSpec| format!("{} {} {:?} {:?}", rack.name, rack.asn, rack.nodes, rack.subnet);
    assert_eq!(
        spec.fabric.racks.iter().map(rack).collect::<Vec<_>>(),
        ["r1 65010 [\"node-a\"] Some(172.18.7.0/24)", "r2 65002 [] Some(172.18.0.0/24)"]
    );
    let counts: Vec<Option<u32>> = spec.fabric.filters.iter().map(|filter| filter.count).collect();
    assert_eq!(counts, [Some(2), None, None]);
    assert_eq!(spec.fabric.filters[2].matches.icmp, Some((3, Some(4))));
    assert_eq!(spec.fabric.bgp_down, ["node-a"]);
    let dns = spec.dns.expect("a dns section");
    assert_eq!(
        (dns.corefile.as_deref(), dns.upstream.map(|upstream| upstream.records.len()), dns.node_local),
        (Some(".:53 { }\n"), Some(1), true)
    );
    let sysctls = &spec.sysctls["node/node-a"];
    assert_eq!(
        (sysctls["net.bridge.bridge-nf-call-iptables"].as_str(), sysctls["net.ipv4.ip_forward"].as_str()),
        ("0", "1")
    );
}

#[test]
fn the_cluster_cidr_is_the_pod_cidr_unless_stated() {
    let spec = check_set(&[("podCIDR", "10.10.0.0/16")], &[]);
    assert_eq!(spec.kube_proxy.cluster_cidr, Some(spec.pod_cidr));
    assert_eq!(check_set(&[("kubeProxy.clusterCIDR", "null")], &[]).kube_proxy.cluster_cidr, None);
}

#[test]
fn set_reaches_every_field() {
    assert_eq!(check_set(&[("cni.mode", "host-gw")], &[]).cni, CniMode::FlannelHostGw);
    assert_eq!(
        check_set(&[("underlay.mtu", "9000"), ("underlay.nodes.node-a.mtu", "1400")], &[]).node_mtus["node-a"],
        1400
    );
    let hosts = check_set(&[("hosts", "[{name: a, address: 203.0.113.2/24}]"), ("hosts.0.name", "b")], &[]).hosts;
    assert_eq!(hosts[0].name, "b");
    let sysctls = check_set(&[("sysctl.node/node-a.net.ipv4.ip_forward", "0")], &[]).sysctls;
    assert_eq!(sysctls["node/node-a"]["net.ipv4.ip_forward"], "0");
}

#[test]
fn problems_of_set_count_from_the_first_letter_of_the_path() {
    let cases = [
        (
            "cni.mod",
            "x",
            "--set:1:5: error: cni: found unknown field \"mod\", expected one of plugin, mode, bridge; the nearest is `mode`",
        ),
        (
            "cni.mode",
            "x",
            "--set:1:10: error: mode: found string \"x\", expected one of flannel's modes vxlan, host-gw",
        ),
        ("podCIDR", "[1", "--set:1:11: error: not YAML: found the end of the file, expected `,` or `]`"),
        ("", "1", "--set:1:1: error: found an empty name, expected a path like cni.mode"),
        ("hosts.3.name", "x", "--set:1:1: error: hosts: found a mapping, expected a list"),
        ("a.b.c.d.e.f.g.h.i", "1", "--set:1:1: error: found 9 parts, expected a path like cni.mode"),
        ("cni.mode", "a\n---\nb", "--set:1:10: error: found several documents, expected one value"),
        (
            "underlay.nodes.b.mtu",
            "9000",
            "--set:1:16: error: underlay.nodes: found \"b\", expected a node of this cluster",
        ),
    ];
    for (path, value, problem) in cases {
        check_set(&[(path, value)], &[problem]);
    }
    let below = "--set:1:5: error: found \"mode\" below number 5, expected a field of a mapping";
    check_set(
        &[("cni", "5"), ("cni.mode", "x")],
        &[below, "--set:1:5: error: cni: found number 5, expected a mapping"],
    );
}

#[test]
fn an_unknown_setting_names_the_known_and_the_nearest() {
    let known = "expected one of net.bridge.bridge-nf-call-iptables, net.ipv4.ip_default_ttl, net.ipv4.ip_forward, ";
    let nearest = "net.ipv4.conf.*.rp_filter; the nearest is net.ipv4.ip_forward";
    let text = "apiVersion: kubehop.dev/v1\nkind: Lab\nspec: {sysctl: {node/node-a: {net.ipv4.ip_forwad: 1}}}\n";
    let text = format!("{NODE}{text}");
    let problems = parse(&[Source { name: "lab.yaml", text: text.as_bytes() }], &[]).problems;
    let said: Vec<&str> = problems.iter().map(|problem| problem.text.as_str()).collect();
    assert!(said[0].starts_with(&format!("sysctl: found unknown \"net.ipv4.ip_forwad\", {known}")), "{said:?}");
    assert!(said[0].ends_with(nearest) && said.len() == 1, "{said:?}");
}
