//! node-cache in labs of every mode of kube-proxy.

use super::super::node_caches;
use super::{corefile, node_cache};
use crate::app::coredns::{HostFiles, Server};
use crate::lab::{Lab, Run, Source, parse, show, trace};
use crate::trace::{Disposition, RejectReason, explain};

const CLUSTER: &str = "
  dns: { nodeLocal: true }
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
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: client }
spec: { nodeName: node-a, containers: [{ name: main }] }
---
apiVersion: v1
kind: Pod
metadata: { name: again }
spec:
  nodeName: node-a
  dnsPolicy: None
  dnsConfig: { nameservers: [169.254.20.10], searches: [.] }
  containers: [{ name: main }]
";

/// The cluster with `mode` of kube-proxy, and what is to be said of it.
fn lab(spec: &str) -> (Lab, Vec<String>) {
    let text = format!("apiVersion: kubehop.dev/v1\nkind: Lab\nmetadata: {{ name: cached }}\nspec:\n  {spec}{CLUSTER}");
    let parsed = parse(&[Source { name: "lab.yaml", text: text.as_bytes() }], &[]);
    (parsed.lab, parsed.problems.iter().map(ToString::to_string).collect())
}

#[test]
fn pods_ask_it_and_it_asks_past_its_own_addresses() {
    for (mode, asked, bound, upstream) in [
        ("iptables", "10.96.0.10", "169.254.20.10 10.96.0.10", "10.96.0.17"),
        ("nftables", "10.96.0.10", "169.254.20.10 10.96.0.10", "10.96.0.17"),
        ("ipvs", "169.254.20.10", "169.254.20.10", "10.96.0.10"),
    ] {
        let (lab, problems) = lab(&format!("kubeProxy: {{ mode: {mode} }}"));
        assert_eq!(problems, [""; 0]);
        let file = |at: &str, name: &str| show(&lab, at, None, &["cat", name], false).expect("a file");
        assert!(file("pod/client", "/etc/resolv.conf").starts_with(&format!("nameserver {asked}\n")), "{mode}");
        let corefile = file("node/node-b", "Corefile");
        assert_eq!(corefile.matches(&format!("    bind {bound}\n")).count(), 4, "{corefile}");
        let forward = format!("    forward . {upstream} {{\n            force_tcp\n    }}\n");
        assert_eq!(corefile.matches(&forward).count(), 3, "{corefile}");
        assert!(file("pod/kube-system/coredns-0", "Corefile").contains("kubernetes cluster.local"), "{mode}");
    }
}

#[test]
fn coredns_takes_its_corefile_without_a_word() {
    let (lab, _) = lab("podCIDR: 10.244.0.0/16");
    let corefile = corefile(&lab, &node_cache(&lab).expect("a cache")).expect("a Corefile");
    let (_, notices) = Server::start(&corefile, &HostFiles::default(), Vec::new(), 1, "test").expect("a server");
    assert_eq!(notices, []);
    assert_eq!(node_caches(&lab, 1).len(), 2);
}

#[test]
fn no_connection_is_kept_of_what_a_pod_asks() {
    let run = Run::new("pod/client", "lookup://web");
    for mode in ["iptables", "nftables", "ipvs"] {
        let spec = format!("kubeProxy: {{ mode: {mode} }}");
        let of_client = |lab: &Lab| {
            let entries = show(lab, "node/node-a", Some(&run), &["conntrack", "-L"], false).expect("entries");
            entries.lines().filter(|line| line.contains("src=10.244.0.2 ")).count()
        };
        let (mut lab, _) = lab(&spec);
        assert_eq!(of_client(&lab), 0, "{mode}");
        lab.spec.dns = None;
        assert_ne!(of_client(&lab), 0, "{mode}: without it there is one");
    }
}

#[test]
fn the_same_question_is_answered_from_what_was_kept() {
    let (lab, _) = lab("podCIDR: 10.244.0.0/16");
    let trace = trace(&lab, &Run::new("pod/again", "lookup://nobody.default.svc.cluster.local")).expect("a run");
    let said = trace.steps().map(|(hop, step)| explain(&trace, hop, step).headline);
    let said: Vec<String> = said.filter(|line| line.starts_with("node-cache a") || line.contains("NOTRACK")).collect();
    let starts = |with: &str| said.iter().filter(|line| line.starts_with(with)).count();
    assert_eq!(starts("node-cache answers: nobody.default.svc.cluster.local. A"), 2, "{said:#?}");
    assert_eq!(starts("node-cache answers from its cache: nobody.default.svc.cluster.local. A"), 2, "{said:#?}");
    assert_eq!(starts("NOTRACK"), 8, "{said:#?}");
}

#[test]
fn it_listens_on_its_own_addresses_only() {
    let (lab, _) = lab("podCIDR: 10.244.0.0/16");
    let asked = |to: &str| trace(&lab, &Run::new("pod/client", to)).expect("a run").disposition;
    let refused = asked("udp://172.18.0.2:53");
    assert!(matches!(refused, Disposition::Rejected { reason: RejectReason::IcmpPortUnreach, .. }), "{refused:?}");
    let healthy = asked("http://169.254.20.10:8080/health");
    assert!(matches!(healthy, Disposition::Delivered { .. }), "{healthy:?}");
}

#[test]
fn cilium_without_kube_proxy_passes_it_by() {
    let (lab, problems) = lab("cni: { plugin: cilium }\n  kubeProxy: { mode: none }");
    let expected =
        "lab.yaml:7:21: note: nodeLocal: without kube-proxy Cilium translates kube-dns' address at the socket";
    assert!(problems.len() == 1 && problems[0].starts_with(expected), "{problems:?}");
    let trace = trace(&lab, &Run::new("pod/client", "lookup://web")).expect("a run");
    assert!(
        trace
            .hops
            .iter()
            .all(|hop| !hop.steps.iter().any(|step| format!("{:?}", step.decision).contains("node-cache")))
    );
}
