//! The event queue: what happens next, in virtual time.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use super::connection::ConnectionKey;
use super::name_socket::Whose;
use crate::app::Segment;
use crate::app::resolver::Query;
use crate::base::{BTreeMap, Instant};
use crate::k8s::control_plane::Wake;
use crate::net::{At, DevRef, NsId, Skb};
use crate::wire::Packet;

/// Something that will happen.
pub(super) enum Event {
    /// The client begins.
    Begin,
    /// Somebody of the control plane wakes up.
    Wake(Wake),
    /// A frame arrives at a device.
    Arrive { at: At, skb: Skb },
    /// A neighbour has had its time to answer.
    AskAgain { ns: NsId, dev: DevRef, ip: IpAddr, n_asked: u32 },
    /// A neighbour that was used has had its time to be confirmed.
    DelayOver { ns: NsId, dev: DevRef, ip: IpAddr },
    /// An end of a connection sends a segment.
    SendSegment { key: ConnectionKey, segment: Segment },
    /// An end of a connection looks at its timers.
    Expire { key: ConnectionKey },
    /// The client of a connection may have waited long enough.
    GiveUp { key: ConnectionKey },
    /// A proxy goes on with a message that it has heard.
    Forward { key: ConnectionKey },
    /// A program sends a packet.
    SendDatagram { ns: NsId, packet: Packet, flow: &'static str, name: Cow<'static, str>, program: Arc<str> },
    /// The client knows whom to talk to.
    Connect,
    /// The client's resolver sends messages; those over TCP with one socket at once.
    Query(Vec<Query>),
    /// The client's resolver may have waited long enough.
    QueryTimer,
    /// A name server asks the next of its upstreams.
    Ask { ask: usize },
    /// A name server may have waited long enough for an upstream.
    AskOver { ask: usize, turn: usize },
    /// A socket of DNS cannot be used any more.
    NameError { whose: Whose },
    /// A connection of DNS may have taken too long.
    StreamOver { key: ConnectionKey },
}

impl Event {
    /// Whether a kernel would do this long after everybody has gone home: it alone does not keep a run going.
    fn is_housekeeping(&self) -> bool {
        matches!(self, Self::DelayOver { .. })
    }
}

/// Events by time, and at one time in the order in which they were planned.
#[derive(Default)]
pub(super) struct Queue {
    events: BTreeMap<(Instant, u64), Event>,
    n_pushed: u64,
    /// How many of the events keep the run going.
    n_awaited: usize,
}

impl Queue {
    pub(super) fn push(&mut self, time: Instant, event: Event) {
        self.n_pushed += 1;
        self.n_awaited += usize::from(!event.is_housekeeping());
        self.events.insert((time, self.n_pushed), event);
    }

    /// Forgets timers that nobody needs any more: they alone do not keep a run going.
    pub(super) fn cancel(&mut self, is_it: impl Fn(&Event) -> bool) {
        let n_before = self.events.len();
        self.events.retain(|_, event| !is_it(event));
        self.n_awaited -= n_before - self.events.len();
    }

    pub(super) fn pop(&mut self) -> Option<(Instant, Event)> {
        if self.n_awaited == 0 {
            return None;
        }
        let ((time, _), event) = self.events.pop_first()?;
        self.n_awaited -= usize::from(!event.is_housekeeping());
        Some((time, event))
    }
}
