//! The plugin template: answers put together from the name that is asked.
//!
//! Models plugin/template. Of Go's templates it knows the fields `.Name`, `.Zone`, `.Type`, `.Class`, `.Remote`,
//! `.Match` and `.Group`, and `index`; what else stands between braces is refused.

use super::chain::Reply;
use super::config::zones_or;
use super::corefile::{CorefileError, Directive};
use super::kubernetes::longest_zone;
use super::regex::Regex;
use super::{DnsQuery, config};
use crate::wire::{DnsMessage, DnsName, DnsRecord, Rcode, RecordType};

/// One `template`.
#[derive(Clone, Debug)]
pub(super) struct Template {
    zones: Vec<DnsName>,
    /// `None` for ANY.
    qtype: Option<RecordType>,
    regexes: Vec<Regex>,
    answers: Vec<Text>,
    authorities: Vec<Text>,
    additionals: Vec<Text>,
    rcode: Rcode,
    fallthrough: Vec<DnsName>,
}

/// A text with actions in it.
type Text = Vec<Part>;

#[derive(Clone, Debug)]
enum Part {
    Plain(String),
    Field(Field),
    /// `index .Match N`.
    Match(usize),
    /// `.Group.NAME`, or `index .Group "NAME"`; a number is a name too.
    Group(String),
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Name,
    Zone,
    Type,
    Class,
    Remote,
}

/// What one of the templates says to a question.
pub(super) enum Said {
    /// This is the answer.
    Reply(Reply),
    /// Nothing: it is about something else.
    Next,
}

impl Template {
    pub(super) fn read(directive: &Directive, own: &[DnsName]) -> Result<Self, CorefileError> {
        let line = directive.line;
        let [class, qtype, zones @ ..] = &directive.args[..] else {
            return Err(directive.error(line, "wrong argument count: expected CLASS and TYPE"));
        };
        if !matches!(&class[..], "IN" | "ANY" | "CH" | "HS") {
            return Err(directive.error(line, format!("invalid query class {class}")));
        }
        let qtype = qtype.parse().map_err(|()| directive.error(line, format!("invalid RR type {qtype}")))?;
        let mut template = Self {
            zones: zones_or(directive, line, zones, own)?,
            qtype: Some(qtype).filter(|qtype| *qtype != RecordType::ANY),
            regexes: Vec::new(),
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
            rcode: Rcode::NOERROR,
            fallthrough: Vec::new(),
        };
        // Nobody asks for another class here.
        if class == "CH" || class == "HS" {
            template.zones.clear();
        }
        for (line, words) in &directive.options {
            let line = *line;
            let texts =
                |words: &[String]| words.iter().map(|text| parse(text, directive, line)).collect::<Result<Vec<_>, _>>();
            match (&words[0][..], &words[1..]) {
                ("match", regexes @ [_, ..]) => {
                    for text in regexes {
                        let regex = Regex::new(text);
                        let wrong = |wrong| directive.error(line, format!("could not parse regex: {text}, {wrong}"));
                        template.regexes.push(regex.map_err(wrong)?);
                    }
                }
                ("answer", words @ [_, ..]) => template.answers.extend(texts(words)?),
                ("authority", words @ [_, ..]) => template.authorities.extend(texts(words)?),
                ("additional", words @ [_, ..]) => template.additionals.extend(texts(words)?),
                ("rcode", [rcode]) => {
                    let unknown = |()| directive.error(line, format!("unknown rcode {rcode}"));
                    template.rcode = rcode.parse().map_err(unknown)?;
                }
                ("fallthrough", zones) => template.fallthrough = config::fall(directive, line, zones)?,
                // Aliases are followed without it too.
                ("upstream" | "ederror", _) => {}
                _ => return Err(config::unknown(directive, line, words)),
            }
        }
        if template.answers.is_empty() && template.authorities.is_empty() && template.rcode == Rcode::NOERROR {
            return Err(directive.error(line, "no answer section for template found"));
        }
        Ok(template)
    }

