//! A packet is for this machine: INPUT, then the protocol, then the socket.
//!
//! Models net/ipv4/ip_input.c ip_local_deliver, the lookups of tcp_v4_rcv and udp_rcv, and net/ipv4/icmp.c icmp_echo.

use std::net::IpAddr;
use std::ops::ControlFlow;

use super::hook::{self, Way};
use super::{Ctx, Effect, Next, Sender, fragment, pmtu, tunnel};
use crate::net::{At, DevRef, NsId, Skb, SocketLookup, Topology, TransportProtocol};
use crate::netfilter::CtState;
use crate::trace::{Decision, DropReason, Hook, Stage, Step, Written};
use crate::wire::{self, ETHERTYPE_IPV4, Icmp, IcmpError, IpHeader, IpSpec, TcpFlags, TcpOptions, TcpSpec, Transport};

pub(crate) fn local_deliver(topo: &mut Topology, at: At, skb: Skb, ctx: &mut Ctx<'_>) -> Next {
    let Some(skb) = fragment::gather(topo, at, skb, ctx) else { return Next::Done };
    let dev = topo.ns(at.ns).interface(at.index).dev.clone();
    let skb = match hook::pass(topo, at.ns, Hook::Input, Way::by(&dev), skb, ctx) {
        ControlFlow::Continue(skb) => skb,
        ControlFlow::Break(next) => return next,
    };
    let (Some(ip), Some(transport)) = (skb.packet.ip_header(), skb.packet.transport()) else {
        return ctx.drop(topo, at.ns, &skb, Stage::Deliver, &dev, DropReason::IpInhdr);
    };
    match transport {
        _ if tunnel::receiver(topo.ns(at.ns), &skb.packet).is_some() => Next::Decap(at, skb),
        Transport::Udp(udp) => match lookup_socket(topo, at, ip, TransportProtocol::Udp, udp.dport, udp.sport) {
            SocketLookup::None => {
                let step = Step::new(Stage::Deliver, Decision::Drop(DropReason::NoSocket), &skb.packet).on(&dev.name);
                ctx.complain(topo, at.ns, skb, step, DropReason::NoSocket, IcmpError::PortUnreach)
            }
            socket => deliver(topo, at, &dev, skb, socket, ctx),
        },
        Transport::Tcp(tcp) => match lookup_socket(topo, at, ip, TransportProtocol::Tcp, tcp.dport, tcp.sport) {
            SocketLookup::None => {
                let decision = Decision::Drop(DropReason::NoSocket);
                ctx.record(topo, at.ns, &skb, Step::new(Stage::Deliver, decision, &skb.packet).on(&dev.name).ends());
                // The socket's own reset is tracked like any other packet (tcp_v4_send_reset); a rule's is not.
                let skb = Skb { ct: CtState::None, physin: None, ..skb };
                if tcp.rst { Next::Done } else { Next::ResetSend(at.ns, skb) }
            }
            socket => deliver(topo, at, &dev, skb, socket, ctx),
        },
        Transport::Icmp(Icmp::EchoRequest { id, seq }) => echo(topo, at, &dev, &skb, ip, (id, seq), ctx),
        Transport::Icmp(Icmp::EchoReply { id, .. }) => {
            match lookup_socket(topo, at, ip, TransportProtocol::Icmp, id, 0) {
                SocketLookup::None => ctx.drop(topo, at.ns, &skb, Stage::Deliver, &dev, DropReason::NoSocket),
                socket => deliver(topo, at, &dev, skb, socket, ctx),
            }
        }
        Transport::Icmp(Icmp::Error(error)) => icmp_error(topo, at, &dev, skb, error, ctx),
        Transport::Icmp(Icmp::Other { .. }) | Transport::Other(_) => {
            ctx.drop(topo, at.ns, &skb, Stage::Deliver, &dev, DropReason::NoSocket)
        }
    }
}

