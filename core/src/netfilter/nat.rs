//! Address translation: choosing a tuple for a connection, and giving it to each of its packets.
//!
//! Models net/netfilter/nf_nat_core.c and nf_nat_proto.c. Table nat is asked about the first packet of a connection, once
//! for the destination and once for the source; every later packet follows the connection's entry.

use std::net::IpAddr;

use super::conntrack::{ConnId, Conntrack, CtInfo, CtState, Direction, Tuple};
use super::view::HookView;
use super::xtables::{NatRange, TableVerdict};
use crate::base::Dice;
use crate::trace::Hook;
use crate::wire::{End, Icmp, Packet, Transport};

/// Which end a hook translates. Models HOOK2MANIP: what comes in or begins here has its destination translated, what
/// leaves or ends here its source.
pub(super) fn end_of(hook: Hook) -> Option<End> {
    match hook {
        Hook::Prerouting | Hook::Output => Some(End::Destination),
        Hook::Input | Hook::Postrouting => Some(End::Source),
        Hook::Forward => None,
    }
}

/// Whether the table has been asked about this end of the connection.
pub(super) fn is_decided(conntrack: &Conntrack, id: ConnId, end: End) -> bool {
    let connection = conntrack.get(id);
    // Once it is in the table its translation stands.
    connection.confirmed
        || match end {
            End::Source => connection.snat_done,
            End::Destination => connection.dnat_done,
        }
}

/// Takes the table's verdict down in the connection. Models nf_nat_setup_info and nf_nat_alloc_null_binding; the targets'
/// own choices are xt_MASQUERADE's and xt_REDIRECT's. Returns whether there was an address to choose.
pub(super) fn decide(
    conntrack: &mut Conntrack,
    id: ConnId,
    end: End,
    verdict: TableVerdict,
    view: &HookView,
    dice: &mut Dice,
) -> bool {
    let current = conntrack.get(id).reply.invert();
    let single = |ip: IpAddr, range: NatRange| NatRange { addresses: Some((ip, ip)), ..range };
    let range = match verdict {
        TableVerdict::Dnat(range) | TableVerdict::Snat(range) => range,
        TableVerdict::Masquerade(range) => {
            let Some(oif) = &view.oif else { return false };
            match view.facts.source_address(oif, view.next_hop.unwrap_or(current.dst.0)) {
                Some(ip) => single(ip, range),
                // Models nf_nat_masquerade_ipv4: a device without any address drops.
                None => return false,
            }
        }
        TableVerdict::Redirect(range) => {
            let local = IpAddr::from([127, 0, 0, 1]);
            let ip = match &view.iif {
                Some(iif) => view.facts.first_address(iif),
                None => Some(local),
            };
            match ip {
                Some(ip) => single(ip, range),
                None => return false,
            }
        }
        TableVerdict::Accept | TableVerdict::Drop | TableVerdict::Reject(_) => NatRange::default(),
    };
    let chosen = unique_tuple(conntrack, id, current, range, end, dice);
    let connection = conntrack.get_mut(id);
    if chosen != current {
        connection.reply = chosen.invert();
        match end {
            End::Source => connection.snat = true,
            End::Destination => connection.dnat = true,
        }
    }
    match end {
        End::Source => connection.snat_done = true,
        End::Destination => connection.dnat_done = true,
    }
    true
}

/// A tuple in `range` that no other connection has. Models get_unique_tuple.
fn unique_tuple(
    conntrack: &Conntrack,
    id: ConnId,
    current: Tuple,
    range: NatRange,
    end: End,
    dice: &mut Dice,
) -> Tuple {
    let is_free = |tuple: Tuple| !conntrack.is_taken(tuple.invert(), id);
    let in_range = |tuple: Tuple| {
        let (ip, port) = if end == End::Source { tuple.src } else { tuple.dst };
        range.addresses.is_none_or(|(first, last)| (first..=last).contains(&ip))
            && range.ports.is_none_or(|(first, last)| (first..=last).contains(&port))
    };
    if end == End::Source && !range.random_fully {
        if in_range(current) && is_free(current) {
            return current;
        }
        let original = conntrack.get(id).original;
        let alike = conntrack.same_source(original).map(|known| Tuple { src: known.src, ..current });
        if let Some(tuple) = alike.into_iter().find(|tuple| in_range(*tuple) && is_free(*tuple)) {
            return tuple;
        }
    }
    let mut tuple = current;
    if let Some((first, last)) = range.addresses {
        let ip = pick_address(first, last, current);
        match end {
            End::Source => tuple.src.0 = ip,
            End::Destination => tuple.dst.0 = ip,
        }
    }
    if !range.random_fully {
        let stays = match range.ports {
            Some((first, last)) => in_range(tuple) && (first == last || is_free(tuple)),
            None => is_free(tuple),
        };
        if stays {
            return tuple;
        }
    }
    unique_port(tuple, range, end, dice, is_free)
}

