//! The load balancer in the fabric: service addresses that no machine owns, and the node that their packets are handed to.
//!
//! A route of the fabric's router for each address, as a balancer that speaks BGP leaves it there. It asks the health check
//! node port of a service that has one (`externalTrafficPolicy: Local`), and of all others every node is as good as the
//! next. Among the healthy the seed draws, for each address by itself. Nobody healthy: a blackhole, so that the packet is
//! dropped by the router without a word, as balancers of the network layer do. What is asked beforehand is not in a
//! trace: `http://NODE:PORT/healthz` from the router is that question.
//!
//! An address of a network that the router is on is answered for by the router itself (proxy ARP), towards everybody but
//! those on the node's own segment.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::Lab;
use super::nearest::nearest;
use super::run::{Run, RunError};
use crate::base::{Dice, Place, Writer};
use crate::k8s::kube_proxy::{ProxyMode, ServicePorts, local_endpoints};
use crate::k8s::objects::Node;
use crate::net::{Conf, NsId, Protocol, Route, RouteKind, Topology};

/// A node with this label is behind no balancer.
const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";
/// Routers between the balancer and a node, at most.
const MAX_ROUTERS: usize = 4;

/// Hands every service address to a node of the balancer's choice.
pub(super) fn balance(lab: &Lab, topo: &mut Topology, ports: &ServicePorts, seed: u64) {
    let addresses = addresses(lab, topo, ports);
    if addresses.is_empty() {
        return;
    }
    // Which services each node has endpoints of, once for all addresses.
    let nodes: Vec<(&Node, BTreeSet<&str>)> = lab
        .objects
        .nodes
        .iter()
        .filter(|node| !node.meta.labels.contains_key(EXCLUDED))
        .map(|node| {
            let services = local_endpoints(ports, &node.meta.name).into_iter();
            (node, services.filter(|(_, (_, locals))| !locals.is_empty()).map(|(service, _)| service).collect())
        })
        .collect();
    for (vip, asked) in addresses {
        let healthy: Vec<&Node> =
            nodes.iter().filter(|(_, has)| asked.iter().all(|service| has.contains(service))).map(|it| it.0).collect();
        let n_healthy = u32::try_from(healthy.len()).unwrap_or(u32::MAX);
        let chosen = match n_healthy {
            0 => None,
            n => healthy.get(Dice::new(seed, &format!("balancer/{vip}")).below(n) as usize),
        };
        hand_over(topo, vip, chosen.and_then(|node| node.addresses.first()).copied());
    }
}

/// Hands every service address to the node that a run names, if it names one.
///
/// # Errors
/// If it is no node.
pub(super) fn hand_over_via(lab: &Lab, topo: &mut Topology, run: &Run) -> Result<(), RunError> {
    let Some(via) = &run.via else { return Ok(()) };
    let node = lab.objects.nodes.iter().find(|node| format!("node/{}", node.meta.name) == *via);
    let Some(address) = node.and_then(|node| node.addresses.first()).copied() else {
        let names: Vec<String> = lab.objects.nodes.iter().map(|node| format!("node/{}", node.meta.name)).collect();
        let nearest = nearest(via, names.iter().map(String::as_str)).or(names.first().map(String::as_str));
        return Err(RunError::NoSuchPlace {
            option: "--via",
            wanted: via.clone(),
            nearest: nearest.map(str::to_owned),
        });
    };
    for vip in service_addresses(lab, topo) {
        hand_over(topo, vip, Some(address));
    }
    Ok(())
}

/// Why `--via` says nothing in this run, if it does.
#[must_use]
pub fn via_note(lab: &Lab, run: &Run) -> Option<String> {
    let via = run.via.as_ref()?;
    let (target, _) = super::run::target_address(lab, run)?;
    let topo = super::build::prepare(lab, run.seed);
    let translates = lab.spec.kube_proxy.mode != ProxyMode::None || lab.spec.cni.is_cilium();
    let is_inside = matches!(run.from.parse(), Ok(Place::Pod { .. } | Place::Node(_)));
    if !service_addresses(lab, &topo).contains(&target) {
        return Some(format!(
            "--via {via} has no effect: {target} is no load balancer's address and no externalIP that the fabric hands to a node"
        ));
    }
    (translates && is_inside).then(|| {
        format!("--via {via} has no effect: {} is inside the cluster, where its own node translates {target}", run.from)
    })
}

