//! What each fault does. Each writes a note of what it broke; none if there was nothing.

use std::sync::Arc;

use crate::base::{Place, Span, Writer};
use crate::k8s::objects::{Container, Node, ObjectMeta, Pod};
use crate::lab::CniMode;
use crate::lab::spec::{FilterSite, FilterSpec};
use crate::net::{FrameMatch, InterfaceKind, NetNs, NsId, Route, RouteTable, Topology, Unfinished};

use super::victim::Victim;
use super::{Broken, has_tunnel};

/// What is done to the machines once they are there.
pub(super) type Act = Box<dyn Fn(&mut Topology)>;

/// What a NIC is made smaller by, in bytes.
const SMALLER: usize = 100;
/// Leaves room for a tunnel and the smallest packet that IPv4 allows.
const SMALLEST_NIC: usize = 168;
/// Protocol numbers.
const ICMP: u8 = 1;
const IPIP: u8 = 4;
const UDP: u8 = 17;

/// The envelopes of a mode: a protocol and its port.
pub(super) fn envelope(mode: CniMode) -> Option<FrameMatch> {
    let udp = |port| FrameMatch { protocol: Some(UDP), port: Some(port), ..FrameMatch::default() };
    match mode.name() {
        "calico/ipip" => Some(FrameMatch { protocol: Some(IPIP), ..FrameMatch::default() }),
        "calico/vxlan" => Some(udp(4789)),
        "cilium/geneve" => Some(udp(6081)),
        "flannel/vxlan" | "cilium/vxlan" => Some(udp(8472)),
        _ => None,
    }
}

pub(super) fn cni_mtu(broken: &mut Broken, _: &Victim) {
    if !has_tunnel(broken.lab.spec.cni) {
        return;
    }
    let names: Vec<String> = broken.lab.objects.nodes.iter().map(|node| node.meta.name.clone()).collect();
    broken.notes.push(format!("pods of {} nodes have their NIC's MTU", names.len()));
    for name in names {
        on_node(broken, &name, |topo, node| {
            let nic_mtu = topo.ns(node).interface_named("eth0").map_or(0, |nic| nic.mtu);
            for (index, pod_end) in cables(topo.ns(node)) {
                let bridge = topo.ns(node).interface(index).master.clone();
                for index in [Some(index), bridge.map(|bridge| bridge.index)].into_iter().flatten() {
                    topo.ns_mut(node).interface_mut(index).mtu = nic_mtu;
                }
                let pod = topo.ns_mut(pod_end.ns);
                pod.interface_mut(pod_end.index).mtu = nic_mtu;
                // Cilium leaves the devices alone and says it in the routes.
                without_mtu(&mut pod.main);
            }
            without_mtu(&mut topo.ns_mut(node).main);
        });
    }
}

/// No route of the network provider says any more how large a packet may be.
fn without_mtu(table: &mut RouteTable) {
    let limited = |route: &Route| route.mtu.is_some() && route.writer == Writer::Cni;
    let routes: Vec<Route> = table.rows().iter().filter(|route| limited(route)).cloned().collect();
    table.retain(|route| !limited(route));
    table.extend(routes.into_iter().map(|route| Route { mtu: None, ..route }));
}

pub(super) fn small_nic(broken: &mut Broken, victim: &Victim) {
    let Some(node) = &victim.server_node else { return };
    let spec = &mut broken.lab.spec;
    let mtu = spec.node_mtus.get(&node.meta.name).copied().unwrap_or(spec.mtu).saturating_sub(SMALLER);
    if mtu >= SMALLEST_NIC {
        spec.node_mtus.insert(node.meta.name.clone(), mtu);
        broken.notes.push(format!("eth0 of node {} has MTU {mtu}", node.meta.name));
    }
}

pub(super) fn icmp_filtered(broken: &mut Broken, _: &Victim) {
    filter(broken, FrameMatch { protocol: Some(ICMP), ..FrameMatch::default() });
    broken.notes.push("no wire of the fabric carries ICMP".to_owned());
}

pub(super) fn tunnel_port_blocked(broken: &mut Broken, _: &Victim) {
    let Some(matches) = envelope(broken.lab.spec.cni) else { return };
    filter(broken, matches);
    broken.notes.push(match matches.port {
        Some(port) => format!("no wire of the fabric carries UDP port {port}"),
        None => "no wire of the fabric carries IP in IP".to_owned(),
    });
}

