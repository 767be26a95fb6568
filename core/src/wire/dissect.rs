//! Naming the fields of a packet, with the bytes that each one occupies.
//!
//! Never panics and never judges: what cannot be read ends the list, and a wrong checksum is marked.

use std::net::Ipv4Addr;
use std::ops::Range;

use etherparse::checksum::Sum16BitWords;

use super::{
    BgpMessage, DNS_PORT, ETHERNET_HEADER_LEN, ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, GENEVE_HEADER_LEN, Link,
    Packet, VXLAN_HEADER_LEN, VxlanHeader, bgp, dns, udp_tunnel::UdpTunnel,
};
use crate::base::MacAddr;

/// What a layer is for. Each has one colour everywhere on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The Ethernet header on the wire.
    Link,
    /// ARP.
    Arp,
    /// The IP header that a tunnel put around the packet.
    OuterIp,
    /// The UDP header of a tunnel.
    OuterUdp,
    /// The tunnel's own header.
    Tunnel,
    /// The Ethernet header inside a tunnel.
    InnerLink,
    /// The IP header that the sender wrote.
    Ip,
    /// TCP, UDP or ICMP.
    Transport,
    /// What the application said.
    Payload,
}

/// One header, or the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// What it is for.
    pub role: Role,
    /// Its protocol: `ETH`, `ARP`, `IP`, `UDP`, `VXLAN`, `GENEVE`, `TCP`, `ICMP`, `HTTP`, `BGP`, `DNS` or `DATA`.
    pub name: &'static str,
    /// The bytes it occupies in the packet.
    pub range: Range<usize>,
    /// Its fields, in byte order.
    pub fields: Vec<Field>,
}

/// One field of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, as tcpdump and the RFCs call it.
    pub name: &'static str,
    /// The bytes it occupies in the packet; fields smaller than a byte share theirs.
    pub range: Range<usize>,
    /// Its value, printed the way the field's tools print it.
    pub value: String,
    /// A checksum that does not match.
    pub bad: bool,
}

/// The layers of `packet`, outermost first.
#[must_use]
pub fn dissect(packet: &Packet) -> Vec<Layer> {
    let mut reader = Reader { bytes: packet.bytes(), layers: Vec::new() };
    match packet.link() {
        Link::Ethernet => reader.ethernet(0),
        Link::Ip => reader.ip(0),
    }
    reader.name_roles();
    reader.layers
}

struct Reader<'a> {
    bytes: &'a [u8],
    layers: Vec<Layer>,
}

/// Collects the fields of one header that begins at `start`.
struct Fields<'a> {
    bytes: &'a [u8],
    start: usize,
    fields: Vec<Field>,
}

impl Fields<'_> {
    fn add(&mut self, name: &'static str, range: Range<usize>, value: impl ToString) {
        let range = self.start + range.start..self.start + range.end;
        self.fields.push(Field { name, range, value: value.to_string(), bad: false });
    }

    fn checksum(&mut self, name: &'static str, range: Range<usize>, right: bool) {
        let value = format!("0x{:04x}", self.u16(range.start));
        self.add(name, range, value);
        if let Some(field) = self.fields.last_mut() {
            field.bad = !right;
        }
    }

    fn u8(&self, at: usize) -> u8 {
        self.bytes[self.start + at]
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.u8(at), self.u8(at + 1)])
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_be_bytes([self.u8(at), self.u8(at + 1), self.u8(at + 2), self.u8(at + 3)])
    }

    fn mac(&self, at: usize) -> MacAddr {
        MacAddr([self.u8(at), self.u8(at + 1), self.u8(at + 2), self.u8(at + 3), self.u8(at + 4), self.u8(at + 5)])
    }

    fn ipv4(&self, at: usize) -> Ipv4Addr {
        Ipv4Addr::new(self.u8(at), self.u8(at + 1), self.u8(at + 2), self.u8(at + 3))
    }
}

