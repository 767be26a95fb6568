//! `dig`. Models bin/dig/dig.c of BIND 9.18 and lib/dns/masterdump.c.
//!
//! It asks as a `dns://` target does: without EDNS, cookie and the AD bit, that is with `+noedns +noad`, which may be typed
//! and change nothing. The line `WHEN` is left out, because no day is meant; several names in one command are not understood.

use std::net::Ipv4Addr;

use super::ShowError;
use super::ask::{Asker, Told, name, reverse, server};
use crate::app::resolver::Transport;
use crate::lab::Lab;
use crate::net::Topology;
use crate::wire::{DnsMessage, DnsName, DnsRecord, Question, Rcode, RecordType};

/// The parts of an answer that can be left out, as `+NAME` and `+noNAME` call them.
const PARTS: [&str; 7] = ["cmd", "comments", "question", "answer", "authority", "additional", "stats"];

/// What is typed behind `dig`.
struct Typed<'a> {
    server: Option<&'a str>,
    name: String,
    kind: RecordType,
    transport: Transport,
    searches: bool,
    is_short: bool,
    /// Which of [`PARTS`] are shown.
    parts: [bool; PARTS.len()],
}

/// Types `dig` and `words` at `at`.
pub(super) fn dig(lab: &Lab, topo: Topology, at: &str, words: &[&str]) -> Result<String, ShowError> {
    let typed = Typed::parse(words)?;
    let mut asker = Asker::new(lab, topo, at, "dig", typed.server.map(server).transpose()?)?;
    let names = if typed.searches { asker.names(&typed.name)? } else { vec![name(&typed.name)?] };
    let mut told = None;
    for name in &names {
        let answer = asker.ask(name, typed.kind, typed.transport);
        let goes_on = answer.message.as_ref().is_some_and(|message| message.rcode == Rcode::NXDOMAIN);
        told = Some((answer, name));
        if !goes_on {
            break;
        }
    }
    let Some((told, name)) = told else { return Ok(String::new()) };
    Ok(print(&typed, words, &asker.server.to_string(), &told, name))
}

impl<'a> Typed<'a> {
    fn parse(words: &[&'a str]) -> Result<Self, ShowError> {
        let mut typed = Self {
            server: None,
            name: String::new(),
            kind: RecordType::A,
            transport: Transport::Udp,
            searches: false,
            is_short: false,
            parts: [true; PARTS.len()],
        };
        let wrong = |found: &str, expected| Err(ShowError::Argument { found: found.to_owned(), expected });
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if let Some(server) = word.strip_prefix('@') {
                typed.server = Some(server);
            } else if let Some(option) = word.strip_prefix('+') {
                if !typed.option(option) {
                    return wrong(
                        word,
                        "+short, +tcp, +search, +[no]all, +[no]cmd, +[no]comments, +[no]question, +[no]answer, +[no]authority, +[no]additional or +[no]stats",
                    );
                }
            } else if *word == "-x" {
                let address = words.next().copied().unwrap_or_default();
                let Ok(parsed) = address.parse::<Ipv4Addr>() else {
                    return wrong(address, "an IPv4 address behind -x");
                };
                (typed.name, typed.kind) = (reverse(parsed), RecordType::PTR);
            } else if *word == "-t" {
                let kind = words.next().copied().unwrap_or_default();
                let Ok(parsed) = kind.parse() else { return wrong(kind, "a type of records behind -t") };
                typed.kind = parsed;
            } else if word.starts_with('-') {
                return wrong(word, "-t TYPE or -x ADDR");
            } else if let Ok(kind) = word.parse() {
                // Before the name or behind it, as dig reads a word that is a type.
                typed.kind = kind;
            } else if word.eq_ignore_ascii_case("IN") {
                // The only class here.
            } else if typed.name.is_empty() {
                typed.name = (*word).to_owned();
            } else {
                return wrong(word, "one name in a command, and a type of records");
            }
        }
        if typed.name.is_empty() {
            return wrong("dig", "dig [@SERVER] NAME [TYPE] [+OPTION…]");
        }
        Ok(typed)
    }

    fn shows(&self, part: &str) -> bool {
        PARTS.iter().zip(self.parts).any(|(known, is_shown)| *known == part && is_shown)
    }

    /// Whether `+option` is known.
    fn option(&mut self, option: &str) -> bool {
        let (option, is_on) = option.strip_prefix("no").map_or((option, true), |option| (option, false));
        match option {
            "short" => self.is_short = is_on,
            "tcp" | "vc" => self.transport = if is_on { Transport::Tcp } else { Transport::Udp },
            "search" => self.searches = is_on,
            "all" => self.parts = [is_on; PARTS.len()],
            // What is not asked with anyway.
            "edns" | "ad" | "adflag" | "cookie" if !is_on => {}
            _ => match PARTS.iter().position(|part| *part == option) {
                Some(part) => self.parts[part] = is_on,
                None => return false,
            },
        }
        true
    }
}

