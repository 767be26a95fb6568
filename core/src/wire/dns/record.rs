//! Records: who, for how long, and what.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{CLASS_IN, DnsName, RecordType};

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsRecord {
    /// Whose it is.
    pub name: DnsName,
    /// Its class; for OPT the size of answers that fits.
    pub class: u16,
    /// Seconds for which it may be kept; for OPT version and bits.
    pub ttl: u32,
    /// What it says.
    pub data: RData,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RData {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// The true name.
    Cname(DnsName),
    /// A name server.
    Ns(DnsName),
    /// The name of an address.
    Ptr(DnsName),
    /// The start of a zone.
    Soa(Soa),
    /// A mail server.
    Mx {
        /// The lowest is asked first.
        preference: u16,
        /// Its name.
        exchange: DnsName,
    },
    /// Host and port of a service.
    Srv {
        /// The lowest is asked first.
        priority: u16,
        /// The share among those of one priority.
        weight: u16,
        /// The port.
        port: u16,
        /// The host.
        target: DnsName,
    },
    /// Strings of up to 255 octets.
    Txt(Vec<Vec<u8>>),
    /// What the machine is, and what it runs.
    Hinfo {
        /// The machine.
        cpu: Vec<u8>,
        /// Its system.
        os: Vec<u8>,
    },
    /// EDNS options by number.
    Opt(Vec<(u16, Vec<u8>)>),
    /// A type that is not modelled, and its bytes. A record without any bytes is this too.
    Unknown(RecordType, Vec<u8>),
}

/// The start of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Soa {
    /// The server that has the zone.
    pub mname: DnsName,
    /// Who cares for it: a mail address with a dot for its `@`.
    pub rname: DnsName,
    /// Grows with each change.
    pub serial: u32,
    /// Seconds until a secondary looks again.
    pub refresh: u32,
    /// Seconds until it tries again after a failure.
    pub retry: u32,
    /// Seconds after which it gives up.
    pub expire: u32,
    /// Seconds for which the absence of a name may be kept.
    pub minimum: u32,
}

/// What an OPT record says besides its options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edns {
    /// The largest UDP answer that is accepted.
    pub udp_size: u16,
    /// 0, the only version there is.
    pub version: u8,
    /// DO: send DNSSEC records too.
    pub dnssec_ok: bool,
}

impl DnsRecord {
    /// A record of the Internet's class.
    #[must_use]
    pub fn new(name: DnsName, ttl: u32, data: RData) -> Self {
        Self { name, class: CLASS_IN, ttl, data }
    }

    /// The A or AAAA record of `address`.
    #[must_use]
    pub fn address(name: DnsName, ttl: u32, address: IpAddr) -> Self {
        let data = match address {
            IpAddr::V4(address) => RData::A(address),
            IpAddr::V6(address) => RData::Aaaa(address),
        };
        Self::new(name, ttl, data)
    }

    /// An OPT record.
    #[must_use]
    pub fn opt(edns: Edns) -> Self {
        let ttl = u32::from(edns.version) << 16 | u32::from(edns.dnssec_ok) << 15;
        Self { name: DnsName::root(), class: edns.udp_size, ttl, data: RData::Opt(Vec::new()) }
    }

    /// The type of the record.
    #[must_use]
    pub fn record_type(&self) -> RecordType {
        match &self.data {
            RData::A(_) => RecordType::A,
            RData::Aaaa(_) => RecordType::AAAA,
            RData::Cname(_) => RecordType::CNAME,
            RData::Ns(_) => RecordType::NS,
            RData::Ptr(_) => RecordType::PTR,
            RData::Soa(_) => RecordType::SOA,
            RData::Mx { .. } => RecordType::MX,
            RData::Srv { .. } => RecordType::SRV,
            RData::Txt(_) => RecordType::TXT,
            RData::Hinfo { .. } => RecordType::HINFO,
            RData::Opt(_) => RecordType::OPT,
            RData::Unknown(record_type, _) => *record_type,
        }
    }

    pub(super) fn edns(&self) -> Option<Edns> {
        let is_opt = self.record_type() == RecordType::OPT;
        let [_, version, flags, _] = self.ttl.to_be_bytes();
        is_opt.then_some(Edns { udp_size: self.class, version, dnssec_ok: flags & 0x80 != 0 })
    }
}

/// As zone files write it: `10.96.0.1`, `0 100 80 web.shop.svc.cluster.local.`.
impl fmt::Display for RData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::A(address) => write!(f, "{address}"),
            Self::Aaaa(address) => write!(f, "{address}"),
            Self::Cname(name) | Self::Ns(name) | Self::Ptr(name) => write!(f, "{name}"),
            Self::Soa(soa) => {
                let Soa { mname, rname, serial, refresh, retry, expire, minimum } = soa;
                write!(f, "{mname} {rname} {serial} {refresh} {retry} {expire} {minimum}")
            }
            Self::Mx { preference, exchange } => write!(f, "{preference} {exchange}"),
            Self::Srv { priority, weight, port, target } => write!(f, "{priority} {weight} {port} {target}"),
            Self::Txt(strings) => join(f, strings),
            Self::Hinfo { cpu, os } => join(f, &[cpu.clone(), os.clone()]),
            Self::Opt(options) => {
                for (n, (code, data)) in options.iter().enumerate() {
                    let gap = if n == 0 { "" } else { " " };
                    write!(f, "{gap}option {code} ({} bytes)", data.len())?;
                }
                Ok(())
            }
            // RFC 3597.
            Self::Unknown(_, bytes) => {
                write!(f, "\\# {}", bytes.len())?;
                bytes.iter().enumerate().try_for_each(|(n, byte)| {
                    let gap = if n == 0 { " " } else { "" };
                    write!(f, "{gap}{byte:02x}")
                })
            }
        }
    }
}

/// Strings in quotes.
fn join(f: &mut fmt::Formatter<'_>, strings: &[Vec<u8>]) -> fmt::Result {
    for (n, string) in strings.iter().enumerate() {
        let gap = if n == 0 { "\"" } else { " \"" };
        f.write_str(gap)?;
        for byte in string {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", char::from(*byte))?,
                0x20..=0x7e => write!(f, "{}", char::from(*byte))?,
                other => write!(f, "\\{other:03}")?,
            }
        }
        f.write_str("\"")?;
    }
    Ok(())
}

/// As dig prints it: `web.shop.svc.cluster.local. 30 IN A 10.96.0.1`.
impl fmt::Display for DnsRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = if self.class == CLASS_IN { "IN".to_owned() } else { format!("CLASS{}", self.class) };
        write!(f, "{} {} {class} {} {}", self.name, self.ttl, self.record_type(), self.data)
    }
}
