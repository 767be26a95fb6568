//! Kubernetes objects that cannot be what they say.

use super::check_beside_node;

/// A pod as a document.
fn pod(name: &str, spec: &str, status: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\nstatus: {{{status}}}\n---\n")
}

/// A node as a document.
fn node(name: &str, address: &str, pod_cidr: &str) -> String {
    let head = format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n");
    let status = format!("status: {{addresses: [{{type: InternalIP, address: {address}}}]}}");
    format!("{head}spec: {{podCIDR: {pod_cidr}}}\n{status}\n---\n")
}

/// A service as a document.
fn service(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{{spec}, selector: {{app: web}}}}\n---\n"
    )
}

#[test]
fn a_wrong_type_is_named_with_what_was_expected() {
    let container = |ports: &str| pod("web", &format!("containers: [{{name: web, ports: [{ports}]}}]"), "");
    let cases = [
        (
            container("{containerPort: abc}"),
            "4:57: error: containerPort: found string \"abc\", expected a port number 1-65535",
        ),
        (
            container("{containerPort: \"80\"}"),
            "4:57: error: containerPort: found string \"80\", expected a port number 1-65535",
        ),
        (
            container("{containerPort: 70000}"),
            "4:57: error: containerPort: found number 70000, expected a port number 1-65535",
        ),
        (container("{name: x}"), "4:41: error: found a port without containerPort, expected a port number 1-65535"),
        (
            container("{containerPort: 80, protocol: tcp}"),
            "4:71: error: protocol: found string \"tcp\", expected TCP, UDP or SCTP",
        ),
        (pod("web", "containers: [{}]", ""), "4:21: error: found a container without name, expected its name"),
        (pod("web", "containers: {}", ""), "4:20: error: containers: found a mapping, expected a list"),
        (
            pod("web", "hostNetwork: \"yes\"", ""),
            "4:21: error: hostNetwork: found string \"yes\", expected true or false",
        ),
        (pod("web", "", "podIP: 10.244.0"), "5:17: error: podIP: found string \"10.244.0\", expected an IP address"),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: [a]}\n".to_owned(),
            "3:31: error: labels: found a list, expected a mapping",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {version: 1.0}}\n".to_owned(),
            "3:41: error: labels.version: found number 1.0, expected a string (quote it)",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: Web/0}\n".to_owned(),
            "3:18: error: name: found string \"Web/0\", expected a name of lower-case letters, digits, `-` and `.`",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {}\n".to_owned(),
            "3:11: error: found a Pod without metadata.name, expected its name",
        ),
        (
            node("node-b", "172.18.0.9", "10.244.1.0"),
            "4:17: error: podCIDR: found string \"10.244.1.0\", expected a network like 10.244.0.0/24",
        ),
        (
            service("web", "type: Nodeport"),
            "4:14: error: type: found string \"Nodeport\", expected ClusterIP, NodePort, LoadBalancer or ExternalName",
        ),
        (service("web", "ports: [{port: 0}]"), "4:23: error: port: found number 0, expected a port number 1-65535"),
    ];
    for (text, problem) in cases {
        check_beside_node(&text, &[problem]);
    }
}

#[test]
fn a_pod_on_a_node_that_does_not_exist_names_the_nearest() {
    let expected = "4:18: error: nodeName: found \"node-x\", expected a node of this cluster; the nearest is node-a";
    check_beside_node(&pod("web", "nodeName: node-x", ""), &[expected]);
    check_beside_node(&pod("done", "nodeName: node-x", "phase: Succeeded"), &[]);
}

#[test]
fn two_pods_with_one_ip_name_each_other() {
    let text = pod("a", "nodeName: node-a", "podIP: 10.244.0.5") + &pod("b", "nodeName: node-a", "podIP: 10.244.0.5");
    let expected =
        "11:17: error: podIP: found 10.244.0.5 for pod default/b, expected another: pod default/a has it at 9:17";
    check_beside_node(&text, &[expected]);
    let finished = pod("a", "nodeName: node-a", "podIP: 10.244.0.5, phase: Failed")
        + &pod("b", "nodeName: node-a", "podIP: 10.244.0.5");
    check_beside_node(&finished, &[]);
}

#[test]
fn a_pod_has_an_ip_of_its_node() {
    let with_ip = |ip: &str| pod("web", "nodeName: node-a", &format!("podIP: {ip}"));
    let cases = [
        ("10.244.1.5", "expected one in 10.244.0.0/24, the podCIDR of its node node-a"),
        ("10.244.0.1", "expected another: it is the bridge's on its node node-a"),
        ("10.244.0.0", "expected an address of a pod: it is that of the network 10.244.0.0/24 itself or its broadcast"),
        (
            "10.244.0.255",
            "expected an address of a pod: it is that of the network 10.244.0.0/24 itself or its broadcast",
        ),
    ];
    for (ip, expected) in cases {
        let problem = format!("5:17: error: podIP: found {ip} for pod default/web, {expected}");
        check_beside_node(&with_ip(ip), &[&problem]);
    }
    let host = pod("web", "nodeName: node-a, hostNetwork: true", "podIP: 172.18.0.9");
    let problem = "5:17: error: podIP: found 172.18.0.9 for pod default/web, expected 172.18.0.2, the address of its node: it has hostNetwork";
    check_beside_node(&host, &[problem]);
    let ipv6 = "5:17: error: podIP: found fd00::5, expected one of IPv4, the family that this version walks";
    check_beside_node(&with_ip("\"fd00::5\""), &[ipv6]);
    check_beside_node(
        &pod("web", "nodeName: node-a", "podIP: \"fd00::5\", podIPs: [{ip: \"fd00::5\"}, {ip: 10.244.0.7}]"),
        &[],
    );
}

