//! What happens to a client's system call before there is a packet.

use super::{Exchange, Talk};
use crate::base::{Instant, Place};
use crate::datapath::{Ctx, SockVerdict, connect};
use crate::net::{Topology, TransportProtocol};
use crate::trace::{Recorder, RejectReason};

/// The exchange as the client's socket has it, if a program at the socket has put somebody in the place of a service.
///
/// # Errors
/// If the system call fails.
pub(super) fn connected(
    topo: &mut Topology,
    exchange: &Exchange,
    recorder: &mut Recorder,
    cookie: u64,
    now: Instant,
) -> Result<Option<Exchange>, (RejectReason, Place)> {
    let (protocol, port) = match exchange.talk {
        // Of these nobody is a service.
        Talk::Ping { .. } | Talk::Names | Talk::Bgp(_) => return Ok(None),
        Talk::Udp { port, .. } => (TransportProtocol::Udp, port),
        Talk::Tcp { port, .. } => (TransportProtocol::Tcp, port),
    };
    let asked = (exchange.dst, port);
    let mut ctx = Ctx { now, recorder, effects: Vec::new() };
    let journey = |ctx: &mut Ctx<'_>| ctx.recorder.journey(exchange.talk.flow(), "connect");
    match connect(topo, exchange.client, protocol, asked, cookie, journey, &mut ctx) {
        SockVerdict::Reject => Err((RejectReason::IcmpHostUnreach, (*topo.ns(exchange.client).place).clone())),
        SockVerdict::Proceed(to) if to == asked => Ok(None),
        SockVerdict::Proceed((dst, to_port)) => {
            let mut exchange = Exchange { dst, ..exchange.clone() };
            if let Talk::Udp { port, .. } | Talk::Tcp { port, .. } = &mut exchange.talk {
                *port = to_port;
            }
            Ok(Some(exchange))
        }
    }
}
