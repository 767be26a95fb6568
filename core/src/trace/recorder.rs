//! Collecting steps and frames while a run is computed.

use std::net::IpAddr;
use std::sync::Arc;

use super::{
    Choice, Consulted, Decision, Device, Disposition, Frame, Hop, Journey, JourneyId, Lookup, MtuCheck, NameQuery,
    NameReply, Slug, Stage, Step, Trace, Written,
};
use crate::base::{BTreeMap, Instant, Place, ServiceNote};
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
            service: None,
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

    /// The row that decided was written for this service.
    #[must_use]
    pub fn about(mut self, service: Option<Arc<ServiceNote>>) -> Self {
        self.service = service;
        self
    }

    /// The packet was held against this limit.
    #[must_use]
    pub fn mtu(mut self, check: MtuCheck) -> Self {
        self.mtu = Some(check);
        self
    }
}

/// Steps that a stay commonly has.
const STEPS_OF_A_HOP: usize = 8;

/// Collects a run.
#[derive(Debug, Default)]
pub struct Recorder {
    journeys: Vec<Journey>,
    hops: Vec<Hop>,
    devices: Vec<Device>,
    /// Place and name of each device: looking one up writes no string.
    device_names: Vec<(Place, String)>,
    frames: Vec<Frame>,
    choice: Option<Choice>,
    start: Option<Instant>,
    ignores_choices: bool,
    lookup: Option<Lookup>,
    queries: Vec<NameQuery>,
    n_steps: usize,
    n_steps_of: Vec<usize>,
    n_named: BTreeMap<(&'static str, String), usize>,
}

impl Recorder {
    /// A new packet named `FLOW.name`; a name that is taken gets a number.
    pub fn journey(&mut self, flow: &'static str, name: &str) -> JourneyId {
        let n = self.n_named.entry((flow, name.to_owned())).or_insert(0);
        *n += 1;
        let name = if *n == 1 { name.to_owned() } else { format!("{name}-{n}") };
        self.journeys.push(Journey { flow, name });
        self.n_steps_of.push(0);
        JourneyId(self.journeys.len() - 1)
    }

    /// The packet with this id.
    #[must_use]
    pub fn journey_of(&self, id: JourneyId) -> &Journey {
        &self.journeys[id.0]
    }

    /// Where a packet was made.
    #[must_use]
    pub fn birthplace(&self, journey: JourneyId) -> Option<Arc<Place>> {
        self.hops.iter().find(|hop| hop.journey == journey).map(|hop| hop.at.clone())
    }

    /// The last step at `at`: what a program does with what it has got there belongs to it.
    pub fn last_step(&mut self, at: &Place) -> Option<&mut Step> {
        self.hops.iter_mut().rev().find(|hop| *hop.at == *at)?.steps.last_mut()
    }

    /// The last step at `at` by which something reached a socket.
    pub fn last_delivery(&mut self, at: &Place) -> Option<&mut Step> {
        let steps = self.hops.iter_mut().rev().filter(|hop| *hop.at == *at).flat_map(|hop| hop.steps.iter_mut().rev());
        steps.into_iter().find(|step| step.stage == Stage::Deliver)
    }

    /// Number of steps so far.
    #[must_use]
    pub fn n_steps(&self) -> usize {
        self.n_steps
    }

    /// Number of steps of one packet so far.
    #[must_use]
    pub fn n_steps_of(&self, journey: JourneyId) -> usize {
        self.n_steps_of[journey.0]
    }

    /// Adds a step. Steps of one packet at one place that follow each other are one hop.
    pub fn step(&mut self, now: Instant, at: &Arc<Place>, journey: JourneyId, step: Step) {
        let step = Step { time: now, ..step };
        self.n_steps += 1;
        self.n_steps_of[journey.0] += 1;
        match self.hops.last_mut() {
            Some(hop) if hop.journey == journey && hop.at == *at => hop.steps.push(step),
            _ => {
                let mut steps = Vec::with_capacity(STEPS_OF_A_HOP);
                steps.push(step);
                self.hops.push(Hop { at: at.clone(), journey, steps });
            }
        }
    }

    /// Notes that the client starts. Of several clients the first counts.
    pub fn client_starts(&mut self, now: Instant) {
        self.start.get_or_insert(now);
    }

