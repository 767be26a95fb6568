//! The packet panel: one diff of a step, layer by layer, with the cause of every change and the bytes that changed.

use std::ops::Range;

use kubehop_core::api::{By, Chosen, Decision, End, Field, Layer, LayerChange, Link, Role, Stage, StepView, dissect};

use super::note::packet_title;
use super::tables::Kind;

/// What became of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerState {
    /// Nothing.
    Same,
    /// Some fields changed.
    Changed,
    /// The header is new.
    Added,
    /// The header is gone.
    Gone,
}

/// One layer of the panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerRow {
    /// Which colour.
    pub role: Role,
    /// Its protocol.
    pub name: &'static str,
    /// Its bytes, with a sign if it came or went.
    pub size: String,
    /// What became of it.
    pub state: LayerState,
    /// What to say of it in a line.
    pub note: String,
    /// Its fields that are shown.
    pub fields: Vec<FieldRow>,
    /// Its bytes that are shown.
    pub hex: Vec<HexRow>,
    /// Where it is in the packet; nowhere if it is gone.
    pub range: Range<usize>,
    /// All its fields, shown or not: which bytes, and what they say.
    pub spans: Vec<(Range<usize>, String)>,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRow {
    /// Name.
    pub name: String,
    /// Its bytes in the packet.
    pub range: Range<usize>,
    /// What it was, if it was another.
    pub old: Option<String>,
    /// What it is.
    pub value: String,
    /// Whether this step made or changed it.
    pub is_new: bool,
    /// A checksum that does not match.
    pub is_bad: bool,
    /// Who or what made the change.
    pub cause: String,
    /// The table where that stands, and the row's name in full.
    pub table: Option<(Kind, String)>,
}

/// Twenty bytes, as they were and as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HexRow {
    /// As they were; empty for a new header.
    pub was: Vec<Cell>,
    /// As they are; a byte that is the same is left out.
    pub now: Vec<Cell>,
}

/// One byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its place in the packet as it is.
    pub at: usize,
    /// Its value; `None` if it is the same as above.
    pub byte: Option<u8>,
    /// Whether this step changed it.
    pub is_changed: bool,
    /// The layer it belongs to, where it is new.
    pub role: Option<Role>,
}

/// Bytes in a row.
const ROW: usize = 20;

/// The layers of step `view`, which decided `decision`; with `all`, every field of every layer.
#[must_use]
pub fn inspect(view: &StepView, decision: &Decision, all: bool) -> Vec<LayerRow> {
    view.changes.iter().map(|change| layer_row(view, decision, change, all)).collect()
}

fn layer_row(view: &StepView, decision: &Decision, change: &LayerChange, all: bool) -> LayerRow {
    let layer = change.layer();
    let len = layer.range.len();
    let row = |state, size, note| LayerRow {
        role: layer.role,
        name: layer.name,
        size,
        state,
        note,
        fields: Vec::new(),
        hex: Vec::new(),
        range: if matches!(change, LayerChange::Removed(_)) { 0..0 } else { layer.range.clone() },
        spans: spans(change),
    };
    match change {
        LayerChange::Same(_) => LayerRow {
            fields: if all { unchanged(layer) } else { Vec::new() },
            hex: if all { bytes_of(view, layer, false, 8) } else { Vec::new() },
            ..row(LayerState::Same, len.to_string(), summary(layer))
        },
        LayerChange::Removed(_) => row(LayerState::Gone, format!("−{len}"), gone(view, layer)),
        LayerChange::Added(_) => LayerRow {
            fields: added(view, decision, layer, all),
            hex: new_bytes(view, layer, all),
            ..row(
                LayerState::Added,
                if view.before.is_some() { format!("+{len}") } else { len.to_string() },
                String::new(),
            )
        },
        LayerChange::Changed { fields, .. } => {
            let mut rows: Vec<FieldRow> = fields
                .iter()
                .map(|change| {
                    FieldRow {
                        name: change.new.name.to_owned(),
                        range: change.new.range.clone(),
                        old: Some(change.old.value.clone()),
                        value: change.new.value.clone(),
                        is_new: true,
                        is_bad: change.new.bad,
                        cause: String::new(),
                        table: None,
                    }
                    .because(cause(view, decision, layer.role, change.new.name))
                })
                .collect();
            if all {
                let is_shown = |name: &str| rows.iter().any(|row| row.name == name);
                let rest: Vec<FieldRow> = unchanged(layer).into_iter().filter(|row| !is_shown(&row.name)).collect();
                rows.extend(rest);
            }
            LayerRow {
                fields: rows,
                hex: changed_bytes(view, layer, all),
                ..row(LayerState::Changed, len.to_string(), resized(view, layer))
            }
        }
    }
}

