//! Whole runs through kube-proxy's rules: which endpoints a client can get, and whether it is served.

use kubehop_core::api::{Lab, Run, Source, Trace, parse};
use kubehop_core::lab;

/// The modes that write tables of their own.
const MODES: [&str; 2] = ["iptables", "nftables"];

/// Two nodes in two zones, with a pod of each kind on both.
const CLUSTER: &str = r#"
apiVersion: kubehop.dev/v1
kind: Lab
spec:
  hosts: [{ name: laptop, address: 203.0.113.2/24 }]
---
apiVersion: v1
kind: Node
metadata: { name: node-a, labels: { topology.kubernetes.io/zone: east } }
---
apiVersion: v1
kind: Node
metadata: { name: node-b, labels: { topology.kubernetes.io/zone: west } }
---
apiVersion: v1
kind: Pod
metadata: { name: client-a }
spec: { nodeName: node-a, containers: [{ name: main, image: client }] }
status: { podIP: 10.244.0.2 }
---
apiVersion: v1
kind: Pod
metadata: { name: client-b }
spec: { nodeName: node-b, containers: [{ name: main, image: client }] }
status: { podIP: 10.244.1.2 }
---
apiVersion: v1
kind: Pod
metadata: { name: web-a, labels: { app: web, half: a } }
spec:
  nodeName: node-a
  containers: [{ name: main, image: web, ports: [{ name: http, containerPort: 8080 }, { name: dns, containerPort: 53, protocol: UDP }, { name: dns-tcp, containerPort: 5353 }] }]
status: { podIP: 10.244.0.3 }
---
# The same name for another port.
apiVersion: v1
kind: Pod
metadata: { name: web-b, labels: { app: web, half: b } }
spec:
  nodeName: node-b
  containers: [{ name: main, image: web, ports: [{ name: http, containerPort: 9090 }, { name: dns, containerPort: 53, protocol: UDP }, { name: dns-tcp, containerPort: 5353 }] }]
