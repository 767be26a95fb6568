//! Endpoints: the family of their addresses, and whether anybody has these.
//!
//! What the API server refuses is an error; what it takes although nobody may be served is a note.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::base::{BTreeSet, sort_by};
use crate::k8s::objects::{Endpoint, EndpointSlice, Objects, Service, ServiceType};
use crate::lab::LabSpec;
use crate::lab::parse::documents::Stated;
use crate::lab::parse::problems::Problems;

/// Drops addresses that are not of their slice's `addressType`, and says which slices are of a family that nobody asks
/// for. Models ValidateEndpointSlice, and kube-proxy, which has one table for each family.
pub(in crate::lab::parse) fn families(slices: &mut [Stated<'_, EndpointSlice>], services: &[Stated<'_, Service>]) {
    let is_v4 = |slice: &Stated<'_, EndpointSlice>| slice.fields.text("addressType") != Some("IPv6");
    let of_v4: BTreeSet<(String, String)> =
        slices.iter().filter(|slice| is_v4(slice)).map(|slice| key(&slice.object)).collect();
    let asks_v4 = |service: &&Stated<'_, Service>| service.object.cluster_ip.is_some_and(|ip| ip.is_ipv4());
    let name = |service: &Service| (service.meta.namespace.clone(), service.meta.name.clone());
    let v4_only: BTreeSet<(String, String)> =
        services.iter().filter(asks_v4).map(|it| name(&it.object)).filter(|name| !of_v4.contains(name)).collect();
    for slice in slices {
        let (name, is_v4) = (full_name(&slice.object.meta.namespace, &slice.object.meta.name), is_v4(slice));
        let Stated { object, fields } = slice;
        let Some(address_type) = fields.text("addressType").filter(|it| matches!(*it, "IPv4" | "IPv6")) else {
            continue;
        };
        for (idx, endpoint) in object.endpoints.iter_mut().enumerate() {
            endpoint.addresses.retain(|ip| {
                let is_right = ip.is_ipv4() == is_v4;
                if !is_right {
                    let expected = format!("expected an {address_type} address: that is its addressType");
                    let text = format!("address: found {ip} in EndpointSlice {name}, {expected}");
                    fields.problems().error(fields.at(&format!("endpoints.{idx}.addresses")), text);
                }
                is_right
            });
        }
        object.endpoints.retain(|endpoint| !endpoint.addresses.is_empty());
        let service = full_name(&object.meta.namespace, &object.service_name);
        if !is_v4 && v4_only.contains(&key(object)) {
            let text =
                format!("EndpointSlice {name} has addressType IPv6: it is no use to service {service}, which is IPv4");
            fields.problems().note(fields.at("addressType"), text);
        }
    }
}

/// Says which endpoints nobody in the lab has, and which services have no endpoints that anybody could give them.
pub(in crate::lab::parse) fn endpoints(objects: &Objects, spec: &LabSpec, problems: &Problems<'_>) {
    let known = Known::new(objects, spec);
    for slice in objects.endpoint_slices.iter().filter(|_| !objects.nodes.is_empty()) {
        let name = full_name(&slice.meta.namespace, &slice.service_name);
        let of_slice = |is_it: &dyn Fn(&Endpoint) -> bool| {
            let mut found = slice.endpoints.iter().filter(|endpoint| is_it(endpoint));
            Some((found.next()?, found.count()))
        };
        let also = |n: usize| if n == 0 { String::new() } else { format!(" (and {n} more)") };
        let is_outside = |ip: &IpAddr| ip.is_ipv4() && !known.has(*ip);
        if let Some((first, n_more)) = of_slice(&|it| it.addresses.first().is_some_and(is_outside)) {
            let ip = first.addresses[0];
            let text = format!("endpoint {ip} of service {name} is no address of a node or its pods{}", also(n_more));
            problems.note(first.span, text + ": packets to it leave the cluster");
        }
        let is_elsewhere = |name: &String| !known.nodes.contains(name.as_str());
        if let Some((first, n_more)) = of_slice(&|it| it.node_name.as_ref().is_some_and(is_elsewhere)) {
            let node = first.node_name.as_deref().unwrap_or_default();
            let found = format!("an endpoint of service {name} is on {node}, which is no node of this cluster");
            problems.note(first.span, found + &also(n_more) + ": every node takes it for remote");
        }
    }
    let served: BTreeSet<(String, String)> = objects.endpoint_slices.iter().map(key).collect();
    for service in &objects.services {
        let (namespace, name) = (&service.meta.namespace, &service.meta.name);
        // A selector finds endpoints later on, and the API server makes those of its own service.
        let is_its_own = (namespace.as_str(), name.as_str()) == ("default", "kubernetes");
        let needs_none = !service.selector.is_empty() || service.kind == ServiceType::ExternalName || is_its_own;
        if !needs_none && !served.contains(&(namespace.clone(), name.clone())) {
            let text =
                format!("service {namespace}/{name} has no selector, and no EndpointSlice or Endpoints names it");
            problems.note(service.meta.span, text + ": it has no endpoints");
        }
    }
}

/// The addresses that somebody in the lab has or may have.
struct Known<'a> {
    addresses: BTreeSet<IpAddr>,
    /// The nodes' podCIDRs, which do not overlap, by address.
    networks: Vec<IpNet>,
    nodes: BTreeSet<&'a str>,
}

impl<'a> Known<'a> {
    fn new(objects: &'a Objects, spec: &LabSpec) -> Self {
        let hosts = spec.hosts.iter().map(|host| host.address.addr());
        let mut networks: Vec<IpNet> = objects.nodes.iter().filter_map(|node| node.pod_cidr).collect();
        sort_by(&mut networks, Ord::cmp);
        Self {
            addresses: objects.nodes.iter().flat_map(|node| node.addresses.iter().copied()).chain(hosts).collect(),
            networks,
            nodes: objects.nodes.iter().map(|node| node.meta.name.as_str()).collect(),
        }
    }

    fn has(&self, ip: IpAddr) -> bool {
        let after = self.networks.partition_point(|net| net.network() <= ip);
        let in_network = after > 0 && self.networks[after - 1].contains(&ip);
        in_network || self.addresses.contains(&ip)
    }
}

fn key(slice: &EndpointSlice) -> (String, String) {
    (slice.meta.namespace.clone(), slice.service_name.clone())
}

fn full_name(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}
