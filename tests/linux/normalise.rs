//! What of a capture is compared. Both sides go through here, so nothing is forgiven one of them alone.
//!
//! | set aside | why |
//! |---|---|
//! | IPv6 and IGMP frames | announcements of devices that come up |
//! | pure ACKs, but for the third packet of a handshake | how many a receiver sends is timing |
//! | a TCP segment that the same device has carried before (same addresses, TTL, sequence number, flags, length) | retransmission is timing |
//! | the number of its own that a server gives to a SYN when this device has seen it answer such a SYN before | a server that was reset begins anew, and how often the client tries is timing |
//! | an ICMP error about a TCP segment that the same device has carried before, all fields equal | the same, about a retransmission |
//! | IP identification; ICMP identifier; initial TCP sequence numbers | drawn at random; sequence numbers are compared relative to the SYN's, the ICMP sequence number as it is |
//! | TCP acknowledgment number and window after the handshake, but of a RST | how far a reader has read by then is timing |
//! | PSH on a data segment after the tenth of its direction, unless it is the last | the kernel itself varies: how acknowledgments are met decides where a burst ends. The first window is compared |
//! | values of TCP timestamps | clocks; that the option is there, and in its place, is compared |
//! | payload bytes | `ping` writes the time of day into them; lengths and sequence numbers are compared |
//! | a port from 1024 on that nobody listens on or asks for: `eph`, and `eph2` for a second one on the same device | drawn at random |
//! | the source port of a VXLAN envelope: `hash`, and `hash2` for a second one from the same node | a hash keyed at boot; its range is compared |
//! | the verdict on TCP, UDP and ICMP checksums on `lo` and on fragments | nobody fills them in on `lo`; a fragment has only a part |
//! | times, and the order of frames of different devices | virtual time is made for reading |

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::decode::{Decoded, ETHERTYPE_IPV6, Fields, Names, PROTOCOL_IGMP, TcpState, decode};

/// Ports that nobody chooses: a client's, and those that masquerading draws.
const EPHEMERAL: std::ops::RangeInclusive<u16> = 1024..=65535;
/// `net.ipv4.ip_local_port_range`, from which a tunnel takes its source ports.
const LOCAL_PORT_RANGE: std::ops::RangeInclusive<u16> = 32768..=60999;
/// Segments that may be in flight at first (RFC 6928).
const INITIAL_WINDOW: usize = 10;
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// What frames are named by: who has which link address, and which ports were not drawn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Naming {
    pub(crate) owners: BTreeMap<[u8; 6], String>,
    pub(crate) ports: BTreeSet<u16>,
}

impl Naming {
    /// A port that was not drawn, as it is.
    pub(crate) fn fixed_port(&self, port: u16) -> Option<String> {
        (self.ports.contains(&port) || !EPHEMERAL.contains(&port)).then(|| port.to_string())
    }

    /// The same for the source port of a tunnel's envelope.
    pub(crate) fn fixed_tunnel_port(port: u16) -> Option<String> {
        (!LOCAL_PORT_RANGE.contains(&port)).then(|| port.to_string())
    }
}

/// The names as one device has met them.
struct Device<'a> {
    naming: &'a Naming,
    is_loopback: bool,
    ephemeral: Vec<u16>,
    hashes: BTreeMap<Ipv4Addr, Vec<u16>>,
}

impl<'a> Device<'a> {
    fn new(naming: &'a Naming, device: &str) -> Self {
        Self { naming, is_loopback: device.ends_with(":lo"), ephemeral: Vec::new(), hashes: BTreeMap::new() }
    }
}

impl Names for Device<'_> {
    fn mac(&self, mac: [u8; 6]) -> String {
        match mac {
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => "broadcast".to_owned(),
            [0, 0, 0, 0, 0, 0] => "zero".to_owned(),
            _ => self.naming.owners.get(&mac).cloned().unwrap_or_else(|| format!("{mac:02x?}").replace(", ", ":")),
        }
    }

    fn port(&mut self, port: u16) -> String {
        self.naming.fixed_port(port).unwrap_or_else(|| numbered("eph", &mut self.ephemeral, port))
    }

    fn tunnel_port(&mut self, from: Ipv4Addr, port: u16) -> String {
        let hashes = self.hashes.entry(from).or_default();
        Naming::fixed_tunnel_port(port).unwrap_or_else(|| numbered("hash", hashes, port))
    }

    fn is_loopback(&self) -> bool {
        self.is_loopback
    }
}

/// `word` for the first port of a list, `word2` for the second.
fn numbered(word: &str, known: &mut Vec<u16>, port: u16) -> String {
    let at = known.iter().position(|other| *other == port).unwrap_or_else(|| {
        known.push(port);
        known.len() - 1
    });
    if at == 0 { word.to_owned() } else { format!("{word}{}", at + 1) }
}

/// What of one device's frames is compared.
pub(crate) fn normalise(frames: &[Vec<u8>], device: &str, naming: &Naming) -> Vec<Fields> {
    admitted(frames, device, naming).into_iter().map(|(_, fields)| fields).collect()
}

