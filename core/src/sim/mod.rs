//! L7: one run in virtual time.
//!
//! Takes a topology and one client, moves packets by [`crate::datapath`] inside machines and by an event queue between
//! them, lets the applications of [`crate::app`] answer, and returns the [`Trace`]. Time, seed and topology come in; the
//! same come in twice, the same trace comes out twice.

mod connection;
mod controlled;
mod dns_cluster;
mod exchange;
#[cfg(test)]
mod hand_built;
mod lookup;
mod name_server;
mod name_socket;
mod name_stream;
mod names;
mod proxy;
mod queue;
mod socket;

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::app;
use crate::base::{BTreeMap, Dice, Instant, Place};
use crate::datapath::{self, Ctx, Effect, Next, Routed, Sender};
use crate::net::{Answer, At, FlowKey, Listener, NsId, Skb, SocketLookup, SocketOwner, Topology, TransportProtocol};
use crate::trace::{Decision, Disposition, DropReason, MtuCheck, Recorder, RejectReason, Stage, Step, Trace};
use crate::wire::{self, BGP_PORT, Icmp, IpSpec, Packet, Transport};

use connection::{Connection, ConnectionKey, Patience};
use controlled::Waken;
pub use controlled::{TellDns, run_controlled};
pub use dns_cluster::dns_cluster;
pub use exchange::{BgpTalk, Exchange, Talk};
use names::NameWork;
pub use names::{LookupBy, NameLookup, NameServer, NameServers, Names};
use proxy::Proxied;
use queue::{Event, Queue};

/// Time that an application takes to answer.
const ANSWER_DELAY: Duration = Duration::from_micros(20);

/// Runs one exchange to its end.
#[must_use]
pub fn run(topo: Topology, exchange: &Exchange) -> Trace {
    run_to_end(topo, exchange).0
}

/// Runs one exchange, and returns the machines as it leaves them besides.
#[must_use]
pub fn run_to_end(topo: Topology, exchange: &Exchange) -> (Trace, Topology) {
    run_losing(topo, exchange, &mut |_, _| false)
}

/// Runs one exchange on wires that lose every frame for which `loses` says so: it is asked where the frame would arrive.
#[must_use]
pub fn run_losing(
    topo: Topology,
    exchange: &Exchange,
    loses: &mut dyn FnMut(At, &Packet) -> bool,
) -> (Trace, Topology) {
    let mut heard = |_: NsId, _: &mut Topology, _: &mut Recorder| {};
    let mut sim = Simulator::new(topo, exchange, loses, &mut heard);
    sim.queue.push(Instant::START, Event::Begin);
    sim.run(&mut |_, _| {});
    let disposition = sim.disposition();
    (sim.recorder.finish(disposition), sim.topo)
}

/// Runs several exchanges, each when the one before it is over, as far as they succeed. `heard` does what the program at a
/// place does with the whole message that has just been delivered to it. It ended as the first one did, or as the first that failed.
#[must_use]
pub fn run_in_turn(topo: Topology, first: &Exchange, others: &[Exchange], heard: Heard<'_>) -> (Trace, Topology) {
    let mut loses = |_: At, _: &Packet| false;
    let mut sim = Simulator::new(topo, first, &mut loses, heard);
    let mut disposition = None;
    for exchange in std::iter::once(first).chain(others) {
        sim.exchange = Cow::Borrowed(exchange);
        sim.outcome = Outcome::default();
        sim.patience = Patience::default();
        sim.queue.push(sim.topo.now, Event::Begin);
        sim.run(&mut |_, _| {});
        let ended = sim.disposition();
        if !matches!(ended, Disposition::Delivered { .. }) {
            disposition = Some(ended);
            break;
        }
        disposition.get_or_insert(ended);
    }
    let disposition = disposition.unwrap_or_else(|| sim.disposition());
    (sim.recorder.finish(disposition), sim.topo)
}

/// What the program at a place does once it has heard a message.
type Heard<'a> = &'a mut dyn FnMut(NsId, &mut Topology, &mut Recorder);

#[derive(Default)]
struct Outcome {
    server: Option<Place>,
    completed: bool,
    rejected: Option<(RejectReason, Place)>,
    dropped: Option<(DropReason, Place)>,
}

struct Simulator<'a> {
    topo: Topology,
    exchange: Cow<'a, Exchange>,
    dice: Dice,
    queue: Queue,
    now: Instant,
    recorder: Recorder,
    connections: BTreeMap<ConnectionKey, Connection>,
    patience: Patience,
    proxied: Option<Proxied>,
    names: NameWork,
    outcome: Outcome,
    loses: &'a mut dyn FnMut(At, &Packet) -> bool,
    heard: Heard<'a>,
}

