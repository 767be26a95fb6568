//! Who is hit: the ends of the run at hand, the service that it uses, and where that is translated.

use std::net::IpAddr;

use crate::base::{Instant, Place};
use crate::k8s::objects::{Node, Objects, Pod, Protocol, Service, ServicePort};
use crate::lab::Lab;
use crate::lab::run::{Run, RunError, target_address, trace_to_end};
use crate::net::Topology;
use crate::netfilter::{Connection, Tuple};
use crate::trace::{Decision, Disposition, Step, Trace};
use crate::wire::End;

/// The two ends of a run.
#[derive(Default)]
pub(super) struct Victim {
    /// The client, if it is a pod with a network namespace of its own.
    pub client_pod: Option<Pod>,
    /// The client's node, if it is in the cluster.
    pub client_node: Option<Node>,
    /// The server, if it is a pod with a network namespace of its own.
    pub server_pod: Option<Pod>,
    /// The server's node, if it is in the cluster.
    pub server_node: Option<Node>,
    /// The service, if it goes by one.
    pub service: Option<ServiceHit>,
    /// The node that translates the service.
    pub entry_node: Option<Node>,
    /// The entry that its connection table has of the run, if that is UDP.
    pub entry_row: Option<Connection>,
}

/// A service port, by its place in the lab's objects.
#[derive(Clone, Debug)]
pub(super) struct ServiceHit {
    pub service: usize,
    pub port: usize,
    name: String,
}

impl ServiceHit {
    fn new(objects: &Objects, service: usize, port: usize) -> Self {
        let meta = &objects.services[service].meta;
        Self { service, port, name: format!("{}/{}", meta.namespace, meta.name) }
    }

    /// `NAMESPACE/SERVICE`.
    pub(super) fn title(&self) -> &str {
        &self.name
    }
}

impl Victim {
    pub(super) fn of(lab: &Lab, run: Option<&Run>) -> Result<Self, RunError> {
        let Some(run) = run else { return Ok(Self::between(lab, None, None).with_first_service(lab)) };
        let healthy = Run { faults: Vec::new(), actions: Vec::new(), ..run.clone() };
        let (trace, topo) = trace_to_end(lab, &healthy)?;
        let target = target_address(lab, run);
        let served = match &trace.disposition {
            Disposition::Delivered { at } => Some(at.clone()),
            _ => target.and_then(|(address, _)| owner(lab, address)),
        };
        let ends = Self::between(lab, run.from.parse::<Place>().ok(), served);
        let (at, step) = translation(&trace).unzip();
        let noted = step.and_then(|step| step.service.as_ref()).and_then(|note| named(&lab.objects, &note.name));
        let service = noted.or_else(|| target.and_then(|target| addressed(&lab.objects, target)));
        let via = || run.via.as_ref().and_then(|via| via.parse::<Place>().ok());
        let entry = at.or_else(|| target.and_then(|(address, _)| owner(lab, address))).or_else(via);
        let entry_row = step.zip(entry.as_ref()).and_then(|(step, entry)| remembered(&topo, entry, step));
        let entry_node = entry.as_ref().and_then(|place| node_of(lab, place)).cloned();
        Ok(Self { service, entry_node, entry_row, ..ends })
    }

    /// The ends alone; without a run the first pod, and one of another node.
    fn between(lab: &Lab, client: Option<Place>, server: Option<Place>) -> Self {
        let client = client.or_else(|| pods(lab).next().map(place));
        let client_node = client.as_ref().and_then(|place| node_of(lab, place));
        let is_far = |pod: &&Pod| client_node.is_none_or(|node| node.meta.name != pod.node_name);
        let server = server
            .or_else(|| pods(lab).find(is_far).map(place))
            .or_else(|| pods(lab).map(place).find(|pod| Some(pod) != client.as_ref()));
        let server_pod = pods(lab).find(|pod| Some(place(pod)) == server).cloned();
        let server_node = server.as_ref().and_then(|place| node_of(lab, place)).cloned();
        let client_pod = pods(lab).find(|pod| Some(place(pod)) == client).cloned();
        Self { client_pod, client_node: client_node.cloned(), server_pod, server_node, ..Self::default() }
    }

    /// Without a run the first service that has an address.
    fn with_first_service(self, lab: &Lab) -> Self {
        let has_address = |service: &Service| service.cluster_ip.is_some() && !service.ports.is_empty();
        let first = lab.objects.services.iter().position(has_address);
        let service = first.map(|service| ServiceHit::new(&lab.objects, service, 0));
        Self { service, entry_node: self.client_node.clone(), ..self }
    }

    /// The two nodes, if client and server are on different ones.
    pub(super) fn nodes_apart(&self) -> Option<(&Node, &Node)> {
        let (client, server) = (self.client_node.as_ref()?, self.server_node.as_ref()?);
        (client.meta.name != server.meta.name).then_some((client, server))
    }
}

/// Where a service is translated or refused for the target's connection, and the step by which it is.
fn translation(trace: &Trace) -> Option<(Place, &Step)> {
    let is_targets = |flow: &str| matches!(flow, "http" | "tcp" | "udp");
    let (hop, step) =
        trace.steps().find(|(hop, step)| step.service.is_some() && is_targets(trace.journey(hop.journey).flow))?;
    Some(((*hop.at).clone(), step))
}

/// What a node's connection table has of a datagram whose destination `step` translated.
fn remembered(topo: &Topology, node: &Place, step: &Step) -> Option<Connection> {
    let Decision::Translate { end: End::Destination, .. } = step.decision else { return None };
    let tuple = Tuple::of(step.before.as_ref()?).filter(|tuple| tuple.protocol == 17)?;
    let conntrack = &topo.ns(topo.find(node)?).netfilter.conntrack;
    conntrack.rows(Instant::START).find(|row| row.original == tuple && row.dnat).cloned()
}

/// The service port that kube-proxy calls `name`.
fn named(objects: &Objects, name: &str) -> Option<ServiceHit> {
    find(objects, |service, port| {
        let meta = &service.meta;
        let colon = if port.name.is_empty() { "" } else { ":" };
        format!("{}/{}{colon}{}", meta.namespace, meta.name, port.name) == name
    })
}

/// The service port that has this address and port.
fn addressed(objects: &Objects, (ip, number): (IpAddr, u16)) -> Option<ServiceHit> {
    let is_node = objects.nodes.iter().any(|node| node.addresses.contains(&ip));
    find(objects, |service, port| {
        let own = service.cluster_ip.iter().chain(&service.external_ips).chain(&service.load_balancer_ips);
        let is_own = own.into_iter().any(|own| *own == ip) && port.port == number;
        port.protocol != Protocol::Sctp && (is_own || is_node && port.node_port == Some(number))
    })
}

fn find(objects: &Objects, wanted: impl Fn(&Service, &ServicePort) -> bool) -> Option<ServiceHit> {
    objects.services.iter().enumerate().find_map(|(idx, service)| {
        let port = service.ports.iter().position(|port| wanted(service, port))?;
        Some(ServiceHit::new(objects, idx, port))
    })
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
