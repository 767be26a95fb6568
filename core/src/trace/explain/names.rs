//! Words for names: what is asked, what is answered, and what the resolver makes of it.

use super::Words;
use crate::trace::{Decision, Hop, NameQuery, Resolves, Stage, Step, Trace};
use crate::wire::{DnsMessage, DnsRecord, Packet, RData, Rcode, Transport};

/// A program sends or reads messages; `None` if the packet carries none.
pub(super) fn says(trace: &Trace, hop: &Hop, step: &Step, by: &str) -> Option<Words> {
    let packet = step.packet()?;
    if !matches!(trace.journey(hop.journey).flow, "dns" | "dns-tcp" | "forward-tcp") {
        return None;
    }
    let messages = DnsMessage::carried_by(packet);
    let first = messages.first()?;
    let is_sent = matches!(step.decision, Decision::Send { .. });
    let texts: Vec<String> = messages.iter().map(in_short).collect();
    let said = texts.join(" And: ");
    Some(match (first.flags.response, is_sent) {
        (false, true) => (asks(trace, hop, by, &said), how(packet, first), search(trace, first)),
        (false, false) => (
            format!("{by} is asked: {said}"),
            "The question has arrived. The server looks at name and type, not at who asks.".to_owned(),
            "A name server is a program like any other: services, policies and routes decide whether a question reaches it.".to_owned(),
        ),
        (true, true) if is_kept(trace, hop, by, first) => (
            format!("{by} answers from its cache: {said}"),
            format!("{} {by} has asked for this before and kept the answer; the seconds that are left count down.", what(first)),
            "Nothing leaves the node: no CoreDNS is asked, and no resolver outside. But what has changed meanwhile is not seen until the time is over.".to_owned(),
        ),
        (true, true) => (format!("{by} answers: {said}"), what(first), why(first)),
        (true, false) => (format!("{by} is told: {said}"), what(first), why(first)),
    })
}

/// Whether node-cache, which has nothing of its own to say, has asked nobody since it gave the same answer.
fn is_kept(trace: &Trace, hop: &Hop, by: &str, answer: &DnsMessage) -> bool {
    let earlier = trace.hops.iter().take_while(|other| !std::ptr::eq(*other, hop));
    let said = earlier.filter(|other| other.at == hop.at).filter_map(|other| {
        let is_by = |step: &&Step| matches!(&step.decision, Decision::Send { by: other, .. } if &**other == by);
        let messages = DnsMessage::carried_by(other.steps.iter().find(is_by)?.packet()?);
        messages.into_iter().find(|message| message.questions == answer.questions)
    });
    by == "node-cache" && said.last().is_some_and(|message| message.flags.response)
}

/// A question, or an answer, in a few words.
fn in_short(message: &DnsMessage) -> String {
    let Some(question) = message.questions.first() else { return format!("{}.", message.rcode) };
    let question = format!("{} {}", question.name, question.qtype);
    if !message.flags.response {
        return format!("{question}?");
    }
    let data = message.answers.first().map(|record| match &record.data {
        RData::Cname(name) => format!("it is {name}"),
        data => data.to_string(),
    });
    match (data, message.answers.len()) {
        _ if message.flags.truncated => format!("{question}: cut off."),
        _ if message.rcode == Rcode::NXDOMAIN => format!("{question}: no such name (NXDOMAIN)."),
        _ if message.rcode != Rcode::NOERROR => format!("{question}: {}.", message.rcode),
        (None, _) => format!("{question}: the name is there, without such a record (NODATA)."),
        (Some(data), 1) => format!("{question}: {data}."),
        (Some(data), n) => format!("{question}: {data}, and {} more.", n - 1),
    }
}

fn asks(trace: &Trace, hop: &Hop, by: &str, said: &str) -> String {
    let is_it = |query: &&NameQuery| query.sent == Some(hop.journey);
    let Some(at) = trace.queries.iter().position(|query| is_it(&query)) else {
        return format!("{by} asks its upstream: {said}");
    };
    let own = &trace.queries[at];
    let same = |query: &&NameQuery| query.name == own.name && query.kind == own.kind;
    match trace.queries[..at].iter().filter(same).count() {
        0 => format!("{by} asks: {said}"),
        _ if own.tcp => format!("{by} asks again, over TCP: {said}"),
        n => format!(
            "{by} asks again, for the {} time: {said}",
            if n == 1 { "second".to_owned() } else { format!("{}th", n + 1) }
        ),
    }
}

/// How a question travels.
fn how(packet: &Packet, message: &DnsMessage) -> String {
    let size = message.udp_size();
    match packet.transport() {
        Some(Transport::Tcp(_)) => {
            "Over TCP each message has its length in front, two bytes, and an answer may have any size.".to_owned()
        }
        _ => format!(
            "One datagram to port 53, with an identifier that the answer must repeat. An answer of up to {size} bytes fits a datagram; a larger one is cut off, and asked for again over TCP."
        ),
    }
}

/// How somebody asks the same by hand, at the client.
pub(super) fn command(trace: &Trace, hop: &Hop, step: &Step) -> Option<String> {
    let is_it = |query: &&NameQuery| {
        let (sends, hears) = (step.stage == Stage::App, step.stage == Stage::Deliver);
        let hears = hears || matches!(step.decision, Decision::Resolve { .. });
        let received = query.reply.as_ref().map(|reply| reply.received);
        sends && query.sent == Some(hop.journey) || hears && received == Some(hop.journey)
    };
    let query = trace.queries.iter().find(is_it)?;
    Some(format!("dig @{} {} {}", query.server, query.name, query.kind))
}

