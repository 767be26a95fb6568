//! Kubernetes objects: only the fields that matter to packets, spelled upstream's way.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::base::{BTreeMap, BTreeSet, Span};
use crate::net::PathMatching;

/// Everything that the input files state, in file order, plus what controllers have added.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// v1 Node.
    pub nodes: Vec<Node>,
    /// v1 Namespace, by name; objects have others besides.
    pub namespaces: BTreeSet<String>,
    /// v1 Pod.
    pub pods: Vec<Pod>,
    /// v1 Service.
    pub services: Vec<Service>,
    /// discovery.k8s.io/v1 EndpointSlice, and v1 Endpoints where nothing else names a service's endpoints.
    pub endpoint_slices: Vec<EndpointSlice>,
    /// apps/v1 Deployment and DaemonSet.
    pub workloads: Vec<Workload>,
    /// networking.k8s.io/v1 Ingress.
    pub ingresses: Vec<Ingress>,
}

/// What every object carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Name.
    pub name: String,
    /// Namespace; `default` where a namespaced object states none, empty for a Node.
    pub namespace: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Where its name stands.
    pub span: Span,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Metadata.
    pub meta: ObjectMeta,
    /// `status.addresses` of type InternalIP, the primary first; filled in if the file states none.
    pub addresses: Vec<IpAddr>,
    /// `spec.podCIDR`; filled in if the file states none.
    pub pod_cidr: Option<IpNet>,
    /// `spec.unschedulable`: cordoned.
    pub unschedulable: bool,
    /// `spec.taints`.
    pub taints: Vec<Taint>,
}

/// What keeps pods off a node that do not tolerate it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value; empty if none.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

/// A taint that a pod does not mind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toleration {
    /// Key; empty for every key.
    pub key: String,
    /// The value that the taint must have; `None` for the operator `Exists`.
    pub value: Option<String>,
    /// Effect; empty for every effect.
    pub effect: String,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Metadata.
    pub meta: ObjectMeta,
    /// `spec.nodeName`; filled in by the scheduler if the file states none.
    pub node_name: String,
    /// `spec.nodeSelector`.
    pub node_selector: BTreeMap<String, String>,
    /// `spec.tolerations`.
    pub tolerations: Vec<Toleration>,
    /// `spec.hostNetwork`.
    pub host_network: bool,
    /// `spec.hostname`; empty if none.
    pub hostname: String,
    /// `spec.subdomain`; empty if none.
    pub subdomain: String,
    /// `status.podIP`; filled in by the node's IPAM if the file states none. The node's own with `hostNetwork`.
    pub pod_ip: Option<IpAddr>,
    /// `spec.containers`, then those init containers that go on running (sidecars).
    pub containers: Vec<Container>,
    /// Whether the pod's `Ready` condition is not False.
    pub ready: bool,
    /// Whether its phase is Succeeded or Failed: it owns nothing any more.
    pub finished: bool,
    /// Whether `metadata.deletionTimestamp` is set.
    pub terminating: bool,
    /// Whether its containers end as soon as they have started (CrashLoopBackOff): they listen on nothing.
    pub crash_looping: bool,
    /// `spec.dnsPolicy`.
    pub dns_policy: DnsPolicy,
    /// `spec.dnsConfig`.
    pub dns_config: DnsConfig,
}

/// Where the file of a pod comes from that says whom to ask for names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DnsPolicy {
    /// The cluster's, but on the node's network the node's.
    #[default]
    ClusterFirst,
    /// The cluster's.
    ClusterFirstWithHostNet,
    /// The node's.
    Default,
    /// What `dnsConfig` says, and nothing else.
    None,
}

/// What a pod adds to its `resolv.conf`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsConfig {
    /// `nameservers`.
    pub nameservers: Vec<String>,
    /// `searches`.
    pub searches: Vec<String>,
    /// `options`.
    pub options: Vec<DnsOption>,
}

/// An option of `resolv.conf`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsOption {
    /// Name.
    pub name: String,
    /// Value; empty if none.
    pub value: String,
}

