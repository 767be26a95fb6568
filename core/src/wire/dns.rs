//! DNS messages as bytes: header, question and records, read and written.
//!
//! Models github.com/miekg/dns (`msg.go`, `msg_truncate.go`), which CoreDNS reads and writes with: names are compressed
//! only when the message says so, a record that does not fit ends its message, and letters keep their case. The code is
//! our own because none of the crates cuts and compresses as miekg/dns does, and that is most of what there is to model;
//! hickory-proto would bring IDNA tables and an error hierarchy to the page, simple-dns borrows from the bytes it reads.
//!
//! Not modelled: DNSSEC and TSIG records (kept as unknown bytes), dynamic updates.

mod name;
mod present;
mod read;
mod record;
#[cfg(test)]
mod tests;
mod types;
mod write;

pub use name::{DnsName, DnsNameError, Labels};
pub use present::DnsTextError;
pub use read::DnsReadError;
pub(super) use read::{fields, in_stream};
pub use record::{DnsRecord, Edns, RData, Soa};
pub use types::{CLASS_IN, Rcode, RecordType};
pub use write::DnsWriteError;

use super::{Packet, Transport};

/// The port of DNS, over UDP and TCP.
pub const DNS_PORT: u16 = 53;
/// What a UDP answer may weigh if the question advertises nothing.
pub const DNS_MIN_SIZE: usize = 512;
/// What a message over TCP may weigh.
pub const DNS_MAX_SIZE: usize = 65_535;
/// Bytes of the header.
pub const DNS_HEADER_LEN: usize = 12;

/// A whole message: a query, or what answers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsMessage {
    /// Which query this is, or answers.
    pub id: u16,
    /// The bits of the header.
    pub flags: DnsFlags,
    /// How it went; what is above 15 needs an OPT record among the additional ones.
    pub rcode: Rcode,
    /// What is asked.
    pub questions: Vec<Question>,
    /// The answers.
    pub answers: Vec<DnsRecord>,
    /// Who says so: for a name without answers the SOA of its zone.
    pub authorities: Vec<DnsRecord>,
    /// What else may help, and OPT.
    pub additionals: Vec<DnsRecord>,
    /// Whether names are compressed when it is written. It is no part of the bytes: what is read says `false`.
    pub compress: bool,
}

/// The bits of the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DnsFlags {
    /// QR: an answer.
    pub response: bool,
    /// The kind of query: 0 is QUERY, 4 NOTIFY, 5 UPDATE.
    pub opcode: u8,
    /// AA: from the zone's own data.
    pub authoritative: bool,
    /// TC: not all of it fitted.
    pub truncated: bool,
    /// RD: the resolver is to ask others too.
    pub recursion_desired: bool,
    /// RA: the server does ask others.
    pub recursion_available: bool,
    /// Z: reserved.
    pub zero: bool,
    /// AD: DNSSEC was checked.
    pub authentic_data: bool,
    /// CD: DNSSEC is not to be checked.
    pub checking_disabled: bool,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name, in the case it was asked in.
    pub name: DnsName,
    /// The type of records.
    pub qtype: RecordType,
    /// The class, [`CLASS_IN`] but for oddities.
    pub class: u16,
}

impl Question {
    /// The question for records of `qtype` at `name` in the Internet's class.
    #[must_use]
    pub fn new(name: DnsName, qtype: RecordType) -> Self {
        Self { name, qtype, class: CLASS_IN }
    }
}

impl DnsFlags {
    fn from_bits(bits: u16) -> Self {
        let is_set = |bit: u16| bits & 1 << bit != 0;
        Self {
            response: is_set(15),
            opcode: (bits >> 11 & 0xf) as u8,
            authoritative: is_set(10),
            truncated: is_set(9),
            recursion_desired: is_set(8),
            recursion_available: is_set(7),
            zero: is_set(6),
            authentic_data: is_set(5),
            checking_disabled: is_set(4),
        }
    }

    fn to_bits(self) -> u16 {
        u16::from(self.response) << 15
            | u16::from(self.opcode & 0xf) << 11
            | u16::from(self.authoritative) << 10
            | u16::from(self.truncated) << 9
            | u16::from(self.recursion_desired) << 8
            | u16::from(self.recursion_available) << 7
            | u16::from(self.zero) << 6
            | u16::from(self.authentic_data) << 5
            | u16::from(self.checking_disabled) << 4
    }

    /// The names of the bits that are set, as dig prints them: `qr aa rd`.
    #[must_use]
    pub fn names(self) -> String {
        let named = [
            (self.response, "qr"),
            (self.authoritative, "aa"),
            (self.truncated, "tc"),
            (self.recursion_desired, "rd"),
            (self.recursion_available, "ra"),
            (self.authentic_data, "ad"),
            (self.checking_disabled, "cd"),
        ];
        named.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
    }
}

impl DnsMessage {
    /// A query with the recursion-desired bit, as stub resolvers send it.
    #[must_use]
    pub fn query(id: u16, question: Question) -> Self {
        let flags = DnsFlags { recursion_desired: true, ..DnsFlags::default() };
        Self { id, flags, questions: vec![question], ..Self::default() }
    }

    /// The answer to `self` before anything is in it (miekg's `SetReply`): only the first question is kept.
    #[must_use]
    pub fn reply(&self) -> Self {
        let mut flags = DnsFlags { response: true, opcode: self.flags.opcode, ..DnsFlags::default() };
        if flags.opcode == 0 {
            flags.recursion_desired = self.flags.recursion_desired;
            flags.checking_disabled = self.flags.checking_disabled;
        }
        Self { id: self.id, flags, questions: self.questions.first().cloned().into_iter().collect(), ..Self::default() }
    }

    /// The messages that a packet carries: one in a datagram of port 53, or whole ones in a segment.
    #[must_use]
    pub fn carried_by(packet: &Packet) -> Vec<Self> {
        let body = |len: usize| {
            let bytes = packet.ip_payload();
            bytes.get(bytes.len().saturating_sub(len)..).unwrap_or_default()
        };
        let mut messages: Vec<Self> = match packet.transport() {
            Some(Transport::Udp(udp)) if [udp.sport, udp.dport].contains(&DNS_PORT) => {
                Self::from_slice(body(udp.payload_len)).into_iter().collect()
            }
            Some(Transport::Tcp(tcp)) if [tcp.sport, tcp.dport].contains(&DNS_PORT) => {
                let bytes = body(tcp.payload_len);
                let messages = in_stream(bytes).unwrap_or_default().into_iter();
                messages.filter_map(|range| Self::from_slice(&bytes[range]).ok()).collect()
            }
            _ => Vec::new(),
        };
        // What asks nothing is something else.
        messages.retain(|message| !message.questions.is_empty());
        messages
    }

    /// What the OPT record says.
    #[must_use]
    pub fn edns(&self) -> Option<Edns> {
        self.additionals.iter().find_map(DnsRecord::edns)
    }

    /// Adds an OPT record.
    pub fn set_edns(&mut self, edns: Edns) {
        self.additionals.push(DnsRecord::opt(edns));
    }

    /// What the answer to this query may weigh over UDP.
    #[must_use]
    pub fn udp_size(&self) -> usize {
        self.edns().map_or(DNS_MIN_SIZE, |edns| usize::from(edns.udp_size).max(DNS_MIN_SIZE))
    }
}
