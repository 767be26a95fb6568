//! L7: one run in virtual time.
//!
//! Takes a topology and one client, moves packets by [`crate::datapath`] inside machines and by an event queue between
//! them, lets the applications of [`crate::app`] answer, and returns the [`Trace`]. Time, seed and topology come in; the
//! same come in twice, the same trace comes out twice.

mod exchange;
mod queue;
mod socket;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::app::{self, Progress, Role, Segment, TcpEndpoint, TcpPlan};
use crate::base::{Dice, Instant, Place};
use crate::datapath::{self, Ctx, Effect, Next, Routed, Sender};
use crate::net::{Listener, NsId, Skb, SocketLookup, SocketOwner, Topology, TransportProtocol};
use crate::trace::{Decision, Disposition, DropReason, MtuCheck, Recorder, RejectReason, Stage, Step, Trace};
use crate::wire::{self, Icmp, IpSpec, Packet, Transport};

pub use exchange::{Exchange, Talk};
use queue::{Event, Queue};

/// Time between two segments of a burst: longer than any way through the fabric, so that one packet's journey ends
/// before the next begins, and can be read from end to end.
const SEGMENT_SPACING: Duration = Duration::from_micros(500);
/// Time that an application takes to answer.
const ANSWER_DELAY: Duration = Duration::from_micros(20);
/// First port that a client may get: `net.ipv4.ip_local_port_range`.
const EPHEMERAL_PORTS: (u32, u32) = (32768, 60999);

/// Runs one exchange to its end.
#[must_use]
pub fn run(topo: Topology, exchange: &Exchange) -> Trace {
    run_to_end(topo, exchange).0
}

/// Runs one exchange, and returns the machines as it leaves them besides.
#[must_use]
pub fn run_to_end(mut topo: Topology, exchange: &Exchange) -> (Trace, Topology) {
    let mut recorder = Recorder::default();
    let exchange = match socket::connected(&mut topo, exchange, &mut recorder) {
        Ok(exchange) => exchange,
        Err((reason, at)) => return (recorder.finish(Disposition::Rejected { reason, at }), topo),
    };
    let mut sim = Simulator {
        topo,
        exchange: &exchange,
        dice: Dice::new(exchange.seed, "client"),
        queue: Queue::default(),
        now: Instant::START,
        recorder,
        connections: BTreeMap::new(),
        outcome: Outcome::default(),
    };
    sim.start();
    while let Some((time, event)) = sim.queue.pop() {
        if sim.recorder.n_steps() >= datapath::STEP_BUDGET {
            break;
        }
        sim.now = time;
        sim.handle(event);
    }
    let disposition = sim.disposition();
    (sim.recorder.finish(disposition), sim.topo)
}

/// An end of a connection: where it is, its own address and the other's.
type ConnectionKey = (NsId, (IpAddr, u16), (IpAddr, u16));

struct Connection {
    tcp: TcpEndpoint,
    program: Arc<str>,
    ip_id: u16,
    /// When the next segment may leave.
    free_from: Instant,
}

#[derive(Default)]
struct Outcome {
    server: Option<Place>,
    completed: bool,
    rejected: Option<(RejectReason, Place)>,
    dropped: Option<(DropReason, Place)>,
}

struct Simulator<'a> {
    topo: Topology,
    exchange: &'a Exchange,
    dice: Dice,
    queue: Queue,
    now: Instant,
    recorder: Recorder,
    connections: BTreeMap<ConnectionKey, Connection>,
    outcome: Outcome,
}

