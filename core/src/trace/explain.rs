//! The only prose: what a step did, why one cares, and the command that shows it on a real machine.

use super::{BridgeTarget, Decision, DropReason, Hook, Hop, NextHop, RejectReason, Stage, Step, Trace};
use crate::base::Place;
use crate::wire::{Transport, VXLAN_HEADER_LEN};

/// A step in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What happened, in one short sentence.
    pub headline: String,
    /// How it came about.
    pub what: String,
    /// Why one cares.
    pub why: String,
    /// The command that shows it on a real machine.
    pub command: Option<String>,
}

/// Explains `step`, which `hop` holds.
#[must_use]
pub fn explain(trace: &Trace, hop: &Hop, step: &Step) -> Explanation {
    let at = hop.at.short();
    let dev = step.device.as_deref().unwrap_or("eth0");
    let (headline, what, why) = words(trace, hop, step, at, dev);
    Explanation { headline, what, why, command: command(hop, step, dev) }
}

type Words = (String, String, String);

fn words(trace: &Trace, hop: &Hop, step: &Step, at: &str, dev: &str) -> Words {
    match &step.decision {
        Decision::Send { by, payload_len } => sends(trace, hop, by, *payload_len),
        Decision::KernelSend { .. } => kernel_sends(trace, hop, at),
        Decision::Route { dst, next_hop, chosen_src } => match next_hop {
            NextHop::Local if step.stage == Stage::Route && chosen_src.is_some() => (
                format!("{dst} is this place's own address."),
                format!("Table local is read first, and it has {dst}: the packet leaves by lo, and comes straight back in."),
                "Containers of one pod share one network namespace: they reach each other here, and no other device ever sees it."
                    .into(),
            ),
            NextHop::Local => (
                format!("The packet is for {at} itself."),
                format!("{dst} is in table local, the list of this machine's own addresses, which is read before any other."),
                "From here the packet goes up to a socket, not on to another device.".into(),
            ),
            NextHop::Direct { dev } => (
                format!("{dst} is on {dev}'s own segment."),
                format!("The longest prefix that covers {dst} names no gateway, so the packet goes to {dst} directly by {dev}."),
                "No router in between: only the link address of the target itself is needed.".into(),
            ),
            NextHop::Via { gateway, dev } => via(step, dst.to_string(), gateway.to_string(), dev),
        },
        Decision::Accept(hook) => hook_passed(*hook, at),
        Decision::DecrementTtl { from } => (
            format!("{at} forwards: TTL {from} becomes {}.", from.saturating_sub(1)),
            "The packet came in here but belongs elsewhere. Every machine that routes takes one from the TTL and repairs the header checksum.".into(),
            "A bridge does not do this: whether the TTL falls tells routing from bridging.".into(),
        ),
        Decision::Fits => fits(step, dev),
        Decision::NeighbourKnown { next_hop, mac } => (
            format!("{next_hop} is at {mac}."),
            format!("The neighbour table has an entry for {next_hop} on {dev}, so the Ethernet header can be written at once."),
            if dev.starts_with("flannel") {
                "flanneld wrote this entry for every other node when it joined: on a VXLAN device nobody ever asks by ARP.".into()
            } else {
                "IP addresses say where a packet is going in the end, Ethernet addresses who takes it next.".into()
            },
        ),
        Decision::NeighbourNone => (
            "Loopback needs no link address.".into(),
            "lo writes an Ethernet header of zeros: there is nobody on this segment but the machine itself.".into(),
            "That is why a capture on lo shows 00:00:00:00:00:00 on both sides.".into(),
        ),
        Decision::NeighbourAsk { next_hop } => (
            format!("Who is {next_hop}? The packet waits."),
            format!("The neighbour table knows no link address for {next_hop} on {dev}: an INCOMPLETE entry is made, the packet is put in line, and ARP asks."),
            "The first packet to a neighbour always pays for this. After one second without an answer the kernel asks again, three times in all.".into(),
        ),
        Decision::NeighbourWait { next_hop } => (
            format!("The packet waits in line for {next_hop}."),
            format!("ARP is already asking for {next_hop} on {dev}."),
            "The line is short: about a hundred packets, and the oldest goes first when it is full.".into(),
        ),
        Decision::NeighbourResume { next_hop, mac } => (
            format!("The answer came: {next_hop} is at {mac}."),
            "The packet that waited gets its Ethernet header and goes on.".into(),
            "From now on the entry is REACHABLE, and later packets find it at once.".into(),
        ),
        Decision::Transmit => transmits(hop, step, at, dev),
        Decision::Receive if step.stage == Stage::TunnelRx => (
            format!("The packet comes out of {dev}."),
            format!("To this machine it looks as if it had come in by {dev}: the inner Ethernet header is for {dev}'s own address, and is taken off."),
            "From here on the packet is routed like any other; nothing tells that it crossed a tunnel.".into(),
        ),
        Decision::Receive => (
            format!("{at} takes the frame in by {dev}."),
            format!("The destination address is {dev}'s own, so the kernel takes the Ethernet header off and hands the rest to IP."),
            "An Ethernet header lives for one segment only; the next one gets a new header.".into(),
        ),
        Decision::Bridge(target) => bridges(step, target, dev),
        Decision::ArpAnswer { ip, mac } => (
            format!("{at} answers: {ip} is at {mac}."),
            format!("The question was for an address of {at}. Whoever asks is noted in the neighbour table on the way, so {at} need not ask back."),
            "Everyone else on the segment heard the question too, and said nothing.".into(),
        ),
        Decision::ArpLearn { ip, mac } => (
            format!("{at} learns that {ip} is at {mac}."),
            "The INCOMPLETE entry becomes REACHABLE, and the packets that waited for it go on.".into(),
            "The answer came to the asker alone, not to the whole segment.".into(),
        ),
        Decision::Encapsulate { vni, remote } => encapsulates(step, dev, *vni, &remote.to_string()),
        Decision::Decapsulate { vni, remote } => (
            format!("{dev} takes the packet out of its envelope."),
            format!("A datagram for UDP port 8472 with network identifier {vni} from {remote}: outer IP, UDP and VXLAN headers come off, and the inner frame is as it was."),
            "The two nodes and the fabric saw only the outer addresses.".into(),
        ),
        Decision::Deliver { to } => delivers(trace, hop, to, at),
        Decision::Refuse(reason) => refuses(*reason, step),
        Decision::Drop(reason) => drops(*reason, step, at, dev),
    }
}

