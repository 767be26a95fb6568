//! TCP just deep enough: handshake, one message each way, close.
//!
//! Models net/ipv4/tcp_output.c (options, bursts, PSH) and tcp_input.c (acknowledgments) for connections without loss.
//! Not modelled: retransmission, SACK, congestion control beyond the first slow start, delayed acknowledgments.

use crate::base::Instant;
use crate::wire::{Tcp, TcpFlags, TcpOptions, TcpSpec};

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

/// A segment to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// What people call it: `syn`, `request`, `request-ack`.
    pub name: &'static str,
    /// Whether an application caused it; acknowledgments are the kernel's own.
    pub by_program: bool,
    /// The header.
    pub spec: TcpSpec,
    /// The payload.
    pub payload: Vec<u8>,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Still at it.
    Open,
    /// Everything said and heard, both sides closed.
    Closed,
    /// The other end refused.
    Reset,
}

/// TCP/IP headers without options, which the MSS leaves out; and Linux's timestamps, which it does not.
const HEADERS: usize = 40;
const TIMESTAMPS: usize = 12;
/// Segments in flight at first (RFC 6928).
const INITIAL_WINDOW: usize = 10;
/// The window scale in every SYN.
const WINDOW_SHIFT: u32 = 7;

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
    /// Bytes that a segment may carry.
    segment_len: usize,
    /// Segments that may be in flight.
    congestion_window: usize,
    /// Bytes that the other end said it takes, when it said so first.
    peer_window: usize,
    /// Bytes of the message sent, and acknowledged.
    n_sent: usize,
    n_acked: usize,
    /// Bytes of the other's message.
    n_received: usize,
    n_unacknowledged_segments: usize,
    receive_next: u32,
    ts_recent: u32,
    message_acknowledged: bool,
}

impl TcpEndpoint {
    /// An end that has sent nothing yet.
    #[must_use]
    pub fn new(plan: TcpPlan) -> Self {
        Self {
            state: if plan.role == Role::Client { State::SynSent } else { State::SynReceived },
            segment_len: usize::from(mss(plan.mtu)) - TIMESTAMPS.min(usize::from(mss(plan.mtu))),
            congestion_window: INITIAL_WINDOW,
            peer_window: usize::from(u16::MAX),
            n_sent: 0,
            n_acked: 0,
            n_received: 0,
            n_unacknowledged_segments: 0,
            receive_next: 0,
            ts_recent: 0,
            message_acknowledged: false,
            plan,
        }
    }

