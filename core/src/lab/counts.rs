//! What the first packet of a connection costs a node, by the number of services: why nftables and IPVS scale and iptables
//! does not.
//!
//! Nothing is worked out by a formula: the tables are built, a packet is walked, and what its trace looked at is counted.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::{Lab, Run, RunError, trace};
use crate::base::Place;
use crate::k8s::kube_proxy::ProxyMode;
use crate::k8s::objects::{
    Container, ContainerPort, Endpoint, EndpointPort, EndpointSlice, Node, ObjectMeta, Objects, Pod, Protocol, Service,
    ServicePort,
};
use crate::trace::{HookFunction, Stage};

/// The most services that are counted: all that a /16 has room for, and to spare.
pub const MAX_SERVICES: usize = 50_000;

/// What one packet met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleCount {
    /// The back end of kube-proxy.
    pub mode: ProxyMode,
    /// How many services there are, each with two endpoints.
    pub services: usize,
    /// Rules that the packet was held against on its client's node.
    pub rules: usize,
    /// What was looked up at once: in sets and maps that rules ask, and in tables that are no rules.
    pub lookups: usize,
}

/// [`rule_count`] for every number of services and every mode of kube-proxy that there is.
///
/// # Errors
/// If one of them cannot be counted.
pub fn rule_counts(services: &[usize]) -> Result<Vec<RuleCount>, RunError> {
    let all = services.iter().flat_map(|n_services| ProxyMode::ALL.iter().map(move |(_, mode)| (*mode, *n_services)));
    all.filter_map(|(mode, n_services)| rule_count(mode, n_services).transpose()).collect()
}

/// The rules and lookups for the first packet of a connection from a pod to the last of so many services; none where no
/// kube-proxy runs.
///
/// # Errors
/// If a run cannot be made: there are more than [`MAX_SERVICES`] or none.
pub fn rule_count(mode: ProxyMode, n_services: usize) -> Result<Option<RuleCount>, RunError> {
    if !(1..=MAX_SERVICES).contains(&n_services) {
        return Err(RunError::Services { found: n_services, max: MAX_SERVICES });
    }
    if mode == ProxyMode::None {
        return Ok(None);
    }
    let mut lab = lab(n_services);
    lab.spec.kube_proxy.mode = mode;
    let last = lab.objects.services.last().and_then(|service| service.cluster_ip);
    let run = Run::new("pod/client", &format!("tcp://{}:80", last.unwrap_or(IpAddr::from([0; 4]))));
    count(&lab, &run).map(Some)
}

fn count(lab: &Lab, run: &Run) -> Result<RuleCount, RunError> {
    let trace = trace(lab, run)?;
    let node = Place::Node("node-a".to_owned());
    let mut count =
        RuleCount { mode: lab.spec.kube_proxy.mode, services: lab.objects.services.len(), rules: 0, lookups: 0 };
    for (hop, step) in trace.steps() {
        let is_tracking = matches!(step.stage, Stage::Netfilter(_, HookFunction::Conntrack | HookFunction::Confirm));
        let is_asked = matches!(step.stage, Stage::Netfilter(..)) && !is_tracking;
        // A tunnel's envelope is a packet of its own.
        if *hop.at == node && is_asked && !step.outer && trace.journey(hop.journey).name == "syn" {
            for table in &step.consulted {
                let (n_rules, n_lookups) = table.n_asked();
                count.rules += n_rules;
                count.lookups += n_lookups;
            }
        }
    }
    Ok(count)
}

