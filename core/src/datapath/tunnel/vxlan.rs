//! VXLAN: a frame in a UDP datagram.
//!
//! Models drivers/net/vxlan/vxlan_core.c vxlan_xmit, vxlan_xmit_one and vxlan_rcv. Read first: RFC 7348 section 5.
//! Not modelled: learning (flannel and calico turn it off), ARP suppression.

use super::{Datagram, Opened, send};
use crate::datapath::{Ctx, Next};
use crate::net::{At, FdbTarget, Skb, Topology, TunnelKey, Vxlan};
use crate::trace::{Decision, DropReason, Envelope, Stage, Step};
use crate::wire::{Packet, VXLAN_HEADER_LEN, VxlanHeader};

pub(super) fn encap(topo: &mut Topology, at: At, vxlan: &Vxlan, skb: &Skb, ctx: &mut Ctx<'_>) -> Next {
    let dev = topo.ns(at.ns).interface(at.index).dev.clone();
    let Some(ethernet) = skb.packet.ethernet() else { return Next::Done };
    let (key, lookup) = if vxlan.external {
        let Some(key) = skb.tunnel_key else {
            return ctx.drop(topo, at.ns, skb, Stage::Encap, &dev, DropReason::TunnelTxinfo);
        };
        (key, None)
    } else {
        let lookup = vxlan.fdb.lookup(ethernet.dst);
        let Some(FdbTarget::Remote(remote)) = lookup.target() else {
            let reason = DropReason::VxlanNoRemote;
            let step = Step::new(Stage::Encap, Decision::Drop(reason), &skb.packet).on(&dev.name).consulted(lookup);
            return ctx.drop_with(topo, at.ns, skb, step.ends(), reason);
        };
        (TunnelKey { remote: *remote, vni: vxlan.vni, zero_checksum: false }, Some(lookup))
    };
    let datagram = Datagram {
        envelope: Envelope::Vxlan { vni: key.vni },
        key,
        local: vxlan.local,
        port: vxlan.port,
        header: VxlanHeader { vni: key.vni }.to_bytes().to_vec(),
    };
    send(topo, at, skb, datagram, lookup, ctx)
}

/// Takes the frame out of a datagram's `body`.
pub(super) fn open(vxlan: &Vxlan, body: &[u8]) -> Opened {
    let header = VxlanHeader::from_slice(body).filter(|header| vxlan.external || header.vni == vxlan.vni);
    let header = header.ok_or(DropReason::VxlanVniNotFound)?;
    let inner = Packet::frame(body[VXLAN_HEADER_LEN..].to_vec());
    Ok((Envelope::Vxlan { vni: header.vni }, inner, vxlan.external))
}
