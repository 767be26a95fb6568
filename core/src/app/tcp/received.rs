//! What of the other end's stream has arrived: in order, besides, and twice.
//!
//! Models net/ipv4/tcp_input.c tcp_data_queue, tcp_data_queue_ofo, tcp_sack_new_ofo_skb and tcp_dsack_set.
//! Not modelled: a FIN or an end of the window out of order, neither of which can happen here.
//! Read first: RFC 2018, RFC 2883.

/// Sequence numbers from the first to before the second.
type Block = (u32, u32);

/// What an arriving piece was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The next one: this many bytes are new, those behind a hole that it filled included.
    Next(usize, Filled),
    /// It leaves a hole.
    Besides,
    /// All of it was there already.
    Twice,
}

/// Whether a piece filled a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// Something was waiting for it.
    Hole,
    /// Nothing was.
    Nothing,
}

/// The receiving half of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    /// The next sequence number.
    pub(super) next: u32,
    /// Pieces behind a hole, the newest first; they neither touch nor overlap.
    besides: Vec<Block>,
    /// What arrived twice, until an acknowledgment has said so.
    twice: Option<Block>,
}

impl Received {
    /// Takes in the sequence numbers from `start` to before `end`.
    pub(super) fn take(&mut self, start: u32, end: u32) -> Arrival {
        if !is_before(self.next, end) {
            self.twice = Some((start, end));
            return Arrival::Twice;
        }
        if is_before(self.next, start) {
            return self.take_besides(start, end);
        }
        let old_next = self.next;
        self.next = end;
        let n_besides = self.besides.len();
        while let Some(idx) = self.besides.iter().position(|(start, _)| !is_before(self.next, *start)) {
            let (_, end) = self.besides.remove(idx);
            if is_before(self.next, end) {
                self.next = end;
            }
        }
        let filled = if n_besides > 0 { Filled::Hole } else { Filled::Nothing };
        Arrival::Next(self.next.wrapping_sub(old_next) as usize, filled)
    }

    fn take_besides(&mut self, start: u32, end: u32) -> Arrival {
        let holds = |(from, to): &Block| !is_before(start, *from) && !is_before(*to, end);
        if self.besides.iter().any(holds) {
            self.twice = Some((start, end));
            return Arrival::Twice;
        }
        let touches = |(from, to): &Block| !is_before(end, *from) && !is_before(*to, start);
        let (mut whole_start, mut whole_end) = (start, end);
        for (from, to) in self.besides.extract_if(.., |piece| touches(piece)) {
            whole_start = if is_before(from, whole_start) { from } else { whole_start };
            whole_end = if is_before(whole_end, to) { to } else { whole_end };
        }
        self.besides.insert(0, (whole_start, whole_end));
        Arrival::Besides
    }

    /// The blocks for the next acknowledgment: what arrived twice, then what waits behind holes, the newest first.
    pub(super) fn blocks(&mut self) -> Option<(Block, [Option<Block>; 2])> {
        let mut blocks = self.twice.take().into_iter().chain(self.besides.iter().copied());
        let first = blocks.next()?;
        Some((first, [blocks.next(), blocks.next()]))
    }
}

/// Whether sequence number `a` is before `b`. Models include/net/tcp.h before.
pub(super) fn is_before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

#[cfg(test)]
mod tests {
    use super::{Arrival, Filled, Received};

    #[test]
    fn pieces_behind_a_hole_are_told_newest_first_and_grow_together() {
        let mut received = Received { next: 0, ..Received::default() };
        for (start, end, blocks) in [
            (10, 20, ((10, 20), [None, None])),
            (30, 40, ((30, 40), [Some((10, 20)), None])),
            (20, 25, ((10, 25), [Some((30, 40)), None])),
            (25, 30, ((10, 40), [None, None])),
        ] {
            assert_eq!(received.take(start, end), Arrival::Besides, "{start}");
            assert_eq!(received.blocks(), Some(blocks), "{start}");
        }
        assert_eq!(received.take(0, 10), Arrival::Next(40, Filled::Hole));
        assert_eq!(received.blocks(), None);
    }

    #[test]
    fn what_arrives_twice_is_told_once() {
        let mut received = Received { next: 50, ..Received::default() };
        assert_eq!(received.take(10, 50), Arrival::Twice);
        assert_eq!(received.blocks(), Some(((10, 50), [None, None])));
        assert_eq!(received.blocks(), None);
    }

    #[test]
    fn sequence_numbers_wrap() {
        let mut received = Received { next: u32::MAX - 4, ..Received::default() };
        assert_eq!(received.take(5, 15), Arrival::Besides);
        assert_eq!(received.take(u32::MAX - 4, 5), Arrival::Next(20, Filled::Hole));
    }
}