/// Of several addresses always the same for the same two ends. Models find_best_ips_proto, whose hash is keyed at boot.
fn pick_address(first: IpAddr, last: IpAddr, tuple: Tuple) -> IpAddr {
    let (IpAddr::V4(low), IpAddr::V4(high)) = (first, last) else { return first };
    let octets = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => u32::from(ip),
        IpAddr::V6(_) => 0,
    };
    let span = u32::from(high).saturating_sub(u32::from(low)).saturating_add(1);
    let hash = octets(tuple.src.0).wrapping_mul(0x9e37_79b1) ^ octets(tuple.dst.0);
    IpAddr::from((u32::from(low) + hash % span.max(1)).to_be_bytes())
}

/// Attempts before the last port tried is taken, free or not.
const MAX_ATTEMPTS: u32 = 128;

/// Models nf_nat_l4proto_unique_tuple.
fn unique_port(mut tuple: Tuple, range: NatRange, end: End, dice: &mut Dice, is_free: impl Fn(Tuple) -> bool) -> Tuple {
    let is_echo = tuple.protocol == 1;
    let port = if end == End::Source || is_echo { tuple.src.1 } else { tuple.dst.1 };
    let (first, last) = match (range.ports, tuple.protocol) {
        (Some(ports), _) => ports,
        // Without a stated range an identifier is any number, and a destination's port never changes.
        (None, 1) => (0, u16::MAX),
        (None, 6 | 17) if end == End::Destination => return tuple,
        // Privileged ports stay privileged.
        (None, 6 | 17) if port < 512 => (1, 511),
        (None, 6 | 17) if port < 1024 => (600, 1023),
        (None, 6 | 17) => (1024, u16::MAX),
        _ => return tuple,
    };
    let size = u32::from(last.saturating_sub(first)) + 1;
    let start = if end == End::Source || range.random_fully { dice.below(size) } else { 0 };
    for offset in start..start + size.min(MAX_ATTEMPTS) {
        let port = first + u16::try_from(offset % size).unwrap_or_default();
        if end == End::Source || is_echo {
            tuple.src.1 = port;
        } else {
            tuple.dst.1 = port;
        }
        if is_free(tuple) {
            break;
        }
    }
    tuple
}

/// What was changed in a packet: which end, from what, to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Translated {
    pub end: End,
    pub from: (IpAddr, u16),
    pub to: (IpAddr, u16),
}

/// Gives a packet the addresses that its connection has at this hook. Models nf_nat_packet and, for errors,
/// nf_nat_icmp_reply_translation.
pub(super) fn translate(packet: &mut Packet, conntrack: &Conntrack, ct: CtState, hook: Hook) -> Option<Translated> {
    let CtState::Tracked { id, info, direction } = ct else { return None };
    let end = end_of(hook)?;
    let connection = conntrack.get(id);
    // Answers are translated the other way round: the source's translation is undone at their destination.
    let applies = match (end, direction) {
        (End::Source, Direction::Original) | (End::Destination, Direction::Reply) => connection.snat,
        (End::Destination, Direction::Original) | (End::Source, Direction::Reply) => connection.dnat,
    };
    if !applies {
        return None;
    }
    let other_way = match direction {
        Direction::Original => connection.reply,
        Direction::Reply => connection.original,
    };
    let target = other_way.invert();
    let (to_ip, to_port) = if end == End::Source { target.src } else { target.dst };
    let ip = packet.ip_header()?;
    let from_ip = if end == End::Source { ip.src } else { ip.dst };
    let IpAddr::V4(to_v4) = to_ip else { return None };
    if info == CtInfo::Related && matches!(packet.transport(), Some(Transport::Icmp(Icmp::Error(_)))) {
        // What is quoted went the other way: its other end is the one that this hook changes.
        let (quoted_ip, quoted_port) = if end == End::Source { other_way.dst } else { other_way.src };
        let port_quoted = |packet: &Packet| {
            let tuple = packet.quoted().and_then(|quoted| Tuple::of(&quoted));
            tuple.map_or(0, |it| port_of(it, end.other(), if end == End::Source { it.dst.1 } else { it.src.1 }))
        };
        let from_port = port_quoted(packet);
        if let IpAddr::V4(quoted_ip) = quoted_ip {
            packet.translate_quoted(end.other(), quoted_ip, port_of(other_way, end.other(), quoted_port));
        }
        packet.translate_address(end, to_v4);
        // Of a machine that masquerades its own packets the port alone may differ.
        let (from, to) = if from_ip == to_ip {
            ((from_ip, from_port), (to_ip, port_quoted(packet)))
        } else {
            ((from_ip, 0), (to_ip, 0))
        };
        return (from != to).then_some(Translated { end, from, to });
    }
    let before = Tuple::of(packet)?;
    let (_, from_port) = if end == End::Source { before.src } else { before.dst };
    let (from_port, to_port) = if target.protocol == 1 { (before.src.1, target.src.1) } else { (from_port, to_port) };
    if (from_ip, from_port) == (to_ip, to_port) {
        return None;
    }
    packet.translate(end, to_v4, to_port);
    Some(Translated { end, from: (from_ip, from_port), to: (to_ip, to_port) })
}

/// The port of one end; of an echo the identifier.
fn port_of(tuple: Tuple, end: End, port: u16) -> u16 {
    match (tuple.protocol, end) {
        (1, _) => tuple.src.1,
        _ => port,
    }
}
