//! `fabric`: racks, filters, nesting. Which machines and subnets there are is checked with the nodes.

use crate::base::Place;
use crate::lab::parse::fields::{Fields, int, net, text};
use crate::lab::parse::k8s;
use crate::lab::spec::{FabricSpec, FilterSite, FilterSpec, NestedSpec, RackSpec};
use crate::lab::yaml::Node;
use crate::net::{Direction, FrameMatch};

/// Autonomous system of the first rack; the next has the next. RFC 6996 keeps 64512 to 65534 for private use.
const FIRST_ASN: u32 = 65001;
/// Racks that the network of the uplinks has room for.
const MAX_RACKS: usize = 64;
/// Largest VXLAN network identifier that leaves room for one per subnet.
const MAX_VNI: i128 = (1 << 24) - 1024;

/// ICMP messages by their names in iptables, with type and code.
const ICMP_TYPES: [(&str, (u8, Option<u8>)); 7] = [
    ("echo-request", (8, None)),
    ("echo-reply", (0, None)),
    ("destination-unreachable", (3, None)),
    ("host-unreachable", (3, Some(1))),
    ("port-unreachable", (3, Some(3))),
    ("fragmentation-needed", (3, Some(4))),
    ("time-exceeded", (11, None)),
];

pub(super) fn fabric(fields: &Fields<'_>) -> FabricSpec {
    fields.only("fabric", &["racks", "filters", "nested", "bgp"]);
    let bgp = fields.mapping("bgp");
    bgp.only("fabric.bgp", &["down"]);
    let nested = fields.get("nested").map(|_| nested(&fields.mapping("nested")));
    FabricSpec {
        racks: racks(fields),
        filters: fields.mappings("filters").filter_map(|filter| filter_spec(&filter)).collect(),
        nested,
        bgp_down: bgp.read_all("down", "the name of a node", text).into_iter().map(str::to_owned).collect(),
    }
}

fn racks(fields: &Fields<'_>) -> Vec<RackSpec> {
    let mut racks: Vec<RackSpec> = Vec::new();
    for (index, rack) in (0..).zip(fields.mappings("racks")) {
        rack.only("fabric.racks", &["name", "asn", "nodes", "subnet"]);
        if rack.get("name").is_none() {
            fields.problems().error(rack.span(), "found a rack without name, expected its name");
        }
        let Some(name) = rack.read("name", k8s::NAME, k8s::name) else { continue };
        let here = rack.at("name");
        if racks.len() == MAX_RACKS {
            fields.problems().error(here, format!("racks: found more than {MAX_RACKS}, expected {MAX_RACKS} at most"));
            break;
        }
        if name == "fabric" {
            fields.problems().error(here, "name: found rack fabric, which the router between the racks is called");
            continue;
        }
        if let Some(first) = racks.iter().find(|other| other.name == name) {
            let there = fields.problems().there(here, first.span);
            fields.problems().error(here, format!("found rack {name} again, expected it once: it stands {there}"));
            continue;
        }
        let asn = |node: &Node<'_>| int(node).filter(|asn| *asn > 0).and_then(|asn| asn.try_into().ok());
        let is_24 = |node: &Node<'_>| net(node).filter(|net| net.addr().is_ipv4() && net.prefix_len() == 24);
        racks.push(RackSpec {
            name: name.to_owned(),
            asn: rack.read("asn", "an autonomous system number 1-4294967295", asn).unwrap_or(FIRST_ASN + index),
            nodes: rack.read_all("nodes", "the name of a node", text).into_iter().map(str::to_owned).collect(),
            subnet: rack.read("subnet", "an IPv4 /24 like 172.18.1.0/24", is_24),
            span: here,
        });
    }
    racks
}

