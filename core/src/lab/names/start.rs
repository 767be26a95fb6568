//! The start of CoreDNS: whether its own question comes back to it.
//!
//! The plugin `loop` asks the server itself for a name that nobody else knows. Where that question comes back, because
//! the file of nameservers leads to CoreDNS again, the process ends, and the kubelet starts it again and again. It has
//! happened before the first moment of a run: no frame of it is in a trace.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::{corefile, files};
use crate::app::coredns::{DnsQuery, Server};
use crate::base::{Instant, Place};
use crate::k8s::controllers::is_kube_dns;
use crate::k8s::coredns::is_coredns;
use crate::k8s::objects::{Objects, Pod};
use crate::lab::Lab;
use crate::sim::dns_cluster;
use crate::wire::DnsMessage;

/// A CoreDNS that ends at its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lab) struct Loop {
    /// The pod's place among the objects.
    pod: usize,
    /// Whom it forwards to, and so itself.
    to: SocketAddr,
}

/// Makes the pods of CoreDNS that end at their start not ready, and says so.
pub(in crate::lab) fn settle(lab: &mut Lab) -> Vec<String> {
    let loops = loops(lab);
    let notes = loops.iter().map(|Loop { pod, to }| {
        let meta = &lab.objects.pods[*pod].meta;
        format!(
            "dns: pod {}/{} forwards to {to}, and so to itself: CoreDNS ends with `Loop detected for zone \".\"`, and the pod is in CrashLoopBackOff",
            meta.namespace, meta.name
        )
    });
    let notes = notes.collect();
    loops.iter().for_each(|it| crash(&mut lab.objects, it.pod));
    notes
}

/// The pod's containers end whenever they are started: it listens on nothing, and no service leads to it.
pub(in crate::lab) fn crash(objects: &mut Objects, pod: usize) {
    let pod = &mut objects.pods[pod];
    (pod.crash_looping, pod.ready) = (true, false);
    let key = (pod.meta.namespace.clone(), pod.meta.name.clone());
    let endpoints = objects.endpoint_slices.iter_mut().flat_map(|slice| &mut slice.endpoints);
    for endpoint in endpoints.filter(|endpoint| endpoint.target_pod.as_ref() == Some(&key)) {
        (endpoint.ready, endpoint.serving) = (false, false);
    }
}

/// Which pods of CoreDNS see their own question again.
pub(super) fn loops(lab: &Lab) -> Vec<Loop> {
    let mut servers: Vec<(usize, IpAddr, Server)> = Vec::new();
    for (at, pod) in lab.objects.pods.iter().enumerate() {
        let Some(ip) = pod.pod_ip.filter(|_| is_running(pod)) else { continue };
        let place = Place::pod(&pod.meta.namespace, &pod.meta.name);
        let files = files(lab, &place, Some(pod));
        if let Ok((server, _)) = Server::start(corefile(lab), &files, vec![ip], 0, &place.to_string()) {
            servers.push((at, ip, server));
        }
    }
    if servers.iter().all(|(.., server)| server.loop_probe().is_none()) {
        return Vec::new();
    }
    // What is in the cluster is no matter: nobody has the name.
    let cluster = Arc::new(dns_cluster(&Objects::default(), 0));
    let kube_dns = lab.objects.services.iter().find(|service| is_kube_dns(service)).and_then(|it| it.cluster_ip);
    let mut found = Vec::new();
    for start in 0..servers.len() {
        let Some(probe) = servers[start].2.loop_probe() else { continue };
        let (mut at, mut message, mut last) = (start, DnsMessage::query(1, probe), None);
        // Three times at each of them is enough.
        for _ in 0..3 * servers.len() {
            let (_, client, server) = &mut servers[at];
            let query = DnsQuery { message, client: *client, port: 53, tcp: false, at: Instant::START };
            let Err(ask) = server.serve(&query, &cluster, &[]) else { break };
            let Some(to) = ask.upstreams.first().copied() else { break };
            let next = servers.iter().position(|(_, ip, _)| *ip == to.ip());
            // The service leads to any of them: to the next, as good as another.
            let next = if Some(to.ip()) == kube_dns { Some((at + 1) % servers.len()) } else { next };
            let next = if to.ip().is_loopback() { Some(at) } else { next };
            let Some(next) = next.filter(|_| to.port() == 53) else { break };
            (at, message, last) = (next, ask.query, Some(to));
        }
        if let Some(to) = last.filter(|_| servers[start].2.has_looped()) {
            found.push(Loop { pod: servers[start].0, to });
        }
    }
    found
}

fn is_running(pod: &Pod) -> bool {
    !pod.finished && !pod.crash_looping && is_coredns(pod)
}
