//! A simulator that is wrong must be caught: in every case, on every device, one thing is changed in one frame, and the
//! comparison has to name that device, that frame and that field, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::cases;
use crate::compare::{Difference, Observed, compare, table};
use crate::decode::{Fields, VXLAN_PORTS};
use crate::normalise::{Naming, admitted, normalise};
use crate::traffic::Talk;
use crate::{labs, recorded, simulator};

/// A lie about one frame.
struct Lie {
    what: &'static str,
    /// Tells it, where it can be told, and returns the fields that must be found.
    tell: fn(&mut Frame) -> Option<Vec<String>>,
}

const LIES: &[Lie] = &[
    Lie { what: "TTL", tell: |frame| frame.ip_byte("ttl", 8, |ttl| ttl - 1) },
    Lie { what: "TOS", tell: |frame| frame.ip_byte("tos", 1, |_| 0x10) },
    Lie { what: "DF", tell: |frame| frame.ip_byte("df", 6, |flags| flags ^ 0x40) },
    Lie { what: "link address", tell: wrong_mac },
    Lie { what: "destination port", tell: wrong_port },
    Lie { what: "a byte too many", tell: longer },
    Lie { what: "MSS", tell: |frame| frame.syn_byte("mss", 23, |mss| mss ^ 4) },
    Lie { what: "order of TCP options", tell: |frame| frame.syn_byte("options", 24, |_| 1) },
    Lie { what: "window", tell: |frame| frame.syn_byte("window", 15, |window| window ^ 1) },
    Lie { what: "PSH", tell: wrong_push },
    Lie { what: "checksum", tell: wrong_checksum },
    Lie { what: "VNI", tell: |frame| frame.tunnel_byte("vxlan.vni", 6, |vni| vni + 1) },
    Lie { what: "VXLAN flags", tell: |frame| frame.tunnel_byte("vxlan.flags", 0, |_| 0x0c) },
    Lie { what: "reserved VXLAN bits", tell: |frame| frame.tunnel_byte("vxlan.rest", 7, |_| 1) },
    Lie { what: "outer TTL", tell: |frame| frame.outer_byte("ip.ttl", 8, |ttl| ttl - 1) },
    Lie { what: "outer DF", tell: |frame| frame.outer_byte("ip.df", 6, |flags| flags ^ 0x40) },
    Lie { what: "no outer checksum", tell: no_outer_checksum },
    Lie { what: "ICMP sequence number", tell: wrong_echo },
    Lie { what: "MTU in an ICMP error", tell: wrong_mtu },
    Lie { what: "quoted TTL", tell: wrong_quote },
    Lie { what: "fragment offset", tell: wrong_fragment },
    Lie { what: "ARP target", tell: |frame| frame.arp_byte("tpa", 27, |byte| byte ^ 0x80) },
    Lie { what: "ARP sender", tell: |frame| frame.arp_byte("sha", 8, |byte| byte ^ 0x80) },
    Lie { what: "ARP operation", tell: |frame| frame.arp_byte("op", 7, |op| 3 - op) },
];

const ETHERNET: usize = 14;
/// Ethernet, IPv4, UDP, VXLAN.
const ENVELOPE: usize = 14 + 20 + 8 + 8;
const SYN: u8 = 2;
const FIN: u8 = 1;
const PSH: u8 = 8;

/// A frame about which lies are told.
struct Frame {
    bytes: Vec<u8>,
    /// What of it is compared.
    compared: Fields,
    is_loopback: bool,
}

impl Frame {
    fn is_ip(&self) -> bool {
        self.bytes[12..14] == [8, 0]
    }

    fn is_tunnelled(&self) -> bool {
        let is_port = |port: &u16| self.bytes[36..38] == port.to_be_bytes();
        self.is_ip() && self.bytes[23] == 17 && VXLAN_PORTS.iter().any(is_port)
    }

    /// Where the innermost IP header begins, and what its fields are called.
    fn ip(&self) -> Option<(usize, &'static str)> {
        match () {
            () if self.is_tunnelled() => Some((ENVELOPE + ETHERNET, "inner-")),
            () if self.is_ip() => Some((ETHERNET, "")),
            () => None,
        }
    }

