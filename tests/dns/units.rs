//! Each row of units.yaml.

use std::net::IpAddr;

use kubehop_core::app::coredns::{DnsCluster, DnsEndpoint, DnsService, DnsServicePort, DnsSlice, RecordRequest};
use serde::Deserialize;

use crate::cluster::{Cluster, ask, build_all, printed, question};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Units {
    labels: Vec<(IpAddr, String, String, bool, String)>,
    requests: Vec<Request>,
    authority: Vec<(Vec<IpAddr>, String, Vec<String>)>,
    ns_names: Vec<String>,
    lookups: Vec<(String, String, Vec<String>)>,
    zone: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    name: String,
    multicluster: bool,
    parts: Option<[String; 7]>,
}

fn units() -> Units {
    serde_yaml_ng::from_str(include_str!("units.yaml")).expect("the table")
}

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 240, 0, 1));

fn corefile(zone: &str) -> String {
    format!(".:53 {{\nkubernetes {zone}\nforward . 192.0.2.53\n}}\n")
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn endpoint(address: &str) -> DnsEndpoint {
    DnsEndpoint { ip: ip(address), hostname: String::new(), pod: String::new(), zone: String::new() }
}

fn http() -> Vec<DnsServicePort> {
    vec![DnsServicePort { name: "http".into(), protocol: "tcp".into(), port: Some(80) }]
}

fn service(namespace: &str, name: &str, ips: &[&str]) -> DnsService {
    let cluster_ips: Vec<IpAddr> = ips.iter().map(|address| ip(address)).collect();
    let headless = ips.is_empty();
    DnsService {
        namespace: namespace.into(),
        name: name.into(),
        cluster_ips,
        headless,
        external_name: None,
        ports: http(),
    }
}

fn slice(namespace: &str, service: &str, endpoint: DnsEndpoint) -> DnsSlice {
    let cluster = String::new();
    DnsSlice { namespace: namespace.into(), service: service.into(), cluster, endpoints: vec![endpoint], ports: http() }
}

#[test]
fn endpoints_have_the_labels_that_coredns_gives_them() {
    for (ip, hostname, pod, by_pod_name, label) in units().labels {
        let endpoint = DnsEndpoint { ip, hostname, pod, zone: String::new() };
        assert_eq!(endpoint.label(by_pod_name), label, "{endpoint:?}");
    }
}

#[test]
fn names_are_taken_apart_as_coredns_does_it() {
    for Request { name, multicluster, parts } in units().requests {
        let labels: Vec<String> =
            name.split('.').filter(|label| !label.is_empty()).map(str::to_ascii_lowercase).collect();
        let request = RecordRequest::parse(&labels, multicluster, false);
        let own = request.map(|r| [r.port, r.protocol, r.endpoint, r.cluster, r.service, r.namespace, r.pod_or_svc]);
        // The zone's own names say no more than that they exist.
        let parts = parts.map(|parts| if labels.len() < 2 { Default::default() } else { parts });
        assert_eq!(own, parts, "{name}");
    }
}

#[test]
fn the_zones_own_server_is_where_coredns_listens() {
    for (local, qtype, addresses) in units().authority {
        let name = if qtype == "NS" { "interwebs.test." } else { "ns.dns.interwebs.test." };
        let question = question(&format!("{name} {qtype}"));
        let answer = ask(&corefile("interwebs.test"), &DnsCluster::new(1), &local, CLIENT, question, &[]);
        let answer = answer.expect("an answer");
        let found = if qtype == "NS" { answer.additionals } else { answer.answers };
        let found: Vec<String> = found.iter().map(|record| record.data.to_string()).collect();
        assert_eq!(found, addresses, "{local:?} {qtype}");
    }
}

#[test]
fn the_zones_servers_are_the_services_that_select_coredns() {
    let mut cluster = DnsCluster::new(1);
    let ns = "kube-system";
    for (name, ips) in [("dns-service", &["10.0.0.111"][..]), ("hdls-dns-service", &[]), ("dns6-service", &["10::111"])]
    {
        cluster.add_service(service(ns, name, ips));
        cluster.add_slice(slice(ns, name, endpoint("10.244.0.20")));
    }
    let question = question("inter.webs.test. NS");
    let answer = ask(&corefile("inter.webs.test"), &cluster, &[ip("10.244.0.20")], CLIENT, question, &[]);
    let answer = answer.expect("an answer");
    let mut expected = units().ns_names;
    expected.sort();
    assert_eq!(printed(&answer.additionals), expected);
    assert_eq!(answer.answers.len(), 3);
}

#[test]
fn services_and_endpoints_are_found_by_their_names() {
    let mut cluster = DnsCluster::new(1);
    cluster.add_service(service("testns", "svc1", &["10.0.0.1"]));
    cluster.add_service(service("testns", "svc-dual-stack", &["10.0.0.2", "10::2"]));
    cluster.add_service(service("testns", "hdls1", &[]));
    let external_name = Some("coredns.io".to_owned());
    cluster.add_service(DnsService { external_name, headless: false, ..service("testns", "external", &[]) });
    cluster.add_slice(slice("testns", "svc1", DnsEndpoint { hostname: "ep1a".into(), ..endpoint("172.0.0.1") }));
    cluster.add_slice(slice("testns", "hdls1", endpoint("172.0.0.2")));
    for (name, qtype, expected) in units().lookups {
        let question = question(&format!("{name} {qtype}"));
        let answer = ask(&corefile("interwebs.test"), &cluster, &[], CLIENT, question, &[]).expect("an answer");
        let found = if qtype == "SRV" { answer.additionals } else { answer.answers };
        let found: Vec<String> =
            found.iter().map(|record| record.data.to_string().trim_end_matches('.').to_owned()).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn every_record_of_the_zone_can_be_asked_for() {
    #[derive(Deserialize)]
    struct Table {
        clusters: std::collections::BTreeMap<String, Cluster>,
    }
    let table: Table = serde_yaml_ng::from_str(include_str!("cases.yaml")).expect("the table");
    let clusters = build_all(&table.clusters);
    for expected in units().zone {
        let words: Vec<&str> = expected.split(' ').collect();
        let question = question(&format!("{} {}", words[0], words[2]));
        let upstream = ["ext.interwebs.test. 5 A 192.0.2.1".to_owned()];
        let answer =
            ask(&corefile("cluster.local"), &clusters["serve"], &[ip("10.0.0.10")], CLIENT, question, &upstream);
        let answers = answer.expect("an answer").answers;
        assert!(printed(&answers).contains(&expected), "{expected}: {:#?}", printed(&answers));
    }
}
