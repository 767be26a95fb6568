//! BGP as it has converged: who has a session with whom, and which routes each speaker has learned.
//!
//! Models RFC 4271 as far as routes come of it: the shortest path wins, a speaker of another system is told the own
//! address as next hop unless the real one is on its own segment (section 5.1.3). Every session is between systems; a
//! router puts its own number in place of its neighbour's (BIRD and FRR: as-override), so that nodes of one number hear
//! each other. Not modelled: policies, communities, several equal paths, MED.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::base::{BTreeSet, Place, Writer};
use crate::net::{Interface, NetNs, Protocol, Route};

/// Calico's default autonomous system, which all nodes share.
pub const NODE_ASN: u32 = 64512;

/// Index of a speaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpeakerId(usize);

/// A machine that speaks BGP.
#[derive(Clone, Debug)]
pub struct Speaker {
    /// Which machine.
    pub place: Arc<Place>,
    /// Its autonomous system.
    pub asn: u32,
    /// What it announces of its own.
    pub originates: Vec<IpNet>,
    sessions: Vec<Session>,
}

/// One side's view of a session that is established.
#[derive(Clone, Debug)]
struct Session {
    peer: SpeakerId,
    /// The peer's address.
    address: IpAddr,
    /// The segment that both are on.
    segment: IpNet,
}

/// A route that a speaker has learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// Where it leads.
    pub prefix: IpNet,
    /// By whom: a neighbour on a segment of the speaker.
    pub next_hop: IpAddr,
    /// The systems on the way, the nearest first.
    pub as_path: Vec<u32>,
    /// The neighbour that told.
    pub from: SpeakerId,
}

/// All speakers and their sessions.
#[derive(Clone, Debug, Default)]
pub struct Bgp {
    speakers: Vec<Speaker>,
}

impl Bgp {
    /// Adds a speaker without sessions.
    pub fn add(&mut self, place: Arc<Place>, asn: u32, originates: Vec<IpNet>) -> SpeakerId {
        self.speakers.push(Speaker { place, asn, originates, sessions: Vec::new() });
        SpeakerId(self.speakers.len() - 1)
    }

    /// Establishes a session between two speakers with these addresses on `segment`.
    pub fn connect(&mut self, a: (SpeakerId, IpAddr), b: (SpeakerId, IpAddr), segment: IpNet) {
        for (own, peer) in [(a, b), (b, a)] {
            self.speakers[own.0.0].sessions.push(Session { peer: peer.0, address: peer.1, segment });
        }
    }

    /// A speaker has nothing of its own to announce any more.
    pub fn withdraw(&mut self, speaker: SpeakerId) {
        self.speakers[speaker.0].originates.clear();
    }

    /// The speaker at `place`.
    #[must_use]
    pub fn find(&self, place: &Place) -> Option<SpeakerId> {
        self.speakers.iter().position(|speaker| *speaker.place == *place).map(SpeakerId)
    }

    /// A speaker.
    #[must_use]
    pub fn speaker(&self, id: SpeakerId) -> &Speaker {
        &self.speakers[id.0]
    }

    /// The peers of a speaker, by their addresses.
    pub fn peers(&self, speaker: SpeakerId) -> impl Iterator<Item = (SpeakerId, IpAddr)> {
        self.speakers[speaker.0].sessions.iter().map(|session| (session.peer, session.address))
    }

    /// Writes what the speaker in `ns` has learned into its table, except the segments that it is on itself.
    pub fn install(&self, ns: &mut NetNs, protocol: Protocol, writer: Writer) {
        let Some(speaker) = self.find(&ns.place) else { return };
        for learned in self.learned(speaker) {
            let is_on = |interface: &&Interface, net: &IpNet| {
                interface.addresses.iter().any(|address| address.net.trunc().contains(net))
            };
            let on_segment = |net: IpNet| ns.interfaces().iter().find(|interface| is_on(interface, &net));
            let dev = on_segment(learned.next_hop.into()).map(|interface| interface.dev.clone());
            if let (Some(dev), None) = (dev, on_segment(learned.prefix)) {
                let route = Route { protocol, writer, ..super::route(learned.prefix, Some(learned.next_hop), &dev) };
                ns.main.add(route);
            }
        }
    }

