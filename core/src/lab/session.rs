//! A run that is a BGP session: `bgp://ADDRESS`, from a node to the router of its rack.
//!
//! Before it the node has no session, and nobody has learned from it. Then both sides say what RFC 4271 has them say:
//! OPEN, KEEPALIVE, an UPDATE for every way they know, and one without anything (RFC 4724). When it is over, the routes
//! stand in the tables. Not modelled: each side says all of it at once instead of waiting for the other's OPEN; the TTL
//! of 1 that direct sessions have; what the router tells its other neighbours, whose tables change without packets.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use super::Lab;
use super::build::{prepare, prepare_with_bgp};
use super::run::{Run, RunError};
use crate::base::{Place, Writer};
use crate::k8s::cni::bgp::{Bgp, SpeakerId};
use crate::net::{Listener, NsId, Protocol, Topology, TransportProtocol};
use crate::sim::{self, Exchange, Talk};
use crate::trace::{Disposition, Trace};
use crate::wire::{BGP_PORT, BgpMessage, BgpUpdate};

/// Seconds that Calico's BIRD offers.
const HOLD_TIME_SECS: u16 = 240;
/// What runs on nodes, and what is said of routers.
const PROGRAM: &str = "bird";

/// Establishes the session of `from` with `peer`.
pub(super) fn establish(lab: &Lab, run: &Run, from: &Place, peer: IpAddr) -> Result<(Trace, Topology), RunError> {
    let mut after = lab.clone();
    let down = &mut after.spec.fabric.bgp_down;
    down.retain(|name| name != from.short());
    let (_, bgp) = prepare_with_bgp(&after, run.seed);
    let speakers = bgp.find(from).and_then(|client| {
        let (server, _) = bgp.peers(client).find(|(_, address)| *address == peer)?;
        Some((client, server))
    });
    let Some((client, server)) = speakers.filter(|_| matches!(from, Place::Node(_))) else {
        let peers = bgp.find(from).into_iter().flat_map(|client| bgp.peers(client));
        let addresses: Vec<String> = peers.map(|(_, address)| address.to_string()).collect();
        return Err(RunError::NoBgpSession { from: from.to_string(), found: peer, peers: addresses.join(" or ") });
    };
    let mut before = after.clone();
    before.spec.fabric.bgp_down.push(from.short().to_owned());
    let mut topo = prepare(&before, run.seed);
    let place = |id: SpeakerId| bgp.speaker(id).place.clone();
    let (Some(client_ns), Some(server_ns)) = (topo.find(&place(client)), topo.find(&place(server))) else {
        return Err(RunError::NotATarget { found: run.to.clone() });
    };
    topo.finish(client_ns);
    let listener = Listener { protocol: TransportProtocol::Tcp, port: BGP_PORT, program: PROGRAM.into() };
    topo.ns_mut(server_ns).sockets.listen(listener);
    let own = topo.ns(client_ns).select_address(2, peer).unwrap_or(peer);
    let reply = says(&bgp, server, client, peer);
    let exchange = Exchange {
        client: client_ns,
        program: PROGRAM.into(),
        dst: peer,
        talk: Talk::Tcp {
            port: BGP_PORT,
            is_http: false,
            request: says(&bgp, client, server, own),
            reply_len: reply.len(),
            reply,
        },
        ttl: run.ttl,
        seed: run.seed,
    };
    let (trace, mut topo) = sim::run_to_end(topo, &exchange);
    if matches!(trace.disposition, Disposition::Delivered { .. }) {
        converge(&mut topo, &after, &bgp);
    }
    Ok((trace, topo))
}

/// What `speaker` tells `peer`, by its own `address` on their segment.
fn says(bgp: &Bgp, speaker: SpeakerId, peer: SpeakerId, address: IpAddr) -> Vec<u8> {
    let IpAddr::V4(id) = address else { return Vec::new() };
    let own = bgp.speaker(speaker);
    let mut updates: Vec<BgpUpdate> = Vec::new();
    let mut announce = |prefix: &IpNet, next_hop: Ipv4Addr, as_path: Vec<u32>| {
        let IpNet::V4(prefix) = *prefix else { return };
        match updates.iter_mut().find(|update| update.next_hop == Some(next_hop) && update.as_path == as_path) {
            Some(update) => update.announced.push(prefix),
            None => updates.push(BgpUpdate {
                as_path,
                next_hop: Some(next_hop),
                announced: vec![prefix],
                withdrawn: Vec::<Ipv4Net>::new(),
            }),
        }
    };
    // What the peer would learn of it is what it is told.
    for route in bgp.learned(peer).iter().filter(|route| route.from == speaker) {
        if let IpAddr::V4(next_hop) = route.next_hop {
            announce(&route.prefix, next_hop, route.as_path.clone());
        }
    }
    let open = BgpMessage::Open { asn: own.asn, hold_time_secs: HOLD_TIME_SECS, id };
    let end_of_rib = BgpMessage::Update(BgpUpdate::default());
    let updates = updates.into_iter().map(BgpMessage::Update);
    let messages = [open, BgpMessage::Keepalive].into_iter().chain(updates).chain([end_of_rib]);
    messages.filter_map(|message| message.to_bytes()).flatten().collect()
}

/// Everybody has learned what there is to learn.
fn converge(topo: &mut Topology, lab: &Lab, bgp: &Bgp) {
    let routers: Vec<NsId> = topo
        .namespaces()
        .filter(|ns| matches!(*ns.place, Place::Router(_)))
        .filter_map(|ns| topo.find(&ns.place))
        .collect();
    for router in routers {
        topo.ns_mut(router).main.retain(|route| route.protocol != Protocol::Bgp);
        bgp.install(topo.ns_mut(router), Protocol::Bgp, Writer::Admin);
    }
    if !lab.spec.cni.installs_bgp_routes() {
        return;
    }
    let nodes = lab.objects.nodes.iter().filter_map(|node| topo.find(&Place::Node(node.meta.name.clone())));
    for node in nodes.collect::<Vec<_>>() {
        topo.finish(node);
        topo.ns_mut(node).main.retain(|route| route.protocol != Protocol::Bird || route.gateway.is_none());
        bgp.install(topo.ns_mut(node), Protocol::Bird, Writer::Cni);
    }
}
