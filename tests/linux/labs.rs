//! The labs of `labs/`.

use std::fs;
use std::path::PathBuf;

use kubehop_core::api::{Lab, Source, parse};
use kubehop_core::lab;
use kubehop_core::net::{NsId, Topology};
use kubehop_core::trace::Trace;

use crate::cases::Case;

/// The lab of a case, with the case's changes.
pub(crate) fn lab(case: &Case) -> Lab {
    read(case.lab, case.set)
}

/// Reads `labs/NAME.yaml`.
pub(crate) fn read(name: &str, set: &[(&str, &str)]) -> Lab {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "linux", "labs", &format!("{name}.yaml")].iter().collect();
    let text = fs::read(&path).unwrap();
    let set: Vec<(String, String)> =
        set.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    let parsed = parse(&[Source { name, text: &text }], &set);
    let problems: Vec<String> = parsed.problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    parsed.lab
}

/// The machines of a case, before anything has happened.
pub(crate) fn topology(case: &Case) -> Topology {
    let (lab, mut topo) = lab::broken(&lab(case), &case.run()).unwrap();
    topo.finish_all();
    lab::hand_over(&lab, &mut topo, &case.run()).unwrap();
    if let Some(change) = case.change {
        change(&mut topo);
    }
    topo
}

/// Where the client is.
pub(crate) fn client(case: &Case, topo: &mut Topology) -> NsId {
    let lab = lab(case);
    lab::resolve(&lab, topo, &case.run().from, "--from").unwrap().0
}

/// Runs a case in the simulator, and returns all machines as it leaves them.
pub(crate) fn simulate(case: &Case) -> (Trace, Topology) {
    lab::trace_on(&lab(case), topology(case), &case.run()).unwrap()
}
