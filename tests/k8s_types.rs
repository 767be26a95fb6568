//! Our small Kubernetes types against `k8s-openapi`, which is generated from Kubernetes' own API description.
//!
//! Both read the same files, ours by its parser and the other by libyaml's descendant; what they hold must be the same.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;
use k8s_openapi::api::networking::v1 as networking;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kubehop_core::k8s::objects::{Objects, Pod, Protocol, Service, ServiceType, TargetPort};
use kubehop_core::lab::{Source, parse};
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Our map as one of the standard library.
fn same(ours: &kubehop_core::base::BTreeMap<String, String>) -> BTreeMap<String, String> {
    ours.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

const TWO_NODES: &str = include_str!("../examples/two-nodes.yaml");
const THREE_NODES: &str = include_str!("../examples/three-nodes.yaml");
const WORKLOADS: &str = "
apiVersion: v1
kind: Node
metadata: {name: node-a}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx, ports: [{containerPort: 80}]}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules:
  - host: shop.example
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
";

/// What our parser makes of `text`, which must be without errors.
fn ours(text: &str) -> Objects {
    let parsed = parse(&[Source { name: "lab.yaml", text: text.as_bytes() }], &[]);
    assert!(!parsed.has_errors(), "{:?}", parsed.problems);
    parsed.lab.objects
}

/// All objects of this kind as Kubernetes' types.
fn theirs<T: DeserializeOwned>(text: &str, kind: &str) -> Vec<T> {
    let documents =
        serde_yaml_ng::Deserializer::from_str(text).map(|document| Value::deserialize(document).expect("YAML"));
    let items = documents.flat_map(|mut document| match document["items"].take() {
        Value::Array(items) => items,
        _ => vec![document],
    });
    let of_kind = items.filter(|item| item["kind"] == kind);
    of_kind.map(|item| serde_json::from_value(item).expect("an object of this kind")).collect()
}

fn or_empty(text: Option<&String>) -> String {
    text.cloned().unwrap_or_default()
}

fn ip_or_empty(ip: Option<std::net::IpAddr>) -> String {
    ip.map(|ip| ip.to_string()).unwrap_or_default()
}

fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Sctp => "SCTP",
    }
}

#[test]
fn nodes_have_the_same_addresses_and_networks() {
    for text in [TWO_NODES, THREE_NODES] {
        let (ours, theirs) = (ours(text).nodes, theirs::<core::Node>(text, "Node"));
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(theirs) {
            let addresses = theirs.status.and_then(|status| status.addresses).unwrap_or_default();
            let internal =
                addresses.iter().filter(|address| address.type_ == "InternalIP").map(|it| it.address.clone());
            assert_eq!(Some(&ours.meta.name), theirs.metadata.name.as_ref());
            assert_eq!(
                ours.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
                internal.collect::<Vec<_>>()
            );
            let spec = theirs.spec.unwrap_or_default();
            assert_eq!(ours.pod_cidr.map(|net| net.to_string()), spec.pod_cidr);
            assert_eq!(ours.unschedulable, spec.unschedulable.unwrap_or(false));
            assert_eq!(ours.taints.len(), spec.taints.unwrap_or_default().len());
            assert_eq!(Some(same(&ours.meta.labels)), theirs.metadata.labels);
        }
    }
}

#[test]
fn pods_have_the_same_places_and_ports() {
    for text in [TWO_NODES, THREE_NODES] {
        let (ours, theirs) = (ours(text).pods, theirs::<core::Pod>(text, "Pod"));
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            same_pod(ours, theirs);
        }
    }
}

fn same_pod(ours: &Pod, theirs: &core::Pod) {
    let (meta, spec) = (&theirs.metadata, theirs.spec.as_ref().expect("a spec"));
    let status = theirs.status.as_ref().expect("a status");
    assert_eq!((Some(&ours.meta.name), Some(&ours.meta.namespace)), (meta.name.as_ref(), meta.namespace.as_ref()));
    assert_eq!(Some(same(&ours.meta.labels)), meta.labels);
    assert_eq!(ours.terminating, meta.deletion_timestamp.is_some());
    assert_eq!(Some(&ours.node_name), spec.node_name.as_ref());
    assert_eq!(ours.host_network, spec.host_network.unwrap_or(false));
    assert_eq!(
        (&ours.hostname, &ours.subdomain),
        (&or_empty(spec.hostname.as_ref()), &or_empty(spec.subdomain.as_ref()))
    );
    assert_eq!(ours.tolerations.len(), spec.tolerations.as_ref().map_or(0, Vec::len));
    assert_eq!(same(&ours.node_selector), spec.node_selector.clone().unwrap_or_default());
    assert_eq!(ours.finished, matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")));
    if !ours.finished {
        assert_eq!(ip_or_empty(ours.pod_ip), or_empty(status.pod_ip.as_ref()));
        let conditions = status.conditions.iter().flatten();
        assert_eq!(ours.ready, !conditions.clone().any(|it| it.type_ == "Ready" && it.status == "False"));
    }
    let ports = |container: &core::Container| -> Vec<(String, i32, String)> {
        let ports = container.ports.iter().flatten();
        ports
            .map(|it| (or_empty(it.name.as_ref()), it.container_port, it.protocol.clone().unwrap_or("TCP".into())))
            .collect()
    };
    let theirs: Vec<_> =
        spec.containers.iter().map(|it| (it.name.clone(), or_empty(it.image.as_ref()), ports(it))).collect();
    let ours: Vec<_> = ours
        .containers
        .iter()
        .map(|it| {
            let ports =
                it.ports.iter().map(|it| (it.name.clone(), it.container_port.into(), protocol(it.protocol).into()));
            (it.name.clone(), it.image.clone(), ports.collect::<Vec<(String, i32, String)>>())
        })
        .collect();
    assert_eq!(ours, theirs);
}

#[test]
fn services_have_the_same_addresses_and_ports() {
    for text in [TWO_NODES, THREE_NODES] {
        let (ours, theirs) = (ours(text).services, theirs::<core::Service>(text, "Service"));
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            same_service(ours, theirs);
        }
    }
}

