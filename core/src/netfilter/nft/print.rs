//! Rulesets in the words of `nft list ruleset`.
//!
//! Models nft 1.0.6: src/rule.c, src/expression.c set_expr_print, src/statement.c, and of src/netlink_delinearize.c what it
//! leaves out when it reads a rule back from the kernel.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use super::eval::names;
use super::ruleset::{Base, Chain, Family, Memory, Ruleset, Table, priority};
use super::value::{DataType, Span, print_time};
use super::{Element, Field, Key, MarkExpr, Match, NumgenMode, Rule, Set, SetRef, Statement, UpdateOp, Verdict, With};
use crate::base::{Instant, Writer, sort_by};
use crate::netfilter::{NatRange, Policy, RejectWith};
use crate::trace::Hook;
use crate::wire::IcmpError;

/// A line, with the writer of the rule that it shows.
type Line = (String, Option<Writer>);

impl Ruleset {
    /// What `nft list ruleset` prints at `now`.
    #[must_use]
    pub fn list(&self, now: Instant) -> String {
        self.rows(now).into_iter().map(|(line, _)| line + "\n").collect()
    }

    /// The same line by line, with the writer of each rule.
    #[must_use]
    pub fn rows(&self, now: Instant) -> Vec<(String, Option<Writer>)> {
        self.with_memory().iter().flat_map(|(table, memory)| list_table(table, memory, now)).collect()
    }

    /// What `nft list table` prints of one; `None` if it is not there.
    #[must_use]
    pub fn rows_of(&self, family: &str, name: &str, now: Instant) -> Option<Vec<(String, Option<Writer>)>> {
        let is_it = |(table, _): &&(Arc<Table>, Memory)| table.family.name() == family && *table.name == *name;
        self.with_memory().iter().find(is_it).map(|(table, memory)| list_table(table, memory, now))
    }
}

fn unsigned(text: &str) -> Vec<Line> {
    text.lines().map(|line| (line.to_owned(), None)).collect()
}

fn list_table(table: &Table, memory: &Memory, now: Instant) -> Vec<Line> {
    let mut lines = unsigned(&format!("table {} {{", table.title()));
    lines.extend(table.comment.as_ref().map(|text| (format!("\tcomment \"{text}\""), None)));
    let sets = table.sets().into_iter().map(|(name, set)| unsigned(&list_set(name, set, memory, now)));
    let chains = table.chains().into_iter().map(|chain| list_chain(table.family, chain));
    for (idx, part) in sets.chain(chains).enumerate() {
        lines.extend((idx > 0).then(|| (String::new(), None)));
        lines.extend(part);
    }
    lines.push(("}".to_owned(), None));
    lines
}

/// Models set_print_declaration.
fn list_set(name: &Arc<str>, set: &Set, memory: &Memory, now: Instant) -> String {
    let kind = if set.is_map { "map" } else { "set" };
    let verdict = if set.is_map { " : verdict" } else { "" };
    // This type has no name that could be written.
    let types = if set.key == [DataType::FibAddrtype] {
        "typeof fib daddr type".to_owned()
    } else {
        format!("type {}", set.key.iter().map(|it| it.name()).collect::<Vec<_>>().join(" . "))
    };
    let mut text = format!("\t{kind} {name} {{\n\t\t{types}{verdict}\n");
    if set.dynamic {
        text.push_str("\t\tsize 65535\n");
    }
    // A default says by itself that elements can time out.
    if set.dynamic || set.interval || (set.can_time_out && set.timeout.is_none()) {
        let flags = [(set.dynamic, "dynamic"), (set.interval, "interval"), (set.can_time_out, "timeout")];
        let flags: Vec<&str> = flags.iter().filter(|(has, _)| *has).map(|(_, flag)| *flag).collect();
        let _ = writeln!(text, "\t\tflags {}", flags.join(","));
    }
    if let Some(timeout) = set.timeout {
        let _ = writeln!(text, "\t\ttimeout {}", print_time(timeout));
    }
    if let Some(comment) = &set.comment {
        let _ = writeln!(text, "\t\tcomment \"{comment}\"");
    }
    let mut elements: Vec<String> = set.shown(now).map(|(key, it)| set.print_element(key, it, now)).collect();
    for (key, expires) in memory.added(name, now) {
        let parts = key.iter().zip(&set.key).map(|(value, of)| of.print(*value)).collect::<Vec<_>>().join(" . ");
        let left = expires.map(|expires| format!(" expires {}", print_time(expires - now))).unwrap_or_default();
        elements.push(format!("{parts}{left}"));
    }
    if !elements.is_empty() {
        let per_line = if let [single] = set.key[..] { single.per_line() } else { 1 };
        let lines: Vec<String> = elements.chunks(per_line).map(|line| line.join(", ")).collect();
        let _ = writeln!(text, "\t\telements = {{ {} }}", lines.join(",\n\t\t\t     "));
    }
    text + "\t}\n"
}

