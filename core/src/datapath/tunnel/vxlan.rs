//! VXLAN: a frame in a UDP datagram.
//!
//! Models drivers/net/vxlan/vxlan_core.c vxlan_xmit, vxlan_xmit_one and vxlan_rcv. Read first: RFC 7348 section 5.
//! Not modelled: learning (flannel and calico turn it off), ARP suppression.

use super::{Datagram, Opened, send};
use crate::datapath::{Ctx, Next};
use crate::net::{At, Skb, Topology, TunnelKey, Vxlan};
use crate::trace::{Decision, DropReason, Envelope, JourneyId, Stage, Step};
use crate::wire::{Packet, VXLAN_HEADER_LEN, VxlanHeader};

pub(super) fn encap(topo: &mut Topology, at: At, vxlan: &Vxlan, skb: &Skb, ctx: &mut Ctx<'_>) -> Next {
    let dev = topo.ns(at.ns).interface(at.index).dev.clone();
    let Some(ethernet) = skb.packet.ethernet() else { return Next::Done };
    if vxlan.external {
        return match skb.tunnel_key {
            Some(key) => send(topo, at, skb, datagram(vxlan, key), None, ctx),
            None => ctx.drop(topo, at.ns, skb, Stage::Encap, &dev, DropReason::TunnelTxinfo),
        };
    }
    let (lookup, remotes) = vxlan.fdb.remotes(ethernet.dst);
    if remotes.is_empty() {
        let reason = DropReason::VxlanNoRemote;
        let step = Step::new(Stage::Encap, Decision::Drop(reason), &skb.packet).on(&dev.name).consulted(lookup);
        return ctx.drop_with(topo, at.ns, skb, step.ends(), reason);
    }
    // What is for everybody goes to each of them in an envelope of its own.
    let mut nexts: Vec<Next> = Vec::new();
    for (i, remote) in remotes.into_iter().enumerate() {
        let key = TunnelKey { remote, vni: vxlan.vni, zero_checksum: false };
        let copy = if i == 0 { skb.clone() } else { Skb { journey: copied(skb, ctx), ..skb.clone() } };
        nexts.push(send(topo, at, &copy, datagram(vxlan, key), Some(lookup.clone()), ctx));
    }
    Next::Many(nexts)
}

/// A copy is a packet of its own: it takes another way.
fn copied(skb: &Skb, ctx: &mut Ctx<'_>) -> JourneyId {
    let original = ctx.recorder.journey_of(skb.journey).clone();
    ctx.recorder.journey(original.flow, &format!("{}-copy", original.name))
}

fn datagram(vxlan: &Vxlan, key: TunnelKey) -> Datagram {
    Datagram {
        envelope: Envelope::Vxlan { vni: key.vni },
        key,
        local: vxlan.local,
        port: vxlan.port,
        header: VxlanHeader { vni: key.vni }.to_bytes().to_vec(),
    }
}

/// Takes the frame out of a datagram's `body`.
pub(super) fn open(vxlan: &Vxlan, body: &[u8]) -> Opened {
    let header = VxlanHeader::from_slice(body).filter(|header| vxlan.external || header.vni == vxlan.vni);
    let header = header.ok_or(DropReason::VxlanVniNotFound)?;
    let inner = Packet::frame(body[VXLAN_HEADER_LEN..].to_vec());
    Ok((Envelope::Vxlan { vni: header.vni }, inner, vxlan.external))
}
