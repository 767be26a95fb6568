//! Rules of iptables as values: what a packet must be, and what then becomes of it.
//!
//! Typed once, printed by `print`, tried by `matching`; text is never read back to decide anything.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::base::{ServiceNote, Writer};
use crate::netfilter::AddressType;
use crate::wire::IcmpError;

/// Something that must hold, or with `not` must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Not<T> {
    /// Whether `!` stands in front.
    pub not: bool,
    /// What.
    pub value: T,
}

impl<T> Not<T> {
    /// It must hold.
    #[must_use]
    pub fn is(value: T) -> Self {
        Self { not: false, value }
    }

    /// It must not hold.
    #[must_use]
    pub fn isnt(value: T) -> Self {
        Self { not: true, value }
    }
}

/// One rule of a chain (`struct ipt_entry`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `-s`.
    pub src: Option<Not<IpNet>>,
    /// `-d`.
    pub dst: Option<Not<IpNet>>,
    /// `-i`; a `+` at the end stands for any rest.
    pub iif: Option<Not<Arc<str>>>,
    /// `-o`.
    pub oif: Option<Not<Arc<str>>>,
    /// `-p`, by number.
    pub protocol: Option<Not<u8>>,
    /// `-m …`, in order.
    pub matches: Vec<Match>,
    /// `-j` or `-g`.
    pub target: Target,
    /// Who wrote it.
    pub writer: Writer,
    /// For which service.
    pub service: Option<Arc<ServiceNote>>,
}

impl Rule {
    /// A rule that every packet matches.
    #[must_use]
    pub fn new(writer: Writer, target: Target) -> Self {
        Self {
            src: None,
            dst: None,
            iif: None,
            oif: None,
            protocol: None,
            matches: Vec::new(),
            target,
            writer,
            service: None,
        }
    }

    /// Written for this service.
    #[must_use]
    pub fn about(self, service: &Arc<ServiceNote>) -> Self {
        Self { service: Some(service.clone()), ..self }
    }

    /// From this network.
    #[must_use]
    pub fn src(mut self, net: Not<IpNet>) -> Self {
        self.src = Some(net);
        self
    }

    /// To this network.
    #[must_use]
    pub fn dst(mut self, net: Not<IpNet>) -> Self {
        self.dst = Some(net);
        self
    }

    /// In by this device.
    #[must_use]
    pub fn iif(mut self, dev: Not<&str>) -> Self {
        self.iif = Some(Not { not: dev.not, value: dev.value.into() });
        self
    }

    /// Out by this device.
    #[must_use]
    pub fn oif(mut self, dev: Not<&str>) -> Self {
        self.oif = Some(Not { not: dev.not, value: dev.value.into() });
        self
    }

    /// Of this protocol.
    #[must_use]
    pub fn protocol(mut self, number: u8) -> Self {
        self.protocol = Some(Not::is(number));
        self
    }

    /// And this holds.
    #[must_use]
    pub fn and(mut self, also: Match) -> Self {
        self.matches.push(also);
        self
    }

    /// And this is said about it.
    #[must_use]
    pub fn comment(self, text: &str) -> Self {
        self.and(Match::Comment(text.into()))
    }
}

/// Ports from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// First.
    pub first: u16,
    /// Last.
    pub last: u16,
}

impl PortRange {
    /// One port.
    #[must_use]
    pub fn one(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// Whether `port` is among them.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

/// Which port is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortSide {
    /// The source port.
    Source,
    /// The destination port.
    Destination,
    /// Either.
    Either,
}

/// States that `-m conntrack --ctstate` knows, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CtStates(pub u8);

impl CtStates {
    /// Not a packet of any connection.
    pub const INVALID: Self = Self(1);
    /// The first of a connection.
    pub const NEW: Self = Self(2);
    /// About a connection.
    pub const RELATED: Self = Self(4);
    /// Of a connection that has been answered.
    pub const ESTABLISHED: Self = Self(8);
    /// Not to be tracked.
    pub const UNTRACKED: Self = Self(16);
    /// Of a connection whose source is translated.
    pub const SNAT: Self = Self(32);
    /// Of a connection whose destination is translated.
    pub const DNAT: Self = Self(64);

