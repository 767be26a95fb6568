//! Which node gets the packets for a service address.

use std::net::IpAddr;

use crate::base::{Place, Writer};
use crate::lab::{Lab, Run, Source, build, hand_over, parse, via_note};
use crate::net::{NsId, RouteKind, Topology};

const CLUSTER: &str = r#"
apiVersion: kubehop.dev/v1
kind: Lab
spec:
  hosts: [{ name: laptop, address: 203.0.113.2/24 }]
---
apiVersion: v1
kind: Node
metadata: { name: node-a }
---
apiVersion: v1
kind: Node
metadata: { name: node-b }
---
apiVersion: v1
kind: Node
metadata: { name: node-c, labels: { node.kubernetes.io/exclude-from-external-load-balancers: "" } }
---
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec:
  nodeName: node-b
  containers: [{ name: main, image: web, ports: [{ containerPort: 8080 }] }]
---
apiVersion: v1
kind: Pod
metadata: { name: unready, labels: { app: web } }
spec:
  nodeName: node-a
  containers: [{ name: main, image: web }]
status: { conditions: [{ type: Ready, status: "False" }] }
---
apiVersion: v1
kind: Service
metadata: { name: cluster }
spec:
  type: LoadBalancer
  selector: { app: web }
  externalIPs: [192.0.2.2, 172.18.0.2]
  ports: [{ port: 80 }]
status: { loadBalancer: { ingress: [{ ip: 192.0.2.1 }] } }
---
apiVersion: v1
kind: Service
metadata: { name: local }
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: { app: web }
  ports: [{ name: a, port: 80 }, { name: b, port: 81 }]
status: { loadBalancer: { ingress: [{ ip: 203.0.113.9 }] } }
---
apiVersion: v1
kind: Service
metadata: { name: nobody }
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: { app: nobody }
  ports: [{ port: 80 }]
status: { loadBalancer: { ingress: [{ ip: 192.0.2.4 }] } }
"#;

fn lab(set: &[(&str, &str)]) -> Lab {
    let set: Vec<(String, String)> = set.iter().map(|(path, value)| ((*path).into(), (*value).into())).collect();
    parse(&[Source { name: "lab.yaml", text: CLUSTER.as_bytes() }], &set).lab
}

/// Where a router sends packets for `vip`, in the balancer's words.
fn way(topo: &Topology, router: &str, vip: &str) -> String {
    let router = topo.find(&Place::Router(router.to_owned())).expect("a router");
    let lookup = topo.ns(router).main.lookup(vip.parse::<IpAddr>().expect("an address"), 0);
    match lookup.route().filter(|route| route.writer == Writer::Balancer) {
        Some(route) if route.kind == RouteKind::Blackhole => "blackhole".to_owned(),
        Some(route) => route.gateway.expect("a gateway").to_string(),
        None => "none".to_owned(),
    }
}

#[test]
fn healthy_nodes_get_the_packets_and_nobody_where_none_is() {
    let ways = |vip: &str| -> Vec<String> {
        let mut ways: Vec<String> = (0..16).map(|seed| way(&build(&lab(&[]), seed), "fabric", vip)).collect();
        crate::base::sort_by(&mut ways, Ord::cmp);
        ways.dedup();
        ways
    };
    let cases: [(&str, &[&str]); 5] = [
        ("192.0.2.1", &["172.18.0.2", "172.18.0.3"]),
        ("192.0.2.2", &["172.18.0.2", "172.18.0.3"]),
        // A machine has it.
        ("172.18.0.2", &["none"]),
        ("203.0.113.9", &["172.18.0.3"]),
        ("192.0.2.4", &["blackhole"]),
    ];
    for (vip, expected) in cases {
        assert_eq!(ways(vip), expected, "{vip}");
    }
}

#[test]
fn a_run_names_the_node_instead() {
    let lab = lab(&[]);
    let mut topo = build(&lab, 1);
    let run = |from: &str, to: &str, via: &str| Run { via: Some(via.to_owned()), ..Run::new(from, to) };
    let error = hand_over(&lab, &mut topo, &run("host/laptop", "tcp://192.0.2.1:80", "node/nodea")).expect_err("none");
    assert_eq!(error.to_string(), "--via: there is no node/nodea; the nearest is node/node-a");
    let to_a = run("host/laptop", "tcp://203.0.113.9:80", "node/node-a");
    hand_over(&lab, &mut topo, &to_a).expect("a node");
    for vip in ["192.0.2.1", "192.0.2.2", "192.0.2.4", "203.0.113.9"] {
        assert_eq!(way(&topo, "fabric", vip), "172.18.0.2", "{vip}");
    }
    assert_eq!(via_note(&lab, &to_a), None);
    for (from, to) in [("host/laptop", "tcp://172.18.0.3:80"), ("pod/web", "tcp://192.0.2.1:80")] {
        assert!(via_note(&lab, &run(from, to, "node/node-a")).is_some(), "{from} {to}");
    }
}

#[test]
fn routers_of_racks_hand_on_to_the_node() {
    let racks = "[{ name: tor-a, nodes: [node-a] }, { name: tor-b, nodes: [node-b, node-c] }]";
    let topo = build(&lab(&[("fabric.racks", racks)]), 1);
    let gateway = topo.find(&Place::Router("tor-b".to_owned())).map(|NsId(tor)| topo.ns(NsId(tor)));
    let uplink: Vec<String> = gateway.expect("a router").addresses().map(|ip| ip.to_string()).collect();
    assert!(uplink.contains(&way(&topo, "fabric", "203.0.113.9")), "{uplink:?}");
    let node = topo.ns(topo.find(&Place::Node("node-b".to_owned())).expect("a node"));
    let node: Vec<String> = node.addresses().map(|ip| ip.to_string()).collect();
    assert!(node.contains(&way(&topo, "tor-b", "203.0.113.9")), "{node:?}");
    assert_eq!(way(&topo, "tor-a", "203.0.113.9"), "none");
}