#[test]
fn nodes_have_addresses_and_networks_of_their_own() {
    let cases = [
        (
            node("node-b", "172.18.0.9", "10.244.1.0/24") + &node("node-c", "172.18.0.9", "10.244.2.0/24"),
            "11:50: error: address: found 172.18.0.9, which node node-b has at 9:50; expected another for node node-c",
        ),
        (
            node("node-b", "172.18.0.1", "10.244.1.0/24"),
            "5:50: error: address: found 172.18.0.1, which the fabric's router has; expected another for node node-b",
        ),
        (
            node("node-b", "172.18.0.8", "10.244.0.0/20") + &node("node-c", "172.18.0.9", "10.244.2.0/24"),
            "10:17: error: podCIDR: found 10.244.2.0/24 for node node-c, expected one that does not overlap with 10.244.0.0/20 of node node-b at 8:17",
        ),
        (
            node("node-b", "172.18.0.9", "10.244.1.0/31"),
            "4:17: error: podCIDR: found 10.244.1.0/31 for node node-b, expected one with room for pods: /30 at most",
        ),
        (
            node("node-b", "10.244.1.9", "10.244.1.0/24"),
            "4:17: error: podCIDR: found 10.244.1.0/24 for node node-b, expected one that does not hold 10.244.1.9, the address of node node-b",
        ),
    ];
    for (text, problem) in cases {
        check_beside_node(&text, &[problem]);
    }
}

#[test]
fn a_wrong_network_of_a_node_is_not_blamed_on_its_pods() {
    let text = node("node-b", "172.18.0.9", "10.244.1.0/33") + &pod("web", "nodeName: node-b", "podIP: 10.244.1.5");
    check_beside_node(
        &text,
        &["4:17: error: podCIDR: found string \"10.244.1.0/33\", expected a network like 10.244.0.0/24"],
    );
}

#[test]
fn networks_outside_the_default_are_taken_as_they_are() {
    let text = node("node-b", "192.168.5.10", "10.42.0.0/24") + &node("node-c", "192.168.5.11", "10.42.1.0/24");
    let note = "4:17: note: podCIDRs are not in 10.244.0.0/16: the cluster's is taken to be 10.42.0.0/16; a Lab document can state it (spec.podCIDR)";
    check_beside_node(&text, &[note]);
}

#[test]
fn services_have_addresses_and_node_ports_of_their_own() {
    let cases = [
        (
            service("a", "clusterIP: 10.96.0.20") + &service("b", "clusterIP: 10.96.0.20"),
            "9:19: error: clusterIP: found 10.96.0.20 for service default/b, expected another: service default/a has it at 8:19",
        ),
        (
            service("a", "type: NodePort, ports: [{port: 80, nodePort: 30001}]")
                + &service("b", "type: NodePort, ports: [{port: 80, nodePort: 30001}]"),
            "9:53: error: nodePort: found 30001 for service default/b, expected another: service default/a has it at 8:53",
        ),
        (
            service("a", "clusterIP: 10.43.0.20") + &service("b", "clusterIP: 10.43.0.21"),
            "4:19: note: clusterIP 10.43.0.20 is not in 10.96.0.0/12; a Lab document can state the serviceCIDR of this cluster",
        ),
    ];
    for (text, problem) in cases {
        check_beside_node(&text, &[problem]);
    }
}

#[test]
fn an_object_stands_once() {
    let expected = "9:18: error: found Pod default/web again, expected it once: it stands at 7:18";
    check_beside_node(&(pod("web", "", "") + &pod("web", "", "")), &[expected]);
}

#[test]
fn a_node_that_is_full_says_so() {
    let pods: String = (0..3).map(|number| pod(&format!("web-{number}"), "nodeName: node-b", "")).collect();
    let expected = "15:18: error: no IP is left for pod default/web-1 in 10.244.1.0/30, the podCIDR of node node-b";
    let more = "21:18: error: no IP is left for pod default/web-2 in 10.244.1.0/30, the podCIDR of node node-b";
    check_beside_node(&(node("node-b", "172.18.0.9", "10.244.1.0/30") + &pods), &[expected, more]);
}

#[test]
fn a_pod_that_no_node_takes_stays_pending() {
    let spec = "nodeSelector: {disk: fast}";
    let expected =
        "3:18: note: no node takes pod default/web: each is cordoned, tainted or not selected; it stays Pending";
    check_beside_node(&pod("web", spec, ""), &[expected]);
}

#[test]
fn a_workload_selects_what_it_makes() {
    let workload =
        |spec: &str| format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {{{spec}}}\n");
    let template = "template: {metadata: {labels: {app: web}}}";
    let problem = "error: selector: found one that does not select the labels of spec.template, expected one that does";
    let wrong = workload(&format!("selector: {{matchLabels: {{app: wob}}}}, {template}"));
    check_beside_node(&wrong, &[&format!("4:18: {problem}")]);
    let many = workload(&format!("replicas: 4000000000, selector: {{matchLabels: {{app: web}}}}, {template}"));
    let limit = "3:18: error: default/web wants 4000000000 replicas, more than the 10000 that a lab can hold";
    check_beside_node(&many, &[limit]);
}
