//! The stub resolver: what getaddrinfo asks for a typed name, as glibc 2.36 and musl 1.2.5 do it; and dig.
//!
//! A state machine without a clock or a socket. It says what to send, from which socket and until when it waits; whoever
//! drives it hands it answers, errors and the time. Not modelled: `/etc/hosts`, which comes first, but for `localhost`, which
//! it has everywhere; `nscd`, host aliases,
//! environment variables, the order of RFC 6724 beyond IPv4 first (a machine here has no way to IPv6).

mod dig;
mod glibc;
mod glibc_conf;
mod glibc_search;
mod literal;
mod musl;
mod musl_conf;
mod name;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::base::Instant;
use crate::wire::{DnsMessage, DnsName, RData, RecordType};

pub use glibc_conf::GlibcConf;
pub use musl_conf::MuslConf;

/// Where both libraries ask if `resolv.conf` names nobody.
const NOBODY_NAMED: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Libc {
    /// glibc 2.36.
    Glibc,
    /// musl 1.2.5.
    Musl,
}

/// What is asked for, `ai_family`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Families {
    /// `AF_UNSPEC`.
    #[default]
    Both,
    /// `AF_INET`.
    Ipv4,
    /// `AF_INET6`.
    Ipv6,
}

impl Families {
    fn types(self) -> &'static [RecordType] {
        match self {
            Self::Both => &[RecordType::A, RecordType::AAAA],
            Self::Ipv4 => &[RecordType::A],
            Self::Ipv6 => &[RecordType::AAAA],
        }
    }
}

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// A connection, which is opened with the first message of its socket.
    Tcp,
}

/// A socket of the resolver, counted from 0 in the order in which they are opened. Each has a port of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Socket(pub u32);

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Counts the questions of this lookup from 0. A question that is sent again, also to another server, keeps its number,
    /// as it keeps its DNS identifier.
    pub number: u32,
    /// The name, with its trailing dot.
    pub name: String,
    /// The type.
    pub kind: RecordType,
    /// To port 53 of whom.
    pub server: IpAddr,
    /// From where.
    pub socket: Socket,
    /// How.
    pub transport: Transport,
    /// The UDP size that an OPT record states; `None` for no such record.
    pub edns: Option<u16>,
    /// Whether the AD bit is set.
    pub authentic_data: bool,
}

/// What a resolver reads of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The response code.
    pub rcode: u16,
    /// TC.
    pub truncated: bool,
    /// AA.
    pub authoritative: bool,
    /// RA.
    pub recursion_available: bool,
    /// How many records the answer section holds.
    pub n_answers: usize,
    /// How many records the additional section holds.
    pub n_additionals: usize,
    /// The addresses of the asked type in the answer section, in their order.
    pub addresses: Vec<IpAddr>,
}

impl Reply {
    /// What a resolver that has asked for records of `kind` reads of `message`.
    #[must_use]
    pub fn read(message: &DnsMessage, kind: RecordType) -> Self {
        let addresses = message.answers.iter().filter(|record| record.record_type() == kind);
        Self {
            rcode: message.rcode.0,
            truncated: message.flags.truncated,
            authoritative: message.flags.authoritative,
            recursion_available: message.flags.recursion_available,
            n_answers: message.answers.len(),
            n_additionals: message.additionals.len(),
            addresses: addresses
                .filter_map(|record| match record.data {
                    RData::A(address) => Some(address.into()),
                    RData::Aaaa(address) => Some(address.into()),
                    _ => None,
                })
                .collect(),
        }
    }
}

const NOERROR: u16 = 0;
const SERVFAIL: u16 = 2;
const NXDOMAIN: u16 = 3;
const NOTIMP: u16 = 4;
const REFUSED: u16 = 5;

/// What happens to a resolver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An answer to a question arrived at a socket.
    Answer {
        /// Where.
        socket: Socket,
        /// From whom.
        server: IpAddr,
        /// The number of the question.
        number: u32,
        /// What it says.
        reply: Reply,
    },
    /// A socket has an error: nothing could be sent, the connection was refused or broke, or an ICMP error came that Linux
    /// reports on a connected UDP socket (port unreachable and the prohibitions; host unreachable is not).
    Error {
        /// Which.
        socket: Socket,
    },
    /// The time to which it waited has come.
    Timeout,
}

