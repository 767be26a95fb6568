//! Legs: the parts of a run that people have names for, and the packets in them.

use kubehop_core::api::{Journey, Trace};

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LegKind {
    /// Who has which link address.
    Arp,
    /// What is its address?
    Dns,
    /// The TCP handshake.
    Connect,
    /// What the client says.
    Request,
    /// What the server says.
    Reply,
    /// Both sides are done.
    Close,
    /// The control plane wakes up.
    Api,
}

/// A part of a run, with where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Which part.
    pub kind: LegKind,
    /// Index of its first step.
    pub first: usize,
}

impl LegKind {
    /// The leg that a packet belongs to, by the names that the trace gives packets.
    #[must_use]
    pub fn of(journey: &Journey) -> Self {
        let name = journey.name.as_str();
        match journey.flow {
            "arp" => Self::Arp,
            "api" => Self::Api,
            "dns" | "dns-tcp" | "forward-tcp" => Self::Dns,
            "ping" | "udp" if name.starts_with("reply") || name.starts_with("answer") => Self::Reply,
            "ping" | "udp" => Self::Request,
            _ if name.starts_with("request") => Self::Request,
            _ if name.starts_with("reply") => Self::Reply,
            _ if name.starts_with("fin") || name.starts_with("last-ack") => Self::Close,
            _ => Self::Connect,
        }
    }

    /// Its name on the page.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Arp => "ARP",
            Self::Dns => "DNS",
            Self::Connect => "Connect",
            Self::Request => "Request",
            Self::Reply => "Reply",
            Self::Close => "Close",
            Self::Api => "API",
        }
    }
}

/// The legs of a run, in order of their first step. `kinds` has the leg of each step.
#[must_use]
pub(super) fn legs(kinds: &[LegKind]) -> Vec<Leg> {
    let mut legs: Vec<Leg> = Vec::new();
    for (first, kind) in kinds.iter().enumerate() {
        if legs.iter().all(|leg| leg.kind != *kind) {
            legs.push(Leg { kind: *kind, first });
        }
    }
    legs
}

/// Where each stretch of the slider begins: the legs without those that happen in the middle of others.
#[must_use]
pub(super) fn stretches(legs: &[Leg]) -> Vec<Leg> {
    let mut stretches: Vec<Leg> =
        legs.iter().filter(|leg| !matches!(leg.kind, LegKind::Arp | LegKind::Api)).copied().collect();
    // A run always begins with its first stretch, also where ARP comes before any packet.
    if let Some(first) = stretches.first_mut() {
        first.first = 0;
    }
    stretches
}

/// The leg of every step of `trace`.
#[must_use]
pub(super) fn kinds(trace: &Trace) -> Vec<LegKind> {
    let of_journey: Vec<LegKind> = trace.journeys.iter().map(LegKind::of).collect();
    trace.steps().map(|(hop, _)| of_journey[hop.journey.0]).collect()
}

#[cfg(test)]
mod tests {
    use super::{LegKind, legs, stretches};
    use kubehop_core::api::Journey;

    fn check(flow: &'static str, names: &[&str], expected: LegKind) {
        for name in names {
            assert_eq!(LegKind::of(&Journey { flow, name: (*name).to_owned() }), expected, "{flow}.{name}");
        }
    }

    #[test]
    fn every_packet_has_a_leg() {
        check("api", &["delete-web-1"], LegKind::Api);
        check("arp", &["client-eth0-request", "node-a-eth0-reply"], LegKind::Arp);
        check("dns", &["query-2", "reply-2", "forward-1"], LegKind::Dns);
        check("dns-tcp", &["syn", "query-3", "fin"], LegKind::Dns);
        check("http", &["syn", "syn-ack", "ack", "rst"], LegKind::Connect);
        check("http", &["request", "request-2", "request-ack"], LegKind::Request);
        check("http", &["reply", "reply-7", "reply-ack"], LegKind::Reply);
        check("tcp", &["fin", "fin-ack", "last-ack"], LegKind::Close);
        check("ping", &["request"], LegKind::Request);
        check("ping", &["reply"], LegKind::Reply);
    }

    #[test]
    fn a_leg_is_named_once_and_arp_is_no_stretch() {
        use LegKind::{Arp, Connect, Request};
        let legs = legs(&[Arp, Connect, Arp, Connect, Request, Connect]);
        assert_eq!(
            legs.iter().map(|leg| (leg.kind, leg.first)).collect::<Vec<_>>(),
            [(Arp, 0), (Connect, 1), (Request, 4)]
        );
        let stretches = stretches(&legs);
        assert_eq!(stretches.iter().map(|leg| leg.first).collect::<Vec<_>>(), [0, 4]);
    }
}