/// The addresses of load balancers and externalIPs that no machine has.
fn service_addresses(lab: &Lab, topo: &Topology) -> BTreeSet<IpAddr> {
    let of_services = lab.objects.services.iter().flat_map(|service| {
        service.load_balancer_ips.iter().chain(&service.external_ips).copied().filter(IpAddr::is_ipv4)
    });
    unowned(lab, topo, of_services)
}

/// The same, each with the services whose health check counts for it.
fn addresses<'a>(lab: &Lab, topo: &Topology, ports: &'a ServicePorts) -> BTreeMap<IpAddr, BTreeSet<&'a str>> {
    let mut all: BTreeMap<IpAddr, BTreeSet<&str>> =
        service_addresses(lab, topo).into_iter().map(|vip| (vip, BTreeSet::new())).collect();
    for port in ports.iter().filter(|port| port.health_check_node_port.is_some()) {
        for vip in port.load_balancer_ips.iter().chain(&port.external_ips) {
            if let Some(services) = all.get_mut(vip) {
                services.insert(port.service());
            }
        }
    }
    all
}

/// Those of `addresses` that are no machine's and no pod's.
fn unowned(lab: &Lab, topo: &Topology, addresses: impl Iterator<Item = IpAddr>) -> BTreeSet<IpAddr> {
    let mut left: BTreeSet<IpAddr> = addresses.collect();
    if left.is_empty() {
        return left;
    }
    let machines = topo.namespaces().flat_map(|ns| ns.addresses().collect::<Vec<_>>());
    let pods = lab.objects.pods.iter().filter(|pod| !pod.finished).filter_map(|pod| pod.pod_ip);
    for taken in machines.chain(pods) {
        left.remove(&taken);
    }
    left
}

/// Writes the way to the node with this address into the router's table, and into those of the routers behind it; without
/// a node, that there is none.
fn hand_over(topo: &mut Topology, vip: IpAddr, node: Option<IpAddr>) {
    let is_router = |place: &Place| matches!(place, Place::Router(_));
    let routers: Vec<NsId> = topo.ids().filter(|id| is_router(&topo.ns(*id).place)).collect();
    let dst = IpNet::from(vip);
    for id in &routers {
        topo.ns_mut(*id).main.retain(|route| route.dst != dst || route.writer != Writer::Balancer);
    }
    let Some(mut at) = topo.find(&Place::Router("fabric".to_owned())) else { return };
    let Some(node) = node else {
        let route = Route::nowhere(RouteKind::Blackhole, dst, Writer::Balancer);
        topo.ns_mut(at).main.add(Route { protocol: Protocol::Static, ..route });
        return;
    };
    for _ in 0..MAX_ROUTERS {
        let ns = topo.ns_mut(at);
        let Some(way) = ns.main.lookup(node, 0).route().cloned() else { return };
        let Some(dev) = &way.dev else { return };
        let gateway = Some(way.gateway.unwrap_or(node));
        let route = Route { gateway, protocol: Protocol::Static, ..Route::unicast(dst, dev, Writer::Balancer) };
        ns.main.add(route);
        let ports = ns.interfaces().iter().filter(|port| port.dev.index != dev.index);
        let on_it = ports.filter(|port| port.addresses.iter().any(|address| address.net.contains(&vip)));
        let names: Vec<String> = on_it.map(|port| port.name().to_string()).collect();
        for name in names {
            ns.sysctls.set_conf(&name, Conf::ProxyArp, 1);
        }
        let Some(gateway) = way.gateway else { return };
        let Some(next) = routers.iter().copied().find(|id| topo.ns(*id).is_local(gateway)) else { return };
        at = next;
    }
}

#[cfg(test)]
mod tests;
