//! What a rule reads of a packet, of its connection and of the machine.
//!
//! Models nft_payload.c, nft_meta.c, nft_ct.c and nft_fib.c, together with what nft's src/payload.c puts in front of them:
//! `tcp dport` asks for the protocol first.

use std::net::IpAddr;
use std::sync::Arc;

use super::value::{DataType, name_number, number_of, route_type};
use super::{Match, SetRef, Span, With};
use crate::netfilter::{CtStates, Flow, HookView};

/// One thing that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// `ip saddr`.
    IpSaddr,
    /// `ip daddr`.
    IpDaddr,
    /// `ip6 saddr`.
    Ip6Saddr,
    /// `ip6 daddr`.
    Ip6Daddr,
    /// `ip protocol`.
    IpProtocol,
    /// `meta l4proto`.
    L4proto,
    /// `meta nfproto`.
    NfProto,
    /// `meta mark`.
    Mark,
    /// `iifname`.
    IifName,
    /// `oifname`.
    OifName,
    /// `tcp sport`.
    TcpSport,
    /// `tcp dport`.
    TcpDport,
    /// `udp sport`.
    UdpSport,
    /// `udp dport`.
    UdpDport,
    /// `th sport`: of any protocol that has ports.
    ThSport,
    /// `th dport`.
    ThDport,
    /// `icmp type`.
    IcmpType,
    /// `ct state`.
    CtState,
    /// `ct status`: of its bits only `snat` and `dnat`.
    CtStatus,
    /// `ct direction`.
    CtDirection,
    /// `ct mark`.
    CtMark,
    /// `fib saddr type`.
    FibSaddrType,
    /// `fib daddr type`.
    FibDaddrType,
}

