//! Whether a packet matches a rule, and if not, why.
//!
//! Models net/ipv4/netfilter/ip_tables.c ip_packet_match and the `match` functions of net/netfilter/xt_*.c. Each is
//! written once, as [`miss`]: it names the first thing that is not as the rule wants it. While a packet moves only
//! whether there is one is asked for; the words are made when somebody reads them.

use std::sync::Arc;

use ipnet::IpNet;

use super::rule::{CtStates, Match, Not, PortRange, PortSide, RecentOp, Rule};
use crate::base::share;
use crate::netfilter::{AddressType, Flow, HookView, IpSets, RecentLists};

/// What rules draw and count, and the lists that they keep.
pub(in crate::netfilter) struct Chance<'a> {
    /// A number below 2^31, drawn when a rule asks.
    pub draw: &'a mut dyn FnMut() -> u32,
    /// Counters of `--mode nth`.
    pub counters: &'a mut Vec<u32>,
    pub recent: &'a mut RecentLists,
    pub sets: &'a IpSets,
    /// The row of the walk that asks.
    pub row: usize,
    /// What came of it, each with its row, for whoever explains the row later.
    pub rolls: Vec<(usize, Roll)>,
}

/// What a match that does not depend on the packet alone came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::netfilter) enum Roll {
    /// The number drawn for `--mode random`.
    Random(u32),
    /// The counter of `--mode nth`.
    Nth(u32),
    /// Whether the source was on a list of `-m recent`, or an element in a set.
    Listed(bool),
}

