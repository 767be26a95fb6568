//! Words for a packet's way: routes, MTU, devices, bridges, tunnels.

use super::Words;
use crate::base::Place;
use crate::trace::{BridgeTarget, DropReason, Envelope, Hop, Step};
use crate::wire::{GENEVE_HEADER_LEN, Packet, Transport, VXLAN_HEADER_LEN};

pub(super) fn via(hop: &Hop, dst: &str, gateway: &str, dev: &str) -> Words {
    let headline = format!("To {dst}: via {gateway} by {dev}.");
    let what = format!(
        "Of all routes that cover {dst} this one has the longest prefix. It names a gateway, so the packet goes to {gateway}{} while its IP destination stays {dst}.",
        if dev == "tunl0" { " through the tunnel" } else { "'s link address" }
    );
    let why = match &*hop.at {
        _ if dev.starts_with("flannel") => {
            "flanneld wrote this row: one route for each other node's range of pod addresses. The gateway exists only as an entry in two tables."
        }
        _ if dev.starts_with("vxlan") => {
            "Felix, calico's daemon, wrote this row: one route for each other node's block of pod addresses. The gateway exists only as an entry in two tables."
        }
        _ if dev == "tunl0" => {
            "BIRD, calico's routing daemon, wrote this row: one route for each other node's block of pod addresses. The gateway is that node, where the tunnel ends."
        }
        Place::Pod { .. } if gateway.starts_with("169.254.") => {
            "No device has that address. The pod asks for it by ARP, and its node answers: so every packet comes to the node, whatever it is for."
        }
        Place::Pod { .. } => "A pod knows one neighbour, its node's bridge, and hands everything to it.",
        _ => "Routing decides the next station only; the one after is that station's decision.",
    };
    (headline, what, why.into())
}

pub(super) fn balances(dst: &str, gateway: &str) -> Words {
    (
        format!("The balancer hands {dst} to {gateway}."),
        format!("{dst} is a service's address that no machine has. The load balancer has left a route for it: to one of the nodes that it finds healthy. The packet's destination stays {dst}; the node translates it."),
        "With externalTrafficPolicy: Local only nodes with an endpoint of their own answer the health check; with Cluster every node will do, and may have to pass the packet on.".into(),
    )
}

pub(super) fn balances_nothing(reason: DropReason) -> Words {
    (
        "No node is healthy: the balancer drops it.".into(),
        "The service has externalTrafficPolicy: Local, and no node answers its health check node port with 200. The route that the balancer has left is a blackhole.".into(),
        format!("Nobody is told, and the client tries until it gives up. The kernel's name for it is {}.", reason.name()),
    )
}

pub(super) fn fits(step: &Step, dev: &str) -> Words {
    let Some(check) = &step.mtu else { return (format!("It fits {dev}."), String::new(), String::new()) };
    let room = check.mtu - check.len;
    (
        format!("{} bytes fit {dev}'s MTU of {}.", check.len, check.mtu),
        format!(
            "The IP packet is held against the device that it will leave by. {room} bytes are left. The Ethernet header does not count."
        ),
        if step.outer {
            "Here the envelope counts as well: that is why pods get an MTU that is smaller than the NIC's.".into()
        } else {
            "What does not fit is cut, or refused if DF is set: here, before the device, not on the wire.".into()
        },
    )
}

pub(super) fn transmits(hop: &Hop, step: &Step, at: &str, dev: &str) -> Words {
    if dev == "lo" {
        return (
            "Out by lo, and in by lo.".into(),
            "Whatever is handed to the loopback device comes back in by it at once.".into(),
            "No cable, no bridge, no other place is involved.".into(),
        );
    }
    match &*hop.at {
        Place::Pod { .. } => (
            format!("The frame leaves {at} by {dev}."),
            format!("{dev} is one end of a veth pair: whatever goes in here comes out at the other end, on the node."),
            "This is the pod's only way out. The pod's border is its network namespace, and the cable crosses it.".into(),
        ),
        _ if ["cali", "lxc", "veth"].iter().any(|prefix| dev.starts_with(prefix)) => (
            format!("The frame leaves {at} by {dev}."),
            format!("{dev} is one end of a veth pair: whatever goes in here comes out of the pod's eth0."),
            "The other end of the cable is in another network namespace, and that is the pod's border.".into(),
        ),
        _ => (
            format!("The frame leaves {at} by {dev}."),
            "It is on the wire of the fabric now. Switches on the way read its Ethernet addresses, routers its outer IP addresses.".into(),
            if step.outer {
                "What the fabric sees is a UDP datagram between two nodes; it never learns that pods exist.".into()
            } else {
                "What the fabric sees are the addresses exactly as they stand here.".into()
            },
        ),
    }
}

