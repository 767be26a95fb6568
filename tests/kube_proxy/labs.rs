//! From manifests to what a node's tools print and a client meets.

use kubehop_core::api::{self, Lab, Run, Source};

const LAB: &str = "
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
metadata: { name: client }
spec: { nodeName: node-a, containers: [{ name: client }] }
---
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec: { nodeName: node-b, containers: [{ name: web, ports: [{ containerPort: 8080 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  type: LoadBalancer
  clusterIP: 10.96.0.50
  selector: { app: web }
  ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }]
status: { loadBalancer: { ingress: [{ ip: 203.0.113.1 }, { ip: 203.0.113.2, ipMode: Proxy }] } }
";

fn lab(set: &[(&str, &str)]) -> Lab {
    let set: Vec<(String, String)> = set.iter().map(|(path, value)| ((*path).into(), (*value).into())).collect();
    let parsed = api::parse(&[Source { name: "lab.yaml", text: LAB.as_bytes() }], &set);
    assert_eq!(parsed.problems, []);
    parsed.lab
}

fn rules(lab: &Lab) -> String {
    api::show(lab, "node/node-a", None, &["iptables-save", "-t", "nat"], false).expect("a command of a node")
}

#[test]
fn a_node_has_the_rules_of_its_services() {
    let rules = rules(&lab(&[]));
    let cluster_ip = "-A KUBE-SERVICES -d 10.96.0.50/32 -p tcp -m comment --comment \"default/web cluster IP\" -m tcp --dport 80 -j KUBE-SVC-";
    assert!(rules.contains(cluster_ip), "{rules}");
    assert!(rules.contains("--to-destination 10.244.1.2:8080\n"), "{rules}");
}

#[test]
fn a_balancer_that_is_a_proxy_has_no_rule() {
    let rules = rules(&lab(&[]));
    assert!(rules.contains("203.0.113.1") && !rules.contains("203.0.113.2"), "{rules}");
}

#[test]
fn without_kube_proxy_there_are_none_of_its_rules() {
    let rules = rules(&lab(&[("kubeProxy.mode", "none")]));
    assert!(rules.contains("FLANNEL-POSTRTG") && !rules.contains("KUBE-"), "{rules}");
}

#[test]
fn with_nftables_there_is_a_table_of_it_and_no_chain_of_iptables() {
    let lab = lab(&[("kubeProxy.mode", "nftables")]);
    let rules = rules(&lab);
    assert!(rules.contains("FLANNEL-POSTRTG") && !rules.contains("KUBE-"), "{rules}");
    let show = |command: &[&str]| api::show(&lab, "node/node-a", None, command, false);
    let ruleset = show(&["nft", "list", "ruleset"]).expect("a command of a node");
    assert!(ruleset.starts_with("table ip kube-proxy {\n\tcomment \"rules for kube-proxy\"\n"), "{ruleset}");
    for row in [
        "10.96.0.50 . tcp . 80 : goto service-PFISGYVC-default/web/tcp/",
        "ip daddr 10.96.0.0/12 drop comment \"Drop traffic to unallocated ClusterIPs\"",
        "elements = { 172.18.0.2 }",
        "meta l4proto tcp dnat to 10.244.1.2:8080",
    ] {
        assert!(ruleset.contains(row), "{row} in {ruleset}");
    }
    assert_eq!(show(&["nft", "list", "table", "ip", "kube-proxy"]).as_ref(), Ok(&ruleset));
    let error = show(&["nft", "list", "table", "ip", "kube"]).map_err(|error| error.to_string());
    assert_eq!(error, Err("\"ip kube\": expected a table of this machine, like ip kube-proxy".to_owned()));
}

#[test]
fn rows_are_shown_with_their_writers() {
    let lines = |command: &[&str]| api::show(&lab(&[]), "node/node-a", None, command, true).expect("a command");
    let rules = lines(&["iptables-save", "-t", "filter"]);
    assert!(rules.contains("-j KUBE-FIREWALL  # kube-proxy\n"), "{rules}");
    assert!(
        rules.contains("-A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment \"flanneld forward\" -j ACCEPT  # CNI\n")
    );
    let routes = lines(&["ip", "route"]);
    assert!(routes.contains("10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink  # CNI\n"), "{routes}");
}

#[test]
fn a_client_of_a_service_is_told_where_it_came() {
    for (to, masqueraded) in [("http://10.96.0.50", false), ("http://172.18.0.2:30080", true)] {
        let trace = api::trace(&lab(&[]), &Run::new("pod/client", to)).expect("a run");
        assert_eq!(trace.disposition.to_string(), "delivered at pod/default/web", "{to}");
        let json = api::to_json(&trace);
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        let endpoint = "10.244.1.2:8080";
        assert_eq!(json["destinations"], serde_json::json!([{ "endpoint": endpoint, "probability": 1.0 }]), "{to}");
        assert_eq!(json["chosen"], endpoint, "{to}");
        assert_eq!(json["masqueraded"], masqueraded, "{to}");
    }
}

#[test]
fn connections_of_a_run_are_shown() {
    let run = Run::new("pod/client", "http://10.96.0.50");
    let lines = api::show(&lab(&[]), "node/node-a", Some(&run), &["conntrack", "-L"], false).expect("a command");
    assert!(lines.contains("dst=10.96.0.50") && lines.contains("[ASSURED]"), "{lines}");
}
