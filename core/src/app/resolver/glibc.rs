//! How glibc asks: one server after the other, A and AAAA at once from one socket. Models resolv/res_send.c
//! __res_context_send, send_dg and send_vc, and resolv/res_query.c __res_context_query (2.36).
//!
//! With the fix of bug 30081 that distributions carry: single-request does not wait for an answer that it has not asked for.
//! Not modelled: a connection that is reset while it is read is not opened again; a socket that cannot be made.

use std::net::IpAddr;

use super::glibc_search::{Failure, HostError, Walk};
use super::{
    Action, Event, GlibcConf, Lookup, LookupError, NOERROR, NOTIMP, NXDOMAIN, Progress, Query, REFUSED, Reply,
    SERVFAIL, Socket, Transport, name, seconds,
};
use crate::base::{Instant, sort_by};
use crate::wire::RecordType;

/// What `edns0` states: RESOLV_EDNS_BUFFER_SIZE.
const EDNS_SIZE: u16 = 1200;

/// A lookup by glibc.
#[derive(Clone, Debug)]
pub(super) struct Glibc {
    conf: GlibcConf,
    types: &'static [RecordType],
    walk: Walk,
    /// Where the next exchange starts in the list of servers.
    offset: usize,
    /// How many sockets there have been.
    n_sockets: u32,
    /// How many questions there have been.
    n_questions: u32,
    exchange: Exchange,
}

/// One name with all servers and attempts.
#[derive(Clone, Debug, Default)]
struct Exchange {
    name: String,
    /// The number of its first question; the second has the next.
    number: u32,
    offset: usize,
    attempt: u32,
    /// How many servers of this attempt have been left.
    shift: usize,
    /// TCP from now on.
    v_circuit: bool,
    gotsomewhere: bool,
    /// The UDP sockets by server.
    sockets: Vec<Option<Socket>>,
    stream: Option<Socket>,
    deadline: Option<Instant>,
    /// Which questions have their answer, or do without.
    received: [bool; 2],
    /// The answers in the order in which they came.
    first: Option<Reply>,
    second: Option<Reply>,
    /// The code that stands in the answer buffer.
    rcode: u16,
}

impl Glibc {
    pub(super) fn new(lookup: &Lookup<'_>) -> Self {
        let conf = GlibcConf::parse(lookup.resolv_conf, lookup.hostname);
        let walk = Walk::new(lookup.name, &conf.search, conf.ndots, conf.no_tld_query);
        let types: &[RecordType] = match lookup.families.types() {
            [RecordType::A, RecordType::AAAA] if conf.no_aaaa => &[RecordType::A],
            [RecordType::AAAA] if conf.no_aaaa => &[],
            types => types,
        };
        let offset = if conf.rotate { usize::try_from(lookup.draw).unwrap_or(0) % conf.nameservers.len() } else { 0 };
        Self { conf, types, walk, offset, n_sockets: 0, n_questions: 0, exchange: Exchange::default() }
    }

    pub(super) fn start(&mut self, now: Instant, actions: &mut Vec<Action>) -> Progress {
        self.next_name(now, actions)
    }

    pub(super) fn on(&mut self, event: &Event, now: Instant, actions: &mut Vec<Action>) -> Progress {
        match event {
            Event::Answer { socket, number, reply, .. } => self.answered(*socket, *number, reply, now, actions),
            Event::Error { socket } if Some(*socket) == self.socket() => {
                self.close(actions);
                self.next_server(now, actions)
            }
            Event::Timeout if self.exchange.deadline.is_some_and(|deadline| deadline <= now) => {
                self.timed_out(now, actions)
            }
            Event::Error { .. } | Event::Timeout => self.waiting(),
        }
    }

