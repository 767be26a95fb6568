//! Objects for the tests of the controllers.

use crate::base::{BTreeMap, Span};
use crate::k8s::objects::{LabelSelector, Node, ObjectMeta, Objects, Pod, Service, Workload};

/// Metadata in `default`, as if it stood in line `line` of a file.
pub(super) fn meta(name: &str, line: usize, labels: &[(&str, &str)]) -> ObjectMeta {
    let namespace = "default".to_owned();
    let span = Span { file: 0, line, col: 1 };
    ObjectMeta { name: name.to_owned(), namespace, labels: map(labels), annotations: BTreeMap::new(), span }
}

pub(super) fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A node; an empty address or podCIDR is none.
pub(super) fn node(name: &str, address: &str, pod_cidr: &str) -> Node {
    Node {
        meta: meta(name, 1, &[]),
        addresses: address.parse().into_iter().collect(),
        pod_cidr: pod_cidr.parse().ok(),
        ..Node::default()
    }
}

/// A pod in line `line` with the label `app`; an empty node or address is none.
pub(super) fn pod(name: &str, line: usize, app: &str, node_name: &str, ip: &str) -> Pod {
    let (node_name, pod_ip) = (node_name.to_owned(), ip.parse().ok());
    Pod { meta: meta(name, line, &[("app", app)]), node_name, pod_ip, ready: true, ..Pod::default() }
}

/// A Deployment in line `line`, or a DaemonSet without `replicas`, whose label `app` is its name.
pub(super) fn workload(name: &str, line: usize, replicas: Option<u32>) -> Workload {
    let selector = LabelSelector { match_labels: map(&[("app", name)]), match_expressions: Vec::new() };
    Workload { meta: meta(name, line, &[]), replicas, selector, template: pod("", line, name, "", "") }
}

/// A service that selects the label `app`.
pub(super) fn service(name: &str, app: &str) -> Service {
    Service { meta: meta(name, 1, &[]), selector: map(&[("app", app)]), ..Service::default() }
}

/// Two nodes with addresses and networks.
pub(super) fn two_nodes() -> Objects {
    let nodes = vec![node("a", "172.18.0.2", "10.244.0.0/24"), node("b", "172.18.0.3", "10.244.1.0/24")];
    Objects { nodes, ..Objects::default() }
}

/// Each pod as `NAME NODE IP`.
pub(super) fn lines(pods: &[Pod]) -> Vec<String> {
    let ip = |pod: &Pod| pod.pod_ip.map(|ip| ip.to_string()).unwrap_or_default();
    pods.iter().map(|pod| format!("{} {} {}", pod.meta.name, pod.node_name, ip(pod)).trim_end().to_owned()).collect()
}
