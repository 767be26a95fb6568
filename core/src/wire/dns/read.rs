//! Reading messages, and naming their fields.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use thiserror::Error;

use super::{DnsFlags, DnsMessage, DnsName, DnsRecord, Question, RData, Rcode, RecordType, Soa};

/// As many as a name has labels: more is a loop (`maxCompressionPointers`).
const MAX_POINTERS: usize = 126;

/// Why bytes are no message: what was expected at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DnsReadError {
    /// It ends too early.
    #[error("byte {0}: the message ends, more was expected")]
    Short(usize),
    /// A pointer that leads nowhere or in a circle.
    #[error("byte {0}: pointers of a name that go in a circle")]
    PointerLoop(usize),
    /// A label type that is neither length nor pointer.
    #[error("byte {0}: neither the length of a label nor a pointer")]
    BadLabel(usize),
    /// A name of more than 255 octets.
    #[error("byte {0}: a name of more than 255 octets")]
    LongName(usize),
    /// The length of a record's data is not what the data has.
    #[error("byte {0}: the data of the record is longer or shorter than its length says")]
    BadLength(usize),
}

impl DnsMessage {
    /// Reads a message; bytes behind it are ignored, as miekg/dns ignores them.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, DnsReadError> {
        let mut reader = Reader { bytes, at: 0 };
        let (mut message, counts) = reader.header()?;
        // A bare header is read as one, whatever it counts.
        if reader.at == bytes.len() {
            return Ok(message);
        }
        for _ in 0..counts[0] {
            message.questions.push(reader.question()?);
        }
        for (section, n_records) in
            [&mut message.answers, &mut message.authorities, &mut message.additionals].into_iter().zip(&counts[1..])
        {
            for _ in 0..*n_records {
                section.push(reader.record()?);
            }
        }
        // What the header has no room for stands in OPT's first octet.
        if let Some(opt) = message.additionals.iter_mut().find(|record| record.edns().is_some()) {
            message.rcode.0 |= (opt.ttl >> 24 << 4) as u16;
            opt.ttl &= 0x00ff_ffff;
        }
        Ok(message)
    }
}

/// Where the messages stand that a connection carries, each behind its length; `None` if these are not whole ones.
pub(in crate::wire) fn in_stream(bytes: &[u8]) -> Option<Vec<Range<usize>>> {
    let (mut at, mut messages) = (0, Vec::new());
    while at < bytes.len() {
        let len = bytes.get(at..at + 2)?;
        let end = at + 2 + usize::from(u16::from_be_bytes([len[0], len[1]]));
        if end > bytes.len() || end < at + 2 + super::DNS_HEADER_LEN {
            return None;
        }
        messages.push(at + 2..end);
        at = end;
    }
    (!messages.is_empty()).then_some(messages)
}

