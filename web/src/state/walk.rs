//! A walk: everything that is computed once for a scenario, and then only looked at.

use kubehop_core::api::{self, Disposition, Run, Scene, Stage, StepView, Trace, explain, run_to_end, step_view};

use super::legs::{self, Leg, LegKind};
use super::stops::stops;
use super::{Scenario, Zoom};
use crate::scene::{Cast, Kind, Reel, kinds_on};

/// A computed scenario.
#[derive(Clone, Debug)]
pub struct Walk {
    /// The lab, as plain values.
    pub scene: Scene,
    /// NIC MTU that the lab itself states, in bytes: that of the sender's NIC.
    pub mtu: usize,
    /// The run, with its defaults filled in.
    pub run: Run,
    /// What happened.
    pub trace: Trace,
    /// Who is drawn.
    pub cast: Cast,
    /// The steps by index.
    pub reel: Reel,
    /// The leg of each step.
    pub kinds: Vec<LegKind>,
    /// The legs.
    pub legs: Vec<Leg>,
    /// The stretches of the slider.
    pub stretches: Vec<Leg>,
    /// The steps where a packet comes to another place or device.
    pub stops: Vec<usize>,
    /// The kinds of tables that are read anywhere.
    pub tables: Vec<Kind>,
}

impl Walk {
    /// Computes `scenario`.
    ///
    /// # Errors
    /// In words: what of the cluster or of the run cannot be taken.
    pub fn new(scenario: &Scenario) -> Result<Self, String> {
        let lab = scenario.lab()?;
        let scene = api::scene(&lab);
        let run = scenario.run(&scene);
        let ended = run_to_end(&lab, &run).map_err(|error| error.to_string())?;
        let scene = match &ended.lab {
            Some(lab) => with_changes(scene, api::scene(lab)),
            None => scene,
        };
        let trace = ended.trace;
        let cast = Cast::new(&scene, &run, &trace).ok_or("there is no machine in this cluster")?;
        let reel = Reel::new(&trace, &cast);
        if reel.is_empty() {
            return Err("this run has no step".to_owned());
        }
        let kinds = legs::kinds(&trace);
        let legs = legs::legs(&kinds);
        let stretches = legs::stretches(&legs);
        let stops = stops(&trace, &reel);
        let mtu = cast.left.nic().map_or(0, |nic| nic.mtu);
        let tables = kinds_on(&trace);
        Ok(Self { scene, mtu, run, trace, cast, reel, kinds, legs, stretches, stops, tables })
    }

    /// Number of steps; never 0.
    #[must_use]
    pub fn n_steps(&self) -> usize {
        self.reel.len()
    }

    /// Id of a step.
    #[must_use]
    pub fn id(&self, idx: usize) -> &str {
        &self.reel.step(&self.trace, idx).1.id
    }

    /// Everything about one step.
    #[must_use]
    pub fn view(&self, idx: usize) -> Option<StepView> {
        step_view(&self.trace, idx)
    }

    /// A step in one sentence.
    #[must_use]
    pub fn headline(&self, idx: usize) -> String {
        let (hop, step) = self.reel.step(&self.trace, idx);
        explain(&self.trace, hop, step).headline
    }