fn lookup_socket(
    topo: &Topology,
    at: At,
    ip: IpHeader,
    protocol: TransportProtocol,
    own_port: u16,
    peer_port: u16,
) -> SocketLookup {
    topo.ns(at.ns).sockets.lookup(protocol, (ip.dst, own_port), (ip.src, peer_port))
}

/// Models icmp_unreach: the socket that sent what is quoted is told, and the kernel notes how wide the way is.
fn icmp_error(topo: &mut Topology, at: At, dev: &DevRef, skb: Skb, error: IcmpError, ctx: &mut Ctx<'_>) -> Next {
    let socket = quoted_socket(topo, at, &skb);
    let learned = pmtu::learn(topo, at, &skb, error, &socket, ctx);
    let to = match &socket {
        SocketLookup::Connected(_, program) | SocketLookup::Listening(program) => program.clone(),
        SocketLookup::None => return tunnel_error(topo, at, dev, &skb, learned, ctx),
    };
    let step = Step::new(Stage::Deliver, Decision::Deliver { to }, &skb.packet).on(&dev.name).wrote(learned);
    ctx.record(topo, at.ns, &skb, step.ends());
    ctx.effects.push(Effect::Deliver { ns: at.ns, socket, skb });
    Next::Done
}

/// The socket that sent what an ICMP error quotes. Models icmp_socket_deliver and the err_handlers behind it.
fn quoted_socket(topo: &Topology, at: At, skb: &Skb) -> SocketLookup {
    let Some(quoted) = skb.packet.quoted() else { return SocketLookup::None };
    let (Some(ip), Some(transport)) = (quoted.ip_header(), quoted.transport()) else { return SocketLookup::None };
    let (protocol, own_port, peer_port) = match transport {
        Transport::Tcp(tcp) => (TransportProtocol::Tcp, tcp.sport, tcp.dport),
        Transport::Udp(udp) => (TransportProtocol::Udp, udp.sport, udp.dport),
        Transport::Icmp(Icmp::EchoRequest { id, .. }) => (TransportProtocol::Icmp, id, 0),
        Transport::Icmp(_) | Transport::Other(_) => return SocketLookup::None,
    };
    topo.ns(at.ns).sockets.lookup(protocol, (ip.src, own_port), (ip.dst, peer_port))
}

/// An ICMP error that no socket wants may be about an envelope. The sender of the packet inside is not told.
///
/// One that nobody wants is no drop to the kernel: icmp_rcv consumes it.
fn tunnel_error(topo: &Topology, at: At, dev: &DevRef, skb: &Skb, learned: Option<Written>, ctx: &mut Ctx<'_>) -> Next {
    let step = match tunnel::sender(topo.ns(at.ns), &skb.packet) {
        Some((tunnel, remote)) => {
            Step::new(Stage::Deliver, Decision::TunnelError { remote }, &skb.packet).on(tunnel.name())
        }
        None if learned.is_some() => {
            Step::new(Stage::Deliver, Decision::Deliver { to: "kernel".into() }, &skb.packet).on(&dev.name)
        }
        None => Step::new(Stage::Deliver, Decision::Drop(DropReason::NoSocket), &skb.packet).on(&dev.name),
    };
    ctx.record(topo, at.ns, skb, step.wrote(learned).ends());
    Next::Done
}

fn deliver(topo: &Topology, at: At, dev: &DevRef, skb: Skb, socket: SocketLookup, ctx: &mut Ctx<'_>) -> Next {
    if let SocketLookup::Connected(_, program) | SocketLookup::Listening(program) = &socket {
        let decision = Decision::Deliver { to: program.clone() };
        ctx.record(topo, at.ns, &skb, Step::new(Stage::Deliver, decision, &skb.packet).on(&dev.name).ends());
    }
    ctx.effects.push(Effect::Deliver { ns: at.ns, socket, skb });
    Next::Done
}

