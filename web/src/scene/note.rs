//! The one line beside the packet that says what changed, and the words inside the route box.

use std::net::IpAddr;

use kubehop_core::api::{
    By, Decision, End, HookFunction, LayerChange, NextHop, Role, Stage, Step, StepView, Trace, Tracked, Why,
};

use super::geometry::Side;
use super::reel::Reel;
use super::station::{Station, hook_name};

/// What changed, in a few words: what stays as it was, and what is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Leading words.
    pub before: String,
    /// Leading words where there is less room.
    pub short: String,
    /// The new value.
    pub after: String,
}

impl Change {
    fn new(before: impl Into<String>, after: impl Into<String>) -> Option<Self> {
        let before = before.into();
        Some(Self { short: before.clone(), before, after: after.into() })
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
            Decision::Track(tracked) => return Self::new("", tracked_name(*tracked)),
            Decision::RulesPassed { mark: Some(mark), .. } => return Self::new("mark", format!("{mark:#x}")),
            Decision::RulesPassed { table, .. } => return Self::new(format!("{table}:"), "passed"),
            Decision::Confirm => return Self::new("conntrack", "+ 1 row"),
            Decision::Translate { end, from, to, by } => {
                return Some(Self::translated(*end, *from, *to, matches!(by, By::Rule(_))));
            }
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

impl Change {
    fn translated(end: End, from: (IpAddr, u16), to: (IpAddr, u16), by_rule: bool) -> Self {
        let name = match (end, by_rule) {
            (End::Source, true) => "SNAT",
            (End::Destination, true) => "DNAT",
            (End::Source, false) => "src",
            (End::Destination, false) => "dst",
        };
        let show = |(ip, port): (IpAddr, u16)| if port == 0 { ip.to_string() } else { format!("{ip}:{port}") };
        Self { before: format!("{name} {} →", show(from)), short: format!("{name} →"), after: show(to) }
    }
}

/// What connection tracking calls a packet.
fn tracked_name(tracked: Tracked) -> &'static str {
    match tracked {
        Tracked::New => "NEW",
        Tracked::Established { .. } => "ESTABLISHED",
        Tracked::Related => "RELATED",
        Tracked::Invalid => "INVALID",
    }
}

/// A stage in the list of steps.
#[must_use]
pub fn stage_name(stage: Stage) -> String {
    let Stage::Netfilter(hook, function) = stage else {
        return stage.slug().trim_start_matches("ip-").trim_start_matches("bpf-").to_owned();
    };
    let what = match function {
        HookFunction::Conntrack => "track",
        HookFunction::Confirm => "confirm",
        _ => stage.slug().split('-').next().unwrap_or_default(),
    };
    format!("{} {what}", hook_name(hook))
}

/// Whether the packet ends at a step, against its sender's will.
#[must_use]
pub fn is_end(decision: &Decision) -> bool {
    matches!(decision, Decision::Drop(_) | Decision::Complain(..) | Decision::Refuse(_))
}

/// The connection of the packet of step `cursor` as a machine's table has it then: the words of its last row that was
/// written or read there, and whether this step wrote it. `None` where nothing is tracked on this walk.
#[must_use]
pub(super) fn connection_on(reel: &Reel, trace: &Trace, cursor: usize, side: Side) -> Option<(String, bool)> {
    let is_here = |idx: usize| {
        let station = reel.station(idx);
        matches!(station, Station::Hook(at, _) if at == side)
            && matches!(
                reel.step(trace, idx).1.stage,
                Stage::Netfilter(_, HookFunction::Conntrack | HookFunction::Confirm | HookFunction::Nat)
            )
    };
    let row = |idx: usize| {
        let (_, step) = reel.step(trace, idx);
        let written = step.wrote.iter().rev().find(|row| row.command.starts_with("conntrack"));
        let read = || {
            let table = step.consulted.iter().find(|table| table.command().starts_with("conntrack"))?;
            Some(table.row(table.matched()?).text)
        };
        Some((written.map(|row| row.text.clone()).or_else(read)?, idx == cursor && written.is_some()))
    };
    let behind = (0..=cursor).rev().filter(|idx| is_here(*idx)).find_map(row);
    let (text, is_new) = match behind {
        Some(found) => found,
        None => {
            return (0..reel.len()).any(is_here).then(|| ("no entry yet".to_owned(), false));
        }
    };
    Some((connection_words(&text), is_new))
}

/// Protocol, state and flags of a row of `conntrack -L`, or its first words if it has none of them.
fn connection_words(row: &str) -> String {
    let is_state = |word: &&str| word.starts_with('[') || word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let protocol = row.split_whitespace().next().unwrap_or_default();
    let states = row.split_whitespace().skip(1).filter(is_state);
    std::iter::once(protocol).chain(states).collect::<Vec<_>>().join(" ")
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
        ("api", name) => format!("kubectl {}", name.replacen('-', " ", 1)),
        (_, "syn" | "syn-ack" | "ack" | "fin" | "fin-ack" | "rst") => name.to_ascii_uppercase(),
        (_, name) => name.replace("-ack", " ACK"),
    }
}
