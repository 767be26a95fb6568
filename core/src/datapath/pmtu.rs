//! A router said that a packet was too large for the way: what this machine remembers of it.
//!
//! Models net/ipv4/icmp.c icmp_unreach and what the protocols' err_handlers make of it: tcp_v4_mtu_reduced,
//! __udp4_lib_err and icmp_err. What TCP does next is the socket's business. Not modelled: `ip_no_pmtu_disc`, errors that
//! name no MTU. Read first: RFC 1191.

use super::{Ctx, route_output, tunnel};
use crate::base::Writer;
use crate::net::{At, Skb, SocketLookup, Topology};
use crate::trace::Written;
use crate::wire::{Icmp, IcmpError, Transport};

/// Notes the MTU that `skb` tells for the packet it quotes, which `socket` sent. Returns the row, if it is news.
pub(crate) fn learn(
    topo: &mut Topology,
    at: At,
    skb: &Skb,
    error: IcmpError,
    socket: &SocketLookup,
    ctx: &Ctx<'_>,
) -> Option<Written> {
    let IcmpError::FragNeeded { mtu } = error else { return None };
    let quoted = skb.packet.quoted()?;
    let dst = quoted.ip_header()?.dst;
    let ns = topo.ns_mut(at.ns);
    let is_ours = match quoted.transport()? {
        Transport::Tcp(_) => matches!(socket, SocketLookup::Connected(..)),
        Transport::Udp(udp) => *socket != SocketLookup::None || tunnel::device_for(ns, udp.dport).is_some(),
        Transport::Icmp(Icmp::EchoRequest { .. } | Icmp::EchoReply { .. }) | Transport::Other(_) => true,
        Transport::Icmp(_) => false,
    };
    let (_, old_mtu) = route_output(ns, dst).filter(|_| is_ours)?;
    let learned = ns.exceptions.learn(dst, old_mtu, mtu.into(), ctx.now)?;
    Some(Written {
        command: format!("ip route get {dst}"),
        text: format!("{dst} cache {}", learned.print(ctx.now)),
        writer: Writer::Kernel,
    })
}
