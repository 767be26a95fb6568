//! All namespaces of a lab and the wires between them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::{Direction, Filter, NetNs, Site};
use crate::base::{Instant, MacAddr, Place};
use crate::wire::Packet;

/// Index of a namespace in its topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NsId(pub usize);

/// Index of a segment in its topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentId(pub usize);

/// A device in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// Namespace.
    pub ns: NsId,
    /// Interface index.
    pub index: u32,
}

/// A subnet of the fabric: a switch that every NIC of the subnet is plugged into.
#[derive(Clone, Debug, Default)]
pub struct Segment {
    /// The NICs, in order of plugging.
    pub ports: Vec<At>,
    learned: BTreeMap<MacAddr, At>,
}

impl Segment {
    /// Where a frame that came from `from` goes; learns `src` on the way.
    #[must_use]
    pub fn switch(&mut self, from: At, src: MacAddr, dst: MacAddr) -> Vec<At> {
        self.learned.insert(src, from);
        match self.learned.get(&dst) {
            Some(port) if *port == from => Vec::new(),
            Some(port) => vec![*port],
            None => self.ports.iter().copied().filter(|port| *port != from).collect(),
        }
    }
}

/// What is left to do on a machine until somebody needs it: programming its tables, starting its pods.
#[derive(Clone)]
pub struct Unfinished(Arc<dyn Fn(&mut Topology) + Send + Sync>);

impl Unfinished {
    /// Work to be done later, once.
    pub fn new(work: impl Fn(&mut Topology) + Send + Sync + 'static) -> Self {
        Self(Arc::new(work))
    }
}

impl fmt::Debug for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unfinished")
    }
}

/// Namespaces and segments.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    namespaces: Vec<NetNs>,
    segments: Vec<Segment>,
    by_place: BTreeMap<Arc<Place>, NsId>,
    unfinished: BTreeMap<NsId, Vec<Unfinished>>,
    gone: BTreeSet<NsId>,
    filters: Vec<Filter>,
    /// When somebody reads the tables.
    pub now: Instant,
}

impl Topology {
    /// Adds an empty namespace, with `lo`.
    pub fn add_namespace(&mut self, ns: NetNs) -> NsId {
        let id = NsId(self.namespaces.len());
        self.by_place.insert(ns.place.clone(), id);
        self.namespaces.push(ns);
        id
    }

    /// Leaves `work` on a machine until somebody needs it, behind what is left there already.
    pub fn defer(&mut self, id: NsId, work: Unfinished) {
        self.unfinished.entry(id).or_default().push(work);
    }

    /// Puts `work` in the place of what was left first on a machine, if it still waits. Returns whether it did.
    pub fn defer_instead(&mut self, id: NsId, work: Unfinished) -> bool {
        let first = self.unfinished.get_mut(&id).and_then(|left| left.first_mut());
        let is_unfinished = first.is_some();
        if let Some(first) = first {
            *first = work;
        }
        is_unfinished
    }

    /// Whether nothing is left to do on a machine.
    #[must_use]
    pub fn is_finished(&self, id: NsId) -> bool {
        !self.unfinished.contains_key(&id)
    }

    /// Makes sure that a machine is finished: whoever reads its tables or hands it an IP packet calls this first.
    pub fn finish(&mut self, id: NsId) {
        for Unfinished(work) in self.unfinished.remove(&id).unwrap_or_default() {
            work(self);
            debug_assert_eq!(
                self.ns(id).netfilter.validate(),
                Ok(()),
                "the kernel takes the rules of {}",
                self.ns(id).place
            );
        }
    }

    /// Finishes every machine.
    pub fn finish_all(&mut self) {
        while let Some((id, _)) = self.unfinished.first_key_value() {
            self.finish(*id);
        }
    }

    /// Adds a segment.
    pub fn add_segment(&mut self) -> SegmentId {
        self.segments.push(Segment::default());
        SegmentId(self.segments.len() - 1)
    }

    /// Adds a filter to the fabric.
    pub fn add_filter(&mut self, filter: Filter) {
        self.filters.push(filter);
    }

    /// Where a filter of the fabric drops `frame`, which `from` sends to some of `ports`: at the segment's router. `None`
    /// if the fabric lets it through.
    pub fn filtered(&mut self, segment: SegmentId, from: At, ports: &[At], frame: &Packet) -> Option<At> {
        if self.filters.is_empty() {
            return None;
        }
        let dst = frame.ethernet()?.dst;
        let to = ports.iter().find(|port| self.ns(port.ns).interface(port.index).mac == dst).copied();
        let idx = self.filters.iter().position(|filter| {
            let is_there = match (filter.site, filter.direction) {
                (Site::Everywhere, _) => true,
                (Site::Segment(there), _) => there == segment,
                (Site::Machine(ns), direction) => {
                    let is_out = from.ns == ns && direction != Some(Direction::In);
                    is_out || to.is_some_and(|to| to.ns == ns) && direction != Some(Direction::Out)
                }
            };
            is_there && filter.left != Some(0) && filter.matches.matches(frame)
        })?;
        if let Some(left) = &mut self.filters[idx].left {
            *left -= 1;
        }
        let ports = &self.segments[segment.0].ports;
        let is_router = |at: &&At| matches!(*self.ns(at.ns).place, Place::Router(_));
        ports.iter().find(is_router).or(ports.first()).copied()
    }

    /// The namespace of `place`.
    #[must_use]
    pub fn find(&self, place: &Place) -> Option<NsId> {
        self.by_place.get(place).copied()
    }

    /// A namespace.
    #[must_use]
    pub fn ns(&self, id: NsId) -> &NetNs {
        &self.namespaces[id.0]
    }

    /// A namespace, to write.
    pub fn ns_mut(&mut self, id: NsId) -> &mut NetNs {
        &mut self.namespaces[id.0]
    }

    /// A segment, to write.
    pub fn segment_mut(&mut self, id: SegmentId) -> &mut Segment {
        &mut self.segments[id.0]
    }

    /// The indexes of all namespaces.
    pub fn ids(&self) -> impl Iterator<Item = NsId> + use<> {
        (0..self.namespaces.len()).map(NsId)
    }

    /// All namespaces that are there.
    pub fn namespaces(&self) -> impl Iterator<Item = &NetNs> {
        self.namespaces.iter().enumerate().filter(|(idx, _)| !self.is_gone(NsId(*idx))).map(|(_, ns)| ns)
    }

    /// Whether a namespace has ended.
    #[must_use]
    pub fn is_gone(&self, id: NsId) -> bool {
        self.gone.contains(&id)
    }

    /// Whether a device is there.
    #[must_use]
    pub fn has_device(&self, at: At) -> bool {
        self.ns(at.ns).has_interface(at.index)
    }

    /// A namespace's name is free again.
    pub(super) fn forget(&mut self, id: NsId) {
        self.gone.insert(id);
        self.by_place.retain(|_, other| *other != id);
    }
}
