//! One step as a picture: which stations are behind, here and ahead, the tracks between them, the packet at its dock.

use kubehop_core::api::{BridgeTarget, Component, Decision, Stage, StepView, Trace, Writer};

use super::cast::Cast;
use super::dock::{Dock, dock};
use super::geometry::{BRIDGE_TRACK_Y, Point, Side, cable_x};
use super::note::{Change, connection_on, is_end, route_on};
use super::path::{arrows, rounded, trimmed};
use super::reel::Reel;
use super::station::{Part, Station};
use super::tag::Tag;
use super::track::{FLOOD_END_Y, Track, flood, track};

/// What a station or a track is to the step that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The packet has been there.
    Done,
    /// The packet is there.
    Now,
    /// The packet will come there.
    Ahead,
    /// The packet never comes there.
    Unused,
}

/// A line as it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its path data.
    pub d: String,
    /// Behind or ahead.
    pub mark: Mark,
    /// What it keeps free around it where it passes over other lines.
    pub rim: Option<String>,
    /// Its arrows: where, and the angle in degrees.
    pub arrows: Vec<(Point, f64)>,
}

/// One step as a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Where the packet is, and which part of that place decides.
    pub now: (Station, Part),
    /// The program that sends or receives.
    pub program: Option<String>,
    /// Stations on the packet's way, each with its mark.
    marks: Vec<(Station, Mark)>,
    /// The lines between them.
    pub lines: Vec<Line>,
    /// The fabric: whether the packet crosses it.
    pub fabric: Mark,
    /// The packet.
    pub dock: Option<Dock>,
    /// What changed.
    pub change: Option<Change>,
    /// The loopback devices that the packet passes: whose, and whether it has.
    pub loops: Vec<(Station, Mark)>,
    /// What the route boxes of both machines say.
    pub routes: [Option<(String, String)>; 2],
    /// What the connection tracking tables of both machines say, and whether this step wrote it.
    pub connections: [Option<(String, bool)>; 2],
    /// The component of the control plane that wakes up.
    pub component: Option<Component>,
    /// The machine where a row decided, or was written, that is kube-proxy's.
    pub proxy_wrote: Option<Side>,
    /// Whether the packet ends here, and should not.
    pub is_end: bool,
    /// The device concerned.
    pub device: Option<String>,
}

/// A rim ends before the boxes at both ends of its line.
const RIM_ENDS: f64 = 7.0;
/// Pieces shorter than this carry no arrow.
const LEAST_FOR_ARROW: f64 = 42.0;
/// Where the cable leaves a pod, and where its arrow is.
const PLUG_Y: f64 = 106.0;
const CABLE_ARROW_Y: f64 = 126.0;

impl Picture {
    /// Draws step `cursor`, which `view` describes.
    #[must_use]
    pub fn new(cast: &Cast, reel: &Reel, trace: &Trace, cursor: usize, view: &StepView) -> Self {
        let steps = reel.same_packet(trace, cursor);
        let (_, step) = reel.step(trace, cursor);
        let here = reel.station(cursor);
        let mut marks: Vec<(Station, Mark)> = Vec::new();
        for idx in steps {
            let mark = if *idx <= cursor { Mark::Done } else { Mark::Ahead };
            let station = reel.station(*idx);
            if marks.iter().all(|(other, _)| *other != station) {
                marks.push((station, mark));
            }
        }
        for (_, mark) in marks.iter_mut().filter(|(station, _)| *station == here) {
            *mark = Mark::Now;
        }
        let (lines, fabric) = lines(cast, reel, trace, steps, cursor);
        let mut loops: Vec<(Station, Mark)> = Vec::new();
        let loops_back = |idx: &&usize| {
            reel.step(trace, **idx).1.device.as_deref() == Some("lo")
                && matches!(reel.station(**idx), Station::Pod(..) | Station::Host(_))
        };
        for idx in steps.iter().filter(loops_back) {
            let mark = if *idx <= cursor { Mark::Done } else { Mark::Ahead };
            if loops.iter().all(|(other, _)| *other != reel.station(*idx)) {
                loops.push((reel.station(*idx), mark));
            }
        }
        let tag = view.packet.as_ref().map(Tag::new);
        Self {
            now: (here, Part::of(step)),
            program: match &step.decision {
                Decision::Send { by, .. } => Some(by.to_string()),
                Decision::Deliver { to } => Some(to.to_string()),
                _ => None,
            },
            marks,
            lines,
            fabric,
            loops,
            dock: tag.map(|tag| dock(cast, here, &tag)),
            change: Change::of(view, &step.decision),
            routes: Side::BOTH.map(|side| route_on(reel, trace, cursor, side)),
            connections: Side::BOTH.map(|side| connection_on(reel, trace, cursor, side)),
            component: match step.stage {
                Stage::Control(component) => Some(component),
                _ => None,
            },
            proxy_wrote: here.side().filter(|_| is_by_kube_proxy(view)),
            is_end: is_end(&step.decision),
            device: view.device.clone(),
        }
    }

