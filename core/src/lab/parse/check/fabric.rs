//! The fabric against the cluster: whose nodes stand in which rack, and what filters are at.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::base::{BTreeSet, Place};
use crate::k8s::objects::Node;
use crate::lab::parse::fields::Fields;
use crate::lab::spec::{FilterSite, LabSpec, RackSpec};

use super::hint;

/// Drops racks and nodes of racks that cannot be, fills in each rack's subnet, and gives the nodes in it addresses.
pub(in crate::lab::parse) fn racks(spec: &mut LabSpec, nodes: &mut [Node], fields: &Fields<'_>) {
    let problems = fields.problems();
    let fabric = fields.mapping("fabric");
    if spec.fabric.nested.is_some() && !spec.fabric.racks.is_empty() {
        problems.error(fabric.at("nested"), "nested: found beside racks, expected one of the two");
        spec.fabric.racks.clear();
    }
    let mut racked: BTreeSet<String> = BTreeSet::new();
    for rack in &mut spec.fabric.racks {
        rack.nodes.retain(|name| {
            let wrong = if nodes.iter().all(|node| node.meta.name != *name) {
                let hint = hint(name, nodes.iter().map(|node| node.meta.name.as_str()));
                format!("racks: found node {name:?} in rack {}, expected a node of this cluster{hint}", rack.name)
            } else if racked.insert(name.clone()) {
                return true;
            } else {
                format!("racks: found node {name} in rack {} again, expected every node in one rack", rack.name)
            };
            problems.error(rack.span, wrong);
            false
        });
    }
    let mut racks: Vec<RackSpec> = Vec::new();
    for mut rack in std::mem::take(&mut spec.fabric.racks) {
        let subnet = rack.subnet.or_else(|| derived(&rack, nodes)).or_else(|| lowest_free(spec, &racks, nodes));
        let Some(subnet) = subnet else { continue };
        if let Some(wrong) = collision(spec, &racks, &rack, subnet, nodes) {
            problems.error(rack.span, format!("racks: found {subnet} for rack {}, {wrong}", rack.name));
            continue;
        }
        rack.subnet = Some(subnet);
        rack.nodes.retain(|name| {
            let node = nodes.iter().find(|node| node.meta.name == *name);
            let strange = node.and_then(|node| node.addresses.first()).filter(|address| !subnet.contains(*address));
            if let Some(address) = strange {
                let text = format!("racks: found node {name} with address {address} in rack {}", rack.name);
                problems.error(rack.span, format!("{text}, expected an address in {subnet}"));
            }
            strange.is_none()
        });
        let mut free = subnet.hosts().skip(1).filter(|ip| !nodes.iter().any(|node| node.addresses.contains(ip)));
        let mut given: Vec<(String, IpAddr)> = Vec::new();
        for name in &rack.nodes {
            let is_bare = nodes.iter().any(|node| node.meta.name == *name && node.addresses.is_empty());
            if is_bare && let Some(ip) = free.next() {
                given.push((name.clone(), ip));
            } else if is_bare {
                problems.error(rack.span, format!("no address is left for node {name} in {subnet}"));
            }
        }
        for (name, ip) in given {
            nodes.iter_mut().filter(|node| node.meta.name == name).for_each(|node| node.addresses.push(ip));
        }
        racks.push(rack);
    }
    spec.fabric.racks = racks;
}

/// The subnet of the first node in the rack that states an address.
fn derived(rack: &RackSpec, nodes: &[Node]) -> Option<IpNet> {
    let mut stated = rack.nodes.iter().filter_map(|name| nodes.iter().find(|node| node.meta.name == *name));
    stated.find_map(|node| node.addresses.first().copied()).and_then(slash_24)
}

fn slash_24(address: IpAddr) -> Option<IpNet> {
    IpNet::new(address, 24).ok().map(|net| net.trunc())
}

/// The lowest /24 of 172.18.0.0/16 that nobody is in.
fn lowest_free(spec: &LabSpec, racks: &[RackSpec], nodes: &[Node]) -> Option<IpNet> {
    let subnets = (0..=255).filter_map(|third| slash_24(IpAddr::from(Ipv4Addr::new(172, 18, third, 0))));
    let stated = || spec.fabric.racks.iter().chain(racks).filter_map(|rack| rack.subnet);
    let hosts = || spec.hosts.iter().map(|host| host.address.trunc());
    let addresses = || nodes.iter().flat_map(|node| &node.addresses).map(|address| IpNet::from(*address));
    subnets.into_iter().find(|net| stated().chain(hosts()).chain(addresses()).all(|taken| !overlap(*net, taken)))
}

