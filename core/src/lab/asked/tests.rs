//! Probes and scrapes as they are asked for.

use crate::lab::{Run, Source, parse, trace};
use crate::wire::Packet;

const CLUSTER: &str = r#"
apiVersion: v1
kind: Node
metadata: { name: node-a }
---
apiVersion: v1
kind: Node
metadata: { name: node-b }
---
apiVersion: v1
kind: Pod
metadata: { name: web, annotations: { prometheus.io/port: "8080", prometheus.io/path: /stats } }
spec:
  nodeName: node-a
  containers:
    - name: main
      image: web
      ports: [{ name: http, containerPort: 8080 }]
      readinessProbe: { httpGet: { path: /ready?x=1, port: http, httpHeaders: [{ name: X-Who, value: me }] } }
      livenessProbe: { tcpSocket: { port: 8081 } }
    - name: side
      image: side
      ports: [{ name: metrics, containerPort: 9090 }]
      startupProbe: { exec: { command: [true] } }
      livenessProbe: { grpc: { port: 9000 } }
      readinessProbe: { httpGet: { port: htpp } }
---
apiVersion: v1
kind: Pod
metadata: { name: prometheus }
spec:
  nodeName: node-b
  containers: [{ name: prometheus, image: prometheus }]
---
apiVersion: v1
kind: Pod
metadata: { name: quiet, annotations: { prometheus.io/scrape: "false" } }
spec:
  nodeName: node-b
  containers: [{ name: main, image: quiet, ports: [{ name: metrics, containerPort: 9090 }] }]
"#;

/// How a run ended, and what its client said by HTTP.
fn run(from: &str, to: &str) -> Result<(String, String), String> {
    let lab = parse(&[Source { name: "lab.yaml", text: CLUSTER.as_bytes() }], &[]).lab;
    let trace = trace(&lab, &Run::new(from, to)).map_err(|error| error.to_string())?;
    let requests = trace.steps().filter(|(hop, _)| trace.journey(hop.journey).name == "request");
    let first = requests.into_iter().next().and_then(|(_, step)| step.packet().map(Packet::ip_payload));
    let text = first.map(|bytes| String::from_utf8_lossy(&bytes[32..]).into_owned()).unwrap_or_default();
    Ok((trace.disposition.to_string(), text))
}

#[test]
fn the_kubelet_asks_what_the_container_states() {
    let (ended, said) = run("node/node-a", "probe://pod/web").expect("a run");
    assert_eq!(ended, "delivered at pod/default/web");
    let expected = "GET /ready?x=1 HTTP/1.1\r\nHost: 10.244.0.2:8080\r\nUser-Agent: kube-probe/1.33\r\n\
        Accept: */*\r\nX-Who: me\r\nConnection: close\r\n\r\n";
    assert_eq!(said, expected);
    let (ended, said) = run("node/node-a", "probe://pod/default/web/main?kind=liveness").expect("a run");
    assert_eq!((&*ended, &*said), ("rejected at pod/default/web: NO_SOCKET", ""));
}

#[test]
fn prometheus_asks_where_the_annotations_say_or_at_the_port_named_metrics() {
    let (ended, said) = run("pod/prometheus", "scrape://pod/web").expect("a run");
    assert_eq!(ended, "delivered at pod/default/web");
    assert!(said.starts_with("GET /stats HTTP/1.1\r\nHost: 10.244.0.2:8080\r\nUser-Agent: Prometheus/"), "{said}");
}

#[test]
fn what_cannot_be_asked_says_what_is_missing() {
    let cases = [
        ("node/node-b", "probe://pod/web", "expected --from node/node-a, found node/node-b"),
        ("node/node-a", "probe://pod/wbe", "there is no pod/wbe; the nearest is pod/default/web"),
        ("node/node-a", "probe://pod/default/web/mian", "the nearest is pod/default/web/main"),
        ("node/node-a", "probe://node/node-a", "is not a target"),
        ("node/node-a", "probe://pod/web?kind=livenes", "the nearest is liveness"),
        ("node/node-a", "probe://pod/default/web/side?kind=startup", "no packet is sent"),
        ("node/node-a", "probe://pod/default/web/side?kind=liveness", "speaks gRPC"),
        ("node/node-a", "probe://pod/default/web/side", "port \"htpp\" is none of container side"),
        (
            "node/node-a",
            "probe://pod/default/web/main?kind=startup",
            "container main has readinessProbe and livenessProbe",
        ),
        ("node/node-b", "probe://pod/quiet", "the pod has no probe at all"),
        ("pod/prometheus", "scrape://pod/quiet", "prometheus.io/scrape is \"false\""),
        (
            "pod/prometheus",
            "scrape://pod/prometheus",
            "expected the annotation prometheus.io/port, or a port named metrics",
        ),
    ];
    for (from, to, expected) in cases {
        let error = run(from, to).expect_err(to);
        assert!(error.contains(expected), "{to}: {error}");
    }
}
