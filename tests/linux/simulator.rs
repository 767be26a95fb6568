//! The simulator's side of a case.

use std::collections::{BTreeMap, BTreeSet};

use kubehop_core::api::trace;
use kubehop_core::net::Topology;

use crate::capture::Captured;
use crate::cases::Case;
use crate::compare::Observed;
use crate::decode::Fields;
use crate::normalise::{Naming, normalise};
use crate::traffic::Talk;
use crate::{AFTER, labs, tables};

/// What the simulator says of a case.
pub(crate) fn observe(case: &Case) -> Observed {
    let (lab, topo, run) = (labs::lab(case), labs::topology(case), case.run());
    let trace = trace(&lab, &run).unwrap();
    Observed {
        outcome: trace.disposition.kind().to_owned(),
        devices: normalised(&captured(case), &topo, &Talk::of(&run)),
        tables: tables::of_simulator(&lab, &topo, Some(&run), &AFTER),
    }
}

/// The frames of a case.
pub(crate) fn captured(case: &Case) -> Captured {
    let trace = trace(&labs::lab(case), &case.run()).unwrap();
    let mut captured = Captured::new();
    for frame in &trace.frames {
        let device = trace.devices[frame.device].name.clone();
        captured.entry(device).or_default().push(frame.packet.bytes().to_vec());
    }
    captured
}

/// Frames of either side as they are compared.
pub(crate) fn normalised(captured: &Captured, topo: &Topology, talk: &Talk) -> BTreeMap<String, Vec<Fields>> {
    let naming = naming(topo, talk);
    let devices = captured.iter().map(|(device, frames)| (device.clone(), normalise(frames, device, &naming)));
    devices.filter(|(_, frames)| !frames.is_empty()).collect()
}

fn naming(topo: &Topology, talk: &Talk) -> Naming {
    let mut owners = BTreeMap::new();
    let mut ports = BTreeSet::from([talk.port]);
    for ns in topo.namespaces() {
        owners.extend(
            ns.interfaces().iter().map(|interface| (interface.mac.0, format!("{}:{}", ns.place, interface.dev.name))),
        );
        ports.extend(ns.sockets.listeners().iter().map(|listener| listener.port));
    }
    Naming { owners, ports }
}
