//! L2: the record of one run, as data.
//!
//! A [`Trace`] holds hops, a [`Hop`] holds steps, a [`Step`] says where the packet was, what was decided, what the
//! packet was before and after, and which rows of which table decided. Everything that people read is made from it:
//! [`explain`] is the only prose, [`render`] the only text layout. Nothing here decides anything.

mod control;
mod decision;
mod explain;
mod queries;
mod reason;
mod recorder;
mod render;
mod table;
mod validate;

use std::net::IpAddr;
use std::sync::Arc;

use crate::base::{Instant, Place, ServiceNote};
use crate::wire::{CapturedFrame, LinkType, Packet};

pub use control::{Change, Component, Reconcile, WokenBy, Work};
pub use decision::{
    BpfHook, BridgeTarget, By, Chosen, Decision, Draw, Ends, Envelope, Hook, HookFunction, NextHop, Resolves, Stage,
    Tracked, show_end,
};
pub use explain::{Explanation, explain, symptom};
pub use queries::{Lookup, NameQuery, NameReply};
pub use reason::{Disposition, DropReason, RejectReason};
pub use recorder::Recorder;
pub use render::{Detail, render};
pub use table::{Consulted, Row, Stretch, Why, Written};
pub use validate::{ShapeError, validate};

/// What happened to everything that one client caused.
#[derive(Clone, Debug)]
pub struct Trace {
    /// How it ended, in the client's eyes.
    pub disposition: Disposition,
    /// When the client started. The clock begins with it, unless something was done to the cluster before.
    pub start: Instant,
    /// How the target's address was translated, if it was.
    pub choice: Option<Choice>,
    /// The name that the client looked up, if it did.
    pub lookup: Option<Lookup>,
    /// Every message that the client's resolver sent, in order, retries included.
    pub queries: Vec<NameQuery>,
    /// Every packet of the run, in order of birth.
    pub journeys: Vec<Journey>,
    /// The run, place by place, in order of time.
    pub hops: Vec<Hop>,
    /// The devices that carried a frame, in order of their first.
    pub devices: Vec<Device>,
    /// Every frame that a capture on every device would hold, in order of time.
    pub frames: Vec<Frame>,
}

/// How a service was translated: what the client's connection could have been sent to, and what it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Every endpoint, with its probability, whatever the dice of this seed chose.
    pub destinations: Vec<((IpAddr, u16), f64)>,
    /// The endpoint that was chosen.
    pub chosen: (IpAddr, u16),
    /// Whether kube-proxy marked the connection for masquerade: its source becomes the node's.
    pub masqueraded: bool,
}

/// One packet of a run, from birth to end: what the first two parts of a step's id name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journey {
    /// The exchange it belongs to: `http`, `ping`, `arp`.
    pub flow: &'static str,
    /// Which packet of that exchange: `syn`, `request`, `client-eth0-request`.
    pub name: String,
}

/// Index of a [`Journey`] in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JourneyId(pub usize);

/// A stay of one packet in one network namespace.
#[derive(Clone, Debug)]
pub struct Hop {
    /// Where.
    pub at: Arc<Place>,
    /// Which packet.
    pub journey: JourneyId,
    /// What happened, in order; never empty.
    pub steps: Vec<Step>,
}

/// One decision of one kernel about one packet.
#[derive(Clone, Debug)]
pub struct Step {
    /// `FLOW.PACKET.PLACE.STAGE[.n]`: unique in a trace, and the same under another CNI, size or seed.
    pub id: String,
    /// When.
    pub time: Instant,
    /// The device concerned, if one is.
    pub device: Option<Arc<str>>,
    /// Which part of the kernel.
    pub stage: Stage,
    /// What it decided.
    pub decision: Decision,
    /// The packet as it came; `None` if it was made here.
    pub before: Option<Packet>,
    /// The packet as it left; `None` if it ended here.
    pub after: Option<Packet>,
    /// The tables that were read to decide, with the row that matched.
    pub consulted: Vec<Arc<dyn Consulted>>,
    /// Rows that this step wrote.
    pub wrote: Vec<Written>,
    /// The limit the packet was held against.
    pub mtu: Option<MtuCheck>,
    /// Whether the packet is a tunnel's envelope here.
    pub outer: bool,
    /// The service that the row which decided was written for.
    pub service: Option<Arc<ServiceNote>>,
}

impl Step {
    /// The last part of the step's id.
    fn slug(&self) -> Slug {
        let has_outer =
            matches!(self.stage, Stage::Route | Stage::Netfilter(..) | Stage::Output | Stage::Neigh | Stage::Bpf(_));
        let resumed = self.stage == Stage::Neigh && matches!(self.decision, Decision::NeighbourResume { .. });
        Slug { stage: self.stage, outer: self.outer && has_outer, resumed }
    }

    /// The packet as this step leaves it, or as it was when it ended here.
    #[must_use]
    pub fn packet(&self) -> Option<&Packet> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

/// The last part of a step's id. What happens to an envelope has names of its own, so that the steps of the packet
/// inside are called the same with a tunnel and without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slug {
    stage: Stage,
    outer: bool,
    resumed: bool,
}

impl Slug {
    /// As it is written, in three pieces.
    fn pieces(self) -> [&'static str; 3] {
        [if self.outer { "outer-" } else { "" }, self.stage.slug(), if self.resumed { "-resume" } else { "" }]
    }
}

/// A packet held against a device's MTU. Both count bytes above the link header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MtuCheck {
    /// The device.
    pub device: Arc<str>,
    /// Its MTU in bytes.
    pub mtu: usize,
    /// The packet's length in bytes.
    pub len: usize,
}

impl MtuCheck {
    /// Whether the packet may leave by the device.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.len <= self.mtu
    }
}

/// A device that carried a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// `REF:DEVICE`, as a capture names it.
    pub name: String,
    /// What its frames begin with.
    pub link_type: LinkType,
}

/// A frame as one device saw it.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Index into [`Trace::devices`].
    pub device: usize,
    /// Which packet it was part of.
    pub journey: JourneyId,
    /// When.
    pub time: Instant,
    /// Its bytes.
    pub packet: Packet,
}

impl Trace {
    /// All steps in order, each with the hop that holds it.
    pub fn steps(&self) -> impl Iterator<Item = (&Hop, &Step)> {
        self.hops.iter().flat_map(|hop| hop.steps.iter().map(move |step| (hop, step)))
    }

    /// A moment in nanoseconds after the client started, negative before.
    #[must_use]
    pub fn since_start(&self, time: Instant) -> i64 {
        let nanos = |time: Instant| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        nanos(time) - nanos(self.start)
    }

    /// The packet that a hop is about.
    #[must_use]
    pub fn journey(&self, id: JourneyId) -> &Journey {
        &self.journeys[id.0]
    }

    /// The capture on all devices as a pcapng file.
    #[must_use]
    pub fn to_pcapng(&self) -> Vec<u8> {
        crate::wire::write_pcapng(self.frames.iter().map(|frame| CapturedFrame {
            interface: &self.devices[frame.device].name,
            link_type: self.devices[frame.device].link_type,
            time: frame.time,
            bytes: frame.packet.bytes(),
        }))
    }
}
