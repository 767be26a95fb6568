//! Words for where packets begin and end: applications, the kernel's own packets, sockets, refusals, drops.

use super::{Words, ipvs};
use crate::trace::{DropReason, Hop, RejectReason, Stage, Step, Trace};
use crate::wire::{Packet, Transport};

pub(super) fn sends(trace: &Trace, hop: &Hop, by: &str, payload_len: usize) -> Words {
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

/// What packets that tell of an error are called.
const ICMP_ERRORS: [&str; 5] =
    ["port-unreachable", "host-unreachable", "net-unreachable", "frag-needed", "time-exceeded"];

pub(super) fn kernel_sends(trace: &Trace, hop: &Hop, at: &str) -> Words {
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
        // The second one of a kind has a number behind its name.
        name if ICMP_ERRORS.iter().any(|error| name.starts_with(error)) => (
            "The sender is told why.",
            "An ICMP error goes back to where the packet came from. It quotes the packet's first bytes, so that the sender's kernel finds the socket it is about.",
        ),
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

pub(super) fn sends_again(trace: &Trace, hop: &Hop, payload_len: usize) -> Words {
    let name = trace.journey(hop.journey).name.as_str();
    let what = match payload_len {
        0 => "Nobody acknowledged it in time. The segment is the same, only its timestamp is new.".to_owned(),
        len => format!(
            "Its {len} bytes did not get through: no acknowledgment came in time, or later ones told of a hole, or a router of a narrower way."
        ),
    };
    (
        format!("The kernel sends it again: {name}."),
        what,
        "The application notices nothing but the time: after one second for a SYN, after about 200 ms for data, and each silence doubles the next wait.".into(),
    )
}

pub(super) fn learns(step: &Step, at: &str) -> Words {
    let quoted = step.packet().and_then(Packet::quoted).and_then(|quoted| quoted.ip_header());
    let dst = quoted.map(|ip| ip.dst.to_string()).unwrap_or_default();
    (
        format!("{at} learns how wide the way to {dst} is."),
        format!("A router could not send a packet on in one piece, and told what fits. The kernel keeps that for {dst} alone, as an exception beside its routing tables."),
        "For ten minutes it sends nothing larger there: TCP cuts its segments anew at once, and ping -M do is refused by its own kernel.".into(),
    )
}

pub(super) fn delivers(trace: &Trace, hop: &Hop, to: &str, at: &str) -> Words {
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

pub(super) fn refuses(reason: RejectReason, step: &Step) -> Words {
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
        RejectReason::IcmpHostUnreach => (
            "The route says unreachable: EHOSTUNREACH.".into(),
            "The row that covers the destination leads nowhere and says so.".into(),
            "Nothing was sent.".into(),
        ),
        RejectReason::IcmpPktFiltered => (
            "The route says prohibited: EACCES.".into(),
            "The row or rule that covers the destination forbids it.".into(),
            "Nothing was sent.".into(),
        ),
        RejectReason::Inval => (
            "A blackhole: EINVAL.".into(),
            "The row or rule that covers the destination is a blackhole. Packets that pass through vanish in it; who sends from here is told that the argument is wrong.".into(),
            "Nothing was sent.".into(),
        ),
        _ => ("Refused.".into(), "Nobody listens on that port.".into(), String::new()),
    }
}

pub(super) fn drops(reason: DropReason, step: &Step, at: &str, dev: &str, told: bool) -> Words {
    let name = reason.name();
    let (headline, what) = match reason {
        _ if ipvs::is_about(step) => ipvs::drops(step, at),
        DropReason::IpInnoroutes | DropReason::IpOutnoroutes => (
            format!("{at} has no route for it."),
            "No row of the routing tables covers the destination.".to_owned(),
        ),
        DropReason::IpInaddrerrors => (
            format!("{at} is no router: it forwards nothing."),
            format!("The packet is for another machine, and forwarding is off for what comes in by {dev}. Who does not forward does not complain either."),
        ),
        DropReason::NotSpecified if step.stage == Stage::Bridge => (
            format!("{dev} is where it came from."),
            "The forwarding database has the address behind the very port that the frame came in by, and that port is not in hairpin mode: whoever is there has it already.".to_owned(),
        ),
        DropReason::NotSpecified if step.stage == Stage::Defrag => (
            format!("{at} holds too many pieces already."),
            "Pieces wait for the rest of their packet in memory that is bounded (ipfrag_high_thresh): when it is full, every further piece is dropped, and nobody is told.".to_owned(),
        ),
        DropReason::NotSpecified => (
            format!("A route of {at} says no."),
            "The row that decided is a blackhole, or one that refuses: blackhole, unreachable and prohibit are routes that lead nowhere. A blackhole tells nobody.".to_owned(),
        ),
        DropReason::FabricLoop => (
            "This goes on for ever: the run ends here.".to_owned(),
            "Frames have no TTL: where two ways between bridges are open, a frame that everybody gets goes round and round. A real network melts; here the steps of a run are counted.".to_owned(),
        ),
        DropReason::IpInhdr => (
            format!("The TTL ran out at {at}."),
            "It came with TTL 1, and forwarding would make it 0.".to_owned(),
        ),
        DropReason::PktTooBig => {
            let (len, mtu) = step.mtu.as_ref().map_or((0, 0), |check| (check.len, check.mtu));
            (format!("{len} bytes do not fit {dev}'s MTU of {mtu}."), "DF forbids to cut it.".to_owned())
        }
        DropReason::NeighFailed => (
            "Nobody answered ARP: given up.".to_owned(),
            "Three questions in three seconds, and no answer. The packets that waited are dropped.".to_owned(),
        ),
        DropReason::NoSocket => (
            "Nobody wants it.".to_owned(),
            match step.before.as_ref().and_then(Packet::transport) {
                Some(Transport::Tcp(tcp)) => format!("No socket listens on TCP port {}.", tcp.dport),
                Some(Transport::Udp(udp)) => format!("No socket listens on UDP port {}.", udp.dport),
                _ => "No socket waits for it.".to_owned(),
            },
        ),
        DropReason::FabricMtu if step.stage == Stage::Tx => (
            format!("The bridge's port {dev} takes no frame of that size."),
            "The frame is larger than the port's MTU. A bridge does not cut and tells nobody.".to_owned(),
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
        DropReason::FabricFiltered => (
            "A filter of the fabric drops it.".to_owned(),
            "Whoever runs this network lets such packets not through, and nobody is told.".to_owned(),
        ),
        DropReason::NetfilterDrop => match step.service.as_ref().and_then(|it| Some((it, it.refusal?))) {
            Some((service, refusal)) => super::netfilter::refuses_service(service, refusal, told, at),
            None if told => (
                format!("A rule of {at} refuses it."),
                "The verdict of the rule that matched is REJECT: the packet ends, and its sender is told.".to_owned(),
            ),
            None => (
                format!("A rule of {at} drops it."),
                "The verdict of the rule that matched is DROP: the packet ends, and nobody is told.".to_owned(),
            ),
        },
        DropReason::IpRpfilter => (
            format!("{at} would not answer by {dev}: reverse path filter."),
            "The way back to the source address does not lead out of the device that the packet came in by.".to_owned(),
        ),
        DropReason::IpInvalidSource | DropReason::IpLocalSource => (
            "A martian: no such source can come from outside.".to_owned(),
            format!("The source address is one that cannot rightly arrive by {dev}."),
        ),
        DropReason::IpInvalidDest | DropReason::IpLocalnet => (
            "A martian: no such destination can come from outside.".to_owned(),
            "Addresses of 127.0.0.0/8 are for use inside one machine.".to_owned(),
        ),
        DropReason::NoTxTarget => (
            format!("{dev} has nowhere to send it."),
            "The device has no such port or peer that is up.".to_owned(),
        ),
        DropReason::BpfNoService
        | DropReason::BpfUnroutable
        | DropReason::BpfTtlExceeded
        | DropReason::BpfNotInSrcRange
        | DropReason::BpfIsClusterIp
        | DropReason::BpfNoFib
        | DropReason::BpfFragNotFound => {
            let (headline, what) = super::bpf::drops(reason);
            return (headline, what, format!("The kernel has no name for it; Cilium's is {}.", name.replace("BPF_", "DROP_")));
        }
        DropReason::QdiscDrop => (
            format!("{dev} has no link."),
            "The other end of the cable is down, or no port of the bridge is up: the device's queue drops everything. Its routes are still there, marked linkdown.".to_owned(),
        ),
        DropReason::TunnelTxinfo => (
            format!("Nobody told {dev} where to send it."),
            "The device has no remote of its own: each packet has to bring one, set by an eBPF program or a route."
                .to_owned(),
        ),
        DropReason::DevReady => (format!("{dev} is down."), "A device that is down sends nothing.".to_owned()),
    };
    (headline, what, format!("The kernel's name for it is {name}."))
}