    /// All that `speaker` has learned, the nearest first.
    #[must_use]
    pub fn learned(&self, speaker: SpeakerId) -> Vec<Learned> {
        let mut seen = BTreeSet::from([speaker]);
        let mut learned = Vec::new();
        let mut queue = VecDeque::new();
        for session in &self.speakers[speaker.0].sessions {
            if seen.insert(session.peer) {
                queue.push_back((session.peer, session, session.address, vec![self.speakers[session.peer.0].asn]));
            }
        }
        let own_asn = self.speakers[speaker.0].asn;
        // Breadth first: every speaker is met by its shortest path.
        while let Some((at, first, next_hop, path)) = queue.pop_front() {
            let Speaker { originates, sessions, .. } = &self.speakers[at.0];
            let nearest = self.speakers[first.peer.0].asn;
            let as_path: Vec<u32> = path.iter().map(|asn| if *asn == own_asn { nearest } else { *asn }).collect();
            let route =
                |prefix: &IpNet| Learned { prefix: *prefix, next_hop, as_path: as_path.clone(), from: first.peer };
            learned.extend(originates.iter().map(route));
            for session in sessions {
                if seen.insert(session.peer) {
                    let is_on_segment = at == first.peer && first.segment.contains(&session.address);
                    let next_hop = if is_on_segment { session.address } else { next_hop };
                    let path = [&path[..], &[self.speakers[session.peer.0].asn]].concat();
                    queue.push_back((session.peer, first, next_hop, path));
                }
            }
        }
        learned
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Bgp, NODE_ASN, SpeakerId};
    use crate::base::Place;

    fn net(text: &str) -> ipnet::IpNet {
        text.parse().expect("a network")
    }

    /// Two racks of two nodes each, and a spine.
    fn racks() -> (Bgp, [SpeakerId; 4], [SpeakerId; 2]) {
        let mut bgp = Bgp::default();
        let spine = bgp.add(Arc::new(Place::Router("fabric".into())), 65000, vec![net("203.0.113.0/24")]);
        let (mut nodes, mut tors) = (Vec::new(), Vec::new());
        for rack in 0..2 {
            let segment = net(&format!("172.18.{rack}.0/24"));
            let tor = bgp.add(Arc::new(Place::Router(format!("r{rack}"))), 65001 + rack, vec![segment]);
            let uplink = net(&format!("172.31.254.{}/30", 4 * rack));
            let mut ends = uplink.hosts();
            let mut end = || ends.next().expect("an address");
            bgp.connect((spine, end()), (tor, end()), uplink);
            for node in 0..2 {
                let pods = net(&format!("10.244.{}.0/24", 2 * rack + node));
                let id = bgp.add(Arc::new(Place::Node(format!("n{rack}{node}"))), NODE_ASN, vec![pods]);
                let mut hosts = segment.hosts();
                let gateway = hosts.next().expect("an address");
                let own = hosts.nth(node as usize).expect("an address");
                bgp.connect((tor, gateway), (id, own), segment);
                nodes.push(id);
            }
            tors.push(tor);
        }
        (bgp, nodes.try_into().expect("four"), tors.try_into().expect("two"))
    }

    fn lines(bgp: &Bgp, at: SpeakerId) -> Vec<String> {
        bgp.learned(at).iter().map(|route| format!("{} via {}", route.prefix, route.next_hop)).collect()
    }

    #[test]
    fn a_neighbour_on_the_segment_is_its_own_next_hop_and_the_rest_is_behind_the_router() {
        let (bgp, nodes, _) = racks();
        let expected = [
            "172.18.0.0/24 via 172.18.0.1",
            "203.0.113.0/24 via 172.18.0.1",
            "10.244.1.0/24 via 172.18.0.3",
            "172.18.1.0/24 via 172.18.0.1",
            "10.244.2.0/24 via 172.18.0.1",
            "10.244.3.0/24 via 172.18.0.1",
        ];
        assert_eq!(lines(&bgp, nodes[0]), expected);
    }

    #[test]
    fn a_router_learns_pods_from_its_nodes_and_the_rest_from_the_spine() {
        let (bgp, _, tors) = racks();
        let expected = [
            "203.0.113.0/24 via 172.31.254.1",
            "10.244.0.0/24 via 172.18.0.2",
            "10.244.1.0/24 via 172.18.0.3",
            "172.18.1.0/24 via 172.31.254.1",
            "10.244.2.0/24 via 172.31.254.1",
            "10.244.3.0/24 via 172.31.254.1",
        ];
        assert_eq!(lines(&bgp, tors[0]), expected);
    }
}