    /// The same, of a packet that is no fragment.
    fn whole_ip(&self) -> Option<(usize, &'static str)> {
        self.ip().filter(|(ip, _)| self.bytes[ip + 6] & 0x3f == 0 && self.bytes[ip + 7] == 0)
    }

    /// The same of the transport header, if it is of this protocol.
    fn transport(&self, protocol: u8) -> Option<(usize, &'static str)> {
        self.whole_ip().filter(|(ip, _)| self.bytes[ip + 9] == protocol).map(|(ip, prefix)| (ip + 20, prefix))
    }

    /// Whether bytes follow the TCP header at `tcp`.
    fn has_data(&self, tcp: usize) -> bool {
        self.bytes.len() > tcp + usize::from(self.bytes[tcp + 12] >> 4) * 4
    }

    fn change(&mut self, at: usize, field: String, lie: fn(u8) -> u8) -> Option<Vec<String>> {
        self.bytes[at] = lie(self.bytes[at]);
        self.repair();
        Some(vec![field])
    }

    /// Another destination port of the header at `transport`: one that nobody draws, for drawn ones are counted.
    fn privileged_port(&mut self, transport: usize, field: String) -> Option<Vec<String>> {
        self.bytes[transport + 2] = 0;
        self.change(transport + 3, field, |port| port ^ 1)
    }

    fn ip_byte(&mut self, field: &str, at: usize, lie: fn(u8) -> u8) -> Option<Vec<String>> {
        let (ip, prefix) = self.ip()?;
        self.change(ip + at, format!("{prefix}ip.{field}"), lie)
    }

    fn outer_byte(&mut self, field: &str, at: usize, lie: fn(u8) -> u8) -> Option<Vec<String>> {
        self.is_tunnelled().then(|| self.change(ETHERNET + at, field.to_owned(), lie))?
    }

    fn tunnel_byte(&mut self, field: &str, at: usize, lie: fn(u8) -> u8) -> Option<Vec<String>> {
        self.is_tunnelled().then(|| self.change(ENVELOPE - 8 + at, field.to_owned(), lie))?
    }

    fn arp_byte(&mut self, field: &str, at: usize, lie: fn(u8) -> u8) -> Option<Vec<String>> {
        (self.bytes[12..14] == [8, 6]).then(|| self.change(ETHERNET + at, format!("arp.{field}"), lie))?
    }

    /// A byte of the TCP header of a SYN; its options begin with the MSS and two bytes that permit SACK.
    fn syn_byte(&mut self, field: &str, at: usize, lie: fn(u8) -> u8) -> Option<Vec<String>> {
        let (tcp, prefix) = self.transport(6).filter(|(tcp, _)| self.bytes[tcp + 13] & SYN != 0)?;
        if field == "options" {
            // Two times nothing instead of the permission.
            self.bytes[tcp + at + 1] = 1;
        }
        self.change(tcp + at, format!("{prefix}tcp.{field}"), lie)
    }

    /// Makes all checksums right again, so that the lie alone is found.
    fn repair(&mut self) {
        if let Some((ip, _)) = self.ip() {
            self.repair_ip(ip);
        }
        if self.is_tunnelled() {
            self.repair_ip(ETHERNET);
        }
    }

    fn repair_ip(&mut self, ip: usize) {
        let end = ip + usize::from(u16::from_be_bytes([self.bytes[ip + 2], self.bytes[ip + 3]]));
        let (protocol, transport) = (self.bytes[ip + 9], ip + 20);
        self.bytes[ip + 10..ip + 12].fill(0);
        let sum = checksum(&self.bytes[ip..transport]);
        self.bytes[ip + 10..ip + 12].copy_from_slice(&sum);
        if self.bytes[ip + 6] & 0x1f != 0 || self.bytes[ip + 7] != 0 {
            return;
        }
        let at = transport
            + match protocol {
                6 => 16,
                17 => 6,
                _ => 2,
            };
        self.bytes[at..at + 2].fill(0);
        let len = u16::try_from(end - transport).unwrap().to_be_bytes();
        let pseudo = match protocol {
            1 => Vec::new(),
            _ => [&self.bytes[ip + 12..transport], &[0, protocol], &len].concat(),
        };
        let sum = checksum(&[&pseudo, &self.bytes[transport..end]].concat());
        self.bytes[at..at + 2].copy_from_slice(&sum);
    }
}

fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes.chunks(2).map(|pair| u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0)));
    let mut sum: u64 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

fn wrong_mac(frame: &mut Frame) -> Option<Vec<String>> {
    frame.change(5, "eth.dst".to_owned(), |byte| byte ^ 0x80)
}

fn wrong_port(frame: &mut Frame) -> Option<Vec<String>> {
    if let Some((udp, prefix)) = frame.transport(17) {
        return frame.privileged_port(udp, format!("{prefix}udp.dport"));
    }
    // What carries data is counted, and what says nothing is left out, so that only a FIN stays the same otherwise.
    let (tcp, prefix) = frame.transport(6).filter(|(tcp, _)| frame.bytes[tcp + 13] & FIN != 0)?;
    frame.privileged_port(tcp, format!("{prefix}tcp.dport"))
}

fn longer(frame: &mut Frame) -> Option<Vec<String>> {
    let (ip, prefix) = frame.whole_ip()?;
    let layer = match frame.bytes[ip + 9] {
        6 => "tcp",
        17 => "udp",
        _ => "icmp",
    };
    // Anything else than data would become data.
    if layer == "tcp" && frame.bytes[ip + 33] & PSH == 0 {
        return None;
    }
    let mut add_one = |at: usize| {
        let len = u16::from_be_bytes([frame.bytes[at], frame.bytes[at + 1]]) + 1;
        frame.bytes[at..at + 2].copy_from_slice(&len.to_be_bytes());
    };
    let mut fields = vec![format!("{prefix}ip.len"), format!("{prefix}{layer}.len")];
    add_one(ip + 2);
    if layer == "udp" {
        add_one(ip + 24);
    }
    if prefix == "inner-" {
        add_one(ETHERNET + 2);
        add_one(ETHERNET + 24);
        fields.extend(["ip.len".to_owned(), "udp.len".to_owned()]);
    }
    frame.bytes.push(0);
    frame.repair();
    Some(fields)
}

fn wrong_echo(frame: &mut Frame) -> Option<Vec<String>> {
    let (icmp, prefix) = frame.transport(1).filter(|(icmp, _)| matches!(frame.bytes[*icmp], 0 | 8))?;
    frame.change(icmp + 7, format!("{prefix}icmp.seq"), |seq| seq + 1)
}

fn wrong_mtu(frame: &mut Frame) -> Option<Vec<String>> {
    let (icmp, prefix) = frame.transport(1).filter(|(icmp, _)| frame.bytes[*icmp..icmp + 2] == [3, 4])?;
    frame.change(icmp + 7, format!("{prefix}icmp.mtu"), |mtu| mtu ^ 4)
}

/// The quote's own checksum is not repaired, so it is found as well.
fn wrong_quote(frame: &mut Frame) -> Option<Vec<String>> {
    let (icmp, prefix) = frame.transport(1).filter(|(icmp, _)| matches!(frame.bytes[*icmp], 3 | 11))?;
    frame.change(icmp + 8 + 8, format!("{prefix}quote.ttl"), |ttl| ttl + 1);
    Some(vec![format!("{prefix}quote.ttl"), format!("{prefix}quote.sum")])
}

fn wrong_fragment(frame: &mut Frame) -> Option<Vec<String>> {
    // The first piece shows what a later one does not.
    let (ip, prefix) = frame.ip().filter(|(ip, _)| frame.bytes[ip + 6] & 0x1f != 0 || frame.bytes[ip + 7] != 0)?;
    frame.change(ip + 7, format!("{prefix}ip.offset"), |offset| offset ^ 1)
}

fn wrong_push(frame: &mut Frame) -> Option<Vec<String>> {
    let (tcp, prefix) = frame.transport(6)?;
    let field = format!("{prefix}tcp.flags");
    frame.compared.get(&field).filter(|flags| flags.contains('P'))?;
    frame.change(tcp + 13, field, |flags| flags & !PSH)
}