impl<'a> Reader<'a> {
    /// The fields of a header of `len` bytes at `start`; `None` ends the dissection.
    fn header(&self, start: usize, len: usize) -> Option<Fields<'a>> {
        (start + len <= self.bytes.len()).then(|| Fields { bytes: self.bytes, start, fields: Vec::new() })
    }

    fn push(&mut self, role: Role, name: &'static str, len: usize, fields: Fields<'_>) {
        self.layers.push(Layer { role, name, range: fields.start..fields.start + len, fields: fields.fields });
    }

    fn ethernet(&mut self, start: usize) {
        let Some(mut f) = self.header(start, ETHERNET_HEADER_LEN) else { return };
        let ethertype = f.u16(12);
        f.add("dst", 0..6, f.mac(0));
        f.add("src", 6..12, f.mac(6));
        let name = match ethertype {
            ETHERTYPE_IPV4 => "IPv4",
            ETHERTYPE_ARP => "ARP",
            ETHERTYPE_IPV6 => "IPv6",
            _ => "",
        };
        f.add("type", 12..14, format!("0x{ethertype:04x} {name}").trim_end());
        self.push(Role::Link, "ETH", ETHERNET_HEADER_LEN, f);
        match ethertype {
            ETHERTYPE_IPV4 => self.ip(start + ETHERNET_HEADER_LEN),
            ETHERTYPE_ARP => self.arp(start + ETHERNET_HEADER_LEN),
            _ => self.payload(start + ETHERNET_HEADER_LEN, self.bytes.len()),
        }
    }

    fn arp(&mut self, start: usize) {
        let Some(mut f) = self.header(start, 28) else { return };
        let op = f.u16(6);
        f.add("hardware", 0..2, f.u16(0));
        f.add("protocol", 2..4, format!("0x{:04x}", f.u16(2)));
        f.add(
            "op",
            6..8,
            match op {
                1 => "1 request".to_owned(),
                2 => "2 reply".to_owned(),
                other => other.to_string(),
            },
        );
        f.add("sender mac", 8..14, f.mac(8));
        f.add("sender ip", 14..18, f.ipv4(14));
        f.add("target mac", 18..24, f.mac(18));
        f.add("target ip", 24..28, f.ipv4(24));
        self.push(Role::Arp, "ARP", 28, f);
    }

    fn ip(&mut self, start: usize) {
        let Some(mut f) = self.header(start, 20) else { return };
        let header_len = usize::from(f.u8(0) & 0x0f) * 4;
        let total_len = f.u16(2);
        if f.u8(0) >> 4 != 4 || header_len < 20 || self.header(start, header_len).is_none() {
            return;
        }
        let fragment = f.u16(6);
        let protocol = f.u8(9);
        f.add("version", 0..1, 4);
        f.add("ihl", 0..1, format!("{} ({header_len} bytes)", header_len / 4));
        f.add("tos", 1..2, format!("0x{:02x}", f.u8(1)));
        f.add("length", 2..4, total_len);
        f.add("id", 4..6, f.u16(4));
        f.add(
            "flags",
            6..8,
            match fragment >> 13 {
                0 => "none",
                1 => "MF",
                2 => "DF",
                _ => "DF, MF",
            },
        );
        f.add("offset", 6..8, usize::from(fragment & 0x1fff) * 8);
        f.add("ttl", 8..9, f.u8(8));
        f.add(
            "protocol",
            9..10,
            match protocol {
                1 => "1 ICMP".to_owned(),
                4 => "4 IPIP".to_owned(),
                6 => "6 TCP".to_owned(),
                17 => "17 UDP".to_owned(),
                other => other.to_string(),
            },
        );
        let header = &self.bytes[start..start + header_len];
        f.checksum("checksum", 10..12, Sum16BitWords::new().add_slice(header).ones_complement() == 0);
        f.add("src", 12..16, f.ipv4(12));
        f.add("dst", 16..20, f.ipv4(16));
        let addresses = [f.ipv4(12).octets(), f.ipv4(16).octets()];
        self.push(Role::Ip, "IP", header_len, f);
        let body = start + header_len;
        let end = (start + usize::from(total_len)).clamp(body, self.bytes.len());
        let complete = fragment & 0x3fff == 0 && start + usize::from(total_len) <= self.bytes.len();
        if fragment & 0x1fff != 0 {
            return self.payload(body, end);
        }
        let sum = PseudoHeader { addresses, protocol, segment: &self.bytes[body..end], complete };
        match protocol {
            6 => self.tcp(body, end, &sum),
            17 => self.udp(body, end, &sum),
            1 => self.icmp(body, end, &sum),
            4 if end - body >= 20 => self.ip(body),
            _ => self.payload(body, end),
        }
    }

    fn tcp(&mut self, start: usize, end: usize, sum: &PseudoHeader<'_>) {
        let Some(mut f) = self.header(start, 20).filter(|_| end - start >= 20) else { return };
        let header_len = usize::from(f.u8(12) >> 4) * 4;
        if header_len < 20 || start + header_len > end {
            return;
        }
        let flags = f.u8(13);
        f.add("sport", 0..2, f.u16(0));
        f.add("dport", 2..4, f.u16(2));
        f.add("seq", 4..8, f.u32(4));
        f.add("ack", 8..12, f.u32(8));
        f.add("data offset", 12..13, format!("{} ({header_len} bytes)", header_len / 4));
        let names = [(2, "SYN"), (16, "ACK"), (8, "PSH"), (1, "FIN"), (4, "RST"), (32, "URG")];
        let set: Vec<&str> = names.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect();
        f.add("flags", 13..14, set.join(" "));
        f.add("window", 14..16, f.u16(14));
        f.checksum("checksum", 16..18, sum.is_right());
        tcp_options(&mut f, header_len);
        let ports = [f.u16(0), f.u16(2)];
        self.push(Role::Transport, "TCP", header_len, f);
        let body = start + header_len;
        if !ports.contains(&DNS_PORT) || !self.dns_stream(body, end) {
            self.payload(body, end);
        }
    }

    fn udp(&mut self, start: usize, end: usize, sum: &PseudoHeader<'_>) {
        let Some(mut f) = self.header(start, 8).filter(|_| end - start >= 8) else { return };
        let (sport, dport) = (f.u16(0), f.u16(2));
        f.add("sport", 0..2, sport);
        f.add("dport", 2..4, dport);
        f.add("length", 4..6, f.u16(4));
        // RFC 768: an all-zero checksum means that the sender computed none.
        f.checksum("checksum", 6..8, f.u16(6) == 0 || sum.is_right());
        self.push(Role::Transport, "UDP", 8, f);
        let body = start + 8;
        match UdpTunnel::read(dport, &self.bytes[body..end]) {
            Some(UdpTunnel::Vxlan(vxlan)) => self.vxlan(body, vxlan),
            Some(UdpTunnel::Geneve(geneve)) => self.geneve(body, geneve.vni, geneve.options.len()),
            None if [sport, dport].contains(&DNS_PORT) && self.dns(body, end) => {}
            None => self.payload(body, end),
        }
    }

    /// Whether a DNS message stands there.
    fn dns(&mut self, start: usize, end: usize) -> bool {
        self.dns_behind(start, start, end)
    }

    /// Whether whole messages stand there, each behind its length.
    fn dns_stream(&mut self, start: usize, end: usize) -> bool {
        let Some(messages) = dns::in_stream(&self.bytes[start..end]) else { return false };
        messages
            .into_iter()
            .all(|range| self.dns_behind(start + range.start - 2, start + range.start, start + range.end))
    }

    /// The same for a message that something stands in front of.
    fn dns_behind(&mut self, start: usize, message: usize, end: usize) -> bool {
        let Some(fields) = dns::fields(&self.bytes[message..end]) else { return false };
        let mut f = Fields { bytes: self.bytes, start, fields: Vec::new() };
        if message > start {
            f.add("length", 0..message - start, f.u16(0));
        }
        let shift = message - start;
        for (name, range, value) in fields {
            f.add(name, range.start + shift..range.end + shift, value);
        }
        self.push(Role::Payload, "DNS", end - start, f);
        true
    }

    fn vxlan(&mut self, start: usize, header: VxlanHeader) {
        let Some(mut f) = self.header(start, VXLAN_HEADER_LEN) else { return };
        f.add("flags", 0..1, format!("0x{:02x} I", f.u8(0)));
        f.add("vni", 4..7, header.vni);
        self.push(Role::Tunnel, "VXLAN", VXLAN_HEADER_LEN, f);
        self.ethernet(start + VXLAN_HEADER_LEN);
    }

    /// The options are a layer of their own, so that whoever counts bytes sees both terms.
    fn geneve(&mut self, start: usize, vni: u32, options_len: usize) {
        let Some(mut f) = self.header(start, GENEVE_HEADER_LEN) else { return };
        f.add("options", 0..1, format!("{} ({options_len} bytes)", options_len / 4));
        f.add("flags", 1..2, format!("0x{:02x}", f.u8(1)));
        f.add("protocol", 2..4, format!("0x{:04x}", f.u16(2)));
        f.add("vni", 4..7, vni);
        self.push(Role::Tunnel, "GENEVE", GENEVE_HEADER_LEN, f);
        let options = start + GENEVE_HEADER_LEN;
        if options_len > 0 {
            let Some(mut f) = self.header(options, options_len) else { return };
            geneve_options(&mut f, options_len);
            self.push(Role::Tunnel, "GENEVE-OPT", options_len, f);
        }
        self.ethernet(options + options_len);
    }

    fn icmp(&mut self, start: usize, end: usize, sum: &PseudoHeader<'_>) {
        let Some(mut f) = self.header(start, 8).filter(|_| end - start >= 8) else { return };
        let (kind, code) = (f.u8(0), f.u8(1));
        f.add(
            "type",
            0..1,
            match kind {
                0 => "0 echo reply".to_owned(),
                3 => "3 destination unreachable".to_owned(),
                8 => "8 echo request".to_owned(),
                11 => "11 time exceeded".to_owned(),
                other => other.to_string(),
            },
        );
        f.add("code", 1..2, code);
        f.checksum("checksum", 2..4, sum.is_right());
        if (kind, code) == (3, 4) {
            f.add("mtu", 6..8, f.u16(6));
        }
        if matches!(kind, 0 | 8) {
            f.add("id", 4..6, f.u16(4));
            f.add("seq", 6..8, f.u16(6));
        }
        self.push(Role::Transport, "ICMP", 8, f);
        if matches!(kind, 3 | 11) { self.quote(start + 8, end) } else { self.payload(start + 8, end) }
    }

    /// The packet that an ICMP error is about, as far as it is quoted.
    fn quote(&mut self, start: usize, end: usize) {
        let Some(mut f) = self.header(start, 20).filter(|_| end - start >= 20) else {
            return self.payload(start, end);
        };
        f.add("length", 2..4, f.u16(2));
        f.add("ttl", 8..9, f.u8(8));
        f.add("protocol", 9..10, f.u8(9));
        f.add("src", 12..16, f.ipv4(12));
        f.add("dst", 16..20, f.ipv4(16));
        self.push(Role::Payload, "QUOTE", end - start, f);
    }

    fn payload(&mut self, mut start: usize, end: usize) {
        while let Some((message, len)) = BgpMessage::from_slice(&self.bytes[start.min(end)..end]) {
            let mut f = Fields { bytes: self.bytes, start, fields: Vec::new() };
            for (name, range, value) in bgp::fields(&message, &self.bytes[start..start + len]) {
                f.add(name, range, value);
            }
            self.push(Role::Payload, "BGP", len, f);
            start += len;
        }
        if start >= end {
            return;
        }
        let bytes = &self.bytes[start..end];
        let is_http = [&b"GET "[..], b"HTTP/1."].iter().any(|prefix| bytes.starts_with(prefix));
        let mut f = Fields { bytes: self.bytes, start, fields: Vec::new() };
        if is_http {
            let (mut at, mut name) = (0, "line");
            for line in bytes.split(|byte| *byte == b'\n') {
                let text = line.trim_ascii_end();
                if text.is_empty() {
                    break;
                }
                f.add(name, at..at + text.len(), String::from_utf8_lossy(text));
                (at, name) = (at + line.len() + 1, "header");
            }
        }
        self.push(Role::Payload, if is_http { "HTTP" } else { "DATA" }, end - start, f);
    }

    /// Everything up to the innermost tunnel's header is an envelope's. IP in IP has no header of its own.
    fn name_roles(&mut self) {
        let carries = |(i, layer): (usize, &Layer)| {
            let next = self.layers.get(i + 1);
            layer.role == Role::Tunnel || (layer.role == Role::Ip && next.is_some_and(|next| next.role == Role::Ip))
        };
        let Some(first) = self.layers.iter().enumerate().position(carries) else { return };
        let last = self.layers.iter().enumerate().rposition(carries).unwrap_or(first);
        for (i, layer) in self.layers.iter_mut().enumerate() {
            layer.role = match layer.role {
                Role::Ip if i <= last => Role::OuterIp,
                Role::Transport if i < last => Role::OuterUdp,
                Role::Link if i > first => Role::InnerLink,
                other => other,
            };
        }
    }
}

