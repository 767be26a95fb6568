//! A run that is a part of a BGP session: `bgp://ADDRESS`, from a node to the router of its rack.
//!
//! Establishing it, both sides say what RFC 4271 has them say: OPEN, KEEPALIVE, an UPDATE for every way they know, and one
//! without anything (RFC 4724). `?withdraw` and `?shutdown` go on with a session that stands: an UPDATE with what is
//! withdrawn, or a NOTIFICATION (RFC 4486: cease, administrative shutdown) and the end of the connection. Each speaker
//! that has heard something new tells its other neighbours, one connection after the other; what a speaker writes into
//! its table stands at the step that brought the news. Not modelled: each side says all of it at once instead of waiting
//! for the other's OPEN; connections other than the first have stood since before the run, and who speaks is who opened
//! them; timers, so that a neighbour is told at once.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};

use super::Lab;
use super::build::{prepare, prepare_cluster};
use super::nearest::nearest;
use super::run::{Run, RunError};
use crate::base::{Place, Writer};
use crate::k8s::cni::bgp::{Bgp, Learned, SpeakerId};
use crate::net::{Answer, Listener, NsId, Protocol, Topology, TransportProtocol};
use crate::sim::{self, BgpTalk, Exchange, Names, Talk};
use crate::trace::{Recorder, Trace, Written};
use crate::wire::{BGP_PORT, BgpMessage, BgpUpdate};

/// Seconds that Calico's BIRD offers.
const HOLD_TIME_SECS: u16 = 240;
/// RFC 4486.
const CEASE: u8 = 6;
const ADMINISTRATIVE_SHUTDOWN: u8 = 2;
/// What runs on nodes, and what is said of routers.
const PROGRAM: &str = "bird";

/// What happens to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// It is established.
    Establish,
    /// The node withdraws what it has announced.
    Withdraw,
    /// The node ends it.
    Shutdown,
}

impl FromStr for Event {
    type Err = RunError;

    /// The word behind the target's question mark.
    fn from_str(word: &str) -> Result<Self, RunError> {
        match word {
            "" => Ok(Self::Establish),
            "withdraw" => Ok(Self::Withdraw),
            "shutdown" => Ok(Self::Shutdown),
            _ => Err(RunError::BgpEvent {
                found: word.to_owned(),
                nearest: nearest(word, ["withdraw", "shutdown"].into_iter()).map(str::to_owned),
            }),
        }
    }
}

