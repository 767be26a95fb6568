//! The law of the modes: whichever writes a node's tables, a client's connection can come to the same endpoints with the
//! same probabilities. What they are is worked out from the services alone.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use kubehop_core::api::{self, Lab, ProxyMode, Run, Source, Trace};
use kubehop_core::base::Dice;
use kubehop_core::k8s::kube_proxy::{Proxier, ServicePort, categorize, service_ports};

use super::cluster::read;

const NODES: usize = 3;
const LAPTOP: &str = "host/laptop";

/// The modes that write anything.
pub(crate) fn modes() -> Vec<(&'static str, ProxyMode)> {
    let cluster = read("[{ table: none }]").remove(0);
    let writes = |mode: &(&str, ProxyMode)| Proxier::new(mode.1, cluster.config()).is_some();
    ProxyMode::ALL.into_iter().filter(writes).collect()
}

/// Three nodes with pods, and services with all that decides who serves them, drawn.
fn manifests(dice: &mut Dice) -> String {
    let mut below = |n: u32| (dice.word() >> 8) % n;
    let mut text = String::from(
        "apiVersion: kubehop.dev/v1\nkind: Lab\nmetadata: { name: modes }\nspec: { hosts: [{ name: laptop, address: 203.0.113.2/24 }] }\n---\n",
    );
    for node in 0..NODES {
        let _ = write!(
            text,
            "apiVersion: v1\nkind: Node\nmetadata: {{ name: node-{node}, labels: {{ topology.kubernetes.io/zone: zone-{} }} }}\nspec: {{ podCIDR: 10.244.{node}.0/24 }}\n---\n",
            node % 2
        );
        for (pod, ip) in [("client", 2), ("a", 3), ("b", 4)] {
            let _ = write!(
                text,
                "apiVersion: v1\nkind: Pod\nmetadata: {{ name: {pod}-{node} }}\nspec: {{ nodeName: node-{node}, containers: [{{ name: main, ports: [{{ containerPort: 8080 }}] }}] }}\nstatus: {{ podIP: 10.244.{node}.{ip} }}\n---\n"
            );
        }
    }
    for service in 0..6 {
        let policy = |is_local: bool| if is_local { "Local" } else { "Cluster" };
        let affinity = if below(4) == 0 { "ClientIP" } else { "None" };
        let _ = write!(
            text,
            "apiVersion: v1\nkind: Service\nmetadata: {{ name: s{service} }}\nspec: {{ type: LoadBalancer, clusterIP: 10.96.1.{service}, externalIPs: [198.51.100.{service}], internalTrafficPolicy: {}, externalTrafficPolicy: {}, sessionAffinity: {affinity}, ports: [{{ port: 80, nodePort: {} }}] }}\nstatus: {{ loadBalancer: {{ ingress: [{{ ip: 192.0.2.{service} }}] }} }}\n---\n",
            policy(below(3) == 0),
            policy(below(2) == 0),
            30_100 + service
        );
        let has_hints = below(3) == 0;
        let mut endpoints = Vec::new();
        for node in 0..NODES {
            for ip in [3, 4] {
                let (ready, terminating) =
                    [(true, false), (true, false), (false, false), (false, true)][below(4) as usize];
                if below(3) > 0 {
                    continue;
                }
                let hints = if has_hints {
                    format!(", hints: {{ forZones: [{{ name: zone-{} }}] }}", node % 2)
                } else {
                    String::new()
                };
                endpoints.push(format!(
                    "{{ addresses: [10.244.{node}.{ip}], nodeName: node-{node}, conditions: {{ ready: {ready}, serving: {}, terminating: {terminating} }}{hints} }}",
                    ready || terminating
                ));
            }
        }
        let _ = write!(
            text,
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{ name: s{service}-x, labels: {{ kubernetes.io/service-name: s{service} }} }}\naddressType: IPv4\nports: [{{ port: 8080 }}]\nendpoints: [{}]\n---\n",
            endpoints.join(", ")
        );
    }
    text
}

