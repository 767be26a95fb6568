//! IP in IP: a packet in a packet, nothing in between.
//!
//! Models net/ipv4/ipip.c and net/ipv4/ip_tunnel.c ip_tunnel_xmit and tnl_update_pmtu of `tunl0`, the device that takes
//! packets from anybody and sends them to the gateway of their route. Read first: RFC 2003. Not modelled: tunnels with
//! a remote of their own.

use std::net::IpAddr;

use super::Opened;
use crate::datapath::{Ctx, Next, Sender, route_output};
use crate::net::{At, Ipip, Skb, Topology};
use crate::trace::{Decision, DropReason, Envelope, MtuCheck, Stage, Step};
use crate::wire::{self, IcmpError, IpSpec, Packet};

/// Bytes of the header that is put in front.
const HEADER_LEN: usize = 20;

pub(super) fn encap(topo: &mut Topology, at: At, ipip: &Ipip, skb: &Skb, ctx: &mut Ctx<'_>) -> Next {
    let ns = topo.ns(at.ns);
    let dev = ns.interface(at.index).dev.clone();
    let (Some(inner), Some(key)) = (skb.packet.ip_header(), skb.tunnel_key) else {
        return ctx.drop(topo, at.ns, skb, Stage::Encap, &dev, DropReason::NotSpecified);
    };
    let failed = || Step::new(Stage::Encap, Decision::Drop(DropReason::NotSpecified), &skb.packet).on(&dev.name);
    let way = route_output(ns, key.remote);
    let (Some((IpAddr::V4(routed_src), way_mtu)), IpAddr::V4(dst)) = (way, key.remote) else {
        // The sender is told as if the other end did not answer ARP (dst_link_failure).
        return ctx.complain(topo, at.ns, skb.clone(), failed(), DropReason::NotSpecified, IcmpError::HostUnreach);
    };
    // The outer packet may be cut only if the inner one may: so what does not fit the way to the other end is the inner
    // sender's to know. Without DF the envelope is cut instead.
    let check =
        MtuCheck { device: dev.name.clone(), mtu: way_mtu.saturating_sub(HEADER_LEN), len: skb.packet.network_len() };
    if inner.df && !check.fits() {
        let mtu = u16::try_from(check.mtu).unwrap_or(u16::MAX);
        let (step, reason) = (failed().mtu(check), DropReason::PktTooBig);
        return ctx.complain(topo, at.ns, skb.clone(), step, reason, IcmpError::FragNeeded { mtu });
    }
    let src = match ipip.local {
        Some(IpAddr::V4(local)) => local,
        _ => routed_src,
    };
    // tunl0's own TTL is 0, which means the inner one; its TOS is 0, which means 0.
    let id = topo.ns_mut(at.ns).dice.word() as u16;
    let packet = wire::ipip(IpSpec { src, dst, ttl: inner.ttl, df: inner.df, id, tos: 0 }, &skb.packet);
    let decision = Decision::Encapsulate { envelope: Envelope::Ipip, remote: key.remote };
    ctx.record(topo, at.ns, skb, Step::new(Stage::Encap, decision, &packet).from(&skb.packet).on(&dev.name));
    Next::LocalOut(at.ns, Skb { outer: true, mark: skb.mark, ..Skb::new(packet, skb.journey) }, Sender::Tunnel)
}

/// Takes the packet out of `outer`.
pub(super) fn open(outer: &Packet) -> Opened {
    Ok((Envelope::Ipip, Packet::ip(outer.ip_payload().to_vec()), false))
}
