//! Rules in the words of `iptables-save`.
//!
//! Models iptables 1.8.9: iptables/iptables.c print_rule4 and the `save` functions of extensions/libxt_*.c.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use ipnet::IpNet;

use super::rule::{CtStates, Match, NatRange, Not, PortRange, PortSide, RecentOp, RejectWith, Rule, Target};
use super::{Chain, Table};
use crate::base::{Writer, share, sort_by};
use crate::wire::IcmpError;

/// What stands in front of a negated word.
fn bang<T>(what: &Not<T>) -> &'static str {
    if what.not { "! " } else { "" }
}

fn net(net: &IpNet) -> String {
    format!("{net}")
}

/// The protocol's name, or its number if it has none.
fn protocol(number: u8) -> String {
    match number {
        1 => "icmp".to_owned(),
        4 => "ipencap".to_owned(),
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        132 => "sctp".to_owned(),
        other => other.to_string(),
    }
}

impl fmt::Display for Rule {
    /// The rule without `-A CHAIN`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        if let Some(src) = &self.src {
            words.push(format!("{}-s {}", bang(src), net(&src.value)));
        }
        if let Some(dst) = &self.dst {
            words.push(format!("{}-d {}", bang(dst), net(&dst.value)));
        }
        if let Some(iif) = &self.iif {
            words.push(format!("{}-i {}", bang(iif), iif.value));
        }
        if let Some(oif) = &self.oif {
            words.push(format!("{}-o {}", bang(oif), oif.value));
        }
        if let Some(number) = &self.protocol {
            words.push(format!("{}-p {}", bang(number), protocol(number.value)));
        }
        words.extend(self.matches.iter().map(|one| print_match(one, self.protocol.as_ref().map(|it| it.value))));
        words.extend(print_target(&self.target));
        f.write_str(&words.join(" "))
    }
}

fn ports(range: PortRange) -> String {
    if range.first == range.last { range.first.to_string() } else { format!("{}:{}", range.first, range.last) }
}

fn print_match(one: &Match, of_protocol: Option<u8>) -> String {
    match one {
        Match::Comment(text) => format!("-m comment --comment {}", quoted(text)),
        Match::Ports { sport, dport } => {
            let mut text = format!("-m {}", protocol(of_protocol.unwrap_or_default()));
            if let Some(sport) = sport {
                let _ = write!(text, " {}--sport {}", bang(sport), ports(sport.value));
            }
            if let Some(dport) = dport {
                let _ = write!(text, " {}--dport {}", bang(dport), ports(dport.value));
            }
            text
        }
        Match::TcpFlags { mask, comp, not } => {
            let bang = if *not { "! " } else { "" };
            format!("-m tcp {bang}--tcp-flags {} {}", tcp_flags(*mask), tcp_flags(*comp))
        }
        Match::Icmp(kind) => {
            let code = kind.value.1.map(|code| format!("/{code}")).unwrap_or_default();
            format!("-m icmp {}--icmp-type {}{code}", bang(kind), kind.value.0)
        }
        Match::Multiport { side, ports: list } => {
            let side = match side {
                PortSide::Source => "--sports",
                PortSide::Destination => "--dports",
                PortSide::Either => "--ports",
            };
            let list_of = list.value.iter().map(|range| ports(*range)).collect::<Vec<_>>().join(",");
            format!("-m multiport {}{side} {list_of}", bang(list))
        }
        Match::Mark { value, mask, not } => {
            format!("-m mark {}--mark {}", if *not { "! " } else { "" }, masked(*value, *mask))
        }
        Match::Connmark { value, mask, not } => {
            format!("-m connmark {}--mark {}", if *not { "! " } else { "" }, masked(*value, *mask))
        }
        Match::CtState(states) => format!("-m conntrack {}--ctstate {}", bang(states), ct_states(states.value)),
        Match::CtDirection { reply } => {
            format!("-m conntrack --ctdir {}", if *reply { "REPLY" } else { "ORIGINAL" })
        }
        Match::Addrtype { src, dst, limit_in, limit_out } => {
            let mut text = "-m addrtype".to_owned();
            if let Some(src) = src {
                let _ = write!(text, " {}--src-type {}", bang(src), src.value.name());
            }
            if let Some(dst) = dst {
                let _ = write!(text, " {}--dst-type {}", bang(dst), dst.value.name());
            }
            text.push_str(if *limit_in { " --limit-iface-in" } else { "" });
            text.push_str(if *limit_out { " --limit-iface-out" } else { "" });
            text
        }
        Match::Random { probability } => {
            format!("-m statistic --mode random --probability {}", share(*probability, 11))
        }
        Match::Nth { every, packet, .. } => {
            format!("-m statistic --mode nth --every {every} --packet {packet}")
        }
        Match::Recent { list, op, seconds, reap } => {
            let op_name = match op.value {
                RecentOp::Set => "--set",
                RecentOp::Rcheck => "--rcheck",
                RecentOp::Update => "--update",
                RecentOp::Remove => "--remove",
            };
            let mut text = format!("-m recent {}{op_name}", bang(op));
            if let Some(seconds) = seconds {
                let _ = write!(text, " --seconds {seconds}");
            }
            text.push_str(if *reap { " --reap" } else { "" });
            let _ = write!(text, " --name {list} --mask 255.255.255.255 --rsource");
            text
        }
        Match::Set { set, sides } => {
            let sides = sides.iter().map(|side| if *side == PortSide::Source { "src" } else { "dst" });
            format!("-m set {}--match-set {} {}", bang(set), set.value, sides.collect::<Vec<_>>().join(","))
        }
        Match::Ipvs { vproto, vaddr, vport } => format!("-m ipvs --vproto {vproto} --vaddr {vaddr} --vport {vport}"),
        Match::Physdev { physin, physout, is_in, is_bridged } => {
            let mut text = "-m physdev".to_owned();
            if let Some(dev) = physin {
                let _ = write!(text, " {}--physdev-in {}", bang(dev), dev.value);
            }
            if let Some(dev) = physout {
                let _ = write!(text, " {}--physdev-out {}", bang(dev), dev.value);
            }
            if let Some(flag) = is_in {
                let _ = write!(text, " {}--physdev-is-in", bang(flag));
            }
            if let Some(flag) = is_bridged {
                let _ = write!(text, " {}--physdev-is-bridged", bang(flag));
            }
            text
        }
    }
}

