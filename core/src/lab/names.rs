//! Who answers questions about names in a lab: CoreDNS behind kube-dns, and the resolver outside.
//!
//! A cluster whose files have no kube-dns is given one as kubeadm would, but only if it is asked for a name or its `Lab`
//! document has a `dns` section. What they answer from is made from the objects once; a lookup costs no more in a large
//! cluster than in a small one.

mod node_cache;
mod start;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use thiserror::Error;

use super::Lab;
use super::dns::resolv_conf;
use super::problem::Severity;
use super::spec::{HostSpec, LabSpec};
use crate::app::coredns::{HostFiles, KUBEADM_COREFILE, Server};
use crate::app::upstream::Zone;
use crate::base::{BTreeMap, Instant, Place, Span};
use crate::k8s::controllers::{self, Shortage, is_kube_dns, kube_dns_default};
use crate::k8s::coredns::{self, is_coredns};
use crate::k8s::objects::{Objects, Pod};
use crate::sim::{NameServer, NameServers, dns_cluster};

pub(super) use node_cache::{BYPASSED, add_upstream, is_asked_by_name, is_bypassed, node_cache};
pub(super) use start::{crash, settle};

/// The machine of `dns.upstream`.
pub(super) const UPSTREAM: &str = "upstream";

/// Why a cluster cannot be given a DNS.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NamesError {
    /// The service network has no tenth address.
    #[error("dns: found serviceCIDR {0}, expected one with a 10th address: that is kube-dns'")]
    Small(IpNet),
    /// Another service has it.
    #[error(
        "dns: found {ip} as the clusterIP of service {service}, expected it free: the 10th address of the serviceCIDR is kube-dns'"
    )]
    Taken {
        /// The address.
        ip: IpAddr,
        /// Whose it is, as `NAMESPACE/NAME`.
        service: String,
    },
    /// There is no room for its pods.
    #[error("dns: {0}")]
    Unfilled(Shortage),
}

impl NamesError {
    /// A pod that no node takes is a state that clusters are in.
    pub(super) fn severity(&self) -> Severity {
        match self {
            Self::Unfilled(Shortage::Node(_)) => Severity::Note,
            _ => Severity::Error,
        }
    }
}

/// The lab with the DNS that it has if somebody asks it for a name: itself, if its files have one.
///
/// # Errors
/// If there is no room for it.
pub fn with_names(lab: &Lab) -> Result<Cow<'_, Lab>, NamesError> {
    let has_names = lab.objects.services.iter().any(is_kube_dns);
    if has_names && start::loops(lab).is_empty() {
        return Ok(Cow::Borrowed(lab));
    }
    let mut lab = lab.clone();
    let found = add_names(&mut lab.objects, lab.spec.service_cidr);
    settle(&mut lab);
    let error = found.into_iter().find(|error| error.severity() == Severity::Error);
    error.map_or(Ok(Cow::Owned(lab)), Err)
}

/// Gives a cluster without kube-dns what kubeadm would have installed. Its addresses come after all others.
pub(super) fn add_names(objects: &mut Objects, service_cidr: IpNet) -> Vec<NamesError> {
    if objects.services.iter().any(is_kube_dns) {
        return Vec::new();
    }
    let Some(ip) = kube_dns_default(service_cidr) else { return vec![NamesError::Small(service_cidr)] };
    if let Some(other) = objects.services.iter().find(|service| service.cluster_ip == Some(ip)) {
        let service = format!("{}/{}", other.meta.namespace, other.meta.name);
        return vec![NamesError::Taken { ip, service }];
    }
    objects.services.push(coredns::service(ip));
    let deployment = coredns::deployment();
    let is_same = |meta: &crate::k8s::objects::ObjectMeta| {
        (&meta.namespace, &meta.name) == (&deployment.meta.namespace, &deployment.meta.name)
    };
    let is_there = objects.workloads.iter().any(|workload| workload.replicas.is_some() && is_same(&workload.meta));
    // Nobody else's missing pods are anybody's business here.
    let others = std::mem::replace(&mut objects.workloads, vec![deployment]);
    let mut unfilled = controllers::create_pods(objects);
    let own = std::mem::replace(&mut objects.workloads, others);
    objects.workloads.extend(own.into_iter().filter(|_| !is_there));
    if !objects.nodes.is_empty() {
        unfilled.extend(controllers::schedule(objects));
        unfilled.extend(controllers::pod_ips(objects));
    }
    objects.pods.retain(|pod| pod.finished || pod.pod_ip.is_some());
    controllers::endpoint_slices(objects);
    unfilled.into_iter().map(|unfilled| NamesError::Unfilled(unfilled.reason)).collect()
}

/// The machines outside the cluster: those of `hosts`, and the resolver of `dns`, which has a network of its own.
pub(crate) fn machines_outside(spec: &LabSpec) -> Vec<HostSpec> {
    let upstream = spec.dns.as_ref().and_then(|dns| dns.upstream.as_ref());
    let host = upstream.and_then(|upstream| {
        let address = IpNet::new(upstream.address, 24).ok()?;
        Some(HostSpec { name: UPSTREAM.to_owned(), address, span: Span::default() })
    });
    spec.hosts.iter().cloned().chain(host).collect()
}