/// Where rolls come from: drawn while the packet moves, looked up afterwards.
pub(super) enum Rolls<'a, 'b> {
    /// The packet is moving.
    Live(&'a mut Chance<'b>),
    /// Somebody asks afterwards: these were drawn.
    Replay(std::slice::Iter<'a, (usize, Roll)>),
}

impl Rolls<'_, '_> {
    fn roll(&mut self, one: &Match, flow: &Flow, view: &HookView) -> Roll {
        match self {
            Self::Replay(rolls) => rolls.next().map_or(Roll::Listed(false), |(_, roll)| roll.clone()),
            Self::Live(chance) => {
                let roll = match one {
                    Match::Random { .. } => Roll::Random((chance.draw)()),
                    Match::Nth { every, counter, .. } => {
                        let idx = *counter as usize;
                        if chance.counters.len() <= idx {
                            chance.counters.resize(idx + 1, 0);
                        }
                        let now = chance.counters[idx];
                        chance.counters[idx] = (now + 1) % (*every).max(1);
                        Roll::Nth(now)
                    }
                    Match::Recent { list, op, seconds, reap } => {
                        Roll::Listed(chance.recent.apply(list, op.value, *seconds, *reap, flow.src, view.now))
                    }
                    Match::Set { set, sides } => Roll::Listed(chance.sets.contains(&set.value, sides, flow)),
                    _ => Roll::Listed(false),
                };
                chance.rolls.push((chance.row, roll.clone()));
                roll
            }
        }
    }
}

/// Why a rule does not match.
pub(super) enum Miss<'r> {
    Source(&'r Not<IpNet>),
    Destination(&'r Not<IpNet>),
    In,
    Out,
    Protocol,
    SourcePort,
    DestinationPort,
    Match(&'r Match, Option<Roll>),
}

/// The first thing about the packet that is not as `rule` wants it.
pub(super) fn miss<'r>(rule: &'r Rule, flow: &Flow, view: &HookView, rolls: &mut Rolls<'_, '_>) -> Option<Miss<'r>> {
    if let Some(net) = rule.src.as_ref().filter(|net| net.value.contains(&flow.src) == net.not) {
        return Some(Miss::Source(net));
    }
    if let Some(net) = rule.dst.as_ref().filter(|net| net.value.contains(&flow.dst) == net.not) {
        return Some(Miss::Destination(net));
    }
    if rule.iif.as_ref().is_some_and(|dev| is_device(&dev.value, view.iif.as_ref()) == dev.not) {
        return Some(Miss::In);
    }
    if rule.oif.as_ref().is_some_and(|dev| is_device(&dev.value, view.oif.as_ref()) == dev.not) {
        return Some(Miss::Out);
    }
    if rule.protocol.is_some_and(|wanted| (wanted.value == flow.protocol) == wanted.not) {
        return Some(Miss::Protocol);
    }
    rule.matches.iter().find_map(|one| miss_of(one, flow, view, rolls))
}

/// A device's name, of which the rule may give only the beginning.
fn is_device(pattern: &str, dev: Option<&Arc<str>>) -> bool {
    let Some(dev) = dev else { return false };
    match pattern.strip_suffix('+') {
        Some(start) => dev.starts_with(start),
        None => **dev == *pattern,
    }
}

fn miss_of<'r>(one: &'r Match, flow: &Flow, view: &HookView, rolls: &mut Rolls<'_, '_>) -> Option<Miss<'r>> {
    let in_ranges = |ranges: &[PortRange], port: u16| ranges.iter().any(|range| range.contains(port));
    let mut roll = None;
    let holds = match one {
        Match::Comment(_) => true,
        Match::Ports { sport, dport } => {
            let Some((own_sport, own_dport)) = flow.ports else { return Some(Miss::Match(one, None)) };
            if sport.is_some_and(|range| range.value.contains(own_sport) == range.not) {
                return Some(Miss::SourcePort);
            }
            if dport.is_some_and(|range| range.value.contains(own_dport) == range.not) {
                return Some(Miss::DestinationPort);
            }
            true
        }
        Match::TcpFlags { mask, comp, not } => flow.protocol == 6 && (flow.tcp_flags & mask == *comp) != *not,
        Match::Icmp(wanted) => flow.icmp.is_some_and(|(kind, code)| {
            (kind == wanted.value.0 && wanted.value.1.is_none_or(|wanted| wanted == code)) != wanted.not
        }),
        Match::Multiport { side, ports } => flow.ports.is_some_and(|(sport, dport)| {
            let found = match side {
                PortSide::Source => in_ranges(&ports.value, sport),
                PortSide::Destination => in_ranges(&ports.value, dport),
                PortSide::Either => in_ranges(&ports.value, sport) || in_ranges(&ports.value, dport),
            };
            found != ports.not
        }),
        Match::Mark { value, mask, not } => (flow.mark & mask == *value) != *not,
        Match::Connmark { value, mask, not } => flow.ct.mark.is_some_and(|mark| (mark & mask == *value) != *not),
        Match::CtState(states) => states.value.intersects(flow.ct.states) != states.not,
        Match::CtDirection { reply } => flow.ct.is_reply == Some(*reply),
        Match::Addrtype { src, dst, limit_in, limit_out } => {
            let dev = match (limit_in, limit_out) {
                (true, _) => view.iif.as_deref(),
                (_, true) => view.oif.as_deref(),
                _ => None,
            };
            let is = |wanted: &Option<Not<AddressType>>, ip| {
                wanted.is_none_or(|wanted| (view.facts.address_type(ip, dev) == wanted.value) != wanted.not)
            };
            is(src, flow.src) && is(dst, flow.dst)
        }
        Match::Random { probability } => {
            let drawn = rolls.roll(one, flow, view);
            let holds = matches!(drawn, Roll::Random(number) if number < *probability);
            roll = Some(drawn);
            holds
        }
        Match::Nth { packet, .. } => {
            let counted = rolls.roll(one, flow, view);
            let holds = counted == Roll::Nth(*packet);
            roll = Some(counted);
            holds
        }
        Match::Recent { op, .. } => {
            let listed = rolls.roll(one, flow, view);
            let holds = op.value == RecentOp::Set || (listed == Roll::Listed(true)) != op.not;
            roll = Some(listed);
            holds
        }
        Match::Set { set, .. } => {
            let listed = rolls.roll(one, flow, view);
            let holds = (listed == Roll::Listed(true)) != set.not;
            roll = Some(listed);
            holds
        }
        Match::Ipvs { vproto, vaddr, vport } => {
            flow.ipvs.is_some_and(|it| (it.protocol, it.address) == (*vproto, (*vaddr, *vport)))
        }
        Match::Physdev { physin, physout, is_in, is_bridged } => {
            let is = |wanted: &Option<Not<Arc<str>>>, dev: Option<&Arc<str>>| {
                wanted.as_ref().is_none_or(|wanted| is_device(&wanted.value, dev) != wanted.not)
            };
            let bridged = view.physin.is_some() && view.physout.is_some();
            is(physin, view.physin.as_ref())
                && is(physout, view.physout.as_ref())
                && is_in.as_ref().is_none_or(|wanted| view.physin.is_some() != wanted.not)
                && is_bridged.as_ref().is_none_or(|wanted| bridged != wanted.not)
        }
    };
    (!holds).then_some(Miss::Match(one, roll))
}

