//! Words for Cilium's eBPF programs: what they pass, redirect, translate and drop.

use std::net::IpAddr;

use super::Words;
use crate::trace::{BpfHook, Decision, DropReason, RejectReason, Stage, Step};
use crate::wire::End;

/// The program of a step; `None` if none ran.
fn hook_of(step: &Step) -> Option<BpfHook> {
    match step.stage {
        Stage::Bpf(hook) => Some(hook),
        _ => None,
    }
}

pub(super) fn passes(step: &Step, at: &str, dev: &str) -> Words {
    let program = hook_of(step).map_or("", BpfHook::program);
    let (what, why) = match hook_of(step) {
        Some(BpfHook::FromContainer) => (
            format!(
                "No map says that {dev}'s program should send it anywhere itself, so it goes up into {at}'s own stack."
            ),
            "From here on the packet is routed, and netfilter sees it, as on any other node.",
        ),
        Some(BpfHook::FromOverlay) => (
            "The pod is on this node, and kube-proxy's rules are in the stack: answers of services must pass it."
                .to_owned(),
            "A redirect would be shorter, and would bypass the connection table that knows how to translate back.",
        ),
        Some(BpfHook::FromHost) => (
            "The address is a node's, so no pod's cable and no tunnel is meant: the frame goes on to cilium_net."
                .to_owned(),
            "What leaves by cilium_host and is not sent elsewhere comes straight back into the node's stack.",
        ),
        Some(BpfHook::ToNetdev) => (
            "It is no answer of a node port, so nothing is to be changed.".to_owned(),
            "This program stands behind POSTROUTING: it is the last to see what leaves the node.",
        ),
        _ => (
            "It is for no service of this node, and no answer to what this node has translated.".to_owned(),
            "The program is there for node ports. Everything else is the stack's.",
        ),
    };
    (format!("{program}: passed on."), what, why.into())
}

pub(super) fn redirects(step: &Step, to: &str, bypassed: bool, at: &str) -> Words {
    let program = hook_of(step).map_or("", BpfHook::program);
    let what = if to.starts_with("lxc") {
        "cilium_lxc has the destination: it is a pod of this node. The program writes both link addresses, takes one from the TTL, and hands the frame to the pod's cable.".to_owned()
    } else if matches!(to, "cilium_vxlan" | "cilium_geneve") {
        "cilium_ipcache names the node that the destination is on. The program notes it, with the sender's security identity, in the packet's tunnel key; the device makes the envelope from it.".to_owned()
    } else if to == "cilium_host" {
        format!("The address is {at}'s own: the packet goes up into the node's stack by cilium_host.")
    } else {
        "The routing table is asked from within the program (bpf_fib_lookup), and the packet leaves at once.".to_owned()
    };
    let why = if bypassed {
        format!(
            "{at}'s PREROUTING, FORWARD and POSTROUTING never see this packet: no rule, no conntrack, no routing decision of the stack."
        )
    } else {
        "The stack has routed this packet already; the program only finishes the job.".to_owned()
    };
    (format!("{program}: redirected to {to}."), what, why)
}

