//! `nslookup`. Models bin/dig/nslookup.c of BIND 9.18: the search list goes on only where a name is not there at all, and
//! AAAA is asked for after A, of the name that was found.
//!
//! Not modelled: its prompt, where authoritative answers can be found, the options `-debug`, `-port` and `-timeout`.

use std::net::Ipv4Addr;

use super::ShowError;
use super::ask::{Asker, Told, name, reverse, server};
use crate::app::resolver::Transport;
use crate::lab::Lab;
use crate::net::Topology;
use crate::wire::{DnsMessage, DnsName, DnsRecord, RData, Rcode, RecordType};

/// Types `nslookup` and `words` at `at`.
pub(super) fn nslookup(lab: &Lab, topo: Topology, at: &str, words: &[&str]) -> Result<String, ShowError> {
    let wrong = |found: &str, expected| Err(ShowError::Argument { found: found.to_owned(), expected });
    let (mut kind, mut others) = (None, Vec::new());
    for word in words {
        let typed = ["-type=", "-query=", "-q="].iter().find_map(|option| word.strip_prefix(option));
        match typed.map(str::parse) {
            Some(Ok(parsed)) => kind = Some(parsed),
            Some(Err(_)) => return wrong(word, "a type of records: -type=SRV"),
            None if word.starts_with('-') => return wrong(word, "-type=TYPE"),
            None => others.push(*word),
        }
    }
    let (typed, asked) = match others[..] {
        [name] => (name, None),
        [name, server] => (name, Some(server)),
        _ => return wrong("nslookup", "nslookup [-type=TYPE] NAME [SERVER]"),
    };
    let mut asker = Asker::new(lab, topo, at, "nslookup", asked.map(server).transpose()?)?;
    let mut out = Output { text: String::new(), server: asker.server.to_string(), is_own: asked.is_none() };
    let address = typed.parse::<Ipv4Addr>().ok().filter(|_| kind.is_none());
    let names = match address {
        Some(address) => vec![name(&reverse(address))?],
        None => asker.names(typed)?,
    };
    // Without a type it is said whom it asked, unless an address was typed.
    let has_head = address.is_none();
    let first = kind.unwrap_or(if address.is_some() { RecordType::PTR } else { RecordType::A });
    let last = names.len() - 1;
    for (at, name) in names.iter().enumerate() {
        let told = asker.ask(name, first, Transport::Udp);
        let Some(message) = out.heard(&told) else { break };
        if message.rcode == Rcode::NXDOMAIN && at < last {
            continue;
        }
        if has_head {
            out.text += &format!("Server:\t\t{server}\nAddress:\t{server}#53\n\n", server = out.server);
        }
        if message.rcode != Rcode::NOERROR {
            out.text += &format!("** server can't find {}: {}\n", bare(name), message.rcode);
            break;
        }
        let is_found = out.answer(message, true);
        if kind.is_none() && address.is_none() {
            // What the aliases lead to.
            let target = message.answers.iter().rev().find_map(|record| match &record.data {
                RData::Cname(target) => Some(target),
                _ => None,
            });
            let target = target.unwrap_or(name);
            let told = asker.ask(target, RecordType::AAAA, Transport::Udp);
            let Some(message) = out.heard(&told) else { break };
            if !out.answer(message, false) && !is_found {
                out.text += &format!("*** Can't find {}: No answer\n", bare(target));
            }
        } else if !is_found {
            out.text += &format!("*** Can't find {typed}: No answer\n");
        }
        break;
    }
    Ok(out.text + "\n")
}

/// What is printed.
struct Output {
    text: String,
    server: String,
    /// Whether the server is that of `resolv.conf`.
    is_own: bool,
}

impl Output {
    /// What it says of the way to an answer; the answer, if there is one.
    fn heard<'a>(&mut self, told: &'a Told) -> Option<&'a DnsMessage> {
        let server = &self.server;
        for query in &told.queries {
            if query.reply.is_none() {
                self.text += &format!(";; communications error to {server}#53: {}\n", told.error);
            }
        }
        let Some(message) = &told.message else {
            if told.queries.is_empty() {
                let line = format!(";; UDP setup with {server}#53({server}) failed: {}.\n", told.error);
                self.text += &line.repeat(told.n_tries());
            }
            self.text += ";; no servers could be reached\n";
            return None;
        };
        // A server of its own choice is one of several for it: one that does not recurse is as one that fails.
        if message.rcode == Rcode::SERVFAIL {
            self.text += &format!(";; Got SERVFAIL reply from {server}\n");
        } else if self.is_own && message.flags.recursion_desired && !message.flags.recursion_available {
            self.text += &format!(";; Got recursion not available from {server}\n");
        }
        Some(message)
    }

    /// Prints the records of an answer; whether there were any.
    fn answer(&mut self, message: &DnsMessage, is_first: bool) -> bool {
        if is_first && !message.flags.authoritative {
            self.text += "Non-authoritative answer:\n";
        }
        self.text.extend(message.answers.iter().map(record));
        !message.answers.is_empty()
    }
}

/// A name without its last dot.
fn bare(name: &DnsName) -> String {
    let text = name.to_string();
    text.strip_suffix('.').filter(|bare| !bare.is_empty()).map(str::to_owned).unwrap_or(text)
}

fn record(record: &DnsRecord) -> String {
    let name = bare(&record.name);
    match &record.data {
        data @ (RData::A(_) | RData::Aaaa(_)) => format!("Name:\t{name}\nAddress: {data}\n"),
        RData::Soa(_) => soa(&name, record),
        data => format!("{name}\t{} = {data}\n", says(record.record_type())),
    }
}

/// How it calls what a record says.
fn says(kind: RecordType) -> String {
    let named = [
        (RecordType::CNAME, "canonical name"),
        (RecordType::PTR, "name"),
        (RecordType::SRV, "service"),
        (RecordType::TXT, "text"),
        (RecordType::NS, "nameserver"),
        (RecordType::MX, "mail exchanger"),
    ];
    let found = named.iter().find(|(known, _)| *known == kind);
    found.map_or_else(|| format!("rdata_{}", kind.0), |(_, word)| (*word).to_owned())
}

fn soa(name: &str, record: &DnsRecord) -> String {
    let text = record.data.to_string();
    let words = text.split(' ').map(|word| word.trim_end_matches('.'));
    let titles = ["origin", "mail addr", "serial", "refresh", "retry", "expire", "minimum"];
    let lines: String = titles.iter().zip(words).map(|(title, word)| format!("\t{title} = {word}\n")).collect();
    format!("{name}\n{lines}")
}
