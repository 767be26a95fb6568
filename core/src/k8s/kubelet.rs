//! The kubelet's part in the network: a sandbox for every pod, and its containers' sockets in it.
//!
//! Models pkg/kubelet/kuberuntime: the pause container creates the network namespace, the CNI plugin is called for it,
//! and the application containers join it.

use super::cni::{self, ClusterNet, NodeNet};
use super::objects::{Pod, Protocol};
use crate::base::Place;
use crate::net::{Answer, Listener, NetNs, NsId, Topology, TransportProtocol};

/// Starts `pod` on its node. A pod on the host network gets no namespace of its own.
pub fn run_pod(topo: &mut Topology, node_ns: NsId, node: &NodeNet, cluster: &ClusterNet, pod: &Pod, seed: u64) {
    let ns = match pod.pod_ip {
        _ if pod.finished => return,
        _ if pod.host_network => node_ns,
        None => return,
        Some(ip) => {
            let sandbox = topo.add_namespace(NetNs::new(Place::pod(&pod.meta.namespace, &pod.meta.name), seed));
            cni::add_pod(topo, node_ns, sandbox, ip, node, cluster);
            sandbox
        }
    };
    for container in &pod.containers {
        for port in &container.ports {
            let protocol = match port.protocol {
                Protocol::Tcp => TransportProtocol::Tcp,
                Protocol::Udp => TransportProtocol::Udp,
                Protocol::Sctp => continue,
            };
            let program = container.name.as_str().into();
            topo.ns_mut(ns).sockets.listen(Listener {
                protocol,
                port: port.container_port,
                program,
                answer: Answer::Asked,
            });
        }
    }
}
