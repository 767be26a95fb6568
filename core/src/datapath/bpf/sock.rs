//! Services at the socket: `connect()` is given a backend's address before there is a packet, and `recvmsg()` says the
//! service's again.
//!
//! Models bpf/bpf_sock.c cil_sock4_connect (`__sock4_xlate_fwd`) and cil_sock4_recvmsg (`__sock4_xlate_rev`), which are
//! attached to the root of the cgroups, so that they see every process of the node, in pods or not. Not modelled: session
//! affinity, `sendmsg()` of sockets that are not connected, getpeername, which reads the same map as recvmsg.

use std::net::IpAddr;
use std::sync::Arc;

use super::nodeport::choice;
use crate::datapath::Ctx;
use crate::net::{
    Bpf, BpfLookup, InterfaceKind, LbKey, LbRow, LbType, NsId, ReverseSkKey, ReverseSkRow, Topology, TransportProtocol,
    identity,
};
use crate::trace::{BpfHook, By, Decision, JourneyId, RejectReason, Stage, Step};
use crate::wire::End;

/// What the program says to a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SockVerdict {
    /// It goes on, to this address.
    Proceed((IpAddr, u16)),
    /// It fails: `EHOSTUNREACH`.
    Reject,
}

/// A process in `ns` connects a socket, whose number is `cookie`. `journey` names the call; it is asked for only if a service is meant.
pub(crate) fn connect(
    topo: &mut Topology,
    ns: NsId,
    protocol: TransportProtocol,
    dst: (IpAddr, u16),
    cookie: u64,
    journey: impl FnOnce(&mut Ctx<'_>) -> JourneyId,
    ctx: &mut Ctx<'_>,
) -> SockVerdict {
    let untouched = SockVerdict::Proceed(dst);
    let Some(node) = node_of(topo, ns) else { return untouched };
    let Some(bpf) = topo.ns(node).bpf.clone().filter(|bpf| bpf.kube_proxy_replacement) else { return untouched };
    let lookup = find(&bpf, protocol, dst, node == ns);
    let Some(service) = lookup.row().cloned() else { return untouched };
    let is_external = service.flags().is_some_and(|flags| flags.kind == LbType::ExternalIps);
    // A service must not capture the traffic to an address that is somebody else's (sock4_skip_xlate).
    if is_external && identity_of(&bpf, dst.0) != Some(identity::HOST) {
        return untouched;
    }
    let journey = journey(ctx);
    let step = |decision| Step::without_packet(Stage::Bpf(BpfHook::SockConnect), decision).consulted(lookup.clone());
    let place = topo.ns(ns).place.clone();
    if service.count() == 0 {
        let step = step(Decision::Refuse(RejectReason::IcmpHostUnreach)).ends();
        ctx.recorder.step(ctx.now, &place, journey, step);
        return SockVerdict::Reject;
    }
    let slot = topo.ns_mut(node).dice.below(u32::from(service.count())) + 1;
    let slot = bpf.lb.lookup(LbKey { slot: u16::try_from(slot).unwrap_or(1), ..service.key });
    let Some(backend) = slot.row().and_then(LbRow::backend) else { return untouched };
    ctx.recorder.choose(choice(bpf.lb.backends(service.key).collect(), backend, false));
    let decision = Decision::Translate { end: End::Destination, from: dst, to: backend, by: By::Map };
    let mut step = step(decision).consulted(slot);
    // sock4_update_revnat
    let key = ReverseSkKey { cookie, backend };
    let row = ReverseSkRow { key, service: dst, rev_nat: service.rev_nat };
    let written = topo.ns_mut(node).bpf.as_mut().map(|bpf| Arc::make_mut(bpf).reverse_sk.update(row));
    step.wrote.extend(written);
    ctx.recorder.step(ctx.now, &place, journey, step);
    SockVerdict::Proceed(backend)
}

/// A process in `ns` has received a datagram from `from` at its socket `cookie`. `journey` names the call; it is asked for only if the socket
/// meant a service.
pub(crate) fn recvmsg(
    topo: &Topology,
    ns: NsId,
    from: (IpAddr, u16),
    cookie: u64,
    journey: impl FnOnce(&mut Ctx<'_>) -> JourneyId,
    ctx: &mut Ctx<'_>,
) {
    let Some(bpf) = node_of(topo, ns).and_then(|node| topo.ns(node).bpf.as_ref()) else { return };
    let lookup = bpf.reverse_sk.lookup(ReverseSkKey { cookie, backend: from });
    let Some(service) = lookup.row().map(|row| row.service) else { return };
    let decision = Decision::Translate { end: End::Source, from, to: service, by: By::Map };
    let step = Step::without_packet(Stage::Bpf(BpfHook::SockRecvmsg), decision).consulted(lookup);
    let journey = journey(ctx);
    ctx.recorder.step(ctx.now, &topo.ns(ns).place, journey, step);
}

/// The node that a process is on: its namespace, or the one at the other end of its cable.
fn node_of(topo: &Topology, ns: NsId) -> Option<NsId> {
    if topo.ns(ns).bpf.is_some() {
        return Some(ns);
    }
    let peer = topo.ns(ns).interfaces().iter().find_map(|interface| match interface.kind {
        InterfaceKind::Veth { peer } => Some(peer.ns),
        _ => None,
    });
    peer.filter(|node| topo.ns(*node).bpf.is_some())
}

/// The service at an address, or the node port that stands for the port of every node (sock4_wildcard_lookup).
fn find(bpf: &Arc<Bpf>, protocol: TransportProtocol, dst: (IpAddr, u16), in_host: bool) -> BpfLookup<LbRow> {
    let exact = bpf.lb.service(dst, protocol, true);
    let is_node = match dst.0.is_loopback() {
        true => in_host,
        false => matches!(identity_of(bpf, dst.0), Some(identity::HOST | identity::REMOTE_NODE)),
    };
    if exact.row().is_some() || !is_node {
        return exact;
    }
    let wildcard = bpf.lb.service((IpAddr::from([0, 0, 0, 0]), dst.1), protocol, true);
    if wildcard.row().is_some() { wildcard } else { exact }
}

fn identity_of(bpf: &Bpf, ip: IpAddr) -> Option<u32> {
    bpf.ipcache.lookup_prefix(ip).row().map(|row| row.identity)
}
