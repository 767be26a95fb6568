//! One frame as fields that can be compared. Reads bytes by itself: a judge that used the simulator's own readers would
//! share their mistakes.
//!
//! Every bit of every header is accounted for: what no field names appears as `rest` if it is not zero.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// The fields of one frame, outermost header first: `ip.ttl` → `63`. Inside a tunnel, names begin with `inner-`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(pub(crate) Vec<(String, String)>);

impl Fields {
    /// The value of a field, if the frame has it.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Fields {
    /// One line: `eth src=… dst=… | ip src=… ttl=64 | udp …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut layer = "";
        for (name, value) in &self.0 {
            let (own, field) = name.split_once('.').unwrap_or((name, ""));
            if own != layer {
                f.write_str(if layer.is_empty() { "" } else { " | " })?;
                f.write_str(own)?;
                layer = own;
            }
            write!(f, " {field}={value}")?;
        }
        Ok(())
    }
}

impl FromStr for Fields {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut fields = Vec::new();
        for layer in text.split(" | ") {
            let mut words = layer.split(' ');
            let name = words.next().unwrap_or_default();
            for word in words {
                let (field, value) = word.split_once('=').ok_or_else(|| format!("{word:?} in {text:?}"))?;
                fields.push((format!("{name}.{field}"), value.to_owned()));
            }
        }
        Ok(Self(fields))
    }
}

/// What the decoder must be told of the network.
pub(crate) trait Names {
    /// Who has a link address.
    fn mac(&self, mac: [u8; 6]) -> String;
    /// A port, or what stands for one that was drawn.
    fn port(&mut self, port: u16) -> String;
    /// The same for the source port of a tunnel's envelope.
    fn tunnel_port(&mut self, from: Ipv4Addr, port: u16) -> String;
    /// Whether checksums are left to nobody here: the kernel never fills them in on `lo`.
    fn is_loopback(&self) -> bool;
}

/// A TCP header as far as connections are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TcpState {
    pub(crate) from: (Ipv4Addr, u16),
    pub(crate) to: (Ipv4Addr, u16),
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
    pub(crate) len: usize,
}

/// What a frame is.
pub(crate) struct Decoded {
    pub(crate) fields: Fields,
    /// Its innermost TCP header.
    pub(crate) tcp: Option<TcpState>,
    /// EtherType and IP protocol of the innermost packet.
    pub(crate) kind: (u16, u8),
}

pub(crate) const ETHERTYPE_IPV6: u16 = 0x86dd;
pub(crate) const PROTOCOL_IGMP: u8 = 2;
/// Linux's and IANA's.
pub(crate) const VXLAN_PORTS: [u16; 2] = [8472, 4789];

/// Reads a frame.
pub(crate) fn decode(frame: &[u8], names: &mut impl Names) -> Decoded {
    let mut reader = Reader { names, fields: Fields::default(), inner: "", tcp: None, kind: (0, 0) };
    if reader.ethernet(frame).is_none() {
        reader.add("frame", "cut", "yes");
    }
    Decoded { fields: reader.fields, tcp: reader.tcp, kind: reader.kind }
}

struct Reader<'a, N> {
    names: &'a mut N,
    fields: Fields,
    inner: &'static str,
    tcp: Option<TcpState>,
    kind: (u16, u8),
}

/// A header whose read bits are counted.
struct Header<'a> {
    bytes: &'a [u8],
    unread: Vec<u8>,
}

impl<'a> Header<'a> {
    fn new(bytes: &'a [u8], len: usize) -> Option<Self> {
        let bytes = bytes.get(..len)?;
        Some(Self { bytes, unread: bytes.to_vec() })
    }

    /// The bits of byte `at` under `mask`.
    fn bits(&mut self, at: usize, mask: u8) -> u8 {
        self.unread[at] &= !mask;
        self.bytes[at] & mask
    }

    fn take<const N: usize>(&mut self, at: usize) -> [u8; N] {
        self.unread[at..at + N].fill(0);
        self.bytes[at..at + N].try_into().unwrap()
    }

    fn u16(&mut self, at: usize) -> u16 {
        u16::from_be_bytes(self.take(at))
    }

