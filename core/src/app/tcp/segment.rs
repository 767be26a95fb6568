//! A segment on its way out: what people call it, its header, its payload.
//!
//! Models net/ipv4/tcp_output.c tcp_syn_options, tcp_established_options and tcp_select_initial_window.

use super::{Role, State, TIMESTAMPS, TcpEndpoint, WINDOW_SHIFT, mss};
use crate::base::Instant;
use crate::wire::{TcpFlags, TcpOptions, TcpSpec};

/// A segment to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// What people call it: `syn`, `request`, `request-ack`.
    pub name: &'static str,
    /// Why it is sent.
    pub cause: Cause,
    /// When.
    pub at: Instant,
    /// The header.
    pub spec: TcpSpec,
    /// The payload.
    pub payload: Vec<u8>,
}

/// Why a segment is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An application said or closed something.
    Program,
    /// The kernel answers by itself.
    Kernel,
    /// Nobody acknowledged it, or it was too large.
    Loss,
}

impl TcpEndpoint {
    /// The SYN of a client, the SYN/ACK of a server.
    pub(super) fn syn(&self, cause: Cause, at: Instant) -> Segment {
        match self.plan.role {
            Role::Client => {
                let flags = TcpFlags { syn: true, ..TcpFlags::default() };
                self.segment("syn", cause, flags, self.plan.iss, Vec::new(), at)
            }
            Role::Server => {
                let flags = TcpFlags { syn: true, ack: true, ..TcpFlags::default() };
                self.segment("syn-ack", cause, flags, self.plan.iss, Vec::new(), at)
            }
        }
    }

    /// `len` bytes of the stream from `start` on: of the message, or the FIN behind it.
    pub(super) fn stretch(&self, start: usize, len: usize, psh: bool, cause: Cause, at: Instant) -> Segment {
        let (data, fin) = match self.plan.role {
            Role::Client => ("request", "fin"),
            Role::Server => ("reply", "fin-ack"),
        };
        let message = &self.plan.message;
        let is_fin = start >= message.len();
        let payload = if is_fin { Vec::new() } else { message[start..(start + len).min(message.len())].to_vec() };
        let flags = TcpFlags { ack: true, psh, fin: is_fin, ..TcpFlags::default() };
        self.segment(if is_fin { fin } else { data }, cause, flags, self.sequence(start), payload, at)
    }

    /// An acknowledgment of all that arrived, and of what arrived besides.
    pub(super) fn acknowledge(&mut self, name: &'static str, now: Instant) -> Segment {
        self.n_unacknowledged_segments = 0;
        self.delayed_ack = None;
        self.acknowledged_to = self.received.next;
        let at = self.depart(now);
        let flags = TcpFlags { ack: true, ..TcpFlags::default() };
        let mut segment = self.segment(name, Cause::Kernel, flags, self.sequence(self.n_sent), Vec::new(), at);
        // A connection that has ended acknowledges by its time-wait socket, which knows of no blocks.
        let blocks = self.received.blocks().filter(|_| self.state != State::Closed);
        if let (Some((first, more)), TcpOptions::Timestamps(val, ecr)) = (blocks, segment.spec.options) {
            segment.spec.options = TcpOptions::Sack { timestamps: (val, ecr), first, more };
        }
        segment
    }

    fn segment(
        &self,
        name: &'static str,
        cause: Cause,
        flags: TcpFlags,
        seq: u32,
        payload: Vec<u8>,
        at: Instant,
    ) -> Segment {
        let own_mss = mss(self.plan.mtu);
        let timestamps = (self.timestamp(at), self.ts_recent);
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
            ack: self.received.next,
            flags,
            window: u16::try_from(window).unwrap_or(u16::MAX),
            options,
        };
        Segment { name, cause, at, spec, payload }
    }

    /// The sequence number of a byte of the stream.
    pub(super) fn sequence(&self, place: usize) -> u32 {
        self.plan.iss.wrapping_add(1).wrapping_add(place as u32)
    }

    /// This host's clock of timestamps: milliseconds.
    pub(super) fn timestamp(&self, at: Instant) -> u32 {
        self.plan.ts_offset.wrapping_add((at.as_nanos() / 1_000_000) as u32)
    }
}
