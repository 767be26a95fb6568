//! The numbers of DNS that have names: types of records and response codes.

use std::fmt;
use std::str::FromStr;

/// The Internet's class.
pub const CLASS_IN: u16 = 1;

/// A type of records, or what a question may ask for besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordType(pub u16);

macro_rules! named {
    ($type:ident, $names:ident, $($(#[$doc:meta])* $name:ident = $number:literal $text:literal;)*) => {
        impl $type {
            $($(#[$doc])* pub const $name: Self = Self($number);)*
        }
        const $names: &[($type, &str)] = &[$(($type::$name, $text)),*];
    };
}

named! { RecordType, TYPES,
    /// An IPv4 address.
    A = 1 "A";
    /// A name server.
    NS = 2 "NS";
    /// The true name.
    CNAME = 5 "CNAME";
    /// The start of a zone.
    SOA = 6 "SOA";
    /// The name of an address.
    PTR = 12 "PTR";
    /// A machine's kind.
    HINFO = 13 "HINFO";
    /// A mail server.
    MX = 15 "MX";
    /// Text.
    TXT = 16 "TXT";
    /// An IPv6 address.
    AAAA = 28 "AAAA";
    /// Host and port of a service.
    SRV = 33 "SRV";
    /// Naming authority pointer.
    NAPTR = 35 "NAPTR";
    /// EDNS, no record at all.
    OPT = 41 "OPT";
    /// A delegation's key.
    DS = 43 "DS";
    /// How to connect to a service.
    SVCB = 64 "SVCB";
    /// The same for HTTPS.
    HTTPS = 65 "HTTPS";
    /// The changes of a zone.
    IXFR = 251 "IXFR";
    /// A whole zone.
    AXFR = 252 "AXFR";
    /// Everything.
    ANY = 255 "ANY";
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match TYPES.iter().find(|(number, _)| number == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

/// The name is that of no type.
impl FromStr for RecordType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.to_ascii_uppercase();
        let named = TYPES.iter().find(|(_, name)| *name == text).map(|(number, _)| *number);
        named.or_else(|| text.strip_prefix("TYPE")?.parse().ok().map(Self)).ok_or(())
    }
}

/// How a query went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rcode(pub u16);

named! { Rcode, RCODES,
    /// The name exists, with or without records of the type.
    NOERROR = 0 "NOERROR";
    /// The query could not be read.
    FORMERR = 1 "FORMERR";
    /// The server could not do it.
    SERVFAIL = 2 "SERVFAIL";
    /// No such name.
    NXDOMAIN = 3 "NXDOMAIN";
    /// Not this kind of query.
    NOTIMP = 4 "NOTIMP";
    /// Not for you, or not from here.
    REFUSED = 5 "REFUSED";
    /// The server is not responsible for the zone.
    NOTAUTH = 9 "NOTAUTH";
    /// Another version of EDNS than 0.
    BADVERS = 16 "BADVERS";
}

impl FromStr for Rcode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        RCODES.iter().find(|(_, name)| *name == text).map(|(number, _)| *number).ok_or(())
    }
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match RCODES.iter().find(|(number, _)| number == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "RCODE{}", self.0),
        }
    }
}