/// Models icmp_echo: the kernel answers by itself, DF unset, from the address that was asked.
fn echo(
    topo: &mut Topology,
    at: At,
    dev: &DevRef,
    skb: &Skb,
    ip: IpHeader,
    (id, seq): (u16, u16),
    ctx: &mut Ctx<'_>,
) -> Next {
    let decision = Decision::Deliver { to: "kernel".into() };
    ctx.record(topo, at.ns, skb, Step::new(Stage::Deliver, decision, &skb.packet).on(&dev.name).ends());
    let Some(spec) = reply_header(topo, at.ns, ip, false) else { return Next::Done };
    let payload = skb.packet.ip_payload().get(8..).unwrap_or_default();
    let packet = wire::icmp_echo(spec, true, id, seq, payload);
    let flow = ctx.recorder.journey_of(skb.journey).flow;
    let journey = ctx.recorder.journey(flow, "reply");
    Next::LocalOut(at.ns, Skb::new(packet, journey), Sender::Kernel)
}

/// Models tcp_v4_send_reset and nf_reject_ipv4.c nf_send_reset: nobody listens, or a rule refuses, and the sender is told.
pub(crate) fn reset_send(topo: &mut Topology, ns: NsId, skb: &Skb, ctx: &mut Ctx<'_>) -> Next {
    let (Some(ip), Some(Transport::Tcp(tcp))) = (skb.packet.ip_header(), skb.packet.transport()) else {
        return Next::Done;
    };
    let Some(spec) = reply_header(topo, ns, ip, true).filter(|_| !tcp.rst) else { return Next::Done };
    let consumed = u32::try_from(tcp.payload_len).unwrap_or_default() + u32::from(tcp.syn) + u32::from(tcp.fin);
    let packet = wire::tcp(
        spec,
        TcpSpec {
            sport: tcp.dport,
            dport: tcp.sport,
            seq: if tcp.is_ack { tcp.ack } else { 0 },
            ack: tcp.seq.wrapping_add(consumed),
            flags: TcpFlags { rst: true, ack: !tcp.is_ack, ..TcpFlags::default() },
            window: 0,
            options: TcpOptions::None,
        },
        &[],
    );
    let flow = ctx.recorder.journey_of(skb.journey).flow;
    let journey = ctx.recorder.journey(flow, "rst");
    let reset = Skb { ct: skb.ct.related(), ..Skb::new(packet, journey) };
    match bridged_reset(topo, ns, skb, &reset) {
        Some((port, frame)) => {
            let decision = Decision::KernelSend { payload_len: 0 };
            ctx.record(topo, ns, &frame, Step::new(Stage::App, decision, &frame.packet).born());
            Next::HardXmit(port, frame)
        }
        None => Next::LocalOut(ns, reset, Sender::Kernel),
    }
}

/// A rule's reset of what came in by a bridge port leaves by that port, past all hooks, as if from whom the frame was for:
/// a firewall on a bridge does not show its own link address.
fn bridged_reset(topo: &Topology, ns: NsId, about: &Skb, reset: &Skb) -> Option<(At, Skb)> {
    let (port, src) = (about.physin.as_ref()?, about.physin_src?);
    let bridge = topo.ns(ns).interface(port.index).master.as_ref()?;
    // What was for another machine has its frame no more; that was for the bridge itself.
    let dst = about.packet.ethernet().map_or(topo.ns(ns).interface(bridge.index).mac, |ethernet| ethernet.dst);
    let packet = reset.packet.with_ethernet(dst, src, ETHERTYPE_IPV4);
    Some((At { ns, index: port.index }, Skb { packet, ..reset.clone() }))
}

/// The IP header of an answer to `ip` by the kernel itself: addresses swapped, TTL fresh.
fn reply_header(topo: &mut Topology, ns: NsId, ip: IpHeader, df: bool) -> Option<IpSpec> {
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (ip.dst, ip.src) else { return None };
    let ns = topo.ns_mut(ns);
    // A packet that must not be fragmented needs no identification (ip_select_ident_segs).
    let id = if df { 0 } else { ns.dice.word() as u16 };
    Some(IpSpec { src, dst, ttl: ns.sysctls.ip_default_ttl, df, id, tos: 0 })
}