    /// What `station` is to this step.
    #[must_use]
    pub fn mark(&self, station: Station) -> Mark {
        self.marks.iter().find(|(other, _)| *other == station).map_or(Mark::Unused, |(_, mark)| *mark)
    }

    /// What the cable of a pod is to this step: what its pod is, once the packet is on its way through it.
    #[must_use]
    pub fn cable(&self, side: Side, slot: usize) -> Mark {
        let pod = Station::Pod(side, slot);
        match (self.mark(pod), self.mark(Station::Bridge(side))) {
            (Mark::Now, _) if self.now.1 == Part::Port => Mark::Now,
            (_, Mark::Unused) | (Mark::Unused, _) => Mark::Unused,
            (Mark::Ahead, _) | (_, Mark::Ahead) => Mark::Ahead,
            _ => Mark::Done,
        }
    }
}

/// Whether kube-proxy wrote a row that decided at a step, or one that the step wrote.
fn is_by_kube_proxy(view: &StepView) -> bool {
    let matched = view.tables.iter().flat_map(|table| table.all_matched().into_iter().map(|idx| table.row(idx).writer));
    matched.chain(view.wrote.iter().map(|row| row.writer)).any(|writer| writer == Writer::KubeProxy)
}

/// The lines of a packet's way, joined where one begins at another's end, and whether one of them crosses the fabric.
fn lines(cast: &Cast, reel: &Reel, trace: &Trace, steps: &[usize], cursor: usize) -> (Vec<Line>, Mark) {
    let mut joined: Vec<(Track, Mark)> = Vec::new();
    let mut fabric = Mark::Unused;
    let mut arrived: Option<Point> = None;
    for pair in steps.windows(2) {
        let (from, to) = (reel.station(pair[0]), reel.station(pair[1]));
        if let (_, Some(copies)) = (from, copies(reel, trace, pair[0])) {
            for slot in copies_drawn(cast, from, to, &copies, arrived) {
                let mark = if pair[0] <= cursor { Mark::Done } else { Mark::Ahead };
                joined.push((flood(slot.0, slot.1, arrived), mark));
            }
        }
        // Who is told something by the API is not reached by a packet.
        let is_told = |station| matches!(station, Station::Api | Station::Agent(_));
        if from == to || is_told(from) || is_told(to) {
            continue;
        }
        let mark = if pair[1] <= cursor { Mark::Done } else { Mark::Ahead };
        let next = track(cast, from, to, arrived);
        if crosses_fabric(from, to) && fabric != Mark::Done {
            fabric = mark;
        }
        arrived = next.points.last().copied();
        // What was passed before needs no second line on top of the first.
        if joined.iter().any(|(other, _)| other.points == next.points) {
            continue;
        }
        match joined.last_mut() {
            Some((last, last_mark))
                if *last_mark == mark
                    && last.over == next.over
                    && last.points.last().is_some()
                    && last.points.last() == next.points.first() =>
            {
                last.points.extend(next.points.into_iter().skip(1));
            }
            _ => joined.push((next, mark)),
        }
    }
    // A flood that ends the packet's own story, as far as it is drawn.
    if let (Some(last), true) = (steps.last(), steps.len() == 1)
        && let Some(copies) = copies(reel, trace, *last)
    {
        let from = reel.station(*last);
        joined.extend(
            copies_drawn(cast, from, from, &copies, None)
                .into_iter()
                .map(|(side, slot)| (flood(side, slot, None), Mark::Done)),
        );
    }
    let lines: Vec<Line> = joined
        .into_iter()
        .map(|(track, mark)| Line {
            d: rounded(&track.points),
            mark,
            rim: track.over.then(|| rounded(&trimmed(&track.points, RIM_ENDS))),
            arrows: arrows_of(&track),
        })
        .collect();
    // What lies ahead is drawn below what is behind, and what passes over comes last.
    let order = |line: &Line| usize::from(line.mark == Mark::Done) * 2 + usize::from(line.rim.is_some());
    let in_order = (0..4).flat_map(|rank| lines.iter().filter(move |line| order(line) == rank)).cloned().collect();
    (in_order, fabric)
}

