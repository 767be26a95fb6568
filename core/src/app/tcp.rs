//! TCP just deep enough: handshake, one message each way, close, and what happens when packets are lost on the way.
//!
//! Models net/ipv4/tcp_output.c (bursts, PSH), tcp_input.c (acknowledgments) and tcp_timer.c (SYN, SYN/ACK). What was
//! sent and what arrived are kept by [`sent`] and [`received`]; headers are made in [`segment`].
//! Not modelled: simultaneous open, urgent data, windows that close, keepalive, who gives up after how many tries: a
//! client's patience ends long before (see `sim`).

mod received;
mod rtt;
mod segment;
mod sent;

use std::time::Duration;

use crate::base::Instant;
use crate::wire::Tcp;
use received::{Arrival, Filled, Received, is_before};
pub use segment::{Cause, Segment};
use sent::SendQueue;

/// Who opens the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Opens, asks, closes first.
    Client,
    /// Answers, closes second.
    Server,
}

/// What one end of a connection is going to do.
#[derive(Clone, Debug)]
pub struct TcpPlan {
    /// Which end.
    pub role: Role,
    /// Own port.
    pub sport: u16,
    /// The other's port.
    pub dport: u16,
    /// Initial sequence number.
    pub iss: u32,
    /// Offset of this host's timestamps.
    pub ts_offset: u32,
    /// MTU of the way as this end knows it, bytes.
    pub mtu: usize,
    /// What it says.
    pub message: Vec<u8>,
    /// How many bytes it waits for.
    pub awaits: usize,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The handshake is not done.
    Opening,
    /// Still at it.
    Open,
    /// Everything was said and heard; closing is the kernels' business.
    Satisfied,
    /// Both sides closed.
    Closed,
    /// The other end refused.
    Reset,
}

/// TCP/IP headers without options, which the MSS leaves out; and Linux's timestamps, which it does not.
const HEADERS: usize = 40;
const TIMESTAMPS: usize = 12;
/// The window scale in every SYN.
const WINDOW_SHIFT: u32 = 7;
/// Time between two segments of one end: longer than any way through the fabric, so that one packet's journey ends
/// before the next begins, and can be read from end to end.
pub const SPACING: Duration = Duration::from_micros(500);
/// Waiting time for the answer to a SYN or SYN/ACK (`TCP_TIMEOUT_INIT`).
const SYN_TIMEOUT: Duration = Duration::from_secs(1);
/// Retransmissions of a SYN before the waiting time doubles each time (`net.ipv4.tcp_syn_linear_timeouts`).
const SYN_LINEAR_TIMEOUTS: u32 = 4;
/// How long an acknowledgment may wait for a second segment (`TCP_DELACK_MIN`).
const DELAYED_ACK: Duration = Duration::from_millis(40);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    SynSent,
    SynReceived,
    Established,
    FinSent,
    Closed,
    Reset,
}

/// One end of a connection.
#[derive(Clone, Debug)]
pub struct TcpEndpoint {
    plan: TcpPlan,
    state: State,
    /// Whether the client leaves the connection open when everything is said.
    stays_open: bool,
    /// When the SYN or SYN/ACK was last sent, and how often nobody answered it.
    syn_sent: Option<Instant>,
    n_syn_timeouts: u32,
    /// MTU of the way as it is known by now.
    path_mtu: usize,
    /// Bytes that a segment may carry.
    segment_len: usize,
    /// Bytes that the other end said it takes, when it said so first.
    peer_window: usize,
    /// Bytes of the message handed down, and the FIN.
    n_sent: usize,
    sent: SendQueue,
    /// Bytes of the other's message.
    n_heard: usize,
    received: Received,
    n_unacknowledged_segments: usize,
    delayed_ack: Option<Instant>,
    /// What the last acknowledgment said.
    acknowledged_to: u32,
    ts_recent: u32,
    /// When the next segment may leave.
    free_from: Instant,
}

impl TcpEndpoint {
    /// An end that has sent nothing yet.
    #[must_use]
    pub fn new(plan: TcpPlan) -> Self {
        Self {
            state: if plan.role == Role::Client { State::SynSent } else { State::SynReceived },
            stays_open: false,
            syn_sent: None,
            n_syn_timeouts: 0,
            path_mtu: plan.mtu,
            segment_len: segment_len(plan.mtu),
            peer_window: usize::from(u16::MAX),
            n_sent: 0,
            sent: SendQueue::default(),
            n_heard: 0,
            received: Received::default(),
            n_unacknowledged_segments: 0,
            delayed_ack: None,
            acknowledged_to: 0,
            ts_recent: 0,
            free_from: Instant::START,
            plan,
        }
    }

