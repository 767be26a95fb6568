//! A lab as plain values for drawing: machines, pods, devices, and what this mode lacks.

use crate::base::Place;
use crate::k8s::kube_proxy::ProxyMode;
use crate::k8s::objects::{Container, Node, Objects, Pod, Protocol, Service, ServicePort, Workload};
use crate::lab::{CniMode, Lab, build, machines_outside};
use crate::net::{Interface, InterfaceKind, NetNs, Topology};

/// Everything that can be drawn of a lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// Name of the lab.
    pub name: String,
    /// Plugin and mode.
    pub cni: CniMode,
    /// The back end of kube-proxy.
    pub proxy: ProxyMode,
    /// Nodes, in file order.
    pub nodes: Vec<NodeView>,
    /// Machines outside the cluster.
    pub hosts: Vec<NodeView>,
    /// The fabric's router: a NIC per subnet.
    pub router: Vec<DeviceView>,
    /// Services, in file order.
    pub services: Vec<ServiceView>,
    /// Deployments and DaemonSets, in file order.
    pub workloads: Vec<WorkloadView>,
}

/// What makes pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadView {
    /// Name.
    pub name: String,
    /// Kubernetes namespace.
    pub namespace: String,
    /// Replicas of a Deployment; `None` for a DaemonSet.
    pub replicas: Option<u32>,
}

/// A service: addresses that no device has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceView {
    /// Name.
    pub name: String,
    /// Kubernetes namespace.
    pub namespace: String,
    /// Its addresses, each with its kind: the cluster's, external ones, a load balancer's. A headless one has none.
    pub addresses: Vec<(AddressKind, String)>,
    /// Its ports, as `80/TCP`.
    pub ports: Vec<String>,
    /// Ports of every node that lead to it, as `30080/TCP`.
    pub node_ports: Vec<String>,
    /// How many endpoints serve it.
    pub n_endpoints: usize,
}

/// What an address of a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// `spec.clusterIP`.
    Cluster,
    /// One of `spec.externalIPs`.
    External,
    /// One that a load balancer has.
    LoadBalancer,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    /// `node/NAME` or `host/NAME`.
    pub reference: String,
    /// Name.
    pub name: String,
    /// Primary address.
    pub address: String,
    /// Its range of pod addresses; empty for a machine outside.
    pub pod_cidr: String,
    /// Its devices, the host ends of veth pairs included.
    pub devices: Vec<DeviceView>,
    /// Its pods that have a network namespace of their own, in file order.
    pub pods: Vec<PodView>,
    /// Its pods that run in its own network namespace: those of the lab, and kube-proxy, which its DaemonSet starts on
    /// every node.
    pub host_pods: Vec<HostPodView>,
    /// Devices that other modes have and this one lacks, with the reason.
    pub absent: Vec<Absent>,
}

/// A pod: its border is a network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodView {
    /// `pod/NS/NAME`.
    pub reference: String,
    /// Name.
    pub name: String,
    /// Kubernetes namespace.
    pub namespace: String,
    /// Address.
    pub ip: String,
    /// Its containers; the pause container is in every pod and is not listed.
    pub containers: Vec<ContainerView>,
    /// Its devices.
    pub devices: Vec<DeviceView>,
    /// Host end of its veth pair.
    pub veth: String,
}

/// A pod on the host network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPodView {
    /// Name.
    pub name: String,
    /// Kubernetes namespace.
    pub namespace: String,
    /// Its containers.
    pub containers: Vec<ContainerView>,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerView {
    /// Name.
    pub name: String,
    /// Image.
    pub image: String,
    /// Ports it listens on, as `8080/TCP`.
    pub ports: Vec<String>,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceView {
    /// Name.
    pub name: String,
    /// Interface index.
    pub index: u32,
    /// What it is.
    pub kind: DeviceKind,
    /// Link address.
    pub mac: String,
    /// Addresses with prefix length.
    pub addresses: Vec<String>,
    /// MTU in bytes.
    pub mtu: usize,
    /// The bridge it is a port of.
    pub master: Option<String>,
    /// Who made it.
    pub writer: String,
}

/// What a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// `lo`.
    Loopback,
    /// One end of a cable.
    Veth {
        /// The other end: reference of its place.
        peer: String,
        /// Interface index of the other end.
        peer_index: u32,
    },
    /// A bridge.
    Bridge,
    /// A VXLAN tunnel device.
    Vxlan {
        /// Network identifier.
        vni: u32,
        /// UDP port.
        port: u16,
    },
    /// A device that only has addresses.
    Dummy,
    /// A Geneve tunnel device.
    Geneve {
        /// Network identifier.
        vni: u32,
        /// UDP port.
        port: u16,
    },
    /// An IP-in-IP tunnel device.
    Ipip,
    /// A NIC.
    Nic,
}

