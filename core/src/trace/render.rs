//! A trace as text, at three levels of detail. Tests compare the smallest, which stays the same when stages are
//! rearranged.

use std::fmt::Write as _;

use super::{BpfHook, By, Chosen, Consulted, Decision, HookFunction, Hop, Stage, Step, Trace, Why, explain, show_end};
use crate::wire::{DnsName, End, LayerChange, Packet, diff, dissect, one_line};

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// A line for each packet and for each thing that was done to it.
    Minimal,
    /// A line for each step.
    #[default]
    Summary,
    /// Each step with its reason, the rows that were read, the fields that changed and the MTU.
    Full,
}

impl Detail {
    /// The level with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "minimal" => Some(Self::Minimal),
            "summary" => Some(Self::Summary),
            "full" => Some(Self::Full),
            _ => None,
        }
    }
}

/// `trace` as text.
#[must_use]
pub fn render(trace: &Trace, detail: Detail) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = match detail {
        Detail::Minimal => minimal(trace, &mut text),
        Detail::Summary => summary(trace, &mut text),
        Detail::Full => full(trace, &mut text),
    };
    text
}

/// `trace` as text, a line for each step: what [`render`] gives for [`Detail::Summary`], for who needs nothing else of it.
#[must_use]
pub fn outline(trace: &Trace) -> String {
    let mut text = String::new();
    let _ = summary(trace, &mut text);
    text
}

fn minimal(trace: &Trace, out: &mut String) -> std::fmt::Result {
    for (hop, step) in trace.steps() {
        let at = hop.at.short();
        let packet = step.packet().map(one_line).unwrap_or_default();
        match &step.decision {
            Decision::Send { .. } | Decision::KernelSend { .. } | Decision::Retransmit { .. } => {
                writeln!(out, "{}: {packet}", trace.journey(hop.journey).name)?;
            }
            Decision::ArpAnswer { ip, mac } => writeln!(out, "  {at} arp answers {ip} is-at {mac}")?,
            Decision::ArpProxy { ip, mac, .. } => writeln!(out, "  {at} arp answers for {ip} is-at {mac}")?,
            Decision::DecrementTtl { from } => {
                writeln!(out, "  {at} forward ttl {from} to {}", from.saturating_sub(1))?;
            }
            Decision::BpfRedirect { to, .. } => writeln!(out, "  {at} ebpf redirect to {to}")?,
            Decision::Encapsulate { envelope, remote } => writeln!(out, "  {at} encap {envelope} to {remote}")?,
            Decision::Decapsulate { envelope, remote } => writeln!(out, "  {at} decap {envelope} from {remote}")?,
            Decision::Schedule { service, to, scheduler, .. } => {
                writeln!(out, "  {at} ipvs {scheduler} {} to {}", show_end(*service), show_end(*to))?;
            }
            Decision::Translate { end, from, to, by } => {
                let (from, to) = (show_end(*from), show_end(*to));
                let hook = if let Stage::Bpf(hook) = step.stage { Some(hook) } else { None };
                let is_ipvs = matches!(step.stage, Stage::Netfilter(_, HookFunction::IpvsIn | HookFunction::IpvsIcmp));
                match (end, by) {
                    _ if is_ipvs => writeln!(out, "  {at} ipvs destination {from} to {to}")?,
                    _ if hook == Some(BpfHook::SockConnect) => writeln!(out, "connect: {at} {from} becomes {to}")?,
                    _ if hook == Some(BpfHook::SockRecvmsg) => {
                        writeln!(out, "recvmsg: {at} {from} is {to} again")?;
                    }
                    (End::Destination, _) if hook.is_some() => writeln!(out, "  {at} ebpf destination {from} to {to}")?,
                    (End::Source, _) if hook.is_some() => writeln!(out, "  {at} ebpf source {from} to {to}")?,
                    (End::Destination, By::Rule(Chosen { chain, .. })) => {
                        writeln!(out, "  {at} dnat {from} to {to} by {chain}")?;
                    }
                    (End::Source, By::Rule(Chosen { chain, .. })) => {
                        writeln!(out, "  {at} snat {from} to {to} by {chain}")?;
                    }
                    (End::Destination, _) => writeln!(out, "  {at} destination {from} is {to} again")?,
                    (End::Source, _) => writeln!(out, "  {at} source {from} is {to} again")?,
                }
            }
            Decision::Deliver { to } => writeln!(out, "  {at} deliver {to}")?,
            Decision::Refuse(reason) => writeln!(out, "  {at} refuse {}", reason.name())?,
            Decision::Fragment { n_fragments, .. } if step.before.is_some() => {
                writeln!(out, "  {at} cut into {n_fragments} pieces")?;
            }
            Decision::Reassemble { n_fragments } => writeln!(out, "  {at} put together {n_fragments} pieces")?,
            Decision::Complain(reason, error) => {
                writeln!(out, "  {at} drop {} and say {}", reason.name(), error.name())?;
            }
            Decision::Drop(reason) => writeln!(out, "  {at} drop {}", reason.name())?,
            Decision::Reconcile(_) => {
                writeln!(out, "{}: {}", moment(trace, step), explain(trace, hop, step).headline)?;
            }
            _ => {}
        }
    }
    queries(trace, out)?;
    writeln!(out, "{}", trace.disposition)
}