/// What CoreDNS is started with.
pub(super) fn corefile(lab: &Lab) -> &str {
    lab.spec.dns.as_ref().and_then(|dns| dns.corefile.as_deref()).unwrap_or(KUBEADM_COREFILE)
}

/// What a CoreDNS pod finds on its disk: its `resolv.conf`, and the `hosts` that the kubelet has written.
fn files(lab: &Lab, place: &Place, pod: Option<&Pod>) -> HostFiles {
    let conf = resolv_conf(lab, place).unwrap_or_default();
    let name = |text: &str| text.parse().ok();
    let mut hosts = vec![(IpAddr::from([127, 0, 0, 1]), "localhost")];
    hosts.extend(pod.and_then(|pod| Some((pod.pod_ip?, pod.meta.name.as_str()))));
    HostFiles {
        nameservers: conf.nameservers.iter().filter_map(|text| text.parse().ok()).collect(),
        search: conf.searches.iter().filter_map(|text| name(text)).collect(),
        hosts: hosts.into_iter().filter_map(|(ip, host)| Some((ip, name(host)?))).collect(),
    }
}

/// The programs that answer on port 53 in `lab`, which has its names already, each as it is after its start.
#[must_use]
pub fn name_servers(lab: &Lab, seed: u64) -> NameServers {
    let cluster = Arc::new(dns_cluster(&lab.objects, 0));
    let mut all = BTreeMap::new();
    for pod in lab.objects.pods.iter().filter(|pod| !pod.finished && !pod.crash_looping && is_coredns(pod)) {
        let own = Place::pod(&pod.meta.namespace, &pod.meta.name);
        let files = files(lab, &own, Some(pod));
        let local_ips = pod.pod_ip.into_iter().collect();
        // With a Corefile that it refuses it does not run; the reader of the lab has said so.
        let Ok((server, _)) = Server::start(corefile(lab), &files, local_ips, seed, &own.to_string()) else { continue };
        let at = if pod.host_network { Place::Node(pod.node_name.clone()) } else { own };
        all.entry(at).or_insert_with(|| NameServer::CoreDns { server: Box::new(server), cluster: cluster.clone() });
    }
    for (place, server) in node_caches(lab, seed) {
        // CoreDNS on the host network of the same node answers in its place: there is one name server at a place.
        all.entry(place).or_insert_with(|| NameServer::CoreDns { server: Box::new(server), cluster: cluster.clone() });
    }
    if let Some(upstream) = lab.spec.dns.as_ref().and_then(|dns| dns.upstream.as_ref()) {
        let zone = Zone::new(upstream.records.iter().cloned());
        all.insert(Place::Host(UPSTREAM.to_owned()), NameServer::Upstream(Arc::new(zone)));
    }
    NameServers(all)
}

/// node-cache on every node that has it.
fn node_caches(lab: &Lab, seed: u64) -> Vec<(Place, Server)> {
    let Some(cache) = node_cache(lab) else { return Vec::new() };
    let Some(corefile) = node_cache::corefile(lab, &cache) else { return Vec::new() };
    let start = |place: Place| {
        let started =
            Server::start(&corefile, &files(lab, &place, None), cache.addresses.clone(), seed, &place.to_string());
        Some((place, started.ok()?.0))
    };
    lab.objects.nodes.iter().filter_map(|node| start(Place::Node(node.meta.name.clone()))).collect()
}

/// What the name servers of a run hear `now`: CoreDNS keeps what it has drawn and cached, and pods that are new serve too.
pub(super) fn tell(lab: &Lab, seed: u64, now: Instant, servers: &mut NameServers) {
    // Nobody asks them in this run.
    if servers.0.is_empty() {
        return;
    }
    let secs = u32::try_from(now.elapsed().as_secs()).unwrap_or(u32::MAX);
    let heard = Arc::new(dns_cluster(&lab.objects, secs.saturating_add(1)));
    for (place, mut server) in name_servers(lab, seed).0 {
        if let NameServer::CoreDns { cluster, .. } = servers.0.get_mut(&place).unwrap_or(&mut server) {
            *cluster = heard.clone();
        }
        if servers.0.get(&place).is_none() {
            servers.0.insert(place, server);
        }
    }
}

/// The Corefile where it can be read: at nodes, and in pods of CoreDNS. A node with node-cache has that one's.
pub(super) fn corefile_at<'a>(lab: &'a Lab, place: &Place) -> Option<Cow<'a, str>> {
    let is_here = |pod: &&Pod| !pod.finished && Place::pod(&pod.meta.namespace, &pod.meta.name) == *place;
    let has_it = match place {
        Place::Node(name) => lab.objects.nodes.iter().any(|node| node.meta.name == *name),
        _ => lab.objects.pods.iter().find(is_here).is_some_and(is_coredns),
    };
    match (place, node_cache(lab)) {
        _ if !has_it => None,
        (Place::Node(_), Some(cache)) => node_cache::corefile(lab, &cache).map(Cow::Owned),
        _ => Some(Cow::Borrowed(corefile(lab))),
    }
}