fn same_service(ours: &Service, theirs: &core::Service) {
    let (meta, spec) = (&theirs.metadata, theirs.spec.as_ref().expect("a spec"));
    assert_eq!((Some(&ours.meta.name), Some(&ours.meta.namespace)), (meta.name.as_ref(), meta.namespace.as_ref()));
    let kind = match ours.kind {
        ServiceType::ClusterIp => "ClusterIP",
        ServiceType::NodePort => "NodePort",
        ServiceType::LoadBalancer => "LoadBalancer",
        ServiceType::ExternalName => "ExternalName",
    };
    assert_eq!(Some(kind), spec.type_.as_deref());
    let cluster_ip = if ours.headless { "None".to_owned() } else { ip_or_empty(ours.cluster_ip) };
    assert_eq!(cluster_ip, or_empty(spec.cluster_ip.as_ref()));
    assert_eq!(same(&ours.selector), spec.selector.clone().unwrap_or_default());
    assert_eq!(ours.external_name, or_empty(spec.external_name.as_ref()));
    assert_eq!(ours.external_local, spec.external_traffic_policy.as_deref() == Some("Local"));
    assert_eq!(ours.internal_local, spec.internal_traffic_policy.as_deref() == Some("Local"));
    assert_eq!(ours.client_ip_affinity_secs.is_some(), spec.session_affinity.as_deref() == Some("ClientIP"));
    assert_eq!(ours.no_node_ports, spec.allocate_load_balancer_node_ports == Some(false));
    let balancer = theirs.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let ingress = balancer.and_then(|balancer| balancer.ingress.as_ref()).into_iter().flatten();
    let load_balancer_ips: Vec<String> = ours.load_balancer_ips.iter().map(ToString::to_string).collect();
    assert_eq!(load_balancer_ips, ingress.filter_map(|it| it.ip.clone()).collect::<Vec<_>>());
    let theirs = spec.ports.iter().flatten().map(|it| {
        let target = it.target_port.clone().unwrap_or(IntOrString::Int(it.port));
        (or_empty(it.name.as_ref()), it.port, target, it.node_port, it.protocol.clone().unwrap_or("TCP".into()))
    });
    let ours = ours.ports.iter().map(|it| {
        let target = match &it.target_port {
            TargetPort::Number(number) => IntOrString::Int((*number).into()),
            TargetPort::Name(name) => IntOrString::String(name.clone()),
        };
        (it.name.clone(), it.port.into(), target, it.node_port.map(Into::into), protocol(it.protocol).to_owned())
    });
    assert_eq!(ours.collect::<Vec<(_, i32, _, Option<i32>, _)>>(), theirs.collect::<Vec<_>>());
}

#[test]
fn slices_have_the_same_endpoints() {
    let theirs = theirs::<discovery::EndpointSlice>(THREE_NODES, "EndpointSlice");
    let ours = ours(THREE_NODES).endpoint_slices;
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let labels = theirs.metadata.labels.as_ref().expect("labels");
        assert_eq!(ours.service_name, labels["kubernetes.io/service-name"]);
        let ports = theirs.ports.iter().flatten().map(|it| (or_empty(it.name.as_ref()), it.port.unwrap_or_default()));
        let our_ports = ours.ports.iter().map(|it| (it.name.clone(), i32::from(it.port)));
        assert_eq!(our_ports.collect::<Vec<_>>(), ports.collect::<Vec<_>>());
        for (ours, theirs) in ours.endpoints.iter().zip(&theirs.endpoints) {
            let conditions = theirs.conditions.clone().unwrap_or_default();
            assert_eq!(ours.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), theirs.addresses);
            assert_eq!(ours.ready, conditions.ready.unwrap_or(true));
            assert_eq!(ours.serving, conditions.serving.or(conditions.ready).unwrap_or(true));
            assert_eq!(ours.terminating, conditions.terminating.unwrap_or(false));
            assert_eq!(ours.node_name, theirs.node_name);
            assert_eq!(
                (&ours.hostname, &ours.zone),
                (&or_empty(theirs.hostname.as_ref()), &or_empty(theirs.zone.as_ref()))
            );
            let target =
                theirs.target_ref.as_ref().and_then(|target| Some((target.namespace.clone()?, target.name.clone()?)));
            assert_eq!(ours.target_pod, target);
        }
    }
}

#[test]
fn workloads_and_ingresses_mean_the_same() {
    let ours = ours(WORKLOADS);
    let deployment = &theirs::<Deployment>(WORKLOADS, "Deployment")[0];
    let spec = deployment.spec.as_ref().expect("a spec");
    assert_eq!(ours.workloads[0].replicas.map(i64::from), spec.replicas.map(i64::from));
    assert_eq!(Some(same(&ours.workloads[0].selector.match_labels)), spec.selector.match_labels);
    assert_eq!(ours.pods.len(), 3);
    let ingress = &theirs::<networking::Ingress>(WORKLOADS, "Ingress")[0];
    let rule = ingress.spec.as_ref().and_then(|spec| spec.rules.as_ref()?.first()).expect("a rule");
    assert_eq!(Some(&ours.ingresses[0].rules[0].host), rule.host.as_ref());
}
