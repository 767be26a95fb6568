//! The plugin rewrite, of which the rules for names: another name is asked, and answers are told under the first.
//!
//! Models plugin/rewrite (`name.go`, `reverter.go`). Not modelled: rules for class, type, EDNS, TTL, codes.

use super::corefile::{CorefileError, Directive};
use super::regex::Regex;
use crate::wire::{DnsMessage, DnsName, RData};

/// One rule.
#[derive(Clone, Debug)]
pub(super) struct Rewrite {
    /// `continue`: the rules behind it have their turn too.
    pub(super) goes_on: bool,
    pattern: Pattern,
    to: String,
    /// Names in answers are changed back.
    auto: bool,
    answers: Vec<AnswerRule>,
}

#[derive(Clone, Debug)]
enum Pattern {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Substring(String),
    Regex(Regex),
}

/// `answer name` and `answer value`.
#[derive(Clone, Debug)]
struct AnswerRule {
    of_value: bool,
    from: Regex,
    to: String,
}

/// What a rule has done to a question, to be undone in its answer.
pub(super) struct Done<'a> {
    rule: &'a Rewrite,
    before: DnsName,
    after: DnsName,
}

impl Rewrite {
    /// What the rule makes of `name`, if it is about it.
    pub(super) fn apply(&self, name: &DnsName) -> Option<Done<'_>> {
        let text = name.to_string().to_ascii_lowercase();
        let changed = match &self.pattern {
            Pattern::Exact(from) => (text == *from).then(|| self.to.clone()),
            Pattern::Prefix(from) => text.strip_prefix(&from[..]).map(|rest| self.to.clone() + rest),
            Pattern::Suffix(from) => text.strip_suffix(&from[..]).map(|rest| rest.to_owned() + &self.to),
            Pattern::Substring(from) => text.contains(from).then(|| text.replace(from, &self.to)),
            Pattern::Regex(from) => from.find(&text).map(|groups| filled(&self.to, &groups)),
        };
        let after = changed?.parse().ok()?;
        Some(Done { rule: self, before: name.clone(), after })
    }

    /// `None` for the kinds that are not modelled.
    pub(super) fn read(directive: &Directive) -> Result<Option<Self>, CorefileError> {
        let error = |message: String| directive.error(directive.line, message);
        let lines = directive.options.iter().flat_map(|(_, words)| words);
        let words: Vec<&str> = directive.args.iter().chain(lines).map(String::as_str).collect();
        let (goes_on, words) = match &words[..] {
            ["continue", rest @ ..] => (true, rest),
            ["stop", rest @ ..] => (false, rest),
            all => (false, all),
        };
        let (kind, rest) = match words {
            [] => return Err(error("no rule type specified for rewrite".to_owned())),
            ["name", kind @ ("exact" | "prefix" | "suffix" | "substring" | "regex"), rest @ ..] => (*kind, rest),
            ["name", rest @ ..] => ("exact", rest),
            ["answer", ..] => return Err(error("response rewrites must begin with a name rule".to_owned())),
            _ => return Ok(None),
        };
        let [from, to, rest @ ..] = rest else {
            return Err(error("too few arguments for a name rule: expected FROM and TO".to_owned()));
        };
        let regex = |text: &str| {
            Regex::new(text).map_err(|wrong| error(format!("invalid regex pattern in a name rule: {text}: {wrong}")))
        };
        let dotted = |text: &str| {
            let text = text.to_ascii_lowercase();
            if matches!(kind, "exact" | "suffix") && !text.ends_with('.') { text + "." } else { text }
        };
        let (mut auto, mut answers, mut rest) = (kind == "exact", Vec::new(), rest);
        while let ["answer", kind, more @ ..] = rest {
            match (*kind, more) {
                ("auto", more) => (auto, rest) = (true, more),
                (kind @ ("name" | "value"), [from, to, more @ ..]) => {
                    answers.push(AnswerRule { of_value: kind == "value", from: regex(from)?, to: (*to).to_owned() });
                    rest = more;
                }
                _ => break,
            }
        }
        if !rest.is_empty() {
            return Err(error(format!("exceeded the number of arguments for a name rule: {}", rest.join(" "))));
        }
        let pattern = match kind {
            "prefix" => Pattern::Prefix(dotted(from)),
            "suffix" => Pattern::Suffix(dotted(from)),
            "substring" => Pattern::Substring(dotted(from)),
            "regex" => Pattern::Regex(regex(from)?),
            _ => Pattern::Exact(dotted(from)),
        };
        let to = if kind == "regex" { (*to).to_owned() } else { dotted(to) };
        Ok(Some(Self { goes_on, pattern, to, auto, answers }))
    }
}

impl Done<'_> {
    /// The name that is asked instead.
    pub(super) fn name(&self) -> &DnsName {
        &self.after
    }

    /// Tells the answer under the name that was asked.
    pub(super) fn undo(&self, answer: &mut DnsMessage) {
        let sections = [&mut answer.answers, &mut answer.authorities, &mut answer.additionals];
        for record in sections.into_iter().flatten() {
            if self.rule.auto && record.name.is_same(&self.after) {
                record.name = self.before.clone();
            }
            for rule in &self.rule.answers {
                let name = if rule.of_value { target(&mut record.data) } else { Some(&mut record.name) };
                if let Some(name) = name
                    && let Some(changed) = rule.apply(name)
                {
                    *name = changed;
                }
            }
        }
    }
}

impl AnswerRule {
    fn apply(&self, name: &DnsName) -> Option<DnsName> {
        let text = name.to_string();
        filled(&self.to, &self.from.find(&text)?).parse().ok()
    }
}

/// The name that a record's data leads to.
fn target(data: &mut RData) -> Option<&mut DnsName> {
    match data {
        RData::Cname(name) | RData::Ns(name) | RData::Ptr(name) => Some(name),
        RData::Mx { exchange, .. } => Some(exchange),
        RData::Srv { target, .. } => Some(target),
        _ => None,
    }
}

/// `{0}`, `{1}` and so on are the groups of the match.
fn filled(to: &str, groups: &[&str]) -> String {
    groups.iter().enumerate().fold(to.to_owned(), |text, (n, group)| text.replace(&format!("{{{n}}}"), group))
}