/// A filter goes before those that the lab has, of which one may count.
fn filter(broken: &mut Broken, matches: FrameMatch) {
    let span = Span::default();
    let filter = FilterSpec { site: FilterSite::Everywhere, direction: None, matches, count: None, span };
    broken.lab.spec.fabric.filters.insert(0, filter);
}

pub(super) fn route_missing(broken: &mut Broken, victim: &Victim) {
    let Some((client, server)) = victim.nodes_apart() else { return };
    let Some(pod_cidr) = server.pod_cidr else { return };
    broken.notes.push(format!("node {} has no route to {pod_cidr} of node {}", client.meta.name, server.meta.name));
    on_node(broken, &client.meta.name, move |topo, node| {
        let ns = topo.ns_mut(node);
        ns.main.retain(|route| route.dst != pod_cidr || route.writer != Writer::Cni);
        // Cilium's programs look at no route: what leads to a pod's node is in a map.
        if let Some(bpf) = ns.bpf.as_mut() {
            Arc::make_mut(bpf).ipcache.retain(|row| !pod_cidr.contains(&row.prefix));
        }
    });
}

pub(super) fn bgp_session_down(broken: &mut Broken, victim: &Victim) {
    let Some(node) = victim.server_node.as_ref().filter(|_| broken.lab.spec.cni.speaks_bgp()) else { return };
    broken.lab.spec.fabric.bgp_down.push(node.meta.name.clone());
    broken.notes.push(format!("node {} has no BGP session", node.meta.name));
}

pub(super) fn ip_forward_off(broken: &mut Broken, victim: &Victim) {
    // What a node sends itself it need not forward: then the other end's node is the first that does.
    if let Some(node) = victim.client_node.as_ref().or(victim.server_node.as_ref()) {
        sysctl(broken, node, "net.ipv4.ip_forward", "0");
    }
}

pub(super) fn bridge_nf_call_off(broken: &mut Broken, victim: &Victim) {
    if let Some(node) = victim.client_node.as_ref().or(victim.server_node.as_ref()) {
        sysctl(broken, node, "net.bridge.bridge-nf-call-iptables", "0");
    }
}

pub(super) fn rp_filter_strict(broken: &mut Broken, victim: &Victim) {
    let Some(node) = &victim.server_node else { return };
    for conf in ["all", "default"] {
        sysctl(broken, node, &format!("net.ipv4.conf.{conf}.rp_filter"), "1");
    }
    let Some((client, _)) = victim.nodes_apart().filter(|_| has_tunnel(broken.lab.spec.cni)) else { return };
    let (Some(pod_cidr), Some(address)) = (client.pod_cidr, client.addresses.first().copied()) else { return };
    broken.notes.push(format!("node {} answers {pod_cidr} by its NIC, not by the tunnel", node.meta.name));
    on_node(broken, &node.meta.name, move |topo, id| {
        let ns = topo.ns_mut(id);
        let Some(nic) = ns.interface_named("eth0").map(|nic| nic.dev.clone()) else { return };
        let Some(via) = ns.main.lookup(address, 0).route().map(|route| route.gateway.unwrap_or(address)) else {
            return;
        };
        let tunnelled = ns.main.rows().iter().find(|route| route.dst == pod_cidr).cloned();
        ns.main.retain(|route| route.dst != pod_cidr);
        ns.main.extend(tunnelled.map(|route| Route {
            gateway: Some(via),
            dev: Some(nic.clone()),
            onlink: false,
            ..route
        }));
    });
}

pub(super) fn hairpin_off(broken: &mut Broken, victim: &Victim) {
    let Some(node) = victim.client_node.as_ref().or(victim.server_node.as_ref()) else { return };
    // Calico and Cilium route between pods: no port of a bridge is in the way.
    if !broken.lab.spec.cni.name().starts_with("flannel/") {
        return;
    }
    broken.notes.push(format!("the bridge ports of node {} have hairpin_mode off", node.meta.name));
    on_node(broken, &node.meta.name, |topo, node| {
        for (index, _) in cables(topo.ns(node)) {
            topo.ns_mut(node).interface_mut(index).hairpin = false;
        }
    });
}