    /// Which end it is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.plan.role
    }

    /// The client's SYN.
    #[must_use]
    pub fn open(&self, now: Instant) -> Segment {
        let flags = TcpFlags { syn: true, ..TcpFlags::default() };
        self.segment("syn", true, flags, self.plan.iss, Vec::new(), now)
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        match self.state {
            State::Closed => Progress::Closed,
            State::Reset => Progress::Reset,
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
        if let Some((ts_val, _)) = tcp.timestamps {
            self.ts_recent = ts_val;
        }
        let mut out = Vec::new();
        match self.state {
            State::SynSent if tcp.syn && tcp.is_ack => {
                self.adopt(tcp);
                self.state = State::Established;
                out.push(self.acknowledge("ack", now));
                out.extend(self.send_data(now));
                out.extend(self.finish_if_done(now));
            }
            State::SynReceived if tcp.syn => {
                self.adopt(tcp);
                let flags = TcpFlags { syn: true, ack: true, ..TcpFlags::default() };
                out.push(self.segment("syn-ack", false, flags, self.plan.iss, Vec::new(), now));
            }
            State::SynReceived => {
                self.state = State::Established;
                self.adopt_window(usize::from(tcp.window) << WINDOW_SHIFT);
                out.extend(self.established(tcp, now));
            }
            State::Established | State::FinSent => out.extend(self.established(tcp, now)),
            State::SynSent | State::Closed | State::Reset => {}
        }
        out
    }

    fn established(&mut self, tcp: Tcp, now: Instant) -> Vec<Segment> {
        let mut out = Vec::new();
        self.take_acknowledgment(tcp);
        let is_new = tcp.payload_len > 0 && tcp.seq == self.receive_next;
        if is_new {
            self.n_received += tcp.payload_len;
            self.receive_next = self.receive_next.wrapping_add(tcp.payload_len as u32);
            self.n_unacknowledged_segments += 1;
            // Every second segment is acknowledged at once, and the last one of a message.
            if self.n_unacknowledged_segments >= 2 || self.has_heard_all() {
                let name = if self.plan.role == Role::Client { "reply-ack" } else { "request-ack" };
                out.push(self.acknowledge(name, now));
            }
        }
        let may_answer = self.plan.role == Role::Client || self.has_heard_all();
        if may_answer && self.state == State::Established {
            out.extend(self.send_data(now));
        }
        if tcp.fin && tcp.seq.wrapping_add(tcp.payload_len as u32) == self.receive_next {
            self.receive_next = self.receive_next.wrapping_add(1);
            match self.plan.role {
                Role::Server => {
                    self.state = State::FinSent;
                    out.push(self.fin("fin-ack", now));
                }
                Role::Client => {
                    self.state = State::Closed;
                    out.push(self.acknowledge("last-ack", now));
                }
            }
            return out;
        }
        if self.plan.role == Role::Server && self.state == State::FinSent && tcp.ack == self.after_fin() {
            self.state = State::Closed;
        }
        out.extend(self.finish_if_done(now));
        out
    }

    fn adopt(&mut self, tcp: Tcp) {
        // RFC 9293 section 3.7.1: without the option, 536.
        let peer_mss = usize::from(tcp.mss.unwrap_or(536));
        self.segment_len = self.segment_len.min(peer_mss.saturating_sub(TIMESTAMPS)).max(1);
        if self.plan.role == Role::Client {
            self.adopt_window(usize::from(tcp.window));
        }
        self.receive_next = tcp.seq.wrapping_add(1);
    }

    /// The other end says how much it takes: no segment is larger than half of it. Models tcp_bound_to_half_wnd, which
    /// counts on loopback alone; the server goes by the handshake's last packet (tcp_v4_syn_recv_sock).
    fn adopt_window(&mut self, window: usize) {
        self.peer_window = window;
        self.segment_len = self.segment_len.min(window / 2).max(1);
    }

    fn take_acknowledgment(&mut self, tcp: Tcp) {
        if !tcp.is_ack {
            return;
        }
        let acked = (tcp.ack.wrapping_sub(self.plan.iss.wrapping_add(1)) as usize).min(self.plan.message.len());
        if acked > self.n_acked {
            // Slow start: one more segment for each one acknowledged.
            self.congestion_window += (acked - self.n_acked).div_ceil(self.segment_len);
            self.n_acked = acked;
        }
        self.message_acknowledged = self.n_acked == self.plan.message.len();
    }

    fn has_heard_all(&self) -> bool {
        self.n_received >= self.plan.awaits
    }

    /// The client closes once it has asked and heard everything.
    fn finish_if_done(&mut self, now: Instant) -> Option<Segment> {
        let done = self.plan.role == Role::Client
            && self.state == State::Established
            && self.n_sent == self.plan.message.len()
            && self.has_heard_all();
        done.then(|| {
            self.state = State::FinSent;
            self.fin("fin", now)
        })
    }

    /// A whole congestion window of segments, in bursts that each end with PSH.
    ///
    /// Models tcp_write_xmit: a burst is at most half the congestion window and half the peer's receive window. Nothing
    /// more is sent until all of it is acknowledged: acknowledgments that arrive while a sender is busy handing bursts
    /// down are taken as one (tcp_add_backlog), and here they always do.
    fn send_data(&mut self, now: Instant) -> Vec<Segment> {
        let name = if self.plan.role == Role::Client { "request" } else { "reply" };
        let mut out = Vec::new();
        if self.n_acked < self.n_sent {
            return out;
        }
        // A burst of one segment is not marked by itself (__tcp_transmit_skb), only when more than half the peer's window
        // has been written since the last mark (forced_push), and so is every second one.
        let largest_burst = (self.congestion_window / 2).min(self.peer_window / 2 / self.segment_len).max(2);
        while out.len() < self.congestion_window && self.n_sent < self.plan.message.len() {
            let left = self.plan.message.len() - self.n_sent;
            let payload = self.plan.message[self.n_sent..][..left.min(self.segment_len)].to_vec();
            let ends_burst = (out.len() + 1) % largest_burst == 0 || out.len() + 1 == self.congestion_window;
            let psh = ends_burst || left <= self.segment_len;
            let seq = self.plan.iss.wrapping_add(1).wrapping_add(self.n_sent as u32);
            self.n_sent += payload.len();
            let flags = TcpFlags { ack: true, psh, ..TcpFlags::default() };
            out.push(self.segment(name, true, flags, seq, payload, now));
        }
        if !out.is_empty() {
            self.n_unacknowledged_segments = 0;
        }
        out
    }

    fn acknowledge(&mut self, name: &'static str, now: Instant) -> Segment {
        self.n_unacknowledged_segments = 0;
        let flags = TcpFlags { ack: true, ..TcpFlags::default() };
        let seq = match self.state {
            State::FinSent | State::Closed => self.after_fin(),
            _ => self.plan.iss.wrapping_add(1).wrapping_add(self.n_sent as u32),
        };
        self.segment(name, false, flags, seq, Vec::new(), now)
    }

    fn fin(&self, name: &'static str, now: Instant) -> Segment {
        let flags = TcpFlags { fin: true, ack: true, ..TcpFlags::default() };
        let seq = self.plan.iss.wrapping_add(1).wrapping_add(self.n_sent as u32);
        self.segment(name, true, flags, seq, Vec::new(), now)
    }

    fn after_fin(&self) -> u32 {
        self.plan.iss.wrapping_add(2).wrapping_add(self.n_sent as u32)
    }

    fn segment(
        &self,
        name: &'static str,
        by_program: bool,
        flags: TcpFlags,
        seq: u32,
        payload: Vec<u8>,
        now: Instant,
    ) -> Segment {
        let own_mss = mss(self.plan.mtu);
        let ts_val = self.plan.ts_offset.wrapping_add((now.as_nanos() / 1_000_000) as u32);
        let timestamps = (ts_val, self.ts_recent);
        // tcp_select_initial_window: as many whole segments as 64 KiB hold. Who answers knows already that timestamps
        // will take their part of each (tcp_openreq_init_rwin).
        let taken = if self.plan.role == Role::Server { TIMESTAMPS } else { 0 };
        let whole = u32::try_from(usize::from(own_mss).saturating_sub(taken)).unwrap_or_default().max(1);
        let window = 65535 / whole * whole;
        let (options, window) = if flags.syn {
            (TcpOptions::Syn { mss: own_mss, timestamps }, window)
        } else {
            (TcpOptions::Timestamps(timestamps.0, timestamps.1), window.div_ceil(1 << WINDOW_SHIFT))
        };
        let spec = TcpSpec {
            sport: self.plan.sport,
            dport: self.plan.dport,
            seq,
            ack: self.receive_next,
            flags,
            window: u16::try_from(window).unwrap_or(u16::MAX),
            options,
        };
        Segment { name, by_program, spec, payload }
    }
}

/// The MSS that an end with this MTU announces. Models ip_default_advmss: an IP packet holds 65535 bytes at most.
fn mss(mtu: usize) -> u16 {
    u16::try_from(mtu.min(65535).saturating_sub(HEADERS)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