/// Of the innermost packet; the envelope's is right for what it carries.
fn wrong_checksum(frame: &mut Frame) -> Option<Vec<String>> {
    let (ip, prefix) = frame.whole_ip().filter(|_| !frame.is_loopback)?;
    let (layer, at) = match frame.bytes[ip + 9] {
        6 => ("tcp", 16),
        17 => ("udp", 6),
        _ => ("icmp", 2),
    };
    frame.bytes[ip + 20 + at] ^= 0x55;
    if frame.is_tunnelled() {
        frame.repair_ip(ETHERNET);
    }
    Some(vec![format!("{prefix}{layer}.sum")])
}

fn no_outer_checksum(frame: &mut Frame) -> Option<Vec<String>> {
    frame.is_tunnelled().then(|| frame.bytes[ETHERNET + 26..ETHERNET + 28].fill(0))?;
    Some(vec!["udp.sum".to_owned()])
}

/// One device of one case: what Linux did there, and what the simulator says.
struct Stage<'a> {
    device: &'a str,
    linux: Observed,
    frames: &'a [Vec<u8>],
    naming: &'a Naming,
}

impl Stage<'_> {
    fn differences(&self, frames: &[Vec<u8>]) -> Vec<Difference> {
        let normalised = normalise(frames, self.device, self.naming);
        compare(
            &self.linux,
            &Observed { devices: BTreeMap::from([(self.device.to_owned(), normalised)]), ..Observed::default() },
        )
    }

    /// Exactly these fields of one frame must be found.
    fn must_be_caught(&self, what: &str, frames: &[Vec<u8>], fields: &[String]) {
        let found = self.differences(frames);
        let places: BTreeSet<(&str, &str)> = found.iter().map(|d| (d.at.as_str(), d.frame.as_str())).collect();
        let names: BTreeSet<&String> = found.iter().map(|d| &d.field).collect();
        let is_exact = places.len() == 1 && names == fields.iter().collect();
        assert!(is_exact, "{what} on {}: expected {fields:?}, found\n{}", self.device, table(&found, "linux", "lie"));
    }

    /// Whether a segment comes once more, so that a lie about the first makes the second one count.
    fn is_sent_again(&self, at: usize, frame: &Frame) -> bool {
        let Some((tcp, _)) = frame.transport(6) else { return false };
        // Link addresses, ports and flags; a SYN may come again with another number.
        let number = if frame.bytes[tcp + 13] & SYN != 0 { 0..0 } else { tcp + 4..tcp + 8 };
        let what = |bytes: &[u8]| {
            let flags = bytes.get(tcp + 13)?;
            Some([&bytes[..12], &bytes[tcp..tcp + 4], &bytes[number.clone()], &[*flags]].concat())
        };
        self.frames[at + 1..].iter().any(|later| what(later) == what(&frame.bytes) && later.len() == frame.bytes.len())
    }

    /// Tells every lie about one frame of those about which it can be told; returns which could.
    fn tell_all(&self, nth: usize) -> BTreeSet<&'static str> {
        let candidates = admitted(self.frames, self.device, self.naming);
        let is_loopback = self.device.ends_with(":lo");
        let frame = |(at, compared): &(usize, Fields)| Frame {
            bytes: self.frames[*at].clone(),
            compared: compared.clone(),
            is_loopback,
        };
        let mut told = BTreeSet::new();
        for lie in LIES {
            let tell = |candidate: &(usize, Fields)| {
                let mut frame = frame(candidate);
                if self.is_sent_again(candidate.0, &frame) {
                    return None;
                }
                (lie.tell)(&mut frame).map(|fields| (candidate.0, frame.bytes, fields))
            };
            // Not always about the first that it suits.
            let mut from_there = candidates.iter().cycle().skip(nth % candidates.len()).take(candidates.len());
            if let Some((at, bytes, fields)) = from_there.find_map(tell) {
                let mut frames = self.frames.to_vec();
                frames[at] = bytes;
                self.must_be_caught(lie.what, &frames, &fields);
                told.insert(lie.what);
            }
        }
        let candidate = &candidates[nth % candidates.len()];
        let (at, frame) = (candidate.0, frame(candidate));
        // Without its SYN a connection has no numbers to compare, and without its end another segment is the last.
        let is_counted =
            frame.transport(6).is_some_and(|(tcp, _)| frame.bytes[tcp + 13] & SYN != 0 || frame.has_data(tcp));
        // Without a drawn port the others have other numbers.
        let is_drawn = |name: &str| name.starts_with("eph");
        let mut ports = candidates
            .iter()
            .flat_map(|(_, compared)| compared.0.iter().map(|(_, value)| value))
            .filter(|name| is_drawn(name));
        let are_renamed = frame.compared.0.iter().any(|(_, value)| is_drawn(value)) && ports.any(|name| name != "eph");
        if !is_counted && !are_renamed && !self.is_sent_again(at, &frame) {
            let mut fewer = self.frames.to_vec();
            fewer.remove(at);
            self.must_be_caught("a missing frame", &fewer, &["frame".to_owned()]);
            told.insert("a missing frame");
        }
        let mut more = self.frames.to_vec();
        more.insert(at, GRATUITOUS_ARP.to_vec());
        self.must_be_caught("an ARP too many", &more, &["frame".to_owned()]);
        told.insert("an ARP too many");
        told
    }
}