    /// Which end it is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.plan.role
    }

    /// What it says.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.plan.message
    }

    /// Its first sequence number, which no translation changes.
    #[must_use]
    pub fn iss(&self) -> u32 {
        self.plan.iss
    }

    /// The client's SYN.
    #[must_use]
    pub fn open(&mut self, now: Instant) -> Segment {
        self.syn_sent = Some(now);
        self.syn(Cause::Program, now)
    }

    /// Everything may be said one day, and the connection stays.
    pub fn stay_open(&mut self) {
        self.stays_open = true;
    }

    /// The handshake with `peer` was long ago.
    pub fn stand(&mut self, peer: &Self, now: Instant) {
        self.state = State::Established;
        self.received.next = peer.plan.iss.wrapping_add(1);
        self.acknowledged_to = self.received.next;
        self.ts_recent = peer.timestamp(now);
        self.segment_len = self.segment_len.min(peer.segment_len);
    }

    /// Says what there is to say on a connection that stands.
    #[must_use]
    pub fn speak(&mut self, now: Instant) -> Vec<Segment> {
        let mut out = self.send_data(now);
        out.extend(self.finish_if_done(now));
        out
    }

    /// A server knows what to say at last.
    #[must_use]
    pub fn say(&mut self, message: Vec<u8>, now: Instant) -> Vec<Segment> {
        self.plan.message = message;
        if self.state == State::Established { self.send_data(now) } else { Vec::new() }
    }

    /// This many bytes will be all.
    pub fn expect(&mut self, awaits: usize) {
        self.plan.awaits = awaits;
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let has_said_all = self.sent.acknowledged >= self.plan.message.len();
        match self.state {
            State::Closed => Progress::Closed,
            State::Reset => Progress::Reset,
            State::SynSent | State::SynReceived => Progress::Opening,
            _ if has_said_all && self.has_heard_all() => Progress::Satisfied,
            _ => Progress::Open,
        }
    }

    /// A segment arrived: what to send.
    #[must_use]
    pub fn receive(&mut self, tcp: Tcp, now: Instant) -> Vec<Segment> {
        if tcp.rst {
            self.state = State::Reset;
            return Vec::new();
        }
        let echoes = match self.state {
            State::SynSent => true,
            // That of the first SYN is echoed to every one.
            State::SynReceived => !tcp.syn || self.syn_sent.is_none(),
            // That of the first segment that is not acknowledged yet (tcp_replace_ts_recent).
            _ => !is_before(self.acknowledged_to, tcp.seq),
        };
        if let Some((ts_val, _)) = tcp.timestamps.filter(|_| echoes) {
            self.ts_recent = ts_val;
        }
        match self.state {
            State::SynSent if tcp.syn && tcp.is_ack => {
                self.adopt(tcp);
                self.measure_handshake(tcp, now);
                self.state = State::Established;
                let mut out = vec![self.acknowledge("ack", now)];
                out.extend(self.send_data(now));
                out.extend(self.finish_if_done(now));
                out
            }
            State::SynReceived if tcp.syn => {
                if self.syn_sent.is_none() {
                    self.adopt(tcp);
                }
                let at = self.depart(now);
                self.syn_sent = Some(at);
                vec![self.syn(Cause::Kernel, at)]
            }
            State::SynReceived => {
                self.state = State::Established;
                self.measure_handshake(tcp, now);
                self.adopt_window(usize::from(tcp.window) << WINDOW_SHIFT);
                self.established(tcp, now)
            }
            // The answer to a SYN came twice: the other end may not have heard ours (tcp_send_challenge_ack).
            State::Established | State::FinSent if tcp.syn => vec![self.acknowledge("ack", now)],
            State::Established | State::FinSent => self.established(tcp, now),
            // The other end did not hear that it is over (tcp_timewait_state_process).
            State::Closed if tcp.fin && self.plan.role == Role::Client => vec![self.acknowledge("last-ack", now)],
            State::SynSent | State::Closed | State::Reset => Vec::new(),
        }
    }

    fn established(&mut self, tcp: Tcp, now: Instant) -> Vec<Segment> {
        self.take_acknowledgment(tcp, now);
        let mut out = self.send_again(now);
        if tcp.payload_len > 0 {
            out.extend(self.take_data(tcp, now));
        }
        let may_answer = self.plan.role == Role::Client || self.has_heard_all();
        if may_answer && self.state == State::Established {
            out.extend(self.send_data(now));
        }
        let fin_at = tcp.seq.wrapping_add(tcp.payload_len as u32);
        if tcp.fin {
            match self.received.take(fin_at, fin_at.wrapping_add(1)) {
                Arrival::Besides => {}
                Arrival::Twice => out.push(self.acknowledge(self.ack_name(), now)),
                Arrival::Next(..) => {
                    match self.plan.role {
                        Role::Server => {
                            self.state = State::FinSent;
                            out.push(self.fin(now));
                        }
                        Role::Client => {
                            self.state = State::Closed;
                            out.push(self.acknowledge("last-ack", now));
                        }
                    }
                    return out;
                }
            }
        }
        if self.plan.role == Role::Server && self.state == State::FinSent && self.sent.is_empty() {
            self.state = State::Closed;
        }
        out.extend(self.finish_if_done(now));
        out
    }

    /// Every second segment is acknowledged at once, and the last one of a message, and whatever is out of order.
    fn take_data(&mut self, tcp: Tcp, now: Instant) -> Option<Segment> {
        let arrival = self.received.take(tcp.seq, tcp.seq.wrapping_add(tcp.payload_len as u32));
        if let Arrival::Next(len, filled) = arrival {
            self.n_heard += len;
            self.n_unacknowledged_segments += 1;
            if filled == Filled::Nothing && self.n_unacknowledged_segments < 2 && !self.has_heard_all() {
                self.delayed_ack = Some(now + DELAYED_ACK);
                return None;
            }
        }
        Some(self.acknowledge(self.ack_name(), now))
    }

    fn ack_name(&self) -> &'static str {
        if self.plan.role == Role::Client { "reply-ack" } else { "request-ack" }
    }

    fn adopt(&mut self, tcp: Tcp) {
        // RFC 9293 section 3.7.1: without the option, 536.
        let peer_mss = usize::from(tcp.mss.unwrap_or(536));
        self.segment_len = self.segment_len.min(peer_mss.saturating_sub(TIMESTAMPS)).max(1);
        if self.plan.role == Role::Client {
            self.adopt_window(usize::from(tcp.window));
        }
        self.received.next = tcp.seq.wrapping_add(1);
        self.acknowledged_to = self.received.next;
    }

    /// The other end says how much it takes: no segment is larger than half of it. Models tcp_bound_to_half_wnd, which
    /// counts on loopback alone; the server goes by the handshake's last packet (tcp_v4_syn_recv_sock).
    fn adopt_window(&mut self, window: usize) {
        self.peer_window = window;
        self.segment_len = self.segment_len.min(window / 2).max(1);
    }

    /// The first round trip. Of a SYN that was sent more than once the timestamp tells which one was answered.
    fn measure_handshake(&mut self, tcp: Tcp, now: Instant) {
        let taken = if self.n_syn_timeouts == 0 { self.syn_sent.map(|at| now - at) } else { self.echoed(tcp, now) };
        if let Some(rtt) = taken {
            self.sent.rtt.sample(rtt);
        }
    }

    /// How old the timestamp is that came back.
    fn echoed(&self, tcp: Tcp, now: Instant) -> Option<Duration> {
        let (_, echo) = tcp.timestamps?;
        Some(Duration::from_millis(self.timestamp(now).wrapping_sub(echo).into()))
    }

    fn take_acknowledgment(&mut self, tcp: Tcp, now: Instant) {
        let place = |sequence: u32| {
            let place = sequence.wrapping_sub(self.sequence(0));
            (place as usize <= self.n_sent).then_some(place as usize)
        };
        if let (true, Some(upto)) = (tcp.is_ack, place(tcp.ack)) {
            let blocks = tcp.sack.iter().flatten().filter_map(|(start, end)| Some((place(*start)?, place(*end)?)));
            let blocks: Vec<(usize, usize)> = blocks.collect();
            let echoed = self.echoed(tcp, now);
            self.sent.acknowledge(upto, &blocks, echoed, now);
        }
    }

    /// Whether the other's message is here, whole.
    #[must_use]
    pub fn has_heard_all(&self) -> bool {
        self.n_heard >= self.plan.awaits
    }

    /// The client closes once it has asked and heard everything.
    fn finish_if_done(&mut self, now: Instant) -> Option<Segment> {
        let done = self.plan.role == Role::Client
            && !self.stays_open
            && self.state == State::Established
            && self.n_sent == self.plan.message.len()
            && self.has_heard_all();
        done.then(|| {
            self.state = State::FinSent;
            self.fin(now)
        })
    }

    /// A whole congestion window of segments, in bursts that each end with PSH.
    ///
    /// Models tcp_write_xmit: a burst is at most half the congestion window and half the peer's receive window. Nothing
    /// more is sent until all of it is acknowledged: acknowledgments that arrive while a sender is busy handing bursts
    /// down are taken as one (tcp_add_backlog), and here they always do.
    fn send_data(&mut self, now: Instant) -> Vec<Segment> {
        let mut out = Vec::new();
        if !self.sent.is_empty() {
            return out;
        }
        let window = self.sent.congestion_window;
        // A burst of one segment is not marked by itself (__tcp_transmit_skb), only when more than half the peer's window
        // has been written since the last mark (forced_push), and so is every second one.
        let largest_burst = (window / 2).min(self.peer_window / 2 / self.segment_len).max(2);
        while out.len() < window && self.n_sent < self.plan.message.len() {
            let left = self.plan.message.len() - self.n_sent;
            let (start, len) = (self.n_sent, left.min(self.segment_len));
            let ends_burst = (out.len() + 1) % largest_burst == 0 || out.len() + 1 == window;
            let psh = ends_burst || left <= self.segment_len;
            let at = self.depart(now);
            self.sent.push(start, len, psh, at);
            self.n_sent += len;
            out.push(self.stretch(start, len, psh, Cause::Program, at));
        }
        if !out.is_empty() {
            self.n_unacknowledged_segments = 0;
            self.delayed_ack = None;
            self.acknowledged_to = self.received.next;
        }
        out
    }

    fn fin(&mut self, now: Instant) -> Segment {
        let at = self.depart(now);
        self.acknowledged_to = self.received.next;
        self.sent.push(self.n_sent, 1, false, at);
        self.n_sent += 1;
        self.stretch(self.n_sent - 1, 1, false, Cause::Program, at)
    }

    /// Sends again what is lost, as far as the window has room.
    fn send_again(&mut self, now: Instant) -> Vec<Segment> {
        let mut out = Vec::new();
        let mut free_from = self.free_from;
        while let Some(segment) = self.sent.send_again(|| depart(&mut free_from, now)) {
            out.push(self.stretch(segment.start, segment.len, segment.psh, Cause::Loss, segment.sent_at()));
        }
        self.free_from = free_from;
        out
    }

    /// When a segment leaves that is made `now`: never before one that is on its way already.
    fn depart(&mut self, now: Instant) -> Instant {
        depart(&mut self.free_from, now)
    }

    /// When this end does something by itself.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::SynSent => {
                let doubled = self.n_syn_timeouts.saturating_sub(SYN_LINEAR_TIMEOUTS).min(16);
                self.syn_sent.map(|at| at + SYN_TIMEOUT * (1 << doubled))
            }
            State::SynReceived => self.syn_sent.map(|at| at + SYN_TIMEOUT * (1 << self.n_syn_timeouts.min(16))),
            State::Established | State::FinSent => self.sent.deadline().into_iter().chain(self.delayed_ack).min(),
            State::Closed | State::Reset => None,
        }
    }

    /// The deadline has come: what to send.
    #[must_use]
    pub fn expire(&mut self, now: Instant) -> Vec<Segment> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        match self.state {
            State::SynSent | State::SynReceived => {
                self.n_syn_timeouts += 1;
                self.syn_sent = Some(now);
                vec![self.syn(Cause::Loss, now)]
            }
            _ if self.delayed_ack.is_some_and(|deadline| deadline <= now) => {
                vec![self.acknowledge(self.ack_name(), now)]
            }
            _ => {
                self.sent.expire(now);
                self.send_again(now)
            }
        }
    }

    /// The way takes packets of `mtu` bytes only: what to send. Models tcp_v4_mtu_reduced.
    #[must_use]
    pub fn reduce_mtu(&mut self, mtu: usize, now: Instant) -> Vec<Segment> {
        if mtu >= self.path_mtu || !matches!(self.state, State::Established | State::FinSent) {
            return Vec::new();
        }
        self.path_mtu = mtu;
        self.segment_len = self.segment_len.min(segment_len(mtu)).max(1);
        self.sent.cut(self.segment_len);
        let mut out = self.send_again(now);
        // What leaves together ends with PSH.
        if let [_, .., last] = &mut out[..] {
            last.spec.flags.psh = true;
        }
        out
    }

    /// A router says that the way is blocked just now: it is tried again sooner (RFC 6069).
    pub fn way_blocked(&mut self) {
        self.sent.rtt.revert();
    }
}

/// Bytes that a segment carries on a way with this MTU.
fn segment_len(mtu: usize) -> usize {
    usize::from(mss(mtu)).saturating_sub(TIMESTAMPS)
}

/// The MSS that an end with this MTU announces. Models ip_default_advmss: an IP packet holds 65535 bytes at most.
fn mss(mtu: usize) -> u16 {
    u16::try_from(mtu.min(65535).saturating_sub(HEADERS)).unwrap_or_default()
}

fn depart(free_from: &mut Instant, now: Instant) -> Instant {
    let at = now.max(*free_from);
    *free_from = at + SPACING;
    at
}

#[cfg(test)]
mod tests;
