//! The simulator's side of a case.

use std::collections::{BTreeMap, BTreeSet};

use kubehop_core::net::Topology;
use kubehop_core::trace::Trace;

use crate::capture::Captured;
use crate::cases::Case;
use crate::compare::Observed;
use crate::decode::Fields;
use crate::normalise::{Naming, normalise};
use crate::traffic::Talk;
use crate::{AFTER, labs, tables};

/// What the simulator says of a case.
pub(crate) fn observe(case: &Case) -> Observed {
    let (trace, topo) = labs::simulate(case);
    let naming = naming(&topo, &Talk::of(&case.run()));
    Observed {
        outcome: trace.disposition.kind().to_owned(),
        devices: normalised(&captured(&trace), &naming),
        tables: tables::of_simulator(&topo, &AFTER, &naming),
    }
}

/// The frames of a run.
pub(crate) fn captured(trace: &Trace) -> Captured {
    let mut captured = Captured::new();
    for frame in &trace.frames {
        let device = trace.devices[frame.device].name.clone();
        captured.entry(device).or_default().push(frame.packet.bytes().to_vec());
    }
    captured
}

/// Frames of either side as they are compared.
pub(crate) fn normalised(captured: &Captured, naming: &Naming) -> BTreeMap<String, Vec<Fields>> {
    let devices = captured.iter().map(|(device, frames)| (device.clone(), normalise(frames, device, naming)));
    devices.filter(|(_, frames)| !frames.is_empty()).collect()
}

/// Who is who in a lab, and which ports were chosen by people.
pub(crate) fn naming(topo: &Topology, talk: &Talk) -> Naming {
    let mut naming = Naming { owners: BTreeMap::new(), ports: BTreeSet::from([talk.port, 8472, 4789, 6081]) };
    for ns in topo.namespaces() {
        for interface in ns.interfaces() {
            // All host ends of calico's cables have the same one.
            let owner = naming.owners.entry(interface.mac.0);
            owner
                .and_modify(|owner| "several".clone_into(owner))
                .or_insert(format!("{}:{}", ns.place, interface.dev.name));
        }
        naming.ports.extend(ns.sockets.listeners().iter().map(|listener| listener.port));
    }
    naming
}
