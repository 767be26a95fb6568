//! What is broken about a service: its endpoints, its rules, what the connection table remembers of it.
//!
//! Objects are changed together with what controllers make of them: a pod and its endpoint, a selector and its slices.

use std::net::IpAddr;
use std::sync::Arc;

use super::Broken;
use super::acts::{on_node, reference};
use super::victim::{ServiceHit, Victim};
use crate::base::Instant;
use crate::k8s::kube_proxy::{ProxyMode, service_ports};
use crate::k8s::objects::{Endpoint, EndpointSlice, Objects, Pod, Service, ServiceType, TargetPort};

pub(super) fn endpoint_not_ready(broken: &mut Broken, victim: &Victim) {
    let Some(hit) = &victim.service else { return };
    let objects = &mut broken.lab.objects;
    let mut pods = Vec::new();
    for endpoint in slices(objects, hit).flat_map(|slice| &mut slice.endpoints).filter(|it| it.ready) {
        (endpoint.ready, endpoint.serving) = (false, false);
        pods.extend(endpoint.target_pod.clone());
    }
    for pod in objects.pods.iter_mut().filter(|pod| pods.iter().any(|key| is(pod, key))) {
        pod.ready = false;
        broken.notes.push(format!(
            "{} fails its readiness probe: not ready in service {}",
            reference(pod),
            hit.title()
        ));
    }
}

pub(super) fn selector_matches_nothing(broken: &mut Broken, victim: &Victim) {
    let Some(hit) = &victim.service else { return };
    let objects = &mut broken.lab.objects;
    let labelled = |value: &str| objects.pods.iter().any(|pod| pod.meta.labels.values().any(|it| it == value));
    let wrong = objects.services[hit.service].selector.iter().next().map(|(key, value)| {
        let values = (1..).map(|n| if n == 1 { format!("{value}-typo") } else { format!("{value}-typo-{n}") });
        (key.clone(), values.into_iter().find(|value| !labelled(value)).unwrap_or_default())
    });
    let Some((key, value)) = wrong else { return };
    broken.notes.push(format!("service {} selects {key}={value}, which no pod has", hit.title()));
    objects.services[hit.service].selector.insert(key, value);
    slices(objects, hit).for_each(|slice| slice.endpoints.clear());
}

pub(super) fn wrong_target_port(broken: &mut Broken, victim: &Victim) {
    let Some(hit) = &victim.service else { return };
    let objects = &mut broken.lab.objects;
    let containers = objects.pods.iter().flat_map(|pod| &pod.containers).flat_map(|container| &container.ports);
    let declared: Vec<u16> = containers.map(|port| port.container_port).collect();
    let spec = objects.services[hit.service].ports[hit.port].clone();
    let ports: Vec<u16> = slices(objects, hit)
        .flat_map(|slice| &slice.ports)
        .filter(|port| port.name == spec.name && port.protocol == spec.protocol)
        .map(|port| port.port)
        .collect();
    let Some(right) = ports.first().copied() else { return };
    let is_free = |port: &u16| !declared.contains(port) && !ports.contains(port);
    let Some(wrong) = (right..=u16::MAX).chain(1..right).find(is_free) else { return };
    for port in slices(objects, hit).flat_map(|slice| &mut slice.ports) {
        if port.name == spec.name && port.protocol == spec.protocol {
            port.port = wrong;
        }
    }
    objects.services[hit.service].ports[hit.port].target_port = TargetPort::Number(wrong);
    broken.notes.push(format!("targetPort of service {} is {wrong}, and its pods listen on {right}", hit.title()));
}

pub(super) fn kube_proxy_stopped(broken: &mut Broken, victim: &Victim) {
    let (Some(hit), Some(node)) = (&victim.service, &victim.entry_node) else { return };
    if broken.lab.spec.kube_proxy.mode == ProxyMode::None {
        return;
    }
    let mut then = broken.lab.objects.clone();
    let mut taken: Vec<IpAddr> = then.pods.iter().filter_map(|pod| pod.pod_ip).collect();
    let now = &broken.lab.objects;
    let mut replaced = Vec::new();
    for endpoint in slices(&mut then, hit).flat_map(|slice| &mut slice.endpoints) {
        let Some(address) = endpoint.addresses.first_mut() else { continue };
        let Some(old) = free_beside(now, *address, &taken) else { continue };
        taken.push(old);
        replaced.push(format!("{old} was replaced by {address}"));
        *address = old;
    }
    if !replaced.is_empty() {
        let name = &node.meta.name;
        broken.notes.push(format!("kube-proxy of node {name} has stopped, and since then {}", replaced.join(", ")));
        broken.lab.stopped_proxies.insert(name.clone(), Arc::new(service_ports(&then)));
    }
}