fn list_chain(family: Family, chain: &Chain) -> Vec<Line> {
    let mut lines = vec![(format!("\tchain {} {{", chain.name), None)];
    lines.extend(chain.comment.as_ref().map(|text| (format!("\t\tcomment \"{text}\""), None)));
    lines.extend(chain.base().map(|base| (format!("\t\t{base}"), None)));
    lines.extend(chain.rules().iter().map(|rule| (format!("\t\t{}", rule.print(family)), Some(rule.writer))));
    lines.push(("\t}".to_owned(), None));
    lines
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = if self.policy == Policy::Drop { "drop" } else { "accept" };
        let hook = hook_name(self.hook);
        write!(f, "type {} hook {hook} priority {}; policy {policy};", self.kind.name(), priority_name(*self))
    }
}

pub(super) fn hook_name(hook: Hook) -> &'static str {
    match hook {
        Hook::Prerouting => "prerouting",
        Hook::Input => "input",
        Hook::Forward => "forward",
        Hook::Output => "output",
        Hook::Postrouting => "postrouting",
    }
}

/// Models prio2str: a name, and what lies up to 10 beside it.
fn priority_name(base: Base) -> String {
    let names = [
        ("raw", priority::RAW, true),
        ("mangle", priority::MANGLE, true),
        ("dstnat", priority::DSTNAT, base.hook == Hook::Prerouting),
        ("filter", priority::FILTER, true),
        ("security", 50, true),
        ("srcnat", priority::SRCNAT, base.hook == Hook::Postrouting),
    ];
    let near = names.iter().find(|(_, number, is_here)| *is_here && base.priority.abs_diff(*number) <= 10);
    match near {
        None => base.priority.to_string(),
        Some((name, number, _)) if *number == base.priority => (*name).to_owned(),
        Some((name, number, _)) if base.priority > *number => format!("{name} + {}", base.priority - number),
        Some((name, number, _)) => format!("{name} - {}", number - base.priority),
    }
}

impl Set {
    /// The elements in the order in which they are listed.
    fn shown(&self, now: Instant) -> impl Iterator<Item = (&Vec<Span>, &Element)> {
        let mut shown: Vec<_> = self.elements().filter(|(_, element)| element.is_there(now)).collect();
        if !self.interval {
            let number = |key: &[Span]| -> Vec<u128> {
                match (key, &self.key[..]) {
                    ([span], [of]) => vec![of.sort_key(span.first)],
                    _ => key.iter().zip(&self.key).rev().map(|(span, of)| of.sort_key_of_part(span.first)).collect(),
                }
            };
            sort_by(&mut shown, |(a, _), (b, _)| number(a).cmp(&number(b)));
        }
        shown.into_iter()
    }

    /// A key, part by part.
    #[must_use]
    pub fn print_key(&self, key: &[Span]) -> String {
        key.iter().zip(&self.key).map(|(span, of)| of.print_span(*span)).collect::<Vec<_>>().join(" . ")
    }

    /// An element with what it leads to.
    #[must_use]
    pub fn print_element(&self, key: &[Span], element: &Element, now: Instant) -> String {
        let mut text = self.print_key(key);
        if let Some((timeout, expires)) = element.timeout {
            let own =
                if self.timeout == Some(timeout) { String::new() } else { format!(" timeout {}", print_time(timeout)) };
            let _ = write!(text, "{own} expires {}", print_time(expires - now));
        }
        if let Some(comment) = &element.comment {
            let _ = write!(text, " comment \"{comment}\"");
        }
        if let Some(verdict) = &element.verdict {
            let _ = write!(text, " : {verdict}");
        }
        text
    }
}

impl SetRef {
    /// As a rule names it; a single value needs no braces.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Named(name) => format!("@{name}"),
            Self::Anonymous(set) => {
                let elements = set.shown(Instant::START).map(|(key, it)| set.print_element(key, it, Instant::START));
                let elements: Vec<String> = elements.collect();
                if elements.len() == 1 && set.key.len() == 1 && !set.is_map {
                    return elements.concat();
                }
                format!("{{ {} }}", elements.join(", "))
            }
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Continue => f.write_str("continue"),
            Self::Return => f.write_str("return"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
        }
    }
}

impl Rule {
    /// The rule as a table of this family has it.
    #[must_use]
    pub fn print(&self, family: Family) -> String {
        let next = self.statements.iter().skip(1).map(Some).chain([None]);
        let shown = self.statements.iter().zip(next).filter(|(it, next)| !next.is_some_and(|next| implies(next, it)));
        let mut words: Vec<String> = shown.map(|(statement, _)| print_statement(statement, family)).collect();
        words.extend(self.comment.as_ref().map(|text| format!("comment \"{text}\"")));
        words.join(" ")
    }
}

/// Whether `statement` says by itself that the match before it holds, which is left out then. Models
/// payload_dependency_kill.
fn implies(statement: &Statement, before: &Statement) -> bool {
    let Statement::Match(Match { fields, with: With::Span(span), not: false, mask: None }) = before else {
        return false;
    };
    let protocol = match statement {
        Statement::Reject(RejectWith::TcpReset) => Some(6),
        Statement::Match(Match { fields, .. }) => fields.first().and_then(|field| field.protocol()),
        _ => None,
    };
    matches!(fields[..], [Field::L4proto | Field::IpProtocol]) && protocol.is_some_and(|it| *span == Span::one(it))
}