    fn u32(&mut self, at: usize) -> u32 {
        u32::from_be_bytes(self.take(at))
    }

    fn ip(&mut self, at: usize) -> Ipv4Addr {
        Ipv4Addr::from(self.take::<4>(at))
    }

    /// What was never read and is not zero, as `OFFSET:HEX`.
    fn rest(&self) -> Option<String> {
        let left = self.unread.iter().enumerate().filter(|(_, byte)| **byte != 0);
        let left: Vec<String> = left.map(|(at, byte)| format!("{at}:{byte:02x}")).collect();
        (!left.is_empty()).then(|| left.join(","))
    }
}

impl<N: Names> Reader<'_, N> {
    fn add(&mut self, layer: &str, field: &str, value: impl ToString) {
        self.fields.0.push((format!("{}{layer}.{field}", self.inner), value.to_string()));
    }

    fn close(&mut self, layer: &str, header: &Header<'_>) {
        if let Some(rest) = header.rest() {
            self.add(layer, "rest", rest);
        }
    }

    fn ethernet(&mut self, bytes: &[u8]) -> Option<()> {
        let mut header = Header::new(bytes, 14)?;
        let (src, dst) = (self.names.mac(header.take(6)), self.names.mac(header.take(0)));
        let ethertype = header.u16(12);
        self.kind = (ethertype, 0);
        self.add("eth", "src", src);
        self.add("eth", "dst", dst);
        match ethertype {
            0x0806 => self.arp(&bytes[14..]),
            0x0800 => self.ipv4(&bytes[14..]),
            other => {
                self.add("eth", "type", format!("{other:04x}"));
                Some(())
            }
        }
    }

    fn arp(&mut self, bytes: &[u8]) -> Option<()> {
        let mut header = Header::new(bytes, 28)?;
        let op = match header.u16(6) {
            1 => "request".to_owned(),
            2 => "reply".to_owned(),
            other => other.to_string(),
        };
        self.add("arp", "op", op);
        for (mac, ip, owner, address) in [(8, 14, "sha", "spa"), (18, 24, "tha", "tpa")] {
            let (mac, ip) = (self.names.mac(header.take(mac)), header.ip(ip));
            self.add("arp", owner, mac);
            self.add("arp", address, ip);
        }
        let kind: [u8; 6] = header.take(0);
        if kind != [0, 1, 8, 0, 6, 4] {
            self.add("arp", "kind", format!("{kind:02x?}").replace(", ", ""));
        }
        self.pad(bytes.len() - 28);
        Some(())
    }

    fn ipv4(&mut self, bytes: &[u8]) -> Option<()> {
        let header_len = usize::from(bytes.first()? & 15) * 4;
        let mut header = Header::new(bytes, header_len.max(20))?;
        let version = header.bits(0, 0xff) >> 4;
        let (src, dst, protocol) = (header.ip(12), header.ip(16), header.bits(9, 0xff));
        self.kind.1 = protocol;
        let total = usize::from(header.u16(2));
        let (df, mf) = (header.bits(6, 0x40) != 0, header.bits(6, 0x20) != 0);
        let offset = (usize::from(header.bits(6, 0x1f)) << 8 | usize::from(header.bits(7, 0xff))) * 8;
        // The identification is drawn; the checksum is judged, not compared.
        let (_id, _sum) = (header.u16(4), header.u16(10));
        self.add("ip", "src", src);
        self.add("ip", "dst", dst);
        self.add("ip", "ttl", header.bits(8, 0xff));
        self.add("ip", "tos", header.bits(1, 0xff));
        self.add("ip", "len", total);
        self.add("ip", "df", u8::from(df));
        if mf || offset > 0 {
            self.add("ip", "mf", u8::from(mf));
            self.add("ip", "offset", offset);
        }
        if version != 4 || header_len != 20 {
            self.add("ip", "ihl", format!("{version}/{header_len}"));
        }
        self.add("ip", "sum", if sum(&[header.bytes]) == 0 { "good" } else { "bad" });
        self.close("ip", &header);
        let payload = bytes.get(header_len..total)?;
        self.pad(bytes.len() - total);
        if offset > 0 {
            self.add("ip", "protocol", protocol);
            return Some(());
        }
        let pseudo = [&src.octets()[..], &dst.octets(), &[0, protocol], &(payload.len() as u16).to_be_bytes()].concat();
        let verdict = |covered: &[&[u8]]| match () {
            () if mf || self.names.is_loopback() => None,
            () if sum(covered) == 0 => Some("good"),
            () => Some("bad"),
        };
        match protocol {
            6 => self.tcp(payload, (src, dst), verdict(&[&pseudo, payload])),
            17 => self.udp(payload, src, verdict(&[&pseudo, payload])),
            1 => self.icmp(payload, verdict(&[payload])),
            other => {
                self.add("ip", "protocol", other);
                Some(())
            }
        }
    }

    /// Bytes behind the packet's end.
    fn pad(&mut self, len: usize) {
        if len > 0 {
            self.add("frame", "pad", len);
        }
    }

    fn tcp(&mut self, bytes: &[u8], (src, dst): (Ipv4Addr, Ipv4Addr), verdict: Option<&str>) -> Option<()> {
        let header_len = usize::from(bytes.get(12)? >> 4) * 4;
        let mut header = Header::new(bytes, header_len.max(20))?;
        header.bits(12, 0xf0);
        let (sport, dport, flags) = (header.u16(0), header.u16(2), header.bits(13, 0xff));
        let (seq, ack, len) = (header.u32(4), header.u32(8), bytes.len() - header_len);
        let (window, _sum) = (header.u16(14), header.u16(16));
        let letters = "FSRPAUEC".chars().enumerate().filter(|(bit, _)| flags >> bit & 1 == 1).map(|(_, letter)| letter);
        let (sport_name, dport_name) = (self.names.port(sport), self.names.port(dport));
        self.add("tcp", "sport", sport_name);
        self.add("tcp", "dport", dport_name);
        self.add("tcp", "flags", letters.collect::<String>());
        let (mss, options) = tcp_options(&mut header);
        if let Some(mss) = mss {
            self.add("tcp", "mss", mss);
        }
        self.add("tcp", "options", options);
        self.add("tcp", "len", len);
        if let Some(verdict) = verdict {
            self.add("tcp", "sum", verdict);
        }
        self.close("tcp", &header);
        self.tcp = Some(TcpState { from: (src, sport), to: (dst, dport), seq, ack, flags, window, len });
        Some(())
    }

    fn udp(&mut self, bytes: &[u8], src: Ipv4Addr, verdict: Option<&str>) -> Option<()> {
        let mut header = Header::new(bytes, 8)?;
        let (sport, dport, len, checksum) = (header.u16(0), header.u16(2), header.u16(4), header.u16(6));
        let is_tunnel = VXLAN_PORTS.contains(&dport);
        let (sport, dport) = match is_tunnel {
            true => (self.names.tunnel_port(src, sport), dport.to_string()),
            false => (self.names.port(sport), self.names.port(dport)),
        };
        self.add("udp", "sport", sport);
        self.add("udp", "dport", dport);
        self.add("udp", "len", len);
        match verdict {
            Some(_) if checksum == 0 => self.add("udp", "sum", "none"),
            Some(verdict) => self.add("udp", "sum", verdict),
            None => {}
        }
        if is_tunnel { self.vxlan(&bytes[8..]) } else { Some(()) }
    }

    fn vxlan(&mut self, bytes: &[u8]) -> Option<()> {
        let mut header = Header::new(bytes, 8)?;
        self.add("vxlan", "flags", format!("{:02x}", header.bits(0, 0xff)));
        let [_, vni @ ..] = header.take::<4>(3);
        // The byte in front of it is read by nobody.
        header.unread[3] = header.bytes[3];
        self.add("vxlan", "vni", u32::from_be_bytes([0, vni[0], vni[1], vni[2]]));
        self.close("vxlan", &header);
        self.inner = "inner-";
        self.ethernet(&bytes[8..])
    }

    fn icmp(&mut self, bytes: &[u8], verdict: Option<&str>) -> Option<()> {
        let mut header = Header::new(bytes, 8)?;
        let (kind, code, _sum) = (header.bits(0, 0xff), header.bits(1, 0xff), header.u16(2));
        self.add("icmp", "type", kind);
        self.add("icmp", "code", code);
        if matches!(kind, 0 | 8) {
            let _drawn = header.u16(4);
            self.add("icmp", "seq", header.u16(6));
        }
        if (kind, code) == (3, 4) {
            self.add("icmp", "mtu", header.u16(6));
        }
        self.add("icmp", "len", bytes.len() - 8);
        if let Some(verdict) = verdict {
            self.add("icmp", "sum", verdict);
        }
        self.close("icmp", &header);
        if matches!(kind, 3 | 11) { self.quote(&bytes[8..]) } else { Some(()) }
    }

    /// The packet that an ICMP error is about: its IP header and the first bytes of what follows.
    fn quote(&mut self, bytes: &[u8]) -> Option<()> {
        let mut header = Header::new(bytes, 20)?;
        let (ihl, protocol, total) = (header.bits(0, 0xff), header.bits(9, 0xff), header.u16(2));
        let (_id, _sum, fragment) = (header.u16(4), header.u16(10), header.u16(6));
        let (src, dst) = (header.ip(12), header.ip(16));
        self.add("quote", "src", src);
        self.add("quote", "dst", dst);
        self.add("quote", "protocol", protocol);
        self.add("quote", "ttl", header.bits(8, 0xff));
        self.add("quote", "tos", header.bits(1, 0xff));
        self.add("quote", "len", total);
        self.add("quote", "fragment", format!("{fragment:04x}"));
        self.add("quote", "sum", if sum(&[header.bytes]) == 0 { "good" } else { "bad" });
        if ihl != 0x45 {
            self.add("quote", "ihl", format!("{ihl:02x}"));
        }
        self.close("quote", &header);
        let transport = bytes.get(20..28)?;
        let ports = [[transport[0], transport[1]], [transport[2], transport[3]]].map(u16::from_be_bytes);
        match protocol {
            6 | 17 if fragment & 0x1fff == 0 => {
                let [sport, dport] = ports.map(|port| self.names.port(port));
                self.add("quote", "sport", sport);
                self.add("quote", "dport", dport);
            }
            1 if fragment & 0x1fff == 0 => self.add("quote", "type", transport[0]),
            _ => {}
        }
        Some(())
    }
}

