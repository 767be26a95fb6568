//! Connections in virtual time: both ends' segments, their timers, and how long the client waits.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::names::is_stream;
use super::queue::Event;
use super::{BgpTalk, Simulator, Talk};
use crate::app::{Cause, Progress, Role, Segment, TcpEndpoint, TcpPlan};
use crate::base::{Instant, Place};
use crate::datapath::{self, Next, Sender};
use crate::net::{NsId, Skb, SocketLookup, SocketOwner, TransportProtocol};
use crate::trace::{JourneyId, RejectReason};
use crate::wire::{self, IcmpError, IpSpec, Packet, Tcp, Transport};

/// How long the client of a connection waits: for the handshake, and then each time for more of the answer. A kernel
/// tries a SYN for two minutes and data for a quarter of an hour; programs have a timeout of their own, as
/// `curl --connect-timeout` has. Once it is over nobody retransmits any more: what a kernel still tries for a program
/// that has gone is not modelled. After everything was said the kernels have as long again to close.
const PATIENCE: Duration = Duration::from_secs(4);

/// An end of a connection: where it is, its own address and the other's.
pub(super) type ConnectionKey = (NsId, (IpAddr, u16), (IpAddr, u16));

/// One end, and what carries its segments.
pub(super) struct Connection {
    pub(super) tcp: TcpEndpoint,
    /// The first part of the ids of its packets' steps.
    pub(super) flow: &'static str,
    pub(super) program: Arc<str>,
    /// The other end, if it is known whom a name server talks to.
    pub(super) peer: Option<ConnectionKey>,
    ip_id: u16,
    /// When it will be looked at again.
    armed: Option<Instant>,
}

/// Who opens a connection, and what it has drawn for it.
pub(super) struct Asker {
    pub(super) flow: &'static str,
    pub(super) program: Arc<str>,
    pub(super) iss: u32,
    pub(super) ts_offset: u32,
    pub(super) ip_id: u16,
    /// Whether it keeps the connection afterwards.
    pub(super) stays_open: bool,
}

/// Whether the client still waits, and until when.
#[derive(Default)]
pub(super) struct Patience {
    until: Instant,
    is_over: bool,
}