pub(super) fn bridges(step: &Step, target: &BridgeTarget, dev: &str) -> Words {
    let learned = if step.wrote.is_empty() {
        ""
    } else {
        " On the way in, the source address is noted with the port it came by."
    };
    match target {
        BridgeTarget::Host => (
            "The bridge hands the frame up to the node.".into(),
            format!(
                "The frame came in by {dev}. Its destination is the bridge's own address, so it leaves the bridge upwards, to the node's IP.{learned}"
            ),
            "This is where bridging ends and routing begins: the pod addressed its gateway.".into(),
        ),
        BridgeTarget::Port(port) => (
            format!("The bridge sends the frame out by {port}."),
            format!("The forwarding database has the destination address behind {port}.{learned}"),
            "A bridge changes nothing: same addresses, same TTL. The IP header is not even read.".into(),
        ),
        BridgeTarget::Broadcast(ports) => (
            format!("The bridge floods the frame to {} port{}.", ports.len(), if ports.len() == 1 { "" } else { "s" }),
            format!("It is for everyone, so every port gets a copy, and so does the node itself.{learned}"),
            "A port in hairpin mode gets its own frame back as well; whoever is not meant keeps silent.".into(),
        ),
        BridgeTarget::Unknown(ports) => (
            format!("Unknown address: the bridge floods to {} ports.", ports.len()),
            format!(
                "The forwarding database does not have the destination yet, so every other port gets a copy.{learned}"
            ),
            "The answer will teach the bridge where the address is.".into(),
        ),
    }
}

pub(super) fn encapsulates(step: &Step, dev: &str, envelope: Envelope, remote: &str) -> Words {
    let inner = step.before.as_ref().map_or(0, Packet::network_len);
    let outer = step.after.as_ref().map_or(0, Packet::network_len);
    let told = if step.consulted.is_empty() {
        "The packet itself told which node it is for."
    } else {
        "The forwarding database told which node has that inner address."
    };
    let what = match envelope {
        Envelope::Ipip => format!(
            "{inner} bytes of IP become {outer}: 20 of outer IP with protocol 4, and nothing else. The gateway of the packet's route told which node it is for."
        ),
        _ => format!(
            "{inner} bytes of IP become {outer}: 14 of inner Ethernet, {}, 8 of UDP and 20 of outer IP. {told}",
            header(envelope)
        ),
    };
    let why = match envelope {
        Envelope::Ipip => {
            "The fabric knows nodes, not pods. The outer header takes TTL and DF from the inner one, so the fabric's complaints come to the node."
        }
        _ => {
            "The fabric knows nodes, not pods. The outer TTL starts at 64 anew and DF is not set, whatever the inner packet says."
        }
    };
    (format!("{dev} puts the {} into an envelope for {remote}.", content(envelope)), what, why.into())
}

pub(super) fn decapsulates(step: &Step, dev: &str, envelope: Envelope, remote: &str) -> Words {
    let port = match step.before.as_ref().and_then(Packet::transport) {
        Some(Transport::Udp(udp)) => udp.dport,
        _ => 0,
    };
    let what = match envelope {
        Envelope::Ipip => {
            format!(
                "A packet of protocol 4 from {remote}: the outer IP header comes off, and the inner packet is as it was."
            )
        }
        Envelope::Vxlan { vni } | Envelope::Geneve { vni } => {
            let name = if matches!(envelope, Envelope::Vxlan { .. }) { "VXLAN" } else { "Geneve" };
            format!(
                "A datagram for UDP port {port} with network identifier {vni} from {remote}: outer IP, UDP and {name} headers come off, and the inner frame is as it was."
            )
        }
    };
    (
        format!("{dev} takes the packet out of its envelope."),
        what,
        "The two nodes and the fabric saw only the outer addresses.".into(),
    )
}

/// The tunnel's own header as a term of the sum.
fn header(envelope: Envelope) -> String {
    match envelope {
        Envelope::Vxlan { vni } => format!("{VXLAN_HEADER_LEN} of VXLAN with identifier {vni}"),
        Envelope::Geneve { vni } => format!("{GENEVE_HEADER_LEN} of Geneve with identifier {vni}"),
        Envelope::Ipip => String::new(),
    }
}

fn content(envelope: Envelope) -> &'static str {
    match envelope {
        Envelope::Vxlan { .. } | Envelope::Geneve { .. } => "frame",
        Envelope::Ipip => "packet",
    }
}