fn sends(trace: &Trace, hop: &Hop, by: &str, payload_len: usize) -> Words {
    let journey = trace.journey(hop.journey);
    match (journey.flow, journey.name.as_str()) {
        ("ping", _) => (
            format!("{by} sends an echo request."),
            format!("{payload_len} bytes of data, 8 of ICMP and 20 of IP. DF is set although nobody asked: Linux sets it on whatever fits the way."),
            "ping is the smallest question a network can be asked: does anything come back?".into(),
        ),
        ("udp", _) => (
            format!("{by} sends a datagram of {payload_len} bytes."),
            "No handshake: the kernel puts 8 bytes of UDP and 20 of IP in front, and sends.".into(),
            "Nobody will tell the sender if it gets lost.".into(),
        ),
        (_, "syn") => (
            format!("{by} asks for a connection."),
            "connect() makes the kernel send a SYN. Its MSS is the MTU of the way out less 40: what a segment may carry."
                .into(),
            "The application does not see packets. It waits in connect() until the answer is here.".into(),
        ),
        (_, "fin") => (
            format!("{by} closes: nothing more to say."),
            "close() makes the kernel send a FIN, which counts as one byte of the stream.".into(),
            "Each side closes its own direction; the client does it first here.".into(),
        ),
        (_, "fin-ack") => (
            format!("{by} closes too."),
            "The client's FIN is acknowledged, and the server's own FIN goes with it.".into(),
            "With both directions closed the connection is over.".into(),
        ),
        (_, name) => (
            format!("{by} hands {payload_len} bytes to the kernel."),
            format!("They leave in segment {name}: 20 bytes of IP, 20 of TCP and 12 of timestamps go in front. PSH ends a burst."),
            "A segment never holds more than the smaller of both sides' MSS, less the 12 bytes of options.".into(),
        ),
    }
}

fn kernel_sends(trace: &Trace, hop: &Hop, at: &str) -> Words {
    let journey = trace.journey(hop.journey);
    let (headline, what) = match journey.name.as_str() {
        "syn-ack" => (
            "The kernel accepts the connection.",
            "Somebody listens on that port, so the kernel answers SYN with SYN and ACK, and with its own MSS. The application is told only when the handshake is done.",
        ),
        "ack" => (
            "The handshake is complete.",
            "The client's kernel acknowledges the server's SYN. Now both sides know the other's first sequence number.",
        ),
        "last-ack" => ("The last acknowledgment.", "The client's kernel acknowledges the server's FIN."),
        "rst" => (
            "Nobody listens there: the kernel says so.",
            "A reset of 40 bytes without options. The client's connect() fails at once with ECONNREFUSED.",
        ),
        name if name.starts_with("reply") && journey.flow == "ping" => (
            "The kernel answers the ping by itself.",
            "No program is asked. The reply carries the same data, and DF is not set on it.",
        ),
        _ => (
            "The kernel acknowledges what arrived.",
            "Every second segment, and the last one of a message, is acknowledged at once.",
        ),
    };
    (headline.into(), what.into(), format!("This packet was made by {at}'s kernel; no application wrote it."))
}