/// The MSS, and the options' kinds in their order.
fn tcp_options(header: &mut Header<'_>) -> (Option<u16>, String) {
    let (mut mss, mut kinds, mut at) = (None, Vec::new(), 20);
    while at < header.bytes.len() {
        let kind = header.bits(at, 0xff);
        let len = match kind {
            0 | 1 => 1,
            _ => usize::from(header.bytes.get(at + 1).copied().unwrap_or(0)).max(2),
        };
        let Some(body) = header.bytes.get(at..at + len) else { break };
        match (kind, body) {
            (2, [_, _, high, low]) => mss = Some(u16::from_be_bytes([*high, *low])),
            (3, [_, _, shift]) => kinds.push(format!("ws{shift}")),
            _ => {}
        }
        match kind {
            0 => kinds.push("end".to_owned()),
            1 => kinds.push("nop".to_owned()),
            2 => kinds.push("mss".to_owned()),
            3 => {}
            4 => kinds.push("sack".to_owned()),
            8 => kinds.push("ts".to_owned()),
            other => kinds.push(other.to_string()),
        }
        header.unread[at..at + len].fill(0);
        at += len;
    }
    (mss, if kinds.is_empty() { "none".to_owned() } else { kinds.join(",") })
}

/// The Internet checksum over the parts, which are all of even length but the last: 0 if they hold their own.
fn sum(parts: &[&[u8]]) -> u16 {
    let word = |bytes: &[u8]| {
        let mut padded = [0; 8];
        padded[..bytes.len()].copy_from_slice(bytes);
        u64::from_be_bytes(padded)
    };
    // Eight bytes at a time: a carry of 2^16 counts as 1, whichever word it comes from.
    let words = parts.iter().flat_map(|part| part.chunks(8)).map(word);
    let mut sum: u64 = words.map(|word| (word >> 32) + (word & 0xffff_ffff)).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