/// Class, type and data of each option (RFC 8926 section 3.5).
fn geneve_options(f: &mut Fields<'_>, len: usize) {
    let mut at = 0;
    while at + 4 <= len {
        let end = at + 4 + usize::from(f.u8(at + 3) & 0x1f) * 4;
        if end > len {
            break;
        }
        f.add("class", at..at + 2, format!("0x{:04x}", f.u16(at)));
        f.add("type", at + 2..at + 3, format!("0x{:02x}", f.u8(at + 2)));
        if end > at + 4 {
            let data: String = (at + 4..end).map(|byte| format!("{:02x}", f.u8(byte))).collect();
            f.add("data", at + 4..end, format!("0x{data}"));
        }
        at = end;
    }
}

fn tcp_options(f: &mut Fields<'_>, header_len: usize) {
    let mut at = 20;
    while at < header_len {
        let kind = f.u8(at);
        if kind == 0 {
            break;
        }
        let len = if kind == 1 { 1 } else { f.u8((at + 1).min(header_len - 1)).max(2).into() };
        if at + len > header_len {
            break;
        }
        match (kind, len) {
            (2, 4) => f.add("mss", at..at + 4, f.u16(at + 2)),
            (3, 3) => f.add("window scale", at..at + 3, f.u8(at + 2)),
            (4, 2) => f.add("sack", at..at + 2, "permitted"),
            (5, _) => {
                let blocks = (at + 2..at + len).step_by(8).filter(|block| block + 8 <= header_len);
                let blocks: Vec<String> =
                    blocks.map(|block| format!("{}:{}", f.u32(block), f.u32(block + 4))).collect();
                f.add("sack", at..at + len, blocks.join(" "));
            }
            (8, 10) => f.add("timestamps", at..at + 10, format!("{} {}", f.u32(at + 2), f.u32(at + 6))),
            _ => {}
        }
        at += len;
    }
}

/// What a transport checksum covers (RFC 9293 section 3.1).
struct PseudoHeader<'a> {
    addresses: [[u8; 4]; 2],
    protocol: u8,
    segment: &'a [u8],
    complete: bool,
}

impl PseudoHeader<'_> {
    fn is_right(&self) -> bool {
        if !self.complete {
            return true;
        }
        let sum = Sum16BitWords::new().add_slice(self.segment);
        if self.protocol == 1 {
            return sum.ones_complement() == 0;
        }
        let len = u16::try_from(self.segment.len()).unwrap_or_default();
        sum.add_4bytes_of(self.addresses).add_2bytes([0, self.protocol]).add_2bytes(len.to_be_bytes()).ones_complement()
            == 0
    }
}

trait AddAddresses {
    fn add_4bytes_of(self, addresses: [[u8; 4]; 2]) -> Self;
}

impl AddAddresses for Sum16BitWords {
    fn add_4bytes_of(mut self, addresses: [[u8; 4]; 2]) -> Self {
        for address in addresses {
            self = self.add_4bytes(address);
        }
        self
    }
}
