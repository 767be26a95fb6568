//! `ip route`, `ip route get` and `ip rule`.
//!
//! Models iproute2 ip/iproute.c and ip/iprule.c, with the kernel's inet_rtm_getroute behind them.

use std::net::IpAddr;

use super::{Line, ShowError, unsigned};
use crate::base::Instant;
use crate::datapath::{Decided, Routed, route_lookup, source_refused};
use crate::net::{FibError, FibLookup, FlowKey, NetNs, Route, RuleAction, Scope, TableId};

/// Models iproute_list and print_route.
pub(super) fn show(ns: &NetNs, words: &[&str]) -> Result<Vec<Line>, ShowError> {
    let words = match words {
        ["show" | "list", rest @ ..] => rest,
        all => all,
    };
    // A route of a device without link says so, except that what is local needs none.
    let is_linkdown =
        |route: &Route| route.scope != Scope::Host && route.dev.as_ref().is_some_and(|dev| !ns.has_carrier(dev.index));
    let line = |route: &Route, named| (route.print(named, is_linkdown(route)), Some(route.writer));
    let wanted = match words {
        [] => TableId::MAIN,
        // Where several tables are shown, the table follows the device.
        ["table", "all"] => {
            let rows = ns.all_tables().into_iter().flat_map(|table| {
                let named = Some(table.id()).filter(|id| *id != TableId::MAIN);
                table.rows().iter().map(move |route| (route, named))
            });
            return Ok(rows.map(|(route, named)| line(route, named)).collect());
        }
        ["table", other] => TableId::parse(other).ok_or_else(|| ShowError::Argument {
            found: (*other).to_owned(),
            expected: "table local, main, default, a number or all",
        })?,
        _ => return Err(ShowError::NoSuchCommand { found: format!("ip route {}", words.join(" ")) }),
    };
    Ok(match ns.table(wanted) {
        Some(table) => table.rows().iter().map(|route| line(route, None)).collect(),
        None => unsigned("Error: ipv4: FIB table does not exist.\nDump terminated\n"),
    })
}

/// Models iprule_list_flush_or_save and print_rule.
pub(super) fn rules(ns: &NetNs, words: &[&str]) -> Result<Vec<Line>, ShowError> {
    let wanted = match words {
        [] | ["show" | "list"] => None,
        ["show" | "list", "table" | "lookup", table] => Some(TableId::parse(table).ok_or_else(|| {
            ShowError::Argument { found: (*table).to_owned(), expected: "a routing table's name or number" }
        })?),
        _ => return Err(ShowError::NoSuchCommand { found: format!("ip rule {}", words.join(" ")) }),
    };
    let is_wanted = |action| wanted.is_none_or(|table| action == RuleAction::Lookup(table));
    Ok(ns
        .rules
        .rows()
        .iter()
        .filter(|rule| is_wanted(rule.action))
        .map(|rule| (rule.to_string(), Some(rule.writer)))
        .collect())
}

/// What `ip route get` asks for.
struct Question<'a> {
    dst: IpAddr,
    from: Option<IpAddr>,
    iif: Option<&'a str>,
    mark: u32,
}