impl Miss<'_> {
    /// In words: what the packet has instead.
    pub(super) fn describe(&self, flow: &Flow, view: &HookView) -> String {
        let device = |dev: &Option<Arc<str>>| dev.as_deref().unwrap_or("no device").to_owned();
        match self {
            Self::Source(net) if net.not => format!("source {} is in {}", flow.src, net.value),
            Self::Source(_) => format!("source is {}", flow.src),
            Self::Destination(net) if net.not => format!("destination {} is in {}", flow.dst, net.value),
            Self::Destination(_) => format!("destination is {}", flow.dst),
            Self::In => format!("came in by {}", device(&view.iif)),
            Self::Out => format!("leaves by {}", device(&view.oif)),
            Self::Protocol => format!("protocol is {}", protocol_name(flow.protocol)),
            Self::SourcePort => format!("source port is {}", flow.ports.map_or(0, |(sport, _)| sport)),
            Self::DestinationPort => format!("destination port is {}", flow.ports.map_or(0, |(_, dport)| dport)),
            Self::Match(one, roll) => describe_match(one, roll.as_ref(), flow, view),
        }
    }
}

/// In words: what the packet has by which a match holds.
pub(super) fn holds(one: &Match, flow: &Flow, view: &HookView) -> String {
    match one {
        Match::Recent { list, .. } => format!("list {list}"),
        Match::Set { set, .. } if set.not => format!("not in set {}", set.value),
        Match::Set { set, .. } => format!("in set {}", set.value),
        Match::Physdev { .. } => "from such a port of a bridge".to_owned(),
        other => describe_match(other, None, flow, view),
    }
}

/// In words: what was drawn by which a match holds.
pub(super) fn chosen_by(one: &Match, roll: &Roll) -> Option<String> {
    match (one, roll) {
        (Match::Random { probability }, Roll::Random(number)) => {
            Some(format!("drew {}, below {}", share(*number, 4), share(*probability, 4)))
        }
        (Match::Nth { every, .. }, Roll::Nth(counted)) => Some(format!("packet {counted} of {every}")),
        _ => None,
    }
}

fn describe_match(one: &Match, roll: Option<&Roll>, flow: &Flow, view: &HookView) -> String {
    match (one, roll) {
        (Match::Random { probability }, Some(Roll::Random(number))) => {
            format!("drew {}, not below {}", share(*number, 4), share(*probability, 4))
        }
        (Match::Nth { packet, every, .. }, Some(Roll::Nth(counted))) => {
            format!("packet {counted} of {every}, not {packet}")
        }
        (Match::Recent { list, .. }, _) => format!("{} is not on list {list}", flow.src),
        (Match::Set { set, .. }, _) if set.not => format!("is in set {}", set.value),
        (Match::Set { set, .. }, _) => format!("not in set {}", set.value),
        (Match::Mark { mask, .. }, _) => format!("mark is {:#x}", flow.mark & mask),
        (Match::Connmark { .. }, _) => format!("the connection's mark is {:#x}", flow.ct.mark.unwrap_or_default()),
        (Match::CtState(_), _) => format!("state is {}", state_name(flow.ct.states)),
        (Match::CtDirection { reply: true }, _) => "goes in the original direction".to_owned(),
        (Match::CtDirection { reply: false }, _) => "goes in the reply direction".to_owned(),
        (Match::Addrtype { src, dst, .. }, _) => {
            let kind = |ip| view.facts.address_type(ip, None).name();
            match (src, dst) {
                (Some(_), _) => format!("source {} is {}", flow.src, kind(flow.src)),
                _ => format!("destination {} is {}", flow.dst, kind(flow.dst)),
            }
        }
        (Match::Physdev { .. }, _) => "not from such a port of a bridge".to_owned(),
        (Match::Ipvs { .. }, _) => match flow.ipvs {
            Some(service) => format!("is for the virtual server {service}"),
            None => "is not from IPVS".to_owned(),
        },
        (Match::TcpFlags { .. } | Match::Ports { .. } | Match::Multiport { .. }, _) => match flow.ports {
            Some((sport, dport)) => format!("ports are {sport} and {dport}"),
            None => "has no ports".to_owned(),
        },
        (Match::Icmp(_), _) => flow
            .icmp
            .map_or_else(|| "is not ICMP".to_owned(), |(kind, code)| format!("ICMP type is {kind}, code {code}")),
        (Match::Comment(_) | Match::Random { .. } | Match::Nth { .. }, _) => String::new(),
    }
}

pub(super) fn protocol_name(number: u8) -> String {
    match number {
        1 => "ICMP".to_owned(),
        6 => "TCP".to_owned(),
        17 => "UDP".to_owned(),
        other => other.to_string(),
    }
}

/// The one state that a packet is in, besides what is translated.
pub(super) fn state_name(states: CtStates) -> &'static str {
    match () {
        () if states.intersects(CtStates::NEW) => "NEW",
        () if states.intersects(CtStates::ESTABLISHED) => "ESTABLISHED",
        () if states.intersects(CtStates::RELATED) => "RELATED",
        () if states.intersects(CtStates::UNTRACKED) => "UNTRACKED",
        () => "INVALID",
    }
}
