//! What rules compare: numbers of a type, single or from one to another.
//!
//! Models the data types of nft's src/datatype.c, src/proto.c, src/ct.c and src/fib.c. Every value is a number, as it is
//! in the kernel's registers, so that one search finds all of them; the type knows its names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;

use crate::netfilter::AddressType;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DataType {
    /// `ipv4_addr`.
    Ipv4Addr,
    /// `ipv6_addr`.
    Ipv6Addr,
    /// `inet_proto`: an IP protocol.
    InetProto,
    /// `inet_service`: a port.
    InetService,
    /// `mark`.
    Mark,
    /// `ifname`: a device.
    IfName,
    /// `icmp_type`.
    IcmpType,
    /// `ct_state`, as bits.
    CtState,
    /// `ct_status`, as bits.
    CtStatus,
    /// `ct_dir`.
    CtDirection,
    /// `fib_addrtype`.
    FibAddrtype,
    /// `nf_proto`: IPv4 or IPv6.
    NfProto,
    /// `integer`: a drawn number.
    Integer,
}

/// Values from the first to the last, both included; of a single value both are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First.
    pub first: u128,
    /// Last.
    pub last: u128,
}

impl Span {
    /// One number: a port, a protocol, a mark.
    #[must_use]
    pub fn one(value: impl Into<u128>) -> Self {
        let value = value.into();
        Self { first: value, last: value }
    }

    /// Numbers from the first to the last.
    #[must_use]
    pub fn range(first: impl Into<u128>, last: impl Into<u128>) -> Self {
        Self { first: first.into(), last: last.into() }
    }

    /// One address.
    #[must_use]
    pub fn ip(ip: IpAddr) -> Self {
        Self::one(number_of(ip))
    }

    /// Addresses from the first to the last.
    #[must_use]
    pub fn ips(first: IpAddr, last: IpAddr) -> Self {
        Self::range(number_of(first), number_of(last))
    }

    /// All addresses of a network.
    #[must_use]
    pub fn net(net: IpNet) -> Self {
        Self::ips(net.network(), net.broadcast())
    }

    /// A device; a `*` at the end stands for any rest.
    #[must_use]
    pub fn dev(pattern: &str) -> Self {
        match pattern.strip_suffix('*') {
            Some(start) => {
                let rest = u128::MAX.checked_shr(8 * len_of(start)).unwrap_or_default();
                Self::range(name_number(start), name_number(start) | rest)
            }
            None => Self::one(name_number(pattern)),
        }
    }

    /// A kind of address.
    #[must_use]
    pub fn address_type(kind: AddressType) -> Self {
        Self::one(route_type(kind))
    }

    /// Whether it is one value.
    #[must_use]
    pub fn is_single(self) -> bool {
        self.first == self.last
    }

    /// Whether `value` is among them.
    #[must_use]
    pub fn contains(self, value: u128) -> bool {
        (self.first..=self.last).contains(&value)
    }
}

/// The number of an address.
pub(super) fn number_of(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)),
        IpAddr::V6(ip) => u128::from(ip),
    }
}

fn len_of(name: &str) -> u32 {
    u32::try_from(name.len().min(16)).unwrap_or_default()
}

/// A device's name as the kernel holds it: 16 bytes, zeroes behind it.
pub(super) fn name_number(name: &str) -> u128 {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
    u128::from_be_bytes(bytes)
}

/// The `RTN_*` of a kind of address (uapi `linux/rtnetlink.h`).
pub(super) fn route_type(kind: AddressType) -> u8 {
    match kind {
        AddressType::Unicast => 1,
        AddressType::Local => 2,
        AddressType::Broadcast => 3,
        AddressType::Multicast => 5,
        AddressType::Blackhole => 6,
        AddressType::Unreachable => 7,
        AddressType::Prohibit => 8,
    }
}

