//! Who answers names in a lab, and from what.

use std::fmt::Write;

use super::{name_servers, with_names};
use crate::app::coredns::{DnsQuery, Upstream};
use crate::base::{Instant, Place};
use crate::lab::{Lab, Run, Source, parse, show, trace};
use crate::sim::NameServer;
use crate::trace::{Trace, explain};
use crate::wire::{DnsMessage, Question};

const CLUSTER: &str = "
apiVersion: v1
kind: Node
metadata: { name: node-a }
---
apiVersion: v1
kind: Node
metadata: { name: node-b }
---
apiVersion: v1
kind: Namespace
metadata: { name: empty }
---
apiVersion: v1
kind: Pod
metadata: { name: db-0, namespace: shop, labels: { app: db } }
spec: { hostname: db-0, subdomain: db, containers: [{ name: db, ports: [{ containerPort: 5432 }] }] }
---
apiVersion: v1
kind: Pod
metadata: { name: db-1, namespace: shop, labels: { app: db } }
spec: { hostname: db-1, subdomain: db, containers: [{ name: db, ports: [{ containerPort: 5432 }] }] }
status: { conditions: [{ type: Ready, status: \"False\" }] }
---
apiVersion: v1
kind: Service
metadata: { name: db, namespace: shop }
spec: { clusterIP: None, selector: { app: db }, ports: [{ name: sql, port: 5432 }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: out, namespace: shop }
spec: { type: ExternalName, externalName: www.example.com }
";
const DNS: &str = "
---
apiVersion: kubehop.dev/v1
kind: Lab
metadata: { name: named }
spec:
  dns:
    upstream: { address: 9.9.9.9, records: [\"www.example.com. 300 IN A 93.184.216.34\"] }
";

fn read(text: &str) -> (Lab, Vec<String>) {
    let parsed = parse(&[Source { name: "lab.yaml", text: text.as_bytes() }], &[]);
    (parsed.lab, parsed.problems.iter().map(ToString::to_string).collect())
}

fn sound(text: &str) -> Lab {
    let (lab, problems) = read(text);
    assert_eq!(problems, Vec::<String>::new());
    lab
}

/// What the CoreDNS at `at` answers, with the help of the resolver outside.
fn ask(lab: &Lab, at: &str, question: &str) -> String {
    let mut servers = name_servers(lab, 1).0;
    let zone = servers.values().find_map(|it| match it {
        NameServer::Upstream(zone) => Some(zone.clone()),
        NameServer::CoreDns { .. } => None,
    });
    let at: Place = at.parse().expect("a place");
    let Some(NameServer::CoreDns { server, cluster }) = servers.get_mut(&at) else { return "nobody".to_owned() };
    let (name, qtype) = question.split_once(' ').expect("name and type");
    let question = Question::new(name.parse().expect("a name"), qtype.parse().expect("a type"));
    let message = DnsMessage::query(7, question);
    let query = DnsQuery { message, client: [10, 244, 0, 2].into(), port: 53, tcp: false, at: Instant::START };
    let mut answers = Vec::new();
    loop {
        match server.serve(&query, cluster, &answers) {
            Ok(answer) => {
                let answer = answer.expect("an answer that can be written");
                let mut text = answer.rcode.to_string();
                answer.answers.iter().for_each(|record| _ = write!(text, " {record}"));
                return text;
            }
            Err(ask) => {
                assert_eq!(ask.upstreams, ["9.9.9.9:53".parse().expect("an address")]);
                let answer = zone.as_ref().map(|zone| Upstream::Answer(zone.answer(&ask.query, false)));
                answers.push(answer.unwrap_or(Upstream::Silence));
            }
        }
    }
}

#[test]
fn a_cluster_gets_its_dns_when_it_is_asked_and_the_same_as_with_a_section() {
    let plain = sound(CLUSTER);
    assert_eq!(plain.objects.pods.len(), 2, "nothing is added");
    let asked = with_names(&plain).expect("room").into_owned();
    let stated = sound(&(CLUSTER.to_owned() + "---\napiVersion: kubehop.dev/v1\nkind: Lab\nspec: { dns: {} }\n"));
    assert_eq!(asked.objects.pods, stated.objects.pods);
    assert_eq!(asked.objects.services, stated.objects.services);
    assert_eq!(asked.objects.endpoint_slices, stated.objects.endpoint_slices);
    assert_eq!(asked.objects.workloads, stated.objects.workloads);
    let pod = |name: &str| {
        let pod = asked.objects.pods.iter().find(|pod| pod.meta.name == name).expect("a pod");
        format!("{} {}", pod.node_name, pod.pod_ip.expect("an address"))
    };
    assert_eq!([pod("coredns-0"), pod("coredns-1")], ["node-a 10.244.0.3", "node-b 10.244.1.3"]);
    let service = asked.objects.services.last().expect("a service");
    assert_eq!(service.cluster_ip, "10.96.0.10".parse().ok());
    let slice = asked.objects.endpoint_slices.last().expect("a slice");
    assert_eq!((slice.endpoints.len(), slice.ports.len()), (2, 3));
    assert!(matches!(with_names(&asked), Ok(std::borrow::Cow::Borrowed(_))));
}

#[test]
fn coredns_answers_from_the_objects_and_asks_the_resolver_outside() {
    let lab = sound(&(CLUSTER.to_owned() + DNS));
    for (question, expected) in [
        ("web.shop.svc.cluster.local A", "NOERROR web.shop.svc.cluster.local. 30 IN A 10.96.0.16"),
        ("db.shop.svc.cluster.local A", "NOERROR db.shop.svc.cluster.local. 30 IN A 10.244.0.2"),
        ("db-0.db.shop.svc.cluster.local A", "NOERROR db-0.db.shop.svc.cluster.local. 30 IN A 10.244.0.2"),
        ("db-1.db.shop.svc.cluster.local A", "NXDOMAIN"),
        (
            "_sql._tcp.db.shop.svc.cluster.local SRV",
            "NOERROR _sql._tcp.db.shop.svc.cluster.local. 30 IN SRV 0 100 5432 db-0.db.shop.svc.cluster.local.",
        ),
        ("empty.svc.cluster.local A", "NOERROR"),
        ("absent.svc.cluster.local A", "NXDOMAIN"),
        (
            "10.0.96.10.in-addr.arpa PTR",
            "NOERROR 10.0.96.10.in-addr.arpa. 30 IN PTR kube-dns.kube-system.svc.cluster.local.",
        ),
        (
            "out.shop.svc.cluster.local A",
            "NOERROR out.shop.svc.cluster.local. 30 IN CNAME www.example.com. www.example.com. 30 IN A 93.184.216.34",
        ),
        ("nowhere.example.com A", "NXDOMAIN"),
    ] {
        assert_eq!(ask(&lab, "pod/kube-system/coredns-1", question), expected, "{question}");
    }
    let lab = with_names(&sound(CLUSTER)).expect("room").into_owned();
    assert_eq!(ask(&lab, "pod/kube-system/coredns-0", "www.example.com A"), "SERVFAIL", "nobody is outside");
}

#[test]
fn a_cluster_with_a_dns_of_its_own_keeps_it() {
    let own = CLUSTER.to_owned()
        + "---
apiVersion: v1
kind: Service
metadata: { name: kube-dns, namespace: kube-system }
spec: { clusterIP: 10.96.0.53, selector: { k8s-app: kube-dns }, ports: [{ name: dns, port: 53, protocol: UDP }] }
---
apiVersion: v1
kind: Pod
metadata: { name: dns-abc, namespace: kube-system, labels: { k8s-app: kube-dns } }
spec: { dnsPolicy: Default, containers: [{ name: coredns, image: \"coredns/coredns:1.11.1\", ports: [{ containerPort: 53, protocol: UDP }] }] }
";
    let lab = sound(&(own + DNS));
    assert_eq!(lab.objects.pods.len(), 3);
    let answer = ask(&lab, "pod/kube-system/dns-abc", "kube-dns.kube-system.svc.cluster.local A");
    assert_eq!(answer, "NOERROR kube-dns.kube-system.svc.cluster.local. 30 IN A 10.96.0.53");
}

#[test]
fn where_there_is_no_room_for_a_dns_it_is_said() {
    let taken = "---\napiVersion: v1\nkind: Service\nmetadata: { name: first }\nspec: { clusterIP: 10.96.0.10 }\n";
    let full = CLUSTER.replace("{ name: node-b }", "{ name: node-b }\nspec: { podCIDR: 10.244.1.0/30 }");
    let lab = "---\napiVersion: kubehop.dev/v1\nkind: Lab\nspec:\n  dns: {}\n";
    let tainted = "spec: { taints: [{ key: a, effect: NoSchedule }] }";
    let tainted = CLUSTER.replace("{ name: node-b }", &format!("{{ name: node-b }}\n{tainted}"));
    let tainted = tainted.replace("{ name: node-a }", "{ name: node-a }\nspec: { unschedulable: true }");
    let tainted = tainted.replace("spec: { hostname", "spec: { nodeName: node-a, hostname");
    let cases = [
        (
            format!("{CLUSTER}{taken}{lab}"),
            "error: dns: found 10.96.0.10 as the clusterIP of service default/first, expected it free: the 10th address of the serviceCIDR is kube-dns'",
        ),
        (
            format!("{full}{lab}"),
            "error: dns: no IP is left for pod kube-system/coredns-1 in 10.244.1.0/30, the podCIDR of node node-b",
        ),
        (
            format!("{CLUSTER}{lab}  serviceCIDR: 10.96.0.8/29\n"),
            "error: dns: found serviceCIDR 10.96.0.8/29, expected one with a 10th address: that is kube-dns'",
        ),
        (
            format!("{tainted}{lab}"),
            "note: dns: no node takes pod kube-system/coredns-0: each is cordoned, tainted or not selected; it stays Pending",
        ),
    ];
    for (text, expected) in cases {
        let (_, problems) = read(&text);
        assert!(problems.iter().any(|problem| problem.ends_with(expected)), "{problems:?}");
    }
}

#[test]
fn a_corefile_is_shown_where_it_can_be_read() {
    let lab = sound(CLUSTER);
    for (at, starts) in [("node/node-b", Some(".:53 {\n    errors\n")), ("pod/kube-system/coredns-0", Some(".:53 {\n"))]
    {
        let shown = show(&lab, at, None, &["cat", "Corefile"], false);
        assert!(shown.is_ok_and(|shown| starts.is_none_or(|starts| shown.starts_with(starts))), "{at}");
    }
    assert!(show(&lab, "pod/shop/db-0", None, &["cat Corefile"], false).is_err());
    let own = sound(
        &format!("{CLUSTER}{DNS}    corefile: |\n      . {{\n        whoami\n      }}\n").replace("whoami", "log"),
    );
    assert_eq!(show(&own, "node/node-a", None, &["cat Corefile"], false).as_deref(), Ok(". {\n  log\n}\n"));
}

/// Which pods are ready, with what is said about the lab.
fn ready(corefile: &str) -> (Vec<bool>, Vec<String>) {
    let text = format!("{CLUSTER}{DNS}    corefile: |\n      {}\n", corefile.replace('\n', "\n      "));
    let (lab, problems) = read(&text);
    let pods = lab.objects.pods.iter().filter(|pod| pod.meta.namespace == "kube-system");
    let slice = lab.objects.endpoint_slices.last().expect("a slice");
    let ready: Vec<bool> = pods.map(|pod| pod.ready).collect();
    assert_eq!(slice.endpoints.iter().map(|endpoint| endpoint.ready).collect::<Vec<_>>(), ready);
    assert_eq!(name_servers(&lab, 1).0.len(), 1 + ready.iter().filter(|ready| **ready).count());
    (ready, problems)
}

#[test]
fn a_coredns_that_forwards_to_itself_ends_at_its_start() {
    for to in ["127.0.0.53", "10.96.0.10", "10.244.0.3"] {
        let (ready, problems) = ready(&format!(".:53 {{\n  forward . {to}\n  loop\n}}"));
        let is_its = |pod: usize| to != "10.244.0.3" || pod == 0;
        // What is forwarded to the first pod goes around there, and never comes back to the second.
        assert_eq!(ready, [false, !is_its(1)], "{to}");
        let expected = format!(
            "dns: pod kube-system/coredns-0 forwards to {to}:53, and so to itself: CoreDNS ends with `Loop detected for zone \".\"`, and the pod is in CrashLoopBackOff"
        );
        assert!(problems[0].starts_with("lab.yaml:") && problems[0].ends_with(&expected), "{problems:?}");
    }
}

#[test]
fn without_the_plugin_or_without_a_way_back_it_runs() {
    for corefile in [
        ".:53 {\n  forward . 127.0.0.53\n}",
        ".:53 {\n  forward . /etc/resolv.conf\n  loop\n}",
        ".:53 {\n  forward example.com 127.0.0.53\n  loop\n}",
    ] {
        assert_eq!(ready(corefile), (vec![true; 2], Vec::new()), "{corefile}");
    }
}

#[test]
fn what_changes_is_heard_of_and_a_new_pod_serves_too() {
    let mut lab = sound(&(CLUSTER.to_owned() + DNS));
    let mut servers = name_servers(&lab, 1);
    lab.objects.services.retain(|service| service.meta.name != "web");
    let mut new = lab.objects.pods.last().expect("a pod").clone();
    new.meta.name = "coredns-2".to_owned();
    lab.objects.pods.push(new);
    super::tell(&lab, 1, Instant::START, &mut servers);
    for name in ["coredns-0", "coredns-2"] {
        let Some(NameServer::CoreDns { server, cluster }) = servers.0.get_mut(&Place::pod("kube-system", name)) else {
            panic!("{name} does not serve");
        };
        let name = "web.shop.svc.cluster.local".parse().expect("a name");
        let message = DnsMessage::query(7, Question::new(name, crate::wire::RecordType::A));
        let query = DnsQuery { message, client: [10, 244, 0, 2].into(), port: 53, tcp: false, at: Instant::START };
        let answer = server.serve(&query, cluster, &[]).expect("no question").expect("an answer");
        assert_eq!(answer.rcode, crate::wire::Rcode::NXDOMAIN);
    }
}

/// What a pod with these name servers sees of `lookup://web`.
fn looked_up(dns_config: &str) -> Trace {
    let client = format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{ name: client }}\nspec: {{ nodeName: node-a, dnsPolicy: None, dnsConfig: {dns_config}, containers: [{{ name: c }}] }}\n"
    );
    trace(&sound(&format!("{CLUSTER}{client}{DNS}")), &Run::new("pod/client", "lookup://web")).expect("a run")
}

#[test]
fn a_name_server_without_a_route_is_left_for_the_next() {
    let trace = looked_up("{ nameservers: [\"fd00::1\", 10.96.0.10] }");
    let asked: Vec<String> = trace.queries.iter().map(|query| format!("{} {}", query.server, query.kind)).collect();
    assert_eq!(asked, ["10.96.0.10 A", "10.96.0.10 AAAA"]);
}

#[test]
fn what_comes_too_late_for_a_socket_is_not_what_became_of_the_question() {
    let trace = looked_up("{ nameservers: [10.244.0.99], options: [{ name: timeout, value: \"1\" }] }");
    assert_eq!(trace.disposition.to_string(), "dropped at pod/default/client: NEIGH_FAILED");
    let said = trace.steps().map(|(hop, step)| explain(&trace, hop, step).headline);
    let said: Vec<String> = said.filter(|line| line.starts_with("The kernel ack")).collect();
    assert_eq!(said, Vec::<String>::new(), "the second error is told like the first");
}

#[test]
fn a_dual_stack_service_has_both_its_addresses() {
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: { name: dual }\nspec: { clusterIPs: [\"fd00::7\", 10.96.7.7], ports: [{ port: 80 }] }\n";
    let none = "---\napiVersion: v1\nkind: Service\nmetadata: { name: none }\nspec: { clusterIPs: [None], ports: [{ port: 80 }] }\n";
    let (lab, _) = read(&format!("{CLUSTER}{service}{none}{DNS}"));
    let answer = |name: &str| ask(&lab, "pod/kube-system/coredns-0", name);
    let dual = "dual.default.svc.cluster.local";
    assert_eq!(answer(&format!("{dual} A")), format!("NOERROR {dual}. 30 IN A 10.96.7.7"));
    assert_eq!(answer(&format!("{dual} AAAA")), format!("NOERROR {dual}. 30 IN AAAA fd00::7"));
    assert_eq!(answer("none.default.svc.cluster.local A"), "NXDOMAIN", "it is headless, and nobody is behind it");
}

#[test]
fn localhost_is_known_without_a_question() {
    let lab = sound(&format!("{CLUSTER}{DNS}"));
    let trace = trace(&lab, &Run::new("pod/shop/db-0", "tcp://localhost:5432")).expect("a run");
    assert_eq!(trace.queries, []);
    assert_eq!(trace.disposition.to_string(), "delivered at pod/shop/db-0");
}