impl Simulator<'_> {
    /// The client opens a connection.
    pub(super) fn open_as_client(&mut self, key: ConnectionKey, mtu: usize, message: Vec<u8>, awaits: usize) {
        let talk = &self.exchange.talk;
        let asker = Asker {
            flow: talk.flow(),
            program: self.exchange.program.clone(),
            iss: self.dice.word(),
            ts_offset: self.dice.word(),
            ip_id: self.dice.word() as u16,
            stays_open: matches!(talk, Talk::Bgp(talk) if !talk.closes),
        };
        self.wait(key);
        self.open(key, asker, mtu, message, awaits);
    }

    /// A program opens a connection.
    pub(super) fn open(&mut self, key: ConnectionKey, asker: Asker, mtu: usize, message: Vec<u8>, awaits: usize) {
        let (_, (_, sport), (_, dport)) = key;
        let Asker { flow, program, iss, ts_offset, ip_id, stays_open } = asker;
        let mut tcp =
            TcpEndpoint::new(TcpPlan { role: Role::Client, sport, dport, iss, ts_offset, mtu, message, awaits });
        if stays_open {
            tcp.stay_open();
        }
        let syn = tcp.open(self.now);
        self.connections.insert(key, Connection { tcp, flow, program, peer: None, ip_id, armed: None });
        self.send_segments(key, vec![syn]);
    }

    fn wait(&mut self, key: ConnectionKey) {
        self.patience.until = self.now + PATIENCE;
        self.queue.push(self.patience.until, Event::GiveUp { key });
    }

    /// The client goes on with a connection that has stood since before the run.
    pub(super) fn resume(&mut self, key: ConnectionKey, mtu: usize, talk: &BgpTalk) {
        let (_, local, remote) = key;
        let server = talk.server;
        let Some((_, server_mtu)) = datapath::route_output(self.topo.ns(server), local.0) else { return };
        let program = self.exchange.program.clone();
        let plan = TcpPlan {
            role: Role::Client,
            sport: local.1,
            dport: remote.1,
            iss: self.dice.word(),
            ts_offset: self.dice.word(),
            mtu,
            message: talk.says.clone(),
            awaits: talk.answers.len(),
        };
        let ip_id = self.dice.word() as u16;
        let ns = self.topo.ns_mut(server);
        let server_plan = TcpPlan {
            role: Role::Server,
            sport: remote.1,
            dport: local.1,
            iss: ns.dice.word(),
            ts_offset: ns.dice.word(),
            mtu: server_mtu,
            message: talk.answers.clone(),
            awaits: talk.says.len(),
        };
        let server_ip_id = ns.dice.word() as u16;
        ns.sockets.connect(TransportProtocol::Tcp, remote, local, SocketOwner::Server, program.clone());
        let (mut client, mut peer) = (TcpEndpoint::new(plan), TcpEndpoint::new(server_plan));
        client.stand(&peer, self.now);
        peer.stand(&client, self.now);
        if !talk.closes {
            client.stay_open();
        }
        let segments = client.speak(self.now);
        let flow = self.exchange.talk.flow();
        let connection =
            |tcp, ip_id| Connection { tcp, flow, program: program.clone(), peer: None, ip_id, armed: None };
        self.connections.insert((server, remote, local), connection(peer, server_ip_id));
        self.connections.insert(key, connection(client, ip_id));
        self.wait(key);
        self.send_segments(key, segments);
    }

    /// A connection that a client opens to a listener.
    fn accept(&mut self, key: ConnectionKey, program: Arc<str>, flow: &'static str, syn: Tcp) {
        let (ns, local, remote) = key;
        let peer = self.stream_peer(key, flow, syn);
        let messages = match peer.and_then(|peer| self.connections.get(&peer)) {
            // What a name server answers is known when it has heard the questions.
            Some(asks) => Some((asks.tcp.message().len(), Vec::new())),
            None => self.messages(key, flow),
        };
        let Some((awaits, message)) = messages else { return };
        let Some((_, mtu)) = datapath::route_output(self.topo.ns(ns), remote.0) else { return };
        let ns_ref = self.topo.ns_mut(ns);
        let tcp = TcpEndpoint::new(TcpPlan {
            role: Role::Server,
            sport: local.1,
            dport: remote.1,
            iss: ns_ref.dice.word(),
            ts_offset: ns_ref.dice.word(),
            mtu,
            message,
            awaits,
        });
        let ip_id = ns_ref.dice.word() as u16;
        ns_ref.sockets.connect(TransportProtocol::Tcp, local, remote, SocketOwner::Server, program.clone());
        self.connections.insert(key, Connection { tcp, flow, program, peer, ip_id, armed: None });
        if let Some(asks) = peer.and_then(|peer| self.connections.get_mut(&peer)) {
            asks.peer = Some(key);
        }
    }

    /// A segment reached a socket, by this journey.
    pub(super) fn receive_segment(
        &mut self,
        key: ConnectionKey,
        tcp: Tcp,
        socket: SocketLookup,
        from: &Place,
        journey: JourneyId,
    ) {
        if let SocketLookup::Listening(program) = socket {
            self.accept(key, program, self.recorder.journey_of(journey).flow, tcp);
        }
        let Some(connection) = self.connections.get_mut(&key) else { return };
        let was_opening = connection.tcp.progress() == Progress::Opening;
        let segments = connection.tcp.receive(tcp, self.now);
        let progress = connection.tcp.progress();
        let has_heard_all = tcp.payload_len > 0 && connection.tcp.has_heard_all();
        let (flow, role) = (connection.flow, connection.tcp.role());
        if role == Role::Client && flow == self.exchange.talk.flow() {
            if was_opening || tcp.payload_len > 0 || progress != Progress::Open {
                self.patience.until = self.now + PATIENCE;
            }
            match progress {
                Progress::Reset => self.outcome.rejected = Some((RejectReason::NoSocket, from.clone())),
                Progress::Satisfied | Progress::Closed => self.complete(from.clone()),
                Progress::Opening | Progress::Open => {}
            }
        }
        if role == Role::Client && progress == Progress::Reset && is_stream(flow) && self.is_clients(key) {
            self.outcome.rejected = Some((RejectReason::NoSocket, from.clone()));
        }
        if has_heard_all {
            (self.heard)(key.0, &mut self.topo, &mut self.recorder);
            self.heard_all(key, journey);
        }
        self.send_segments(key, segments);
        // A reset ends it at once, and a SYN that comes after it begins another one.
        if progress == Progress::Reset {
            self.close(key);
            self.failed(key, flow, role);
        }
    }

    /// An ICMP error about a segment reached its socket. Returns whether it ends the connection.
    ///
    /// Models tcp_v4_err: while a connection opens every error is final (tcp_req_err knows some that are not); once it is
    /// open none is, because other packets may get through.
    pub(super) fn receive_error(&mut self, ns: NsId, error: IcmpError, skb: &Skb) -> bool {
        let quoted = skb.packet.quoted();
        let Some((Some(ip), Some(Transport::Tcp(tcp)))) =
            quoted.as_ref().map(|quoted| (quoted.ip_header(), quoted.transport()))
        else {
            // Models __udp4_lib_err: a datagram socket is told of fatal errors only, unless it has asked for all of them
            // (IP_RECVERR), as ping has.
            let is_udp = matches!(quoted.and_then(|quoted| quoted.transport()), Some(Transport::Udp(_)));
            let is_soft = matches!(error, IcmpError::NetUnreach | IcmpError::HostUnreach | IcmpError::ExcTtl);
            return !(is_udp && is_soft);
        };
        let key = (ns, (ip.src, tcp.sport), (ip.dst, tcp.dport));
        let Some(connection) = self.connections.get_mut(&key) else { return false };
        if let IcmpError::FragNeeded { .. } = error {
            let Some((_, mtu)) = datapath::route_output(self.topo.ns(ns), ip.dst) else { return false };
            let segments = connection.tcp.reduce_mtu(mtu, self.now);
            self.send_segments(key, segments);
            return false;
        }
        if connection.tcp.progress() == Progress::Opening {
            let is_fatal = match connection.tcp.role() {
                Role::Client => true,
                Role::Server => matches!(error, IcmpError::NetUnreach | IcmpError::HostUnreach | IcmpError::ExcTtl),
            };
            let (flow, role) = (connection.flow, connection.tcp.role());
            if is_fatal {
                self.close(key);
                self.failed(key, flow, role);
            }
            return is_fatal;
        }
        if let IcmpError::NetUnreach | IcmpError::HostUnreach = error {
            connection.tcp.way_blocked();
            self.arm(key);
        }
        false
    }

    /// A connection is forgotten.
    pub(super) fn close(&mut self, key: ConnectionKey) {
        let (ns, local, remote) = key;
        self.topo.ns_mut(ns).sockets.disconnect(TransportProtocol::Tcp, local, remote);
        self.connections.remove(&key);
    }

    /// The client has waited long enough, if it has not heard anything in the meantime.
    pub(super) fn give_up(&mut self, key: ConnectionKey) {
        if self.now < self.patience.until {
            return self.queue.push(self.patience.until, Event::GiveUp { key });
        }
        self.patience.is_over = true;
        // A handshake that is answered after that is answered by a reset.
        if self.connections.get(&key).is_some_and(|connection| connection.tcp.progress() == Progress::Opening) {
            self.close(key);
        }
    }

    /// The time of an end has come.
    pub(super) fn expire(&mut self, key: ConnectionKey) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(&key).filter(|connection| connection.armed == Some(now)) else {
            return;
        };
        connection.armed = None;
        if !self.patience.is_over {
            let segments = connection.tcp.expire(now);
            self.send_segments(key, segments);
        }
    }

    /// Has an end looked at when its time comes.
    fn arm(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        let Some(deadline) = connection.tcp.deadline() else { return };
        if connection.armed.is_none_or(|armed| deadline < armed) {
            connection.armed = Some(deadline.max(self.now));
            self.queue.push(deadline.max(self.now), Event::Expire { key });
        }
    }

    pub(super) fn send_segments(&mut self, key: ConnectionKey, segments: Vec<Segment>) {
        for segment in segments {
            self.queue.push(segment.at, Event::SendSegment { key, segment });
        }
        self.arm(key);
    }

    /// Hands a segment down.
    pub(super) fn send_segment(&mut self, key: ConnectionKey, segment: Segment) {
        let (ns, ..) = key;
        let Some(packet) = self.packet(key, &segment) else { return };
        let Some(connection) = self.connections.get(&key) else { return };
        let sender = match segment.cause {
            Cause::Program => Sender::Program(connection.program.clone()),
            Cause::Kernel => Sender::Kernel,
            Cause::Loss => Sender::Loss,
        };
        let journey = self.recorder.journey(connection.flow, segment.name);
        if !segment.payload.is_empty() {
            self.stream_sends(key, journey);
        }
        self.dispatch(Next::LocalOut(ns, Skb::new(packet, journey), sender));
    }

    fn packet(&mut self, key: ConnectionKey, segment: &Segment) -> Option<Packet> {
        let (ns, (src, _), (dst, _)) = key;
        let (IpAddr::V4(src), IpAddr::V4(dst_v4)) = (src, dst) else { return None };
        let default_ttl = self.topo.ns(ns).sysctls.ip_default_ttl;
        let is_syn = segment.spec.flags.syn;
        // Routers' daemons mark what they say (IPTOS_PREC_INTERNETCONTROL), and set the TTL once they have accepted.
        let (server_ttl, tos) = match &self.exchange.talk {
            Talk::Bgp(talk) => (talk.server_ttl.filter(|_| ns != self.exchange.client && !is_syn), 0xc0),
            _ => (None, 0),
        };
        let ttl = self.client_ttl(ns).or(server_ttl).unwrap_or(default_ttl);
        let connection = self.connections.get_mut(&key)?;
        // A SYN/ACK is sent before there is a socket to count (ip_build_and_send_pkt): identification 0.
        let id = if segment.spec.flags.syn && segment.spec.flags.ack { 0 } else { connection.ip_id };
        connection.ip_id = connection.ip_id.wrapping_add(1);
        let df = !self.topo.ns(ns).exceptions.get(dst).is_some_and(|exception| exception.locked);
        let ip = IpSpec { src, dst: dst_v4, ttl, df, id, tos };
        Some(wire::tcp(ip, segment.spec, &segment.payload))
    }
}