impl DataType {
    /// The name after `type` in the declaration of a set.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ipv4Addr => "ipv4_addr",
            Self::Ipv6Addr => "ipv6_addr",
            Self::InetProto => "inet_proto",
            Self::InetService => "inet_service",
            Self::Mark => "mark",
            Self::IfName => "ifname",
            Self::IcmpType => "icmp_type",
            Self::CtState => "ct_state",
            Self::CtStatus => "ct_status",
            Self::CtDirection => "ct_dir",
            Self::FibAddrtype => "fib_addrtype",
            Self::NfProto => "nf_proto",
            Self::Integer => "integer",
        }
    }

    /// How many elements of a set stand on one line. Models calculate_delim of src/expression.c.
    pub(super) fn per_line(self) -> usize {
        match self {
            Self::NfProto | Self::Integer | Self::InetProto | Self::InetService | Self::Mark | Self::CtDirection => 5,
            Self::Ipv4Addr | Self::CtState | Self::CtStatus => 2,
            Self::Ipv6Addr | Self::IfName | Self::IcmpType | Self::FibAddrtype => 1,
        }
    }

    /// The words of the numbers that have one.
    fn words(self) -> &'static [(u128, &'static str)] {
        match self {
            // /etc/protocols.
            Self::InetProto => &[
                (1, "icmp"),
                (2, "igmp"),
                (4, "ipencap"),
                (6, "tcp"),
                (17, "udp"),
                (33, "dccp"),
                (41, "ipv6"),
                (47, "gre"),
                (50, "esp"),
                (51, "ah"),
                (58, "ipv6-icmp"),
                (132, "sctp"),
                (136, "udplite"),
            ],
            Self::IcmpType => &[
                (0, "echo-reply"),
                (3, "destination-unreachable"),
                (4, "source-quench"),
                (5, "redirect"),
                (8, "echo-request"),
                (9, "router-advertisement"),
                (10, "router-solicitation"),
                (11, "time-exceeded"),
                (12, "parameter-problem"),
                (13, "timestamp-request"),
                (14, "timestamp-reply"),
            ],
            Self::CtState => &[(1, "invalid"), (2, "established"), (4, "related"), (8, "new"), (64, "untracked")],
            Self::CtStatus => &[(0x10, "snat"), (0x20, "dnat")],
            Self::CtDirection => &[(0, "original"), (1, "reply")],
            Self::FibAddrtype => &[
                (1, "unicast"),
                (2, "local"),
                (3, "broadcast"),
                (5, "multicast"),
                (6, "blackhole"),
                (7, "unreachable"),
                (8, "prohibit"),
            ],
            Self::NfProto => &[(2, "ipv4"), (10, "ipv6")],
            _ => &[],
        }
    }

    /// One value.
    #[must_use]
    pub fn print(self, value: u128) -> String {
        if let Some((_, word)) = self.words().iter().find(|(number, _)| *number == value) {
            return (*word).to_owned();
        }
        match self {
            Self::Ipv4Addr => Ipv4Addr::from(u32::try_from(value).unwrap_or(u32::MAX)).to_string(),
            Self::Ipv6Addr => Ipv6Addr::from(value).to_string(),
            Self::Mark => format!("{value:#010x}"),
            Self::IfName => format!("\"{}\"", name_of(value)),
            Self::CtState | Self::CtStatus => format!("{value:#x}"),
            _ => value.to_string(),
        }
    }

    /// Bits, each by its word.
    #[must_use]
    pub fn print_flags(self, bits: u128) -> String {
        let set = self.words().iter().filter(|(bit, _)| bits & bit != 0);
        set.map(|(_, word)| *word).collect::<Vec<_>>().join(",")
    }

    /// One value, a network, or the first and the last.
    #[must_use]
    pub fn print_span(self, span: Span) -> String {
        if span.is_single() {
            return self.print(span.first);
        }
        let size = span.last.wrapping_sub(span.first).wrapping_add(1);
        let is_prefix = size == 0 || (size.is_power_of_two() && span.first.is_multiple_of(size));
        let width = match self {
            Self::Ipv4Addr => 32,
            Self::Ipv6Addr => 128,
            Self::IfName => return format!("\"{}*\"", name_of(span.first)),
            _ => 0,
        };
        if width > 0 && is_prefix {
            let host_bits = if size == 0 { 128 } else { size.trailing_zeros() };
            return format!("{}/{}", self.print(span.first), width - host_bits);
        }
        format!("{}-{}", self.print(span.first), self.print(span.last))
    }

    /// What a set's elements are sorted by when they are listed: in the kernel a device's name is a little-endian number.
    pub(super) fn sort_key(self, value: u128) -> u128 {
        if self == Self::IfName { value.swap_bytes() } else { value }
    }

    /// The same of one part of a concatenation. Models concat_expr_msort_value of src/mergesort.c: all parts lie one behind
    /// the other and are read as one little-endian number, so the last byte of the last part counts most.
    pub(super) fn sort_key_of_part(self, value: u128) -> u128 {
        match self {
            Self::Ipv4Addr => u128::from(u32::try_from(value).unwrap_or(u32::MAX).swap_bytes()),
            Self::InetService => u128::from(u16::try_from(value).unwrap_or(u16::MAX).swap_bytes()),
            Self::Ipv6Addr => value.swap_bytes(),
            _ => self.sort_key(value),
        }
    }
}

fn name_of(number: u128) -> String {
    let bytes = number.to_be_bytes();
    bytes.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect()
}

/// A duration as nft writes it: `1h30m`. Models time_print of src/datatype.c.
pub(super) fn print_time(duration: Duration) -> String {
    let ms = duration.as_millis();
    let parts = [
        (ms / 86_400_000, "d"),
        (ms / 3_600_000 % 24, "h"),
        (ms / 60_000 % 60, "m"),
        (ms / 1_000 % 60, "s"),
        (ms % 1_000, "ms"),
    ];
    let text: String =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number}{unit}")).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}
