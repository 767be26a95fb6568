//! How musl asks: every server at once, A and AAAA from one socket. Models src/network/lookup_name.c
//! name_from_dns_search and name_from_dns, and src/network/res_msend.c (1.2.5).
//!
//! Not modelled: more than 48 addresses; the local order of RFC 6724.

use std::net::IpAddr;

use super::{
    Action, Event, Lookup, LookupError, MuslConf, NOERROR, NXDOMAIN, Progress, Query, Reply, SERVFAIL, Socket,
    Transport, name,
};
use crate::base::{Instant, sort_by};
use crate::wire::RecordType;
use std::time::Duration;

/// A lookup by musl.
#[derive(Clone, Debug)]
pub(super) struct Musl {
    conf: MuslConf,
    types: &'static [RecordType],
    /// The names that are left, as they would be written.
    names: std::vec::IntoIter<String>,
    n_sockets: u32,
    n_questions: u32,
    exchange: Exchange,
}

/// One name.
#[derive(Clone, Debug, Default)]
struct Exchange {
    name: String,
    /// The number of its first question.
    number: u32,
    socket: Option<Socket>,
    begun: Instant,
    sent: Instant,
    n_servfail_retries: usize,
    slots: Vec<Slot>,
}

/// What has become of a question.
#[derive(Clone, Debug)]
enum Slot {
    Open,
    /// The answer was cut off, and is asked for again over a connection.
    Stream(Socket),
    Answered(Reply),
}

impl Musl {
    pub(super) fn new(lookup: &Lookup<'_>) -> Self {
        let conf = MuslConf::parse(lookup.resolv_conf);
        let names = names(lookup.name, &conf);
        let types = lookup.families.types();
        Self { conf, types, names: names.into_iter(), n_sockets: 0, n_questions: 0, exchange: Exchange::default() }
    }

    pub(super) fn start(&mut self, now: Instant, actions: &mut Vec<Action>) -> Progress {
        let Some(name) = self.names.find_map(|typed| name::absolute(&typed)) else {
            return Progress::Done(Err(LookupError::NoName));
        };
        let socket = self.open();
        let slots = vec![Slot::Open; self.types.len()];
        let number = self.n_questions;
        self.n_questions += if slots.len() == 2 { 2 } else { 1 };
        self.exchange = Exchange { name, number, socket: Some(socket), begun: now, slots, ..Exchange::default() };
        self.ask(now, actions)
    }

    pub(super) fn on(&mut self, event: &Event, now: Instant, actions: &mut Vec<Action>) -> Progress {
        match event {
            Event::Answer { socket, server, number, reply } => {
                let which = usize::try_from(number.wrapping_sub(self.exchange.number)).unwrap_or(usize::MAX);
                self.answered((*socket, *server), which, reply, now, actions)
            }
            // Errors of the datagram socket are not looked at. A connection that fails ends the wait.
            Event::Error { socket } if self.streams().any(|stream| stream == *socket) => self.over(now, actions),
            Event::Timeout if now - self.exchange.begun >= self.timeout() => self.over(now, actions),
            Event::Timeout if self.exchange.sent + self.interval() <= now => self.ask(now, actions),
            Event::Error { .. } | Event::Timeout => self.waiting(),
        }
    }

    fn timeout(&self) -> Duration {
        super::seconds(self.conf.timeout)
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(u64::from(self.conf.timeout * 1000 / self.conf.attempts))
    }

    /// It sleeps a whole interval, also when its time ends within.
    fn waiting(&self) -> Progress {
        Progress::Waiting(Some(self.exchange.sent + self.interval()))
    }

    fn open(&mut self) -> Socket {
        let socket = Socket(self.n_sockets);
        self.n_sockets += 1;
        socket
    }

    fn streams(&self) -> impl Iterator<Item = Socket> {
        self.exchange.slots.iter().filter_map(|slot| match slot {
            Slot::Stream(socket) => Some(*socket),
            Slot::Open | Slot::Answered(_) => None,
        })
    }