impl Field {
    /// How it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IpSaddr => "ip saddr",
            Self::IpDaddr => "ip daddr",
            Self::Ip6Saddr => "ip6 saddr",
            Self::Ip6Daddr => "ip6 daddr",
            Self::IpProtocol => "ip protocol",
            Self::L4proto => "meta l4proto",
            Self::NfProto => "meta nfproto",
            Self::Mark => "meta mark",
            Self::IifName => "iifname",
            Self::OifName => "oifname",
            Self::TcpSport => "tcp sport",
            Self::TcpDport => "tcp dport",
            Self::UdpSport => "udp sport",
            Self::UdpDport => "udp dport",
            Self::ThSport => "th sport",
            Self::ThDport => "th dport",
            Self::IcmpType => "icmp type",
            Self::CtState => "ct state",
            Self::CtStatus => "ct status",
            Self::CtDirection => "ct direction",
            Self::CtMark => "ct mark",
            Self::FibSaddrType => "fib saddr type",
            Self::FibDaddrType => "fib daddr type",
        }
    }

    /// The type of what is read.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::IpSaddr | Self::IpDaddr => DataType::Ipv4Addr,
            Self::Ip6Saddr | Self::Ip6Daddr => DataType::Ipv6Addr,
            Self::IpProtocol | Self::L4proto => DataType::InetProto,
            Self::NfProto => DataType::NfProto,
            Self::Mark | Self::CtMark => DataType::Mark,
            Self::IifName | Self::OifName => DataType::IfName,
            Self::TcpSport | Self::TcpDport | Self::UdpSport | Self::UdpDport | Self::ThSport | Self::ThDport => {
                DataType::InetService
            }
            Self::IcmpType => DataType::IcmpType,
            Self::CtState => DataType::CtState,
            Self::CtStatus => DataType::CtStatus,
            Self::CtDirection => DataType::CtDirection,
            Self::FibSaddrType | Self::FibDaddrType => DataType::FibAddrtype,
        }
    }

    /// The protocol that the field itself asks for.
    pub(super) fn protocol(self) -> Option<u8> {
        match self {
            Self::TcpSport | Self::TcpDport => Some(6),
            Self::UdpSport | Self::UdpDport => Some(17),
            Self::IcmpType => Some(1),
            _ => None,
        }
    }

    /// What the packet has; `None` if it has no such field, which ends the rule (`NFT_BREAK`).
    pub(super) fn read(self, flow: &Flow, view: &HookView) -> Option<u128> {
        if self.protocol().is_some_and(|protocol| protocol != flow.protocol) {
            return None;
        }
        let v4 = |ip: IpAddr| ip.is_ipv4().then(|| number_of(ip));
        let v6 = |ip: IpAddr| ip.is_ipv6().then(|| number_of(ip));
        // A packet without such a device has an empty name (nft_meta_store_ifname).
        let dev = |dev: &Option<Arc<str>>| dev.as_deref().map_or(0, name_number);
        Some(match self {
            Self::IpSaddr => v4(flow.src)?,
            Self::IpDaddr => v4(flow.dst)?,
            Self::Ip6Saddr => v6(flow.src)?,
            Self::Ip6Daddr => v6(flow.dst)?,
            Self::IpProtocol => v4(flow.src).map(|_| flow.protocol.into())?,
            Self::L4proto => flow.protocol.into(),
            Self::NfProto => u128::from(if flow.src.is_ipv4() { 2_u8 } else { 10 }),
            Self::Mark => flow.mark.into(),
            Self::IifName => dev(&view.iif),
            Self::OifName => dev(&view.oif),
            Self::TcpSport | Self::UdpSport | Self::ThSport => flow.ports?.0.into(),
            Self::TcpDport | Self::UdpDport | Self::ThDport => flow.ports?.1.into(),
            Self::IcmpType => flow.icmp?.0.into(),
            Self::CtState => state_bits(flow.ct.states).into(),
            Self::CtStatus => {
                flow.ct.is_reply?;
                status_bits(flow.ct.states).into()
            }
            Self::CtDirection => u8::from(flow.ct.is_reply?).into(),
            Self::CtMark => flow.ct.mark?.into(),
            Self::FibSaddrType => route_type(view.facts.address_type(flow.src, None)).into(),
            Self::FibDaddrType => route_type(view.facts.address_type(flow.dst, None)).into(),
        })
    }

    /// It is this, or one of these.
    #[must_use]
    pub fn is(self, span: Span) -> Match {
        Match { fields: vec![self], mask: None, not: false, with: With::Span(span) }
    }

    /// It is not.
    #[must_use]
    pub fn isnt(self, span: Span) -> Match {
        Match { not: true, ..self.is(span) }
    }

    /// Those of its bits that the mask has are these.
    #[must_use]
    pub fn masked(self, mask: u32, value: u32) -> Match {
        Match { mask: Some(mask), ..self.is(Span::one(value)) }
    }

    /// It has one of these bits: `ct state established,related`.
    #[must_use]
    pub fn has(self, bits: u32) -> Match {
        Match { fields: vec![self], mask: None, not: false, with: With::Flags(bits) }
    }

    /// `ct state …`.
    #[must_use]
    pub fn ct_state(states: CtStates) -> Match {
        Self::CtState.has(state_bits(states))
    }

    /// It is in a set.
    #[must_use]
    pub fn within(self, set: SetRef) -> Match {
        Match::within(vec![self], set)
    }
}

/// The states of nft (`NF_CT_STATE_BIT`, uapi `linux/netfilter/nf_conntrack_common.h`).
fn state_bits(states: CtStates) -> u32 {
    let pairs = [
        (CtStates::INVALID, 1),
        (CtStates::ESTABLISHED, 2),
        (CtStates::RELATED, 4),
        (CtStates::NEW, 8),
        (CtStates::UNTRACKED, 64),
    ];
    pairs.iter().filter(|(state, _)| states.intersects(*state)).map(|(_, bit)| bit).sum()
}

/// `IPS_SRC_NAT` and `IPS_DST_NAT`.
fn status_bits(states: CtStates) -> u32 {
    let pairs = [(CtStates::SNAT, 0x10), (CtStates::DNAT, 0x20)];
    pairs.iter().filter(|(state, _)| states.intersects(*state)).map(|(_, bit)| bit).sum()
}
