//! What is between the machines: switches, the router that joins them, racks with routers of their own, filters.
//!
//! Without racks every subnet has one switch and `router/fabric` is on all of them. A rack has its own `router/NAME` on
//! its subnet, which is joined to `router/fabric` by an uplink: a spine and its leaves. Routers of racks speak BGP with
//! the spine and, where the network provider does, with the nodes; what they have learned stands in their tables from
//! the first moment as ordinary routes.

use std::net::IpAddr;

use ipnet::IpNet;

use super::names::machines_outside;
use super::nested::Nested;
use super::spec::{FabricSpec, FilterSite, LabSpec};
use crate::base::{BTreeMap, Place, Writer};
use crate::k8s::cni::NodeNet;
use crate::k8s::cni::bgp::{Bgp, NODE_ASN};
use crate::net::{At, DevRef, Filter, InterfaceKind, NetNs, NsId, Protocol, Route, SegmentId, Site, Topology};

/// Autonomous system of the router between the racks.
const SPINE_ASN: u32 = 65000;
/// Networks for what nobody else sees, uplinks of racks and hypervisors: the first that is in nobody's way.
const INTERNAL: [[u8; 2]; 4] = [[172, 31], [192, 168], [10, 254], [100, 127]];
/// A machine's one NIC.
const NIC: &str = "eth0";
/// Prefix length of an uplink: two ends.
const UPLINK_PREFIX: u8 = 30;

/// The routers, and a switch for each subnet.
pub(super) struct Fabric {
    router: NsId,
    subnets: BTreeMap<IpNet, Subnet>,
    racks: Vec<Rack>,
    nested: Option<Nested>,
}

struct Subnet {
    segment: SegmentId,
    /// The router on it, and its first address, which is the router's.
    router: NsId,
    gateway: IpAddr,
    /// Whether the machines on it are virtual ones, each on a cable of its own.
    is_nested: bool,
}

/// A rack's router and its uplink: the spine's end and its own.
struct Rack {
    router: NsId,
    asn: u32,
    uplink: IpNet,
    ends: [IpAddr; 2],
}

impl Fabric {
    /// The router that joins all subnets, and the racks.
    pub(super) fn new(topo: &mut Topology, spec: &LabSpec, nodes: &[NodeNet], seed: u64) -> Self {
        let router = topo.add_namespace(router_ns("fabric", spec, seed));
        let internal = internal(spec, nodes);
        let nested = spec.fabric.nested.map(|nested| Nested::new(topo, nested, internal, seed));
        let mut fabric = Self { router, subnets: BTreeMap::new(), racks: Vec::new(), nested };
        let uplinks = internal.subnets(UPLINK_PREFIX).into_iter().flatten();
        for (rack, uplink) in spec.fabric.racks.iter().zip(uplinks) {
            let Some(subnet) = rack.subnet else { continue };
            let tor = topo.add_namespace(router_ns(&rack.name, spec, seed));
            let segment = topo.add_segment();
            fabric.add_subnet(topo, tor, subnet, segment, spec.mtu);
            let segment = topo.add_segment();
            let mut hosts = uplink.hosts();
            let (Some(spine_end), Some(rack_end)) = (hosts.next(), hosts.next()) else { continue };
            for (ns, address) in [(router, spine_end), (tor, rack_end)] {
                add_port(topo, ns, segment, IpNet::new_assert(address, UPLINK_PREFIX), spec.mtu);
            }
            fabric.racks.push(Rack { router: tor, asn: rack.asn, uplink, ends: [spine_end, rack_end] });
        }
        fabric
    }

    /// Makes sure that a subnet of nodes has a switch and a port of a router, with its first address.
    pub(super) fn node_subnet(&mut self, topo: &mut Topology, subnet: IpNet, mtu: usize) {
        if self.subnets.contains_key(&subnet) {
            return;
        }
        let nic = next_nic(topo.ns(self.router));
        let place = topo.ns(self.router).place.clone();
        let segment = match &mut self.nested {
            Some(nested) => nested.cable(topo, subnet, &place, &nic, mtu),
            None => topo.add_segment(),
        };
        self.add_subnet(topo, self.router, subnet, segment, mtu);
        if let Some(subnet) = self.subnets.get_mut(&subnet) {
            subnet.is_nested = self.nested.is_some();
        }
    }

    /// The same for a subnet of machines outside, of which `address` is one's.
    pub(super) fn subnet(&mut self, topo: &mut Topology, address: IpNet, mtu: usize) {
        let subnet = address.trunc();
        if !self.subnets.contains_key(&subnet) {
            let segment = topo.add_segment();
            // Resolvers like 1.1.1.1 have the address that is otherwise the router's.
            let gateway = subnet.hosts().find(|ip| *ip != address.addr());
            self.add_gateway(topo, self.router, subnet, gateway, segment, mtu);
        }
    }

    fn add_subnet(&mut self, topo: &mut Topology, router: NsId, subnet: IpNet, segment: SegmentId, mtu: usize) {
        self.add_gateway(topo, router, subnet, subnet.hosts().next(), segment, mtu);
    }

    fn add_gateway(
        &mut self,
        topo: &mut Topology,
        router: NsId,
        subnet: IpNet,
        gateway: Option<IpAddr>,
        segment: SegmentId,
        mtu: usize,
    ) {
        let Some(gateway) = gateway else { return };
        add_port(topo, router, segment, IpNet::new_assert(gateway, subnet.prefix_len()), mtu);
        self.subnets.insert(subnet, Subnet { segment, router, gateway, is_nested: false });
    }