    fn next_name(&mut self, now: Instant, actions: &mut Vec<Action>) -> Progress {
        while let Some(typed) = self.walk.name() {
            let unsaid = |error| Failure { error, refused: false, rcode: NOERROR };
            let Some(name) = name::absolute(&typed) else {
                self.walk.failed(unsaid(HostError::NoRecovery));
                continue;
            };
            // A question that no-aaaa holds back counts as answered, without data.
            if self.types.is_empty() {
                self.walk.failed(unsaid(HostError::NoData));
                continue;
            }
            let n_servers = self.conf.nameservers.len();
            self.exchange = Exchange {
                name,
                number: self.n_questions,
                offset: self.offset,
                v_circuit: self.conf.use_vc,
                sockets: vec![None; n_servers],
                ..Exchange::default()
            };
            self.n_questions += if self.types.len() == 2 { 2 } else { 1 };
            if self.conf.rotate {
                self.offset = (self.offset + 1) % n_servers;
            }
            if self.conf.attempts == 0 {
                self.walk.failed(Failure { refused: true, ..unsaid(HostError::TryAgain) });
                continue;
            }
            return self.ask(now, actions);
        }
        Progress::Done(Err(self.walk.error().into()))
    }

    fn waiting(&self) -> Progress {
        Progress::Waiting(self.exchange.deadline)
    }

    /// The place in the list of the server that is asked.
    fn server_at(&self) -> usize {
        (self.exchange.shift + self.exchange.offset) % self.conf.nameservers.len()
    }

    /// The socket that answers are expected at.
    fn socket(&self) -> Option<Socket> {
        if self.exchange.v_circuit { self.exchange.stream } else { self.exchange.sockets[self.server_at()] }
    }

    fn is_single(&self) -> bool {
        self.conf.single_request || self.conf.single_request_reopen
    }

    fn open(&mut self) -> Socket {
        let socket = Socket(self.n_sockets);
        self.n_sockets += 1;
        socket
    }

    /// Models __res_iclose.
    fn close(&mut self, actions: &mut Vec<Action>) {
        let sockets = self.exchange.sockets.iter_mut().chain([&mut self.exchange.stream]);
        actions.extend(sockets.filter_map(Option::take).map(Action::Close));
    }

    /// Asks the server whose turn it is.
    fn ask(&mut self, now: Instant, actions: &mut Vec<Action>) -> Progress {
        let at = self.server_at();
        if self.exchange.v_circuit {
            self.exchange.stream = Some(self.open());
            // Connecting and reading have no timeout but the kernel's.
            self.exchange.deadline = None;
        } else {
            if self.exchange.sockets[at].is_none() {
                self.exchange.sockets[at] = Some(self.open());
            }
            let shifted = self.conf.timeout << at;
            let n_servers = u32::try_from(self.conf.nameservers.len()).unwrap_or(1);
            let timeout = if at > 0 { shifted / n_servers } else { shifted };
            self.exchange.deadline = Some(now + seconds(timeout.max(1)));
        }
        let is_one_by_one = self.is_single() && !self.exchange.v_circuit;
        self.exchange.received = [false, self.types.len() < 2];
        (self.exchange.first, self.exchange.second) = (None, None);
        let n_now = if is_one_by_one { 1 } else { self.types.len() };
        (0..n_now).for_each(|which| self.send(which, actions));
        self.waiting()
    }

    fn send(&self, which: usize, actions: &mut Vec<Action>) {
        let Some(socket) = self.socket() else { return };
        actions.push(Action::Send(Query {
            number: self.exchange.number + u32::from(which == 1),
            name: self.exchange.name.clone(),
            kind: self.types[which],
            server: self.conf.nameservers[self.server_at()],
            socket,
            transport: if self.exchange.v_circuit { Transport::Tcp } else { Transport::Udp },
            edns: self.conf.edns0.then_some(EDNS_SIZE),
            authentic_data: self.conf.trust_ad,
        }));
    }

