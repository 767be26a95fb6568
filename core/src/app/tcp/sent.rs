//! What was sent and is not acknowledged yet: what of it is lost, when to send it again, and how much may be on its way.
//!
//! Models the retransmission queue of net/ipv4/tcp_input.c (tcp_clean_rtx_queue, tcp_sacktag_write_queue,
//! tcp_enter_recovery, tcp_enter_loss), tcp_recovery.c (RACK), and the timers of tcp_timer.c and tcp_output.c
//! tcp_send_loss_probe. Not modelled: F-RTO and undo, proportional rate reduction (the window falls at once), CUBIC
//! beyond slow start, a probe that carries new data, reneging.
//! Read first: RFC 8985, RFC 6675, RFC 5681.

use std::collections::VecDeque;
use std::time::Duration;

use super::rtt::Rtt;
use crate::base::Instant;

/// Segments in flight at first (RFC 6928).
const INITIAL_WINDOW: usize = 10;
/// Segments received behind a hole that make it a loss without further waiting (`tcp_reordering`).
const REORDERING: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    InFlight,
    /// Arrived, behind a hole.
    Sacked,
    Lost,
}

/// A segment that was sent. Places count bytes of the message; a FIN is one byte behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) psh: bool,
    sent_at: Instant,
    n_sent: u32,
    mark: Mark,
}

impl Sent {
    pub(super) fn end(&self) -> usize {
        self.start + self.len
    }

    /// When it was sent last.
    pub(super) fn sent_at(&self) -> Instant {
        self.sent_at
    }
}

/// What the sender is doing about losses (`tcp_ca_state`). Holds the end of what was sent when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Acknowledgments told of a loss.
    Recovery(usize),
    /// Nothing told anything any more, or packets were too large.
    Loss(usize),
}

/// Which timer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    /// A segment may have been overtaken only.
    Reorder,
    /// Nothing came back: the last segment is sent again to see.
    Probe,
    /// Nothing came back for long.
    Retransmit,
}

/// The sending half of a connection.
#[derive(Clone, Debug)]
pub(super) struct SendQueue {
    segments: VecDeque<Sent>,
    /// All before it is acknowledged.
    pub(super) acknowledged: usize,
    /// Segments that may be in flight, and from which number on it grows slowly.
    pub(super) congestion_window: usize,
    threshold: usize,
    n_acked_since_growth: usize,
    phase: Phase,
    pub(super) rtt: Rtt,
    /// When something was last sent or acknowledged.
    active_at: Instant,
    has_probed: bool,
    /// Of what arrived, the segment that was sent last: when, where it ends, and how long it took.
    newest_arrived: Option<(Instant, usize, Duration)>,
    reorder_deadline: Option<Instant>,
}

impl Default for SendQueue {
    fn default() -> Self {
        Self {
            segments: VecDeque::new(),
            acknowledged: 0,
            congestion_window: INITIAL_WINDOW,
            threshold: usize::MAX,
            n_acked_since_growth: 0,
            phase: Phase::Open,
            rtt: Rtt::default(),
            active_at: Instant::START,
            has_probed: false,
            newest_arrived: None,
            reorder_deadline: None,
        }
    }
}

impl SendQueue {
    /// A new segment leaves `at` this time.
    pub(super) fn push(&mut self, start: usize, len: usize, psh: bool, at: Instant) {
        self.segments.push_back(Sent { start, len, psh, sent_at: at, n_sent: 1, mark: Mark::InFlight });
        self.active_at = self.active_at.max(at);
    }

    /// Whether everything that was sent is acknowledged.
    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// All before `upto` arrived, and `blocks` behind it; `echoed` is how old the timestamp is that came back.
    pub(super) fn acknowledge(
        &mut self,
        upto: usize,
        blocks: &[(usize, usize)],
        echoed: Option<Duration>,
        now: Instant,
    ) {
        let (mut n_arrived, mut rtt, mut has_resent) = (0, None, false);
        let mut newest = self.newest_arrived;
        let min_rtt = self.rtt.min();
        let mut arrived = |segment: &Sent| {
            n_arrived += 1;
            let took = now - segment.sent_at;
            match segment.n_sent {
                1 => rtt = rtt.or(Some(took)),
                // Which of the copies arrived is not known, unless it is too early for the last.
                _ if took < min_rtt => return,
                _ => has_resent = true,
            }
            if newest.is_none_or(|(sent_at, end, _)| (sent_at, end) < (segment.sent_at, segment.end())) {
                newest = Some((segment.sent_at, segment.end(), took));
            }
        };
        let advanced = upto > self.acknowledged;
        while let Some(first) = self.segments.front_mut().filter(|first| first.start < upto) {
            if first.end() > upto {
                (first.start, first.len) = (upto, first.end() - upto);
                break;
            }
            if first.mark != Mark::Sacked {
                arrived(first);
            }
            self.segments.pop_front();
        }
        for (start, end) in blocks {
            let covered = self.segments.iter_mut().filter(|segment| *start <= segment.start && segment.end() <= *end);
            for segment in covered.filter(|segment| segment.mark != Mark::Sacked) {
                arrived(segment);
                segment.mark = Mark::Sacked;
            }
        }
        self.newest_arrived = newest;
        if let Some(rtt) = rtt.or(echoed.filter(|_| has_resent)) {
            self.rtt.sample(rtt);
        }
        if advanced {
            self.acknowledged = upto;
            self.has_probed = false;
            self.rtt.answered();
            if let Phase::Recovery(end) | Phase::Loss(end) = self.phase
                && upto >= end
            {
                self.phase = Phase::Open;
            }
        }
        if n_arrived > 0 {
            self.active_at = self.active_at.max(now);
            self.grow(n_arrived);
            self.detect_losses(now);
        }
    }

