//! The one line beside the packet that says what changed, and the words inside the route box.

use kubehop_core::api::{Decision, LayerChange, NextHop, Role, Step, StepView, Trace, Why};

use super::geometry::Side;
use super::reel::Reel;
use super::station::Station;

/// What changed, in a few words: what stays as it was, and what is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Leading words.
    pub before: String,
    /// The new value.
    pub after: String,
}

impl Change {
    fn new(before: impl Into<String>, after: impl Into<String>) -> Option<Self> {
        Some(Self { before: before.into(), after: after.into() })
    }

    /// The change that step `view` makes, if it can be said in a line.
    #[must_use]
    pub fn of(view: &StepView, decision: &Decision) -> Option<Self> {
        match decision {
            Decision::Encapsulate { .. } => return Self::new("", format!("+{} B", growth(view)?)),
            Decision::Decapsulate { .. } => return Self::new("", format!("−{} B", -growth(view)?)),
            Decision::NeighbourAsk { next_hop } => return Self::new("waits for", next_hop.to_string()),
            Decision::NeighbourWait { next_hop } => return Self::new("in line for", next_hop.to_string()),
            Decision::Fragment { n_fragments, .. } => return Self::new("cut into", format!("{n_fragments} pieces")),
            Decision::Reassemble { n_fragments } => return Self::new("from", format!("{n_fragments} pieces")),
            Decision::Complain(_, error) => return Self::new("✕", error.name()),
            Decision::Drop(reason) => return Self::new("✕", reason.name()),
            Decision::Refuse(reason) => return Self::new("✕", reason.name()),
            _ => {}
        }
        view.changes.iter().find_map(|change| match change {
            LayerChange::Changed { fields, .. } => {
                let field = fields.iter().find(|field| field.new.name != "checksum")?;
                Self::new(format!("{} {} →", field.new.name, field.old.value), field.new.value.clone())
            }
            LayerChange::Added(layer) if layer.role == Role::Link && view.before.is_some() => {
                let dst = layer.fields.iter().find(|field| field.name == "dst")?;
                Self::new("to", dst.value.clone())
            }
            _ => None,
        })
    }
}

/// Bytes above the link header that a tunnel's step added.
fn growth(view: &StepView) -> Option<isize> {
    let len = |packet: &Option<kubehop_core::api::Packet>| isize::try_from(packet.as_ref()?.network_len()).ok();
    Some(len(&view.packet)? - len(&view.before)?)
}

/// What a route decision reads in the route box: the row's destination, and where it leads.
#[must_use]
pub(super) fn route_words(step: &Step) -> Option<(String, String)> {
    let Decision::Route { dst, next_hop, .. } = &step.decision else { return None };
    let row = step.consulted.iter().rev().find_map(|table| Some(table.row(table.matched()?)));
    let key = row.filter(|row| matches!(row.why, Why::Matched(_))).map(|row| destination(&row.text));
    let dst = key.unwrap_or_else(|| dst.to_string());
    Some(match next_hop {
        NextHop::Local => (dst, "this machine".to_owned()),
        NextHop::Direct { dev } | NextHop::Via { dev, .. } => (dst, dev.to_string()),
    })
}

/// The destination of a route as `ip route` prints it: its first word that is none of the kinds.
fn destination(row: &str) -> String {
    let is_kind = |word: &&str| matches!(*word, "local" | "broadcast" | "unicast");
    row.split_whitespace().find(|word| !is_kind(word)).unwrap_or_default().to_owned()
}

/// The last route decision of a packet on one machine up to step `cursor`, or else the first one after it.
#[must_use]
pub(super) fn route_on(reel: &Reel, trace: &Trace, cursor: usize, side: Side) -> Option<(String, String)> {
    let is_route = |idx: &&usize| {
        reel.station(**idx) == Station::Route(side)
            && matches!(reel.step(trace, **idx).1.decision, Decision::Route { .. })
    };
    let steps = reel.same_packet(trace, cursor);
    let behind = steps.iter().filter(|idx| **idx <= cursor).rfind(is_route);
    let idx = behind.or_else(|| steps.iter().find(is_route))?;
    route_words(reel.step(trace, *idx).1)
}

/// What people call a packet of a run.
#[must_use]
pub fn packet_title(flow: &str, name: &str) -> String {
    match (flow, name) {
        ("arp", name) if name.contains("-reply") => "ARP reply".to_owned(),
        ("arp", _) => "ARP request".to_owned(),
        ("ping", name) => format!("echo {name}"),
        (_, "syn" | "syn-ack" | "ack" | "fin" | "fin-ack" | "rst") => name.to_ascii_uppercase(),
        (_, name) => name.replace("-ack", " ACK"),
    }
}