    fn answered(
        &mut self,
        socket: Socket,
        number: u32,
        reply: &Reply,
        now: Instant,
        actions: &mut Vec<Action>,
    ) -> Progress {
        let which = usize::try_from(number.wrapping_sub(self.exchange.number)).unwrap_or(usize::MAX);
        let is_awaited = which < self.types.len() && !self.exchange.received[which];
        if Some(socket) != self.socket() || !is_awaited {
            return self.waiting();
        }
        let has_two = self.types.len() == 2;
        let is_first = !has_two || self.exchange.received == [false, false];
        if is_first {
            self.exchange.rcode = reply.rcode;
        }
        if !self.exchange.v_circuit {
            self.exchange.gotsomewhere = true;
            if is_no_help(reply) {
                if !is_first {
                    self.exchange.second = None;
                    return self.accept(now, actions);
                }
                if has_two && !self.is_single() {
                    self.exchange.received[which] = true;
                    return self.waiting();
                }
                self.close(actions);
                return self.next_server(now, actions);
            }
            if reply.truncated {
                self.close(actions);
                self.exchange.v_circuit = true;
                return self.ask(now, actions);
            }
        }
        self.exchange.received[which] = true;
        *(if is_first { &mut self.exchange.first } else { &mut self.exchange.second }) = Some(reply.clone());
        if self.exchange.received == [true, true] {
            return self.accept(now, actions);
        }
        if self.is_single() && !self.exchange.v_circuit {
            if self.conf.single_request_reopen {
                self.close(actions);
                let (at, socket) = (self.server_at(), self.open());
                self.exchange.sockets[at] = Some(socket);
            }
            self.send(1, actions);
        }
        self.waiting()
    }

    fn timed_out(&mut self, now: Instant, actions: &mut Vec<Action>) -> Progress {
        if self.exchange.first.is_none() {
            self.exchange.gotsomewhere = true;
            return self.next_server(now, actions);
        }
        // Some servers and firewalls cannot have two questions of one port at once. It stays careful from now on.
        if !self.is_single() {
            self.conf.single_request = true;
        } else if !self.conf.single_request_reopen {
            self.conf.single_request_reopen = true;
            self.close(actions);
        } else {
            return self.accept(now, actions);
        }
        self.ask(now, actions)
    }

    fn next_server(&mut self, now: Instant, actions: &mut Vec<Action>) -> Progress {
        self.exchange.shift += 1;
        if self.exchange.shift == self.conf.nameservers.len() {
            self.exchange.shift = 0;
            self.exchange.attempt += 1;
            // A connection is tried once with each server.
            if self.exchange.v_circuit || self.exchange.attempt >= self.conf.attempts {
                self.close(actions);
                let refused = !self.exchange.gotsomewhere;
                let rcode = self.exchange.rcode;
                self.walk.failed(Failure { error: HostError::TryAgain, refused, rcode });
                return self.next_name(now, actions);
            }
        }
        self.ask(now, actions)
    }

    /// The exchange is over; what came of it.
    fn accept(&mut self, now: Instant, actions: &mut Vec<Action>) -> Progress {
        let replies: Vec<Reply> =
            [self.exchange.first.take(), self.exchange.second.take()].into_iter().flatten().collect();
        let Some(last) = replies.last() else { return self.next_server(now, actions) };
        self.close(actions);
        if replies.iter().any(|reply| reply.rcode == NOERROR && reply.n_answers > 0) {
            let mut addresses: Vec<IpAddr> = replies.iter().flat_map(|reply| reply.addresses.clone()).collect();
            sort_by(&mut addresses, |a, b| a.is_ipv6().cmp(&b.is_ipv6()));
            // An alias that leads to no address ends the search all the same.
            return Progress::Done(if addresses.is_empty() { Err(LookupError::NoName) } else { Ok(addresses) });
        }
        let code = if replies[0].rcode == NOERROR { last.rcode } else { replies[0].rcode };
        let error = match code {
            NXDOMAIN => HostError::HostNotFound,
            SERVFAIL => HostError::TryAgain,
            NOERROR => HostError::NoData,
            _ => HostError::NoRecovery,
        };
        self.walk.failed(Failure { error, refused: false, rcode: self.exchange.rcode });
        self.next_name(now, actions)
    }
}

/// An answer that sends glibc to the next server: a refusal, or a lame delegation.
fn is_no_help(reply: &Reply) -> bool {
    let is_lame = reply.rcode == NOERROR
        && reply.n_answers == 0
        && !reply.authoritative
        && !reply.recursion_available
        && reply.n_additionals == 0;
    matches!(reply.rcode, SERVFAIL | NOTIMP | REFUSED) || is_lame
}