pub(crate) fn lab(text: &str, mode: &str) -> Lab {
    let parsed = api::parse(
        &[Source { name: "lab.yaml", text: text.as_bytes() }],
        &[("kubeProxy.mode".to_owned(), mode.to_owned())],
    );
    assert!(!parsed.has_errors(), "{:?}", parsed.problems);
    parsed.lab
}

/// Every endpoint with its probability in thousandths, by address.
fn destinations(trace: &Trace) -> Vec<(String, u32)> {
    let Some(choice) = &trace.choice else { return Vec::new() };
    let one = |((ip, port), p): &((std::net::IpAddr, u16), f64)| (format!("{ip}:{port}"), (p * 1000.0).round() as u32);
    let mut all: Vec<(String, u32)> = choice.destinations.iter().map(one).collect();
    all.sort();
    all
}

/// Those of these endpoints, each as likely as the others.
fn evenly(endpoints: &[&kubehop_core::k8s::kube_proxy::Endpoint]) -> Vec<(String, u32)> {
    let share = (1000.0 / endpoints.len().max(1) as f64).round() as u32;
    let mut all: Vec<(String, u32)> = endpoints.iter().map(|endpoint| (endpoint.text.clone(), share)).collect();
    all.sort();
    all
}

/// A client, the node that translates for it, and its way to a service.
struct Case {
    from: String,
    node: usize,
    to: String,
    /// Whether only endpoints of that node may serve it.
    is_local: bool,
    /// Whether a client of the cluster comes by an address that is meant for others.
    is_short_cut: bool,
}

fn cases(idx: usize, port: &ServicePort, lab: &Lab) -> Vec<Case> {
    let at = |node: usize| lab.objects.nodes[node].addresses[0];
    let (own, other) = (idx % NODES, (idx + 1) % NODES);
    let cluster_ip = format!("tcp://{}:80", port.cluster_ip);
    let node_port = |node: usize| format!("tcp://{}:{}", at(node), port.node_port.unwrap_or_default());
    let case = |from: String, node, to: &str, is_local| {
        let is_short_cut = to != cluster_ip && from != LAPTOP;
        Case { from, node, to: to.to_owned(), is_local, is_short_cut }
    };
    let mut cases = vec![
        case(format!("pod/client-{own}"), own, &cluster_ip, port.internal_local),
        case(format!("pod/a-{own}"), own, &cluster_ip, port.internal_local),
        case(format!("node/node-{other}"), other, &cluster_ip, port.internal_local),
        case(LAPTOP.to_owned(), own, &node_port(own), port.external_local),
        case(LAPTOP.to_owned(), other, &node_port(other), port.external_local),
    ];
    for ip in port.load_balancer_ips.iter().chain(&port.external_ips) {
        let to = format!("tcp://{ip}:80");
        let clients = [
            (LAPTOP.to_owned(), own),
            (LAPTOP.to_owned(), other),
            (format!("pod/client-{own}"), own),
            (format!("pod/a-{other}"), other),
            (format!("node/node-{own}"), own),
        ];
        cases.extend(clients.into_iter().map(|(from, node)| case(from, node, &to, port.external_local)));
    }
    cases
}

