//! BGP messages (RFC 4271): OPEN with the capabilities that every speaker has today, UPDATE for IPv4, KEEPALIVE and
//! NOTIFICATION, as bytes.
//!
//! Read first: RFC 4271 sections 4.1 to 4.5 and 5.1, RFC 5492 and RFC 6793. Autonomous system numbers are four bytes
//! everywhere: both sides announce that they take them. Not modelled: other address families, communities.

use std::net::Ipv4Addr;
use std::ops::Range;

use ipnet::Ipv4Net;

/// Bytes of the header: a marker of ones, a length and a type.
pub const BGP_HEADER_LEN: usize = 19;
/// TCP port of BGP.
pub const BGP_PORT: u16 = 179;
/// The largest message.
const MAX_LEN: usize = 4096;
/// What stands in the two-byte field of OPEN for a system that needs four (RFC 6793).
const AS_TRANS: u16 = 23456;
/// Capability codes: four-byte systems, and multiprotocol.
const CAP_FOUR_BYTE_AS: u8 = 65;
const CAP_MULTIPROTOCOL: u8 = 1;
/// Path attributes with their flags: well-known and transitive.
const TRANSITIVE: u8 = 0x40;
const ORIGIN: u8 = 1;
const AS_PATH: u8 = 2;
const NEXT_HOP: u8 = 3;
/// A segment of `AS_PATH` that is in order.
const AS_SEQUENCE: u8 = 2;

/// A BGP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BgpMessage {
    /// The first message of each side.
    Open {
        /// Autonomous system of the sender.
        asn: u32,
        /// Seconds of silence after which the session is over.
        hold_time_secs: u16,
        /// Its router identifier.
        id: Ipv4Addr,
    },
    /// Routes that are announced or withdrawn.
    Update(BgpUpdate),
    /// An error; the session ends.
    Notification {
        /// Error code: 6 is Cease.
        code: u8,
        /// Subcode: of Cease 2 is an administrative shutdown.
        subcode: u8,
    },
    /// Still there; the first one confirms the OPEN.
    Keepalive,
}

/// An UPDATE. One without anything ends the first exchange of routes (RFC 4724, End-of-RIB).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BgpUpdate {
    /// Networks that are no longer reachable.
    pub withdrawn: Vec<Ipv4Net>,
    /// The systems on the way, the nearest first.
    pub as_path: Vec<u32>,
    /// Whom to send to; `None` if nothing is announced.
    pub next_hop: Option<Ipv4Addr>,
    /// Networks that are reachable.
    pub announced: Vec<Ipv4Net>,
}

impl BgpMessage {
    /// The name in RFC 4271.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "OPEN",
            Self::Update(_) => "UPDATE",
            Self::Notification { .. } => "NOTIFICATION",
            Self::Keepalive => "KEEPALIVE",
        }
    }

    /// The message's bytes; `None` if it is larger than a message may be.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let (kind, body) = match self {
            Self::Open { asn, hold_time_secs, id } => (1, open(*asn, *hold_time_secs, *id)),
            Self::Update(update) => (2, update.to_bytes()?),
            Self::Notification { code, subcode } => (3, vec![*code, *subcode]),
            Self::Keepalive => (4, Vec::new()),
        };
        let len = BGP_HEADER_LEN + body.len();
        if len > MAX_LEN {
            return None;
        }
        let mut bytes = vec![0xff; 16];
        bytes.extend_from_slice(&u16::try_from(len).ok()?.to_be_bytes());
        bytes.push(kind);
        bytes.extend_from_slice(&body);
        Some(bytes)
    }

    /// Reads the message at the front of `bytes`, and how long it is; `None` if none stands there whole.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<(Self, usize)> {
        let header = bytes.get(..BGP_HEADER_LEN)?;
        let len = usize::from(u16::from_be_bytes([header[16], header[17]]));
        if header[..16] != [0xff; 16] || len > MAX_LEN {
            return None;
        }
        let body = bytes.get(BGP_HEADER_LEN..len)?;
        let message = match (header[18], body) {
            (1, [4, a, b, h0, h1, i0, i1, i2, i3, options @ ..]) => {
                let two_bytes = u32::from(u16::from_be_bytes([*a, *b]));
                Self::Open {
                    asn: four_byte_asn(options).unwrap_or(two_bytes),
                    hold_time_secs: u16::from_be_bytes([*h0, *h1]),
                    id: Ipv4Addr::new(*i0, *i1, *i2, *i3),
                }
            }
            (2, _) => Self::Update(BgpUpdate::from_slice(body)?),
            (3, [code, subcode, ..]) => Self::Notification { code: *code, subcode: *subcode },
            (4, []) => Self::Keepalive,
            _ => return None,
        };
        Some((message, len))
    }
}