/// The fields of a layer as it is now; none of one that is gone.
fn spans(change: &LayerChange) -> Vec<(Range<usize>, String)> {
    if matches!(change, LayerChange::Removed(_)) {
        return Vec::new();
    }
    let layer = change.layer();
    let span = |field: &Field| (field.range.clone(), format!("{} {} {}", layer.name, field.name, field.value));
    layer.fields.iter().map(span).collect()
}

/// The bytes of a layer, in rows, at most so many.
fn bytes_of(view: &StepView, layer: &Layer, is_changed: bool, n_rows: usize) -> Vec<HexRow> {
    let Some(packet) = &view.packet else { return Vec::new() };
    let cell = |at: usize| Cell { at, byte: packet.bytes().get(at).copied(), is_changed, role: Some(layer.role) };
    let cells: Vec<Cell> = layer.range.clone().map(cell).collect();
    cells.chunks(ROW).take(n_rows).map(|chunk| HexRow { was: Vec::new(), now: chunk.to_vec() }).collect()
}

/// What is told of a place in the packet: the bytes that belong together there, and what they say. The shortest field
/// that holds the byte is meant; where there is none, the layer.
#[must_use]
pub fn told(rows: &[LayerRow], at: usize) -> Option<(Range<usize>, String)> {
    let row = rows.iter().find(|row| row.range.contains(&at))?;
    let field = row.spans.iter().filter(|(range, _)| range.contains(&at)).min_by_key(|(range, _)| range.len());
    Some(field.cloned().unwrap_or_else(|| (row.range.clone(), row.name.to_owned())))
}

/// What a payload was before it was cut, or put together.
fn resized(view: &StepView, layer: &Layer) -> String {
    match before_of(view, layer) {
        Some(old) if layer.role == Role::Payload => format!("{} bytes before", old.range.len()),
        _ => String::new(),
    }
}

fn unchanged(layer: &Layer) -> Vec<FieldRow> {
    let fields = layer.fields.iter();
    fields
        .map(|field| FieldRow {
            name: field.name.to_owned(),
            range: field.range.clone(),
            old: None,
            value: field.value.clone(),
            is_new: false,
            is_bad: field.bad,
            cause: if field.bad { "does not match".to_owned() } else { String::new() },
            table: None,
        })
        .collect()
}

/// The fields of a new header: those by which it does its work, or all.
fn added(view: &StepView, decision: &Decision, layer: &Layer, all: bool) -> Vec<FieldRow> {
    let wanted: &[&str] = match layer.name {
        "ETH" => &["dst", "src"],
        "ARP" => &["op", "sender ip", "target ip"],
        "IP" => &["src", "dst"],
        "VXLAN" | "GENEVE" => &["vni"],
        "TCP" => &["flags", "mss"],
        "ICMP" => &["type"],
        "HTTP" => &["line"],
        "DNS" => &["id", "flags", "question", "answer", "authority"],
        _ => &[],
    };
    let prefix = match layer.role {
        _ if all => "",
        Role::OuterIp => "outer ",
        Role::InnerLink => "inner ",
        _ => "",
    };
    let field = |name: &str| layer.fields.iter().find(|field| field.name == name);
    let row = |name: String, range: Range<usize>, value: String, cause: Cause, is_bad: bool| FieldRow {
        name,
        range,
        old: None,
        value,
        is_new: true,
        is_bad,
        cause: cause.0,
        table: cause.1,
    };
    let mut rows = Vec::new();
    if let (false, Some(sport), Some(dport)) = (all, field("sport"), field("dport")) {
        let cause = cause(view, decision, layer.role, "ports");
        let words = format!("{} → {}", sport.value, dport.value);
        rows.push(row("ports".to_owned(), sport.range.start..dport.range.end, words, cause, false));
    }
    let fields = layer.fields.iter().filter(|field| all || wanted.contains(&field.name));
    rows.extend(fields.map(|field| {
        row(
            format!("{prefix}{}", field.name),
            field.range.clone(),
            field.value.clone(),
            cause(view, decision, layer.role, field.name),
            field.bad,
        )
    }));
    rows
}

