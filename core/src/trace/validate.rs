//! The shape that every trace has, checked in debug builds and in every test.

use crate::base::BTreeSet;

use thiserror::Error;

use super::Trace;

/// A trace that is not one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ShapeError {
    /// A hop without a step.
    #[error("hop {0} holds no step")]
    EmptyHop(usize),
    /// Two steps with one id.
    #[error("two steps are called {0}")]
    DuplicateId(String),
    /// Time ran backwards.
    #[error("step {0} is earlier than the step before it")]
    TimeRanBackwards(String),
    /// A packet changed between two steps of one stay.
    #[error("the packet changed between {0} and {1} and no step says why")]
    Gap(String, String),
    /// A checksum is wrong.
    #[error("a checksum is wrong after {0}")]
    BadChecksum(String),
    /// A frame refers to a device that is not listed.
    #[error("frame {0} is on no device")]
    FrameWithoutDevice(usize),
}

/// Checks the shape of `trace`: no empty hop, ids unique, time forwards, no change without a step, checksums right.
///
/// # Errors
/// The first thing that is wrong.
pub fn validate(trace: &Trace) -> Result<(), ShapeError> {
    let mut ids = BTreeSet::new();
    let mut last = None;
    for (hop_idx, hop) in trace.hops.iter().enumerate() {
        if hop.steps.is_empty() {
            return Err(ShapeError::EmptyHop(hop_idx));
        }
        for pair in hop.steps.windows(2) {
            if let (Some(after), Some(before)) = (&pair[0].after, &pair[1].before)
                && after != before
            {
                return Err(ShapeError::Gap(pair[0].id.clone(), pair[1].id.clone()));
            }
        }
    }
    for (_, step) in trace.steps() {
        if !ids.insert(&step.id) {
            return Err(ShapeError::DuplicateId(step.id.clone()));
        }
        if last.is_some_and(|last| step.time < last) {
            return Err(ShapeError::TimeRanBackwards(step.id.clone()));
        }
        last = Some(step.time);
        if step.after.as_ref().is_some_and(|packet| !packet.checksums_valid()) {
            return Err(ShapeError::BadChecksum(step.id.clone()));
        }
    }
    match trace.frames.iter().position(|frame| frame.device >= trace.devices.len()) {
        Some(idx) => Err(ShapeError::FrameWithoutDevice(idx)),
        None => Ok(()),
    }
}