pub(super) fn etp_local_no_endpoint(broken: &mut Broken, victim: &Victim) {
    let (Some(hit), Some(node), None) = (&victim.service, &victim.entry_node, &victim.client_node) else { return };
    let objects = &mut broken.lab.objects;
    let service = &objects.services[hit.service];
    if service.kind == ServiceType::ClusterIp && service.external_ips.is_empty() {
        return;
    }
    let Some(other) = objects.nodes.iter().find(|it| it.meta.name != node.meta.name && it.pod_cidr.is_some()) else {
        return;
    };
    let (here, there) = (node.meta.name.clone(), other.meta.name.clone());
    let other_cidr = other.pod_cidr.map(|cidr| cidr.addr());
    let all = objects.clone();
    let mut taken: Vec<IpAddr> = objects.pods.iter().filter_map(|pod| pod.pod_ip).collect();
    let mut moved = Vec::new();
    for endpoint in slices(objects, hit).flat_map(|slice| &mut slice.endpoints) {
        if endpoint.node_name.as_deref() != Some(&*here) {
            continue;
        }
        let pod =
            endpoint.target_pod.clone().filter(|key| all.pods.iter().any(|pod| is(pod, key) && !pod.host_network));
        let free = other_cidr.and_then(|cidr| free_beside(&all, cidr, &taken));
        // What is the node's own, or stated by hand, cannot run elsewhere.
        let (Some(key), Some(ip)) = (pod, free) else { return };
        taken.push(ip);
        move_endpoint(endpoint, &there, ip);
        moved.push((key, ip));
    }
    for slice in &mut objects.endpoint_slices {
        for endpoint in &mut slice.endpoints {
            // The pod may serve other services too.
            let ip = moved.iter().find(|(key, _)| endpoint.target_pod.as_ref() == Some(key)).map(|(_, ip)| *ip);
            ip.into_iter().for_each(|ip| move_endpoint(endpoint, &there, ip));
        }
    }
    for (pod, ip) in objects.pods.iter_mut().filter_map(|pod| {
        let ip = moved.iter().find(|(key, _)| is(pod, key)).map(|(_, ip)| *ip)?;
        Some((pod, ip))
    }) {
        (pod.node_name, pod.pod_ip) = (there.clone(), Some(ip));
        broken.notes.push(format!("{} runs on node {there} with {ip}", reference(pod)));
    }
    objects.services[hit.service].external_local = true;
    let what = format!("externalTrafficPolicy of service {} is Local, and node {here} has no endpoint", hit.title());
    broken.notes.push(what);
}

pub(super) fn stale_conntrack(broken: &mut Broken, victim: &Victim) {
    let (Some(hit), Some(node), Some(row)) = (&victim.service, &victim.entry_node, &victim.entry_row) else { return };
    let objects = &broken.lab.objects;
    let taken: Vec<IpAddr> = objects.pods.iter().filter_map(|pod| pod.pod_ip).collect();
    let Some(gone) = free_beside(objects, row.reply.src.0, &taken) else { return };
    let (original, port) = (row.original.ends(), row.reply.src.1);
    broken.notes.push(format!(
        "node {} still has an entry that sends {original} of service {} to {gone}:{port}, which is gone",
        node.meta.name,
        hit.title()
    ));
    let mut row = row.clone();
    row.reply.src.0 = gone;
    on_node(broken, &node.meta.name, move |topo, node| {
        topo.ns_mut(node).netfilter.conntrack.insert(row.clone(), Instant::START);
    });
}

fn slices<'a>(objects: &'a mut Objects, hit: &ServiceHit) -> impl Iterator<Item = &'a mut EndpointSlice> + use<'a> {
    let Service { meta, .. } = &objects.services[hit.service];
    let (namespace, name) = (meta.namespace.clone(), meta.name.clone());
    objects
        .endpoint_slices
        .iter_mut()
        .filter(move |slice| slice.meta.namespace == namespace && slice.service_name == name)
}

fn is(pod: &Pod, (namespace, name): &(String, String)) -> bool {
    pod.meta.namespace == *namespace && pod.meta.name == *name
}

fn move_endpoint(endpoint: &mut Endpoint, node: &str, ip: IpAddr) {
    endpoint.node_name = Some(node.to_owned());
    endpoint.addresses = vec![ip];
}

/// The lowest address that nobody has, of the node whose pods have addresses like this one.
fn free_beside(objects: &Objects, address: IpAddr, taken: &[IpAddr]) -> Option<IpAddr> {
    let cidr = objects.nodes.iter().filter_map(|node| node.pod_cidr).find(|cidr| cidr.contains(&address))?;
    // The first is the bridge's.
    cidr.hosts().skip(1).find(|ip| !taken.contains(ip))
}
