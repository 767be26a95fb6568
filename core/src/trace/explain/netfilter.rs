//! Words for netfilter: connections, rules, translations.

use super::Words;
use crate::base::{Refusal, ServiceNote, Writer, share};
use crate::trace::{By, Chosen, Decision, Draw, Hook, HookFunction, Stage, Step, Tracked, show_end};
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

/// A rule says that connection tracking leaves the packet alone.
pub(super) fn untracks(step: &Step, at: &str) -> Words {
    let row = step.consulted.last().and_then(|table| Some(table.row(*table.all_matched().last()?)));
    let whose = row.as_ref().map_or_else(String::new, |row| format!("{}'s rule", row.writer));
    let text = row.map(|row| format!(": “{}”", row.text)).unwrap_or_default();
    (
        "NOTRACK: no connection is kept of this packet.".into(),
        format!("{whose} matched before connection tracking was asked{text}. {at} makes no entry and looks none up."),
        "Table nat is asked about tracked packets only, so no rule can translate this one: its destination must be an address of this machine. Entries are also what runs out, and what races, when many names are looked up over UDP.".into(),
    )
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
    let Decision::Translate { end, from, to, by } = decision else { return Words::default() };
    let (from, to) = (show_end(*from), show_end(*to));
    let what_end = if *end == End::Source { "source" } else { "destination" };
    if from == to {
        return (
            "What the error quotes is translated back.".into(),
            format!("{at}'s entry for the connection says how the quoted packet looked when its sender sent it. The error's own address stays {to}."),
            "The sender's kernel finds the socket by the quote, so the quote must show the addresses that the sender used.".into(),
        );
    }
    let chosen = match by {
        By::Rule(chosen) => chosen,
        By::Entry { original, reply } => {
            let is_first_way = [original.src, original.dst].map(show_end).contains(&from);
            let why = if is_first_way {
                "Every packet of a connection goes where the first one went, even if the rules have changed meanwhile."
            } else {
                "The client knows only the address that it asked. An answer from another one would find no socket there."
            };
            return (
                format!("The {what_end} becomes {to} again, by the connection's entry."),
                format!(
                    "No rule is asked: {at}'s entry says that what began as {original} is answered as {reply}. So {from} is {to} on this side."
                ),
                why.into(),
            );
        }
        By::Map => return Words::default(),
    };
    match (end, &step.service) {
        (End::Destination, Some(service)) => picks(step, chosen, &service.name, &from, &to),
        _ => {
            let verb = if *end == End::Source { "SNAT" } else { "DNAT" };
            (
                format!("{verb}: the {what_end} {from} becomes {to}."),
                rule(step, chosen),
                if *end == End::Source {
                    "The answer must come back through this node, for only its entry can undo the translation.".into()
                } else {
                    String::new()
                },
            )
        }
    }
}

/// A service's address becomes an endpoint's.
fn picks(step: &Step, chosen: &Chosen, service: &str, from: &str, to: &str) -> Words {
    let (endpoint, how) = match chosen.endpoint {
        Some((number, of)) if of > 1 => (format!("endpoint {number} of {of}"), dice(&chosen.draws)),
        _ => ("its only endpoint".to_owned(), String::new()),
    };
    let why = match hook_of(step) {
        Some(Hook::Output) => {
            "The packet was made on this machine, so the route is looked up again for the new destination. Its answers must be translated back here."
        }
        _ => {
            "A service's address is on no device anywhere: it is a row that kube-proxy writes on every node. The client knows no other, so answers must come back through this node, whose entry turns them into the service's again."
        }
    };
    (
        format!("DNAT: {from} is service {service}, and becomes {to}, {endpoint}."),
        format!("{}{how}", rule(step, chosen)),
        why.into(),
    )
}

/// The rule that chose, with its writer and its text.
fn rule(step: &Step, chosen: &Chosen) -> String {
    let Chosen { chain, number, .. } = chosen;
    let row = step.consulted.last().and_then(|table| Some(table.row(table.matched()?)));
    let (writer, text) = row.map(|row| (row.writer, row.text)).unzip();
    let text = text.map(|text| format!(": “{text}”")).unwrap_or_default();
    let whose = match writer {
        Some(writer @ (Writer::Cni | Writer::KubeProxy | Writer::Kubelet | Writer::NodeCache)) => {
            format!("{writer}'s ")
        }
        _ => String::new(),
    };
    let what = match chosen.draws.last() {
        Some(Draw::Scheduler(_)) => format!("{whose}virtual server {chain}"),
        _ => format!("{whose}rule {number} of {chain}"),
    };
    format!("{what} decided, for the whole connection{text}.")
}

/// How one of several endpoints was chosen.
fn dice(draws: &[Draw]) -> String {
    let words = draws.iter().map(|draw| match draw {
        Draw::Random(drawn, below) if drawn < below => {
            format!("drew {}, below the probability {}", share(*drawn, 4), share(*below, 4))
        }
        Draw::Random(drawn, below) => {
            format!("drew {}, not below the probability {}", share(*drawn, 4), share(*below, 4))
        }
        Draw::Number(drawn, of) => format!("drew {drawn} of 0 to {}", of.saturating_sub(1)),
        Draw::Scheduler(name) => format!("scheduler {name}"),
    });
    match words.collect::<Vec<_>>().join("; ") {
        words if words.is_empty() => " No dice: this client has been here before, and the service keeps clients with their endpoint (sessionAffinity).".to_owned(),
        words => format!(" The choice: {words}."),
    }
}

/// A rule refuses a packet for a service, and says why; `told` if its sender hears of it.
pub(super) fn refuses_service(service: &ServiceNote, refusal: Refusal, told: bool, at: &str) -> (String, String) {
    let name = &service.name;
    let count = |n: usize, rest: &str| format!("{n} {}{rest}", if n == 1 { "endpoint" } else { "endpoints" });
    let (headline, what) = match refusal {
        Refusal::NoEndpoints => (
            format!("Service {name} has no endpoints"),
            "No EndpointSlice of the service names an endpoint for this port: no pod has the labels that its selector asks for, or none has the port that targetPort names.".to_owned(),
        ),
        Refusal::NotReady(n) => (
            format!("Service {name} has no endpoint that is ready"),
            format!("Its EndpointSlices name {}, and ready is false: the readiness probe fails, or the pod is not up yet.", count(n, "")),
        ),
        Refusal::NoneLocal(n) => (
            format!("Service {name} has no endpoint on {at}"),
            format!("Its traffic policy is Local, so {at} may send packets to pods of its own only. {} ready elsewhere.", count(n, if n == 1 { " is" } else { " are" })),
        ),
        Refusal::Source => (
            format!("Service {name} is not for this client"),
            "The source is not among the service's loadBalancerSourceRanges.".to_owned(),
        ),
    };
    let verdict = if told { "refused" } else { "dropped" };
    (
        format!("{headline}: {verdict}."),
        format!("{what} kube-proxy has written a row that refuses in place of one that translates."),
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
