//! The kubelet's part in the network: a sandbox for every pod, and its containers' sockets in it.
//!
//! Models pkg/kubelet/kuberuntime: the pause container creates the network namespace, the CNI plugin is called for it,
//! and the application containers join it; in the end all of it goes again.

use std::net::IpAddr;

use super::cni::{self, ClusterNet, NodeNet};
use super::coredns;
use super::objects::{Pod, Protocol};
use crate::base::Place;
use crate::net::{Answer, Listener, NetNs, NsId, Topology, TransportProtocol};

/// Starts `pod` on its node. A pod on the host network gets no namespace of its own.
pub fn run_pod(topo: &mut Topology, node_ns: NsId, node: &NodeNet, cluster: &ClusterNet, pod: &Pod, seed: u64) {
    let ns = match pod.pod_ip {
        _ if pod.finished => return,
        _ if pod.host_network => node_ns,
        None => return,
        Some(ip) => add_sandbox(topo, node_ns, node, cluster, pod, ip, seed),
    };
    start_containers(topo, ns, pod);
}

/// The pause container's namespace, wired by the CNI plugin.
pub fn add_sandbox(
    topo: &mut Topology,
    node_ns: NsId,
    node: &NodeNet,
    cluster: &ClusterNet,
    pod: &Pod,
    ip: IpAddr,
    seed: u64,
) -> NsId {
    let sandbox = topo.add_namespace(NetNs::new(Place::pod(&pod.meta.namespace, &pod.meta.name), seed));
    cni::add_pod(topo, node_ns, sandbox, ip, node, cluster);
    sandbox
}

/// Takes a sandbox down: the plugin takes away what it has made, and the namespace ends.
pub fn remove_sandbox(topo: &mut Topology, node_ns: NsId, sandbox: NsId) {
    cni::del_pod(topo, node_ns, sandbox);
    topo.remove_namespace(sandbox);
}

/// The containers of `pod` run in `ns`, and listen on the ports that they declare.
pub fn start_containers(topo: &mut Topology, ns: NsId, pod: &Pod) {
    for listener in listeners(pod) {
        topo.ns_mut(ns).sockets.listen(listener);
    }
}

/// The containers of `pod` listen no more. Connections that stand are theirs until they end.
pub fn stop_containers(topo: &mut Topology, ns: NsId, pod: &Pod) {
    for listener in listeners(pod) {
        topo.ns_mut(ns).sockets.close(|other| *other == listener);
    }
}

/// What CoreDNS opens comes first, and so is not what its declared ports would be.
fn listeners(pod: &Pod) -> impl Iterator<Item = Listener> {
    let of_container = |container: &super::objects::Container| -> Vec<Listener> {
        let listener = |port: &super::objects::ContainerPort| {
            let protocol = match port.protocol {
                Protocol::Tcp => TransportProtocol::Tcp,
                Protocol::Udp => TransportProtocol::Udp,
                Protocol::Sctp => return None,
            };
            Some(Listener {
                protocol,
                port: port.container_port,
                program: container.name.as_str().into(),
                answer: Answer::Asked,
            })
        };
        container.ports.iter().filter_map(listener).collect()
    };
    let containers = pod.containers.iter().filter(|_| !pod.crash_looping);
    coredns::listeners(pod).into_iter().chain(containers.flat_map(of_container))
}
