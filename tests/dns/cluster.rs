//! Clusters as the tables write them, and a CoreDNS that serves one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use kubehop_core::app::coredns::{
    Ask, DnsCluster, DnsEndpoint, DnsQuery, DnsService, DnsServicePort, DnsSlice, HostFiles, Server, Upstream,
};
use kubehop_core::base::Instant;
use kubehop_core::wire::{DnsMessage, DnsName, DnsRecord, Question, RData, RecordType};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cluster {
    namespaces: Vec<String>,
    #[serde(default)]
    imported: bool,
    services: Vec<Service>,
    slices: Vec<Slice>,
    #[serde(default)]
    pods: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    name: String,
    ips: Vec<IpAddr>,
    ports: Vec<String>,
    #[serde(default)]
    headless: bool,
    external: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Slice {
    service: String,
    endpoints: Vec<String>,
    ports: Vec<String>,
    #[serde(default)]
    cluster: String,
}

fn ports(texts: &[String]) -> Vec<DnsServicePort> {
    let port = |text: &String| {
        let parts: Vec<&str> = text.split('/').collect();
        DnsServicePort { name: parts[0].into(), protocol: parts[1].into(), port: parts[2].parse().ok() }
    };
    texts.iter().map(port).collect()
}

fn split(name: &str) -> (String, String) {
    name.split_once('/').map(|(namespace, name)| (namespace.to_owned(), name.to_owned())).expect("a namespace")
}

impl Cluster {
    pub(crate) fn build(&self) -> DnsCluster {
        let mut cluster = DnsCluster::new(3);
        self.namespaces.iter().for_each(|name| cluster.add_namespace(name));
        for service in &self.services {
            let (namespace, name) = split(&service.name);
            let (cluster_ips, ports) = (service.ips.clone(), ports(&service.ports));
            let external_name = service.external.clone();
            let service = DnsService { namespace, name, cluster_ips, headless: service.headless, external_name, ports };
            if self.imported { cluster.add_import(service) } else { cluster.add_service(service) }
        }
        for slice in &self.slices {
            let endpoint = |text: &String| {
                let parts: Vec<&str> = text.split('/').collect();
                let [hostname, pod, zone] = [1, 2, 3].map(|n| parts[n].to_owned());
                DnsEndpoint { ip: parts[0].parse().expect("an address"), hostname, pod, zone }
            };
            let (namespace, service) = split(&slice.service);
            let endpoints = slice.endpoints.iter().map(endpoint).collect();
            let slice =
                DnsSlice { namespace, service, cluster: slice.cluster.clone(), endpoints, ports: ports(&slice.ports) };
            if self.imported { cluster.add_imported_slice(slice) } else { cluster.add_slice(slice) }
        }
        for pod in &self.pods {
            let (namespace, ip) = split(pod);
            cluster.add_pod(&namespace, ip.parse().expect("an address"));
        }
        cluster
    }
}

/// All clusters, with the addition that one case makes.
pub(crate) fn build_all(clusters: &BTreeMap<String, Cluster>) -> BTreeMap<&str, DnsCluster> {
    let mut all: BTreeMap<&str, DnsCluster> =
        clusters.iter().map(|(name, cluster)| (name.as_str(), cluster.build())).collect();
    if let Some(ci) = all.get_mut("ci") {
        ci.add_service(DnsService {
            namespace: "test-1".into(),
            name: "new-svc".into(),
            cluster_ips: vec!["10.96.0.222".parse().expect("an address")],
            ..DnsService::default()
        });
    }
    all
}

pub(crate) fn question(text: &str) -> Question {
    let (name, qtype) = text.split_once(' ').expect("name and type");
    Question::new(name.parse().expect("a name"), qtype.parse().expect("a type"))
}

/// A record as the tables write it, of a type that upstreams have here.
fn record(text: &str) -> DnsRecord {
    let words: Vec<&str> = text.split(' ').collect();
    let data = match words[2] {
        "A" => RData::A(words[3].parse().expect("an address")),
        _ => RData::Ns(words[3].parse().expect("a name")),
    };
    DnsRecord::new(words[0].parse().expect("a name"), words[1].parse().expect("a ttl"), data)
}

/// What a CoreDNS with this Corefile answers; `Err` is the first query that `upstream`, a list of records, knows nothing of.
pub(crate) fn ask(
    corefile: &str,
    cluster: &DnsCluster,
    local: &[IpAddr],
    client: IpAddr,
    question: Question,
    upstream: &[String],
) -> Result<DnsMessage, Ask> {
    let started = Server::start(corefile, &HostFiles::default(), local.to_vec(), 1, "coredns");
    let (mut server, notices) = started.unwrap_or_else(|error| panic!("{error}\n{corefile}"));
    assert!(notices.is_empty(), "{notices:?}");
    let message = DnsMessage::query(7, question);
    let query = DnsQuery { message, client, port: 53, tcp: false, at: Instant::START };
    let mut answers = Vec::new();
    loop {
        match server.serve(&query, cluster, &answers) {
            Ok(answer) => return Ok(answer.expect("an answer that can be written")),
            Err(ask) => {
                let name: &DnsName = &ask.query.questions[0].name;
                let mut answer = ask.query.reply();
                let own = upstream.iter().map(|text| record(text)).filter(|record| record.name.is_same(name));
                for mut record in own {
                    if record.record_type() == RecordType::NS {
                        // A zone's servers are named by the zone.
                        record.name = DnsName::from_labels(name.labels().skip(1)).expect("a name");
                        answer.authorities.push(record);
                    } else {
                        answer.answers.push(record);
                    }
                }
                if answer.answers.is_empty() {
                    return Err(ask);
                }
                answers.push(Upstream::Answer(answer));
            }
        }
    }
}

/// Records as the tables write them, sorted.
pub(crate) fn printed(records: &[DnsRecord]) -> Vec<String> {
    let print = |record: &DnsRecord| {
        let DnsRecord { name, ttl, data, .. } = record;
        match data {
            RData::Soa(soa) => format!("{name} {ttl} SOA {}", soa.mname),
            _ => format!("{name} {ttl} {} {data}", record.record_type()),
        }
    };
    let mut printed: Vec<String> = records.iter().map(print).collect();
    printed.sort();
    printed
}
