//! Name servers in virtual time: a query arrives, whom it takes is asked with packets, and the answer goes back.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::connection::ConnectionKey;
use super::lookup::framed;
use super::name_socket::Whose;
use super::names::{FLOW, FORWARD_STREAM, NAME_SERVER_DELAY, NameServer};
use super::queue::Event;
use super::{ANSWER_DELAY, Simulator};
use crate::app::coredns::{Ask, DnsQuery, Upstream, rejection};
use crate::datapath::{self, Sender};
use crate::net::{Answer, NsId, Skb, TransportProtocol};
use crate::wire::{self, DnsMessage, Rcode};

/// How long CoreDNS waits for an upstream (`forward`'s read timeout).
const UPSTREAM_TIMEOUT: Duration = Duration::from_secs(2);
/// `max_concurrent` of `forward`: more are refused. It is a thousand there; here as many as somebody may look through.
const MAX_CONCURRENT: usize = 50;

/// A query that is being served.
pub(super) struct Served {
    ns: NsId,
    program: Arc<str>,
    query: DnsQuery,
    /// Where it arrived, and from which port.
    own: (IpAddr, u16),
    client_port: u16,
    /// The connection that it came by, what else came by it, and what is said there when all of it is served.
    stream: Option<(ConnectionKey, Vec<DnsMessage>, Vec<Vec<u8>>)>,
    /// What the packet that brought it is called.
    label: String,
    /// What upstreams have answered.
    upstream: Vec<Upstream>,
}

/// A query of a name server's own.
pub(super) struct Asking {
    served: Served,
    ask: Ask,
    /// How many were asked.
    turn: usize,
}

