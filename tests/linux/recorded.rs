//! What a kernel did, on file: a line per frame, so that a change of it can be read.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::compare::Observed;

/// `recorded/CASE.json`.
#[derive(Deserialize, Serialize)]
struct Recording {
    /// The kernel's version.
    kernel: String,
    outcome: String,
    /// Frames by device, each as [`crate::decode::Fields`] prints it.
    frames: BTreeMap<String, Vec<String>>,
    /// What commands print afterwards: place, then command.
    after: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

fn path(case: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "linux", "recorded", &format!("{case}.json")].iter().collect()
}

/// Reads the recording of `case`.
pub(crate) fn read(case: &str) -> Observed {
    let path = path(case);
    let text = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; `cargo xtask kernel --record` makes it", path.display()));
    let recording: Recording = serde_json::from_str(&text).expect("a recording");
    let parse = |frames: Vec<String>| frames.iter().map(|frame| frame.parse().expect("a frame")).collect();
    Observed {
        outcome: recording.outcome,
        devices: recording.frames.into_iter().map(|(device, frames)| (device, parse(frames))).collect(),
        tables: recording.after,
    }
}

/// Writes the recording of `case`.
pub(crate) fn write(case: &str, observed: &Observed) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let frames = observed
        .devices
        .iter()
        .map(|(device, frames)| (device.clone(), frames.iter().map(ToString::to_string).collect()));
    let recording = Recording {
        kernel: release.split('.').take(2).collect::<Vec<_>>().join("."),
        outcome: observed.outcome.clone(),
        frames: frames.collect(),
        after: observed.tables.clone(),
    };
    fs::write(path(case), serde_json::to_string_pretty(&recording).unwrap() + "\n").unwrap();
}