    pub(super) fn serve(&self, request: &DnsMessage, query: &DnsQuery) -> Said {
        let Some(question) = request.questions.first() else { return Said::Next };
        let is_of_type = |own| question.qtype == own || question.qtype == RecordType::ANY;
        let Some(zone) = longest_zone(&self.zones, &question.name).filter(|_| self.qtype.is_none_or(is_of_type)) else {
            return Said::Next;
        };
        let name = question.name.to_string().to_ascii_lowercase();
        let no_names = [String::new()];
        let found = match &self.regexes[..] {
            [] => Some((vec![name.as_str()], &no_names[..])),
            regexes => regexes.iter().find_map(|regex| Some((regex.find(&name)?, regex.names()))),
        };
        let Some((groups, names)) = found else {
            let falls = longest_zone(&self.fallthrough, &question.name).is_some();
            return if falls { Said::Next } else { Said::Reply(Reply::Failed(Rcode::SERVFAIL)) };
        };
        let fill = |texts: &[Text]| -> Option<Vec<DnsRecord>> {
            let part = |part: &Part| match part {
                Part::Plain(text) => text.clone(),
                Part::Field(Field::Name) => name.clone(),
                Part::Field(Field::Zone) => zone.to_string(),
                Part::Field(Field::Type) => question.qtype.to_string(),
                Part::Field(Field::Class) => "IN".to_owned(),
                Part::Field(Field::Remote) => query.client.to_string(),
                Part::Match(n) => groups.get(*n).copied().unwrap_or_default().to_owned(),
                Part::Group(wanted) => {
                    let named = names.iter().position(|name| name == wanted);
                    let at = named.or_else(|| wanted.parse().ok());
                    // A group that there is not is printed so by Go.
                    at.and_then(|at| groups.get(at)).copied().unwrap_or("<no value>").to_owned()
                }
            };
            texts.iter().map(|text| record(&text.iter().map(part).collect::<String>())).collect()
        };
        let sections = (fill(&self.answers), fill(&self.authorities), fill(&self.additionals));
        let (Some(answers), Some(authorities), Some(additionals)) = sections else {
            return Said::Reply(Reply::Failed(Rcode::SERVFAIL));
        };
        if self.rcode == Rcode::SERVFAIL {
            return Said::Reply(Reply::Failed(Rcode::SERVFAIL));
        }
        let mut answer = DnsMessage { rcode: self.rcode, answers, authorities, additionals, ..request.reply() };
        answer.flags.authoritative = true;
        Said::Reply(Reply::Written(answer))
    }
}

/// A record in the form that miekg/dns reads: time and class may be missing.
fn record(text: &str) -> Option<DnsRecord> {
    let (name, rest) = text.trim().split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    let (first, behind) = rest.split_once(char::is_whitespace)?;
    let all = [
        format!("{name} {rest}"),
        format!("{name} {first} IN {behind}"),
        format!("{name} 3600 {rest}"),
        format!("{name} 3600 IN {rest}"),
    ];
    all.iter().find_map(|text| text.parse().ok())
}

/// Takes a text with actions apart.
fn parse(text: &str, directive: &Directive, line: usize) -> Result<Text, CorefileError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((plain, action)) = rest.split_once("{{") {
        let wrong = |what: &str| directive.error(line, format!("could not compile template: {text}, {what}"));
        let (action, behind) = action.split_once("}}").ok_or_else(|| wrong("unclosed action"))?;
        let (trims_left, trims_right) = (action.starts_with("- "), action.ends_with(" -"));
        parts.push(Part::Plain(if trims_left { plain.trim_end() } else { plain }.to_owned()));
        rest = if trims_right { behind.trim_start() } else { behind };
        let action = action.strip_prefix('-').unwrap_or(action);
        let words: Vec<&str> = action.strip_suffix('-').unwrap_or(action).split_whitespace().collect();
        parts.push(match &words[..] {
            [".Name"] => Part::Field(Field::Name),
            [".Zone"] => Part::Field(Field::Zone),
            [".Type"] => Part::Field(Field::Type),
            [".Class"] => Part::Field(Field::Class),
            [".Remote"] => Part::Field(Field::Remote),
            ["index", ".Match", n] if n.parse::<usize>().is_ok() => Part::Match(n.parse().unwrap_or_default()),
            ["index", ".Group", name] => Part::Group(name.trim_matches(['"', '`']).to_owned()),
            [field] if field.starts_with(".Group.") => Part::Group(field[".Group.".len()..].to_owned()),
            _ => {
                return Err(wrong(&format!(
                    "found {{{{{action}}}}}, expected .Name, .Zone, .Type, .Class, .Remote, .Group.NAME or index .Match N"
                )));
            }
        });
    }
    parts.push(Part::Plain(rest.to_owned()));
    Ok(parts)
}
