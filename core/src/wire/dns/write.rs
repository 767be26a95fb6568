//! Writing messages, with names compressed as miekg/dns does it, and cutting what does not fit.

use thiserror::Error;

use super::{DNS_MAX_SIZE, DNS_MIN_SIZE, DnsMessage, DnsName, DnsRecord, Question, RData};
use crate::base::BTreeMap;

/// Pointers have fourteen bits.
const MAX_POINTER: usize = 1 << 14;

/// Why a message cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DnsWriteError {
    /// More than 65,535 bytes, or as many records in one section.
    #[error("the message has {0} bytes or records where at most 65535 fit")]
    TooLarge(usize),
    /// A string of more than 255 octets.
    #[error("a string of {0} octets; at most 255 fit")]
    LongString(usize),
    /// A response code above 15 without an OPT record to carry it.
    #[error("response code {0} needs an OPT record")]
    RcodeWithoutOpt(u16),
}

impl DnsMessage {
    /// The bytes of the message.
    pub fn to_bytes(&self) -> Result<Vec<u8>, DnsWriteError> {
        if self.rcode.0 > 0xf && self.edns().is_none() {
            return Err(DnsWriteError::RcodeWithoutOpt(self.rcode.0));
        }
        let mut writer = Writer::new(self.compress);
        writer.u16(self.id);
        writer.u16(self.flags.to_bits() | self.rcode.0 & 0xf);
        let sections = [&self.answers, &self.authorities, &self.additionals];
        writer.u16(count(self.questions.len())?);
        for section in sections {
            writer.u16(count(section.len())?);
        }
        self.questions.iter().for_each(|question| writer.question(question));
        for record in sections.into_iter().flatten() {
            writer.record(record, self.rcode.0)?;
        }
        count(writer.bytes.len())?;
        Ok(writer.bytes)
    }

    /// Cuts the message to `size` bytes as miekg's `Msg.Truncate` does: one that fits without compression is sent without;
    /// otherwise records are kept in order, compressed, up to the first that does not fit, and TC is set. OPT stays.
    pub fn truncate(&mut self, size: usize) -> Result<(), DnsWriteError> {
        let size = size.max(DNS_MIN_SIZE);
        self.compress = false;
        if self.wire_len()? <= size {
            return Ok(());
        }
        self.compress = true;
        let at = self.additionals.iter().position(|record| record.edns().is_some());
        let opt = at.map(|at| self.additionals.remove(at));
        let mut room = size;
        if let Some(opt) = &opt {
            let mut writer = Writer::new(false);
            writer.record(opt, 0)?;
            room = room.saturating_sub(writer.bytes.len());
        }
        let mut writer = Writer::new(true);
        writer.bytes.resize(super::DNS_HEADER_LEN, 0);
        self.questions.iter().for_each(|question| writer.question(question));
        for section in [&mut self.answers, &mut self.authorities, &mut self.additionals] {
            let mut n_kept = 0;
            for record in section.iter() {
                // The first that does not fit closes the sections behind it too.
                if writer.bytes.len() >= room {
                    break;
                }
                writer.record(record, 0)?;
                if writer.bytes.len() > room {
                    break;
                }
                n_kept += 1;
            }
            self.flags.truncated |= n_kept < section.len();
            section.truncate(n_kept);
        }
        self.additionals.extend(opt);
        Ok(())
    }

    /// How many bytes it has; also of a message too large to be sent.
    pub fn wire_len(&self) -> Result<usize, DnsWriteError> {
        let mut writer = Writer::new(self.compress);
        writer.bytes.resize(super::DNS_HEADER_LEN, 0);
        self.questions.iter().for_each(|question| writer.question(question));
        for record in [&self.answers, &self.authorities, &self.additionals].into_iter().flatten() {
            writer.record(record, 0)?;
        }
        Ok(writer.bytes.len())
    }
}

fn count(number: usize) -> Result<u16, DnsWriteError> {
    debug_assert!(u16::MAX as usize == DNS_MAX_SIZE, "both limits are 65535");
    u16::try_from(number).map_err(|_| DnsWriteError::TooLarge(number))
}

struct Writer {
    bytes: Vec<u8>,
    /// Where a name, or the rest of one, already stands. Letters in another case are another name, as in miekg's map.
    seen: Option<BTreeMap<Vec<u8>, u16>>,
}

impl Writer {
    fn new(compress: bool) -> Self {
        Self { bytes: Vec::new(), seen: compress.then(BTreeMap::new) }
    }

    fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// Names that may not be compressed can still be pointed at.
    fn name(&mut self, name: &DnsName, may_point: bool) {
        let mut rest = name.labels();
        loop {
            let tail = rest.as_bytes();
            let Some(label) = rest.next() else { break };
            if let Some(seen) = &mut self.seen {
                let at = self.bytes.len();
                match seen.get(tail) {
                    Some(pointer) if may_point => {
                        let pointer = 0xc000 | *pointer;
                        return self.u16(pointer);
                    }
                    None if at < MAX_POINTER => {
                        seen.insert(tail.to_vec(), at as u16);
                    }
                    _ => {}
                }
            }
            self.bytes.push(label.len() as u8);
            self.bytes.extend_from_slice(label);
        }
        self.bytes.push(0);
    }

    fn string(&mut self, string: &[u8]) -> Result<(), DnsWriteError> {
        self.bytes.push(u8::try_from(string.len()).map_err(|_| DnsWriteError::LongString(string.len()))?);
        self.bytes.extend_from_slice(string);
        Ok(())
    }

    fn question(&mut self, question: &Question) {
        self.name(&question.name, true);
        self.u16(question.qtype.0);
        self.u16(question.class);
    }

    /// OPT's first octet is what the header has no room for of `rcode`.
    fn record(&mut self, record: &DnsRecord, rcode: u16) -> Result<(), DnsWriteError> {
        let is_opt = record.edns().is_some();
        self.name(&record.name, true);
        self.u16(record.record_type().0);
        self.u16(record.class);
        self.u32(if is_opt { u32::from(rcode >> 4) << 24 | record.ttl & 0x00ff_ffff } else { record.ttl });
        let start = self.bytes.len();
        self.u16(0);
        match &record.data {
            RData::A(address) => self.bytes.extend_from_slice(&address.octets()),
            RData::Aaaa(address) => self.bytes.extend_from_slice(&address.octets()),
            RData::Cname(name) | RData::Ns(name) | RData::Ptr(name) => self.name(name, true),
            RData::Soa(soa) => {
                self.name(&soa.mname, true);
                self.name(&soa.rname, true);
                [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum].into_iter().for_each(|n| self.u32(n));
            }
            RData::Mx { preference, exchange } => {
                self.u16(*preference);
                self.name(exchange, true);
            }
            RData::Srv { priority, weight, port, target } => {
                [*priority, *weight, *port].into_iter().for_each(|number| self.u16(number));
                // RFC 2782: a target is never compressed.
                self.name(target, false);
            }
            RData::Txt(strings) => strings.iter().try_for_each(|string| self.string(string))?,
            RData::Hinfo { cpu, os } => {
                self.string(cpu)?;
                self.string(os)?;
            }
            RData::Opt(options) => {
                for (code, data) in options {
                    self.u16(*code);
                    self.u16(count(data.len())?);
                    self.bytes.extend_from_slice(data);
                }
            }
            RData::Unknown(_, bytes) => self.bytes.extend_from_slice(bytes),
        }
        let len = count(self.bytes.len() - start - 2)?;
        self.bytes[start..start + 2].copy_from_slice(&len.to_be_bytes());
        Ok(())
    }
}
