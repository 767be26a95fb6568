//! The only prose: what a step did, why one cares, and the command that shows it on a real machine.

mod asks;
mod bgp;
mod bpf;
mod control;
mod ends;
mod ipvs;
mod names;
mod netfilter;
mod symptom;
mod way;

use super::{Decision, Hop, NextHop, Stage, Step, Trace};
use crate::base::{Place, Writer};
use crate::wire::{Packet, Transport};
use ends::{delivers, drops, kernel_sends, learns, refuses, sends, sends_again};
pub use symptom::symptom;
use way::{bridges, decapsulates, encapsulates, fits, transmits, via};

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
    Explanation { headline, what, why, command: command(trace, hop, step, dev) }
}

/// Headline, what, why.
type Words = (String, String, String);

fn words(trace: &Trace, hop: &Hop, step: &Step, at: &str, dev: &str) -> Words {
    let about_bgp = match &step.decision {
        _ if trace.journey(hop.journey).flow != "bgp" => None,
        Decision::Send { by, .. } => bgp::says(step, by),
        Decision::Deliver { .. } => bgp::hears(step, at),
        _ => None,
    };
    let about_names = match &step.decision {
        Decision::Send { by, .. } | Decision::Deliver { to: by } => names::says(trace, hop, step, by),
        _ => None,
    };
    if let Some(words) = about_names.or(about_bgp) {
        return words;
    }
    if let Decision::Send { by, .. } = &step.decision
        && let Some(words) = asks::asks(trace, hop, step, by)
    {
        return words;
    }
    let is_balanced = decided_by(step) == Some(Writer::Balancer);
    match &step.decision {
        Decision::Route { dst, next_hop: NextHop::Via { gateway, .. }, .. } if is_balanced => {
            way::balances(&dst.to_string(), &gateway.to_string())
        }
        Decision::Drop(reason) if is_balanced => way::balances_nothing(*reason),
        Decision::Send { by, payload_len } => sends(trace, hop, by, *payload_len),
        Decision::KernelSend { .. } => kernel_sends(trace, hop, at),
        Decision::Retransmit { payload_len } => sends_again(trace, hop, *payload_len),
        Decision::Route { dst, next_hop, chosen_src } => match next_hop {
            NextHop::Local if ipvs::holds(step) => ipvs::routes(&dst.to_string(), at, chosen_src.is_some()),
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
            NextHop::Via { gateway, dev } => via(hop, &dst.to_string(), &gateway.to_string(), dev),
        },
        Decision::Track(tracked) => netfilter::tracks(*tracked, step, at),
        Decision::RulesPassed { untracked: true, .. } => netfilter::untracks(step, at),
        Decision::RulesPassed { table, n_tried, mark, .. } => netfilter::passes(step, table, *n_tried, *mark),
        Decision::BpfPass => bpf::passes(step, at, dev),
        Decision::BpfRedirect { to, bypassed } => bpf::redirects(step, to, *bypassed, at),
        decision @ Decision::Translate { .. } if matches!(step.stage, Stage::Bpf(_)) => {
            bpf::translates(step, decision, at)
        }
        decision @ (Decision::Schedule { .. } | Decision::Translate { .. } | Decision::DecrementTtl { .. })
            if ipvs::is_about(step) =>
        {
            ipvs::does(step, decision, at)
        }
        decision @ Decision::Translate { .. } => netfilter::translates(step, decision, at),
        Decision::Schedule { .. } => Words::default(),
        Decision::Confirm => netfilter::confirms(at),
        Decision::DecrementTtl { from } => (
            format!("{at} forwards: TTL {from} becomes {}.", from.saturating_sub(1)),
            "The packet came in here but belongs elsewhere. Every machine that routes takes one from the TTL and repairs the header checksum.".into(),
            "A bridge does not do this: whether the TTL falls tells routing from bridging.".into(),
        ),
        Decision::Fits => fits(step, dev),
        Decision::NeighbourKnown { next_hop, mac } => (
            format!("{next_hop} is at {mac}."),
            format!("The neighbour table has an entry for {next_hop} on {dev}, so the Ethernet header can be written at once."),
            if dev.starts_with("flannel") || dev.starts_with("vxlan") {
                "The CNI's daemon wrote this entry for every other node when it joined: on a VXLAN device nobody ever asks by ARP.".into()
            } else {
                "IP addresses say where a packet is going in the end, Ethernet addresses who takes it next.".into()
            },
        ),
        Decision::NeighbourNone if dev != "lo" => (
            format!("{dev} needs no link address."),
            format!("Packets have no link header on {dev}. The gateway of the route is where the tunnel ends, and that is all it has to know."),
            "Nobody asks by ARP on such a device, and no entry has to be written for it.".into(),
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
        Decision::Receive if step.stage == Stage::TunnelRx && step.before == step.after => (
            format!("The packet comes out of {dev}."),
            format!("To this machine it looks as if it had come in by {dev}, where packets have no link header."),
            "From here on the packet is routed like any other; nothing tells that it crossed a tunnel.".into(),
        ),
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
        Decision::ArpAnswer { ip, mac } if matches!(step.stage, Stage::Bpf(_)) => {
            bpf::answers_arp(&ip.to_string(), &mac.to_string(), dev)
        }
        Decision::Readdress { next_hop: Some(next_hop), mac } => (
            format!("{next_hop} is on the same bridge: the packet stays bridged."),
            match mac {
                Some(mac) => format!("The packet's destination has been translated, so br_netfilter looks up a route. It leads back out of {dev}, and the neighbour table has {mac}: only the frame's destination changes."),
                None => format!("The packet's destination has been translated, so br_netfilter looks up a route. It leads back out of {dev}, but the neighbour's entry is not confirmed: {dev} sends the frame itself first."),
            },
            "It is not routed: the TTL stays, and the frame keeps the client's link address as its source.".into(),
        ),
        Decision::Readdress { next_hop: None, .. } => (
            "The packet is not for this bridge: up to the node.".into(),
            format!("The packet's destination has been translated, so br_netfilter looks up a route. It does not lead back out of {dev}, so the frame is readdressed to {dev} itself."),
            "From there the node routes it like any other packet that was sent to its gateway.".into(),
        ),
        Decision::BridgeResume { port, mac } => (
            format!("Back into the bridge, as if it had come in by {port}."),
            format!("{dev} was only asked for the link address. br_netfilter puts {mac} back as the source, and the bridge forwards the frame as the bridged one that it is."),
            format!("That is why a capture on {dev} shows this packet twice."),
        ),
        Decision::ArpAnswer { ip, mac } => (
            format!("{at} answers: {ip} is at {mac}."),
            format!("The question was for an address of {at}. Whoever asks is noted in the neighbour table on the way, so {at} need not ask back."),
            "Everyone else on the segment heard the question too, and said nothing.".into(),
        ),
        Decision::ArpProxy { ip, mac, out } => (
            format!("{at} answers for {ip}: it is at {mac}."),
            format!("{ip} is no address of {at}. But proxy_arp is on for {dev}, and {at} has a route to {ip} by another device, {out}: so it answers with {dev}'s own link address."),
            "The asker now sends everything for that address here, and here it is routed. Without any route to it there would be no answer.".into(),
        ),
        Decision::ArpLearn { ip, mac } => (
            format!("{at} learns that {ip} is at {mac}."),
            "The INCOMPLETE entry becomes REACHABLE, and the packets that waited for it go on.".into(),
            "The answer came to the asker alone, not to the whole segment.".into(),
        ),
        Decision::Encapsulate { envelope, remote } => encapsulates(step, dev, *envelope, &remote.to_string()),
        Decision::Decapsulate { envelope, remote } => decapsulates(step, dev, *envelope, &remote.to_string()),
        Decision::TunnelError { remote } => (
            format!("It is about an envelope that {dev} sent to {remote}."),
            format!("The quote is of the outer packet, whose sender is {at}: so the error ends here."),
            "Whoever sent the packet inside hears nothing of it. This is how path MTU discovery fails in tunnels.".into(),
        ),
        Decision::Deliver { .. } if !step.wrote.is_empty() => learns(step, at),
        Decision::Deliver { to } => delivers(trace, hop, to, at),
        Decision::Refuse(reason) if matches!(step.stage, Stage::Bpf(_)) => bpf::refuses(*reason),
        Decision::Refuse(reason) => refuses(*reason, step),
        Decision::Fragment { n_fragments, len } => (
            format!("Too large for {dev}: cut into {n_fragments} pieces."),
            format!("The packet may be cut, for DF is not set. The largest piece is {len} bytes: 20 of header and a multiple of 8, because offsets count in eights."),
            "Each piece travels alone. If one is lost the whole packet is.".into(),
        ),
        Decision::FragmentHeld => (
            format!("{at} keeps a piece and waits for the others."),
            "Only the first piece has the ports in it, so whoever looks at ports needs them all: the receiver, and on nodes netfilter.".into(),
            "After 30 seconds the wait would end and the pieces would be thrown away.".into(),
        ),
        Decision::Reassemble { n_fragments } => (
            format!("{n_fragments} pieces are one packet again."),
            "Addresses, protocol and identification told which pieces belong together; their offsets told the order.".into(),
            if dev.starts_with("veth") {
                "br_netfilter does this at a bridge port: on the bridge the packet is larger than its MTU.".into()
            } else {
                "What leaves this machine again is cut again, and into no larger pieces.".into()
            },
        ),
        Decision::Complain(reason, error) => {
            let (headline, what, why) = drops(*reason, step, at, dev, true);
            (headline, what, format!("{why} The sender is told: {}.", error.name()))
        }
        Decision::Drop(reason) => drops(*reason, step, at, dev, false),
        Decision::Resolve { by, resolves } => names::resolves(by, resolves),
        Decision::Reconcile(done) => control::reconciles(step, done, at),
    }
}

/// Who wrote the row that decided a step.
fn decided_by(step: &Step) -> Option<Writer> {
    let table = step.consulted.last()?;
    table.matched().map(|idx| table.row(idx).writer)
}

/// The expression by which tcpdump finds an envelope.
fn filter(step: &Step) -> String {
    match step.packet().and_then(Packet::transport) {
        Some(Transport::Udp(udp)) => format!("udp port {}", udp.dport),
        Some(Transport::Other(4)) => "ip proto 4".to_owned(),
        _ => "ip".to_owned(),
    }
}

/// Where a command is typed: a pod's namespace is entered from its node.
fn command(trace: &Trace, hop: &Hop, step: &Step, dev: &str) -> Option<String> {
    let target = |step: &Step| step.packet().and_then(Packet::ip_header).map(|ip| ip.dst);
    if let (Stage::Control(component), Decision::Reconcile(done)) = (&step.stage, &step.decision) {
        return Some(control::command(*component, done));
    }
    let command = match (&step.stage, &step.decision) {
        (Stage::Route, _) => format!("ip route get {}", target(step)?),
        (Stage::Neigh, Decision::NeighbourNone) => return None,
        (Stage::Arp, Decision::ArpProxy { .. }) => format!("sysctl net.ipv4.conf.{dev}.proxy_arp"),
        (Stage::Neigh | Stage::Arp, _) => format!("ip neigh show dev {dev}"),
        (Stage::Bridge, _) => format!("bridge fdb show dev {dev}"),
        (Stage::BridgeRoute, _) => format!("ip route get {}", target(step)?),
        (Stage::Defrag, _) => "nstat -az IpReasmOKs IpReasmReqds".to_owned(),
        (Stage::Encap | Stage::Decap, _) if !step.consulted.is_empty() => format!("bridge fdb show dev {dev}"),
        (Stage::Encap | Stage::Decap, _) => format!("ip -d link show {dev}"),
        (Stage::Output, _) => format!("ip link show {dev}"),
        (Stage::Tx | Stage::Rx, _) if step.outer => format!("tcpdump -ni {dev} {}", filter(step)),
        (Stage::Tx | Stage::Rx | Stage::TunnelRx, _) => format!("tcpdump -ni {dev}"),
        (Stage::Netfilter(hook, function), _) => netfilter::command(*hook, *function),
        (Stage::Forward, _) => "sysctl net.ipv4.ip_forward".to_owned(),
        (Stage::Bpf(_), _) => bpf::command(step),
        (Stage::App | Stage::Deliver | Stage::Control(_), _) => {
            names::command(trace, hop, step).unwrap_or_else(|| "ss -tunlp".to_owned())
        }
    };
    Some(match &*hop.at {
        Place::Pod { namespace, name } => format!("kubectl exec -n {namespace} {name} -- {command}"),
        _ => command,
    })
}
