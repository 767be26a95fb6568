//! Which endpoints serve which policy.

use std::net::SocketAddr;

use kubehop_core::k8s::kube_proxy::{Endpoint, ServicePort, categorize};
use kubehop_core::k8s::objects::Protocol;
use serde::Deserialize;

const HERE: &str = "here";

#[derive(Deserialize)]
struct Case {
    case: String,
    #[serde(default)]
    zone: String,
    service: Policies,
    endpoints: Vec<String>,
    cluster: Option<Vec<String>>,
    local: Option<Vec<String>>,
    reachable: Vec<String>,
    any: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policies {
    internal: Option<String>,
    external: Option<String>,
    node_port: Option<u16>,
}

fn endpoint(text: &str) -> Endpoint {
    let words: Vec<&str> = text.split_whitespace().collect();
    let has = |word| words.contains(&word);
    let address: SocketAddr = words[0].parse().expect("an address and a port");
    let ready = !has("unready");
    Endpoint {
        address,
        text: address.to_string(),
        node_name: has(HERE).then(|| HERE.into()),
        ready,
        serving: (ready && !has("unserving")) || has("serving"),
        terminating: has("terminating"),
        zone_hints: words.iter().filter_map(|word| word.strip_prefix("zone=")).map(str::to_owned).collect(),
    }
}

#[test]
fn endpoints_serve_the_policies_that_kube_proxy_expects() {
    let cases: Vec<Case> = serde_yaml_ng::from_str(include_str!("topology.yaml")).expect("YAML of this form");
    for case in cases {
        let service = ServicePort {
            name: "ns/svc".to_owned(),
            protocol: Protocol::Tcp,
            cluster_ip: [172, 30, 0, 41].into(),
            port: 80,
            node_port: case.service.node_port,
            external_ips: Vec::new(),
            load_balancer_ips: Vec::new(),
            source_ranges: Vec::new(),
            affinity_secs: None,
            internal_local: case.service.internal.is_some(),
            external_local: case.service.external.is_some(),
            health_check_node_port: None,
            endpoints: case.endpoints.iter().map(|it| endpoint(it)).collect(),
        };
        let found = categorize(&service, HERE, &case.zone);
        let texts = |endpoints: &[&Endpoint]| endpoints.iter().map(|it| it.text.clone()).collect::<Vec<String>>();
        assert_eq!(service.uses_cluster_endpoints(), case.cluster.is_some(), "{}: uses Cluster", case.case);
        assert_eq!(service.uses_local_endpoints(), case.local.is_some(), "{}: uses Local", case.case);
        assert_eq!(texts(&found.cluster), case.cluster.unwrap_or_default(), "{}: Cluster", case.case);
        assert_eq!(texts(&found.local), case.local.unwrap_or_default(), "{}: Local", case.case);
        assert_eq!(texts(&found.reachable), case.reachable, "{}: reachable", case.case);
        if let Some(any) = case.any {
            assert_eq!(found.has_any, any, "{}: any", case.case);
        }
    }
}
