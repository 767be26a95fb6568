//! A server that asks another one: it ends the client's connection and opens one of its own.
//!
//! Models nginx as ingress-nginx runs it: who is asked is decided when the request is there, the endpoint by turns from
//! one that is drawn, the next one after a refusal (`proxy_next_upstream`), three in all. Its connection stays open
//! afterwards. A connection that is not answered is waited for as long as the client waits.

use std::net::IpAddr;
use std::sync::Arc;

use super::connection::{Asker, ConnectionKey};
use super::names::is_stream;
use super::queue::Event;
use super::{Simulator, Talk};
use crate::app::{self, Role, SPACING};
use crate::datapath;
use crate::net::{Answer, SocketOwner, TransportProtocol};
use crate::trace::JourneyId;

/// The first part of the ids of what a proxy asks.
const FLOW: &str = "upstream";
/// `proxy_next_upstream_tries`.
const MAX_TRIES: usize = 3;

/// A request that is being passed on.
pub(super) struct Proxied {
    /// The end of the client's connection.
    server: ConnectionKey,
    program: Arc<str>,
    request: Vec<u8>,
    servers: Vec<(IpAddr, u16)>,
    /// Who is asked next, and how often somebody was.
    turn: usize,
    n_tries: usize,
}

impl Simulator<'_> {
    /// Who asks on a connection, and what is known of the answer when it is opened. The client is told how much that is.
    pub(super) fn messages(&mut self, key: ConnectionKey, flow: &'static str) -> Option<(usize, Vec<u8>)> {
        let (ns, local, _) = key;
        let (asked, said) = self.exchange.talk.messages()?;
        let n_asked = match &self.proxied {
            Some(proxied) if flow == FLOW => proxied.request.len(),
            _ => asked.len(),
        };
        let listener = self.topo.ns(ns).sockets.listener(TransportProtocol::Tcp, local);
        let (says, awaits) = match listener.map(|listener| &listener.answer) {
            Some(Answer::Fixed(bytes)) => (bytes.to_vec(), bytes.len()),
            // It is known when the upstream has answered.
            Some(Answer::Forwarded(_)) if flow != FLOW => (Vec::new(), usize::MAX),
            _ => (said.to_vec(), said.len()),
        };
        self.expect(flow, awaits);
        Some((n_asked, says))
    }

    /// The client of the connections of `flow` knows how long the answer is: its headers say so.
    fn expect(&mut self, flow: &str, awaits: usize) {
        // What is spoken over bare TCP has an end that both sides know.
        if matches!(self.exchange.talk, Talk::Bgp(_)) {
            return;
        }
        for connection in self.connections.values_mut() {
            if connection.flow == flow && connection.tcp.role() == Role::Client {
                connection.tcp.expect(awaits);
            }
        }
    }

    /// An end has heard all that the other had to say: a proxy goes on with it.
    pub(super) fn heard_all(&mut self, key: ConnectionKey, journey: JourneyId) {
        let (ns, local, _) = key;
        let Some(connection) = self.connections.get(&key) else { return };
        if is_stream(connection.flow) {
            return self.stream_heard(key, journey);
        }
        let listeners = self.topo.ns(ns).sockets.listeners();
        let forwards = listeners.iter().any(|it| it.port == local.1 && matches!(it.answer, Answer::Forwarded(_)));
        let is_client = connection.tcp.role() == Role::Client;
        if connection.flow == FLOW && is_client || connection.flow != FLOW && !is_client && forwards {
            self.queue.push(self.now + SPACING, Event::Forward { key });
        }
    }

    /// A proxy does what it does with a whole message.
    pub(super) fn forward(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections.get(&key) else { return };
        match (connection.flow, connection.tcp.role()) {
            (flow, Role::Server) if is_stream(flow) => self.serve_stream(key),
            (FLOW, Role::Client) => {
                let Some((_, reply)) = self.exchange.talk.messages() else { return };
                let reply = app::relayed(&self.upstream_reply(key).unwrap_or_else(|| reply.to_vec()));
                self.answer(reply);
            }
            (_, Role::Server) if self.proxied.is_none() => self.pass_on(key, connection.program.clone()),
            _ => {}
        }
    }

    /// What the program that was asked says by itself.
    fn upstream_reply(&self, (_, local, remote): ConnectionKey) -> Option<Vec<u8>> {
        let is_other_end =
            |key: &&ConnectionKey| key.1 == remote && key.2.1 == local.1 && self.connections[*key].flow == FLOW;
        let (ns, (_, port), _) = *self.connections.keys().find(is_other_end)?;
        self.topo.ns(ns).sockets.listeners().iter().find_map(|listener| match &listener.answer {
            Answer::Fixed(bytes) if listener.port == port => Some(bytes.to_vec()),
            _ => None,
        })
    }

    /// The request is there: who is asked?
    fn pass_on(&mut self, key: ConnectionKey, program: Arc<str>) {
        let (ns, local, remote) = key;
        let Some((request, _)) = self.exchange.talk.messages() else { return };
        let sockets = &self.topo.ns(ns).sockets;
        let proxy = sockets.listeners().iter().find_map(|listener| match &listener.answer {
            Answer::Forwarded(proxy) if listener.port == local.1 => Some(proxy.clone()),
            _ => None,
        });
        let Some(proxy) = proxy else { return };
        let dice = &mut self.topo.ns_mut(ns).dice;
        let id: String = (0..4).map(|_| format!("{:08x}", dice.word())).collect();
        let mut proxied =
            Proxied { server: key, program, request: Vec::new(), servers: Vec::new(), turn: 0, n_tries: 0 };
        let Some(forwarded) = app::forwarded(request, remote.0, local.1, &id) else {
            self.proxied = Some(proxied);
            return self.answer(app::error_page("400 Bad Request"));
        };
        let lookup = proxy.lookup(&forwarded.host, &forwarded.path);
        let servers = lookup.route().map(|route| route.servers.clone());
        let place = self.topo.ns(ns).place.clone();
        if let Some(step) = self.recorder.last_delivery(&place) {
            step.consulted.push(Arc::new(lookup));
        }
        proxied.request = forwarded.request;
        proxied.servers = servers.clone().unwrap_or_default();
        let n_servers = u32::try_from(proxied.servers.len()).unwrap_or(u32::MAX);
        if n_servers > 0 {
            proxied.turn = self.topo.ns_mut(ns).dice.below(n_servers) as usize;
        }
        self.proxied = Some(proxied);
        match servers {
            None => self.answer(app::error_page("404 Not Found")),
            Some(servers) if servers.is_empty() => self.answer(app::error_page("503 Service Temporarily Unavailable")),
            Some(_) => self.ask_upstream(),
        }
    }

    /// Asks the endpoint whose turn it is; when enough were asked in vain, the client is told.
    pub(super) fn ask_upstream(&mut self) {
        let Some(proxied) = &mut self.proxied else { return };
        if proxied.n_tries == MAX_TRIES || proxied.servers.is_empty() {
            return self.answer(app::error_page("502 Bad Gateway"));
        }
        let remote = proxied.servers[proxied.turn % proxied.servers.len()];
        proxied.turn += 1;
        proxied.n_tries += 1;
        let (ns, program, request) = (proxied.server.0, proxied.program.clone(), proxied.request.clone());
        let Some((src, mtu)) = datapath::route_output(self.topo.ns(ns), remote.0) else {
            return self.ask_upstream();
        };
        let ns_ref = self.topo.ns_mut(ns);
        let (first, last) = ns_ref.sysctls.ip_local_port_range;
        let n_ports = u32::from(last.saturating_sub(first)) + 1;
        let sport = u16::try_from(u32::from(first) + ns_ref.dice.below(n_ports)).unwrap_or(u16::MAX);
        let local = (src, sport);
        ns_ref.sockets.connect(TransportProtocol::Tcp, local, remote, SocketOwner::Server, program.clone());
        let [iss, ts_offset, ip_id] = [(); 3].map(|()| ns_ref.dice.word());
        let asker = Asker { flow: FLOW, program, iss, ts_offset, ip_id: ip_id as u16, stays_open: true };
        self.open((ns, local, remote), asker, mtu, request, usize::MAX);
    }

    /// A connection has failed: it may have been a proxy's.
    pub(super) fn failed(&mut self, key: ConnectionKey, flow: &str, role: Role) {
        if role == Role::Client && is_stream(flow) {
            self.stream_failed(key);
        }
        if flow == FLOW && role == Role::Client {
            self.ask_upstream();
        }
    }

    /// The proxy answers its client.
    fn answer(&mut self, reply: Vec<u8>) {
        let Some(key) = self.proxied.as_ref().map(|proxied| proxied.server) else { return };
        let Some(flow) = self.connections.get(&key).map(|connection| connection.flow) else { return };
        self.expect(flow, reply.len());
        let now = self.now;
        let Some(connection) = self.connections.get_mut(&key) else { return };
        let segments = connection.tcp.say(reply, now);
        self.send_segments(key, segments);
    }
}