/// 02:00:00:00:00:01 tells everybody that it has 10.9.9.9.
const GRATUITOUS_ARP: &[u8; 42] =
    b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06\0\x01\x08\0\x06\x04\0\x01\x02\0\0\0\0\x01\x0a\x09\x09\x09\
\0\0\0\0\0\0\x0a\x09\x09\x09";

/// One word of one row is changed, and that row is found.
#[test]
fn a_lie_about_a_connection_is_caught() {
    for (was, lie) in [
        ("TIME_WAIT", "CLOSE_WAIT"),
        ("[ASSURED] ", ""),
        ("dst=10.244.0.0", "dst=172.18.0.2"),
        ("dport=8472", "dport=4789"),
        ("sport=hash", "sport=eph"),
        ("mark=0", "mark=16384"),
    ] {
        let linux = recorded::read("http_from_outside_to_a_node_port_on_another_node");
        let mut liar = linux.clone();
        let rows = liar.tables.get_mut("node/node-a").and_then(|tables| tables.get_mut("conntrack -L")).unwrap();
        let row = rows.iter_mut().find(|row| row.contains(was)).unwrap_or_else(|| panic!("{was:?} is nowhere"));
        *row = row.replacen(was, lie, 1);
        let found: Vec<_> = compare(&linux, &liar).into_iter().map(|found| (found.at, found.field)).collect();
        assert_eq!(found, vec![("node/node-a".to_owned(), "conntrack -L".to_owned()); 2], "{was:?} to {lie:?}");
    }
}

#[test]
fn every_lie_about_every_device_of_every_case_is_caught() {
    let mut told = BTreeSet::new();
    for (name, case) in cases::all() {
        let (trace, topo) = labs::simulate(case);
        let naming = simulator::naming(&topo, &Talk::of(&case.run()));
        let linux = recorded::read(name);
        for (n_device, (device, frames)) in simulator::captured(&trace).iter().enumerate() {
            let Some(recorded) = linux.devices.get(device) else { panic!("{name}: Linux has no frame on {device}") };
            let linux =
                Observed { devices: BTreeMap::from([(device.clone(), recorded.clone())]), ..Observed::default() };
            let stage = Stage { device, linux, frames, naming: &naming };
            // Which frames are lied about follows from the case's name, so that no other case changes them.
            told.extend(stage.tell_all(name.bytes().map(usize::from).sum::<usize>() + 7 * n_device));
        }
    }
    let missing: Vec<&str> = LIES.iter().map(|lie| lie.what).filter(|what| !told.contains(what)).collect();
    assert!(missing.is_empty(), "never told: {missing:?}");
    assert!(told.contains("a missing frame"));
}