    /// The step with this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<usize> {
        (0..self.n_steps()).find(|idx| self.id(*idx) == id)
    }

    /// The step that is most like the one with this id: the same packet, then the same place, then the same stage.
    #[must_use]
    pub fn nearest(&self, id: &str) -> usize {
        if let Some(idx) = self.find(id) {
            return idx;
        }
        // The flow's name changes with the protocol, and what people look at does not.
        let wanted: Vec<&str> = id.split('.').skip(1).collect();
        let likeness = |idx: usize| {
            let parts = self.id(idx).split('.').skip(1);
            let same = parts.zip(&wanted).map(|(a, b)| a == *b).collect::<Vec<_>>();
            let weights = [4, 2, 1];
            same.iter().zip(weights).filter(|(is_same, _)| **is_same).map(|(_, weight)| weight).sum::<usize>()
        };
        let best = (0..self.n_steps()).rev().max_by_key(|idx| likeness(*idx)).unwrap_or(0);
        if likeness(best) >= 2 { best } else { 0 }
    }

    /// The first step of the hop after the one that holds `idx`.
    #[must_use]
    pub fn next_hop(&self, idx: usize) -> usize {
        let starts = self.reel.hop_starts();
        starts.get(self.reel.hop(idx) + 1).copied().unwrap_or(self.n_steps() - 1)
    }

    /// The first step of the hop that holds `idx`, or of the one before it if that is where we are.
    #[must_use]
    pub fn previous_hop(&self, idx: usize) -> usize {
        let starts = self.reel.hop_starts();
        let hop = self.reel.hop(idx);
        if starts[hop] < idx { starts[hop] } else { starts[hop.saturating_sub(1)] }
    }

    /// The step that is shown after `idx`.
    #[must_use]
    pub fn after(&self, idx: usize, zoom: Zoom) -> usize {
        match zoom {
            Zoom::Steps => idx + 1,
            Zoom::Hops => self.stops.iter().copied().find(|stop| *stop > idx).unwrap_or(self.n_steps() - 1),
        }
    }

    /// The step that is shown before `idx`.
    #[must_use]
    pub fn before(&self, idx: usize, zoom: Zoom) -> usize {
        match zoom {
            Zoom::Steps => idx.saturating_sub(1),
            Zoom::Hops => self.stops.iter().copied().rfind(|stop| *stop < idx).unwrap_or(0),
        }
    }

    /// The position of the stop that holds step `idx`.
    #[must_use]
    pub fn stop_of(&self, idx: usize) -> usize {
        self.stops.iter().rposition(|stop| *stop <= idx).unwrap_or(0)
    }

    /// The first step of the reply.
    #[must_use]
    pub fn reply_at(&self) -> Option<usize> {
        self.legs.iter().find(|leg| leg.kind == LegKind::Reply).map(|leg| leg.first)
    }

    /// Whether the control plane does anything.
    #[must_use]
    pub fn has_api(&self) -> bool {
        !self.run.actions.is_empty()
    }

    /// Nanoseconds from the client's start to `time_ns` of the trace's clock, which may begin before it.
    #[must_use]
    pub fn since_start(&self, time_ns: u64) -> i64 {
        let start = self.trace.steps().find(|(_, step)| !matches!(step.stage, Stage::Control(_)));
        let start = start.map_or(0, |(_, step)| step.time.as_nanos());
        time_ns.cast_signed() - start.cast_signed()
    }

    /// What its client sees.
    #[must_use]
    pub fn symptom(&self) -> String {
        api::symptom(&self.trace, &self.run.to)
    }

    /// How it ended, in a word and a sentence.
    #[must_use]
    pub fn outcome(&self) -> (&'static str, String) {
        let at = self.trace.disposition.at().short();
        match &self.trace.disposition {
            Disposition::Delivered { .. } => ("delivered", format!("delivered at {at}")),
            Disposition::Rejected { reason, .. } => ("rejected", format!("rejected at {at}: {}", reason.name())),
            Disposition::Dropped { reason, .. } => ("dropped", format!("dropped at {at}: {}", reason.name())),
        }
    }
}

/// The scene before a run, with those pods that came while it lasted, since a packet may have gone there, and with the
/// MTUs of what is broken.
fn with_changes(mut before: Scene, after: Scene) -> Scene {
    for (node, after) in before.nodes.iter_mut().zip(after.nodes) {
        for device in &mut node.devices {
            device.mtu = after.devices.iter().find(|other| other.name == device.name).map_or(device.mtu, |it| it.mtu);
        }
        let known: Vec<String> = node.pods.iter().map(|pod| pod.reference.clone()).collect();
        node.pods.extend(after.pods.into_iter().filter(|pod| !known.contains(&pod.reference)));
    }
    before
}

#[cfg(test)]
mod tests {
    use super::Walk;
    use crate::state::Scenario;

    fn walk() -> Walk {
        Walk::new(&Scenario::default()).expect("the built-in walk")
    }

    #[test]
    fn the_built_in_walk_goes_from_the_client_to_a_pod_on_the_other_node() {
        let walk = walk();
        assert_eq!(walk.run.from, "pod/default/client");
        assert_eq!(walk.run.to, "http://10.244.1.2:8080");
        assert_eq!(walk.outcome().1, "delivered at web-1");
        assert_eq!(walk.cast.left.node.name, "node-a");
        assert_eq!(walk.cast.right.as_ref().map(|right| right.node.name.as_str()), Some("node-b"));
    }

    #[test]
    fn hops_are_walked_forth_and_back() {
        let walk = walk();
        let second = walk.next_hop(0);
        assert!(second > 1);
        assert_eq!(walk.previous_hop(second), 0);
        assert_eq!(walk.previous_hop(second + 1), second);
        assert_eq!(walk.previous_hop(0), 0);
        let last = walk.n_steps() - 1;
        assert_eq!(walk.next_hop(last), last);
    }

    #[test]
    fn a_step_that_another_mode_lacks_leads_to_one_like_it() {
        let walk = walk();
        let near = |id| walk.id(walk.nearest(id)).to_owned();
        assert_eq!(near("http.syn.node-a.route"), "http.syn.node-a.route");
        assert!(near("udp.syn.node-a.route").ends_with("syn.node-a.route"));
        assert!(near("http.syn.node-a.nat-prerouting").starts_with("http.syn.node-a."));
        assert_eq!(near("nothing.like.it.there"), walk.id(0));
    }
}