fn print_match(one: &Match) -> String {
    let fields = names(&one.fields);
    let of = one.fields.first().map_or(DataType::Integer, |field| field.data_type());
    let not = if one.not { "!= " } else { "" };
    match (&one.with, one.mask) {
        (With::Span(span), Some(mask)) => {
            let is = if one.not { "!=" } else { "==" };
            format!("{fields} & {} {is} {}", of.print(mask.into()), of.print_span(*span))
        }
        (With::Span(span), None) => format!("{fields} {not}{}", of.print_span(*span)),
        (With::Flags(bits), _) => {
            format!("{fields} {}{}", if one.not { "! " } else { "" }, of.print_flags(u128::from(*bits)))
        }
        (With::Set(set), _) => format!("{fields} {not}{}", set.title()),
    }
}

/// Models netlink_parse_bitwise_bool.
fn print_mark(expr: MarkExpr) -> String {
    let show = |bits: u32| DataType::Mark.print(bits.into());
    let Some(from) = expr.from else { return show(expr.xor) };
    let or = expr.xor & !expr.mask;
    let (mask, xor) = (expr.mask | or, expr.xor & expr.mask);
    let mut text = from.name().to_owned();
    for (is_said, sign, bits) in [(mask != u32::MAX, '&', mask), (xor != 0, '^', xor), (or != 0, '|', or)] {
        if is_said {
            let _ = write!(text, " {sign} {}", show(bits));
        }
    }
    text
}

fn print_reject(with: RejectWith) -> String {
    let code = match with {
        RejectWith::TcpReset => return "reject with tcp reset".to_owned(),
        RejectWith::Icmp(error) => match error {
            IcmpError::PortUnreach | IcmpError::FragNeeded { .. } | IcmpError::ExcTtl => return "reject".to_owned(),
            IcmpError::NetUnreach => "net-unreachable",
            IcmpError::HostUnreach => "host-unreachable",
            IcmpError::ProtUnreach => "prot-unreachable",
            IcmpError::NetAno => "net-prohibited",
            IcmpError::HostAno => "host-prohibited",
            IcmpError::PktFiltered => "admin-prohibited",
        },
    };
    format!("reject with icmp {code}")
}

/// `to ADDRESS:PORT`, and flags.
fn print_range(verb: &str, range: NatRange, family: Family) -> String {
    let of_family = match range.addresses {
        Some((ip, _)) if family == Family::Inet => {
            if ip.is_ipv4() {
                " ip"
            } else {
                " ip6"
            }
        }
        _ => "",
    };
    let bracket =
        |ip: std::net::IpAddr| if ip.is_ipv6() && range.ports.is_some() { format!("[{ip}]") } else { ip.to_string() };
    let mut to = match range.addresses {
        Some((first, last)) if first == last => bracket(first),
        Some((first, last)) => format!("{}-{}", bracket(first), bracket(last)),
        None => String::new(),
    };
    match range.ports {
        Some((first, last)) if first == last => {
            let _ = write!(to, ":{first}");
        }
        Some((first, last)) => {
            let _ = write!(to, ":{first}-{last}");
        }
        None => {}
    }
    let to = if to.is_empty() { to } else { format!(" to {to}") };
    format!("{verb}{of_family}{to}{}", if range.random_fully { " fully-random" } else { "" })
}

fn print_statement(statement: &Statement, family: Family) -> String {
    let timed =
        |timeout: &Option<Duration>| timeout.map(|it| format!(" timeout {}", print_time(it))).unwrap_or_default();
    match statement {
        Statement::Match(one) => print_match(one),
        Statement::Vmap { key: Key::Fields(fields), map } => format!("{} vmap {}", names(fields), map.title()),
        Statement::Vmap { key: Key::Numgen(numgen), map } => {
            let mode = if numgen.mode == NumgenMode::Random { "random" } else { "inc" };
            format!("numgen {mode} mod {} vmap {}", numgen.modulus, map.title())
        }
        Statement::Verdict(verdict) => verdict.to_string(),
        Statement::Reject(with) => print_reject(*with),
        Statement::Dnat(range) => print_range("dnat", *range, family),
        Statement::Snat(range) => print_range("snat", *range, family),
        Statement::Masquerade(range) => print_range("masquerade", *range, family),
        Statement::Redirect(range) => print_range("redirect", *range, family),
        Statement::Notrack => "notrack".to_owned(),
        Statement::Counter => "counter packets 0 bytes 0".to_owned(),
        Statement::SetMark(expr) => format!("meta mark set {}", print_mark(*expr)),
        Statement::SetCtMark(expr) => format!("ct mark set {}", print_mark(*expr)),
        Statement::Update { op, set, fields, timeout } => {
            let op = if *op == UpdateOp::Add { "add" } else { "update" };
            format!("{op} @{set} {{ {}{} }}", names(fields), timed(timeout))
        }
    }
}