pub(super) fn veth_down(broken: &mut Broken, victim: &Victim) {
    let (Some(pod), Some(node)) = (&victim.server_pod, &victim.server_node) else { return };
    broken.notes.push(format!("the host end of {}'s veth pair is down", reference(pod)));
    let place = Place::pod(&pod.meta.namespace, &pod.meta.name);
    on_node(broken, &node.meta.name, move |topo, node| {
        let Some(pod) = topo.find(&place) else { return };
        let host_end = cables(topo.ns(node)).into_iter().find(|(_, end)| end.ns == pod);
        if let Some((index, _)) = host_end {
            topo.ns_mut(node).interface_mut(index).up = false;
        }
    });
}

pub(super) fn ipam_exhausted(broken: &mut Broken, victim: &Victim) {
    let Some(victim) = &victim.server_pod else { return };
    let key = (victim.meta.namespace.clone(), victim.meta.name.clone());
    let objects = &mut broken.lab.objects;
    for pod in objects.pods.iter_mut().filter(|pod| is(pod, victim)) {
        (pod.pod_ip, pod.ready) = (None, false);
    }
    for slice in &mut objects.endpoint_slices {
        slice.endpoints.retain(|endpoint| endpoint.target_pod.as_ref() != Some(&key));
    }
    broken.notes.push(format!("{} has no IP, and no sandbox", reference(victim)));
}

pub(super) fn duplicate_pod_ip(broken: &mut Broken, victim: &Victim) {
    let Some(server) = &victim.server_pod else { return };
    let pods = &mut broken.lab.objects.pods;
    let is_taken = |name: &String| pods.iter().any(|pod| pod.meta.namespace == "default" && pod.meta.name == *name);
    let names = (1..).map(|n| if n == 1 { "duplicate".to_owned() } else { format!("duplicate-{n}") });
    let Some(name) = names.into_iter().find(|name| !is_taken(name)) else { return };
    let meta = ObjectMeta { name: name.clone(), namespace: "default".to_owned(), ..ObjectMeta::default() };
    let container = Container { name: "pause".to_owned(), ..Container::default() };
    let (node_name, pod_ip) = (server.node_name.clone(), server.pod_ip);
    let duplicate = Pod { meta, node_name, pod_ip, containers: vec![container], ready: true, ..Pod::default() };
    // The one that was there first answers first, and whoever asks takes no second answer.
    let index = pods.iter().position(|pod| is(pod, server)).unwrap_or_default();
    pods.insert(index, duplicate);
    let ip = server.pod_ip.map(|ip| ip.to_string()).unwrap_or_default();
    broken.notes.push(format!("pod/default/{name} has {ip} too, the IP of {}", reference(server)));
}

fn is(pod: &Pod, other: &Pod) -> bool {
    (&pod.meta.namespace, &pod.meta.name) == (&other.meta.namespace, &other.meta.name)
}

pub(super) fn reference(pod: &Pod) -> String {
    Place::pod(&pod.meta.namespace, &pod.meta.name).to_string()
}

fn sysctl(broken: &mut Broken, node: &Node, path: &str, value: &str) {
    let place = Place::Node(node.meta.name.clone()).to_string();
    broken.notes.push(format!("{path} of {place} is {value}"));
    broken.lab.spec.sysctls.entry(place).or_default().insert(path.to_owned(), value.to_owned());
}

/// Does `work` on a node when its tables are written and its pods run.
pub(super) fn on_node(
    broken: &mut Broken,
    name: &str,
    work: impl Fn(&mut Topology, NsId) + Clone + Send + Sync + 'static,
) {
    let place = Place::Node(name.to_owned());
    broken.acts.push(Box::new(move |topo| {
        let Some(node) = topo.find(&place) else { return };
        let work = work.clone();
        topo.defer(node, Unfinished::new(move |topo| work(topo, node)));
    }));
}

/// The host ends of a node's veth pairs, each with the other end.
fn cables(node: &NetNs) -> Vec<(u32, crate::net::At)> {
    let ends = node.interfaces().iter().filter_map(|interface| match interface.kind {
        InterfaceKind::Veth { peer } => Some((interface.dev.index, peer)),
        _ => None,
    });
    ends.collect()
}