fn print(typed: &Typed<'_>, words: &[&str], server: &str, told: &Told, name: &DnsName) -> String {
    let mut out = String::new();
    let is_tcp = typed.transport == Transport::Tcp;
    let asked = name.to_string();
    let asked = if typed.name.ends_with('.') { &*asked } else { asked.trim_end_matches('.') };
    // What it cannot even send, it says each time.
    let setup = match told.error {
        "network unreachable" if !is_tcp => Some("UDP setup with"),
        _ if is_tcp => Some("Connection to"),
        _ => None,
    };
    if let (None, Some(setup)) = (&told.message, setup) {
        let line = format!(
            ";; {setup} {server}#53({server}) for {asked} failed: {}.\n;; no servers could be reached\n",
            told.error
        );
        return line.repeat(told.n_tries());
    }
    for query in &told.queries {
        match &query.reply {
            None => out += &format!(";; communications error to {server}#53: {}\n", told.error),
            Some(reply) if reply.message.flags.truncated && !query.tcp => {
                out += ";; Truncated, retrying in TCP mode.\n";
            }
            Some(_) => {}
        }
    }
    if typed.shows("cmd") && !typed.is_short {
        out += &format!("\n; <<>> DiG 9.18 <<>> {}\n", words.join(" "));
        if typed.server.is_some() {
            out += "; (1 server found)\n";
        }
        out += ";; global options: +cmd\n";
    }
    let Some(message) = &told.message else { return out + ";; no servers could be reached\n" };
    if typed.is_short {
        out.extend(message.answers.iter().map(|record| format!("{}\n", record.data)));
        return out;
    }
    if typed.shows("comments") {
        out += &header(message);
    }
    if typed.shows("question") {
        section(&mut out, typed, "QUESTION", &message.questions.iter().map(question).collect::<Vec<_>>());
    }
    let records = |records: &[DnsRecord]| -> Vec<String> { records.iter().map(record).collect() };
    if typed.shows("answer") {
        section(&mut out, typed, "ANSWER", &records(&message.answers));
    }
    if typed.shows("authority") {
        section(&mut out, typed, "AUTHORITY", &records(&message.authorities));
    }
    if typed.shows("additional") {
        section(&mut out, typed, "ADDITIONAL", &records(&message.additionals));
    }
    if typed.shows("stats") {
        let by = told.queries.last().map_or(is_tcp, |query| query.tcp);
        out += &format!(
            ";; Query time: {} msec\n;; SERVER: {server}#53({server}) ({})\n;; MSG SIZE  rcvd: {}\n\n",
            told.milliseconds,
            if by { "TCP" } else { "UDP" },
            message.wire_len().unwrap_or_default(),
        );
    }
    out
}

fn header(message: &DnsMessage) -> String {
    let mut out = ";; Got answer:\n".to_owned();
    let local: Option<DnsName> = "local.".parse().ok();
    let is_local = |question: &Question| local.as_ref().is_some_and(|local| question.name.is_within(local));
    if message.questions.iter().any(is_local) {
        out += ";; WARNING: .local is reserved for Multicast DNS\n;; You are currently testing what happens when an mDNS query is leaked to DNS\n";
    }
    out += &format!(
        ";; ->>HEADER<<- opcode: QUERY, status: {}, id: {}\n;; flags: {}; QUERY: {}, ANSWER: {}, AUTHORITY: {}, ADDITIONAL: {}\n",
        message.rcode,
        message.id,
        message.flags.names(),
        message.questions.len(),
        message.answers.len(),
        message.authorities.len(),
        message.additionals.len(),
    );
    if message.flags.recursion_desired && !message.flags.recursion_available {
        out += ";; WARNING: recursion requested but not available\n";
    }
    out + "\n"
}

/// A section, if there is anything in it.
fn section(out: &mut String, typed: &Typed<'_>, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let has_title = typed.shows("comments");
    if has_title {
        *out += &format!(";; {title} SECTION:\n");
    }
    out.extend(lines.iter().map(|line| format!("{line}\n")));
    if has_title {
        *out += "\n";
    }
}

fn question(question: &Question) -> String {
    let (name, kind) = (question.name.to_string(), question.qtype.to_string());
    // The semicolon is not counted.
    format!(";{}", columns(&[(0, &name), (32, "IN"), (40, &kind)]))
}

fn record(record: &DnsRecord) -> String {
    let (name, kind) = (record.name.to_string(), record.record_type().to_string());
    columns(&[(0, &name), (24, &record.ttl.to_string()), (32, "IN"), (40, &kind), (48, &record.data.to_string())])
}

/// Texts from columns on, with tabs of eight and blanks between them, at least one. Models lib/dns/masterdump.c indent.
fn columns(texts: &[(usize, &str)]) -> String {
    let (mut line, mut column) = (String::new(), 0);
    for (to, text) in texts {
        if *to > 0 {
            let to = (*to).max(column + 1);
            let n_tabs = to / 8 - column / 8;
            let reached = if n_tabs > 0 { to / 8 * 8 } else { column };
            line.extend(std::iter::repeat_n('\t', n_tabs).chain(std::iter::repeat_n(' ', to - reached)));
            column = to;
        }
        line += text;
        column += text.chars().count();
    }
    line
}

#[cfg(test)]
mod tests;
