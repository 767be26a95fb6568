//! The client's resolver in virtual time: its messages become packets, and what comes back moves it on.

use std::net::IpAddr;

use super::name_socket::Whose;
use super::names::{FLOW, LookupBy, NameLookup, STREAM};
use super::queue::Event;
use super::{Outcome, Simulator, Talk};
use crate::app::SPACING;
use crate::app::resolver::{self, Action, Families, LookupError, Progress, Query, Reply, Resolver, Socket, Transport};
use crate::base::{Instant, Place};
use crate::datapath::{Next, Sender};
use crate::net::{Skb, TransportProtocol};
use crate::trace::{Decision, JourneyId, Lookup, NameQuery, NameReply, RejectReason, Resolves, Stage, Step};
use crate::wire::{self, DNS_PORT, DnsMessage, DnsName, Edns, Question};

/// The resolver, and what it has asked.
pub(super) struct Stub {
    resolver: Resolver,
    by: &'static str,
    /// Until when it waits.
    deadline: Option<Instant>,
    /// When it looks at its sockets: once it has sent what it has to send.
    looks_at: Instant,
    sent: Vec<Sent>,
}

/// A message on its way.
struct Sent {
    /// Its place among the trace's queries.
    query: usize,
    number: u32,
    id: u16,
    socket: Socket,
    server: IpAddr,
    question: Question,
    is_answered: bool,
}