impl Simulator<'_> {
    fn handle(&mut self, event: Event) {
        match event {
            Event::Arrive { at, skb } => self.dispatch(Next::LinkRx(at, skb)),
            Event::AskAgain { ns, dev, ip, n_asked } => {
                self.with_ctx(|topo, ctx| {
                    let next = datapath::ask_again(topo, ns, &dev, ip, n_asked, ctx);
                    datapath::dispatch(topo, next, ctx);
                });
            }
            Event::SendSegment { key, segment } => self.send_segment(key, segment),
            Event::SendDatagram { ns, packet, flow, name, program } => {
                let journey = self.recorder.journey(flow, name);
                self.dispatch(Next::LocalOut(ns, Skb::new(packet, journey), Sender::Program(program)));
            }
        }
    }

    fn dispatch(&mut self, next: Next) {
        self.with_ctx(|topo, ctx| datapath::dispatch(topo, next, ctx));
    }

    fn with_ctx(&mut self, act: impl FnOnce(&mut Topology, &mut Ctx<'_>)) {
        let mut ctx = Ctx { now: self.now, recorder: &mut self.recorder, effects: Vec::new() };
        act(&mut self.topo, &mut ctx);
        for effect in ctx.effects {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Arrive { at, skb, after } => self.queue.push(self.now + after, Event::Arrive { at, skb }),
            Effect::AskAgain { ns, dev, ip, n_asked } => {
                let time = self.now + datapath::RETRANS_TIME;
                self.queue.push(time, Event::AskAgain { ns, dev, ip, n_asked });
            }
            Effect::Dropped { ns, reason } => {
                self.outcome.dropped = Some((reason, (*self.topo.ns(ns).place).clone()));
            }
            Effect::Deliver { ns, socket, skb } => self.deliver(ns, socket, &skb),
        }
    }

    /// The client begins.
    fn start(&mut self) {
        let exchange = self.exchange;
        let ns = exchange.client;
        let Some((IpAddr::V4(src), mtu)) = datapath::route_output(self.topo.ns(ns), exchange.dst) else {
            return self.refuse(ns, RejectReason::IcmpNetUnreach, None);
        };
        let IpAddr::V4(dst) = exchange.dst else { return };
        self.listen_outside();
        match &exchange.talk {
            Talk::Ping { size, df } => {
                let id = self.dice.word() as u16;
                let packet = self.ping(src, dst, mtu, id, *size, *df);
                if *df && packet.network_len() > mtu {
                    return self.refuse(ns, RejectReason::IcmpFragNeeded, Some((&packet, mtu)));
                }
                self.connect(TransportProtocol::Icmp, (src, id), (dst, 0));
                self.send_datagram(Duration::ZERO, ns, packet, "ping", "request", exchange.program.clone());
            }
            Talk::Udp { port, size, .. } => {
                let sport = self.ephemeral_port();
                self.connect(TransportProtocol::Udp, (src, sport), (dst, *port));
                let ip = self.ip_spec(ns, src, dst, mtu, 28 + size);
                let packet = wire::udp(ip, sport, *port, &app::datagram(*size));
                self.send_datagram(Duration::ZERO, ns, packet, "udp", "request", exchange.program.clone());
            }
            Talk::Tcp { port, request, reply_len, .. } => {
                let sport = self.ephemeral_port();
                self.connect(TransportProtocol::Tcp, (src, sport), (dst, *port));
                let tcp = TcpEndpoint::new(TcpPlan {
                    role: Role::Client,
                    sport,
                    dport: *port,
                    iss: self.dice.word(),
                    ts_offset: self.dice.word(),
                    mtu,
                    message: request.clone(),
                    awaits: *reply_len,
                });
                let syn = tcp.open(self.now);
                let key = (ns, (IpAddr::V4(src), sport), (exchange.dst, *port));
                let ip_id = self.dice.word() as u16;
                self.connections
                    .insert(key, Connection { tcp, program: exchange.program.clone(), ip_id, free_from: self.now });
                self.queue.push(self.now, Event::SendSegment { key, segment: syn });
            }
        }
    }

    /// A machine outside the cluster listens on whatever port is asked.
    fn listen_outside(&mut self) {
        let (protocol, port) = match self.exchange.talk {
            Talk::Tcp { port, .. } => (TransportProtocol::Tcp, port),
            Talk::Udp { port, .. } => (TransportProtocol::Udp, port),
            Talk::Ping { .. } => return,
        };
        let dst = self.exchange.dst;
        let host = self.topo.namespaces().find(|ns| matches!(*ns.place, Place::Host(_)) && ns.is_local(dst));
        if let Some(id) = host.and_then(|host| self.topo.find(&host.place.clone())) {
            self.topo.ns_mut(id).sockets.listen(Listener { protocol, port, program: "server".into() });
        }
    }

    fn connect(&mut self, protocol: TransportProtocol, local: (Ipv4Addr, u16), remote: (Ipv4Addr, u16)) {
        let program = self.exchange.program.clone();
        let v4 = |(ip, port)| (IpAddr::V4(ip), port);
        self.topo.ns_mut(self.exchange.client).sockets.connect(
            protocol,
            v4(local),
            v4(remote),
            SocketOwner::Client,
            program,
        );
    }

    fn ephemeral_port(&mut self) -> u16 {
        let (first, last) = EPHEMERAL_PORTS;
        u16::try_from(first + self.dice.below(last - first + 1)).unwrap_or(u16::MAX)
    }

    /// The client's own kernel says no: no frame appears anywhere.
    fn refuse(&mut self, ns: NsId, reason: RejectReason, too_big: Option<(&Packet, usize)>) {
        let flow = self.exchange.talk.flow();
        let journey = self.recorder.journey(flow, if flow == "ping" || flow == "udp" { "request" } else { "syn" });
        let place = self.topo.ns(ns).place.clone();
        let step = match too_big {
            Some((packet, mtu)) => Step::new(Stage::App, Decision::Refuse(reason), packet).mtu(MtuCheck {
                device: self.way_out(ns),
                mtu,
                len: packet.network_len(),
            }),
            None => Step::without_packet(Stage::App, Decision::Refuse(reason)),
        };
        let step = step.ends();
        self.recorder.step(self.now, &place, journey, step);
        self.outcome.rejected = Some((reason, (*place).clone()));
    }

    /// The device that the client's packets leave by.
    fn way_out(&self, ns: NsId) -> Arc<str> {
        match datapath::route_lookup(self.topo.ns(ns), self.exchange.dst).result {
            Routed::Out(out) => out.dev.name,
            Routed::Local | Routed::Blackhole | Routed::None => "lo".into(),
        }
    }

    /// Models ip_dont_fragment with IP_PMTUDISC_WANT: DF is set on whatever fits the way.
    fn ip_spec(&mut self, ns: NsId, src: Ipv4Addr, dst: Ipv4Addr, mtu: usize, len: usize) -> IpSpec {
        let ns_ref = self.topo.ns_mut(ns);
        let ttl = ns_ref.sysctls.ip_default_ttl;
        let id = ns_ref.dice.word() as u16;
        IpSpec { src, dst, ttl: self.client_ttl(ns).unwrap_or(ttl), df: len <= mtu, id, tos: 0 }
    }

    /// `--ttl` holds for every packet of the client.
    fn client_ttl(&self, ns: NsId) -> Option<u8> {
        self.exchange.ttl.filter(|_| ns == self.exchange.client)
    }

    fn ping(&mut self, src: Ipv4Addr, dst: Ipv4Addr, mtu: usize, id: u16, size: usize, df: bool) -> Packet {
        let mut ip = self.ip_spec(self.exchange.client, src, dst, mtu, 28 + size);
        ip.df |= df;
        wire::icmp_echo(ip, false, id, 1, &app::echo_payload(size))
    }

    fn send_datagram(
        &mut self,
        after: Duration,
        ns: NsId,
        packet: Packet,
        flow: &'static str,
        name: &'static str,
        program: Arc<str>,
    ) {
        self.queue.push(self.now + after, Event::SendDatagram { ns, packet, flow, name, program });
    }

    fn send_segment(&mut self, key: ConnectionKey, segment: Segment) {
        let (ns, (src, _), (dst, _)) = key;
        let (IpAddr::V4(src), IpAddr::V4(dst)) = (src, dst) else { return };
        let default_ttl = self.topo.ns(ns).sysctls.ip_default_ttl;
        let ttl = self.client_ttl(ns).unwrap_or(default_ttl);
        let Some(connection) = self.connections.get_mut(&key) else { return };
        // A SYN/ACK is sent before there is a socket to count (ip_build_and_send_pkt): identification 0.
        let id = if segment.spec.flags.syn && segment.spec.flags.ack { 0 } else { connection.ip_id };
        connection.ip_id = connection.ip_id.wrapping_add(1);
        let sender = if segment.by_program { Sender::Program(connection.program.clone()) } else { Sender::Kernel };
        let ip = IpSpec { src, dst, ttl, df: true, id, tos: 0 };
        let packet = wire::tcp(ip, segment.spec, &segment.payload);
        let journey = self.recorder.journey(self.exchange.talk.flow(), segment.name);
        self.dispatch(Next::LocalOut(ns, Skb::new(packet, journey), sender));
    }

    fn deliver(&mut self, ns: NsId, socket: SocketLookup, skb: &Skb) {
        let (Some(ip), Some(transport)) = (skb.packet.ip_header(), skb.packet.transport()) else { return };
        match (transport, socket) {
            (Transport::Icmp(Icmp::EchoReply { .. }), _) => self.complete(ip.src),
            (Transport::Udp(_), SocketLookup::Connected(SocketOwner::Client, _)) => self.complete(ip.src),
            (Transport::Udp(udp), SocketLookup::Listening(program)) => {
                let Talk::Udp { reply_size, .. } = self.exchange.talk else { return };
                let (IpAddr::V4(src), IpAddr::V4(dst)) = (ip.dst, ip.src) else { return };
                let Some((_, mtu)) = datapath::route_output(self.topo.ns(ns), ip.src) else { return };
                let spec = self.ip_spec(ns, src, dst, mtu, 28 + reply_size);
                let packet = wire::udp(spec, udp.dport, udp.sport, &app::datagram(reply_size));
                self.send_datagram(ANSWER_DELAY, ns, packet, "udp", "reply", program);
            }
            (Transport::Icmp(Icmp::Error(error)), SocketLookup::Connected(SocketOwner::Client, _)) => {
                let at = self.owner_of(ip.src).unwrap_or_else(|| (*self.topo.ns(ns).place).clone());
                self.outcome.rejected = Some((error.into(), at));
            }
            (Transport::Tcp(tcp), socket) => {
                let key = (ns, (ip.dst, tcp.dport), (ip.src, tcp.sport));
                if let SocketLookup::Listening(program) = socket {
                    self.accept(key, program);
                }
                let Some(connection) = self.connections.get_mut(&key) else { return };
                let segments = connection.tcp.receive(tcp, self.now);
                let progress = connection.tcp.progress();
                let is_client = connection.tcp.role() == Role::Client;
                match progress {
                    Progress::Reset if is_client => {
                        let at = self.owner_of(ip.src).unwrap_or_else(|| (*self.topo.ns(ns).place).clone());
                        self.outcome.rejected = Some((RejectReason::NoSocket, at));
                    }
                    Progress::Closed if is_client => self.complete(ip.src),
                    Progress::Open | Progress::Closed | Progress::Reset => {}
                }
                self.send_spaced(key, segments);
            }
            _ => {}
        }
    }

    /// A connection that a client opens to a listener.
    fn accept(&mut self, key: ConnectionKey, program: Arc<str>) {
        let (ns, local, remote) = key;
        let Talk::Tcp { request, reply, .. } = &self.exchange.talk else { return };
        let Some((_, mtu)) = datapath::route_output(self.topo.ns(ns), remote.0) else { return };
        let ns_ref = self.topo.ns_mut(ns);
        let tcp = TcpEndpoint::new(TcpPlan {
            role: Role::Server,
            sport: local.1,
            dport: remote.1,
            iss: ns_ref.dice.word(),
            ts_offset: ns_ref.dice.word(),
            mtu,
            message: reply.clone(),
            awaits: request.len(),
        });
        let ip_id = ns_ref.dice.word() as u16;
        ns_ref.sockets.connect(TransportProtocol::Tcp, local, remote, SocketOwner::Server, program.clone());
        self.connections.insert(key, Connection { tcp, program, ip_id, free_from: self.now });
    }

    /// Sends the first segment at once and each further one a little later, never before one that is on its way already.
    fn send_spaced(&mut self, key: ConnectionKey, segments: Vec<Segment>) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        for segment in segments {
            let time = connection.free_from.max(self.now);
            connection.free_from = time + SEGMENT_SPACING;
            self.queue.push(time, Event::SendSegment { key, segment });
        }
    }

    fn complete(&mut self, server: IpAddr) {
        self.outcome.completed = true;
        self.outcome.server = self.owner_of(server);
    }

    /// The place that answers for an address. The client's own, if it has it: 127.0.0.1 is everybody's. For the address
    /// of a service it is the endpoint that was chosen: answers come in the service's name.
    fn owner_of(&self, ip: IpAddr) -> Option<Place> {
        let ip = match self.recorder.choice() {
            Some(choice) if ip == self.exchange.dst => choice.chosen.0,
            _ => ip,
        };
        let client = self.topo.ns(self.exchange.client);
        if client.is_local(ip) {
            return Some((*client.place).clone());
        }
        self.topo.namespaces().find(|ns| ns.is_local(ip)).map(|ns| (*ns.place).clone())
    }

    fn disposition(&self) -> Disposition {
        let client = || (*self.topo.ns(self.exchange.client).place).clone();
        if self.outcome.completed {
            return Disposition::Delivered { at: self.outcome.server.clone().unwrap_or_else(client) };
        }
        if let Some((reason, at)) = self.outcome.rejected.clone() {
            return Disposition::Rejected { reason, at };
        }
        let (reason, at) = self.outcome.dropped.clone().unwrap_or_else(|| (DropReason::NoSocket, client()));
        Disposition::Dropped { reason, at }
    }
}