fn tcp_flags(bits: u8) -> String {
    let names = [(0x01, "FIN"), (0x02, "SYN"), (0x04, "RST"), (0x08, "PSH"), (0x10, "ACK"), (0x20, "URG")];
    let set: Vec<&str> = names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect();
    if set.is_empty() { "NONE".to_owned() } else { set.join(",") }
}

/// Models extensions/libxt_conntrack.c print_state.
fn ct_states(states: CtStates) -> String {
    let names = [
        (CtStates::INVALID, "INVALID"),
        (CtStates::NEW, "NEW"),
        (CtStates::RELATED, "RELATED"),
        (CtStates::ESTABLISHED, "ESTABLISHED"),
        (CtStates::UNTRACKED, "UNTRACKED"),
        (CtStates::SNAT, "SNAT"),
        (CtStates::DNAT, "DNAT"),
    ];
    names.iter().filter(|(state, _)| states.intersects(*state)).map(|(_, name)| *name).collect::<Vec<_>>().join(",")
}

fn masked(value: u32, mask: u32) -> String {
    if mask == u32::MAX { format!("{value:#x}") } else { format!("{value:#x}/{mask:#x}") }
}

/// Models libxtables/xtables.c xtables_save_string: quotes unless every character is plain.
fn quoted(text: &str) -> String {
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return text.to_owned();
    }
    let escaped: String =
        text.chars().flat_map(|c| matches!(c, '"' | '\\' | '\'').then_some('\\').into_iter().chain([c])).collect();
    format!("\"{escaped}\"")
}

/// The word after `--reject-with`.
fn reject_with(with: RejectWith) -> &'static str {
    match with {
        RejectWith::TcpReset => "tcp-reset",
        RejectWith::Icmp(error) => match error {
            IcmpError::NetUnreach => "icmp-net-unreachable",
            IcmpError::HostUnreach => "icmp-host-unreachable",
            IcmpError::ProtUnreach => "icmp-proto-unreachable",
            IcmpError::NetAno => "icmp-net-prohibited",
            IcmpError::HostAno => "icmp-host-prohibited",
            IcmpError::PktFiltered => "icmp-admin-prohibited",
            IcmpError::PortUnreach | IcmpError::FragNeeded { .. } | IcmpError::ExcTtl => "icmp-port-unreachable",
        },
    }
}