fn via(step: &Step, dst: String, gateway: String, dev: &str) -> Words {
    let headline = format!("To {dst}: via {gateway} by {dev}.");
    let what = format!(
        "Of all routes that cover {dst} this one has the longest prefix. It names a gateway, so the packet goes to {gateway}'s link address while its IP destination stays {dst}."
    );
    let why = match (dev, step.outer) {
        (dev, _) if dev.starts_with("flannel") => {
            "flanneld wrote this row: one route for each other node's range of pod addresses. The gateway exists only as an entry in two tables."
        }
        ("eth0", _)
            if matches!(step.before.as_ref().and_then(|packet| packet.ip_header()).map(|ip| ip.ttl), Some(64)) =>
        {
            "A pod knows one neighbour, its node's bridge, and hands everything to it."
        }
        _ => "Routing decides the next station only; the one after is that station's decision.",
    };
    (headline, what, why.into())
}

fn hook_passed(hook: Hook, at: &str) -> Words {
    let moment = match hook {
        Hook::Prerouting => "before the routing decision; a Service address would be translated here",
        Hook::Input => "for packets that are for this machine",
        Hook::Forward => "for packets that pass through; policies sit here",
        Hook::Output => "for packets that this machine itself sends",
        Hook::Postrouting => "the last one, after routing; masquerading happens here",
    };
    (
        format!("{}: nothing registered, passed.", hook.name()),
        format!("{at}'s netfilter hook {} is {moment}.", hook.name()),
        "Every packet walks past the hooks on its path, rules or not.".into(),
    )
}

fn fits(step: &Step, dev: &str) -> Words {
    let Some(check) = &step.mtu else { return (format!("It fits {dev}."), String::new(), String::new()) };
    let room = check.mtu - check.len;
    (
        format!("{} bytes fit {dev}'s MTU of {}.", check.len, check.mtu),
        format!(
            "The IP packet is held against the device that it will leave by. {room} bytes are left. The Ethernet header does not count."
        ),
        if step.outer {
            "Here the envelope counts as well: that is why pods get an MTU that is 50 smaller than the NIC's.".into()
        } else {
            "What does not fit is cut, or refused if DF is set: here, before the device, not on the wire.".into()
        },
    )
}

