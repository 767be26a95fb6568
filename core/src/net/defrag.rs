//! Pieces of IP packets that wait for the others.

use std::net::IpAddr;

use super::Skb;
use crate::wire::{IpHeader, Packet, fragment};

/// What tells the pieces of one packet from those of another (RFC 791 section 3.2).
type Key = (IpAddr, IpAddr, u8, u16);

/// Queues of pieces (`struct ipq`). A queue that never fills stays; no run is long enough for its timeout of 30 s.
#[derive(Clone, Debug, Default)]
pub struct Defrag {
    queues: Vec<(Key, Vec<(IpHeader, Skb)>)>,
}

/// Pieces that may wait in all queues of a namespace; the kernel counts bytes (`ipfrag_high_thresh`, 4 MiB).
const MAX_PIECES: usize = 4096;

impl Defrag {
    /// Whether there is no room for another piece. Models the look at `high_thresh` in inet_frag_find.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.queues.iter().map(|(_, pieces)| pieces.len()).sum::<usize>() >= MAX_PIECES
    }

    /// Takes a piece, for which there must be room: see [`Self::is_full`]. Once they are all here, returns the whole packet
    /// as the continuation of its first piece, that piece, and the number of pieces.
    ///
    /// Models net/ipv4/ip_fragment.c ip_defrag. Not modelled: overlapping pieces, which are dropped on arrival here.
    pub fn add(&mut self, ip: IpHeader, skb: Skb) -> Option<(Skb, Packet, usize)> {
        let key = (ip.src, ip.dst, ip.protocol, ip.id);
        let idx = self.queues.iter().position(|(other, _)| *other == key).unwrap_or_else(|| {
            self.queues.push((key, Vec::new()));
            self.queues.len() - 1
        });
        let pieces = &mut self.queues[idx].1;
        if pieces.iter().all(|(other, _)| other.offset != ip.offset) {
            let idx = pieces.partition_point(|(piece, _)| piece.offset < ip.offset);
            pieces.insert(idx, (ip, skb));
        }
        if !is_complete(pieces) {
            return None;
        }
        let pieces = self.queues.swap_remove(idx).1;
        let n_pieces = pieces.len();
        let frag_max_size = pieces.iter().map(|(piece, _)| piece.total_len).max();
        let payload: Vec<u8> = pieces.iter().flat_map(|(_, skb)| skb.packet.ip_payload().to_vec()).collect();
        let (first_header, first) = pieces.into_iter().next()?;
        let header = &first.packet.network()[..first_header.header_len];
        let whole = fragment(header, &payload, 0, false);
        let whole = match first.packet.ethernet() {
            Some(ethernet) => whole.with_ethernet(ethernet.src, ethernet.dst, ethernet.ethertype),
            None => whole,
        };
        let first_piece = first.packet.clone();
        Some((Skb { packet: whole, frag_max_size, ..first }, first_piece, n_pieces))
    }
}

/// Whether the pieces, in order, follow each other from the first byte to the last.
fn is_complete(pieces: &[(IpHeader, Skb)]) -> bool {
    let mut end = 0;
    let follow = pieces.iter().all(|(piece, _)| {
        let fits = piece.offset == end;
        end = piece.offset + piece.total_len.saturating_sub(piece.header_len);
        fits
    });
    follow && pieces.last().is_some_and(|(last, _)| !last.mf)
}

/// Cuts an IP packet into pieces of at most `limit` bytes, headers included; all but the last hold a multiple of 8.
///
/// Models net/ipv4/ip_output.c ip_do_fragment. `None` if the limit leaves no room for 8 bytes of payload.
#[must_use]
pub fn cut(packet: &Packet, limit: usize) -> Option<Vec<Packet>> {
    let ip = packet.ip_header()?;
    let room = limit.checked_sub(ip.header_len)? & !7;
    if room == 0 {
        return None;
    }
    let header = &packet.network()[..ip.header_len];
    let payload = packet.ip_payload();
    let n_pieces = payload.len().div_ceil(room);
    let pieces = payload.chunks(room).enumerate();
    Some(pieces.map(|(i, chunk)| fragment(header, chunk, ip.offset + i * room, ip.mf || i + 1 < n_pieces)).collect())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::{Defrag, cut};
    use crate::net::Skb;
    use crate::trace::JourneyId;
    use crate::wire::{IpSpec, Packet, icmp_echo};

    fn ping(size: usize) -> Packet {
        let ip = IpSpec { src: Ipv4Addr::LOCALHOST, dst: Ipv4Addr::LOCALHOST, ttl: 64, df: false, id: 9, tos: 0 };
        icmp_echo(ip, false, 1, 1, &vec![7; size])
    }

    #[test]
    fn pieces_hold_a_multiple_of_8_and_fit_the_limit() {
        let lens =
            |limit| -> Vec<usize> { cut(&ping(2000), limit).expect("room").iter().map(Packet::network_len).collect() };
        assert_eq!(lens(1450), [1444, 604]);
        assert_eq!(lens(1500), [1500, 548]);
        assert_eq!(cut(&ping(100), 27), None);
    }

    #[test]
    fn pieces_in_any_order_make_the_packet_that_was_cut() {
        let whole = ping(4000);
        let mut pieces = cut(&whole, 1450).expect("room");
        pieces.reverse();
        let mut defrag = Defrag::default();
        let n_pieces = pieces.len();
        let results: Vec<_> = pieces
            .into_iter()
            .map(|piece| defrag.add(piece.ip_header().expect("a header"), Skb::new(piece, JourneyId(0))))
            .collect();
        assert!(results[..n_pieces - 1].iter().all(Option::is_none));
        let (skb, _, n) = results[n_pieces - 1].clone().expect("the last one completes it");
        assert_eq!((skb.packet, n, skb.frag_max_size), (whole, n_pieces, Some(1444)));
    }
}
