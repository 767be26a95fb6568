//! The event queue: what happens next, in virtual time.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::connection::ConnectionKey;
use crate::app::Segment;
use crate::base::Instant;
use crate::net::{At, DevRef, NsId, Skb};
use crate::wire::Packet;

/// Something that will happen.
pub(super) enum Event {
    /// A frame arrives at a device.
    Arrive { at: At, skb: Skb },
    /// A neighbour has had its time to answer.
    AskAgain { ns: NsId, dev: DevRef, ip: IpAddr, n_asked: u32 },
    /// An end of a connection sends a segment.
    SendSegment { key: ConnectionKey, segment: Segment },
    /// An end of a connection looks at its timers.
    Expire { key: ConnectionKey },
    /// The client of a connection may have waited long enough.
    GiveUp { key: ConnectionKey },
    /// A program sends a packet.
    SendDatagram { ns: NsId, packet: Packet, flow: &'static str, name: &'static str, program: Arc<str> },
}

/// Events by time, and at one time in the order in which they were planned.
#[derive(Default)]
pub(super) struct Queue {
    events: BTreeMap<(Instant, u64), Event>,
    n_pushed: u64,
}

impl Queue {
    pub(super) fn push(&mut self, time: Instant, event: Event) {
        self.n_pushed += 1;
        self.events.insert((time, self.n_pushed), event);
    }

    pub(super) fn pop(&mut self) -> Option<(Instant, Event)> {
        self.events.pop_first().map(|((time, _), event)| (time, event))
    }
}