fn transmits(hop: &Hop, step: &Step, at: &str, dev: &str) -> Words {
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

fn bridges(step: &Step, target: &BridgeTarget, dev: &str) -> Words {
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

fn encapsulates(step: &Step, dev: &str, vni: u32, remote: &str) -> Words {
    let inner = step.before.as_ref().map_or(0, |frame| frame.network_len());
    let outer = step.after.as_ref().map_or(0, |packet| packet.network_len());
    (
        format!("{dev} puts the frame into an envelope for {remote}."),
        format!(
            "{inner} bytes of IP become {outer}: 14 of inner Ethernet, {VXLAN_HEADER_LEN} of VXLAN with identifier {vni}, 8 of UDP and 20 of outer IP. The forwarding database told which node has that inner address."
        ),
        "The fabric knows nodes, not pods. The outer TTL starts at 64 anew and DF is not set, whatever the inner packet says.".into(),
    )
}

fn delivers(trace: &Trace, hop: &Hop, to: &str, at: &str) -> Words {
    let journey = trace.journey(hop.journey);
    if to == "kernel" {
        return (
            format!("{at} got the ping."),
            "An echo request needs no socket: the kernel answers it by itself.".into(),
            "A pod that answers a ping need not have a working application.".into(),
        );
    }
    let headline = match journey.name.as_str() {
        "syn" => format!("A listener is there: {to}."),
        "syn-ack" => "The server accepted.".into(),
        _ => format!("The packet reached {to}."),
    };
    (
        headline,
        "Addresses and ports name the socket: an open connection first, then whoever listens on the port.".into(),
        format!("The packet ends here; what {at} says next is a packet of its own."),
    )
}

fn refuses(reason: RejectReason, step: &Step) -> Words {
    match reason {
        RejectReason::IcmpFragNeeded => {
            let (len, mtu) = step.mtu.as_ref().map_or((0, 0), |check| (check.len, check.mtu));
            (
                format!("{len} bytes do not fit {mtu}, and DF is asked for: EMSGSIZE."),
                "The sender's own kernel refuses. Not one frame appears anywhere, not even ARP.".into(),
                "ping -M do finds the first limit this way: its own.".into(),
            )
        }
        RejectReason::IcmpNetUnreach => (
            "No route: ENETUNREACH.".into(),
            "No row of any table covers the destination, so the sender's own kernel refuses.".into(),
            "Nothing was sent.".into(),
        ),
        RejectReason::NoSocket => ("Refused.".into(), "Nobody listens on that port.".into(), String::new()),
    }
}

fn drops(reason: DropReason, step: &Step, at: &str, dev: &str) -> Words {
    let name = reason.name();
    let (headline, what) = match reason {
        DropReason::IpInnoroutes | DropReason::IpOutnoroutes => (
            format!("{at} has no route for it."),
            "No row of the routing tables covers the destination.".to_owned(),
        ),
        DropReason::IpInhdr => (
            format!("The TTL ran out at {at}."),
            "It came with TTL 1, and forwarding would make it 0.".to_owned(),
        ),
        DropReason::PktTooBig => {
            let (len, mtu) = step.mtu.as_ref().map_or((0, 0), |check| (check.len, check.mtu));
            (format!("{len} bytes do not fit {dev}'s MTU of {mtu}."), "The packet is refused here. This version does not cut packets into fragments.".to_owned())
        }
        DropReason::NeighFailed => (
            "Nobody answered ARP: given up.".to_owned(),
            "Three questions in three seconds, and no answer. The packets that waited are dropped.".to_owned(),
        ),
        DropReason::NoSocket => (
            "Nobody wants it.".to_owned(),
            match step.before.as_ref().and_then(|packet| packet.transport()) {
                Some(Transport::Tcp(tcp)) => format!("No socket listens on TCP port {}.", tcp.dport),
                Some(Transport::Udp(udp)) => format!("No socket listens on UDP port {}.", udp.dport),
                _ => "No socket waits for it.".to_owned(),
            },
        ),
        DropReason::FabricMtu => (
            format!("{at}'s {dev} takes no frame of that size."),
            "The frame is larger than the receiving NIC's MTU allows. It is thrown away before any capture on this machine sees it, and nobody is told.".to_owned(),
        ),
        DropReason::VxlanNoRemote => (
            format!("{dev} knows no node for that address."),
            "The tunnel's forwarding database has no row for the inner destination address.".to_owned(),
        ),
        DropReason::VxlanVniNotFound => (
            "No tunnel takes that identifier.".to_owned(),
            "The datagram's network identifier is not one of this machine's tunnel devices.".to_owned(),
        ),
        DropReason::Otherhost => ("Not for this machine.".to_owned(), "The frame was for another station.".to_owned()),
        DropReason::DevReady => (format!("{dev} is down."), "A device that is down sends nothing.".to_owned()),
    };
    (headline, what, format!("The kernel's name for it is {name}."))
}

/// Where a command is typed: a pod's namespace is entered from its node.
fn command(hop: &Hop, step: &Step, dev: &str) -> Option<String> {
    let target = |step: &Step| step.packet().and_then(|packet| packet.ip_header()).map(|ip| ip.dst);
    let command = match (&step.stage, &step.decision) {
        (Stage::Route, _) => format!("ip route get {}", target(step)?),
        (Stage::Neigh, Decision::NeighbourNone) => return None,
        (Stage::Neigh | Stage::Arp, _) => format!("ip neigh show dev {dev}"),
        (Stage::Bridge, _) => format!("bridge fdb show dev {dev}"),
        (Stage::Encap | Stage::Decap, _) => format!("bridge fdb show dev {dev}"),
        (Stage::Output, _) => format!("ip link show {dev}"),
        (Stage::Tx | Stage::Rx, _) if step.outer => format!("tcpdump -ni {dev} udp port 8472"),
        (Stage::Tx | Stage::Rx | Stage::TunnelRx, _) => format!("tcpdump -ni {dev}"),
        (Stage::Hook(_), _) => "iptables-save".to_owned(),
        (Stage::Forward, _) => "sysctl net.ipv4.ip_forward".to_owned(),
        (Stage::App | Stage::Deliver, _) => "ss -tunlp".to_owned(),
    };
    Some(match &*hop.at {
        Place::Pod { namespace, name } => format!("kubectl exec -n {namespace} {name} -- {command}"),
        _ => command,
    })
}