/// A container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Name.
    pub name: String,
    /// Image.
    pub image: String,
    /// Declared ports.
    pub ports: Vec<ContainerPort>,
    /// What the kubelet asks it.
    pub probes: Vec<Probe>,
}

/// A question by which the kubelet learns how a container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What it is for.
    pub kind: ProbeKind,
    /// How it is asked.
    pub handler: ProbeHandler,
    /// Where it stands.
    pub span: Span,
}

/// What the answer to a probe decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// Whether the pod gets traffic from services.
    Readiness,
    /// Whether the container is restarted.
    Liveness,
    /// Whether the others are asked already.
    Startup,
}

impl ProbeKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Readiness, Self::Liveness, Self::Startup];

    /// In one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Readiness => "readiness",
            Self::Liveness => "liveness",
            Self::Startup => "startup",
        }
    }

    /// The field of a container that holds it.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Readiness => "readinessProbe",
            Self::Liveness => "livenessProbe",
            Self::Startup => "startupProbe",
        }
    }
}

/// How a probe is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeHandler {
    /// `httpGet`.
    Http {
        /// `host`; empty for the pod itself.
        host: String,
        /// `path`.
        path: String,
        /// `port`: a number, or the name of a port of the container.
        port: TargetPort,
        /// `httpHeaders`.
        headers: Vec<(String, String)>,
        /// `scheme: HTTPS`.
        https: bool,
    },
    /// `tcpSocket`: whether a connection is accepted.
    Tcp {
        /// `host`; empty for the pod itself.
        host: String,
        /// `port`.
        port: TargetPort,
    },
    /// `exec`: a command inside the container.
    Exec,
    /// `grpc`.
    Grpc,
}

/// A port that a container declares, and so listens on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerPort {
    /// Name; empty if none.
    pub name: String,
    /// Port.
    pub container_port: u16,
    /// Protocol.
    pub protocol: Protocol,
}

/// A transport protocol, as Kubernetes names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP: read, but nothing speaks it.
    Sctp,
}

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Metadata.
    pub meta: ObjectMeta,
    /// `spec.type`.
    pub kind: ServiceType,
    /// `spec.clusterIP`; `None` for a headless or ExternalName service, filled in where the file states none.
    pub cluster_ip: Option<IpAddr>,
    /// What `spec.clusterIPs` names beside it: the IPv6 address of a dual-stack service. Only names lead there.
    pub other_cluster_ips: Vec<IpAddr>,
    /// `spec.clusterIP: None`.
    pub headless: bool,
    /// `spec.selector`; empty if none.
    pub selector: BTreeMap<String, String>,
    /// `spec.ports`.
    pub ports: Vec<ServicePort>,
    /// `spec.externalIPs`.
    pub external_ips: Vec<IpAddr>,
    /// `status.loadBalancer.ingress[].ip`.
    pub load_balancer_ips: Vec<IpAddr>,
    /// `spec.loadBalancerSourceRanges`.
    pub load_balancer_source_ranges: Vec<IpNet>,
    /// `spec.externalName`.
    pub external_name: String,
    /// `spec.externalTrafficPolicy: Local`.
    pub external_local: bool,
    /// `spec.internalTrafficPolicy: Local`.
    pub internal_local: bool,
    /// `spec.sessionAffinity: ClientIP`, with its timeout in seconds.
    pub client_ip_affinity_secs: Option<u32>,
    /// `spec.healthCheckNodePort`.
    pub health_check_node_port: Option<u16>,
    /// `spec.publishNotReadyAddresses`.
    pub publish_not_ready: bool,
    /// `spec.allocateLoadBalancerNodePorts: false`: a LoadBalancer without node ports.
    pub no_node_ports: bool,
}

/// The type of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceType {
    /// A virtual address inside the cluster.
    #[default]
    ClusterIp,
    /// The same, and a port on every node.
    NodePort,
    /// The same, and a load balancer's address.
    LoadBalancer,
    /// A DNS alias.
    ExternalName,
}

