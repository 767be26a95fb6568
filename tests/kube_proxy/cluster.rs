//! Services and endpoints in the tables' words.

use std::net::IpAddr;

use kubehop_core::base::Place;
use kubehop_core::k8s::kube_proxy::iptables::{self, Written};
use kubehop_core::k8s::kube_proxy::{ProxyConfig, ServicePorts, Sync, nftables, service_ports};
use kubehop_core::k8s::objects::{
    Endpoint, EndpointPort, EndpointSlice, ObjectMeta, Objects, Protocol, Service, ServicePort, ServiceType,
};
use kubehop_core::net::NetNs;
use kubehop_core::netfilter::Netfilter;
use serde::Deserialize;

/// The node that all tables are about.
pub(crate) const NODE: &str = "test-node";
/// Its addresses.
pub(crate) const OWN: [[u8; 4]; 4] = [[127, 0, 0, 1], [192, 168, 0, 2], [192, 168, 1, 2], [192, 168, 99, 11]];

/// Services, and how kube-proxy is configured.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cluster {
    pub table: String,
    /// Why it is not run.
    pub skip: Option<String>,
    #[serde(default)]
    pub masquerade_all: bool,
    localhost_node_ports: Option<bool>,
    #[serde(default)]
    node_port_addresses: Vec<String>,
    #[serde(default)]
    services: Vec<ServiceRow>,
    #[serde(default)]
    slices: Vec<SliceRow>,
    #[serde(default)]
    pub flows: Vec<super::flows::Flow>,
    /// Whether KUBE-FIREWALL has its rule.
    pub blocks_localnet: Option<bool>,
    /// What a sync does that comes after the one of the table before.
    pub sync: Option<super::syncs::Expected>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServiceRow {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "clusterIP")]
    cluster_ip: String,
    #[serde(default, rename = "externalIPs")]
    external_ips: Vec<String>,
    #[serde(default)]
    load_balancer: Vec<String>,
    #[serde(default)]
    source_ranges: Vec<String>,
    ports: Vec<String>,
    internal: Option<String>,
    external: Option<String>,
    health_check: Option<u16>,
    affinity: Option<u32>,
}

#[derive(Deserialize)]
struct SliceRow {
    service: String,
    ports: Vec<String>,
    endpoints: Vec<String>,
}

pub(crate) fn read(text: &str) -> Vec<Cluster> {
    serde_yaml_ng::from_str(text).expect("the table is YAML of this form")
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("{text} is an address"))
}

fn port(text: &str) -> (String, Protocol, u16, Option<u16>) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |idx: usize| words.get(idx).map(|word: &&str| word.parse().expect("a port"));
    let protocol = match words[1] {
        "TCP" => Protocol::Tcp,
        "UDP" => Protocol::Udp,
        _ => Protocol::Sctp,
    };
    (words[0].trim_matches('-').to_owned(), protocol, number(2).expect("a port"), number(3))
}

fn meta(full: &str) -> ObjectMeta {
    let (namespace, name) = full.split_once('/').expect("NAMESPACE/NAME");
    ObjectMeta { namespace: namespace.to_owned(), name: name.to_owned(), ..ObjectMeta::default() }
}

impl ServiceRow {
    fn object(&self) -> Service {
        let port = |text: &String| {
            let (name, protocol, port, node_port) = port(text);
            ServicePort { name, protocol, port, node_port, ..ServicePort::default() }
        };
        Service {
            meta: meta(&self.name),
            kind: match self.kind.as_str() {
                "NodePort" => ServiceType::NodePort,
                "LoadBalancer" => ServiceType::LoadBalancer,
                _ => ServiceType::ClusterIp,
            },
            cluster_ip: Some(ip(&self.cluster_ip)),
            ports: self.ports.iter().map(port).collect(),
            external_ips: self.external_ips.iter().map(|it| ip(it)).collect(),
            load_balancer_ips: self.load_balancer.iter().map(|it| ip(it)).collect(),
            load_balancer_source_ranges: self.source_ranges.iter().map(|it| it.parse().expect("a network")).collect(),
            external_local: self.external.is_some(),
            internal_local: self.internal.is_some(),
            client_ip_affinity_secs: self.affinity,
            health_check_node_port: self.health_check,
            ..Service::default()
        }
    }
}

impl SliceRow {
    fn object(&self) -> EndpointSlice {
        let endpoint = |text: &String| {
            let words: Vec<&str> = text.split_whitespace().collect();
            let has = |word| words.contains(&word);
            let ready = !has("unready");
            Endpoint {
                addresses: vec![ip(words[0])],
                ready,
                serving: (ready && !has("unserving")) || has("serving"),
                terminating: has("terminating"),
                node_name: words.iter().position(|word| *word == "on").map(|idx| words[idx + 1].to_owned()),
                target_pod: None,
                hostname: String::new(),
                zone: String::new(),
                for_zones: Vec::new(),
                span: Default::default(),
            }
        };
        let port = |text: &String| {
            let (name, protocol, port, _) = port(text);
            EndpointPort { name, protocol, port }
        };
        EndpointSlice {
            meta: meta(&self.service),
            service_name: meta(&self.service).name,
            ports: self.ports.iter().map(port).collect(),
            endpoints: self.endpoints.iter().map(endpoint).collect(),
        }
    }
}

impl Cluster {
    /// What the API has.
    pub(crate) fn objects(&self) -> Objects {
        Objects {
            services: self.services.iter().map(ServiceRow::object).collect(),
            endpoint_slices: self.slices.iter().map(SliceRow::object).collect(),
            ..Objects::default()
        }
    }

    pub(crate) fn config(&self) -> ProxyConfig {
        ProxyConfig {
            node_name: NODE.to_owned(),
            zone: String::new(),
            node_ip: ip("192.168.0.2"),
            local_cidr: "10.0.0.0/8".parse().ok(),
            masquerade_all: self.masquerade_all,
            localhost_node_ports: self.localhost_node_ports.unwrap_or(true),
            node_port_addresses: self.node_port_addresses.iter().map(|it| it.parse().expect("a network")).collect(),
            ipvs_scheduler: Default::default(),
            service_cidrs: vec!["172.30.0.0/16".parse().expect("a network")],
        }
    }

    /// The node's tables.
    pub(crate) fn netfilter(&self) -> Netfilter {
        self.tables_for(&service_ports(&self.objects()))
    }

    /// The node's tables for other services.
    pub(crate) fn tables_for(&self, ports: &ServicePorts) -> Netfilter {
        let mut ns = node();
        self.sync(&mut Written::default(), &mut ns, ports);
        ns.netfilter
    }

    pub(crate) fn sync(&self, written: &mut Written, ns: &mut NetNs, ports: &ServicePorts) -> Sync {
        iptables::sync(written, ns, &self.config(), &OWN.map(IpAddr::from), ports)
    }

    /// The node's table of nftables.
    pub(crate) fn nftables(&self) -> Netfilter {
        let (mut ns, ports) = (node(), service_ports(&self.objects()));
        nftables::sync(&mut nftables::Written::default(), &mut ns, &self.config(), &OWN.map(IpAddr::from), &ports);
        ns.netfilter
    }
}

/// The node that all tables are about, with nothing written yet.
pub(crate) fn node() -> NetNs {
    NetNs::new(Place::Node(NODE.to_owned()), 1)
}