    /// Slow start: one more segment for each one that arrived; beyond the threshold one more for each window.
    fn grow(&mut self, n_arrived: usize) {
        match self.phase {
            Phase::Recovery(_) => {}
            _ if self.congestion_window < self.threshold => self.congestion_window += n_arrived,
            _ => {
                self.n_acked_since_growth += n_arrived;
                if self.n_acked_since_growth >= self.congestion_window {
                    self.n_acked_since_growth = 0;
                    self.congestion_window += 1;
                }
            }
        }
    }

    /// Models tcp_rack_detect_loss: what was sent before something that arrived, and a round trip ago, is lost.
    fn detect_losses(&mut self, now: Instant) {
        self.reorder_deadline = None;
        let Some((newest_sent, newest_end, took)) = self.newest_arrived else { return };
        let n_sacked = self.count(Mark::Sacked);
        let is_sure = n_sacked >= REORDERING || self.phase != Phase::Open;
        let patience = took + if is_sure { Duration::ZERO } else { self.rtt.reordering_window() };
        let mut has_lost = false;
        for segment in &mut self.segments {
            if segment.mark != Mark::InFlight || (segment.sent_at, segment.end()) >= (newest_sent, newest_end) {
                continue;
            }
            let deadline = segment.sent_at + patience;
            if deadline <= now {
                segment.mark = Mark::Lost;
                has_lost = true;
            } else {
                self.reorder_deadline = self.reorder_deadline.max(Some(deadline));
            }
        }
        if has_lost && self.phase == Phase::Open {
            self.phase = Phase::Recovery(self.end());
            self.slow_down();
            self.congestion_window = self.threshold;
        }
    }

    /// Models the ssthresh of CUBIC: seven tenths of the window.
    fn slow_down(&mut self) {
        self.threshold = (self.congestion_window * 7 / 10).max(2);
        self.n_acked_since_growth = 0;
    }

    fn end(&self) -> usize {
        self.segments.back().map_or(self.acknowledged, Sent::end)
    }

    fn count(&self, mark: Mark) -> usize {
        self.segments.iter().filter(|segment| segment.mark == mark).count()
    }

    fn timer(&self) -> Option<(Instant, Timer)> {
        if self.segments.is_empty() {
            return None;
        }
        if let Some(deadline) = self.reorder_deadline {
            return Some((deadline, Timer::Reorder));
        }
        let may_probe = self.phase == Phase::Open && !self.has_probed && self.count(Mark::Sacked) == 0;
        Some(match may_probe {
            true => (self.active_at + self.rtt.probe_timeout(self.segments.len() == 1), Timer::Probe),
            false => (self.active_at + self.rtt.timeout(), Timer::Retransmit),
        })
    }

    /// When silence means something.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timer().map(|(deadline, _)| deadline)
    }

    /// The deadline has come: some segments are lost now.
    pub(super) fn expire(&mut self, now: Instant) {
        match self.timer() {
            None => {}
            Some((_, Timer::Reorder)) => self.detect_losses(now),
            // A probe does not count as a loss yet, but what is sent again is sent by one way only.
            Some((_, Timer::Probe)) => {
                self.has_probed = true;
                if let Some(last) = self.segments.back_mut() {
                    last.mark = Mark::Lost;
                }
            }
            Some((_, Timer::Retransmit)) => {
                self.rtt.timed_out();
                if !matches!(self.phase, Phase::Loss(_)) {
                    self.slow_down();
                }
                self.phase = Phase::Loss(self.end());
                self.congestion_window = 1;
                self.lose(|_| true);
            }
        }
    }

    fn lose(&mut self, is_lost: impl Fn(&Sent) -> bool) {
        for segment in self.segments.iter_mut().filter(|segment| segment.mark == Mark::InFlight && is_lost(segment)) {
            segment.mark = Mark::Lost;
        }
        self.reorder_deadline = None;
    }

    /// The way takes `limit` bytes of a segment only: what is longer is lost, and is cut anew. The window stays, because
    /// the network is not crowded. Models tcp_simple_retransmit.
    pub(super) fn cut(&mut self, limit: usize) {
        if self.segments.iter().all(|segment| segment.len <= limit) {
            return;
        }
        self.lose(|segment| segment.len > limit);
        if !matches!(self.phase, Phase::Loss(_)) {
            self.slow_down();
        }
        self.phase = Phase::Loss(self.end());
        let mut pieces: VecDeque<Sent> = VecDeque::new();
        for segment in self.segments.drain(..) {
            // What is lost in one piece is cut in one piece.
            match pieces.back_mut().filter(|last| last.mark == Mark::Lost && segment.mark == Mark::Lost) {
                Some(last) => *last = Sent { len: last.len + segment.len, psh: segment.psh, ..*last },
                None => pieces.push_back(segment),
            }
        }
        for piece in pieces {
            if piece.mark != Mark::Lost {
                self.segments.push_back(piece);
                continue;
            }
            for start in (piece.start..piece.end()).step_by(limit) {
                let len = limit.min(piece.end() - start);
                self.segments.push_back(Sent { start, len, psh: piece.psh && start + len == piece.end(), ..piece });
            }
        }
    }

    /// The next segment to be sent again, if the window has room. It leaves `at` this time.
    pub(super) fn send_again(&mut self, at: impl FnOnce() -> Instant) -> Option<Sent> {
        if self.count(Mark::InFlight) >= self.congestion_window {
            return None;
        }
        let segment = self.segments.iter_mut().find(|segment| segment.mark == Mark::Lost)?;
        let at = at();
        *segment = Sent { sent_at: at, n_sent: segment.n_sent + 1, mark: Mark::InFlight, ..*segment };
        self.active_at = self.active_at.max(at);
        Some(*segment)
    }
}
