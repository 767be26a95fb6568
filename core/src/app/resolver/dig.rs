//! How dig asks: one question, of one server, three times. Models bin/dig/dighost.c of BIND 9.18 with `+noedns +noad`.
//!
//! Not modelled: further servers, which dig turns to when the first is silent; cookies.

use std::net::IpAddr;
use std::time::Duration;

use super::{Action, Event, GlibcConf, LookupError, NOBODY_NAMED, Progress, Query, Socket, Transport};
use crate::base::Instant;
use crate::wire::{DnsName, RecordType};

/// `+tries`.
const TRIES: u32 = 3;
/// `+timeout`.
const TIMEOUT: Duration = Duration::from_secs(5);

/// One question.
#[derive(Clone, Debug)]
pub(super) struct Dig {
    name: String,
    kind: RecordType,
    server: IpAddr,
    n_tries: u32,
    /// Each try has a socket of its own.
    socket: Socket,
    transport: Transport,
    deadline: Instant,
}

impl Dig {
    pub(super) fn new(name: &DnsName, kind: RecordType, transport: Transport, resolv_conf: &str) -> Self {
        let servers = GlibcConf::parse(resolv_conf, "").nameservers;
        Self {
            name: name.to_string(),
            kind,
            server: servers.first().copied().unwrap_or(NOBODY_NAMED),
            n_tries: 0,
            socket: Socket(0),
            transport,
            deadline: Instant::START,
        }
    }

    pub(super) fn start(&mut self, now: Instant, actions: &mut Vec<Action>) -> Progress {
        self.n_tries += 1;
        self.send(now, actions)
    }

    pub(super) fn on(&mut self, event: &Event, now: Instant, actions: &mut Vec<Action>) -> Progress {
        match event {
            Event::Answer { socket, reply, .. } if *socket == self.socket => {
                actions.push(Action::Close(self.socket));
                if reply.truncated && self.transport == Transport::Udp {
                    self.transport = Transport::Tcp;
                    self.socket.0 += 1;
                    return self.send(now, actions);
                }
                Progress::Done(Ok(reply.addresses.clone()))
            }
            Event::Error { socket } if *socket == self.socket => self.again(now, actions),
            Event::Timeout if self.deadline <= now => self.again(now, actions),
            _ => Progress::Waiting(Some(self.deadline)),
        }
    }

    fn again(&mut self, now: Instant, actions: &mut Vec<Action>) -> Progress {
        actions.push(Action::Close(self.socket));
        if self.n_tries == TRIES {
            return Progress::Done(Err(LookupError::Again));
        }
        self.socket.0 += 1;
        self.start(now, actions)
    }

    fn send(&mut self, now: Instant, actions: &mut Vec<Action>) -> Progress {
        self.deadline = now + TIMEOUT;
        actions.push(Action::Send(Query {
            number: 0,
            name: self.name.clone(),
            kind: self.kind,
            server: self.server,
            socket: self.socket,
            transport: self.transport,
            edns: None,
            authentic_data: false,
        }));
        Progress::Waiting(Some(self.deadline))
    }
}