/// A port of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServicePort {
    /// Name; empty if none.
    pub name: String,
    /// Protocol.
    pub protocol: Protocol,
    /// Port.
    pub port: u16,
    /// Target port: a number, or the name of a container port.
    pub target_port: TargetPort,
    /// Node port; filled in where the type wants one and the file states none.
    pub node_port: Option<u16>,
    /// `appProtocol`; empty if none.
    pub app_protocol: String,
}

/// Where a service port leads in the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetPort {
    /// A port number.
    Number(u16),
    /// The name of a container port.
    Name(String),
}

impl Default for TargetPort {
    fn default() -> Self {
        Self::Number(0)
    }
}

/// A slice of a service's endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSlice {
    /// Metadata.
    pub meta: ObjectMeta,
    /// The service, from the label `kubernetes.io/service-name`; empty if none.
    pub service_name: String,
    /// Ports.
    pub ports: Vec<EndpointPort>,
    /// Endpoints.
    pub endpoints: Vec<Endpoint>,
}

/// A port of a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointPort {
    /// Name; empty if none.
    pub name: String,
    /// Protocol.
    pub protocol: Protocol,
    /// Port.
    pub port: u16,
}

/// One endpoint of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Addresses.
    pub addresses: Vec<IpAddr>,
    /// `conditions.ready` (absent counts as true).
    pub ready: bool,
    /// `conditions.serving` (absent: as ready).
    pub serving: bool,
    /// `conditions.terminating`.
    pub terminating: bool,
    /// `nodeName`.
    pub node_name: Option<String>,
    /// `targetRef` of kind Pod: namespace and name.
    pub target_pod: Option<(String, String)>,
    /// `hostname`; empty if none.
    pub hostname: String,
    /// `zone`; empty if none.
    pub zone: String,
    /// `hints.forZones[].name`.
    pub for_zones: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

/// A Deployment or a DaemonSet: what makes pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// Metadata.
    pub meta: ObjectMeta,
    /// Replicas of a Deployment; `None` for a DaemonSet, which has one pod on every node.
    pub replicas: Option<u32>,
    /// `spec.selector`.
    pub selector: LabelSelector,
    /// `spec.template`, as a pod without name, node and address.
    pub template: Pod,
}

/// Which labels are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    /// `matchLabels`.
    pub match_labels: BTreeMap<String, String>,
    /// `matchExpressions`.
    pub match_expressions: Vec<LabelRequirement>,
}

/// One of a selector's expressions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelRequirement {
    /// The label has one of these values.
    In(String, Vec<String>),
    /// The label has none of these values, or is absent.
    NotIn(String, Vec<String>),
    /// The label is there.
    Exists(String),
    /// The label is absent.
    DoesNotExist(String),
}

impl LabelSelector {
    /// Whether an object with these labels is selected. A selector that says nothing selects everything.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        selects(&self.match_labels, labels)
            && self.match_expressions.iter().all(|requirement| match requirement {
                LabelRequirement::In(key, values) => labels.get(key).is_some_and(|value| values.contains(value)),
                LabelRequirement::NotIn(key, values) => labels.get(key).is_none_or(|value| !values.contains(value)),
                LabelRequirement::Exists(key) => labels.contains_key(key),
                LabelRequirement::DoesNotExist(key) => !labels.contains_key(key),
            })
    }
}

/// Whether `labels` have every one of the labels that `wanted` names.
#[must_use]
pub fn selects(wanted: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// An ingress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ingress {
    /// Metadata.
    pub meta: ObjectMeta,
    /// `spec.ingressClassName`, or what the annotation says that it has replaced; empty if none.
    pub class: String,
    /// Rules, flattened: one per host and path.
    pub rules: Vec<IngressRule>,
    /// `spec.defaultBackend`.
    pub default_backend: Option<IngressBackend>,
}

/// One host and path of an ingress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngressRule {
    /// Host; empty for any.
    pub host: String,
    /// Path; `/` if none.
    pub path: String,
    /// `pathType`.
    pub matching: PathMatching,
    /// Who serves it.
    pub backend: IngressBackend,
}

/// A port of a service that an ingress leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngressBackend {
    /// Service.
    pub service: String,
    /// Its port: a number, or its name.
    pub port: TargetPort,
    /// Where it stands.
    pub span: Span,
}
