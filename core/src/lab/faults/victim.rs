//! Who is hit: the ends of the run at hand.

use std::net::IpAddr;

use crate::base::Place;
use crate::k8s::objects::{Node, Pod};
use crate::lab::Lab;
use crate::lab::run::{Run, RunError, target_address, trace};
use crate::trace::Disposition;

/// The two ends of a run.
pub(super) struct Victim {
    /// The client's node, if it is in the cluster.
    pub client_node: Option<Node>,
    /// The server, if it is a pod with a network namespace of its own.
    pub server_pod: Option<Pod>,
    /// The server's node, if it is in the cluster.
    pub server_node: Option<Node>,
}

impl Victim {
    pub(super) fn of(lab: &Lab, run: Option<&Run>) -> Result<Self, RunError> {
        let (client, server) = match run {
            Some(run) => {
                let healthy = Run { faults: Vec::new(), actions: Vec::new(), ..run.clone() };
                let served = match trace(lab, &healthy)?.disposition {
                    Disposition::Delivered { at } => Some(at),
                    _ => target_address(lab, run).and_then(|address| owner(lab, address)),
                };
                (run.from.parse::<Place>().ok(), served)
            }
            None => (None, None),
        };
        let client = client.or_else(|| pods(lab).next().map(place));
        let client_node = client.as_ref().and_then(|place| node_of(lab, place));
        let is_far = |pod: &&Pod| client_node.is_none_or(|node| node.meta.name != pod.node_name);
        let server = server
            .or_else(|| pods(lab).find(is_far).map(place))
            .or_else(|| pods(lab).map(place).find(|pod| Some(pod) != client.as_ref()));
        let server_pod = pods(lab).find(|pod| Some(place(pod)) == server).cloned();
        let server_node = server.as_ref().and_then(|place| node_of(lab, place)).cloned();
        Ok(Self { client_node: client_node.cloned(), server_pod, server_node })
    }

    /// The two nodes, if client and server are on different ones.
    pub(super) fn nodes_apart(&self) -> Option<(&Node, &Node)> {
        let (client, server) = (self.client_node.as_ref()?, self.server_node.as_ref()?);
        (client.meta.name != server.meta.name).then_some((client, server))
    }
}

/// Pods with a network namespace of their own.
fn pods(lab: &Lab) -> impl Iterator<Item = &Pod> {
    lab.objects.pods.iter().filter(|pod| !pod.finished && !pod.host_network && pod.pod_ip.is_some())
}

fn place(pod: &Pod) -> Place {
    Place::pod(&pod.meta.namespace, &pod.meta.name)
}

fn node_of<'a>(lab: &'a Lab, place: &Place) -> Option<&'a Node> {
    let name = match place {
        Place::Node(name) => name,
        Place::Pod { namespace, name } => {
            let is_it = |pod: &&Pod| pod.meta.namespace == *namespace && pod.meta.name == *name;
            &lab.objects.pods.iter().find(is_it)?.node_name
        }
        Place::Host(_) | Place::Router(_) => return None,
    };
    lab.objects.nodes.iter().find(|node| node.meta.name == *name)
}

/// Whose an address is.
fn owner(lab: &Lab, address: IpAddr) -> Option<Place> {
    let pod = pods(lab).find(|pod| pod.pod_ip == Some(address)).map(place);
    let node = || lab.objects.nodes.iter().find(|node| node.addresses.contains(&address));
    pod.or_else(|| node().map(|node| Place::Node(node.meta.name.clone())))
}