impl Simulator<'_> {
    /// The client begins with a name.
    pub(super) fn look_up(&mut self, lookup: &NameLookup) {
        let NameLookup { name, by, resolv_conf, hostname } = lookup;
        let by_name = by.program();
        let noted =
            Lookup { name: name.clone(), by: by_name, resolv_conf: resolv_conf.clone(), hostname: hostname.clone() };
        self.recorder.lookup_begins(noted, matches!(self.exchange.talk, Talk::Names));
        let resolver = match by {
            LookupBy::Library(libc) => {
                let families = Families::default();
                let draw = self.dice.word();
                Resolver::new(*libc, &resolver::Lookup { name, families, resolv_conf, hostname, draw })
            }
            LookupBy::Dig(name, kind, transport) => Resolver::dig(name, *kind, *transport, resolv_conf),
        };
        let mut stub = Stub { resolver, by: by_name, deadline: None, looks_at: self.now, sent: Vec::new() };
        let progress = stub.resolver.start(self.now);
        self.names.stub = Some(stub);
        self.resolver_goes_on(progress, None);
    }

    fn resolver_event(&mut self, event: &resolver::Event, because: Option<JourneyId>) {
        let now = self.now;
        let Some(stub) = &mut self.names.stub else { return };
        let progress = stub.resolver.on(event, now);
        self.resolver_goes_on(progress, because);
    }

    /// Does what the resolver wants. `because` is the packet that moved it.
    fn resolver_goes_on(&mut self, progress: Progress, because: Option<JourneyId>) {
        let Some(stub) = &mut self.names.stub else { return };
        let actions = stub.resolver.take_actions();
        let mut groups: Vec<Vec<Query>> = Vec::new();
        let mut closed = Vec::new();
        for action in actions {
            match action {
                Action::Close(socket) => closed.push(socket),
                // What goes over one connection at one time is written at once.
                Action::Send(query) => match groups.last_mut() {
                    Some(group) if query.transport == Transport::Tcp && group[0].socket == query.socket => {
                        group.push(query);
                    }
                    _ => groups.push(vec![query]),
                },
            }
        }
        if let Some(journey) = because {
            self.record_progress(journey, &progress, groups.first().map(|group| &group[0]));
        }
        for socket in closed {
            self.close_names(Whose::Client(socket));
        }
        let mut time = self.now;
        for group in groups {
            self.queue.push(time, Event::Query(group));
            time = time + SPACING;
            if let Some(stub) = &mut self.names.stub {
                stub.looks_at = time;
            }
        }
        self.queue.cancel(|event| matches!(event, Event::QueryTimer));
        match progress {
            Progress::Waiting(deadline) => {
                if let Some(stub) = &mut self.names.stub {
                    stub.deadline = deadline;
                }
                if let Some(deadline) = deadline {
                    self.queue.push(deadline, Event::QueryTimer);
                }
            }
            Progress::Done(result) => self.lookup_over(result),
        }
    }

    /// The step by which the resolver reads an answer.
    fn record_progress(&mut self, journey: JourneyId, progress: &Progress, next: Option<&Query>) {
        let Some(stub) = &self.names.stub else { return };
        let asked = stub.sent.last().map(|sent| sent.question.name.to_string());
        let resolves = match (progress, next) {
            (Progress::Done(Ok(addresses)), _) => Resolves::Found(addresses.clone()),
            (Progress::Done(Err(error)), _) => Resolves::GivesUp(error.as_str()),
            (Progress::Waiting(_), None) => Resolves::Waits,
            (Progress::Waiting(_), Some(next)) if next.transport == Transport::Tcp => Resolves::ByTcp,
            (Progress::Waiting(_), Some(next)) if asked.as_deref() == Some(&next.name) => {
                Resolves::AsksAgain(next.server)
            }
            (Progress::Waiting(_), Some(next)) => Resolves::NextName(next.name.as_str().into()),
        };
        let decision = Decision::Resolve { by: stub.by, resolves };
        let place = self.topo.ns(self.exchange.client).place.clone();
        self.recorder.step(self.now, &place, journey, Step::without_packet(Stage::App, decision));
    }

    /// The resolver knows, or gives up.
    fn lookup_over(&mut self, result: Result<Vec<IpAddr>, LookupError>) {
        self.names.stub = None;
        self.recorder.lookup_ends();
        let client = (*self.topo.ns(self.exchange.client).place).clone();
        if let Talk::Names = self.exchange.talk {
            let is_silent = self.outcome.dropped.is_none() && self.outcome.rejected.is_none();
            match result {
                // An address needs no lookup, and what is no name gets none.
                Ok(_) if !self.outcome.completed => self.complete(client),
                Err(_) if self.recorder.n_queries() == 0 && is_silent => {
                    self.outcome.rejected = Some((RejectReason::NameNotFound, client));
                }
                _ => {}
            }
            return;
        }
        self.outcome = Outcome::default();
        match result.ok().and_then(|addresses| addresses.first().copied()) {
            Some(address) => {
                self.exchange.to_mut().dst = address;
                self.queue.push(self.now + SPACING, Event::Connect);
            }
            None => self.outcome.rejected = Some((RejectReason::NameNotFound, client)),
        }
    }

    /// When the resolver hears of an error that has come now.
    pub(super) fn resolver_looks(&self) -> Instant {
        self.names.stub.as_ref().map_or(self.now, |stub| stub.looks_at.max(self.now))
    }

    /// The time to which the resolver waits may have come.
    pub(super) fn query_timer(&mut self) {
        let is_due = self.names.stub.as_ref().and_then(|stub| stub.deadline).is_some_and(|due| due <= self.now);
        if is_due {
            self.resolver_event(&resolver::Event::Timeout, None);
        }
    }

    pub(super) fn query_failed(&mut self, socket: Socket) {
        self.resolver_event(&resolver::Event::Error { socket }, None);
    }

    /// Sends messages with one socket: one in a datagram, or all on a connection.
    pub(super) fn send_queries(&mut self, queries: &[Query]) {
        let Some(first) = queries.first() else { return };
        let (ns, whose, program) = (self.exchange.client, Whose::Client(first.socket), self.exchange.program.clone());
        let is_tcp = first.transport == Transport::Tcp;
        let protocol = if is_tcp { TransportProtocol::Tcp } else { TransportProtocol::Udp };
        let server = (first.server, DNS_PORT);
        if self.names.stub.is_none() {
            return;
        }
        let Some(at) = self.name_socket((ns, whose, &program), protocol, server) else { return };
        let (mut messages, mut numbers) = (Vec::new(), Vec::new());
        for query in queries {
            let Some((bytes, number)) = self.message_of(query, is_tcp) else { continue };
            messages.push(bytes);
            numbers.push(number);
        }
        let Some(label) = numbers.first().map(|number| format!("query-{}", number + 1)) else { return };
        if is_tcp {
            let stream = framed(&messages);
            self.names.open[at].label = label;
            self.names.open[at].queries = numbers;
            return self.open_stream(at, STREAM, program, stream);
        }
        let (Some(bytes), Some(number)) = (messages.first(), numbers.first()) else { return };
        let journey = self.recorder.journey(FLOW, &label);
        self.recorder.query_sent(*number, journey);
        self.send_name_datagram(at, bytes, journey, Sender::Program(program));
    }

    /// A message from an open socket.
    pub(super) fn send_name_datagram(&mut self, at: usize, bytes: &[u8], journey: JourneyId, sender: Sender) {
        let open = &self.names.open[at];
        let ((ns, (src, sport), (dst, dport)), mtu) = (open.key, open.mtu);
        let (IpAddr::V4(src), IpAddr::V4(dst)) = (src, dst) else { return };
        let spec = self.ip_spec(ns, src, dst, mtu, 28 + bytes.len());
        let packet = wire::udp(spec, sport, dport, bytes);
        self.dispatch(Next::LocalOut(ns, Skb::new(packet, journey), sender));
    }

    /// The bytes of a query, which is noted; and its place among the trace's.
    fn message_of(&mut self, query: &Query, tcp: bool) -> Option<(Vec<u8>, usize)> {
        let stub = self.names.stub.as_mut()?;
        let name = query.name.parse::<DnsName>().ok()?;
        let question = Question::new(name.clone(), query.kind);
        let known = stub.sent.iter().find(|sent| sent.number == query.number).map(|sent| sent.id);
        let id = known.unwrap_or_else(|| self.dice.word() as u16);
        let mut message = DnsMessage::query(id, question.clone());
        message.flags.authentic_data = query.authentic_data;
        if let Some(udp_size) = query.edns {
            message.set_edns(Edns { udp_size, ..Edns::default() });
        }
        let bytes = message.to_bytes().ok()?;
        let noted = NameQuery { name, kind: query.kind, server: query.server, tcp, sent: None, reply: None };
        let at = self.recorder.query(noted);
        let Query { number, socket, server, .. } = *query;
        stub.sent.push(Sent { query: at, number, id, socket, server, question, is_answered: false });
        Some((bytes, at))
    }

    /// A message arrived at a socket of the resolver. What is no answer to a question of its own is as if it had not come.
    pub(super) fn hear_answer(&mut self, socket: Socket, server: IpAddr, bytes: &[u8], journey: JourneyId) {
        let Ok(message) = DnsMessage::from_slice(bytes) else { return };
        let Some(stub) = &mut self.names.stub else { return };
        let is_it = |sent: &&mut Sent| {
            let asked = message.questions.first();
            let is_same =
                asked.is_none_or(|asked| asked.qtype == sent.question.qtype && asked.name.is_same(&sent.question.name));
            message.flags.response && sent.id == message.id && is_same && sent.socket == socket && sent.server == server
        };
        let Some(sent) = stub.sent.iter_mut().filter(is_it).max_by_key(|sent| (!sent.is_answered, sent.query)) else {
            return;
        };
        sent.is_answered = true;
        let (query, number, kind) = (sent.query, sent.number, sent.question.qtype);
        let reply = Reply::read(&message, kind);
        self.recorder.query_answered(query, NameReply { received: journey, message });
        if let Talk::Names = self.exchange.talk {
            let from = self.recorder.birthplace(journey);
            let from = from.unwrap_or_else(|| self.topo.ns(self.exchange.client).place.clone());
            self.complete(Place::clone(&from));
        }
        self.resolver_event(&resolver::Event::Answer { socket, server, number, reply }, Some(journey));
    }
}

/// Messages as a connection carries them, each behind its length.
pub(super) fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = Vec::new();
    for message in messages {
        stream.extend_from_slice(&u16::try_from(message.len()).unwrap_or(u16::MAX).to_be_bytes());
        stream.extend_from_slice(message);
    }
    stream
}

/// The messages that a connection carried.
pub(super) fn unframed(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    while let Some((len, rest)) = stream.split_first_chunk::<2>() {
        let len = usize::from(u16::from_be_bytes(*len)).min(rest.len());
        messages.push(&rest[..len]);
        stream = &rest[len..];
    }
    messages
}