/// Runs `event` of the session of `from` with `peer`.
pub(super) fn run(
    lab: &Lab,
    run: &Run,
    from: &Place,
    peer: IpAddr,
    event: Event,
) -> Result<(Trace, Topology), RunError> {
    let mut up = lab.clone();
    if event == Event::Establish {
        up.spec.fabric.bgp_down.retain(|name| name != from.short());
    }
    let mut down = up.clone();
    down.spec.fabric.bgp_down.push(from.short().to_owned());
    let standing = prepare_cluster(&up, run.seed).bgp;
    let lost = prepare_cluster(&down, run.seed).bgp;
    let speakers = standing.find(from).and_then(|client| {
        let (server, _) = standing.peers(client).find(|(_, address)| *address == peer)?;
        Some((client, server))
    });
    let Some((client, server)) = speakers.filter(|_| matches!(from, Place::Node(_))) else {
        let peers = standing.find(from).into_iter().flat_map(|client| standing.peers(client));
        let addresses: Vec<String> = peers.map(|(_, address)| address.to_string()).collect();
        return Err(RunError::NoBgpSession { from: from.to_string(), found: peer, peers: addresses.join(" or ") });
    };
    let (before, after) = match event {
        Event::Establish => (lost, standing),
        Event::Shutdown => (standing, lost),
        Event::Withdraw => {
            let mut withdrawn = Bgp::clone(&standing);
            withdrawn.withdraw(client);
            (standing, Arc::new(withdrawn))
        }
    };
    let mut topo = prepare(if event == Event::Establish { &down } else { &up }, run.seed);
    let change = Change { lab, before: &before, after: &after };
    let own = topo.find(from).and_then(|ns| topo.ns(ns).select_address(2, peer)).unwrap_or(peer);
    let cease = BgpMessage::Notification { code: CEASE, subcode: ADMINISTRATIVE_SHUTDOWN };
    let (says, answers) = match event {
        Event::Establish => (opening(&after, client, server, own), opening(&after, server, client, peer)),
        Event::Withdraw => (change.news(client, server), Vec::new()),
        Event::Shutdown => (cease.to_bytes().unwrap_or_default(), Vec::new()),
    };
    let not_there = || RunError::NotATarget { found: run.to.clone() };
    let (opens, closes) = (event == Event::Establish, event == Event::Shutdown);
    let talk = BgpTalk { server: NsId(0), opens, closes, says, answers, server_ttl: None };
    let mut first = change.exchange(&mut topo, (client, server), peer, talk, run.seed).ok_or_else(not_there)?;
    first.ttl = run.ttl.or(first.ttl);
    let mut others = Vec::new();
    // The news spreads from the router, and not back to where it came from.
    let mut queue = VecDeque::from([(client, server)]);
    while let Some((teller, at)) = queue.pop_front() {
        for (neighbour, address) in before.peers(at).filter(|(neighbour, _)| *neighbour != teller) {
            let says = change.news(at, neighbour);
            if says.is_empty() {
                continue;
            }
            let talk =
                BgpTalk { server: NsId(0), opens: false, closes: false, says, answers: Vec::new(), server_ttl: None };
            if let Some(exchange) = change.exchange(&mut topo, (at, neighbour), address, talk, run.seed) {
                others.push(exchange);
                queue.push_back((at, neighbour));
            }
        }
    }
    let ended = sim::run_in_turn(topo, &first, &others, &mut |ns, topo, recorder| {
        change.learn(topo, recorder, ns);
        // Who ends a session forgets what it has learned by it, once that is said.
        if event == Event::Shutdown {
            change.learn(topo, recorder, first.client);
        }
    });
    Ok(ended)
}

/// What is known before and after.
struct Change<'a> {
    lab: &'a Lab,
    before: &'a Bgp,
    after: &'a Bgp,
}