/// What the client's resolver asked, and what it was told; or why nobody could be asked.
fn queries(trace: &Trace, out: &mut String) -> std::fmt::Result {
    if let (Some(lookup), []) = (&trace.lookup, &trace.queries[..])
        && let Err(error) = lookup.name.parse::<DnsName>()
    {
        writeln!(out, "nobody is asked for {}: {error}", lookup.name)?;
    }
    for query in &trace.queries {
        let tcp = if query.tcp { " over TCP" } else { "" };
        write!(out, "asked {}{tcp}: {} {}: ", query.server, query.name, query.kind)?;
        match query.reply.as_ref().map(|reply| &reply.message) {
            None => writeln!(out, "no answer")?,
            Some(message) => {
                let data: Vec<String> = message.answers.iter().map(|record| record.data.to_string()).collect();
                let cut = if message.flags.truncated { ", cut off" } else { "" };
                writeln!(out, "{}", format!("{}{cut} {}", message.rcode, data.join(", ")).trim_end())?;
            }
        }
    }
    Ok(())
}

/// Milliseconds after the client started, with three decimals: `-0.055 ms`.
fn moment(trace: &Trace, step: &Step) -> String {
    let nanos = trace.since_start(step.time);
    let (sign, micros) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs() / 1_000);
    format!("{sign}{}.{:03} ms", micros / 1_000, micros % 1_000)
}

fn summary(trace: &Trace, out: &mut String) -> std::fmt::Result {
    let width = trace.steps().map(|(_, step)| step.id.len()).max().unwrap_or_default();
    for hop in &trace.hops {
        writeln!(out, "{}", hop.at)?;
        for step in &hop.steps {
            writeln!(out, "  {:width$}  {}", step.id, explain(trace, hop, step).headline)?;
        }
    }
    queries(trace, out)?;
    writeln!(out, "{}", trace.disposition)
}

fn full(trace: &Trace, out: &mut String) -> std::fmt::Result {
    for hop in &trace.hops {
        writeln!(out, "{}", hop.at)?;
        for step in &hop.steps {
            full_step(trace, hop, step, out)?;
        }
    }
    queries(trace, out)?;
    writeln!(out, "{}", trace.disposition)
}

fn full_step(trace: &Trace, hop: &Hop, step: &Step, out: &mut String) -> std::fmt::Result {
    let words = explain(trace, hop, step);
    let device = step.device.as_deref().map(|device| format!(" {device}")).unwrap_or_default();
    writeln!(out, "  {}{device} at {}", step.id, moment(trace, step))?;
    writeln!(out, "    {}", words.headline)?;
    for line in [&words.what, &words.why].into_iter().filter(|line| !line.is_empty()) {
        writeln!(out, "    {line}")?;
    }
    for table in step.consulted.iter().rev() {
        full_table(&**table, out)?;
    }
    for row in &step.wrote {
        // A row that goes says so itself, as `ip monitor` does.
        let sign = if row.text.starts_with("Deleted ") { '-' } else { '+' };
        writeln!(out, "    {sign} {}: {} [{}]", row.command, row.text.trim_end(), row.writer)?;
    }
    if let Some(packet) = step.packet() {
        writeln!(out, "    {}", one_line(packet))?;
        if step.before.is_none() {
            full_message(packet, out)?;
        }
    }
    if let (Some(before), Some(after)) = (&step.before, &step.after) {
        for change in diff(before, after) {
            full_change(&change, out)?;
        }
    }
    if let Some(check) = &step.mtu {
        let verdict = if check.fits() { "fits" } else { "does not fit" };
        writeln!(out, "    mtu: {} of {} on {}: {verdict}", check.len, check.mtu, check.device)?;
    }
    Ok(())
}

/// What a program says in words, where it is said.
fn full_message(packet: &Packet, out: &mut String) -> std::fmt::Result {
    let layers = dissect(packet);
    let http = layers.iter().filter(|layer| layer.name == "HTTP");
    for field in http.flat_map(|layer| &layer.fields) {
        writeln!(out, "    | {}", field.value)?;
    }
    Ok(())
}

/// Rows that missed are shown next to those that matched; long tables are cut.
fn full_table(table: &dyn Consulted, out: &mut String) -> std::fmt::Result {
    const MAX_ROWS: usize = 24;
    writeln!(out, "    $ {}", table.command())?;
    let n_first = table.n_rows().min(MAX_ROWS);
    let further = table.all_matched().into_iter().filter(|idx| *idx >= n_first);
    for idx in (0..n_first).chain(further) {
        let row = table.row(idx);
        let (mark, why) = match row.why {
            Why::Matched(why) => ('>', why),
            Why::Missed(why) => (' ', why),
        };
        writeln!(out, "    {mark} {} [{}] ({why})", row.text, row.writer)?;
    }
    match table.n_rows().checked_sub(MAX_ROWS) {
        Some(n_hidden) if n_hidden > 0 => writeln!(out, "      ({n_hidden} more rows)"),
        _ => Ok(()),
    }
}

fn full_change(change: &LayerChange, out: &mut String) -> std::fmt::Result {
    match change {
        LayerChange::Same(_) => Ok(()),
        LayerChange::Added(layer) => {
            let fields: Vec<String> =
                layer.fields.iter().map(|field| format!("{} {}", field.name, field.value)).collect();
            writeln!(out, "    + {} {} bytes: {}", layer.name, layer.range.len(), fields.join(", "))
        }
        LayerChange::Removed(layer) => writeln!(out, "    - {} {} bytes", layer.name, layer.range.len()),
        LayerChange::Changed { layer, fields } => {
            let text: Vec<String> = fields
                .iter()
                .map(|field| format!("{} {} > {}", field.new.name, field.old.value, field.new.value))
                .collect();
            writeln!(out, "    ~ {}: {}", layer.name, text.join(", "))
        }
    }
}