/// Two nodes, a client, and as many services, by name; the last of them leads to pods that are there.
fn lab(n_services: usize) -> Lab {
    let named = |name: String| ObjectMeta { name, namespace: "default".to_owned(), ..ObjectMeta::default() };
    let node = |idx: u8, name: &str| Node {
        meta: ObjectMeta { namespace: String::new(), ..named(name.to_owned()) },
        addresses: vec![IpAddr::from([172, 18, 0, 2 + idx])],
        pod_cidr: format!("10.244.{idx}.0/24").parse().ok(),
        ..Node::default()
    };
    let pod = |name: &str, node: &str, ip: [u8; 4]| {
        let ports = vec![ContainerPort { container_port: 8080, ..ContainerPort::default() }];
        let containers = vec![Container { name: name.to_owned(), ports, ..Container::default() }];
        Pod {
            meta: named(name.to_owned()),
            node_name: node.to_owned(),
            pod_ip: Some(ip.into()),
            containers,
            ready: true,
            ..Pod::default()
        }
    };
    let endpoint = |ip: IpAddr| Endpoint {
        addresses: vec![ip],
        ready: true,
        serving: true,
        terminating: false,
        node_name: Some("node-b".to_owned()),
        target_pod: None,
        hostname: String::new(),
        zone: String::new(),
        for_zones: Vec::new(),
        span: Default::default(),
    };
    let mut objects = Objects {
        nodes: vec![node(0, "node-a"), node(1, "node-b")],
        pods: vec![
            pod("client", "node-a", [10, 244, 0, 2]),
            pod("web-0", "node-b", [10, 244, 1, 2]),
            pod("web-1", "node-b", [10, 244, 1, 3]),
        ],
        ..Objects::default()
    };
    for idx in 0..n_services {
        // Their order in the tables is that of their names.
        let name = format!("service-{idx:05}");
        let at = |base: [u8; 4]| Ipv4Addr::from_bits(Ipv4Addr::from(base).to_bits() + idx as u32).into();
        let is_last = idx + 1 == n_services;
        let ips = if is_last {
            [[10, 244, 1, 2], [10, 244, 1, 3]].map(IpAddr::from)
        } else {
            [at([10, 245, 0, 0]), at([10, 246, 0, 0])]
        };
        objects.services.push(Service {
            meta: named(name.clone()),
            cluster_ip: Some(at([10, 96, 0, 16])),
            ports: vec![ServicePort { port: 80, ..ServicePort::default() }],
            ..Service::default()
        });
        objects.endpoint_slices.push(EndpointSlice {
            meta: named(format!("{name}-0")),
            service_name: name,
            ports: vec![EndpointPort { name: String::new(), protocol: Protocol::Tcp, port: 8080 }],
            endpoints: ips.map(endpoint).into(),
        });
    }
    // Only the client's node counts, so the other one is spared its tables.
    let stopped_proxies = [("node-b".to_owned(), Arc::default())].into_iter().collect();
    Lab { objects, stopped_proxies, ..Lab::default() }
}

#[cfg(test)]
mod tests {
    use super::{MAX_SERVICES, ProxyMode, rule_counts};

    #[test]
    fn iptables_asks_one_rule_more_for_every_service() {
        let counts = rule_counts(&[1, 10, 100]).expect("numbers that are counted");
        let of = |services| {
            let is_it = |count: &&super::RuleCount| count.mode == ProxyMode::Iptables && count.services == services;
            counts.iter().find(is_it).expect("a count").rules
        };
        assert!(of(1) > 5, "{counts:?}");
        assert_eq!((of(10) - of(1), of(100) - of(1)), (9, 99));
    }

    #[test]
    fn nftables_asks_the_same_maps_however_many_services_there_are() {
        let counts = rule_counts(&[1, 100]).expect("numbers that are counted");
        let of_nftables = counts.iter().filter(|count| count.mode == ProxyMode::Nftables);
        let asked: Vec<(usize, usize)> = of_nftables.map(|count| (count.rules, count.lookups)).collect();
        // firewall-ips and service-ips as it comes, no-endpoint-services and cluster-ips as it is forwarded.
        assert_eq!(asked, [(20, 4); 2]);
    }

    #[test]
    fn numbers_that_no_cluster_has_are_refused() {
        for services in [0, MAX_SERVICES + 1] {
            assert!(rule_counts(&[services]).is_err(), "{services}");
        }
    }
}