impl<'a> Question<'a> {
    fn parse(address: &str, words: &[&'a str]) -> Result<Self, ShowError> {
        let ip = |text: &str| {
            let wrong = || ShowError::Argument { found: text.to_owned(), expected: "an IP address" };
            text.parse::<IpAddr>().map_err(|_| wrong())
        };
        let mut question = Self { dst: ip(address)?, from: None, iif: None, mark: 0 };
        for pair in words.chunks(2) {
            match pair {
                ["from", source] => question.from = Some(ip(source)?),
                ["iif", name] => question.iif = Some(*name),
                ["mark", mark] => {
                    let number = match mark.strip_prefix("0x") {
                        Some(hex) => u32::from_str_radix(hex, 16),
                        None => mark.parse(),
                    };
                    let wrong = |_| ShowError::Argument { found: (*mark).to_owned(), expected: "a mark like 0x4000" };
                    question.mark = number.map_err(wrong)?;
                }
                _ => return Err(ShowError::NoSuchCommand { found: format!("ip route get {}", words.join(" ")) }),
            }
        }
        Ok(question)
    }
}

/// Models iproute_get.
pub(super) fn get(ns: &NetNs, address: &str, words: &[&str], now: Instant) -> Result<String, ShowError> {
    let question = Question::parse(address, words)?;
    let Question { dst, from, iif, mark } = &question;
    let iif = match iif.map(|name| ns.interface_named(name).ok_or(name)).transpose() {
        Ok(interface) => interface.map(|interface| interface.dev.index),
        Err(name) => return Ok(format!("Cannot find device \"{name}\"\n")),
    };
    let flow = FlowKey { iif: iif.unwrap_or(FlowKey::LOOPBACK), ..FlowKey::output(*dst, *from, *mark) };
    let decided = route_lookup(ns, &flow);
    let error = match (iif, from) {
        (Some(index), _) => input_error(ns, &decided, &flow, index),
        // A socket is bound to an own address.
        (None, Some(from)) if !ns.is_local(*from) => Some("Network is unreachable"),
        _ => output_error(&decided),
    };
    Ok(match error {
        Some(error) => format!("RTNETLINK answers: {error}\n"),
        None => print(ns, &question, &decided, now),
    })
}

fn output_error(decided: &Decided) -> Option<&'static str> {
    match decided.result {
        Routed::Nowhere(FibError::Inval) => Some("Invalid argument"),
        Routed::Nowhere(FibError::NetUnreach) => Some("Network is unreachable"),
        Routed::Nowhere(FibError::HostUnreach) => Some("No route to host"),
        Routed::Nowhere(FibError::Acces) => Some("Permission denied"),
        Routed::Local | Routed::Broadcast | Routed::Out(_) => None,
    }
}

fn input_error(ns: &NetNs, decided: &Decided, flow: &FlowKey, index: u32) -> Option<&'static str> {
    let dev = &ns.interface(index).dev;
    let out = match &decided.result {
        Routed::Local | Routed::Broadcast => None,
        _ if !ns.sysctls.forwards(&dev.name) => return Some("No route to host"),
        Routed::Nowhere(_) => return output_error(decided),
        Routed::Out(out) => Some(out),
    };
    flow.src.is_some_and(|src| source_refused(ns, dev, src, flow.dst, out)).then_some("Invalid argument")
}

fn print(ns: &NetNs, question: &Question<'_>, decided: &Decided, now: Instant) -> String {
    let Question { dst, from, iif, mark } = question;
    let (kind, flags, dev, gateway) = match &decided.result {
        Routed::Local => ("local ", "<local> ", "lo", None),
        Routed::Broadcast => {
            let dev = decided.fib.route().and_then(|route| route.dev.as_ref()).map_or("lo", |dev| &dev.name);
            ("broadcast ", "<local,brd> ", if iif.is_some() { "lo" } else { dev }, None)
        }
        Routed::Out(out) => ("", "", &*out.dev.name, decided.fib.route().and_then(|route| route.gateway)),
        Routed::Nowhere(_) => return String::new(),
    };
    // Without rules of its own a namespace has one trie for local and main.
    let table = decided.fib.result.as_ref().ok().map(FibLookup::table);
    let table = table.filter(|id| *id != TableId::MAIN && (*id != TableId::LOCAL || ns.rules.has_custom()));
    let word = |name: &str, value: Option<String>| value.map(|it| format!("{name} {it} ")).unwrap_or_default();
    let src = match (from, iif) {
        (None, None) => decided.fib.route().and_then(|route| route.src).or_else(|| match &decided.result {
            Routed::Out(out) => ns.select_address(out.dev.index, out.next_hop),
            _ => Some(*dst),
        }),
        _ => None,
    };
    let mark_text = match mark {
        0 => None,
        1..16 => Some(mark.to_string()),
        _ => Some(format!("{mark:#x}")),
    };
    // What the machine has learned of the path counts for what it sends itself, and before the route's own limit.
    let learned = ns.exceptions.get(*dst).filter(|_| iif.is_none()).map(|exception| exception.print(now) + " ");
    let mtu = decided.fib.route().and_then(|route| route.mtu).filter(|_| learned.is_none());
    [
        format!("{kind}{dst} "),
        word("from", from.map(|it| it.to_string())),
        word("via", gateway.map(|it| it.to_string())),
        format!("dev {dev} "),
        word("table", table.map(|it| it.to_string())),
        word("src", src.map(|it| it.to_string())),
        word("mark", mark_text),
        if iif.is_none() { "uid 0 " } else { "" }.to_owned(),
        format!("\n    cache {flags}"),
        learned.unwrap_or_default(),
        word("mtu", mtu.map(|it| it.to_string())),
        word("iif", iif.map(str::to_owned)),
        "\n".to_owned(),
    ]
    .concat()
}