/// Who or what gave a field its value, and the table where that stands.
type Cause = (String, Option<(Kind, String)>);

impl FieldRow {
    fn because(self, (cause, table): Cause) -> Self {
        Self { cause, table, ..self }
    }
}

/// Who or what gave a field its value at this step.
fn cause(view: &StepView, decision: &Decision, role: Role, field: &str) -> Cause {
    let device = view.device.as_deref().unwrap_or("eth0");
    let row_of = |kind: Kind| {
        let table = view.tables.iter().find(|table| Kind::of(&table.command) == kind)?;
        let row = format!("{}, row {}", kind.name(), table.matched? + 1);
        Some((row.clone(), Some((kind, row))))
    };
    let alone = |text: String| (text, None);
    if let (Decision::Translate { end, by, .. }, Role::Ip | Role::Transport) = (decision, role)
        && field != "checksum"
    {
        return match by {
            By::Rule(Chosen { chain, number, .. }) => {
                let kind = view.tables.first().map_or(Kind::Rules, |table| Kind::of(&table.command));
                let name = if *end == End::Source { "SNAT" } else { "DNAT" };
                (format!("{name}, rule {number}"), Some((kind, format!("{} {chain} rule {number}", kind.name()))))
            }
            By::Entry { .. } | By::Map => {
                ("conntrack".to_owned(), Some((Kind::Conntrack, "its connection's entry".to_owned())))
            }
        };
    }
    alone(match (role, field) {
        (_, "checksum") if view.before.is_some() => "recomputed".to_owned(),
        (_, "ttl") if view.stage == Stage::Forward => "ip_forward".to_owned(),
        (Role::Link | Role::InnerLink, "dst") => match row_of(Kind::Neigh) {
            Some(found) => return found,
            None if view.flow == "arp" => "everyone, or who asked".to_owned(),
            None => format!("dev {device}"),
        },
        (Role::Link | Role::InnerLink, _) => format!("dev {device}"),
        (Role::OuterIp, "dst") => match row_of(Kind::Fdb) {
            Some(found) => return found,
            // A tunnel without a table of remotes is told with each packet.
            None if view.changes.iter().any(|change| change.layer().role == Role::Tunnel) => "by a program".to_owned(),
            None => "by the route".to_owned(),
        },
        (Role::OuterIp, "src") => format!("local of {device}"),
        (Role::OuterUdp, "ports") => "inner flow hash".to_owned(),
        (Role::OuterIp | Role::OuterUdp | Role::Tunnel, _) => format!("by {device}"),
        (Role::Ip, "src") if view.before.is_none() => "by the route".to_owned(),
        (Role::Payload, _) => match decision {
            Decision::Send { by, .. } => format!("by {by}"),
            _ => "by the kernel".to_owned(),
        },
        (Role::Ip | Role::Transport, _) if view.before.is_none() => match (decision, field) {
            (Decision::Send { by, .. }, "dst" | "ports") => format!("asked by {by}"),
            _ => "by the kernel".to_owned(),
        },
        (Role::Arp, _) => "by the kernel".to_owned(),
        _ => String::new(),
    })
}

/// Why a header went.
fn gone(view: &StepView, layer: &Layer) -> String {
    let device = view.device.as_deref().unwrap_or("the device");
    match (layer.role, view.stage) {
        (Role::Link, _) => format!("taken off: {device} wrote or read it, IP does not need it"),
        (Role::InnerLink, _) => format!("taken off by {device}"),
        (Role::OuterIp | Role::OuterUdp | Role::Tunnel, _) => format!("envelope, taken off by {device}"),
        _ => "taken off".to_owned(),
    }
}

