//! A cluster as large as one likes, as the JSON that `kubectl get -o json` prints, with no field but those that are read.

use std::fmt::Write as _;

/// Nodes with `pods_per_node` pods each, and services of which every one has its share of the pods behind it.
///
/// The nodes are in subnets of 250; pods are in 10.128.0.0/9, which the Lab document in it says.
#[must_use]
pub fn cluster(n_nodes: usize, pods_per_node: usize, n_services: usize) -> String {
    let mut items = vec![
        r#"{"apiVersion":"kubehop.dev/v1","kind":"Lab","metadata":{"name":"large"},"spec":{"podCIDR":"10.128.0.0/9"}}"#
            .to_owned(),
    ];
    for node in 0..n_nodes {
        items.push(format!(
            r#"{{"apiVersion":"v1","kind":"Node","metadata":{{"name":"node-{node}","labels":{{"kubernetes.io/hostname":"node-{node}"}}}},"spec":{{"podCIDR":"10.{}.{}.0/24"}},"status":{{"addresses":[{{"type":"InternalIP","address":"172.18.{}.{}"}}]}}}}"#,
            128 + node / 256,
            node % 256,
            node / 250,
            node % 250 + 2
        ));
    }
    for pod in 0..n_nodes * pods_per_node {
        let (node, idx) = (pod / pods_per_node, pod % pods_per_node);
        items.push(format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"pod-{pod}","namespace":"default","labels":{{"app":"app-{}","tier":"backend"}}}},"spec":{{"nodeName":"node-{node}","containers":[{{"name":"main","image":"registry.example/app:1","ports":[{{"containerPort":8080}}]}}]}},"status":{{"podIP":"10.{}.{}.{}","phase":"Running"}}}}"#,
            pod % n_services,
            128 + node / 256,
            node % 256,
            idx + 2
        ));
    }
    for service in 0..n_services {
        items.push(format!(
            r#"{{"apiVersion":"v1","kind":"Service","metadata":{{"name":"svc-{service}","namespace":"default"}},"spec":{{"clusterIP":"{}","selector":{{"app":"app-{service}"}},"ports":[{{"port":80,"targetPort":8080}}]}}}}"#,
            cluster_ip(service)
        ));
    }
    let mut text = String::new();
    for (idx, item) in items.iter().enumerate() {
        let _ = write!(text, "{}{item}", if idx == 0 { "" } else { ",\n" });
    }
    format!("{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n{text}\n]}}\n")
}

/// The clusterIP of one of the services.
#[must_use]
pub fn cluster_ip(service: usize) -> String {
    format!("10.96.{}.{}", service / 250, service % 250 + 1)
}
