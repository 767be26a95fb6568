//! Sockets of DNS: opened, closed, and what arrives at them.

use std::net::IpAddr;
use std::sync::Arc;

use super::Simulator;
use super::connection::ConnectionKey;
use super::names::FLOW;
use super::queue::Event;
use crate::app::resolver::Socket;
use crate::datapath::{self, Ctx, SockVerdict};
use crate::net::{NsId, Skb, SocketLookup, SocketOwner, TransportProtocol};
use crate::trace::{Decision, RejectReason, Stage, Step};
use crate::wire::{Icmp, IcmpError, Transport};

/// Whose a socket of DNS is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The client's resolver's.
    Client(Socket),
    /// That of a name server which asks another one.
    Ask(usize),
}

/// A socket of DNS that is connected to a server.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) whose: Whose,
    pub(super) protocol: TransportProtocol,
    /// The server as it was named; with Cilium the socket knows another address.
    pub(super) server: (IpAddr, u16),
    pub(super) key: ConnectionKey,
    /// MTU of the way.
    pub(super) mtu: usize,
    pub(super) cookie: u64,
    /// What the first message on a connection is called.
    pub(super) label: String,
    /// Which of the trace's queries a connection carries.
    pub(super) queries: Vec<usize>,
}

impl Simulator<'_> {
    /// A socket for `whose`, connected to `server`: the one there is, or a new one. Its place in the list; `None` if the
    /// system call fails.
    pub(super) fn name_socket(
        &mut self,
        (ns, whose, program): (NsId, Whose, &Arc<str>),
        protocol: TransportProtocol,
        server: (IpAddr, u16),
    ) -> Option<usize> {
        let same = |open: &&Open| open.whose == whose && open.protocol == protocol;
        if let Some(at) = self.names.open.iter().position(|open| same(&open) && open.server == server) {
            return Some(at);
        }
        // A socket that talks to several servers has one port.
        let own_port = self.names.open.iter().find(same).map(|open| open.key.1.1);
        let cookie = self.names.next_socket();
        let mut ctx = Ctx { now: self.now, recorder: &mut self.recorder, effects: Vec::new() };
        let journey = |ctx: &mut Ctx<'_>| ctx.recorder.journey(FLOW, "connect");
        let verdict = datapath::connect(&mut self.topo, ns, protocol, server, cookie, journey, &mut ctx);
        let SockVerdict::Proceed(remote) = verdict else {
            return self.name_refused(ns, whose, RejectReason::IcmpHostUnreach, false);
        };
        let Some((src @ IpAddr::V4(_), mtu)) = datapath::route_output(self.topo.ns(ns), remote.0) else {
            let reason = datapath::refusal(self.topo.ns(ns), remote.0);
            return self.name_refused(ns, whose, reason, true);
        };
        let port = own_port.unwrap_or_else(|| self.name_port(ns, whose));
        let key = (ns, (src, port), remote);
        let owner = if matches!(whose, Whose::Client(_)) { SocketOwner::Client } else { SocketOwner::Server };
        self.topo.ns_mut(ns).sockets.connect(protocol, key.1, key.2, owner, program.clone());
        let (label, queries) = (String::new(), Vec::new());
        self.names.open.push(Open { whose, protocol, server, key, mtu, cookie, label, queries });
        Some(self.names.open.len() - 1)
    }

    /// Nothing can be sent, as the sender's own kernel says.
    fn name_refused(&mut self, ns: NsId, whose: Whose, reason: RejectReason, is_new: bool) -> Option<usize> {
        let place = self.topo.ns(ns).place.clone();
        if is_new {
            // A name of its own: what is sent is numbered by itself.
            let name = if matches!(whose, Whose::Client(_)) { "query-unsent" } else { "forward-unsent" };
            let journey = self.recorder.journey(FLOW, name);
            let step = Step::without_packet(Stage::App, Decision::Refuse(reason)).ends();
            self.recorder.step(self.now, &place, journey, step);
        }
        if let Whose::Client(_) = whose {
            self.outcome.rejected = Some((reason, (*place).clone()));
        }
        self.fail_name(whose);
        None
    }

    /// A port that nobody else has. The client draws from its own dice.
    fn name_port(&mut self, ns: NsId, whose: Whose) -> u16 {
        let (first, last) = self.topo.ns(ns).sysctls.ip_local_port_range;
        let n_ports = u32::from(last.saturating_sub(first)) + 1;
        loop {
            let dice = match whose {
                Whose::Client(_) => &mut self.dice,
                Whose::Ask(_) => &mut self.topo.ns_mut(ns).dice,
            };
            let port = u16::try_from(u32::from(first) + dice.below(n_ports)).unwrap_or(u16::MAX);
            let is_taken = self.names.open.iter().any(|open| open.key.0 == ns && open.key.1.1 == port);
            if !is_taken || self.names.open.len() >= n_ports as usize {
                return port;
            }
        }
    }

    /// Closes the sockets of `whose`. A connection that has said and heard everything ends by itself.
    pub(super) fn close_names(&mut self, whose: Whose) {
        let (closed, open) = std::mem::take(&mut self.names.open).into_iter().partition(|open| open.whose == whose);
        self.names.open = open;
        let closed: Vec<Open> = closed;
        for Open { protocol, key: key @ (ns, local, remote), .. } in closed {
            self.queue.cancel(|event| matches!(event, Event::StreamOver { key: over } if *over == key));
            let is_done = self.connections.get(&key).is_some_and(|connection| connection.tcp.has_heard_all());
            match protocol {
                TransportProtocol::Tcp if is_done => {}
                TransportProtocol::Tcp => self.close(key),
                _ => self.topo.ns_mut(ns).sockets.disconnect(protocol, local, remote),
            }
        }
    }

    /// What arrives at a socket of DNS; whether it was for one.
    pub(super) fn deliver_name(&mut self, ns: NsId, socket: &SocketLookup, skb: &Skb) -> bool {
        let (Some(ip), Some(transport)) = (skb.packet.ip_header(), skb.packet.transport()) else { return false };
        match (transport, socket) {
            (Transport::Udp(udp), SocketLookup::Connected(..)) => {
                let key = (ns, (ip.dst, udp.dport), (ip.src, udp.sport));
                let Some(open) = self.names.find(TransportProtocol::Udp, key) else { return false };
                let (whose, server, cookie) = (open.whose, open.server, open.cookie);
                let payload = skb.packet.ip_payload().get(8..).unwrap_or_default().to_vec();
                let journey = |ctx: &mut Ctx<'_>| ctx.recorder.journey(FLOW, "recvmsg");
                self.with_ctx(|topo, ctx| datapath::recvmsg(topo, ns, key.2, cookie, journey, ctx));
                match whose {
                    Whose::Client(socket) => self.hear_answer(socket, server.0, &payload, skb.journey),
                    Whose::Ask(ask) => self.hear_upstream(ask, &payload),
                }
                true
            }
            (Transport::Udp(udp), SocketLookup::Listening(program)) => {
                self.serve_datagram((ns, program), (ip.dst, udp.dport), (ip.src, udp.sport), skb)
            }
            (Transport::Icmp(Icmp::Error(error)), SocketLookup::Connected(..)) => {
                let quoted = skb.packet.quoted();
                let Some((Some(ip), Some(Transport::Udp(udp)))) =
                    quoted.as_ref().map(|quoted| (quoted.ip_header(), quoted.transport()))
                else {
                    return false;
                };
                let key = (ns, (ip.src, udp.sport), (ip.dst, udp.dport));
                let Some(whose) = self.names.find(TransportProtocol::Udp, key).map(|open| open.whose) else {
                    return false;
                };
                self.datagram_error(whose, error, skb);
                true
            }
            _ => false,
        }
    }

    /// Models __udp4_lib_err: a datagram socket is told of fatal errors only.
    fn datagram_error(&mut self, whose: Whose, error: IcmpError, skb: &Skb) {
        if let IcmpError::NetUnreach | IcmpError::HostUnreach | IcmpError::ExcTtl = error {
            return;
        }
        if let (Whose::Client(_), Some(from)) = (whose, self.recorder.birthplace(skb.journey)) {
            self.outcome.rejected = Some((error.into(), (*from).clone()));
        }
        self.fail_name(whose);
    }

    /// Tells whose socket it is that it has failed.
    pub(super) fn fail_name(&mut self, whose: Whose) {
        let at = if let Whose::Client(_) = whose { self.resolver_looks() } else { self.now };
        self.queue.push(at, Event::NameError { whose });
    }

    /// A socket of DNS cannot be used any more.
    pub(super) fn name_error(&mut self, whose: Whose) {
        match whose {
            Whose::Client(socket) => self.query_failed(socket),
            Whose::Ask(ask) => {
                self.close_names(whose);
                self.ask_next(ask);
            }
        }
    }
}
