//! Words for BGP: what the messages in a segment say, and what their reader does with them.

use super::Words;
use crate::trace::Step;
use crate::wire::{BgpMessage, Packet, Transport};

/// The segment's messages; none if it holds no whole one.
fn messages(step: &Step) -> Vec<BgpMessage> {
    let Some(Transport::Tcp(tcp)) = step.packet().and_then(Packet::transport) else { return Vec::new() };
    let bytes = step.packet().map(Packet::ip_payload).unwrap_or_default();
    let mut rest = bytes.get(bytes.len().saturating_sub(tcp.payload_len)..).unwrap_or_default();
    let mut messages = Vec::new();
    while let Some((message, len)) = BgpMessage::from_slice(rest) {
        messages.push(message);
        rest = &rest[len..];
    }
    messages
}

/// A speaker hands messages to its kernel.
pub(super) fn says(step: &Step, by: &str) -> Option<Words> {
    let messages = messages(step);
    let names: Vec<&str> = messages.iter().map(BgpMessage::name).collect();
    (!messages.is_empty()).then(|| (format!("{by} says {}.", listed(&names)), what(&messages), why(&messages)))
}

/// A speaker reads messages.
pub(super) fn hears(step: &Step, at: &str) -> Option<Words> {
    let messages = messages(step);
    let names: Vec<&str> = messages.iter().map(BgpMessage::name).collect();
    let changed = match step.wrote.len() {
        0 => "No row of the routing table changes by it.".to_owned(),
        1 => "One row of the routing table changes by it.".to_owned(),
        n => format!("{n} rows of the routing table change by it."),
    };
    let headline = format!("{at} hears {}.", listed(&names));
    (!messages.is_empty()).then(|| (headline, format!("{} {changed}", what(&messages)), why(&messages)))
}

/// `OPEN, KEEPALIVE and 2 UPDATEs`.
fn listed(names: &[&str]) -> String {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for name in names {
        match counted.last_mut().filter(|(last, _)| last == name) {
            Some((_, n)) => *n += 1,
            None => counted.push((name, 1)),
        }
    }
    let words: Vec<String> =
        counted.iter().map(|(name, n)| if *n == 1 { (*name).to_owned() } else { format!("{n} {name}s") }).collect();
    match &words[..] {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => words.concat(),
    }
}

fn what(messages: &[BgpMessage]) -> String {
    let sentence = |message: &BgpMessage| match message {
        BgpMessage::Open { asn, hold_time_secs, id } => {
            format!("OPEN: I am {id} of system {asn}, and give you up after {hold_time_secs} seconds of silence.")
        }
        BgpMessage::Keepalive => "KEEPALIVE: I am here, and your OPEN is accepted.".to_owned(),
        BgpMessage::Notification { code: 6, subcode: 2 } => {
            "NOTIFICATION: cease, administrative shutdown. The session ends, and so does all that was learned by it."
                .to_owned()
        }
        BgpMessage::Notification { code, subcode } => {
            format!("NOTIFICATION: error {code}, subcode {subcode}. The session ends.")
        }
        BgpMessage::Update(update) => {
            let list = |nets: &[ipnet::Ipv4Net]| nets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let mut parts = Vec::new();
            if !update.withdrawn.is_empty() {
                parts.push(format!("I no longer reach {}", list(&update.withdrawn)));
            }
            if let Some(next_hop) = update.next_hop {
                let path: Vec<String> = update.as_path.iter().map(u32::to_string).collect();
                parts.push(format!(
                    "{} by {next_hop}, through system {}",
                    list(&update.announced),
                    path.join(", then ")
                ));
            }
            match parts.is_empty() {
                true => "UPDATE without anything: that was all I know.".to_owned(),
                false => format!("UPDATE: {}.", parts.join("; ")),
            }
        }
    };
    messages.iter().map(sentence).collect::<Vec<_>>().join(" ")
}

fn why(messages: &[BgpMessage]) -> String {
    let withdraws =
        |message: &BgpMessage| matches!(message, BgpMessage::Update(update) if !update.withdrawn.is_empty());
    let why = if messages.iter().any(|message| matches!(message, BgpMessage::Notification { .. })) {
        "Without the message the other side would believe in the routes until its hold timer ends: minutes of lost packets."
    } else if messages.iter().any(withdraws) {
        "A route is not asked for again: it is believed until it is withdrawn or the session is lost."
    } else {
        "What a router learns like this stands in its table as a route like any other: `proto bgp`, on nodes `proto bird`."
    };
    why.to_owned()
}