    /// Asks every server what is not answered yet.
    fn ask(&mut self, now: Instant, actions: &mut Vec<Action>) -> Progress {
        if self.timeout().is_zero() {
            return self.over(now, actions);
        }
        for (which, slot) in self.exchange.slots.iter().enumerate() {
            if matches!(slot, Slot::Open) {
                let queries = self.conf.nameservers.iter().filter_map(|server| self.query(which, *server));
                actions.extend(queries.map(Action::Send));
            }
        }
        self.exchange.sent = now;
        self.exchange.n_servfail_retries = 2 * self.types.len();
        self.waiting()
    }

    fn query(&self, which: usize, server: IpAddr) -> Option<Query> {
        Some(Query {
            number: self.exchange.number + u32::from(which == 1),
            name: self.exchange.name.clone(),
            kind: self.types[which],
            server,
            socket: self.exchange.socket?,
            transport: Transport::Udp,
            edns: None,
            authentic_data: false,
        })
    }

    fn answered(
        &mut self,
        (socket, server): (Socket, IpAddr),
        which: usize,
        reply: &Reply,
        now: Instant,
        actions: &mut Vec<Action>,
    ) -> Progress {
        match self.exchange.slots.get(which) {
            Some(Slot::Stream(stream)) if *stream == socket => {
                // What else a connection brings ends the wait as if it had brought nothing.
                if !matches!(reply.rcode, NOERROR | NXDOMAIN) {
                    return self.over(now, actions);
                }
                actions.push(Action::Close(socket));
                self.exchange.slots[which] = Slot::Answered(reply.clone());
            }
            Some(Slot::Open) if Some(socket) == self.exchange.socket => match reply.rcode {
                NOERROR | NXDOMAIN if reply.truncated => {
                    let stream = self.open();
                    let query = self.query(which, server);
                    actions.extend(
                        query.map(|query| Action::Send(Query { socket: stream, transport: Transport::Tcp, ..query })),
                    );
                    self.exchange.slots[which] = Slot::Stream(stream);
                }
                NOERROR | NXDOMAIN => self.exchange.slots[which] = Slot::Answered(reply.clone()),
                SERVFAIL if self.exchange.n_servfail_retries > 0 => {
                    self.exchange.n_servfail_retries -= 1;
                    actions.extend(self.query(which, server).map(Action::Send));
                }
                // Everything else is as if it had not come.
                _ => {}
            },
            Some(_) | None => {}
        }
        if self.exchange.slots.iter().all(|slot| matches!(slot, Slot::Answered(_))) {
            return self.over(now, actions);
        }
        self.waiting()
    }

    /// The name has had its time or its answers.
    fn over(&mut self, now: Instant, actions: &mut Vec<Action>) -> Progress {
        actions.extend(self.exchange.socket.take().into_iter().chain(self.streams()).map(Action::Close));
        let mut addresses = Vec::new();
        for slot in &self.exchange.slots {
            let Slot::Answered(reply) = slot else { return Progress::Done(Err(LookupError::Again)) };
            if reply.rcode == NXDOMAIN {
                return self.start(now, actions);
            }
            addresses.extend_from_slice(&reply.addresses);
        }
        sort_by(&mut addresses, |a, b| a.is_ipv6().cmp(&b.is_ipv6()));
        Progress::Done(if addresses.is_empty() { Err(LookupError::NoData) } else { Ok(addresses) })
    }
}

/// The names to ask for, as they would be written.
fn names(typed: &str, conf: &MuslConf) -> Vec<String> {
    let n_dots = typed.matches('.').count();
    let is_searched = !typed.ends_with('.') && n_dots < usize::try_from(conf.ndots).unwrap_or(usize::MAX);
    let search = if is_searched { conf.search.as_slice() } else { &[] };
    // The root alone and a name that is too long are no names.
    if typed.len() > 254 || typed.is_empty() || typed == "." || typed.ends_with("..") {
        return Vec::new();
    }
    let fits = |entry: &&String| entry.len() + typed.len() + 1 < 256;
    let searched = search.iter().filter(fits).map(|entry| format!("{typed}.{entry}"));
    searched.chain([typed.to_owned()]).collect()
}
