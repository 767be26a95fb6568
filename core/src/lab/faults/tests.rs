//! Every fault breaks something that a run sees.

use super::{fault_notes, faults};
use crate::lab::{Lab, Run, Source, parse, trace};
use crate::trace::{By, Decision, explain, validate};

const TWO_NODES: &str = include_str!("../../../../examples/two-nodes.yaml");

fn lab(set: &str) -> Lab {
    let set: Vec<(String, String)> =
        set.split_whitespace().filter_map(|pair| pair.split_once('=')).map(|(a, b)| (a.into(), b.into())).collect();
    let parsed = parse(&[Source { name: "lab.yaml", text: TWO_NODES.as_bytes() }], &set);
    assert_eq!(parsed.problems, []);
    parsed.lab
}

/// How a run from pod/client ends with `fault`, and without.
fn outcomes(fault: &str, set: &str, to: &str, size: usize) -> (String, String) {
    let lab = lab(set);
    let end = |faults: Vec<String>| {
        let trace = trace(&lab, &Run { size, faults, ..Run::new("pod/client", to) }).expect("a run");
        validate(&trace).expect("a trace has its shape");
        trace.disposition.to_string()
    };
    (end(vec![fault.to_owned()]), end(Vec::new()))
}

#[test]
fn a_run_ends_as_its_fault_lets_it() {
    let far = "ping://10.244.1.2";
    let cases = [
        ("cni-mtu", "", far, 1472, "rejected at node/node-a: ICMP_FRAG_NEEDED"),
        ("small-nic", "", far, 1422, "dropped at node/node-b: FABRIC_MTU"),
        ("icmp-filtered", "cni.mode=host-gw", far, 100, "dropped at router/fabric: FABRIC_FILTERED"),
        ("tunnel-port-blocked", "", far, 100, "dropped at router/fabric: FABRIC_FILTERED"),
        ("route-missing", "", far, 100, "dropped at router/fabric: IP_INNOROUTES"),
        ("route-missing", "cni.mode=host-gw", far, 100, "dropped at router/fabric: IP_INNOROUTES"),
        ("bgp-session-down", "cni.plugin=calico cni.mode=bgp", far, 100, "dropped at router/fabric: IP_INNOROUTES"),
        (
            "tunnel-port-blocked",
            "cni.plugin=calico cni.mode=ipip",
            far,
            100,
            "dropped at router/fabric: FABRIC_FILTERED",
        ),
        (
            "tunnel-port-blocked",
            "cni.plugin=calico cni.mode=vxlan",
            far,
            100,
            "dropped at router/fabric: FABRIC_FILTERED",
        ),
        ("cni-mtu", "cni.plugin=calico cni.mode=vxlan", far, 1472, "rejected at node/node-a: ICMP_FRAG_NEEDED"),
        ("route-missing", "cni.plugin=calico cni.mode=bgp", far, 100, "dropped at router/fabric: IP_INNOROUTES"),
        ("route-missing", "cni.plugin=cilium cni.mode=vxlan", far, 100, "rejected at router/fabric: ICMP_NET_UNREACH"),
        ("route-missing", "cni.plugin=cilium cni.mode=native", far, 100, "dropped at router/fabric: IP_INNOROUTES"),
        (
            "duplicate-pod-ip",
            "cni.plugin=calico cni.mode=bgp",
            "tcp://10.244.1.2:8080",
            100,
            "rejected at pod/default/duplicate: NO_SOCKET",
        ),
        ("ip-forward-off", "", far, 100, "dropped at node/node-a: IP_INADDRERRORS"),
        // Who does not forward answers no ARP for others either.
        (
            "ip-forward-off",
            "cni.plugin=calico cni.mode=bgp",
            far,
            100,
            "rejected at pod/default/client: ICMP_HOST_UNREACH",
        ),
        ("rp-filter-strict", "", far, 100, "dropped at node/node-b: IP_RPFILTER"),
        ("rp-filter-strict", "cni.plugin=calico cni.mode=vxlan", far, 100, "dropped at node/node-b: IP_RPFILTER"),
        ("veth-down", "", far, 100, "rejected at node/node-b: ICMP_HOST_UNREACH"),
        ("ipam-exhausted", "", far, 100, "rejected at node/node-b: ICMP_HOST_UNREACH"),
        ("duplicate-pod-ip", "", "tcp://10.244.1.2:8080", 100, "rejected at pod/default/duplicate: NO_SOCKET"),
        ("duplicate-pod-ip", "", "tcp://10.244.0.3:8080", 100, "rejected at pod/default/duplicate: NO_SOCKET"),
    ];
    for (fault, set, to, size, expected) in cases {
        let (broken, healthy) = outcomes(fault, set, to, size);
        assert_eq!(broken, expected, "{fault} {set}");
        assert!(healthy.starts_with("delivered at "), "{fault} {set}: {healthy}");
    }
}