pub(super) fn translates(step: &Step, decision: &Decision, at: &str) -> Words {
    let Decision::Translate { end, from, to, .. } = decision else { return Words::default() };
    let show = |(ip, port): (IpAddr, u16)| format!("{ip}:{port}");
    let (from, to) = (show(*from), show(*to));
    if hook_of(step) == Some(BpfHook::SockConnect) {
        return (
            format!("connect() to {from} becomes connect() to {to}."),
            "The program runs in the system call, before there is a packet. It finds the service in cilium_lb4_services_v2, draws a slot, and writes the backend's address over the socket's.".into(),
            "No packet ever carries the service's address: there is nothing to translate on the way, and nothing to translate back.".into(),
        );
    }
    if hook_of(step) == Some(BpfHook::SockRecvmsg) {
        return (
            format!("recvmsg() from {from} says that it is from {to}."),
            "cilium_lb4_reverse_sk remembers which service this socket meant by that backend. The program runs in the system call, when the packet has long arrived.".into(),
            "The packet says the backend's address. Only the answer of the system call is changed, so that the application hears from whom it asked.".into(),
        );
    }
    // The map that was read last tells a request from an answer.
    let by_nat = step.consulted.last().is_some_and(|table| table.command() == "cilium bpf nat list");
    match (end, by_nat) {
        (End::Destination, false) => (
            format!("DNAT in eBPF: the destination {from} becomes {to}."),
            format!("A map of {at} decided, in front of netfilter: PREROUTING never sees the old destination."),
            "Service and backend are noted in cilium_ct4_global, for the answers and for the packets that follow."
                .into(),
        ),
        (End::Source, true) => (
            format!("SNAT in eBPF: the source {from} becomes {to}."),
            format!("The backend is on another node. With {at}'s own address as source its answers come back here."),
            "The client's address is lost to the backend; externalTrafficPolicy: Local would keep it.".into(),
        ),
        (End::Destination, true) => (
            format!("An answer: the destination {from} becomes {to} again."),
            format!("cilium_snat_v4_external knows for whom {at} has asked."),
            "Nothing in the packet tells the client's address; only this row does.".into(),
        ),
        (End::Source, false) => (
            format!("An answer: the source {from} becomes {to} again."),
            "cilium_ct4_global names the service of this connection, and cilium_lb4_reverse_nat its address.".into(),
            "The client has asked the service, and would throw away an answer from somebody else.".into(),
        ),
    }
}

pub(super) fn answers_arp(ip: &str, mac: &str, dev: &str) -> Words {
    (
        format!("The program on {dev} answers: {ip} is at {mac}."),
        format!(
            "Whatever address a pod asks for, the answer is {dev}'s own link address: everything a pod sends goes through this program."
        ),
        "No neighbour table is involved, and the node's stack never sees the question.".into(),
    )
}

pub(super) fn refuses(reason: RejectReason) -> Words {
    (
        "connect() fails at once: no backend.".into(),
        format!(
            "The service is in the map with 0 backends, so the program refuses the system call (EHOSTUNREACH, {}).",
            reason.name()
        ),
        "Not one frame appears anywhere: the client knows at once, where with kube-proxy a packet had to be answered."
            .into(),
    )
}

pub(super) fn drops(reason: DropReason) -> (String, String) {
    let (headline, what) = match reason {
        DropReason::BpfNoService => ("The service has no backend.", "Its row in cilium_lb4_services_v2 counts 0."),
        DropReason::BpfUnroutable => {
            ("Nobody in the cluster has this address.", "cilium_ipcache knows neither pod nor node of that address.")
        }
        DropReason::BpfTtlExceeded => {
            ("The TTL ran out in an eBPF program.", "It came with TTL 1. The program only drops: nobody is told.")
        }
        DropReason::BpfNotInSrcRange => {
            ("The sender is not among loadBalancerSourceRanges.", "The service is for certain sources only.")
        }
        DropReason::BpfIsClusterIp => (
            "A clusterIP is for the cluster.",
            "The service's row says non-routable, and the packet came from outside.",
        ),
        DropReason::BpfFragNotFound => (
            "A piece of a datagram whose first piece is not known.",
            "Only the first piece names ports, and cilium_ipv4_frag_datagrams has no row for this datagram.",
        ),
        _ => ("The program finds no route.", "bpf_fib_lookup has no answer for the destination."),
    };
    (headline.to_owned(), what.to_owned())
}

/// The command that shows what a program reads.
pub(super) fn command(step: &Step) -> String {
    let read = step.consulted.last().map(|table| table.command());
    read.unwrap_or_else(|| format!("bpftool prog show name {}", hook_of(step).map_or("", BpfHook::program)))
}
