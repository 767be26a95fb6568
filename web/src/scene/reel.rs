//! A trace laid out flat: every step by its index, with the station it is at. Made once for a trace.

use kubehop_core::api::{Hop, Step, Trace};

use super::cast::Cast;
use super::station::Station;

/// The steps of a trace by index.
#[derive(Clone, Debug)]
pub struct Reel {
    positions: Vec<(usize, usize)>,
    stations: Vec<Station>,
    of_journey: Vec<Vec<usize>>,
    hop_starts: Vec<usize>,
}

impl Reel {
    /// Lays out `trace` for the machines of `cast`.
    #[must_use]
    pub fn new(trace: &Trace, cast: &Cast) -> Self {
        let mut reel = Self {
            positions: Vec::new(),
            stations: Vec::new(),
            of_journey: vec![Vec::new(); trace.journeys.len()],
            hop_starts: Vec::new(),
        };
        for (hop_idx, hop) in trace.hops.iter().enumerate() {
            reel.hop_starts.push(reel.positions.len());
            for (step_idx, step) in hop.steps.iter().enumerate() {
                reel.of_journey[hop.journey.0].push(reel.positions.len());
                reel.positions.push((hop_idx, step_idx));
                reel.stations.push(Station::of(cast, &hop.at, step));
            }
        }
        reel
    }

    /// Number of steps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// A step and the hop that holds it. `idx` is below [`Reel::len`].
    #[must_use]
    pub fn step<'a>(&self, trace: &'a Trace, idx: usize) -> (&'a Hop, &'a Step) {
        let (hop, step) = self.positions[idx];
        let hop = &trace.hops[hop];
        (hop, &hop.steps[step])
    }

    /// Where a step is.
    #[must_use]
    pub fn station(&self, idx: usize) -> Station {
        self.stations[idx]
    }

    /// The steps of the packet that step `idx` is about.
    #[must_use]
    pub fn same_packet(&self, trace: &Trace, idx: usize) -> &[usize] {
        &self.of_journey[self.step(trace, idx).0.journey.0]
    }

    /// The first step of a packet, by its place in the trace; none for one that nobody handled.
    #[must_use]
    pub fn first_of(&self, journey: usize) -> Option<usize> {
        self.of_journey.get(journey)?.first().copied()
    }

    /// The first step of every hop.
    #[must_use]
    pub fn hop_starts(&self) -> &[usize] {
        &self.hop_starts
    }

    /// The position of the hop that holds step `idx`.
    #[must_use]
    pub fn hop(&self, idx: usize) -> usize {
        self.positions[idx].0
    }
}