#[test]
fn every_mode_reaches_the_same_endpoints_as_often() {
    let (mut n_served, mut n_alone) = (0, 0);
    for seed in 1..=6 {
        let text = manifests(&mut Dice::new(seed, "modes"));
        for (mode, _) in modes() {
            let lab = lab(&text, mode);
            for (idx, port) in service_ports(&lab.objects).iter().enumerate() {
                for case in cases(idx, port, &lab) {
                    let zone = format!("zone-{}", case.node % 2);
                    let serving = categorize(port, &format!("node-{}", case.node), &zone);
                    // Only IPVS mode holds its own clients to the policy for others.
                    let is_local = case.is_local && (mode == "ipvs" || !case.is_short_cut);
                    let mut endpoints = if is_local { &serving.local } else { &serving.cluster };
                    // Where policy Local finds nobody IPVS mode takes those of all nodes.
                    if mode == "ipvs" && endpoints.is_empty() {
                        endpoints = &serving.cluster;
                    }
                    let via = (case.from == LAPTOP).then(|| format!("node/node-{}", case.node));
                    let run = Run { via, ..Run::new(&case.from, &case.to) };
                    let trace = api::trace(&lab, &run).expect("a run");
                    let told = || format!("seed {seed}, {mode}: {} from {} to {}", port.name, case.from, case.to);
                    assert_eq!(destinations(&trace), evenly(endpoints), "{}", told());
                    let kind = trace.disposition.kind();
                    assert_eq!(kind == "delivered", !endpoints.is_empty(), "{}: {kind}", told());
                    *(if endpoints.is_empty() { &mut n_alone } else { &mut n_served }) += 1;
                }
            }
        }
    }
    assert!(n_served > 50 && n_alone > 10, "{n_served} and {n_alone}");
}

/// What is done, by whom and to what, and how it comes out in each mode.
type Difference = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const TWO_NODES: &str = include_str!("differences.yaml");

/// What the modes are known to do each in its own way, and how it comes out.
#[test]
fn modes_differ_where_it_is_known() {
    let differences: &[Difference] = &[
        (
            "a port of a clusterIP that no service has",
            "pod/client",
            "tcp://10.96.0.50:81",
            &[
                ("iptables", "rejected at router/fabric"),
                ("nftables", "rejected at node/node-a"),
                ("ipvs", "rejected at node/node-a"),
            ],
        ),
        (
            "a clusterIP that no service has",
            "pod/client",
            "tcp://10.96.0.99:80",
            &[
                ("iptables", "rejected at router/fabric"),
                ("nftables", "dropped at node/node-a"),
                ("ipvs", "rejected at router/fabric"),
            ],
        ),
        (
            "a node port on the loopback address",
            "node/node-a",
            "tcp://127.0.0.1:30080",
            &[
                ("iptables", "delivered at pod/default/web"),
                ("nftables", "rejected at node/node-a"),
                ("ipvs", "rejected at node/node-a"),
            ],
        ),
        (
            "a ping to a service",
            "pod/client",
            "ping://10.96.0.50",
            &[("iptables", "rejected at router/fabric"), ("ipvs", "rejected at node/node-a: ICMP_PORT_UNREACH")],
        ),
        (
            "policy Local without an endpoint on the node",
            "host/laptop",
            "tcp://172.18.0.2:30081",
            &[
                ("iptables", "dropped at node/node-a"),
                ("nftables", "dropped at node/node-a"),
                ("ipvs", "delivered at pod/default/web"),
            ],
        ),
        (
            "the same inside the cluster",
            "pod/client",
            "tcp://10.96.0.51:80",
            &[
                ("iptables", "dropped at node/node-a"),
                ("nftables", "dropped at node/node-a"),
                ("ipvs", "delivered at pod/default/web"),
            ],
        ),
        (
            "a node port on the address of a bridge, from a pod of another node",
            "pod/web",
            "tcp://10.244.0.1:30080",
            &[
                ("iptables", "delivered at pod/default/web"),
                ("nftables", "rejected"),
                ("ipvs", "delivered at pod/default/web"),
            ],
        ),
    ];
    let known: BTreeSet<&str> = modes().into_iter().map(|(mode, _)| mode).collect();
    for (what, from, to, outcomes) in differences {
        for (mode, expected) in outcomes.iter().filter(|(mode, _)| known.contains(mode)) {
            let trace = api::trace(&lab(TWO_NODES, mode), &Run::new(from, to)).expect("a run");
            let found = trace.disposition.to_string();
            assert!(found.starts_with(expected), "{what}, {mode}: found {found}, expected {expected}");
        }
    }
}