    /// Either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether they have one in common.
    #[must_use]
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What `-m recent` does with its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecentOp {
    /// `--set`: puts the source on the list. Always matches.
    Set,
    /// `--rcheck`: is the source on it?
    Rcheck,
    /// `--update`: the same, and renews it.
    Update,
    /// `--remove`: the same, and takes it off.
    Remove,
}

/// One `-m`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// `-m comment`.
    Comment(Arc<str>),
    /// `-m tcp` or `-m udp`, after `-p`: ports.
    Ports {
        /// `--sport`.
        sport: Option<Not<PortRange>>,
        /// `--dport`.
        dport: Option<Not<PortRange>>,
    },
    /// `-m tcp --tcp-flags MASK COMP`, as bits of the flags byte.
    TcpFlags {
        /// Bits that are looked at.
        mask: u8,
        /// Bits that must be set of them.
        comp: u8,
        /// Negated.
        not: bool,
    },
    /// `-m icmp --icmp-type`.
    Icmp(Not<(u8, Option<u8>)>),
    /// `-m multiport`.
    Multiport {
        /// Which port.
        side: PortSide,
        /// The ports.
        ports: Not<Vec<PortRange>>,
    },
    /// `-m mark --mark VALUE/MASK`.
    Mark {
        /// Value.
        value: u32,
        /// Bits that are looked at.
        mask: u32,
        /// Negated.
        not: bool,
    },
    /// `-m connmark --mark VALUE/MASK`.
    Connmark {
        /// Value.
        value: u32,
        /// Bits that are looked at.
        mask: u32,
        /// Negated.
        not: bool,
    },
    /// `-m conntrack --ctstate`.
    CtState(Not<CtStates>),
    /// `-m conntrack --ctdir`: whether it is the reply's direction.
    CtDirection {
        /// The direction of the answers.
        reply: bool,
    },
    /// `-m addrtype`.
    Addrtype {
        /// `--src-type`.
        src: Option<Not<AddressType>>,
        /// `--dst-type`.
        dst: Option<Not<AddressType>>,
        /// `--limit-iface-in`.
        limit_in: bool,
        /// `--limit-iface-out`.
        limit_out: bool,
    },
    /// `-m statistic --mode random`: in 2^31ths.
    Random {
        /// How many of 2^31 draws match.
        probability: u32,
    },
    /// `-m statistic --mode nth`.
    Nth {
        /// Every so many packets.
        every: u32,
        /// Which of them, from 0.
        packet: u32,
        /// Number of this counter among the table's.
        counter: u32,
    },
    /// `-m recent`, by source address.
    Recent {
        /// Name of the list.
        list: Arc<str>,
        /// What is done.
        op: Not<RecentOp>,
        /// `--seconds`: seen within.
        seconds: Option<u32>,
        /// `--reap`: forgets what is older.
        reap: bool,
    },
    /// `-m set --match-set`.
    Set {
        /// Name of the set.
        set: Not<Arc<str>>,
        /// Which end each part of an element is taken from: `src` or `dst`.
        sides: Vec<PortSide>,
    },
    /// `-m physdev`.
    Physdev {
        /// `--physdev-in`.
        physin: Option<Not<Arc<str>>>,
        /// `--physdev-out`.
        physout: Option<Not<Arc<str>>>,
        /// `--physdev-is-in`.
        is_in: Option<Not<()>>,
        /// `--physdev-is-bridged`.
        is_bridged: Option<Not<()>>,
    },
    /// `-m ipvs`: IPVS sends the packet to a real server of this virtual server.
    Ipvs {
        /// `--vproto`, by number.
        vproto: u8,
        /// `--vaddr`.
        vaddr: IpAddr,
        /// `--vport`.
        vport: u16,
    },
}

impl Match {
    /// The probability `p`, as kube-proxy and iptables turn it into 2^31ths.
    #[must_use]
    pub fn random(p: f64) -> Self {
        // Models extensions/libxt_statistic.c: lround(0x80000000 * p).
        Self::Random { probability: (f64::from(1_u32 << 31) * p).round() as u32 }
    }

    /// `--dport PORT`.
    #[must_use]
    pub fn dport(port: u16) -> Self {
        Self::Ports { sport: None, dport: Some(Not::is(PortRange::one(port))) }
    }

    /// `--dst-type TYPE`.
    #[must_use]
    pub fn dst_type(kind: AddressType) -> Self {
        Self::Addrtype { src: None, dst: Some(Not::is(kind)), limit_in: false, limit_out: false }
    }

    /// `--src-type TYPE`.
    #[must_use]
    pub fn src_type(kind: AddressType) -> Self {
        Self::Addrtype { src: Some(Not::is(kind)), dst: None, limit_in: false, limit_out: false }
    }

    /// `--mark VALUE/VALUE`.
    #[must_use]
    pub fn marked(bits: u32) -> Self {
        Self::Mark { value: bits, mask: bits, not: false }
    }
}

/// How a packet is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectWith {
    /// By an ICMP error.
    Icmp(IcmpError),
    /// By a TCP reset.
    TcpReset,
}

/// Addresses and ports that a translation may choose from (`struct nf_nat_range2`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NatRange {
    /// First and last address; the packet's own if `None`.
    pub addresses: Option<(IpAddr, IpAddr)>,
    /// First and last port; the packet's own if `None`.
    pub ports: Option<(u16, u16)>,
    /// `--random-fully`.
    pub random_fully: bool,
}

/// What becomes of a packet that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nothing: the rule only counts.
    None,
    /// `-j ACCEPT`.
    Accept,
    /// `-j DROP`.
    Drop,
    /// `-j RETURN`.
    Return,
    /// `-j CHAIN`: to another chain, and back from its end.
    Jump(Arc<str>),
    /// `-g CHAIN`: to another chain, and from its end to where this one was called.
    Goto(Arc<str>),
    /// `-j REJECT`.
    Reject(RejectWith),
    /// `-j MARK --set-xmark VALUE/MASK`: clears the bits of the mask, then flips those of the value.
    Mark {
        /// Bits that are flipped.
        value: u32,
        /// Bits that are cleared first.
        mask: u32,
    },
    /// `-j CONNMARK --set-xmark VALUE/MASK`.
    SetConnmark {
        /// Bits that are flipped.
        value: u32,
        /// Bits that are cleared first.
        mask: u32,
    },
    /// `-j CONNMARK --save-mark`: the packet's mark becomes the connection's.
    SaveMark,
    /// `-j CONNMARK --restore-mark`: the connection's mark becomes the packet's.
    RestoreMark,
    /// `-j DNAT`.
    Dnat(NatRange),
    /// `-j SNAT`.
    Snat(NatRange),
    /// `-j MASQUERADE`.
    Masquerade(NatRange),
    /// `-j REDIRECT`.
    Redirect(NatRange),
    /// `-j NOTRACK`.
    Notrack,
    /// `-j TRACE`.
    Trace,
}

impl Target {
    /// Sets these bits of the mark: `MARK --or-mark`.
    #[must_use]
    pub fn or_mark(bits: u32) -> Self {
        Self::Mark { value: bits, mask: bits }
    }

    /// Flips these bits of the mark: `MARK --xor-mark`.
    #[must_use]
    pub fn xor_mark(bits: u32) -> Self {
        Self::Mark { value: bits, mask: 0 }
    }
}
