//! What a fault does to a run: what its client sees, where the packet ends, and where one would look for it.

use kubehop_core::api::{Lab, Place, Run, Stage, explain, symptom, trace};

use super::is_end;

/// A run with a fault in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultEnd {
    /// What the client sees.
    pub symptom: String,
    /// Whether the client sees an answer.
    pub is_answered: bool,
    /// What happens where the packet ends.
    pub end: Option<String>,
    /// The capture that sees it last: command and place.
    pub look: Option<(String, String)>,
}

/// Runs `run` with nothing broken but `fault`.
#[must_use]
pub fn fault_end(lab: &Lab, run: &Run, fault: Option<&str>) -> FaultEnd {
    let run = Run { faults: fault.into_iter().map(str::to_owned).collect(), ..run.clone() };
    let trace = match trace(lab, &run) {
        Ok(trace) => trace,
        Err(error) => {
            return FaultEnd { symptom: error.to_string(), is_answered: false, end: None, look: None };
        }
    };
    let steps: Vec<_> = trace.steps().collect();
    let end = steps.iter().rposition(|(_, step)| is_end(&step.decision));
    let seen = end.and_then(|end| {
        let journey = steps[end].0.journey;
        // Nobody has a shell on the fabric.
        let own = steps[..=end]
            .iter()
            .rev()
            .filter(|(hop, _)| hop.journey == journey && !matches!(*hop.at, Place::Router(_)));
        { own }.find(|(_, step)| matches!(step.stage, Stage::Tx | Stage::Rx))
    });
    FaultEnd {
        symptom: symptom(&trace, &run.to),
        is_answered: trace.disposition.reason().is_none(),
        end: end.map(|end| explain(&trace, steps[end].0, steps[end].1).headline),
        look: seen.and_then(|(hop, step)| {
            Some((format!("tcpdump -nei {}", step.device.as_deref()?), hop.at.short().to_owned()))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::fault_end;
    use crate::state::{Scenario, Walk};

    #[test]
    fn a_fault_shows_where_the_packet_was_seen_last() {
        let lab = Scenario::default().lab().expect("the built-in cluster");
        let run = Walk::new(&Scenario::default()).expect("the built-in walk").run;
        let end = fault_end(&lab, &run, Some("tunnel-port-blocked"));
        assert!(!end.is_answered && end.symptom.contains("timed out"), "{end:?}");
        assert_eq!(end.look, Some(("tcpdump -nei eth0".to_owned(), "node-a".to_owned())));
        assert_eq!((fault_end(&lab, &run, None).is_answered, fault_end(&lab, &run, None).end), (true, None));
    }
}