/// All frames of one device, whatever is compared of them.
pub(crate) fn decoded(frames: &[Vec<u8>], device: &str, naming: &Naming) -> Vec<Fields> {
    let mut names = Device::new(naming, device);
    frames.iter().map(|frame| decode(frame, &mut names).fields).collect()
}

/// What of one device's frames is compared, each with its place in the capture.
pub(crate) fn admitted(frames: &[Vec<u8>], device: &str, naming: &Naming) -> Vec<(usize, Fields)> {
    let mut names = Device::new(naming, device);
    let mut connections = Connections::default();
    let decoded = frames.iter().map(|frame| decode(frame, &mut names)).enumerate();
    let admitted = decoded.filter_map(|(idx, decoded)| Some((idx, connections.admit(decoded)?)));
    let mut admitted: Vec<(usize, Fields)> = admitted.collect();
    for segments in connections.streams.values() {
        let n_late = segments.len().saturating_sub(INITIAL_WINDOW + 1);
        for idx in segments.values().skip(INITIAL_WINDOW).take(n_late).flatten() {
            let flags = admitted[*idx].1.0.iter_mut().find(|(name, _)| name.ends_with("tcp.flags"));
            flags.expect("a segment has flags").1.retain(|flag| flag != 'P');
        }
    }
    admitted
}

/// What a device has seen of TCP connections.
#[derive(Default)]
struct Connections {
    /// First sequence number of each direction.
    starts: BTreeMap<Direction, u32>,
    seen: BTreeSet<(String, Direction, u32, u8, usize)>,
    /// Errors about segments.
    errors: BTreeSet<String>,
    /// The data segments of each direction by sequence number: their places among what was admitted.
    streams: BTreeMap<Direction, BTreeMap<u32, Vec<usize>>>,
    n_admitted: usize,
}

type Endpoint = (Ipv4Addr, u16);
type Direction = (Endpoint, Endpoint);

impl Connections {
    /// The fields of a frame that is compared.
    fn admit(&mut self, decoded: Decoded) -> Option<Fields> {
        if decoded.kind.0 == ETHERTYPE_IPV6 || decoded.kind.1 == PROTOCOL_IGMP {
            return None;
        }
        let fields = match decoded.tcp {
            Some(tcp) => self.admit_segment(decoded.fields, tcp)?,
            None if self.is_repeated_error(&decoded.fields) => return None,
            None => decoded.fields,
        };
        self.n_admitted += 1;
        Some(fields)
    }

    /// The first sequence number of a direction. Where a bridge shows an answer before all of its translation is undone,
    /// one of its two ends is still that of the other direction as it was seen.
    fn start(&self, direction: &Direction) -> Option<u32> {
        let is_half = |other: &Direction| other.0 == direction.0 || other.1 == direction.1;
        let half = || self.starts.iter().find(|(other, _)| is_half(other)).map(|(_, start)| start);
        self.starts.get(direction).or_else(half).copied()
    }

    fn is_repeated_error(&mut self, fields: &Fields) -> bool {
        let quotes_tcp = ["quote.protocol", "inner-quote.protocol"].iter().any(|name| fields.get(name) == Some("6"));
        quotes_tcp && !self.errors.insert(fields.to_string())
    }

    fn admit_segment(&mut self, mut fields: Fields, tcp: TcpState) -> Option<Fields> {
        let (direction, reverse) = ((tcp.from, tcp.to), (tcp.to, tcp.from));
        if tcp.flags & SYN != 0 {
            self.starts.insert(direction, tcp.seq);
        }
        let relative =
            |direction, number: u32| self.start(direction).map_or(number, |start| number.wrapping_sub(start));
        let seq = relative(&direction, tcp.seq);
        let ack = if tcp.flags & ACK == 0 { tcp.ack } else { relative(&reverse, tcp.ack) };
        let is_pure_ack = tcp.len == 0 && tcp.flags & (SYN | FIN | RST | ACK) == ACK;
        if is_pure_ack && (seq, ack) != (1, 1) {
            return None;
        }
        // Where it is on its way is part of what it is: a bridge with hairpin ports carries a packet twice, differently.
        let way: Vec<&str> = ["eth.src", "eth.dst", "ip.ttl", "inner-eth.src", "inner-eth.dst", "inner-ip.ttl"]
            .iter()
            .filter_map(|name| fields.get(name))
            .collect();
        // A server that has been reset meanwhile answers the next SYN with another number of its own.
        let number = if tcp.flags & SYN != 0 { 0 } else { tcp.seq };
        if !self.seen.insert((way.join(" "), direction, number, tcp.flags, tcp.len)) {
            return None;
        }
        if tcp.len > 0 {
            self.streams.entry(direction).or_default().entry(seq).or_default().push(self.n_admitted);
        }
        let options = fields.0.iter().position(|(name, _)| name.ends_with("tcp.options")).unwrap_or(fields.0.len());
        let layer = fields.0[options].0.trim_end_matches("options").to_owned();
        let mut add = |field: &str, value: u32| fields.0.insert(options, (layer.clone() + field, value.to_string()));
        if tcp.flags & (SYN | RST) != 0 || is_pure_ack {
            add("window", tcp.window.into());
            add("ack", ack);
        }
        add("seq", seq);
        Some(fields)
    }
}