fn nat_range(range: NatRange) -> String {
    let mut text = match range.addresses {
        Some((first, last)) if first == last => first.to_string(),
        Some((first, last)) => format!("{first}-{last}"),
        None => String::new(),
    };
    match range.ports {
        Some((first, last)) if first == last => {
            let _ = write!(text, ":{first}");
        }
        Some((first, last)) => {
            let _ = write!(text, ":{first}-{last}");
        }
        None => {}
    }
    text
}

fn print_target(target: &Target) -> Option<String> {
    let fully = |range: &NatRange| if range.random_fully { " --random-fully" } else { "" };
    let to_ports = |range: &NatRange| match range.ports {
        Some((first, last)) if first == last => format!(" --to-ports {first}"),
        Some((first, last)) => format!(" --to-ports {first}-{last}"),
        None => String::new(),
    };
    Some(match target {
        Target::None => return None,
        Target::Accept => "-j ACCEPT".to_owned(),
        Target::Drop => "-j DROP".to_owned(),
        Target::Return => "-j RETURN".to_owned(),
        Target::Jump(chain) => format!("-j {chain}"),
        Target::Goto(chain) => format!("-g {chain}"),
        Target::Reject(with) => format!("-j REJECT --reject-with {}", reject_with(*with)),
        Target::Mark { value, mask } => format!("-j MARK --set-xmark {value:#x}/{mask:#x}"),
        Target::SetConnmark { value, mask } => format!("-j CONNMARK --set-xmark {value:#x}/{mask:#x}"),
        Target::SaveMark => "-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff".to_owned(),
        Target::RestoreMark => "-j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff".to_owned(),
        Target::Dnat(range) => format!("-j DNAT --to-destination {}{}", nat_range(*range), fully(range)),
        Target::Snat(range) => format!("-j SNAT --to-source {}{}", nat_range(*range), fully(range)),
        Target::Masquerade(range) => format!("-j MASQUERADE{}{}", to_ports(range), fully(range)),
        Target::Redirect(range) => format!("-j REDIRECT{}{}", to_ports(range), fully(range)),
        Target::Notrack => "-j NOTRACK".to_owned(),
        Target::Trace => "-j TRACE".to_owned(),
    })
}

impl Table {
    /// The table as `iptables-save` prints it: policies, then the other chains by name, then the rules.
    #[must_use]
    pub fn save(&self) -> String {
        self.rows().into_iter().map(|(line, _)| line + "\n").collect()
    }

    /// The same line by line, with the writer of each rule.
    #[must_use]
    pub fn rows(&self) -> Vec<(String, Option<Writer>)> {
        let mut lines = vec![(format!("*{}", self.name().as_str()), None)];
        let (base, mut user): (Vec<&Arc<Chain>>, Vec<&Arc<Chain>>) =
            self.chains().iter().partition(|it| it.policy().is_some());
        sort_by(&mut user, |a, b| a.name().cmp(b.name()));
        let chains = || base.iter().chain(&user);
        lines.extend(chains().map(|chain| {
            let policy = chain.policy().map_or("-", |policy| policy.name());
            (format!(":{} {policy} [0:0]", chain.name()), None)
        }));
        lines.extend(chains().flat_map(|chain| {
            chain.rules().iter().map(|rule| (format!("-A {} {rule}", chain.name()), Some(rule.writer)))
        }));
        lines.push(("COMMIT".to_owned(), None));
        lines
    }
}

#[cfg(test)]
mod tests {
    use crate::base::share;

    #[test]
    fn a_share_is_printed_as_the_float_that_it_is() {
        for number in [0, 1, 1 << 19, 3 << 19, 715_827_883, 1 << 30, (1 << 31) - 1, 1 << 31] {
            let float = f64::from(number) / f64::from(1_u32 << 31);
            assert_eq!((share(number, 11), share(number, 4)), (format!("{float:.11}"), format!("{float:.4}")));
        }
    }
}