/// Where the name came from.
fn search(trace: &Trace, message: &DnsMessage) -> String {
    let (Some(lookup), Some(question)) = (&trace.lookup, message.questions.first()) else { return String::new() };
    let asked = question.name.to_string();
    let typed = lookup.name.trim_end_matches('.');
    let Some(rest) = asked.strip_prefix(typed).and_then(|rest| rest.strip_prefix('.')) else {
        return "Nobody but the server's own configuration decides whom it asks.".to_owned();
    };
    if lookup.by == "dig" {
        return "dig asks for what is typed, without the search list: an application would ask for other names first."
            .to_owned();
    }
    let words =
        |line: &str| lookup.resolv_conf.lines().rev().find_map(|other| other.strip_prefix(line)).map(str::to_owned);
    let list = words("search ").unwrap_or_default();
    let options = words("options ").unwrap_or_default();
    let ndots = options.split(' ').find_map(|option| option.strip_prefix("ndots:")?.parse().ok()).unwrap_or(1);
    let n_dots = typed.matches('.').count();
    let has = format!("{typed} has {n_dots} dot{}", if n_dots == 1 { "" } else { "s" });
    let order = if n_dots < ndots {
        format!("{has}, fewer than ndots:{ndots}: the search list comes before the name as it was typed.")
    } else {
        format!("{has}, not fewer than ndots:{ndots}: the name as it was typed comes before the search list.")
    };
    match rest.strip_suffix('.') {
        Some(suffix) => {
            let at = list.split(' ').position(|entry| entry == suffix).map_or(0, |at| at + 1);
            let n = list.split(' ').count();
            format!("{typed} was typed; {suffix} is entry {at} of {n} of the search list of /etc/resolv.conf. {order}")
        }
        None if lookup.name.ends_with('.') => {
            format!("{typed} is asked for as it was typed: its trailing dot says that there is nothing to search.")
        }
        None if n_dots < ndots && !list.is_empty() => {
            format!("Nothing on the search list led to an address. Now {typed} is asked for as it was typed.")
        }
        None => order,
    }
}

/// What an answer says, at length.
fn what(message: &DnsMessage) -> String {
    let soa = message.authorities.iter().find(|record| matches!(record.data, RData::Soa(_)));
    let kept = |record: &DnsRecord| {
        format!(
            "The SOA of {} in the authority section says how long that may be kept: {} seconds.",
            record.name, record.ttl
        )
    };
    match message.answers.first() {
        _ if message.flags.truncated => {
            "TC is set: not all of it fitted. What came is thrown away, and the question is asked again over TCP."
                .to_owned()
        }
        Some(first) => format!(
            "{} {} that may be kept for {} seconds; flags {}.",
            message.answers.len(),
            if message.answers.len() == 1 { "record" } else { "records" },
            first.ttl,
            message.flags.names()
        ),
        None => soa.map(kept).unwrap_or_else(|| format!("No record; flags {}.", message.flags.names())),
    }
}

fn why(message: &DnsMessage) -> String {
    match message.rcode {
        Rcode::NXDOMAIN => "NXDOMAIN says that nothing of this name exists, of any type. A resolver with a search list goes on with its next entry.".to_owned(),
        Rcode::NOERROR if message.answers.is_empty() => "NODATA is no error: the name exists, only not with this type. An IPv4 service answers so to every AAAA.".to_owned(),
        Rcode::SERVFAIL => "SERVFAIL says that the server could not find out. It says nothing about the name.".to_owned(),
        Rcode::REFUSED => "REFUSED says that the server does not answer such questions at all.".to_owned(),
        _ => "The C library keeps nothing: the next connection asks again.".to_owned(),
    }
}

/// The resolver has read an answer.
pub(super) fn resolves(by: &str, resolves: &Resolves) -> Words {
    let (headline, what, why) = match resolves {
        Resolves::Waits => (
            format!("{by} waits for the other answer."),
            "It has asked for A and AAAA at once, and goes on when both are answered or the time is over.",
            "An answer for one family alone does not end the wait: a lost AAAA answer holds up an IPv4 connection.",
        ),
        Resolves::NextName(name) => (
            format!("{by} tries the next name: {name}"),
            "The name before led to no address. The search list is walked entry by entry.",
            "Every entry costs a question for A and one for AAAA. A trailing dot says that there is nothing to search.",
        ),
        Resolves::AsksAgain(server) => (
            format!("{by} asks the same again, of {server}."),
            "The answer was of no help: a failure, a refusal, or nothing.",
            "Servers are tried in their order, and all of them again up to `attempts` times.",
        ),
        Resolves::ByTcp => (
            format!("{by} asks the same over TCP."),
            "The answer was cut off, and over a connection it may be as long as it is.",
            "Who filters TCP port 53 breaks large answers only: those of headless services with many endpoints.",
        ),
        Resolves::Found(addresses) if addresses.is_empty() => (
            format!("{by} has its answer."),
            "One question, one answer: dig prints what came.",
            "No search list, no second family: what an application does is another matter.",
        ),
        Resolves::Found(addresses) => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            (
                format!("{by} has it: {}.", addresses.join(", ")),
                "The search ends with the first name that has an address. The program gets all of them, and takes the first.",
                "From here on nothing knows the name any more: packets carry addresses.",
            )
        }
        Resolves::GivesUp(error) => (
            format!("{by} gives up: {error}."),
            "No name of the search list has an address, or nobody could say.",
            "The program is told that the name does not resolve. Not one packet goes to a target.",
        ),
    };
    (headline, what.to_owned(), why.to_owned())
}