/// The fields of the message that `bytes` are, each with the bytes it occupies.
pub(super) fn fields(message: &BgpMessage, bytes: &[u8]) -> Vec<(&'static str, Range<usize>, String)> {
    let mut fields = vec![("length", 16..18, bytes.len().to_string()), ("type", 18..19, message.name().to_owned())];
    match message {
        BgpMessage::Open { asn, hold_time_secs, id } => {
            fields.push(("as", 20..22, asn.to_string()));
            fields.push(("hold time", 22..24, hold_time_secs.to_string()));
            fields.push(("id", 24..28, id.to_string()));
        }
        BgpMessage::Update(update) => {
            let list = |nets: &[Ipv4Net]| nets.iter().map(Ipv4Net::to_string).collect::<Vec<_>>().join(" ");
            let len_at = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
            let withdrawn = BGP_HEADER_LEN + 2..BGP_HEADER_LEN + 2 + len_at(BGP_HEADER_LEN);
            let attributes = withdrawn.end + 2..withdrawn.end + 2 + len_at(withdrawn.end);
            let announced = attributes.end..bytes.len();
            fields.push(("withdrawn", withdrawn, list(&update.withdrawn)));
            if let Some(next_hop) = update.next_hop {
                let path: Vec<String> = update.as_path.iter().map(u32::to_string).collect();
                fields.push(("path", attributes, format!("as path [{}] next hop {next_hop}", path.join(" "))));
            }
            fields.push(("announced", announced, list(&update.announced)));
        }
        BgpMessage::Notification { code, subcode } => {
            fields.push(("code", 19..20, code.to_string()));
            fields.push(("subcode", 20..21, subcode.to_string()));
        }
        BgpMessage::Keepalive => {}
    }
    fields
}

/// Version 4, and one parameter with both capabilities.
fn open(asn: u32, hold_time_secs: u16, id: Ipv4Addr) -> Vec<u8> {
    let mut body = vec![4];
    body.extend_from_slice(&u16::try_from(asn).unwrap_or(AS_TRANS).to_be_bytes());
    body.extend_from_slice(&hold_time_secs.to_be_bytes());
    body.extend_from_slice(&id.octets());
    // AFI 1 and SAFI 1: IPv4 unicast.
    let mut capabilities = vec![CAP_MULTIPROTOCOL, 4, 0, 1, 0, 1, CAP_FOUR_BYTE_AS, 4];
    capabilities.extend_from_slice(&asn.to_be_bytes());
    let n_bytes = capabilities.len() as u8;
    body.extend_from_slice(&[n_bytes + 2, 2, n_bytes]);
    body.extend_from_slice(&capabilities);
    body
}

/// The system that the capabilities in OPEN's parameters name.
fn four_byte_asn(options: &[u8]) -> Option<u32> {
    let mut parameters = options.get(1..)?;
    while let [kind, len, rest @ ..] = parameters {
        let value = rest.get(..usize::from(*len))?;
        let mut capabilities = if *kind == 2 { value } else { &[] };
        while let [code, len, rest @ ..] = capabilities {
            let value = rest.get(..usize::from(*len))?;
            if let (CAP_FOUR_BYTE_AS, [a, b, c, d]) = (*code, value) {
                return Some(u32::from_be_bytes([*a, *b, *c, *d]));
            }
            capabilities = &rest[value.len()..];
        }
        parameters = &rest[value.len()..];
    }
    None
}

impl BgpUpdate {
    fn to_bytes(&self) -> Option<Vec<u8>> {
        let withdrawn = prefixes(&self.withdrawn);
        let mut attributes = Vec::new();
        if let Some(next_hop) = self.next_hop {
            attributes.extend_from_slice(&[TRANSITIVE, ORIGIN, 1, 0]);
            let n_systems = u8::try_from(self.as_path.len()).ok().filter(|n| *n < 63)?;
            // A network of the own system has an empty path.
            let path_len = if n_systems == 0 { 0 } else { 2 + 4 * n_systems };
            attributes.extend_from_slice(&[TRANSITIVE, AS_PATH, path_len]);
            if n_systems > 0 {
                attributes.extend_from_slice(&[AS_SEQUENCE, n_systems]);
            }
            self.as_path.iter().for_each(|asn| attributes.extend_from_slice(&asn.to_be_bytes()));
            attributes.extend_from_slice(&[TRANSITIVE, NEXT_HOP, 4]);
            attributes.extend_from_slice(&next_hop.octets());
        }
        let mut bytes = u16::try_from(withdrawn.len()).ok()?.to_be_bytes().to_vec();
        bytes.extend_from_slice(&withdrawn);
        bytes.extend_from_slice(&u16::try_from(attributes.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(&attributes);
        bytes.extend_from_slice(&prefixes(&self.announced));
        Some(bytes)
    }

    fn from_slice(body: &[u8]) -> Option<Self> {
        let (withdrawn, rest) = counted(body)?;
        let (mut attributes, announced) = counted(rest)?;
        let mut update = Self { withdrawn: read_prefixes(withdrawn)?, ..Self::default() };
        update.announced = read_prefixes(announced)?;
        while let [flags, kind, rest @ ..] = attributes {
            // The extended-length flag makes the length two bytes.
            let (len, rest) = match (flags & 0x10 != 0, rest) {
                (true, [high, low, rest @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), rest),
                (false, [len, rest @ ..]) => (usize::from(*len), rest),
                _ => return None,
            };
            let value = rest.get(..len)?;
            match (*kind, value) {
                (AS_PATH, [AS_SEQUENCE, _, systems @ ..]) => {
                    let asn = |four: &[u8]| Some(u32::from_be_bytes(four.try_into().ok()?));
                    update.as_path = systems.chunks(4).map(asn).collect::<Option<_>>()?;
                }
                (NEXT_HOP, [a, b, c, d]) => update.next_hop = Some(Ipv4Addr::new(*a, *b, *c, *d)),
                _ => {}
            }
            attributes = &rest[len..];
        }
        Some(update)
    }
}

/// A field with its length in front, and what follows it.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [high, low, rest @ ..] = bytes else { return None };
    rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))
}

