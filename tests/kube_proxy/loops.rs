//! Services that lead to services. A connection is translated once on a machine; what comes back to it as another
//! connection is translated again, and ends with its TTL.

use std::fmt::Write as _;

use kubehop_core::api::{self, Run, Source};

/// Two nodes, a client, and services with an endpoint each that is another service's address, a node's, or their own.
fn lab() -> String {
    let mut text = String::new();
    for (node, address) in [("node-a", "172.18.0.2"), ("node-b", "172.18.0.3")] {
        let _ = write!(
            text,
            "apiVersion: v1\nkind: Node\nmetadata: {{ name: {node} }}\nstatus: {{ addresses: [{{ type: InternalIP, address: {address} }}] }}\n---\n"
        );
    }
    text += "apiVersion: v1\nkind: Pod\nmetadata: { name: client }\nspec: { nodeName: node-a, containers: [{ name: client }] }\n";
    for (name, cluster_ip, node_port, endpoint, port) in [
        ("one", "10.96.0.51", 30081, "10.96.0.52", 80),
        ("two", "10.96.0.52", 30082, "10.96.0.51", 80),
        ("self", "10.96.0.53", 30083, "10.96.0.53", 80),
        ("there", "10.96.0.54", 30084, "172.18.0.3", 30085),
        ("back", "10.96.0.55", 30085, "172.18.0.2", 30084),
    ] {
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: Service\nmetadata: {{ name: {name} }}\nspec: {{ type: NodePort, clusterIP: {cluster_ip}, ports: [{{ port: 80, nodePort: {node_port} }}] }}\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{ name: {name}-x, labels: {{ kubernetes.io/service-name: {name} }} }}\naddressType: IPv4\nports: [{{ port: {port} }}]\nendpoints: [{{ addresses: [{endpoint}], conditions: {{ ready: true }} }}]\n"
        );
    }
    text
}

#[test]
fn services_that_lead_to_each_other_or_to_themselves_come_to_an_end() {
    let yaml = lab();
    let parsed = api::parse(&[Source { name: "lab.yaml", text: yaml.as_bytes() }], &[]);
    for (to, expected) in [
        // The second address is none that anybody routes.
        ("http://10.96.0.51", "router/fabric ICMP_NET_UNREACH"),
        ("http://10.96.0.53", "router/fabric ICMP_NET_UNREACH"),
        // Every visit is a connection of its own, from another port: only the TTL ends it. node-a gets the packet with 64, 62
        // and so on, node-b with 63 down to 1.
        ("http://172.18.0.2:30084", "node/node-b ICMP_EXC_TTL"),
    ] {
        let trace = api::trace(&parsed.lab, &Run::new("pod/client", to)).expect("a client and a target");
        let end = &trace.disposition;
        assert_eq!(format!("{} {}", end.at(), end.reason().unwrap_or_default()), expected, "{to}");
    }
}
