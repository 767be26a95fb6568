//! Geneve: a frame in a UDP datagram, behind a header that may carry options.
//!
//! Models drivers/net/geneve.c geneve_xmit_skb and geneve_udp_encap_recv. Read first: RFC 8926 section 3.
//! Not modelled: sending options.

use std::net::IpAddr;

use super::{Datagram, Opened, send};
use crate::datapath::{Ctx, Next};
use crate::net::{At, Geneve, Skb, Topology, TunnelKey};
use crate::trace::{DropReason, Envelope, Stage};
use crate::wire::{GeneveHeader, Packet};

pub(super) fn encap(topo: &mut Topology, at: At, geneve: &Geneve, skb: &Skb, ctx: &mut Ctx<'_>) -> Next {
    // Unlike a VXLAN device, one that is not told to compute checksums sends none (IFLA_GENEVE_UDP_CSUM).
    let own = |remote| TunnelKey { remote, vni: geneve.vni, zero_checksum: true };
    let Some(key) = geneve.remote.map(own).or(skb.tunnel_key) else {
        let dev = topo.ns(at.ns).interface(at.index).dev.clone();
        return ctx.drop(topo, at.ns, skb, Stage::Encap, &dev, DropReason::TunnelTxinfo);
    };
    let header = GeneveHeader { vni: key.vni, options: Vec::new() }.to_bytes();
    let envelope = Envelope::Geneve { vni: key.vni };
    send(topo, at, skb, Datagram { envelope, key, local: None, port: geneve.port, header }, None, ctx)
}

/// Takes the frame out of a datagram's `body`, which came from `src`.
pub(super) fn open(geneve: &Geneve, src: IpAddr, body: &[u8]) -> Opened {
    let is_known = |header: &GeneveHeader| match geneve.remote {
        Some(remote) => (remote, geneve.vni) == (src, header.vni),
        None => true,
    };
    let header = GeneveHeader::from_slice(body).filter(is_known).ok_or(DropReason::NotSpecified)?;
    let inner = Packet::frame(body[header.header_len()..].to_vec());
    Ok((Envelope::Geneve { vni: header.vni }, inner, geneve.remote.is_none()))
}