/// A layer that stayed as it was, in a line.
fn summary(layer: &Layer) -> String {
    let value =
        |name: &str| layer.fields.iter().find(|field| field.name == name).map_or("", |field| field.value.as_str());
    let rest = match layer.name {
        "ETH" => format!("to {}", value("dst")),
        "ARP" if value("op").starts_with('1') => format!("who has {}? tell {}", value("target ip"), value("sender ip")),
        "ARP" => format!("{} is at {}", value("sender ip"), value("sender mac")),
        "IP" => format!("{} → {} · ttl {}", value("src"), value("dst"), value("ttl")),
        "TCP" => {
            let mss = value("mss");
            let mss = if mss.is_empty() { String::new() } else { format!(" · mss {mss}") };
            format!("{} → {} · {}{mss}", value("sport"), value("dport"), value("flags"))
        }
        "UDP" => format!("{} → {}", value("sport"), value("dport")),
        "VXLAN" | "GENEVE" => format!("vni {}", value("vni")),
        "ICMP" => value("type").trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').to_owned(),
        "HTTP" => value("line").to_owned(),
        "DNS" => format!("{} {}", value("question"), value("answer").rsplit(' ').next().unwrap_or_default()),
        _ => String::new(),
    };
    if rest.is_empty() { "unchanged".to_owned() } else { format!("unchanged · {rest}") }
}

/// The rows of a layer in which a byte changed. A payload that was cut or put together has another length, not other
/// bytes.
fn changed_bytes(view: &StepView, layer: &Layer, all: bool) -> Vec<HexRow> {
    let (Some(before), Some(after), Some(old)) = (&view.before, &view.packet, before_of(view, layer)) else {
        return Vec::new();
    };
    if layer.role == Role::Payload {
        return Vec::new();
    }
    let bytes = after.bytes();
    let old_at = |at: usize| {
        let at = old.range.start + (at - layer.range.start);
        before.bytes().get(at).copied().filter(|_| old.range.contains(&at))
    };
    let cells = |range: Range<usize>| HexRow {
        was: range
            .clone()
            .map(|at| Cell { at, byte: old_at(at), is_changed: old_at(at) != Some(bytes[at]), role: None })
            .collect(),
        now: range
            .map(|at| {
                let is_changed = old_at(at) != Some(bytes[at]);
                Cell { at, byte: is_changed.then_some(bytes[at]), is_changed, role: None }
            })
            .collect(),
    };
    let rows = layer.range.clone().step_by(ROW).map(|start| start..(start + ROW).min(layer.range.end));
    rows.filter(|range| all || range.clone().any(|at| old_at(at) != Some(bytes[at]))).map(cells).collect()
}

/// A layer as it was before the step: layers are matched from the payload outwards.
fn before_of(view: &StepView, layer: &Layer) -> Option<Layer> {
    let new = dissect(view.packet.as_ref()?);
    let from_end = new.len() - new.iter().position(|other| other.range == layer.range)?;
    let mut old = dissect(view.before.as_ref()?);
    let at = old.len().checked_sub(from_end)?;
    Some(old.swap_remove(at))
}

/// The first bytes of a new header, or all of them. An envelope shows the bytes of its two small headers together.
fn new_bytes(view: &StepView, layer: &Layer, all: bool) -> Vec<HexRow> {
    let Some(packet) = &view.packet else { return Vec::new() };
    let is_envelope = view.stage == Stage::Encap;
    let is_left_out = match layer.role {
        Role::Payload => true,
        Role::OuterIp | Role::OuterUdp => is_envelope,
        _ => false,
    };
    if is_left_out && !all {
        return Vec::new();
    }
    let udp = view.changes.iter().map(LayerChange::layer).find(|layer| layer.role == Role::OuterUdp);
    let udp = udp.filter(|_| layer.role == Role::Tunnel && is_envelope && !all);
    let range = udp.map_or(layer.range.start, |udp| udp.range.start)..layer.range.end;
    let role_at = |at: usize| if layer.range.contains(&at) { layer.role } else { Role::OuterUdp };
    let cells: Vec<Cell> = range
        .map(|at| Cell { at, byte: Some(packet.bytes()[at]), is_changed: true, role: Some(role_at(at)) })
        .collect();
    let n_rows = if all { 8 } else { 1 };
    cells.chunks(ROW).take(n_rows).map(|chunk| HexRow { was: Vec::new(), now: chunk.to_vec() }).collect()
}