impl Change<'_> {
    /// The exchange by which `speaker` tells `peer`, who has this address.
    fn exchange(
        &self,
        topo: &mut Topology,
        (speaker, peer): (SpeakerId, SpeakerId),
        address: IpAddr,
        talk: BgpTalk,
        seed: u64,
    ) -> Option<Exchange> {
        let ends = [speaker, peer].map(|id| self.after.speaker(id).place.clone());
        let [client, server] = [topo.find(&ends[0])?, topo.find(&ends[1])?];
        let [ttl, server_ttl] = ends.map(|place| self.ttl(&place));
        for ns in [client, server] {
            topo.finish(ns);
        }
        let listener = Listener {
            protocol: TransportProtocol::Tcp,
            port: BGP_PORT,
            addresses: Vec::new(),
            program: PROGRAM.into(),
            answer: Answer::Asked,
        };
        topo.ns_mut(server).sockets.listen(listener);
        let talk = Talk::Bgp(BgpTalk { server, server_ttl, ..talk });
        Some(Exchange { client, program: PROGRAM.into(), dst: address, talk, ttl, seed, names: Names::default() })
    }

    /// The TTL of what a speaker says. Between systems it is 1 (BIRD, FRR and GoBGP alike); Calico's BIRD is told
    /// `multihop`, which is 64.
    fn ttl(&self, place: &Place) -> Option<u8> {
        let is_multihop = matches!(place, Place::Node(_)) && self.lab.spec.cni.installs_bgp_routes();
        Some(if is_multihop { 64 } else { 1 })
    }

    /// What `speaker` has to tell `peer` about the change.
    fn news(&self, speaker: SpeakerId, peer: SpeakerId) -> Vec<u8> {
        let routes = |bgp: &Bgp| -> Vec<Learned> {
            bgp.learned(peer).into_iter().filter(|route| route.from == speaker).collect()
        };
        let (old, new) = (routes(self.before), routes(self.after));
        let gone = old.iter().filter(|route| new.iter().all(|other| other.prefix != route.prefix));
        let withdrawn: Vec<Ipv4Net> = gone
            .filter_map(|route| match route.prefix {
                IpNet::V4(net) => Some(net),
                IpNet::V6(_) => None,
            })
            .collect();
        let mut messages = updates(new.iter().filter(|route| !old.contains(route)));
        if !withdrawn.is_empty() {
            messages.insert(0, BgpUpdate { withdrawn, ..BgpUpdate::default() });
        }
        messages.into_iter().filter_map(|update| BgpMessage::Update(update).to_bytes()).flatten().collect()
    }

    /// The table of the speaker in `id` becomes what it has learned; what changed stands at its last step.
    fn learn(&self, topo: &mut Topology, recorder: &mut Recorder, id: NsId) {
        let place = topo.ns(id).place.clone();
        let is_router = matches!(*place, Place::Router(_));
        if !is_router && !self.lab.spec.cni.installs_bgp_routes() {
            return;
        }
        let (protocol, writer) = if is_router { (Protocol::Bgp, Writer::Admin) } else { (Protocol::Bird, Writer::Cni) };
        let ns = topo.ns_mut(id);
        let before = ns.main.clone();
        ns.main.retain(|route| route.protocol != protocol || route.gateway.is_none());
        self.after.install(ns, protocol, writer);
        let after = &ns.main;
        let Some(step) = recorder.last_step(&place) else { return };
        let written = |text: String, writer| Written { command: "ip route show table main".to_owned(), text, writer };
        // As `ip monitor route` prints it.
        for route in before.rows().iter().filter(|route| !after.rows().contains(route)) {
            step.consulted.push(Arc::new(before.lookup(route.dst.network(), 0)));
            step.wrote.push(written(format!("Deleted {route}"), route.writer));
        }
        for route in after.rows().iter().filter(|route| !before.rows().contains(route)) {
            step.wrote.push(written(route.to_string(), route.writer));
        }
    }
}

/// What `speaker` tells `peer` first, by its own `address` on their segment.
fn opening(bgp: &Bgp, speaker: SpeakerId, peer: SpeakerId, address: IpAddr) -> Vec<u8> {
    let IpAddr::V4(id) = address else { return Vec::new() };
    let open = BgpMessage::Open { asn: bgp.speaker(speaker).asn, hold_time_secs: HOLD_TIME_SECS, id };
    let end_of_rib = BgpMessage::Update(BgpUpdate::default());
    // What the peer would learn of it is what it is told.
    let learned = bgp.learned(peer);
    let updates = updates(learned.iter().filter(|route| route.from == speaker)).into_iter().map(BgpMessage::Update);
    let messages = [open, BgpMessage::Keepalive].into_iter().chain(updates).chain([end_of_rib]);
    messages.filter_map(|message| message.to_bytes()).flatten().collect()
}

/// An UPDATE for every way.
fn updates<'a>(routes: impl Iterator<Item = &'a Learned>) -> Vec<BgpUpdate> {
    let mut updates: Vec<BgpUpdate> = Vec::new();
    for Learned { prefix, next_hop, as_path, .. } in routes {
        let (IpNet::V4(prefix), IpAddr::V4(next_hop)) = (*prefix, *next_hop) else { continue };
        match updates.iter_mut().find(|update| update.next_hop == Some(next_hop) && update.as_path == *as_path) {
            Some(update) => update.announced.push(prefix),
            None => updates.push(BgpUpdate {
                as_path: as_path.clone(),
                next_hop: Some(next_hop),
                announced: vec![prefix],
                withdrawn: Vec::new(),
            }),
        }
    }
    updates
}
