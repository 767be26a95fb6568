//! CoreDNS as kubeadm installs it: its objects, which pods are it, and where they listen.
//!
//! Models cmd/kubeadm/app/phases/addons/dns/manifests.go (1.34). Not modelled: its ConfigMap (a lab states the Corefile),
//! resources, affinity, accounts.

use std::net::IpAddr;

use super::controllers::KUBE_DNS;
use super::objects::{
    Container, ContainerPort, DnsPolicy, LabelSelector, ObjectMeta, Pod, Probe, ProbeHandler, ProbeKind, Protocol,
    Service, ServicePort, TargetPort, Toleration, Workload,
};
use crate::base::{BTreeMap, Span};
use crate::net::{Answer, Listener, TransportProtocol};

/// The Deployment, and its container.
pub const COREDNS: &str = "coredns";
const NAMESPACE: &str = "kube-system";
/// The label that tells its pods.
const LABEL: (&str, &str) = ("k8s-app", KUBE_DNS);
const IMAGE: &str = "registry.k8s.io/coredns/coredns:v1.12.1";
const REPLICAS: u32 = 2;
/// Where the plugins health and ready are asked.
const HEALTH_PORT: u16 = 8080;
const READY_PORT: u16 = 8181;
const DNS_PORT: u16 = 53;
const METRICS_PORT: u16 = 9153;
/// What both of them say. Models net/http's answer without its date, which a run does not have.
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nOK";

/// Behind everything that the files state.
const BEHIND: Span = Span { file: usize::MAX, line: usize::MAX, col: usize::MAX };

fn meta(name: &str) -> ObjectMeta {
    let labels = BTreeMap::from([(LABEL.0.to_owned(), LABEL.1.to_owned())]);
    ObjectMeta { name: name.to_owned(), namespace: NAMESPACE.to_owned(), labels, span: BEHIND, ..ObjectMeta::default() }
}

/// The service, at this address.
#[must_use]
pub fn service(cluster_ip: IpAddr) -> Service {
    let port = |name: &str, protocol, port| ServicePort {
        name: name.to_owned(),
        protocol,
        port,
        target_port: TargetPort::Number(port),
        ..ServicePort::default()
    };
    Service {
        meta: meta(KUBE_DNS),
        cluster_ip: Some(cluster_ip),
        selector: BTreeMap::from([(LABEL.0.to_owned(), LABEL.1.to_owned())]),
        ports: vec![
            port("dns", Protocol::Udp, DNS_PORT),
            port("dns-tcp", Protocol::Tcp, DNS_PORT),
            port("metrics", Protocol::Tcp, METRICS_PORT),
        ],
        ..Service::default()
    }
}

/// The Deployment.
#[must_use]
pub fn deployment() -> Workload {
    let port = |name: &str, protocol, container_port| ContainerPort { name: name.to_owned(), container_port, protocol };
    let probe = |kind, path: &str, port| Probe {
        kind,
        handler: ProbeHandler::Http {
            host: String::new(),
            path: path.to_owned(),
            port: TargetPort::Number(port),
            headers: Vec::new(),
            https: false,
        },
        span: BEHIND,
    };
    let tolerates =
        |key: &str, effect: &str| Toleration { key: key.to_owned(), value: None, effect: effect.to_owned() };
    let container = Container {
        name: COREDNS.to_owned(),
        image: IMAGE.to_owned(),
        ports: vec![
            port("dns", Protocol::Udp, DNS_PORT),
            port("dns-tcp", Protocol::Tcp, DNS_PORT),
            port("metrics", Protocol::Tcp, METRICS_PORT),
        ],
        probes: vec![
            probe(ProbeKind::Liveness, "/health", HEALTH_PORT),
            probe(ProbeKind::Readiness, "/ready", READY_PORT),
        ],
    };
    let template = Pod {
        meta: meta(""),
        node_selector: BTreeMap::from([("kubernetes.io/os".to_owned(), "linux".to_owned())]),
        tolerations: vec![
            tolerates("CriticalAddonsOnly", ""),
            tolerates("node-role.kubernetes.io/control-plane", "NoSchedule"),
        ],
        containers: vec![container],
        ready: true,
        // It must not ask itself.
        dns_policy: DnsPolicy::Default,
        ..Pod::default()
    };
    let selector = LabelSelector { match_labels: template.meta.labels.clone(), ..LabelSelector::default() };
    Workload { meta: meta(COREDNS), replicas: Some(REPLICAS), selector, template }
}

/// Whether the pod is CoreDNS: by the label that its service selects, or by its image.
#[must_use]
pub fn is_coredns(pod: &Pod) -> bool {
    let is_labelled = pod.meta.namespace == NAMESPACE && pod.meta.labels.get(LABEL.0).is_some_and(|app| app == LABEL.1);
    is_labelled || pod.containers.iter().any(runs_coredns)
}

fn runs_coredns(container: &Container) -> bool {
    let name = container.image.rsplit('/').next().unwrap_or_default();
    name.split([':', '@']).next() == Some(COREDNS)
}

/// What a CoreDNS pod listens on besides what its containers declare, and instead of it.
pub(super) fn listeners(pod: &Pod) -> Vec<Listener> {
    let is_it = |container: &&Container| {
        runs_coredns(container) || container.ports.iter().any(|port| port.container_port == DNS_PORT)
    };
    let Some(container) =
        pod.containers.iter().find(is_it).or(pod.containers.first()).filter(|_| is_coredns(pod) && !pod.crash_looping)
    else {
        return Vec::new();
    };
    let listener =
        |protocol, port, answer| Listener { protocol, port, program: container.name.as_str().into(), answer };
    let (udp, tcp) = (TransportProtocol::Udp, TransportProtocol::Tcp);
    vec![
        listener(udp, DNS_PORT, Answer::Named),
        listener(tcp, DNS_PORT, Answer::Named),
        listener(tcp, HEALTH_PORT, Answer::Fixed(OK.into())),
        listener(tcp, READY_PORT, Answer::Fixed(OK.into())),
        listener(tcp, METRICS_PORT, Answer::Asked),
    ]
}

#[cfg(test)]
mod tests {
    use super::{is_coredns, listeners};
    use crate::k8s::objects::{Container, Pod};

    #[test]
    fn an_image_of_coredns_is_told_from_others() {
        let pod = |image: &str| Pod {
            containers: vec![Container { name: "main".into(), image: image.into(), ..Container::default() }],
            ..Pod::default()
        };
        let cases = [
            ("coredns/coredns:1.11.1", true),
            ("registry.k8s.io/coredns/coredns@sha256:abc", true),
            ("coredns", true),
            ("coredns/burrow", false),
            ("nginx", false),
        ];
        for (image, is_it) in cases {
            assert_eq!(is_coredns(&pod(image)), is_it, "{image}");
            assert_eq!(listeners(&pod(image)).is_empty(), !is_it, "{image}");
        }
    }
}
