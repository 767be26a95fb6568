//! Rewriting addresses and ports as NAT does: in place, with every checksum that covers them repaired.
//!
//! Models net/netfilter/nf_nat_proto.c: checksums are updated from what changed, not computed anew, so that a packet that
//! is quoted in part stays as right or wrong as it was. Read first: RFC 1624.

use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::Arc;

use super::{Icmp, Packet, Transport};

/// One of the two ends that an IP packet names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Who sent it.
    Source,
    /// Whom it is for.
    Destination,
}

impl End {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Source => Self::Destination,
            Self::Destination => Self::Source,
        }
    }
}

/// Bytes of the ICMP header in front of a quote.
const ICMP_HEADER_LEN: usize = 8;
const ADDRESS_LEN: usize = 4;

impl Packet {
    /// Gives the packet another address and port at one end. Of an echo the port is the identifier, whichever the end;
    /// protocols without ports change their address alone.
    pub fn translate(&mut self, end: End, ip: Ipv4Addr, port: u16) {
        let start = self.bytes().len() - self.network_len();
        let bytes = self.bytes_mut();
        translate_at(&mut bytes[start..], end, ip, Some(port));
    }

    /// Gives an ICMP error another address at one end, and leaves what it quotes alone.
    pub fn translate_address(&mut self, end: End, ip: Ipv4Addr) {
        let start = self.bytes().len() - self.network_len();
        let bytes = self.bytes_mut();
        translate_at(&mut bytes[start..], end, ip, None);
    }

    /// Does the same to the packet that an ICMP error quotes, and computes the error's checksum anew.
    pub fn translate_quoted(&mut self, end: End, ip: Ipv4Addr, port: u16) {
        let (Some(header), Some(Transport::Icmp(Icmp::Error(_)))) = (self.ip_header(), self.transport()) else {
            return;
        };
        let start = self.bytes().len() - self.network_len();
        let end_of_ip = start + header.total_len;
        let bytes = self.bytes_mut();
        let end_of_ip = end_of_ip.min(bytes.len());
        let icmp = &mut bytes[start + header.header_len..end_of_ip];
        translate_at(&mut icmp[ICMP_HEADER_LEN..], end, ip, Some(port));
        icmp[2..4].fill(0);
        let checksum = etherparse::checksum::Sum16BitWords::new().add_slice(icmp).ones_complement().to_be();
        icmp[2..4].copy_from_slice(&checksum.to_be_bytes());
    }

    fn bytes_mut(&mut self) -> &mut Vec<u8> {
        Arc::make_mut(&mut self.bytes)
    }
}

/// Rewrites the IP packet that begins with `bytes`. `port` is `None` where only the address is to change.
fn translate_at(bytes: &mut [u8], end: End, ip: Ipv4Addr, port: Option<u16>) {
    let Some(header_len) = bytes.first().map(|first| usize::from(first & 0x0f) * 4) else { return };
    if header_len < 20 || bytes.len() < header_len {
        return;
    }
    let protocol = bytes[9];
    let is_later_piece = u16::from_be_bytes([bytes[6], bytes[7]]) & 0x1fff != 0;
    let at = if end == End::Source { 12 } else { 16 };
    let old_ip = replace(bytes, at..at + ADDRESS_LEN, &ip.octets());
    update_checksum(bytes, 10, &old_ip, &ip.octets(), false);
    let transport = &mut bytes[header_len..];
    if is_later_piece {
        return;
    }
    let (port_at, checksum_at) = match (protocol, end) {
        (6, End::Source) => (0, Some(16)),
        (6, End::Destination) => (2, Some(16)),
        (17, End::Source) => (0, Some(6)),
        (17, End::Destination) => (2, Some(6)),
        // An echo's identifier is under a checksum of its own, without addresses; other messages have none.
        (1, _) if matches!(transport.first(), Some(0 | 8)) => (4, None),
        _ => return,
    };
    if transport.len() < port_at + 2 {
        return;
    }
    let Some(port) = port else {
        if let Some(checksum_at) = checksum_at {
            update_checksum(transport, checksum_at, &old_ip, &ip.octets(), protocol == 17);
        }
        return;
    };
    let old_port = replace(transport, port_at..port_at + 2, &port.to_be_bytes());
    match checksum_at {
        Some(at) => {
            update_checksum(transport, at, &old_ip, &ip.octets(), protocol == 17);
            update_checksum(transport, at, &old_port, &port.to_be_bytes(), protocol == 17);
        }
        None => update_checksum(transport, 2, &old_port, &port.to_be_bytes(), false),
    }
}

fn replace(bytes: &mut [u8], range: Range<usize>, new: &[u8]) -> Vec<u8> {
    let old = bytes[range.clone()].to_vec();
    bytes[range].copy_from_slice(new);
    old
}

/// Updates the checksum at `at` for `old` having become `new` (RFC 1624, equation 3). A quote may end before it; where
/// zero means that there is none (UDP), none stays none.
fn update_checksum(bytes: &mut [u8], at: usize, old: &[u8], new: &[u8], zero_is_none: bool) {
    let Some(field) = bytes.get(at..at + 2) else { return };
    let checksum = u16::from_be_bytes([field[0], field[1]]);
    if zero_is_none && checksum == 0 {
        return;
    }
    let words =
        |bytes: &[u8]| -> Vec<u16> { bytes.chunks(2).map(|word| u16::from_be_bytes([word[0], word[1]])).collect() };
    let mut sum = u32::from(!checksum);
    for (old, new) in words(old).into_iter().zip(words(new)) {
        sum += u32::from(!old) + u32::from(new);
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let updated = match !(sum as u16) {
        0 if zero_is_none => 0xffff,
        checksum => checksum,
    };
    bytes[at..at + 2].copy_from_slice(&updated.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::End;
    use crate::wire::{IcmpError, IpSpec, Packet, icmp_echo, icmp_error, udp};

    const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 2);
    const SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 45, 67);
    const POD: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);

    fn spec(src: Ipv4Addr, dst: Ipv4Addr) -> IpSpec {
        IpSpec { src, dst, ttl: 64, df: false, id: 7, tos: 0 }
    }

    #[test]
    fn a_translated_packet_is_the_one_that_would_have_been_built() {
        let mut packet = udp(spec(CLIENT, SERVICE), 40000, 53, b"question");
        packet.translate(End::Destination, POD, 5353);
        assert_eq!(packet.bytes(), udp(spec(CLIENT, POD), 40000, 5353, b"question").bytes());
        let mut echo = icmp_echo(spec(CLIENT, SERVICE), false, 9, 1, b"data");
        echo.translate(End::Source, POD, 1024);
        assert_eq!(echo.bytes(), icmp_echo(spec(POD, SERVICE), false, 1024, 1, b"data").bytes());
    }

    #[test]
    fn a_quote_is_translated_inside_its_error_even_if_it_is_cut_short() {
        let quoted = |dst: Ipv4Addr, port| udp(spec(CLIENT, dst), 40000, port, &[7; 600]);
        for len in [28, 60] {
            let error =
                |packet: &Packet| icmp_error(spec(SERVICE, CLIENT), IcmpError::PortUnreach, &packet.bytes()[..len]);
            let mut packet = error(&quoted(POD, 5353));
            packet.translate_quoted(End::Destination, SERVICE, 53);
            assert_eq!(packet.bytes(), error(&quoted(SERVICE, 53)).bytes(), "quote of {len} bytes");
        }
    }
}
