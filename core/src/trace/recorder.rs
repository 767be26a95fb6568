//! Collecting steps and frames while a run is computed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    Choice, Consulted, Decision, Device, Disposition, Frame, Hop, Journey, JourneyId, MtuCheck, Stage, Step, Trace,
    Written,
};
use crate::base::{Instant, Place};
use crate::wire::{Link, LinkType, Packet};

/// A step as a kernel stage reports it: the recorder adds time and id.
impl Step {
    /// A step that leaves `packet` as it is.
    #[must_use]
    pub fn new(stage: Stage, decision: Decision, packet: &Packet) -> Self {
        Self { before: Some(packet.clone()), after: Some(packet.clone()), ..Self::without_packet(stage, decision) }
    }

    /// A step that came before there was a packet.
    #[must_use]
    pub fn without_packet(stage: Stage, decision: Decision) -> Self {
        Self {
            id: String::new(),
            time: Instant::START,
            device: None,
            stage,
            decision,
            before: None,
            after: None,
            consulted: Vec::new(),
            wrote: Vec::new(),
            mtu: None,
            outer: false,
        }
    }

    /// On this device.
    #[must_use]
    pub fn on(mut self, device: &Arc<str>) -> Self {
        self.device = Some(device.clone());
        self
    }

    /// The packet was something else before.
    #[must_use]
    pub fn from(mut self, before: &Packet) -> Self {
        self.before = Some(before.clone());
        self
    }

    /// The packet was made here.
    #[must_use]
    pub fn born(mut self) -> Self {
        self.before = None;
        self
    }

    /// The packet ends here.
    #[must_use]
    pub fn ends(mut self) -> Self {
        self.after = None;
        self
    }

    /// This table was read.
    #[must_use]
    pub fn consulted(mut self, table: impl Consulted + 'static) -> Self {
        self.consulted.push(Arc::new(table));
        self
    }

    /// This row was written, if there is one.
    #[must_use]
    pub fn wrote(mut self, row: Option<Written>) -> Self {
        self.wrote.extend(row);
        self
    }

    /// The packet was held against this limit.
    #[must_use]
    pub fn mtu(mut self, check: MtuCheck) -> Self {
        self.mtu = Some(check);
        self
    }
}

/// Collects a run.
#[derive(Debug, Default)]
pub struct Recorder {
    journeys: Vec<Journey>,
    hops: Vec<Hop>,
    devices: Vec<Device>,
    frames: Vec<Frame>,
    choice: Option<Choice>,
    n_steps: usize,
    n_named: BTreeMap<(&'static str, String), usize>,
}

impl Recorder {
    /// A new packet named `FLOW.name`; a name that is taken gets a number.
    pub fn journey(&mut self, flow: &'static str, name: &str) -> JourneyId {
        let n = self.n_named.entry((flow, name.to_owned())).or_insert(0);
        *n += 1;
        let name = if *n == 1 { name.to_owned() } else { format!("{name}-{n}") };
        self.journeys.push(Journey { flow, name });
        JourneyId(self.journeys.len() - 1)
    }

    /// The packet with this id.
    #[must_use]
    pub fn journey_of(&self, id: JourneyId) -> &Journey {
        &self.journeys[id.0]
    }

    /// Number of steps so far.
    #[must_use]
    pub fn n_steps(&self) -> usize {
        self.n_steps
    }

    /// Adds a step. Steps of one packet at one place that follow each other are one hop.
    pub fn step(&mut self, now: Instant, at: &Arc<Place>, journey: JourneyId, step: Step) {
        let step = Step { time: now, ..step };
        self.n_steps += 1;
        match self.hops.last_mut() {
            Some(hop) if hop.journey == journey && hop.at == *at => hop.steps.push(step),
            _ => self.hops.push(Hop { at: at.clone(), journey, steps: vec![step] }),
        }
    }

    /// How the client's connection was translated, if it was.
    #[must_use]
    pub fn choice(&self) -> Option<&Choice> {
        self.choice.as_ref()
    }

    /// Notes how a connection was translated. The first translation of a run is the target's.
    pub fn choose(&mut self, choice: Choice) {
        self.choice.get_or_insert(choice);
    }

    /// Adds a frame to the capture of device `dev` at `at`.
    pub fn frame(&mut self, now: Instant, at: &Place, dev: &str, journey: JourneyId, packet: &Packet) {
        let name = format!("{at}:{dev}");
        let device = self.devices.iter().position(|device| device.name == name).unwrap_or_else(|| {
            let link_type = match packet.link() {
                Link::Ethernet => LinkType::Ethernet,
                Link::Ip => LinkType::Raw,
            };
            self.devices.push(Device { name, link_type });
            self.devices.len() - 1
        });
        self.frames.push(Frame { device, journey, time: now, packet: packet.clone() });
    }

    /// The trace.
    #[must_use]
    pub fn finish(mut self, disposition: Disposition) -> Trace {
        let mut n_called: BTreeMap<String, usize> = BTreeMap::new();
        for hop in &mut self.hops {
            let journey = &self.journeys[hop.journey.0];
            // A dot separates the parts of an id, and Kubernetes names may hold dots.
            let place = hop.at.short().replace('.', "-");
            for step in &mut hop.steps {
                let id = format!("{}.{}.{place}.{}", journey.flow, journey.name, step.slug());
                let n = n_called.entry(id.clone()).or_insert(0);
                *n += 1;
                step.id = if *n == 1 { id } else { format!("{id}.{n}") };
            }
        }
        let trace = Trace {
            disposition,
            choice: self.choice,
            journeys: self.journeys,
            hops: self.hops,
            devices: self.devices,
            frames: self.frames,
        };
        debug_assert_eq!(super::validate(&trace), Ok(()));
        trace
    }
}
