//! Putting pieces of packets together, and cutting packets into pieces.
//!
//! Models net/ipv4/ip_fragment.c ip_defrag, net/ipv4/ip_output.c ip_do_fragment, and the two places where netfilter
//! wants whole packets: nf_defrag_ipv4 before PREROUTING, and br_netfilter at the ports of a bridge.

use super::{Ctx, Next, OutRoute};
use crate::net::{At, NsId, Skb, Topology, cut};
use crate::trace::{Decision, DropReason, Stage, Step};
use crate::wire::{IpHeader, Packet};

/// Takes in a packet that may be a piece. Returns it if it is whole, or was made so by this piece.
pub(crate) fn gather(topo: &mut Topology, at: At, skb: Skb, ctx: &mut Ctx<'_>) -> Option<Skb> {
    let Some(ip) = skb.packet.ip_header().filter(IpHeader::is_fragment) else { return Some(skb) };
    let dev = topo.ns(at.ns).interface(at.index).dev.clone();
    if topo.ns(at.ns).defrag.is_full() {
        // ip_defrag frees it without a reason (ENOMEM).
        ctx.drop(topo, at.ns, &skb, Stage::Defrag, &dev, DropReason::NotSpecified);
        return None;
    }
    let dev = dev.name;
    let held = Step::new(Stage::Defrag, Decision::FragmentHeld, &skb.packet).on(&dev);
    // The first piece is the packet still, and goes on as the whole one; the others end here.
    ctx.record(topo, at.ns, &skb, if ip.offset == 0 { held } else { held.ends() });
    let (whole, first, n_fragments) = topo.ns_mut(at.ns).defrag.add(ip, skb)?;
    let step = Step::new(Stage::Defrag, Decision::Reassemble { n_fragments }, &whole.packet).from(&first).on(&dev);
    ctx.record(topo, at.ns, &whole, step);
    Some(whole)
}

/// Cuts `skb` to pieces of at most `limit` bytes that go on by `route`. `step` is the step so far.
pub(crate) fn scatter(
    topo: &Topology,
    ns: NsId,
    skb: Skb,
    route: &OutRoute,
    limit: usize,
    step: Step,
    ctx: &mut Ctx<'_>,
) -> Next {
    let Some(pieces) = cut(&skb.packet, limit) else {
        let reason = DropReason::PktTooBig;
        let step = Step { decision: Decision::Drop(reason), ..step };
        return ctx.drop_with(topo, ns, &skb, step.ends(), reason);
    };
    let pieces = record_pieces(topo, ns, &skb, pieces, step, ctx);
    Next::Many(pieces.into_iter().map(|piece| Next::Neighbour(ns, piece, route.clone())).collect())
}

/// The frames that leave a bridge port for `skb`: one, or the pieces it came in if it was put together on its way in.
pub(crate) fn scatter_frame(topo: &Topology, port: At, skb: &Skb, ctx: &mut Ctx<'_>) -> Vec<Skb> {
    let (Some(limit), Some(ethernet)) = (skb.frag_max_size, skb.packet.ethernet()) else { return vec![skb.clone()] };
    let pieces = cut(&skb.packet.without_ethernet(), limit).unwrap_or_default();
    let frame = |piece: &Packet| piece.with_ethernet(ethernet.src, ethernet.dst, ethernet.ethertype);
    let dev = topo.ns(port.ns).interface(port.index).name();
    let step = Step::new(Stage::Output, Decision::Fits, &skb.packet).on(dev);
    record_pieces(topo, port.ns, skb, pieces.iter().map(frame).collect(), step, ctx)
}

/// Records the cut. The first piece is the packet still; the others are packets of their own.
fn record_pieces(topo: &Topology, ns: NsId, skb: &Skb, pieces: Vec<Packet>, step: Step, ctx: &mut Ctx<'_>) -> Vec<Skb> {
    let len = pieces.iter().map(Packet::network_len).max().unwrap_or_default();
    let decision = Decision::Fragment { n_fragments: pieces.len(), len };
    let dev = step.device.clone();
    ctx.record(topo, ns, skb, Step { decision: decision.clone(), after: pieces.first().cloned(), ..step });
    let journey = ctx.recorder.journey_of(skb.journey).clone();
    let mut skbs = Vec::new();
    for (i, packet) in pieces.into_iter().enumerate() {
        let id = match i {
            0 => skb.journey,
            _ => ctx.recorder.journey(journey.flow, &format!("{}-fragment", journey.name)),
        };
        let piece = Skb { packet, journey: id, frag_max_size: None, ..skb.clone() };
        if i > 0 {
            let born = Step::new(Stage::Output, decision.clone(), &piece.packet).born();
            ctx.record(topo, ns, &piece, Step { device: dev.clone(), ..born });
        }
        skbs.push(piece);
    }
    skbs
}