impl Simulator<'_> {
    /// A datagram reached a listener; whether that is a name server's.
    pub(super) fn serve_datagram(
        &mut self,
        (ns, program): (NsId, &Arc<str>),
        own: (IpAddr, u16),
        client: (IpAddr, u16),
        skb: &Skb,
    ) -> bool {
        let mut listeners = self.topo.ns(ns).sockets.listeners().iter();
        let is_it =
            listeners.any(|it| (it.protocol, it.port) == (TransportProtocol::Udp, own.1) && it.answer == Answer::Named);
        if !is_it {
            return false;
        }
        let bytes = skb.packet.ip_payload().get(8..).unwrap_or_default();
        let label = self.recorder.journey_of(skb.journey).name.clone();
        let served = |message| Served {
            ns,
            program: program.clone(),
            query: DnsQuery { message, client: client.0, port: own.1, tcp: false, at: self.now },
            own,
            client_port: client.1,
            stream: None,
            label,
            upstream: Vec::new(),
        };
        match (rejection(bytes), DnsMessage::from_slice(bytes)) {
            (Some(error), _) => {
                let served = served(DnsMessage::default());
                self.say(served, Some(error));
            }
            (None, Ok(message)) if !message.flags.response => {
                let served = served(message);
                self.serve(served);
            }
            _ => {}
        }
        true
    }

    /// Serves the messages that have come by a connection.
    pub(super) fn serve_stream(&mut self, key: ConnectionKey) {
        let (ns, own, client) = key;
        let Some(connection) = self.connections.get(&key) else { return };
        let (program, Some(peer)) = (connection.program.clone(), connection.peer) else { return };
        let Some(asks) = self.connections.get(&peer) else { return };
        let messages = super::lookup::unframed(asks.tcp.message());
        let mut messages: Vec<DnsMessage> =
            messages.into_iter().filter_map(|bytes| DnsMessage::from_slice(bytes).ok()).collect();
        if messages.is_empty() {
            return;
        }
        let label = self.names.find(TransportProtocol::Tcp, peer).map(|open| open.label.clone()).unwrap_or_default();
        let message = messages.remove(0);
        self.serve(Served {
            ns,
            program,
            query: DnsQuery { message, client: client.0, port: own.1, tcp: true, at: self.now },
            own,
            client_port: client.1,
            stream: Some((key, messages, Vec::new())),
            label,
            upstream: Vec::new(),
        });
    }

    fn serve(&mut self, served: Served) {
        let place = self.topo.ns(served.ns).place.clone();
        let answer = match self.names.servers.0.get_mut(&*place) {
            None => return,
            Some(NameServer::Upstream(zone)) => Some(zone.answer(&served.query.message, served.query.tcp)),
            Some(NameServer::CoreDns { server, cluster }) => {
                match server.serve(&served.query, cluster, &served.upstream) {
                    Ok(answer) => answer.ok(),
                    Err(ask) => return self.ask(served, *ask),
                }
            }
        };
        self.say(served, answer);
    }

    /// The server answers; `None` is silence.
    fn say(&mut self, mut served: Served, answer: Option<DnsMessage>) {
        let bytes = answer.and_then(|answer| answer.to_bytes().ok());
        if let Some((key, mut rest, mut said)) = served.stream.take() {
            said.extend(bytes);
            if rest.is_empty() {
                return self.stream_says(key, framed(&said));
            }
            served.query.message = rest.remove(0);
            served.upstream.clear();
            served.stream = Some((key, rest, said));
            return self.serve(served);
        }
        let Some(bytes) = bytes else { return };
        let (ns, (own, own_port)) = (served.ns, served.own);
        let (client, client_port) = (served.query.client, served.client_port);
        let (IpAddr::V4(src), IpAddr::V4(dst)) = (own, client) else { return };
        let Some((_, mtu)) = datapath::route_output(self.topo.ns(ns), client) else { return };
        let spec = self.ip_spec(ns, src, dst, mtu, 28 + bytes.len());
        let packet = wire::udp(spec, own_port, client_port, &bytes);
        let number = number_of(&served.label);
        let is_forward = served.label.starts_with("forward");
        let name = if is_forward { format!("forward-reply-{number}") } else { format!("reply-{number}") };
        let delay = if served.upstream.is_empty() { NAME_SERVER_DELAY } else { ANSWER_DELAY };
        self.send_datagram(delay, ns, packet, FLOW, name, served.program);
    }

    /// A query takes others to answer.
    fn ask(&mut self, mut served: Served, ask: Ask) {
        let n_waiting = self.names.asks.iter().flatten().count();
        if n_waiting >= MAX_CONCURRENT {
            let refused = DnsMessage { rcode: Rcode::REFUSED, ..served.query.message.reply() };
            return self.say(served, Some(refused));
        }
        let delay = if served.upstream.is_empty() { NAME_SERVER_DELAY } else { ANSWER_DELAY };
        served.query.at = self.now;
        self.names.asks.push(Some(Asking { served, ask, turn: 0 }));
        self.queue.push(self.now + delay, Event::Ask { ask: self.names.asks.len() - 1 });
    }

    /// Asks the upstream whose turn it is. When all were asked in vain the server is told so.
    pub(super) fn ask_next(&mut self, ask: usize) {
        let Some(asking) = self.names.asks.get_mut(ask).and_then(Option::as_mut) else { return };
        let Some(upstream) = asking.ask.upstreams.get(asking.turn).copied() else {
            return self.upstream_says(ask, Upstream::Silence);
        };
        asking.turn += 1;
        let (turn, tcp, ns, program) = (asking.turn, asking.ask.tcp, asking.served.ns, asking.served.program.clone());
        let number = number_of(&asking.served.label);
        let Ok(bytes) = asking.ask.query.to_bytes() else { return self.upstream_says(ask, Upstream::Silence) };
        let label = format!("forward-{number}");
        self.queue.cancel(|event| matches!(event, Event::AskOver { ask: over, .. } if *over == ask));
        self.queue.push(self.now + UPSTREAM_TIMEOUT, Event::AskOver { ask, turn });
        let protocol = if tcp { TransportProtocol::Tcp } else { TransportProtocol::Udp };
        let server = (SocketAddr::ip(&upstream), upstream.port());
        let Some(at) = self.name_socket((ns, Whose::Ask(ask), &program), protocol, server) else { return };
        if tcp {
            self.names.open[at].label = label;
            return self.open_stream(at, FORWARD_STREAM, program, framed(&[bytes]));
        }
        let journey = self.recorder.journey(FLOW, &label);
        self.send_name_datagram(at, &bytes, journey, Sender::Program(program));
    }

    /// An upstream has had its time, if it is still its turn.
    pub(super) fn ask_over(&mut self, ask: usize, turn: usize) {
        let asking = self.names.asks.get(ask).and_then(Option::as_ref);
        if asking.is_some_and(|asking| asking.turn == turn) {
            self.close_names(Whose::Ask(ask));
            self.ask_next(ask);
        }
    }

    /// A message arrived at a socket that an upstream was asked with.
    pub(super) fn hear_upstream(&mut self, ask: usize, bytes: &[u8]) {
        let Some(asking) = self.names.asks.get(ask).and_then(Option::as_ref) else { return };
        match DnsMessage::from_slice(bytes) {
            Ok(message) if message.flags.response && message.id == asking.ask.query.id => {
                self.upstream_says(ask, Upstream::Answer(message));
            }
            _ => {}
        }
    }

    fn upstream_says(&mut self, ask: usize, answer: Upstream) {
        self.close_names(Whose::Ask(ask));
        self.queue.cancel(|event| matches!(event, Event::AskOver { ask: over, .. } if *over == ask));
        let Some(asking) = self.names.asks.get_mut(ask).and_then(Option::take) else { return };
        let mut served = asking.served;
        served.upstream.push(answer);
        self.serve(served);
    }

    /// Where somebody asks.
    pub(super) fn asker(&self, ask: usize) -> Option<NsId> {
        self.names.asks.get(ask)?.as_ref().map(|asking| asking.served.ns)
    }
}

/// The number of the client's message that a packet is about: the 7 of `query-7` and of `forward-7-2`.
fn number_of(label: &str) -> u32 {
    label.split('-').find_map(|part| part.parse().ok()).unwrap_or(1)
}
