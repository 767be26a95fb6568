//! Words for what programs ask beyond what a user asked for: a proxy its upstream, the kubelet and Prometheus a pod.

use super::Words;
use crate::trace::{Hop, Step, Trace};
use crate::wire::{Packet, dissect};

/// A header of the message in a packet.
fn header(step: &Step, name: &str) -> Option<String> {
    let layers = dissect(step.packet()?);
    let mut fields = layers.iter().flat_map(|layer| &layer.fields).filter(|field| field.name == "header");
    fields.find_map(|field| Some(field.value.strip_prefix(name)?.strip_prefix(": ")?.to_owned()))
}

/// What is special about a packet of such a flow that a program sends; `None` if nothing is.
pub(super) fn asks(trace: &Trace, hop: &Hop, step: &Step, by: &str) -> Option<Words> {
    let journey = trace.journey(hop.journey);
    let dst = || step.packet().and_then(Packet::ip_header).map_or_else(String::new, |ip| ip.dst.to_string());
    // A further connection has a number behind its packets' names.
    let name = journey.name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
    let words = match (journey.flow, name) {
        ("upstream", "syn") => (
            format!("{by} opens a connection of its own to {}.", dst()),
            "The client's connection ends at the proxy. It has read the request, found who serves its host and path among the Ingresses, and talks to that endpoint's own address: no service is translated on this way.".to_owned(),
            "For the endpoint the proxy is the client. Who really asked stands only in the headers of the request.".to_owned(),
        ),
        ("upstream", "request") => (
            match header(step, "X-Forwarded-For") {
                Some(client) => format!("{by} passes the request on, X-Forwarded-For: {client}."),
                None => format!("{by} passes the request on."),
            },
            "X-Real-IP and X-Forwarded-For are the source address that the proxy saw, X-Forwarded-Host the host that was asked.".to_owned(),
            "Where a node has put its own address in place of the client's (externalTrafficPolicy: Cluster), that node's stands there; with Local it is the client's.".to_owned(),
        ),
        ("upstream", "reply") => (
            format!("{by} answers the proxy."),
            "The reply goes to the proxy's connection, which stays open for the next request; the client is sent a reply of the proxy's.".to_owned(),
            "Two connections, each with its own sequence numbers, MSS and losses.".to_owned(),
        ),
        ("probe", "syn") => (
            "The kubelet asks the pod how it is.".to_owned(),
            format!("A probe goes from the node's own network namespace straight to {}: no service, no DNS, no other node.", dst()),
            "Policies are not asked about it, because a pod's own node may always reach it. A connection that is accepted is all that a tcpSocket probe wants.".to_owned(),
        ),
        ("probe", "request") => (
            "The kubelet asks by HTTP.".to_owned(),
            "Any status from 200 to 399 is well. It says `Connection: close`: every probe is a connection of its own.".to_owned(),
            "If a readiness probe fails often enough, the pod's endpoint is not ready any more, and every kube-proxy takes it out of its rules.".to_owned(),
        ),
        ("scrape", "syn") => (
            format!("{by} comes for the pod's metrics."),
            format!("The address is the pod's own, {}: Prometheus asks every pod, not one that a service picks.", dst()),
            "It knows pods, ports and paths from the API: from annotations or from a port's name.".to_owned(),
        ),
        _ => return None,
    };
    Some(words)
}