    /// Notes how a connection was translated. The first translation of a run is the target's, but for those of a lookup
    /// before it.
    pub fn choose(&mut self, choice: Choice) {
        if !self.ignores_choices {
            self.choice.get_or_insert(choice);
        }
    }

    /// Notes that the client looks a name up. Unless that is all it does, what is translated meanwhile is not its target.
    pub fn lookup_begins(&mut self, lookup: Lookup, is_all: bool) {
        self.lookup = Some(lookup);
        self.ignores_choices = !is_all;
    }

    /// Notes that the client has looked up what it wanted to know.
    pub fn lookup_ends(&mut self) {
        self.ignores_choices = false;
    }

    /// Notes a message that the client's resolver sends; returns its place among them.
    pub fn query(&mut self, query: NameQuery) -> usize {
        self.queries.push(query);
        self.queries.len() - 1
    }

    /// How many messages the client's resolver has sent.
    #[must_use]
    pub fn n_queries(&self) -> usize {
        self.queries.len()
    }

    /// Notes which packet carries a message.
    pub fn query_sent(&mut self, query: usize, journey: JourneyId) {
        if let Some(query) = self.queries.get_mut(query) {
            query.sent.get_or_insert(journey);
        }
    }

    /// Notes how a message was answered.
    pub fn query_answered(&mut self, query: usize, reply: NameReply) {
        if let Some(query) = self.queries.get_mut(query) {
            query.reply.get_or_insert(reply);
        }
    }

    /// Notes that the source of the connection to `endpoint` has become a node's.
    pub fn masquerade(&mut self, endpoint: (IpAddr, u16)) {
        if let Some(choice) = self.choice.as_mut().filter(|choice| choice.chosen == endpoint) {
            choice.masqueraded = true;
        }
    }

    /// Adds a frame to the capture of device `dev` at `at`.
    pub fn frame(&mut self, now: Instant, at: &Place, dev: &str, journey: JourneyId, packet: &Packet) {
        let known = self.device_names.iter().position(|(place, name)| name == dev && place == at);
        let device = known.unwrap_or_else(|| {
            let link_type = match packet.link() {
                Link::Ethernet => LinkType::Ethernet,
                Link::Ip => LinkType::Raw,
            };
            self.device_names.push((at.clone(), dev.to_owned()));
            self.devices.push(Device { name: format!("{at}:{dev}"), link_type });
            self.devices.len() - 1
        });
        self.frames.push(Frame { device, journey, time: now, packet: packet.clone() });
    }

    /// Gives every step its id. No packet shares its name with another, so steps are counted packet by packet.
    fn name_steps(&mut self) {
        let mut places: Vec<String> = Vec::new();
        let mut n_called: Vec<Vec<((usize, Slug), usize)>> = vec![Vec::new(); self.journeys.len()];
        for hop in &mut self.hops {
            let journey = &self.journeys[hop.journey.0];
            // A dot separates the parts of an id, and Kubernetes names may hold dots.
            let place = hop.at.short().replace('.', "-");
            let place_idx = places.iter().position(|other| *other == place).unwrap_or(places.len());
            let called = &mut n_called[hop.journey.0];
            for step in &mut hop.steps {
                let key = (place_idx, step.slug());
                let idx = called.iter().position(|(other, _)| *other == key).unwrap_or_else(|| {
                    called.push((key, 0));
                    called.len() - 1
                });
                called[idx].1 += 1;
                let [before, slug, behind] = key.1.pieces();
                let parts = [journey.flow, ".", &journey.name, ".", &place, ".", before, slug, behind];
                step.id = parts.concat();
                if called[idx].1 > 1 {
                    step.id += &format!(".{}", called[idx].1);
                }
            }
            if place_idx == places.len() {
                places.push(place);
            }
        }
    }

    /// The trace.
    #[must_use]
    pub fn finish(mut self, disposition: Disposition) -> Trace {
        self.name_steps();
        let trace = Trace {
            disposition,
            start: self.start.unwrap_or_default(),
            choice: self.choice,
            lookup: self.lookup,
            queries: self.queries,
            journeys: self.journeys,
            hops: self.hops,
            devices: self.devices,
            frames: self.frames,
        };
        debug_assert_eq!(super::validate(&trace), Ok(()));
        trace
    }
}