    /// Gives a machine its NIC on `subnet`, its addresses and its default gateway.
    pub(super) fn plug_in(
        &mut self,
        topo: &mut Topology,
        mut ns: NetNs,
        subnet: IpNet,
        addresses: impl Iterator<Item = IpNet>,
        mtu: usize,
    ) -> (NsId, DevRef) {
        let Subnet { segment, gateway, is_nested, .. } = self.subnets[&subnet];
        let segment = match self.nested.as_mut().filter(|_| is_nested) {
            Some(nested) => nested.cable(topo, subnet, &ns.place, NIC, mtu),
            None => segment,
        };
        let nic = ns.add_interface(NIC, mtu, Writer::Admin, |_| InterfaceKind::Nic { segment });
        for address in addresses {
            ns.add_address(nic.index, address, Writer::Admin);
        }
        let default = IpNet::new_assert(IpAddr::from([0, 0, 0, 0]), 0);
        ns.main.add(Route { gateway: Some(gateway), ..Route::unicast(default, &nic, Writer::Admin) });
        let id = topo.add_namespace(ns);
        topo.segment_mut(segment).ports.push(At { ns: id, index: nic.index });
        (id, nic)
    }

    /// What is done when all machines are plugged in.
    pub(super) fn finish(&self, topo: &mut Topology, spec: &FabricSpec) {
        if let Some(nested) = &self.nested {
            nested.connect(topo);
        }
        self.add_filters(topo, spec);
    }

    /// The sessions of a fabric with racks: each router of a rack with the spine, and each of `nodes` that speaks BGP
    /// with the router of its subnet.
    pub(super) fn bgp(&self, topo: &Topology, spec: &FabricSpec, nodes: &[NodeNet]) -> Bgp {
        let mut bgp = Bgp::default();
        let place = |ns: NsId| topo.ns(ns).place.clone();
        let own = |router: NsId| -> Vec<IpNet> {
            self.subnets.iter().filter(|(_, subnet)| subnet.router == router).map(|(net, _)| *net).collect()
        };
        let spine = bgp.add(place(self.router), SPINE_ASN, own(self.router));
        let mut speakers = BTreeMap::from([(self.router, spine)]);
        for Rack { router, asn, uplink, ends } in &self.racks {
            let rack = bgp.add(place(*router), *asn, own(*router));
            bgp.connect((spine, ends[0]), (rack, ends[1]), *uplink);
            speakers.insert(*router, rack);
        }
        for node in nodes {
            let speaker = bgp.add(node.place.clone(), NODE_ASN, vec![node.pod_cidr]);
            let is_down = spec.bgp_down.iter().any(|name| name == node.place.short());
            if let Some(subnet) = self.subnets.get(&node.subnet).filter(|_| !is_down) {
                bgp.connect((speakers[&subnet.router], subnet.gateway), (speaker, node.address), node.subnet);
            }
        }
        bgp
    }

    /// Writes what the routers have learned into their tables.
    pub(super) fn learn(&self, topo: &mut Topology, bgp: &Bgp) {
        for router in std::iter::once(self.router).chain(self.racks.iter().map(|rack| rack.router)) {
            bgp.install(topo.ns_mut(router), Protocol::Bgp, Writer::Admin);
        }
    }

    fn add_filters(&self, topo: &mut Topology, spec: &FabricSpec) {
        for filter in &spec.filters {
            let site = match &filter.site {
                FilterSite::Everywhere => Some(Site::Everywhere),
                FilterSite::Subnet(net) => self.subnets.get(net).map(|subnet| Site::Segment(subnet.segment)),
                FilterSite::Machine(place) => topo.find(place).map(Site::Machine),
            };
            if let Some(site) = site {
                let (direction, matches, left) = (filter.direction, filter.matches, filter.count);
                topo.add_filter(Filter { site, direction, matches, left });
            }
        }
    }
}

fn router_ns(name: &str, spec: &LabSpec, seed: u64) -> NetNs {
    let mut router = NetNs::new(Place::Router(name.to_owned()), seed);
    router.sysctls.ip_forward = true;
    set_sysctls(&mut router, spec);
    router
}

/// Sets what the lab says of this machine's kernel.
pub(super) fn set_sysctls(ns: &mut NetNs, spec: &LabSpec) {
    if let Some(settings) = spec.sysctls.get(&ns.place.to_string()) {
        ns.sysctls.apply(settings);
    }
}

/// Gives a router a NIC on `segment`.
fn add_port(topo: &mut Topology, router: NsId, segment: SegmentId, address: IpNet, mtu: usize) {
    let ns = topo.ns_mut(router);
    let name = next_nic(ns);
    let port = ns.add_interface(&name, mtu, Writer::Admin, |_| InterfaceKind::Nic { segment });
    ns.add_address(port.index, address, Writer::Admin);
    topo.segment_mut(segment).ports.push(At { ns: router, index: port.index });
}

/// What a router's next NIC is called: `lo` has index 1, and the first NIC is eth0.
fn next_nic(router: &NetNs) -> String {
    format!("eth{}", router.next_index() - 2)
}

/// A network that nothing in the lab overlaps with.
fn internal(spec: &LabSpec, nodes: &[NodeNet]) -> IpNet {
    let taken: Vec<IpNet> = [spec.pod_cidr, spec.service_cidr]
        .into_iter()
        .chain(nodes.iter().flat_map(|node| [node.subnet, node.pod_cidr]))
        .chain(machines_outside(spec).iter().map(|host| host.address.trunc()))
        .collect();
    let net = |[a, b]: [u8; 2]| IpNet::new_assert(IpAddr::from([a, b, 0, 0]), 16);
    let is_free = |candidate: &IpNet| !taken.iter().any(|net| net.contains(candidate) || candidate.contains(net));
    INTERNAL.into_iter().map(net).find(is_free).unwrap_or(net(INTERNAL[0]))
}

#[cfg(test)]
mod tests;