/// The fields of the message that `bytes` are, each with the bytes it occupies; `None` if they are none.
pub(in crate::wire) fn fields(bytes: &[u8]) -> Option<Vec<(&'static str, Range<usize>, String)>> {
    let mut reader = Reader { bytes, at: 0 };
    let (message, counts) = reader.header().ok()?;
    let opcode = match message.flags.opcode {
        0 => "QUERY".to_owned(),
        other => format!("opcode {other}"),
    };
    let flags = format!("{opcode} {} {}", message.flags.names(), message.rcode).replace("  ", " ");
    let mut fields = vec![("id", 0..2, format!("0x{:04x}", message.id)), ("flags", 2..4, flags)];
    let names = ["questions", "answers", "authorities", "additionals"];
    for (n, (name, count)) in names.into_iter().zip(counts).enumerate() {
        fields.push((name, 4 + 2 * n..6 + 2 * n, count.to_string()));
    }
    for _ in 0..counts[0] {
        let start = reader.at;
        let question = reader.question().ok()?;
        fields.push(("question", start..reader.at, format!("{} {}", question.name, question.qtype)));
    }
    for (name, count) in ["answer", "authority", "additional"].into_iter().zip(&counts[1..]) {
        for _ in 0..*count {
            let start = reader.at;
            let record = reader.record().ok()?;
            let text = match record.edns() {
                Some(edns) => format!("OPT udp size {} version {}", edns.udp_size, edns.version),
                None => record.to_string(),
            };
            fields.push((name, start..reader.at, text));
        }
    }
    Some(fields)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn header(&mut self) -> Result<(DnsMessage, [u16; 4]), DnsReadError> {
        let id = self.u16()?;
        let bits = self.u16()?;
        let counts = [self.u16()?, self.u16()?, self.u16()?, self.u16()?];
        let flags = DnsFlags::from_bits(bits);
        Ok((DnsMessage { id, flags, rcode: Rcode(bits & 0xf), ..DnsMessage::default() }, counts))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], DnsReadError> {
        let taken = self.bytes.get(self.at..self.at + len).ok_or(DnsReadError::Short(self.bytes.len()))?;
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DnsReadError> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| DnsReadError::Short(self.at))
    }

    fn u16(&mut self) -> Result<u16, DnsReadError> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, DnsReadError> {
        self.array().map(u32::from_be_bytes)
    }

    fn name(&mut self) -> Result<DnsName, DnsReadError> {
        let start = self.at;
        let mut labels: Vec<&[u8]> = Vec::new();
        let (mut n_pointers, mut end) = (0, None);
        loop {
            let at = self.at;
            let [len] = self.array()?;
            match len >> 6 {
                0 if len == 0 => break,
                0 => labels.push(self.take(usize::from(len))?),
                3 => {
                    let [low] = self.array()?;
                    end.get_or_insert(self.at);
                    n_pointers += 1;
                    if n_pointers > MAX_POINTERS {
                        return Err(DnsReadError::PointerLoop(start));
                    }
                    self.at = usize::from(len & 0x3f) << 8 | usize::from(low);
                }
                _ => return Err(DnsReadError::BadLabel(at)),
            }
            // A loop with labels in it ends here before it grows.
            if labels.len() > MAX_POINTERS + 1 {
                return Err(DnsReadError::LongName(start));
            }
        }
        if let Some(end) = end {
            self.at = end;
        }
        DnsName::from_labels(labels).map_err(|_| DnsReadError::LongName(start))
    }

    fn question(&mut self) -> Result<Question, DnsReadError> {
        Ok(Question { name: self.name()?, qtype: RecordType(self.u16()?), class: self.u16()? })
    }

    fn string(&mut self) -> Result<Vec<u8>, DnsReadError> {
        let [len] = self.array()?;
        self.take(usize::from(len)).map(<[u8]>::to_vec)
    }

    fn record(&mut self) -> Result<DnsRecord, DnsReadError> {
        let name = self.name()?;
        let record_type = RecordType(self.u16()?);
        let class = self.u16()?;
        let ttl = self.u32()?;
        let len = usize::from(self.u16()?);
        let (start, end) = (self.at, self.at + len);
        if end > self.bytes.len() {
            return Err(DnsReadError::Short(self.bytes.len()));
        }
        let data = self.data(record_type, end)?;
        if self.at != end {
            return Err(DnsReadError::BadLength(start));
        }
        Ok(DnsRecord { name, class, ttl, data })
    }

    fn data(&mut self, record_type: RecordType, end: usize) -> Result<RData, DnsReadError> {
        // OPT without options is OPT; any other record without data is only its type.
        if self.at == end && record_type != RecordType::OPT {
            return Ok(RData::Unknown(record_type, Vec::new()));
        }
        Ok(match record_type {
            RecordType::A => RData::A(Ipv4Addr::from(self.array::<4>()?)),
            RecordType::AAAA => RData::Aaaa(Ipv6Addr::from(self.array::<16>()?)),
            RecordType::CNAME => RData::Cname(self.name()?),
            RecordType::NS => RData::Ns(self.name()?),
            RecordType::PTR => RData::Ptr(self.name()?),
            RecordType::SOA => RData::Soa(Soa {
                mname: self.name()?,
                rname: self.name()?,
                serial: self.u32()?,
                refresh: self.u32()?,
                retry: self.u32()?,
                expire: self.u32()?,
                minimum: self.u32()?,
            }),
            RecordType::MX => RData::Mx { preference: self.u16()?, exchange: self.name()? },
            RecordType::SRV => {
                RData::Srv { priority: self.u16()?, weight: self.u16()?, port: self.u16()?, target: self.name()? }
            }
            RecordType::TXT => {
                let mut strings = Vec::new();
                while self.at < end {
                    strings.push(self.string()?);
                }
                RData::Txt(strings)
            }
            RecordType::HINFO => RData::Hinfo { cpu: self.string()?, os: self.string()? },
            RecordType::OPT => {
                let mut options = Vec::new();
                while self.at < end {
                    let code = self.u16()?;
                    let len = usize::from(self.u16()?);
                    options.push((code, self.take(len)?.to_vec()));
                }
                RData::Opt(options)
            }
            other => RData::Unknown(other, self.take(end - self.at)?.to_vec()),
        })
    }
}