fn filter_spec(fields: &Fields<'_>) -> Option<FilterSpec> {
    let known = ["at", "direction", "protocol", "port", "icmpType", "flags", "inside", "action", "count"];
    fields.only("fabric.filters", &known);
    let site = match fields.get("at") {
        None => FilterSite::Everywhere,
        Some(_) => {
            fields.read("at", "a machine like node/NAME or router/NAME, or a subnet like 172.18.0.0/24", site)?
        }
    };
    let one_of = |key: &str, expected: &str, names: &[&str]| {
        fields.read(key, expected, |node| names.iter().position(|name| text(node) == Some(name)))
    };
    one_of("action", "drop", &["drop"]);
    let direction = one_of("direction", "in or out", &["in", "out"]);
    let stated = fields.read("protocol", "tcp, udp, icmp, ipip or a protocol number 0-255", protocol);
    let port = fields.port("port");
    let icmp = fields.read("icmpType", "a type like 3, a type and code like 3/4, or a name like echo-request", icmp);
    let flags = one_of("flags", "syn or syn-ack", &["syn", "syn-ack"]);
    // What only one protocol has names that protocol.
    let implied = match (icmp, flags) {
        (Some(_), _) => Some(1),
        (None, Some(_)) => Some(6),
        (None, None) => None,
    };
    if let (Some(stated), Some(implied)) = (stated, implied.filter(|implied| Some(*implied) != stated)) {
        let key = if icmp.is_some() { "icmpType" } else { "flags" };
        let text = format!("{key}: found a field of protocol {implied} beside protocol {stated}, expected one of them");
        fields.problems().error(fields.at(key), text);
        return None;
    }
    if let (Some(port), Some(protocol)) = (port, stated.or(implied).filter(|protocol| !matches!(protocol, 6 | 17))) {
        let text = format!("port: found {port} beside protocol {protocol}, which has no ports; expected tcp or udp");
        fields.problems().error(fields.at("port"), text);
        return None;
    }
    Some(FilterSpec {
        site,
        direction: direction.map(|index| if index == 0 { Direction::In } else { Direction::Out }),
        matches: FrameMatch {
            protocol: stated.or(implied),
            port,
            icmp,
            flags: flags.map(|index| (true, index == 1)),
            inside: fields.flag("inside").unwrap_or_default(),
        },
        count: fields.count("count"),
        span: fields.at("at"),
    })
}

fn site(node: &Node<'_>) -> Option<FilterSite> {
    if let Some(net) = net(node) {
        return Some(FilterSite::Subnet(net));
    }
    match text(node)?.parse().ok()? {
        Place::Pod { .. } => None,
        machine => Some(FilterSite::Machine(machine)),
    }
}

fn protocol(node: &Node<'_>) -> Option<u8> {
    match text(node) {
        Some("icmp") => Some(1),
        Some("ipip") => Some(4),
        Some("tcp") => Some(6),
        Some("udp") => Some(17),
        Some(_) => None,
        None => int(node)?.try_into().ok(),
    }
}

fn icmp(node: &Node<'_>) -> Option<(u8, Option<u8>)> {
    let Some(text) = text(node) else { return Some((int(node)?.try_into().ok()?, None)) };
    if let Some((_, known)) = ICMP_TYPES.iter().find(|(name, _)| *name == text) {
        return Some(*known);
    }
    let (kind, code) = text.split_once('/')?;
    Some((kind.parse().ok()?, Some(code.parse().ok()?)))
}

fn nested(fields: &Fields<'_>) -> NestedSpec {
    fields.only("fabric.nested", &["vni", "mtu"]);
    let vni = |node: &Node<'_>| int(node).filter(|vni| (1..=MAX_VNI).contains(vni)).and_then(|vni| vni.try_into().ok());
    let mtu =
        |node: &Node<'_>| int(node).filter(|mtu| (168..=65_535).contains(mtu)).and_then(|mtu| mtu.try_into().ok());
    NestedSpec {
        vni: fields.read("vni", "a VXLAN network identifier 1-16776192", vni).unwrap_or(100),
        mtu: fields.read("mtu", "a number of bytes 168-65535", mtu).unwrap_or(1500),
    }
}