/// A place that stays empty in this mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// Which one: `overlay`, `bridge`.
    pub slot: &'static str,
    /// Why, in one sentence.
    pub why: &'static str,
}

/// The scene of `lab`.
#[must_use]
pub fn scene(lab: &Lab) -> Scene {
    let topo = build(lab, 1);
    let nodes = lab.objects.nodes.iter().filter_map(|node| {
        let ns = topo.ns(topo.find(&Place::Node(node.meta.name.clone()))?);
        let pods = lab.objects.pods.iter().filter(|pod| pod.node_name == node.meta.name);
        let host_pods = pods.clone().filter(|pod| pod.host_network && !pod.finished);
        Some(NodeView {
            host_pods: host_pods.clone().map(host_pod_view).chain(kube_proxy(lab, node, host_pods)).collect(),
            address: node.addresses.first()?.to_string(),
            pod_cidr: node.pod_cidr?.to_string(),
            pods: pods.filter_map(|pod| pod_view(&topo, ns, pod)).collect(),
            absent: absent(lab.spec.cni),
            ..machine(&topo, ns)
        })
    });
    let outside = machines_outside(&lab.spec);
    let hosts = outside.iter().filter_map(|host| {
        let ns = topo.ns(topo.find(&Place::Host(host.name.clone()))?);
        Some(NodeView { address: host.address.addr().to_string(), ..machine(&topo, ns) })
    });
    let router = topo.find(&Place::Router("fabric".to_owned()));
    Scene {
        name: lab.spec.name.clone(),
        cni: lab.spec.cni,
        proxy: lab.spec.kube_proxy.mode,
        nodes: nodes.collect(),
        hosts: hosts.collect(),
        router: router.map(|id| machine(&topo, topo.ns(id)).devices).unwrap_or_default(),
        services: lab.objects.services.iter().map(|service| service_view(&lab.objects, service)).collect(),
        workloads: lab.objects.workloads.iter().map(workload_view).collect(),
    }
}

fn workload_view(workload: &Workload) -> WorkloadView {
    let meta = &workload.meta;
    WorkloadView { name: meta.name.clone(), namespace: meta.namespace.clone(), replicas: workload.replicas }
}

fn service_view(objects: &Objects, service: &Service) -> ServiceView {
    let of_kind = |kind| move |address: &std::net::IpAddr| (kind, address.to_string());
    let cluster = service.cluster_ip.iter().map(of_kind(AddressKind::Cluster));
    let external = service.external_ips.iter().map(of_kind(AddressKind::External));
    let balancer = service.load_balancer_ips.iter().map(of_kind(AddressKind::LoadBalancer));
    let is_own = |(namespace, name): (&str, &str)| namespace == service.meta.namespace && name == service.meta.name;
    let slices = objects.endpoint_slices.iter().filter(|slice| is_own((&slice.meta.namespace, &slice.service_name)));
    let of_node = |port: &ServicePort| Some(port_name(port.node_port?, port.protocol));
    ServiceView {
        name: service.meta.name.clone(),
        namespace: service.meta.namespace.clone(),
        addresses: cluster.chain(external).chain(balancer).collect(),
        n_endpoints: slices.flat_map(|slice| &slice.endpoints).filter(|endpoint| endpoint.serving).count(),
        ports: service.ports.iter().map(|port| port_name(port.port, port.protocol)).collect(),
        node_ports: service.ports.iter().filter_map(of_node).collect(),
    }
}

fn port_name(port: u16, protocol: Protocol) -> String {
    format!("{port}/{protocol:?}").to_ascii_uppercase()
}

fn absent(cni: CniMode) -> Vec<Absent> {
    let overlay = match cni {
        CniMode::FlannelHostGw => Some("host-gw has no tunnel: the fabric carries pod addresses as they are"),
        CniMode::CalicoBgp => Some("bgp has no tunnel: the fabric carries pod addresses as they are"),
        CniMode::CiliumNative => Some("native has no tunnel: the fabric carries pod addresses as they are"),
        CniMode::FlannelVxlan
        | CniMode::CalicoVxlan
        | CniMode::CalicoIpip
        | CniMode::CiliumVxlan
        | CniMode::CiliumGeneve => None,
    };
    let bridge = match cni {
        CniMode::FlannelVxlan | CniMode::FlannelHostGw => None,
        CniMode::CalicoVxlan | CniMode::CalicoIpip | CniMode::CalicoBgp => {
            Some("calico has no bridge: every pod has a cable to the node and a route of its own")
        }
        CniMode::CiliumVxlan | CniMode::CiliumGeneve | CniMode::CiliumNative => {
            Some("cilium has no bridge: eBPF programs hand packets from device to device")
        }
    };
    let slots = [("overlay", overlay), ("bridge", bridge)];
    slots.into_iter().filter_map(|(slot, why)| Some(Absent { slot, why: why? })).collect()
}