status: { podIP: 10.244.1.3 }
---
# On its way out, but it still answers.
apiVersion: v1
kind: Pod
metadata: { name: leaving, labels: { state: leaving }, deletionTimestamp: "2024-01-01T00:00:00Z" }
spec: { nodeName: node-b, containers: [{ name: main, image: web, ports: [{ name: http, containerPort: 8080 }] }] }
status: { podIP: 10.244.1.4 }
---
apiVersion: v1
kind: Pod
metadata: { name: staying, labels: { state: leaving, stays: "yes" } }
spec: { nodeName: node-a, containers: [{ name: main, image: web, ports: [{ name: http, containerPort: 8080 }] }] }
status: { podIP: 10.244.0.4 }
---
apiVersion: v1
kind: Pod
metadata: { name: gone, labels: { state: gone }, deletionTimestamp: "2024-01-01T00:00:00Z" }
spec: { nodeName: node-b, containers: [{ name: main, image: web, ports: [{ name: http, containerPort: 8080 }] }] }
status: { podIP: 10.244.1.5, conditions: [{ type: Ready, status: "False" }] }
---
apiVersion: v1
kind: Pod
metadata: { name: agent, labels: { app: agent } }
spec: { nodeName: node-b, hostNetwork: true, containers: [{ name: main, image: agent, ports: [{ name: http, containerPort: 9100 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  clusterIP: 10.96.1.1
  type: NodePort
  selector: { app: web }
  ports:
    - { name: http, port: 80, targetPort: http, nodePort: 30080 }
    - { name: dns, port: 53, targetPort: dns, protocol: UDP, nodePort: 30053 }
    - { name: dns-tcp, port: 53, targetPort: dns-tcp, nodePort: 30053 }
---
apiVersion: v1
kind: Service
metadata: { name: sticky }
spec: { clusterIP: 10.96.1.2, sessionAffinity: ClientIP, selector: { app: web }, ports: [{ port: 80, targetPort: http }] }
---
apiVersion: v1
kind: Service
metadata: { name: inside }
spec: { clusterIP: 10.96.1.3, internalTrafficPolicy: Local, selector: { half: b }, ports: [{ port: 80, targetPort: http }] }
---
apiVersion: v1
kind: Service
metadata: { name: some-leave }
spec: { clusterIP: 10.96.1.4, selector: { state: leaving }, ports: [{ port: 80, targetPort: http }] }
---
apiVersion: v1
kind: Service
metadata: { name: all-leave }
spec: { clusterIP: 10.96.1.5, selector: { state: gone }, ports: [{ port: 80, targetPort: http }] }
---
apiVersion: v1
kind: Service
metadata: { name: last-leaves }
spec: { clusterIP: 10.96.1.6, ports: [{ port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: last-leaves-1, labels: { kubernetes.io/service-name: last-leaves } }
addressType: IPv4
ports: [{ port: 8080 }]
endpoints: [{ addresses: [10.244.1.4], nodeName: node-b, conditions: { ready: false, serving: true, terminating: true } }]
---
apiVersion: v1
kind: Service
metadata: { name: agent }
spec: { clusterIP: 10.96.1.7, type: NodePort, selector: { app: agent }, ports: [{ port: 80, targetPort: http, nodePort: 30091 }] }
---
apiVersion: v1
kind: Service
metadata: { name: near }
spec: { clusterIP: 10.96.1.8, ports: [{ port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: near-1, labels: { kubernetes.io/service-name: near } }
addressType: IPv4
ports: [{ port: 5353 }]
endpoints:
  - { addresses: [10.244.0.3], nodeName: node-a, zone: east, hints: { forZones: [{ name: east }] } }
  - { addresses: [10.244.1.3], nodeName: node-b, zone: west, hints: { forZones: [{ name: west }] } }
---
# One endpoint without a hint, and the others' do not count.
apiVersion: v1
kind: Service
metadata: { name: half-near }
spec: { clusterIP: 10.96.1.9, ports: [{ port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: half-near-1, labels: { kubernetes.io/service-name: half-near } }
addressType: IPv4
ports: [{ port: 5353 }]
endpoints:
  - { addresses: [10.244.0.3], nodeName: node-a, zone: east, hints: { forZones: [{ name: east }] } }
  - { addresses: [10.244.1.3], nodeName: node-b, zone: west }
---
apiVersion: v1
kind: Service
metadata: { name: outside }
spec: { clusterIP: 10.96.1.10, type: NodePort, externalTrafficPolicy: Local, selector: { half: b }, ports: [{ port: 80, targetPort: http, nodePort: 30092 }] }
"#;

fn cluster(mode: &str) -> Lab {
    let set = [("kubeProxy.mode".to_owned(), mode.to_owned())];
    let parsed = parse(&[Source { name: "lab.yaml", text: CLUSTER.as_bytes() }], &set);
    assert_eq!(parsed.problems, [], "the cluster");
    parsed.lab
}

/// `10.244.0.3:8080 0.50, …`, and how it ended.
fn destinations(trace: &Trace) -> String {
    let each = |((ip, port), probability): &((std::net::IpAddr, u16), f64)| format!("{ip}:{port} {probability:.2}");
    let choice = trace.choice.as_ref();
    choice.map(|choice| choice.destinations.iter().map(each).collect::<Vec<_>>().join(", ")).unwrap_or_default()
}

#[test]
fn every_client_gets_the_endpoints_that_are_for_it() {
    let both = "10.244.0.3:8080 0.50, 10.244.1.3:9090 0.50";
    let dropped = "dropped at node/node-a: NETFILTER_DROP";
    let cases = [
        // One name, two numbers; one number, two protocols.
        ("pod/client-a", "tcp://10.96.1.1:80", both, "delivered"),
        ("pod/client-a", "udp://10.96.1.1:53", "10.244.0.3:53 0.50, 10.244.1.3:53 0.50", "delivered"),
        ("pod/client-a", "tcp://10.96.1.1:53", "10.244.0.3:5353 0.50, 10.244.1.3:5353 0.50", "delivered"),
        ("host/laptop", "udp://172.18.0.2:30053", "10.244.0.3:53 0.50, 10.244.1.3:53 0.50", "delivered"),
        ("host/laptop", "tcp://172.18.0.2:30053", "10.244.0.3:5353 0.50, 10.244.1.3:5353 0.50", "delivered"),
        // internalTrafficPolicy: Local.
        ("pod/client-b", "tcp://10.96.1.3:80", "10.244.1.3:9090 1.00", "delivered at pod/default/web-b"),
        ("node/node-b", "tcp://10.96.1.3:80", "10.244.1.3:9090 1.00", "delivered at pod/default/web-b"),
        ("pod/client-a", "tcp://10.96.1.3:80", "", dropped),
        ("node/node-a", "tcp://10.96.1.3:80", "", dropped),
        // Who leaves is asked only when nobody else is there, and only while he answers.
        ("pod/client-a", "tcp://10.96.1.4:80", "10.244.0.4:8080 1.00", "delivered at pod/default/staying"),
        ("pod/client-a", "tcp://10.96.1.5:80", "", "rejected at node/node-a: ICMP_PORT_UNREACH"),
        ("pod/client-a", "tcp://10.96.1.6:80", "10.244.1.4:8080 1.00", "delivered at pod/default/leaving"),
        // A pod on the host network has its node's address.
        ("pod/client-a", "tcp://10.96.1.7:80", "172.18.0.3:9100 1.00", "delivered at node/node-b"),
        ("pod/client-b", "tcp://10.96.1.7:80", "172.18.0.3:9100 1.00", "delivered at node/node-b"),
        ("node/node-b", "tcp://10.96.1.7:80", "172.18.0.3:9100 1.00", "delivered at node/node-b"),
        ("host/laptop", "tcp://172.18.0.2:30091", "172.18.0.3:9100 1.00", "delivered at node/node-b"),
        // Hints of zones.
        ("pod/client-a", "tcp://10.96.1.8:80", "10.244.0.3:5353 1.00", "delivered at pod/default/web-a"),
        ("pod/client-b", "tcp://10.96.1.8:80", "10.244.1.3:5353 1.00", "delivered at pod/default/web-b"),
        ("pod/client-a", "tcp://10.96.1.9:80", "10.244.0.3:5353 0.50, 10.244.1.3:5353 0.50", "delivered"),
        // externalTrafficPolicy: Local binds who comes from outside.
        ("host/laptop", "tcp://172.18.0.3:30092", "10.244.1.3:9090 1.00", "delivered at pod/default/web-b"),
        ("host/laptop", "tcp://172.18.0.2:30092", "", dropped),
        ("pod/client-a", "tcp://172.18.0.2:30092", "10.244.1.3:9090 1.00", "delivered at pod/default/web-b"),
        ("pod/client-a", "tcp://10.96.1.10:80", "10.244.1.3:9090 1.00", "delivered at pod/default/web-b"),
    ];
    let cluster = cluster("iptables");
    for (from, to, expected, ended) in cases {
        let trace = kubehop_core::api::trace(&cluster, &Run::new(from, to)).expect(to);
        let disposition = trace.disposition.to_string();
        assert_eq!(destinations(&trace), expected, "{from} {to}: {disposition}");
        assert!(disposition.starts_with(ended), "{from} {to}: {disposition}, expected {ended}");
    }
}

#[test]
fn a_client_with_affinity_stays_with_its_endpoint() {
    let cluster = cluster("iptables");
    for (service, stays) in [("10.96.1.2", true), ("10.96.1.1", false)] {
        let mut topo = lab::build(&cluster, 1);
        let mut chosen = Vec::new();
        for seed in 0..12 {
            let run = Run { seed, ..Run::new("pod/client-a", &format!("tcp://{service}:80")) };
            let (trace, after) = lab::trace_on(&cluster, topo, &run).expect("a run");
            chosen.extend(trace.choice.map(|choice| choice.chosen));
            topo = after;
        }
        assert_eq!(chosen.len(), 12, "{service}");
        chosen.dedup();
        assert_eq!(chosen.len() == 1, stays, "{service}: {chosen:?}");
    }
}

#[test]
fn a_balancer_is_told_by_every_mode_how_many_endpoints_a_node_has() {
    let service = r#"
---
apiVersion: v1
kind: Service
metadata: { name: balanced }
spec: { type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 32000, selector: { half: b }, ports: [{ name: a, port: 80 }, { name: b, port: 81 }] }
"#;
    let text = format!("{CLUSTER}{service}");
    for mode in MODES {
        let set = [("kubeProxy.mode".to_owned(), mode.to_owned())];
        let cluster = parse(&[Source { name: "lab.yaml", text: text.as_bytes() }], &set).lab;
        for (node, status, n) in [("172.18.0.2", "503 Service Unavailable", 0), ("172.18.0.3", "200 OK", 1)] {
            let run = Run::new("router/fabric", &format!("http://{node}:32000/healthz"));
            let trace = kubehop_core::api::trace(&cluster, &run).expect("a run");
            let reply = trace.steps().find(|(hop, _)| trace.journey(hop.journey).name == "reply");
            let packet = reply.and_then(|(_, step)| step.packet().cloned()).expect("a reply");
            let said = String::from_utf8_lossy(&packet.ip_payload()[32..]).into_owned();
            let expected = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n\
                X-Load-Balancing-Endpoint-Weight: {n}\r\nContent-Length: "
            );
            assert!(said.starts_with(&expected), "{mode} {node}: {said}");
            let body = format!(
                "{{\n\t\"service\": {{\n\t\t\"namespace\": \"default\",\n\t\t\"name\": \"balanced\"\n\t}},\n\t\"localEndpoints\": {n},\n\t\"serviceProxyHealthy\": true\n}}"
            );
            assert!(said.ends_with(&body), "{mode} {node}: {said}");
        }
    }
}

#[test]
fn cilium_tells_a_balancer_the_same_in_its_own_words() {
    let service = "
---
apiVersion: v1
kind: Service
metadata: { name: balanced }
spec: { type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 32000, selector: { half: b }, ports: [{ port: 80 }] }
";
    let text = format!("{CLUSTER}{service}");
    let set = [("cni.plugin", "cilium"), ("kubeProxy.mode", "none")].map(|(path, value)| (path.into(), value.into()));
    let cluster = parse(&[Source { name: "lab.yaml", text: text.as_bytes() }], &set).lab;
    let run = Run::new("router/fabric", "http://172.18.0.3:32000/healthz");
    let trace = kubehop_core::api::trace(&cluster, &run).expect("a run");
    let reply = trace.steps().find(|(hop, _)| trace.journey(hop.journey).name == "reply");
    let packet = reply.and_then(|(_, step)| step.packet().cloned()).expect("a reply");
    let said = String::from_utf8_lossy(&packet.ip_payload()[32..]).into_owned();
    let body = "{\"service\":{\"namespace\":\"default\",\"name\":\"balanced\"},\"localEndpoints\":1}\n";
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.ends_with(body), "{said}");
}