impl<'a> Simulator<'a> {
    fn new(
        topo: Topology,
        exchange: &'a Exchange,
        loses: &'a mut dyn FnMut(At, &Packet) -> bool,
        heard: Heard<'a>,
    ) -> Self {
        Self {
            topo,
            exchange: Cow::Borrowed(exchange),
            dice: Dice::new(exchange.seed, "client"),
            queue: Queue::default(),
            now: Instant::START,
            recorder: Recorder::default(),
            connections: BTreeMap::new(),
            patience: Patience::default(),
            proxied: None,
            names: NameWork::new(&exchange.names),
            outcome: Outcome::default(),
            loses,
            heard,
        }
    }

    /// Runs until nobody has anything to do. `waken` is the control plane's part.
    fn run(&mut self, waken: Waken<'_, 'a>) {
        let mut n_steps = 0;
        while let Some((time, event)) = self.queue.pop() {
            if matches!(self.outcome.dropped, Some((DropReason::FabricLoop, _))) {
                break;
            }
            self.now = time;
            match event {
                Event::Wake(wake) => waken(self, wake),
                event if self.is_void(&event) => {}
                event => self.handle(event),
            }
            // Timers that nobody needs any more make no time pass.
            if self.recorder.n_steps() > n_steps {
                n_steps = self.recorder.n_steps();
                self.topo.now = time;
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Begin => {
                self.recorder.client_starts(self.now);
                self.start();
            }
            // The control plane's, and not for packets.
            Event::Wake(_) => {}
            Event::Arrive { at, skb } => self.dispatch(Next::LinkRx(at, skb)),
            Event::AskAgain { ns, dev, ip, n_asked } => {
                self.with_ctx(|topo, ctx| {
                    let next = datapath::ask_again(topo, ns, &dev, ip, n_asked, ctx);
                    datapath::dispatch(topo, next, ctx);
                });
            }
            Event::DelayOver { ns, dev, ip } => {
                self.with_ctx(|topo, ctx| {
                    let next = datapath::delay_over(topo, ns, &dev, ip, ctx);
                    datapath::dispatch(topo, next, ctx);
                });
            }
            Event::SendSegment { key, segment } => self.send_segment(key, segment),
            Event::Expire { key } => self.expire(key),
            Event::GiveUp { key } => self.give_up(key),
            Event::Forward { key } => self.forward(key),
            Event::Connect => self.connect_target(),
            Event::Query(queries) => self.send_queries(&queries),
            Event::QueryTimer => self.query_timer(),
            Event::Ask { ask } => self.ask_next(ask),
            Event::AskOver { ask, turn } => self.ask_over(ask, turn),
            Event::NameError { whose } => self.name_error(whose),
            Event::StreamOver { key } => self.stream_over(key),
            Event::SendDatagram { ns, packet, flow, name, program } => {
                let journey = self.recorder.journey(flow, &name);
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
            Effect::Arrive { at, skb, .. } if (self.loses)(at, &skb.packet) => {
                self.outcome.dropped = Some((DropReason::FabricFiltered, (*self.topo.ns(at.ns).place).clone()));
            }
            Effect::Arrive { at, skb, after } => self.queue.push(self.now + after, Event::Arrive { at, skb }),
            Effect::AskAgain { ns, dev, ip, n_asked } => {
                let time = self.now + datapath::RETRANS_TIME;
                self.queue.push(time, Event::AskAgain { ns, dev, ip, n_asked });
            }
            Effect::DelayBegins { ns, dev, ip } => {
                self.queue.push(self.now + datapath::DELAY_PROBE_TIME, Event::DelayOver { ns, dev, ip });
            }
            Effect::Dropped { ns, reason } => {
                self.outcome.dropped = Some((reason, (*self.topo.ns(ns).place).clone()));
            }
            Effect::Deliver { ns, socket, skb } => self.deliver(ns, socket, &skb),
        }
    }

    /// The client begins, with a name if it has one.
    fn start(&mut self) {
        match self.exchange.names.lookup.clone() {
            Some(lookup) => self.look_up(&lookup),
            None => self.connect_target(),
        }
    }

    /// The client talks to its target.
    fn connect_target(&mut self) {
        let cookie = self.names.target_socket();
        match socket::connected(&mut self.topo, &self.exchange, &mut self.recorder, cookie, self.now) {
            Ok(Some(exchange)) => self.exchange = Cow::Owned(exchange),
            Ok(None) => {}
            Err(rejected) => {
                self.outcome.rejected = Some(rejected);
                return;
            }
        }
        let exchange = self.exchange.clone();
        let ns = exchange.client;
        let Some((IpAddr::V4(src), mtu)) = datapath::route_output(self.topo.ns(ns), exchange.dst) else {
            let reason = datapath::refusal(self.topo.ns(ns), exchange.dst);
            return self.refuse(ns, reason, None);
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
                let key = (ns, (IpAddr::V4(src), sport), (exchange.dst, *port));
                self.open_as_client(key, mtu, request.clone(), *reply_len);
            }
            Talk::Names => {}
            Talk::Bgp(talk) => {
                let sport = self.ephemeral_port();
                self.connect(TransportProtocol::Tcp, (src, sport), (dst, BGP_PORT));
                let key = (ns, (IpAddr::V4(src), sport), (exchange.dst, BGP_PORT));
                match talk.opens {
                    true => self.open_as_client(key, mtu, talk.says.clone(), talk.answers.len()),
                    false => self.resume(key, mtu, talk),
                }
            }
        }
    }

    /// A machine outside the cluster listens on whatever port is asked.
    fn listen_outside(&mut self) {
        let (protocol, port) = match self.exchange.talk {
            Talk::Tcp { port, .. } => (TransportProtocol::Tcp, port),
            Talk::Udp { port, .. } => (TransportProtocol::Udp, port),
            Talk::Ping { .. } | Talk::Names | Talk::Bgp(_) => return,
        };
        let dst = self.exchange.dst;
        let host = self.topo.namespaces().find(|ns| matches!(*ns.place, Place::Host(_)) && ns.is_local(dst));
        if let Some(id) = host.and_then(|host| self.topo.find(&host.place.clone())) {
            self.topo.ns_mut(id).sockets.listen(Listener {
                protocol,
                port,
                program: "server".into(),
                answer: Answer::Asked,
            });
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
        let (first, last) = self.topo.ns(self.exchange.client).sysctls.ip_local_port_range;
        let n_ports = u32::from(last - first) + 1;
        u16::try_from(u32::from(first) + self.dice.below(n_ports)).unwrap_or(u16::MAX)
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
        match datapath::route_lookup(self.topo.ns(ns), &FlowKey::output(self.exchange.dst, None, 0)).result {
            Routed::Out(out) => out.dev.name,
            Routed::Local | Routed::Broadcast | Routed::Nowhere(_) => "lo".into(),
        }
    }

    /// Models ip_dont_fragment with IP_PMTUDISC_WANT: DF is set on whatever fits the way.
    fn ip_spec(&mut self, ns: NsId, src: Ipv4Addr, dst: Ipv4Addr, mtu: usize, len: usize) -> IpSpec {
        let ns_ref = self.topo.ns_mut(ns);
        let locked = ns_ref.exceptions.get(IpAddr::V4(dst)).is_some_and(|exception| exception.locked);
        let ttl = ns_ref.sysctls.ip_default_ttl;
        let id = ns_ref.dice.word() as u16;
        IpSpec { src, dst, ttl: self.client_ttl(ns).unwrap_or(ttl), df: len <= mtu && !locked, id, tos: 0 }
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
        name: impl Into<Cow<'static, str>>,
        program: Arc<str>,
    ) {
        let name = name.into();
        self.queue.push(self.now + after, Event::SendDatagram { ns, packet, flow, name, program });
    }

    fn deliver(&mut self, ns: NsId, socket: SocketLookup, skb: &Skb) {
        let (Some(ip), Some(transport)) = (skb.packet.ip_header(), skb.packet.transport()) else { return };
        // Addresses may have been translated on the way; who made the packet is certain.
        if self.deliver_name(ns, &socket, skb) {
            return;
        }
        let from = self.recorder.birthplace(skb.journey).unwrap_or_else(|| self.topo.ns(ns).place.clone());
        match (transport, socket) {
            (Transport::Icmp(Icmp::EchoReply { .. }), _) => self.complete((*from).clone()),
            (Transport::Udp(udp), SocketLookup::Connected(SocketOwner::Client, _)) => {
                let (flow, cookie) = (self.exchange.talk.flow(), self.names.target_cookie);
                let journey = |ctx: &mut Ctx<'_>| ctx.recorder.journey(flow, "recvmsg");
                self.with_ctx(|topo, ctx| datapath::recvmsg(topo, ns, (ip.src, udp.sport), cookie, journey, ctx));
                self.complete((*from).clone());
            }
            (Transport::Udp(udp), SocketLookup::Listening(program)) => {
                let Talk::Udp { reply_size, .. } = self.exchange.talk else { return };
                let (IpAddr::V4(src), IpAddr::V4(dst)) = (ip.dst, ip.src) else { return };
                let Some((_, mtu)) = datapath::route_output(self.topo.ns(ns), ip.src) else { return };
                let spec = self.ip_spec(ns, src, dst, mtu, 28 + reply_size);
                let packet = wire::udp(spec, udp.dport, udp.sport, &app::datagram(reply_size));
                self.send_datagram(ANSWER_DELAY, ns, packet, "udp", "reply", program);
            }
            (Transport::Icmp(Icmp::Error(error)), SocketLookup::Connected(owner, _)) => {
                if !self.receive_error(ns, error, skb) || owner == SocketOwner::Server {
                    return;
                }
                self.outcome.rejected = Some((error.into(), (*from).clone()));
            }
            (Transport::Tcp(tcp), socket) => {
                let key = (ns, (ip.dst, tcp.dport), (ip.src, tcp.sport));
                self.receive_segment(key, tcp, socket, &from, skb.journey);
            }
            _ => {}
        }
    }

    fn complete(&mut self, server: Place) {
        self.outcome.completed = true;
        self.outcome.server = Some(server);
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

#[cfg(test)]
mod tests;