/// On a cable the arrow stays clear of the plugs; a flooded copy has one on its cable alone.
fn arrows_of(track: &Track) -> Vec<(Point, f64)> {
    let found = arrows(&track.points, LEAST_FOR_ARROW).into_iter();
    let is_flood = track.points.last().is_some_and(|last| last.y == FLOOD_END_Y);
    found
        .filter(|(_, angle)| !is_flood || *angle != 0.0 && *angle != 180.0)
        .map(|(at, angle)| {
            if (PLUG_Y..BRIDGE_TRACK_Y).contains(&at.y) {
                (Point { y: CABLE_ARROW_Y, ..at }, angle)
            } else {
                (at, angle)
            }
        })
        .collect()
}

fn crosses_fabric(from: Station, to: Station) -> bool {
    let is_outside = |station| matches!(station, Station::Nic(_) | Station::Router | Station::Outside(_));
    is_outside(from) && is_outside(to)
}

/// The ports that get a copy at step `idx`, if it floods.
fn copies(reel: &Reel, trace: &Trace, idx: usize) -> Option<Vec<String>> {
    let (_, step) = reel.step(trace, idx);
    match (&step.stage, &step.decision) {
        (Stage::Bridge, Decision::Bridge(BridgeTarget::Broadcast(ports) | BridgeTarget::Unknown(ports))) => {
            Some(ports.iter().map(ToString::to_string).collect())
        }
        _ => None,
    }
}

/// The drawn pods that get a copy, and are neither the next station nor where the frame came from.
fn copies_drawn(
    cast: &Cast,
    at: Station,
    next: Station,
    ports: &[String],
    arrived: Option<Point>,
) -> Vec<(Side, usize)> {
    let Some(side) = at.side() else { return Vec::new() };
    let is_copied = |slot: &usize| {
        cast.pod(side, *slot).is_some_and(|pod| ports.contains(&pod.veth))
            && next != Station::Pod(side, *slot)
            && arrived.is_none_or(|arrived| arrived.x != cable_x(side, *slot))
    };
    (0..2).filter(is_copied).map(|slot| (side, slot)).collect()
}

/// The way from one resting place to the next, if the two are neighbours on a packet's way: middles of the packet.
#[must_use]
pub fn travel(cast: &Cast, from: &Picture, to: &Picture) -> Vec<Point> {
    let (Some(a), Some(b)) = (&from.dock, &to.dock) else { return Vec::new() };
    let mut points = vec![a.rect.middle()];
    if from.now.0 != to.now.0 {
        points.extend(track(cast, from.now.0, to.now.0, None).points);
    }
    points.push(b.rect.middle());
    points
}