/// Networks as prefix lengths and as many bytes as these need.
fn prefixes(nets: &[Ipv4Net]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for net in nets {
        bytes.push(net.prefix_len());
        bytes.extend_from_slice(&net.network().octets()[..usize::from(net.prefix_len().div_ceil(8))]);
    }
    bytes
}

fn read_prefixes(mut bytes: &[u8]) -> Option<Vec<Ipv4Net>> {
    let mut nets = Vec::new();
    while let [len, rest @ ..] = bytes {
        let n_bytes = usize::from(len.div_ceil(8));
        let mut octets = [0; 4];
        octets.get_mut(..n_bytes)?.copy_from_slice(rest.get(..n_bytes)?);
        nets.push(Ipv4Net::new(octets.into(), *len).ok()?.trunc());
        bytes = &rest[n_bytes..];
    }
    Some(nets)
}

#[cfg(test)]
mod tests {
    use super::{BgpMessage, BgpUpdate};

    fn update() -> BgpUpdate {
        BgpUpdate {
            withdrawn: vec!["10.244.3.0/24".parse().expect("a network")],
            as_path: vec![65001, 64512],
            next_hop: Some([172, 18, 0, 1].into()),
            announced: vec!["10.244.0.0/24".parse().expect("a network"), "10.128.0.0/9".parse().expect("a network")],
        }
    }

    #[test]
    fn messages_have_the_layout_of_the_rfc() {
        let marker = [0xff; 16];
        let open = BgpMessage::Open { asn: 64512, hold_time_secs: 90, id: [172, 18, 0, 2].into() };
        let expected = [
            &marker[..],
            &[0, 43, 1, 4, 0xfc, 0, 0, 90, 172, 18, 0, 2],
            &[14, 2, 12, 1, 4, 0, 1, 0, 1, 65, 4, 0, 0, 0xfc, 0],
        ];
        assert_eq!(open.to_bytes(), Some(expected.concat()));
        assert_eq!(BgpMessage::Keepalive.to_bytes(), Some([&marker[..], &[0, 19, 4]].concat()));
        let cease = BgpMessage::Notification { code: 6, subcode: 2 };
        assert_eq!(cease.to_bytes(), Some([&marker[..], &[0, 21, 3, 6, 2]].concat()));
        let expected = [
            &marker[..],
            &[0, 55, 2, 0, 4, 24, 10, 244, 3, 0, 24],
            &[0x40, 1, 1, 0, 0x40, 2, 10, 2, 2, 0, 0, 0xfd, 0xe9, 0, 0, 0xfc, 0, 0x40, 3, 4, 172, 18, 0, 1],
            &[24, 10, 244, 0, 9, 10, 128],
        ]
        .concat();
        let bytes = BgpMessage::Update(update()).to_bytes().expect("a message");
        assert_eq!(usize::from(bytes[17]), bytes.len());
        assert_eq!(bytes[18..], expected[18..]);
    }

    #[test]
    fn what_is_written_is_read_back_and_half_of_it_is_not() {
        let messages = [
            BgpMessage::Open { asn: 4_200_000_001, hold_time_secs: 240, id: [10, 0, 0, 1].into() },
            BgpMessage::Update(update()),
            BgpMessage::Update(BgpUpdate::default()),
            BgpMessage::Notification { code: 6, subcode: 2 },
            BgpMessage::Keepalive,
        ];
        for message in messages {
            let bytes = message.to_bytes().expect("a message");
            assert_eq!(BgpMessage::from_slice(&bytes), Some((message, bytes.len())));
            for len in 0..bytes.len() {
                assert_eq!(BgpMessage::from_slice(&bytes[..len]), None);
            }
        }
    }

    #[test]
    fn strange_bytes_are_no_message_and_no_panic() {
        let mut bytes = BgpMessage::Update(update()).to_bytes().expect("a message");
        for at in 16..bytes.len() {
            for value in [0, 1, 33, 128, 255] {
                let old = std::mem::replace(&mut bytes[at], value);
                let _ = BgpMessage::from_slice(&bytes);
                bytes[at] = old;
            }
        }
    }
}