/// A service whose one endpoint is the pod that calls it, and one whose endpoint is its neighbour.
const SERVICES: &str = "
---
apiVersion: v1
kind: Service
metadata: {name: own}
spec: {clusterIP: 10.96.0.50, selector: {app: own}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: near}
spec: {clusterIP: 10.96.0.51, selector: {app: near}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: own, labels: {app: own}}
spec: {nodeName: node-a, containers: [{name: own, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: near, labels: {app: near}}
spec: {nodeName: node-a, containers: [{name: near, ports: [{containerPort: 8080}]}]}
";

#[test]
fn with_the_nics_mtu_ciliums_envelopes_are_cut_into_pieces() {
    let lab = lab("cni.plugin=cilium cni.mode=vxlan");
    let n_cut = |faults: Vec<String>| {
        let run = Run { size: 1472, faults, ..Run::new("pod/client", "ping://10.244.1.2") };
        let trace = trace(&lab, &run).expect("a run");
        trace.steps().filter(|(_, step)| step.outer && matches!(step.decision, Decision::Fragment { .. })).count()
    };
    assert_eq!(n_cut(Vec::new()), 0);
    assert!(n_cut(vec!["cni-mtu".to_owned()]) > 0);
}

#[test]
fn a_service_breaks_where_netfilter_or_the_bridge_does_not_help_it() {
    let text = format!("{TWO_NODES}{SERVICES}");
    let parsed = parse(&[Source { name: "lab.yaml", text: text.as_bytes() }], &[]);
    assert_eq!(parsed.problems, []);
    let end = |to: &str, fault: &str| {
        let faults: Vec<String> = fault.split_whitespace().map(str::to_owned).collect();
        let trace = trace(&parsed.lab, &Run { faults, ..Run::new("pod/own", to) }).expect("a run");
        trace.disposition.to_string()
    };
    let cases = [
        ("tcp://10.96.0.50:80", "hairpin-off", "delivered at pod/default/own", "dropped at node/node-a: NOT_SPECIFIED"),
        (
            "tcp://10.96.0.51:80",
            "bridge-nf-call-off",
            "delivered at pod/default/near",
            "dropped at pod/default/own: NO_SOCKET",
        ),
    ];
    for (to, fault, healthy, broken) in cases {
        assert_eq!((end(to, ""), end(to, fault)), (healthy.to_owned(), broken.to_owned()), "{fault}");
    }
}

#[test]
fn every_fault_has_something_to_break_or_says_that_it_has_not() {
    let idle = |set: &str| -> Vec<&str> {
        let lab = lab(set);
        let is_idle = |id: &&str| {
            let notes = fault_notes(&lab, &[(*id).to_owned()]).expect("a fault that exists");
            notes == [format!("{id}: has nothing to break here")]
        };
        faults().iter().map(|fault| fault.id).filter(is_idle).collect()
    };
    // Without a run nobody comes from outside, and nobody has a port.
    // And a cluster that nobody asks for a name has no CoreDNS.
    let of_runs = ["etp-local-no-endpoint", "stale-conntrack", "coredns-down"];
    assert_eq!(idle("cni.mode=vxlan"), [&["bgp-session-down"][..], &of_runs].concat());
    assert_eq!(
        idle("cni.mode=host-gw"),
        [&["cni-mtu", "tunnel-port-blocked", "bgp-session-down"][..], &of_runs].concat()
    );
}

#[test]
fn faults_add_up() {
    let lab = lab("");
    let ids: Vec<String> = faults().iter().map(|fault| fault.id.to_owned()).collect();
    let run = Run { faults: ids, ..Run::new("pod/client", "ping://10.244.1.2") };
    let trace = trace(&lab, &run).expect("a run");
    assert_eq!(trace.disposition.to_string(), "dropped at node/node-a: IP_INADDRERRORS");
}

/// `web` has a pod on the other node, and `near` one on the client's.
const WEB: &str = "
---
apiVersion: kubehop.dev/v1
kind: Lab
metadata: {name: faults}
spec: {hosts: [{name: laptop, address: 203.0.113.2/24}]}
---
apiVersion: v1
kind: Node
metadata: {name: node-a}
---
apiVersion: v1
kind: Node
metadata: {name: node-b}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  clusterIP: 10.96.0.60
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080, nodePort: 30080}, {name: dns, protocol: UDP, port: 53, targetPort: 5353}]
---
apiVersion: v1
kind: Service
metadata: {name: near}
spec:
  clusterIP: 10.96.0.61
  selector: {app: near}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: dns, protocol: UDP, port: 53, targetPort: 5353}]
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: node-a, containers: [{name: main}]}
---
apiVersion: v1
kind: Pod
metadata: {name: near, labels: {app: near}}
spec: {nodeName: node-a, containers: [{name: main, ports: [{containerPort: 8080}, {containerPort: 5353, protocol: UDP}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {nodeName: node-b, containers: [{name: main, ports: [{containerPort: 8080}, {containerPort: 5353, protocol: UDP}]}]}
";

/// How a run ends with a fault, in a mode of kube-proxy.
fn end_of(mode: &str, fault: &str, from: &str, to: &str) -> String {
    let set = [("kubeProxy.mode".to_owned(), mode.to_owned())];
    let parsed = parse(&[Source { name: "lab.yaml", text: WEB.as_bytes() }], &set);
    assert_eq!(parsed.problems, []);
    let faults = fault.split_whitespace().map(str::to_owned).collect();
    let trace = trace(&parsed.lab, &Run { faults, ..Run::new(from, to) }).expect("a run");
    validate(&trace).expect("a trace has its shape");
    trace.disposition.to_string()
}

#[test]
fn a_service_fails_as_its_fault_lets_it() {
    const FAR: &str = "tcp://10.96.0.60:80";
    const NEAR: &str = "tcp://10.96.0.61:80";
    const FAR_UDP: &str = "udp://10.96.0.60:53";
    const NEAR_UDP: &str = "udp://10.96.0.61:53";
    let refused = "rejected at node/node-a: ICMP_PORT_UNREACH";
    let cases = [
        ("endpoint-not-ready", "pod/client", FAR, refused),
        ("endpoint-not-ready", "node/node-a", FAR_UDP, refused),
        ("selector-matches-nothing", "pod/client", NEAR, refused),
        ("selector-matches-nothing", "host/laptop", "tcp://172.18.0.2:30080", refused),
        ("wrong-target-port", "pod/client", FAR, "rejected at pod/default/web: NO_SOCKET"),
        ("wrong-target-port", "pod/client", NEAR_UDP, "rejected at pod/default/near: ICMP_PORT_UNREACH"),
        ("kube-proxy-stopped", "pod/client", NEAR, "rejected at node/node-a: ICMP_HOST_UNREACH"),
        ("kube-proxy-stopped", "pod/client", FAR, "rejected at node/node-b: ICMP_HOST_UNREACH"),
        ("kube-proxy-stopped", "host/laptop", "tcp://172.18.0.3:30080", "rejected at node/node-b: ICMP_HOST_UNREACH"),
        // UDP does not tell its application of a host that cannot be reached.
        ("kube-proxy-stopped", "pod/client", FAR_UDP, "dropped at node/node-b: NEIGH_FAILED"),
        ("etp-local-no-endpoint", "host/laptop", "tcp://172.18.0.2:30080", "dropped at node/node-a: NETFILTER_DROP"),
        // The pod is moved away, for the client comes to its node.
        ("etp-local-no-endpoint", "host/laptop", "tcp://172.18.0.3:30080", "dropped at node/node-b: NETFILTER_DROP"),
        // A pod is not bound by the policy for those outside, and TCP does not go by old entries.
        ("etp-local-no-endpoint", "pod/client", FAR, "delivered at pod/default/web"),
        ("stale-conntrack", "pod/client", FAR, "delivered at pod/default/web"),
        ("stale-conntrack", "pod/client", FAR_UDP, "dropped at node/node-b: NEIGH_FAILED"),
        ("stale-conntrack", "pod/client", NEAR_UDP, "dropped at node/node-a: NEIGH_FAILED"),
    ];
    for (fault, from, to, expected) in cases {
        let healthy = end_of("iptables", "", from, to);
        assert!(healthy.starts_with("delivered at "), "{fault} {to}: {healthy}");
        assert_eq!(end_of("iptables", fault, from, to), expected, "{fault} {from} {to}");
    }
}

#[test]
fn without_kube_proxy_its_faults_break_nothing() {
    for fault in ["kube-proxy-stopped", "stale-conntrack"] {
        let healthy = end_of("none", "", "pod/client", "udp://10.96.0.60:53");
        assert_eq!(end_of("none", fault, "pod/client", "udp://10.96.0.60:53"), healthy, "{fault}");
    }
}

#[test]
fn datagrams_that_follow_an_old_entry_ask_no_rule() {
    let parsed = parse(&[Source { name: "lab.yaml", text: WEB.as_bytes() }], &[]);
    let faults = vec!["stale-conntrack".to_owned()];
    let run = Run { faults, ..Run::new("pod/client", "udp://10.96.0.60:53") };
    let trace = trace(&parsed.lab, &run).expect("a run");
    let by: Vec<&By> = trace
        .steps()
        .filter_map(|(_, step)| match &step.decision {
            Decision::Translate { by, to, .. } if to.0.to_string() == "10.244.1.3" => Some(by),
            _ => None,
        })
        .collect();
    assert!(matches!(by[..], [By::Entry { .. }]), "{by:?}");
}

#[test]
fn a_refusal_names_the_service_and_says_why() {
    let parsed = parse(&[Source { name: "lab.yaml", text: WEB.as_bytes() }], &[]);
    let cases = [
        (
            "endpoint-not-ready",
            "tcp://172.18.0.2:30080",
            "Service default/web:http has no endpoint that is ready: refused.",
        ),
        ("selector-matches-nothing", "tcp://172.18.0.2:30080", "Service default/web:http has no endpoints: refused."),
        (
            "etp-local-no-endpoint",
            "tcp://172.18.0.2:30080",
            "Service default/web:http has no endpoint on node-a: dropped.",
        ),
    ];
    for (fault, to, expected) in cases {
        let run = Run { faults: vec![fault.to_owned()], ..Run::new("host/laptop", to) };
        let trace = trace(&parsed.lab, &run).expect("a run");
        let (hop, step) = trace.steps().find(|(_, step)| step.service.is_some()).expect("a refusal");
        assert_eq!(explain(&trace, hop, step).headline, expected, "{fault}");
    }
}