fn overlap(a: IpNet, b: IpNet) -> bool {
    a.contains(&b) || b.contains(&a)
}

/// Whose a rack's subnet is already.
fn collision(spec: &LabSpec, racks: &[RackSpec], rack: &RackSpec, subnet: IpNet, nodes: &[Node]) -> Option<String> {
    let other = racks.iter().find(|other| other.subnet.is_some_and(|net| overlap(net, subnet)));
    let in_other_rack = |name: &String| racks.iter().any(|other| other.nodes.contains(name));
    let is_elsewhere = |node: &&Node| {
        !rack.nodes.contains(&node.meta.name)
            && !in_other_rack(&node.meta.name)
            && node.addresses.first().is_some_and(|address| subnet.contains(address))
    };
    if let Some(other) = other {
        return Some(format!("which rack {} has; expected another", other.name));
    }
    if let Some(node) = nodes.iter().find(is_elsewhere) {
        return Some(format!("in which node {} is too; expected all nodes of a subnet in its rack", node.meta.name));
    }
    if let Some(host) = spec.hosts.iter().find(|host| overlap(host.address.trunc(), subnet)) {
        return Some(format!("in which host {} is; expected a network of its own", host.name));
    }
    let (pods, services) = (spec.pod_cidr, spec.service_cidr);
    (overlap(pods, subnet) || overlap(services, subnet))
        .then(|| format!("which overlaps with podCIDR {pods} or serviceCIDR {services}; expected another"))
}

/// Drops filters at places that do not exist, and lost sessions of nodes that do not.
pub(in crate::lab::parse) fn fabric(spec: &mut LabSpec, nodes: &[Node], known: &[String], fields: &Fields<'_>) {
    let problems = fields.problems();
    let of_nodes = nodes.iter().filter_map(|node| slash_24(*node.addresses.first()?));
    let of_racks = spec.fabric.racks.iter().filter_map(|rack| rack.subnet);
    let of_hosts = spec.hosts.iter().map(|host| host.address.trunc());
    let subnets: BTreeSet<IpNet> = of_nodes.chain(of_racks).chain(of_hosts).collect();
    spec.fabric.filters.retain(|filter| {
        let (found, expected) = match &filter.site {
            FilterSite::Everywhere => return true,
            FilterSite::Subnet(net) if subnets.contains(net) => return true,
            FilterSite::Machine(place) if known.contains(&place.to_string()) => return true,
            FilterSite::Subnet(net) => {
                let names: Vec<String> = subnets.iter().map(ToString::to_string).collect();
                (net.to_string(), format!("a subnet of this lab: {}", names.join(", ")))
            }
            FilterSite::Machine(place) => {
                let wanted = place.to_string();
                let hint = hint(&wanted, known.iter().map(String::as_str));
                (wanted, format!("a machine of this lab{hint}"))
            }
        };
        problems.error(filter.span, format!("filters: found {found}, expected {expected}"));
        false
    });
    let here = fields.mapping("fabric").at("bgp.down");
    spec.fabric.bgp_down.retain(|name| {
        let exists = nodes.iter().any(|node| node.meta.name == *name);
        if !exists {
            let hint = hint(name, nodes.iter().map(|node| node.meta.name.as_str()));
            problems.error(here, format!("down: found {name:?}, expected a node of this cluster{hint}"));
        }
        exists
    });
}

/// All addresses in the subnets of racks: no node outside them is given one.
pub(in crate::lab::parse) fn rack_addresses(spec: &LabSpec) -> impl Iterator<Item = IpAddr> {
    spec.fabric.racks.iter().filter_map(|rack| rack.subnet).flat_map(|net| net.hosts())
}

/// The machines that the fabric itself has.
pub(super) fn machines(spec: &LabSpec, nodes: &[Node]) -> Vec<Place> {
    let routers = ["fabric"].into_iter().chain(spec.fabric.racks.iter().map(|rack| rack.name.as_str()));
    let mut places: Vec<Place> = routers.map(|name| Place::Router(name.to_owned())).collect();
    if spec.fabric.nested.is_some() {
        let names = nodes.iter().map(|node| node.meta.name.as_str()).chain(["fabric"]);
        places.extend(names.map(|name| Place::Host(format!("hv-{name}"))));
    }
    places
}