/// What a resolver does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sends a message.
    Send(Query),
    /// Closes a socket: what arrives there from now on is refused.
    Close(Socket),
}

/// Where a lookup stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It waits, until some moment if there is one.
    Waiting(Option<Instant>),
    /// It is over.
    Done(Result<Vec<IpAddr>, LookupError>),
}

/// What getaddrinfo returns instead of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupError {
    /// `EAI_NONAME`: there is no such name.
    NoName,
    /// `EAI_NODATA`: the name is there, without an address.
    NoData,
    /// `EAI_AGAIN`: nobody could say.
    Again,
}

impl LookupError {
    /// Its name in `netdb.h`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoName => "EAI_NONAME",
            Self::NoData => "EAI_NODATA",
            Self::Again => "EAI_AGAIN",
        }
    }

    /// What `gai_strerror` says of it, which programs print.
    #[must_use]
    pub fn message(self, libc: Libc) -> &'static str {
        match (libc, self) {
            (Libc::Glibc, Self::NoName) => "Name or service not known",
            (Libc::Glibc, Self::NoData) => "No address associated with hostname",
            (Libc::Glibc, Self::Again) => "Temporary failure in name resolution",
            (Libc::Musl, Self::NoName) => "Name does not resolve",
            (Libc::Musl, Self::NoData) => "Name has no usable address",
            (Libc::Musl, Self::Again) => "Try again",
        }
    }
}

/// What somebody wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup<'a> {
    /// The name as it is typed.
    pub name: &'a str,
    /// `ai_family`.
    pub families: Families,
    /// The text of `/etc/resolv.conf`.
    pub resolv_conf: &'a str,
    /// What `gethostname` says.
    pub hostname: &'a str,
    /// Drawn: where `options rotate` starts.
    pub draw: u32,
}

/// A lookup as it runs.
#[derive(Clone, Debug)]
pub struct Resolver {
    kind: Kind,
    actions: Vec<Action>,
}

#[derive(Clone, Debug)]
enum Kind {
    /// An address was typed.
    Literal(Result<IpAddr, LookupError>),
    Glibc(Box<glibc::Glibc>),
    Musl(Box<musl::Musl>),
    Dig(Box<dig::Dig>),
}

impl Resolver {
    /// A lookup that has not begun.
    #[must_use]
    pub fn new(libc: Libc, lookup: &Lookup<'_>) -> Self {
        let known = literal::parse(lookup.name).or_else(|| literal::localhost(lookup.name));
        let kind = match (known, libc) {
            (Some(ip), _) => Kind::Literal(literal::of_family(ip, lookup.families)),
            (None, Libc::Glibc) => Kind::Glibc(Box::new(glibc::Glibc::new(lookup))),
            (None, Libc::Musl) => Kind::Musl(Box::new(musl::Musl::new(lookup))),
        };
        Self { kind, actions: Vec::new() }
    }

    /// One question, as dig asks it: of the first server that `resolv_conf` names, without the search list.
    #[must_use]
    pub fn dig(name: &DnsName, kind: RecordType, transport: Transport, resolv_conf: &str) -> Self {
        Self { kind: Kind::Dig(Box::new(dig::Dig::new(name, kind, transport, resolv_conf))), actions: Vec::new() }
    }

    /// Begins.
    pub fn start(&mut self, now: Instant) -> Progress {
        match &mut self.kind {
            Kind::Literal(ip) => Progress::Done(ip.map(|ip| vec![ip])),
            Kind::Glibc(glibc) => glibc.start(now, &mut self.actions),
            Kind::Musl(musl) => musl.start(now, &mut self.actions),
            Kind::Dig(dig) => dig.start(now, &mut self.actions),
        }
    }

    /// Goes on with what happened.
    pub fn on(&mut self, event: &Event, now: Instant) -> Progress {
        match &mut self.kind {
            Kind::Literal(ip) => Progress::Done(ip.map(|ip| vec![ip])),
            Kind::Glibc(glibc) => glibc.on(event, now, &mut self.actions),
            Kind::Musl(musl) => musl.on(event, now, &mut self.actions),
            Kind::Dig(dig) => dig.on(event, now, &mut self.actions),
        }
    }

    /// What it does now, in order.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }
}

/// `text` as a number the way strtoul reads it, as far as it is digits.
fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| text[..end].parse().unwrap_or(u32::MAX))
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}
