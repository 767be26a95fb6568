//! DNS over TCP: each side's messages behind their lengths, all of them in one breath.
//!
//! Not modelled: a server that answers one question before it has read the next; connections that are kept.

use std::sync::Arc;
use std::time::Duration;

use super::Simulator;
use super::connection::{Asker, ConnectionKey};
use super::lookup::unframed;
use super::name_socket::Whose;
use super::names::is_stream;
use super::queue::Event;
use crate::app::{Role, SPACING};
use crate::net::{Answer, TransportProtocol};
use crate::trace::JourneyId;
use crate::wire::Tcp;

/// How long somebody waits for an answer over TCP. A kernel would try a SYN for two minutes.
const PATIENCE: Duration = Duration::from_secs(8);

impl Simulator<'_> {
    /// Opens the connection of a socket, and says `message` on it.
    pub(super) fn open_stream(&mut self, at: usize, flow: &'static str, program: Arc<str>, message: Vec<u8>) {
        let open = &self.names.open[at];
        let (key, mtu) = (open.key, open.mtu);
        let dice = match open.whose {
            Whose::Client(_) => &mut self.dice,
            Whose::Ask(_) => &mut self.topo.ns_mut(key.0).dice,
        };
        let [iss, ts_offset, ip_id] = [(); 3].map(|()| dice.word());
        self.queue.push(self.now + PATIENCE, Event::StreamOver { key });
        let asker = Asker { flow, program, iss, ts_offset, ip_id: ip_id as u16, stays_open: false };
        // How much is answered is known when it is.
        self.open(key, asker, mtu, message, usize::MAX);
    }

    /// The client's end of a connection that begins with `syn` at a name server. Its first number tells, whatever was
    /// translated on the way.
    pub(super) fn stream_peer(&self, (ns, local, _): ConnectionKey, flow: &str, syn: Tcp) -> Option<ConnectionKey> {
        let mut listeners = self.topo.ns(ns).sockets.listeners().iter();
        let is_named = |it: &crate::net::Listener| {
            (it.protocol, it.port) == (TransportProtocol::Tcp, local.1) && it.answer == Answer::Named
        };
        if !is_stream(flow) || !listeners.any(is_named) {
            return None;
        }
        let is_it = |(_, it): &(&ConnectionKey, &super::Connection)| {
            it.tcp.role() == Role::Client && is_stream(it.flow) && it.tcp.iss() == syn.seq
        };
        self.connections.iter().find(is_it).map(|(key, _)| *key)
    }

    /// Whether a connection is the client's resolver's.
    pub(super) fn is_clients(&self, key: ConnectionKey) -> bool {
        let open = self.names.find(TransportProtocol::Tcp, key);
        open.is_some_and(|open| matches!(open.whose, Whose::Client(_)))
    }

    /// A packet carries what is said on a connection.
    pub(super) fn stream_sends(&mut self, key: ConnectionKey, journey: JourneyId) {
        let Some(open) = self.names.find(TransportProtocol::Tcp, key) else { return };
        for query in &open.queries {
            self.recorder.query_sent(*query, journey);
        }
    }

    /// An end has heard everything: a server goes and answers, a client reads.
    pub(super) fn stream_heard(&mut self, key: ConnectionKey, journey: JourneyId) {
        let Some(connection) = self.connections.get(&key) else { return };
        if connection.tcp.role() == Role::Server {
            return self.queue.push(self.now + SPACING, Event::Forward { key });
        }
        let Some(open) = self.names.find(TransportProtocol::Tcp, key) else { return };
        let (whose, server) = (open.whose, open.server.0);
        let Some(answers) = connection.peer.and_then(|peer| self.connections.get(&peer)) else { return };
        let messages: Vec<Vec<u8>> = unframed(answers.tcp.message()).into_iter().map(<[u8]>::to_vec).collect();
        for message in messages {
            match whose {
                Whose::Client(socket) => self.hear_answer(socket, server, &message, journey),
                Whose::Ask(ask) => self.hear_upstream(ask, &message),
            }
        }
    }

    /// A name server answers on a connection.
    pub(super) fn stream_says(&mut self, key: ConnectionKey, message: Vec<u8>) {
        let Some(peer) = self.connections.get(&key).and_then(|connection| connection.peer) else { return };
        if let Some(asks) = self.connections.get_mut(&peer) {
            asks.tcp.expect(message.len());
        }
        let now = self.now;
        let Some(connection) = self.connections.get_mut(&key) else { return };
        let segments = connection.tcp.say(message, now);
        self.send_segments(key, segments);
    }

    /// A connection has failed.
    pub(super) fn stream_failed(&mut self, key: ConnectionKey) {
        if let Some(whose) = self.names.find(TransportProtocol::Tcp, key).map(|open| open.whose) {
            self.fail_name(whose);
        }
    }

    /// A connection may have taken too long.
    pub(super) fn stream_over(&mut self, key: ConnectionKey) {
        let Some(whose) = self.names.find(TransportProtocol::Tcp, key).map(|open| open.whose) else { return };
        self.close(key);
        self.fail_name(whose);
    }
}
