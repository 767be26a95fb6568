//! `resolv.conf` of pods.

use kubehop_core::k8s::objects::{DnsConfig, DnsOption, DnsPolicy, ObjectMeta, Pod};
use kubehop_core::k8s::resolv_conf::{DnsEvent, KubeletDns, ResolvConf, pod_resolv_conf};
use serde::Deserialize;

#[derive(Deserialize)]
struct Table {
    policies: Vec<PolicyCase>,
    types: Vec<TypeCase>,
    search_limits: Vec<SearchLimit>,
    nameserver_limits: Vec<NameserverLimit>,
    option_merges: Vec<OptionMerge>,
    node_files: Vec<NodeFile>,
}

#[derive(Deserialize)]
struct PolicyCase {
    id: String,
    policy: String,
    host_network: bool,
    namespace: String,
    config: Option<Config>,
    cluster_dns: Vec<String>,
    cluster_domain: String,
    node: Option<String>,
    expected: Expected,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    nameservers: Vec<String>,
    searches: Vec<String>,
    options: Vec<PodOption>,
}

#[derive(Deserialize)]
struct PodOption {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct Expected {
    nameservers: Vec<String>,
    searches: Option<Vec<String>>,
    searches_first: Option<String>,
    options: Option<Vec<String>>,
    event: Option<String>,
    file: Option<String>,
}

#[derive(Deserialize)]
struct TypeCase {
    policy: String,
    host_network: bool,
    kind: String,
    skip: Option<String>,
}

#[derive(Deserialize)]
struct SearchLimit {
    id: String,
    input: Vec<String>,
    output: Vec<String>,
    event: Option<String>,
    skip: Option<String>,
}

#[derive(Deserialize)]
struct NameserverLimit {
    id: String,
    input: Vec<String>,
    output: Vec<String>,
    warning: bool,
}

#[derive(Deserialize)]
struct OptionMerge {
    id: String,
    existing: Vec<String>,
    pod: Vec<PodOption>,
    output: Vec<String>,
}

#[derive(Deserialize)]
struct NodeFile {
    file: String,
    nameservers: Vec<String>,
    searches: Vec<String>,
    options: Vec<String>,
    is_error: bool,
}

fn table() -> Table {
    serde_yaml_ng::from_str(include_str!("resolv_conf.yaml")).expect("the table")
}

fn policy(name: &str) -> DnsPolicy {
    match name {
        "ClusterFirst" => DnsPolicy::ClusterFirst,
        "ClusterFirstWithHostNet" => DnsPolicy::ClusterFirstWithHostNet,
        "Default" => DnsPolicy::Default,
        "None" => DnsPolicy::None,
        other => panic!("no policy {other}"),
    }
}

fn options(options: Vec<PodOption>) -> Vec<DnsOption> {
    options.into_iter().map(|PodOption { name, value }| DnsOption { name, value }).collect()
}

fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words
}

/// What a pod that only copies its node's file gets.
fn copied(node: &ResolvConf, dns_config: DnsConfig) -> (ResolvConf, Vec<DnsEvent>) {
    let pod = Pod { dns_policy: DnsPolicy::Default, dns_config, ..Pod::default() };
    pod_resolv_conf(&pod, &KubeletDns { cluster_dns: &[], cluster_domain: "", node: Some(node) })
}

#[test]
fn every_policy_makes_the_file_of_the_kubelet() {
    for case in table().policies {
        let config = case.config.unwrap_or_default();
        let pod = Pod {
            meta: ObjectMeta { namespace: case.namespace, ..ObjectMeta::default() },
            dns_policy: policy(&case.policy),
            host_network: case.host_network,
            dns_config: DnsConfig {
                nameservers: config.nameservers,
                searches: config.searches,
                options: options(config.options),
            },
            ..Pod::default()
        };
        let node = case.node.map(|text| ResolvConf::parse(&text).expect("a node's file"));
        let kubelet =
            KubeletDns { cluster_dns: &case.cluster_dns, cluster_domain: &case.cluster_domain, node: node.as_ref() };
        let (made, events) = pod_resolv_conf(&pod, &kubelet);
        let expected = case.expected;
        assert_eq!(made.nameservers, expected.nameservers, "{}", case.id);
        if let Some(searches) = expected.searches {
            assert_eq!(made.searches, searches, "{}", case.id);
        }
        assert!(expected.searches_first.is_none_or(|first| made.searches[0] == first), "{}: {made:?}", case.id);
        if let Some(options) = expected.options {
            assert_eq!(sorted(made.options.clone()), sorted(options), "{}", case.id);
        }
        assert_eq!(events.first().map(DnsEvent::reason), expected.event.as_deref(), "{}", case.id);
        assert!(expected.file.is_none_or(|file| made.print() == file), "{}: {}", case.id, made.print());
    }
}

#[test]
fn policy_and_network_decide_whose_file_it_is() {
    let node = ResolvConf { nameservers: vec!["192.0.2.53".to_owned()], ..ResolvConf::default() };
    for case in table().types.into_iter().filter(|case| case.skip.is_none()) {
        let pod = Pod { dns_policy: policy(&case.policy), host_network: case.host_network, ..Pod::default() };
        let cluster_dns = ["10.96.0.10".to_owned()];
        let kubelet = KubeletDns { cluster_dns: &cluster_dns, cluster_domain: "cluster.local", node: Some(&node) };
        let (made, _) = pod_resolv_conf(&pod, &kubelet);
        let kind = match made.nameservers.first().map(String::as_str) {
            Some("10.96.0.10") => "cluster",
            Some(_) => "host",
            None => "none",
        };
        assert_eq!(kind, case.kind, "{} on the node's network: {}", case.policy, case.host_network);
    }
}

#[test]
fn a_long_search_list_is_cut_with_a_warning() {
    for case in table().search_limits.into_iter().filter(|case| case.skip.is_none()) {
        let node = ResolvConf { searches: case.input, ..ResolvConf::default() };
        let (made, events) = copied(&node, DnsConfig::default());
        assert_eq!(made.searches, case.output, "{}", case.id);
        assert_eq!(events.first().map(DnsEvent::message), case.event, "{}", case.id);
    }
}

#[test]
fn more_than_three_nameservers_are_cut_with_a_warning() {
    for case in table().nameserver_limits {
        let node = ResolvConf { nameservers: case.input, ..ResolvConf::default() };
        let (made, events) = copied(&node, DnsConfig::default());
        assert_eq!((made.nameservers, !events.is_empty()), (case.output, case.warning), "{}", case.id);
    }
}

#[test]
fn the_options_of_a_pod_win() {
    for case in table().option_merges {
        let node = ResolvConf { options: case.existing, ..ResolvConf::default() };
        let (made, _) = copied(&node, DnsConfig { options: options(case.pod), ..DnsConfig::default() });
        assert_eq!(sorted(made.options), sorted(case.output), "{}", case.id);
    }
}

#[test]
fn the_kubelet_reads_the_file_of_its_node() {
    for case in table().node_files {
        let read = ResolvConf::parse(&case.file);
        assert_eq!(read.is_err(), case.is_error, "{:?}", case.file);
        let NodeFile { nameservers, searches, options, .. } = case;
        let expected = ResolvConf { nameservers, searches, options };
        assert!(read.is_err() || read == Ok(expected), "{:?}: {read:?}", case.file);
    }
}