/// All bytes of a packet that a step left as it was, each with its layer: the first rows of them.
#[must_use]
pub fn dump(view: &StepView) -> Vec<HexRow> {
    let Some(packet) = &view.packet else { return Vec::new() };
    if view.changes.iter().any(|change| !matches!(change, LayerChange::Same(_))) {
        return Vec::new();
    }
    let layers: Vec<&Layer> = view.changes.iter().map(LayerChange::layer).collect();
    let role_at = |at: usize| layers.iter().find(|layer| layer.range.contains(&at)).map(|layer| layer.role);
    let n_rows = match layers.len() {
        ..=3 => 8,
        4 => 6,
        _ => 4,
    };
    let bytes: Vec<Cell> = (packet.bytes().iter().enumerate())
        .take(n_rows * ROW)
        .map(|(at, byte)| Cell { at, byte: Some(*byte), is_changed: false, role: role_at(at) })
        .collect();
    bytes.chunks(ROW).map(|chunk| HexRow { was: Vec::new(), now: chunk.to_vec() }).collect()
}

/// Where the packet of step `view` is, in words.
#[must_use]
pub fn packet_where(view: &StepView) -> String {
    let device = view.device.as_deref().unwrap_or("eth0");
    let outer = if view.outer { "envelope, " } else { "" };
    match view.stage {
        Stage::App => "as it is made".to_owned(),
        Stage::Route => format!("{outer}after routing"),
        Stage::Netfilter(hook, _) => format!("{outer}after {}", hook.name()),
        Stage::Forward => "after ip_forward".to_owned(),
        Stage::Output | Stage::Neigh => format!("{outer}before {device}"),
        Stage::Tx => format!("{outer}leaving by {device}"),
        Stage::Rx => format!("{outer}in by {device}"),
        Stage::TunnelRx => format!("out of {device}"),
        Stage::Bridge | Stage::BridgeRoute => "on the bridge".to_owned(),
        Stage::Arp => "as ARP reads it".to_owned(),
        Stage::Defrag => "put together".to_owned(),
        Stage::Encap => format!("inside {device}"),
        Stage::Decap => format!("unwrapped by {device}"),
        Stage::Deliver => "at the socket".to_owned(),
        Stage::Bpf(hook) => format!("{outer}after {}", hook.program()),
        Stage::Control(_) => "no packet".to_owned(),
    }
}

/// Which packet it is and how long: above the link header, and as a frame.
#[must_use]
pub fn packet_size(view: &StepView) -> String {
    let title = packet_title(view.flow, &view.packet_name);
    let Some(packet) = &view.packet else { return title };
    let network = packet.network_len();
    let layers: Vec<&Layer> = view
        .changes
        .iter()
        .filter(|change| !matches!(change, LayerChange::Removed(_)))
        .map(LayerChange::layer)
        .collect();
    let around = layers.iter().rev().find(|layer| matches!(layer.role, Role::Tunnel | Role::OuterIp));
    let unit = if view.flow == "arp" { "ARP" } else { "IP" };
    let above = match around {
        Some(around) => {
            // IP in IP has no link header inside.
            let link = if around.role == Role::Tunnel { 14 } else { 0 };
            let inner = packet.bytes().len() - around.range.end - link;
            return format!("{inner} + {} = {network} B {unit}", network - inner);
        }
        None => format!("{network} B {unit}"),
    };
    match packet.link() {
        Link::Ethernet => format!("{title} · {above} · {} B frame", packet.bytes().len()),
        _ => format!("{title} · {above}"),
    }
}
