//! Records as zone files write them, one in a line, read.
//!
//! Models miekg/dns' `NewRR` for the types that have a form of their own here, without `$ORIGIN`, comments and brackets.

use std::str::FromStr;

use thiserror::Error;

use super::{DnsName, DnsNameError, DnsRecord, RData, RecordType, Soa};

/// Why a text is no record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DnsTextError {
    /// It ends too early.
    #[error("it ends where {0} was expected")]
    Ends(&'static str),
    /// Something else was expected.
    #[error("found {found:?}, expected {expected}")]
    Expected {
        /// What stood there.
        found: String,
        /// What could have.
        expected: &'static str,
    },
    /// A name that is none.
    #[error("found {found:?}: {error}")]
    Name {
        /// What stood there.
        found: String,
        /// What is wrong with it.
        error: DnsNameError,
    },
}

/// Its types.
const TYPES: &str = "a type: A, AAAA, CNAME, MX, NS, PTR, SOA, SRV or TXT";

/// Reads `example.com. 300 IN A 93.184.216.34`; every name is a whole one, with or without its last dot.
impl FromStr for DnsRecord {
    type Err = DnsTextError;

    fn from_str(text: &str) -> Result<Self, DnsTextError> {
        let mut words = Words(text.trim());
        let name = words.name("the name of a record")?;
        let ttl = words.number("a time to live in seconds")?;
        words.read("the class IN", |word| word.eq_ignore_ascii_case("IN").then_some(()))?;
        let record_type = words.read(TYPES, |word| word.parse::<RecordType>().ok().filter(is_read))?;
        let data = words.data(record_type)?;
        match words.next() {
            Some(word) => Err(DnsTextError::Expected { found: word, expected: "the end of the record" }),
            None => Ok(Self::new(name, ttl, data)),
        }
    }
}

fn is_read(record_type: &RecordType) -> bool {
    use RecordType as T;
    [T::A, T::AAAA, T::CNAME, T::MX, T::NS, T::PTR, T::SOA, T::SRV, T::TXT].contains(record_type)
}

/// What is still to be read.
struct Words<'a>(&'a str);

impl Words<'_> {
    /// The next word; blanks stand in it if it is quoted.
    fn next(&mut self) -> Option<String> {
        let rest = self.0.trim_start();
        let mut chars = rest.char_indices();
        let (_, first) = chars.clone().next()?;
        let is_quoted = first == '"';
        if is_quoted {
            chars.next();
        }
        let (mut word, mut end) = (String::new(), rest.len());
        while let Some((at, c)) = chars.next() {
            match c {
                '"' if is_quoted => {
                    end = at + 1;
                    break;
                }
                '\\' if is_quoted => word.extend(chars.next().map(|(_, escaped)| escaped)),
                c if c.is_whitespace() && !is_quoted => {
                    end = at;
                    break;
                }
                c => word.push(c),
            }
        }
        self.0 = &rest[end..];
        Some(word)
    }

    fn read<T>(&mut self, expected: &'static str, read: impl Fn(&str) -> Option<T>) -> Result<T, DnsTextError> {
        let found = self.next().ok_or(DnsTextError::Ends(expected))?;
        read(&found).ok_or(DnsTextError::Expected { found, expected })
    }

    fn number<T: FromStr>(&mut self, expected: &'static str) -> Result<T, DnsTextError> {
        self.read(expected, |word| word.parse().ok())
    }

    fn name(&mut self, expected: &'static str) -> Result<DnsName, DnsTextError> {
        let found = self.next().ok_or(DnsTextError::Ends(expected))?;
        found.parse().map_err(|error| DnsTextError::Name { found, error })
    }

    fn data(&mut self, record_type: RecordType) -> Result<RData, DnsTextError> {
        let number = "a number that fits here";
        let host = "the name of a host";
        Ok(match record_type {
            RecordType::A => RData::A(self.number("an IPv4 address")?),
            RecordType::AAAA => RData::Aaaa(self.number("an IPv6 address")?),
            RecordType::CNAME => RData::Cname(self.name(host)?),
            RecordType::NS => RData::Ns(self.name(host)?),
            RecordType::PTR => RData::Ptr(self.name(host)?),
            RecordType::MX => RData::Mx { preference: self.number(number)?, exchange: self.name(host)? },
            RecordType::SRV => RData::Srv {
                priority: self.number(number)?,
                weight: self.number(number)?,
                port: self.number(number)?,
                target: self.name(host)?,
            },
            RecordType::SOA => RData::Soa(Soa {
                mname: self.name(host)?,
                rname: self.name("a mail address with a dot for its @")?,
                serial: self.number(number)?,
                refresh: self.number(number)?,
                retry: self.number(number)?,
                expire: self.number(number)?,
                minimum: self.number(number)?,
            }),
            _ => {
                let short = |word: &str| (word.len() < 256).then(|| word.as_bytes().to_vec());
                let mut strings = vec![self.read("a string of up to 255 octets", short)?];
                while !self.0.trim_start().is_empty() {
                    strings.push(self.read("a string of up to 255 octets", short)?);
                }
                RData::Txt(strings)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::wire::DnsRecord;

    #[test]
    fn what_is_printed_is_read() {
        for text in [
            "example.com. 300 IN A 93.184.216.34",
            "example.com. 300 IN AAAA 2606:2800:220:1::1",
            "www.example.com. 5 IN CNAME example.com.",
            "example.com. 300 IN MX 10 mail.example.com.",
            "example.com. 300 IN TXT \"v=spf1 -all\" \"a \\\"b\\\"\"",
            "_http._tcp.example.com. 1 IN SRV 0 5 80 www.example.com.",
            "4.3.2.1.in-addr.arpa. 1 IN PTR example.com.",
            "example.com. 300 IN NS ns.example.com.",
            "example.com. 300 IN SOA ns.example.com. hostmaster.example.com. 1 7200 1800 86400 300",
        ] {
            let record = text.parse::<DnsRecord>().map(|record| record.to_string());
            assert_eq!(record.as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_no_record_is_refused_in_words() {
        for (text, expected) in [
            ("", "it ends where the name of a record was expected"),
            (
                "a..b 300 IN A 1.2.3.4",
                "found \"a..b\": the name has an empty label (two dots in a row, or a dot in front)",
            ),
            ("a.b. soon IN A 1.2.3.4", "found \"soon\", expected a time to live in seconds"),
            ("a.b. 300 CH A 1.2.3.4", "found \"CH\", expected the class IN"),
            ("a.b. 300 IN HINFO x y", "found \"HINFO\", expected a type: A, AAAA, CNAME, MX, NS, PTR, SOA, SRV or TXT"),
            ("a.b. 300 IN A ::1", "found \"::1\", expected an IPv4 address"),
            ("a.b. 300 IN A 1.2.3.4 5.6.7.8", "found \"5.6.7.8\", expected the end of the record"),
            ("a.b. 300 IN MX mail.a.b.", "found \"mail.a.b.\", expected a number that fits here"),
            ("a.b. 300 IN SRV 0 0 80", "it ends where the name of a host was expected"),
        ] {
            let error = text.parse::<DnsRecord>().map(|record| record.to_string()).map_err(|error| error.to_string());
            assert_eq!(error, Err(expected.to_owned()), "{text}");
        }
    }
}
