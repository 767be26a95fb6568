//! Words for netfilter: connections, rules, translations.

use std::net::IpAddr;

use super::Words;
use crate::trace::{Decision, Hook, HookFunction, Stage, Step, Tracked};
use crate::wire::End;

pub(super) fn tracks(tracked: Tracked, step: &Step, at: &str) -> Words {
    let changed = if step.wrote.is_empty() { "" } else { " This packet moves the entry on." };
    match tracked {
        Tracked::New => (
            "Connection tracking: NEW.".into(),
            format!("No entry of {at} has these addresses and ports in either direction, so this packet begins a connection. The entry is confirmed when the packet has got through."),
            "Table nat is asked for NEW packets only. Whatever it decides holds for the whole connection.".into(),
        ),
        Tracked::Established { is_reply: true } => (
            "Connection tracking: an answer.".into(),
            format!("The packet has the addresses and ports that an entry of {at} expects of its answers.{changed}"),
            "Each entry has two tuples, one for each direction. The second says what answers look like before anything is undone.".into(),
        ),
        Tracked::Established { is_reply: false } => (
            "Connection tracking: ESTABLISHED.".into(),
            format!("An entry of {at} has these addresses and ports.{changed}"),
            "The packet follows its connection: no rule of table nat is asked any more.".into(),
        ),
        Tracked::Related => (
            "Connection tracking: RELATED.".into(),
            "The packet that this error quotes belongs to a connection, so the error does as well.".into(),
            "What it quotes will be translated back too, or the sender would not recognise its own packet.".into(),
        ),
        Tracked::Invalid => (
            "Connection tracking: INVALID.".into(),
            format!("The packet belongs to no connection that {at} knows, and cannot begin one."),
            "kube-proxy drops such packets when they are to be forwarded: they would get past the translation.".into(),
        ),
    }
}

pub(super) fn passes(step: &Step, table: &str, n_tried: usize, mark: Option<u32>) -> Words {
    let hook = hook_of(step).map_or("", Hook::name);
    let rules = if n_tried == 1 { "1 rule was".to_owned() } else { format!("{n_tried} rules were") };
    let marked = mark.map(|mark| format!(" The packet's mark is {mark:#x} now.")).unwrap_or_default();
    if matches!(step.stage, Stage::Netfilter(_, HookFunction::Nft)) {
        return (
            format!("nft {table}: passed."),
            format!("{rules} tried, and none of them stopped it.{marked}"),
            "Chains of nftables are hooked by whoever makes them. To accept a packet passes one of them; every other chain on this hook may still stop it.".into(),
        );
    }
    let why = match (table, hook) {
        ("nat", "POSTROUTING") => "Only what was marked for it, or leaves the cluster, is masqueraded here.",
        ("nat", _) => "No rule gives this address and port another destination.",
        ("filter", _) => "Most rules that reject are for services without endpoints; most that accept are the CNI's.",
        _ => "Marks are notes that one table leaves for another; they never leave the machine.",
    };
    (format!("{table} {hook}: passed."), format!("{rules} tried, and none of them stopped it.{marked}"), why.into())
}

pub(super) fn translates(step: &Step, decision: &Decision, at: &str) -> Words {
    let Decision::Translate { end, from, to, rule, says } = decision else { return Words::default() };
    let show = |(ip, port): (IpAddr, u16)| if port == 0 { ip.to_string() } else { format!("{ip}:{port}") };
    let (from, to) = (show(*from), show(*to));
    let (what_end, verb) = match end {
        End::Source => ("source", "SNAT"),
        End::Destination => ("destination", "DNAT"),
    };
    if from == to {
        return (
            "What the error quotes is translated back.".into(),
            format!("{at}'s entry for the connection says how the quoted packet looked when its sender sent it. The error's own address stays {to}."),
            "The sender's kernel finds the socket by the quote, so the quote must show the addresses that the sender used.".into(),
        );
    }
    let Some((chain, number)) = rule else {
        return (
            format!("The {what_end} becomes {to} again."),
            format!("Nobody asks a rule: {at}'s entry for this connection says that {from} is {to} on this side."),
            "This is the step that makes the other side see the address it talks to. Without it the answer would be thrown away.".into(),
        );
    };
    let says = says.as_ref().map(|says| format!(" It is there for “{says}”.")).unwrap_or_default();
    let why = match (end, hook_of(step)) {
        (End::Destination, Some(Hook::Output)) => {
            "The packet was made on this machine, so the route is looked up again for the new destination."
        }
        (End::Destination, _) => {
            "A service's address is on no device anywhere: it exists only as rules like this one, on every node."
        }
        (End::Source, _) => "The answer must come back through this node, for only its entry can undo the translation.",
    };
    (
        format!("{verb}: the {what_end} {from} becomes {to}."),
        format!("Rule {number} of {chain} decided, for the whole connection.{says}"),
        why.into(),
    )
}

pub(super) fn confirms(at: &str) -> Words {
    (
        "The connection is in the table.".into(),
        format!(
            "Its first packet has passed every hook of {at}, so the entry counts from here on: [UNREPLIED] until an answer comes."
        ),
        "A packet that a rule drops leaves no entry behind.".into(),
    )
}

/// The command that shows what a hook's function read.
pub(super) fn command(hook: Hook, function: HookFunction) -> String {
    let table = match function {
        HookFunction::Conntrack | HookFunction::Confirm => return "conntrack -L".to_owned(),
        HookFunction::Nft => return "nft list ruleset".to_owned(),
        HookFunction::IpvsIn | HookFunction::IpvsOut | HookFunction::IpvsIcmp => return "ipvsadm -lnc".to_owned(),
        HookFunction::Raw => "raw",
        HookFunction::Mangle => "mangle",
        HookFunction::Nat => "nat",
        HookFunction::Filter => "filter",
    };
    format!("iptables -t {table} -nvL {}", hook.name())
}

fn hook_of(step: &Step) -> Option<Hook> {
    match step.stage {
        Stage::Netfilter(hook, _) => Some(hook),
        _ => None,
    }
}
