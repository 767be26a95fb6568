//! What was seen on a kernel, sentence by sentence: the name of each test says it, the test shows it on the simulator's
//! frames. That the same frames are the kernel's own is what [`crate::cases`] judge.
//!
//! Devices are called as in the sentences: `client` is a pod's `eth0`, `client-host` the other end of its cable,
//! `node-a:eth0` a node's, `router:eth0` the fabric's. A pattern names fields that a frame must have.

mod arp;
mod bridge;
mod nat;
mod order;
mod refusals;
mod size;
mod tcp;
mod tunnel;

use std::collections::BTreeMap;

use kubehop_core::base::{Instant, Place};
use kubehop_core::net::{InterfaceKind, Topology};
use kubehop_core::trace::Trace;

use crate::cases::Case;
use crate::decode::Fields;
use crate::normalise::decoded;
use crate::traffic::Talk;
use crate::{labs, simulator};

/// A frame, where and when.
#[derive(Debug)]
struct Seen {
    device: String,
    secs: f64,
    fields: Fields,
}

/// Everything that a run sent, in order of time.
struct Run {
    trace: Trace,
    frames: Vec<Seen>,
}

fn run(case: &Case) -> Run {
    let (trace, topo) = labs::simulate(case);
    let aliases = aliases(&topo);
    let mut naming = simulator::naming(&topo, &Talk::of(&case.run()));
    for (mac, owner) in &mut naming.owners {
        match aliases.get(owner) {
            _ if *mac == [0xee; 6] => "ee:ee:ee:ee:ee:ee".clone_into(owner),
            Some(alias) => alias.clone_into(owner),
            None => {}
        }
    }
    let captured = simulator::captured(&trace);
    let mut fields: BTreeMap<&String, _> =
        captured.iter().map(|(device, frames)| (device, decoded(frames, device, &naming).into_iter())).collect();
    let frames = trace.frames.iter().map(|frame| {
        let device = &trace.devices[frame.device].name;
        let fields = fields.get_mut(device).and_then(Iterator::next).unwrap();
        Seen { device: aliases[device].clone(), secs: (frame.time - Instant::START).as_secs_f64(), fields }
    });
    let frames = frames.collect();
    Run { trace, frames }
}

/// What devices are called here.
fn aliases(topo: &Topology) -> BTreeMap<String, String> {
    let mut aliases = BTreeMap::new();
    for ns in topo.namespaces() {
        // fabric is the one router here.
        let short = if matches!(*ns.place, Place::Router(_)) { "router" } else { ns.place.short() };
        for interface in ns.interfaces() {
            let alias = match &interface.kind {
                InterfaceKind::Veth { peer } if matches!(*ns.place, Place::Node(_)) => {
                    format!("{}-host", topo.ns(peer.ns).place.short())
                }
                _ if matches!(*ns.place, Place::Pod { .. } | Place::Host(_)) && &**interface.name() == "eth0" => {
                    short.to_owned()
                }
                _ => format!("{short}:{}", interface.name()),
            };
            aliases.insert(format!("{}:{}", ns.place, interface.name()), alias);
        }
    }
    aliases
}

impl Run {
    /// The frames on a device that fit a pattern, with their places among all.
    fn places(&self, device: &str, pattern: &str) -> Vec<usize> {
        let fits = |(_, seen): &(usize, &Seen)| seen.device == device && fits(&seen.fields, pattern);
        self.frames.iter().enumerate().filter(fits).map(|(at, _)| at).collect()
    }

    fn all(&self, device: &str, pattern: &str) -> Vec<&Seen> {
        self.places(device, pattern).into_iter().map(|at| &self.frames[at]).collect()
    }

    fn count(&self, device: &str, pattern: &str) -> usize {
        self.places(device, pattern).len()
    }

    /// How many frames fit on all devices together.
    fn count_everywhere(&self, pattern: &str) -> usize {
        self.frames.iter().filter(|seen| fits(&seen.fields, pattern)).count()
    }

    /// Everything that a device saw, for a test that fails.
    fn text(&self, device: &str) -> String {
        let frames = self.frames.iter().filter(|seen| seen.device == device);
        let lines = frames.map(|seen| format!("{:.6} {}\n", seen.secs, seen.fields));
        format!("{device}:\n{}", lines.collect::<String>())
    }

    /// The first frame that fits.
    #[track_caller]
    fn first(&self, device: &str, pattern: &str) -> &Seen {
        self.all(device, pattern).first().copied().unwrap_or_else(|| panic!("no {pattern:?} on {}", self.text(device)))
    }

    /// Asserts how many frames fit.
    #[track_caller]
    fn has(&self, n: usize, device: &str, pattern: &str) {
        assert_eq!(self.count(device, pattern), n, "{pattern:?} on {}", self.text(device));
    }

    /// Asserts that frames which fit one pattern are there, and that all of them fit another.
    #[track_caller]
    fn each(&self, device: &str, which: &str, what: &str) {
        let _ = self.first(device, which);
        for seen in self.all(device, which) {
            assert!(fits(&seen.fields, what), "{which:?} is not {what:?}: {}\non {}", seen.fields, self.text(device));
        }
    }

    /// Asserts that the first frames that fit come in this order.
    #[track_caller]
    fn in_order(&self, steps: &[(&str, &str)]) {
        let mut last = 0;
        for (device, pattern) in steps {
            let place = self.places(device, pattern).into_iter().find(|at| *at >= last);
            last = place.unwrap_or_else(|| panic!("no {pattern:?} after frame {last}, on {}", self.text(device))) + 1;
        }
    }

    fn outcome(&self) -> (&'static str, Option<&'static str>) {
        (self.trace.disposition.kind(), self.trace.disposition.reason())
    }

    /// The devices that carried anything.
    fn devices(&self) -> Vec<&str> {
        let mut devices: Vec<&str> = self.frames.iter().map(|seen| seen.device.as_str()).collect();
        devices.sort_unstable();
        devices.dedup();
        devices
    }
}

/// Whether a frame has all fields of a pattern: `ip.ttl=64 tcp.flags=S`; `!` in front of one says that it has not.
fn fits(fields: &Fields, pattern: &str) -> bool {
    pattern.split_whitespace().all(|word| {
        let (word, wanted) = word.strip_prefix('!').map_or((word, true), |word| (word, false));
        let (name, value) = word.split_once('=').unwrap_or_else(|| panic!("{word:?} is no field"));
        let has = match value {
            "any" => fields.get(name).is_some(),
            _ => fields.get(name) == Some(value),
        };
        has == wanted
    })
}

/// A field as a number.
fn number(seen: &Seen, field: &str) -> usize {
    seen.fields.get(field).and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{field} of {}", seen.fields))
}