fn machine(topo: &Topology, ns: &NetNs) -> NodeView {
    NodeView {
        reference: ns.place.to_string(),
        name: ns.place.short().to_owned(),
        address: String::new(),
        pod_cidr: String::new(),
        devices: ns.interfaces().iter().map(|interface| device_view(topo, interface)).collect(),
        pods: Vec::new(),
        host_pods: Vec::new(),
        absent: Vec::new(),
    }
}

fn pod_view(topo: &Topology, node: &NetNs, pod: &Pod) -> Option<PodView> {
    let place = Place::pod(&pod.meta.namespace, &pod.meta.name);
    let id = topo.find(&place)?;
    let ns = topo.ns(id);
    let host_end = node.interfaces().iter().find(|interface| match interface.kind {
        InterfaceKind::Veth { peer } => peer.ns == id,
        _ => false,
    })?;
    Some(PodView {
        reference: place.to_string(),
        name: pod.meta.name.clone(),
        namespace: pod.meta.namespace.clone(),
        ip: pod.pod_ip?.to_string(),
        containers: containers(pod),
        devices: ns.interfaces().iter().map(|interface| device_view(topo, interface)).collect(),
        veth: host_end.name().to_string(),
    })
}

fn containers(pod: &Pod) -> Vec<ContainerView> {
    let view = |container: &Container| ContainerView {
        name: container.name.clone(),
        image: container.image.clone(),
        ports: container.ports.iter().map(|port| port_name(port.container_port, port.protocol)).collect(),
    };
    pod.containers.iter().map(view).collect()
}

fn host_pod_view(pod: &Pod) -> HostPodView {
    HostPodView { name: pod.meta.name.clone(), namespace: pod.meta.namespace.clone(), containers: containers(pod) }
}

/// kube-proxy's pod on a node, unless the lab states it or has none.
fn kube_proxy<'a>(lab: &Lab, node: &Node, mut stated: impl Iterator<Item = &'a Pod>) -> Option<HostPodView> {
    let is_it = |pod: &Pod| pod.meta.labels.get("k8s-app").is_some_and(|app| app == "kube-proxy");
    if lab.spec.kube_proxy.mode == ProxyMode::None || stated.any(is_it) {
        return None;
    }
    let image = "registry.k8s.io/kube-proxy:v1.33.0".to_owned();
    let container = ContainerView { name: "kube-proxy".to_owned(), image, ports: Vec::new() };
    Some(HostPodView {
        name: format!("kube-proxy-{}", node.meta.name),
        namespace: "kube-system".to_owned(),
        containers: vec![container],
    })
}

fn device_view(topo: &Topology, interface: &Interface) -> DeviceView {
    DeviceView {
        name: interface.dev.name.to_string(),
        index: interface.dev.index,
        kind: match &interface.kind {
            InterfaceKind::Loopback => DeviceKind::Loopback,
            InterfaceKind::Veth { peer } => {
                DeviceKind::Veth { peer: topo.ns(peer.ns).place.to_string(), peer_index: peer.index }
            }
            InterfaceKind::Bridge { .. } => DeviceKind::Bridge,
            InterfaceKind::Vxlan(vxlan) => DeviceKind::Vxlan { vni: vxlan.vni, port: vxlan.port },
            InterfaceKind::Geneve(geneve) => DeviceKind::Geneve { vni: geneve.vni, port: geneve.port },
            InterfaceKind::Ipip(_) => DeviceKind::Ipip,
            InterfaceKind::Nic { .. } => DeviceKind::Nic,
            InterfaceKind::Dummy => DeviceKind::Dummy,
        },
        mac: interface.mac.to_string(),
        addresses: interface.addresses.iter().map(|address| address.net.to_string()).collect(),
        mtu: interface.mtu,
        master: interface.master.as_ref().map(|master| master.name.to_string()),
        writer: interface.writer.to_string(),
    }
}
