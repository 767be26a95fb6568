//! Connection tracking: which packets belong together, and how each connection is translated.
//!
//! Models net/netfilter/nf_conntrack_core.c, nf_conntrack_proto_{tcp,udp,icmp,generic}.c. Entries are made by the first
//! packet and confirmed when it leaves the machine or reaches a socket. Not modelled: zones, helpers, expectations,
//! the limit of the table, accounting.

mod print;
mod tcp;
mod tuple;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::Instant;
use crate::netfilter::xtables::CtStates;
use crate::trace::Written;
use crate::wire::{Icmp, Packet, Transport};

pub use print::CtLookup;
pub use tcp::TcpState;
pub use tuple::{Direction, Tuple};

/// Timeouts in seconds, `net.netfilter.nf_conntrack_{udp,udp_stream,icmp,generic}_timeout`.
const UDP_SECS: u64 = 30;
const UDP_STREAM_SECS: u64 = 120;
const ICMP_SECS: u64 = 30;
const GENERIC_SECS: u64 = 600;
/// An answered UDP flow is a stream once it is this old (`nf_conntrack_proto_udp.c`).
const STREAM_AGE: Duration = Duration::from_secs(2);

/// One tracked connection (`struct nf_conn`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The first packet's tuple, as it came.
    pub original: Tuple,
    /// The tuple that answers have, as they come.
    pub reply: Tuple,
    /// Whether an answer has been seen.
    pub seen_reply: bool,
    /// Whether it survives a full table: both sides have spoken.
    pub assured: bool,
    /// Whether its first packet has got through: it is in the table.
    pub confirmed: bool,
    /// Whether it was taken out of the table, and does not come back (`IPS_DYING`).
    pub(in crate::netfilter) dying: bool,
    /// Whether the source is translated.
    pub snat: bool,
    /// Whether the destination is translated.
    pub dnat: bool,
    /// Whether table nat has been asked about each.
    pub(in crate::netfilter) snat_done: bool,
    pub(in crate::netfilter) dnat_done: bool,
    /// State of a TCP connection.
    pub tcp: Option<TcpState>,
    /// The connection's mark.
    pub mark: u32,
    /// When it was made.
    pub since: Instant,
    /// When it will be forgotten.
    pub expires: Instant,
}

/// A connection of this table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnId(usize);

/// What a packet is to its connection (`enum ip_conntrack_info`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CtInfo {
    /// The first, or one before an answer has been seen.
    New,
    /// Part of one that has been answered.
    Established,
    /// An error about it.
    Related,
}

/// What goes with a packet once connection tracking has seen it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CtState {
    /// Not seen yet, or seen and found to be no packet of any connection.
    #[default]
    None,
    /// Not to be tracked.
    Untracked,
    /// Of this connection.
    Tracked {
        /// Which.
        id: ConnId,
        /// What it is to it.
        info: CtInfo,
        /// Which way it goes.
        direction: Direction,
    },
}

impl CtState {
    /// What an error about this packet, or a reset, is to the same connection: it goes against it.
    ///
    /// Models nf_conntrack_attach, by which even the first packet's error finds its way back through the translation.
    #[must_use]
    pub fn related(self) -> Self {
        match self {
            Self::Tracked { id, direction, .. } => {
                Self::Tracked { id, info: CtInfo::Related, direction: direction.other() }
            }
            Self::None | Self::Untracked => self,
        }
    }
}

/// What rules may ask of a packet's connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CtView {
    /// States.
    pub states: CtStates,
    /// Whether it goes in the direction of the answers, if it is tracked.
    pub is_reply: Option<bool>,
    /// The connection's mark, if it is tracked.
    pub mark: Option<u32>,
}

/// The table of connections of one machine.
#[derive(Clone, Debug, Default)]
pub struct Conntrack {
    rows: Arc<Vec<Connection>>,
    /// Both tuples of every confirmed connection that is still there.
    by_tuple: BTreeMap<Tuple, (ConnId, Direction)>,
}

impl Conntrack {
    /// The connections that are in the table at `now`, the oldest first.
    pub fn rows(&self, now: Instant) -> impl Iterator<Item = &Connection> {
        self.rows.iter().filter(move |row| row.confirmed && row.expires > now)
    }

    /// A connection.
    #[must_use]
    pub fn get(&self, id: ConnId) -> &Connection {
        &self.rows[id.0]
    }

    pub(in crate::netfilter) fn get_mut(&mut self, id: ConnId) -> &mut Connection {
        &mut Arc::make_mut(&mut self.rows)[id.0]
    }

    /// What rules may ask.
    #[must_use]
    pub fn view(&self, state: CtState) -> CtView {
        match state {
            CtState::None => CtView { states: CtStates::INVALID, ..CtView::default() },
            CtState::Untracked => CtView { states: CtStates::UNTRACKED, ..CtView::default() },
            CtState::Tracked { id, info, direction } => {
                let connection = self.get(id);
                let mut states = match info {
                    CtInfo::New => CtStates::NEW,
                    CtInfo::Established => CtStates::ESTABLISHED,
                    CtInfo::Related => CtStates::RELATED,
                };
                states = if connection.snat { states.or(CtStates::SNAT) } else { states };
                states = if connection.dnat { states.or(CtStates::DNAT) } else { states };
                let is_reply = Some(direction == Direction::Reply);
                CtView { states, is_reply, mark: Some(connection.mark) }
            }
        }
    }

    /// Finds the connection of a packet, or begins one. Models nf_conntrack_in.
    pub(in crate::netfilter) fn enter(&mut self, packet: &Packet, now: Instant) -> CtState {
        if let Some(Transport::Icmp(Icmp::Error(_))) = packet.transport() {
            return self.related(packet, now);
        }
        let Some(tuple) = Tuple::of(packet) else { return CtState::None };
        self.forget_expired(tuple, now);
        let (id, direction) = match self.by_tuple.get(&tuple) {
            Some(found) => *found,
            None => match self.begin(packet, tuple, now) {
                Some(id) => (id, Direction::Original),
                None => return CtState::None,
            },
        };
        if !self.advance(id, direction, packet, now) {
            return CtState::None;
        }
        // Models nf_conntrack_tcp_packet: a reset before any answer, and there is no connection to speak of.
        if !self.get(id).seen_reply && matches!(packet.transport(), Some(Transport::Tcp(tcp)) if tcp.rst) {
            self.forget(id);
        }
        let connection = self.get(id);
        let info = match direction {
            Direction::Reply => CtInfo::Established,
            Direction::Original if connection.seen_reply => CtInfo::Established,
            Direction::Original => CtInfo::New,
        };
        if direction == Direction::Reply {
            self.get_mut(id).seen_reply = true;
        }
        CtState::Tracked { id, info, direction }
    }

    /// An error belongs to the connection of what it quotes, and goes against it. Models icmp_error_message.
    fn related(&mut self, packet: &Packet, now: Instant) -> CtState {
        let Some(tuple) = packet.quoted().and_then(|quoted| Tuple::of(&quoted)) else { return CtState::None };
        // The quoted packet went the other way: its inverse is what would come back.
        let Some((id, direction)) = self.by_tuple.get(&tuple.invert()).copied() else { return CtState::None };
        if self.get(id).expires <= now {
            return CtState::None;
        }
        CtState::Tracked { id, info: CtInfo::Related, direction }
    }

    fn begin(&mut self, packet: &Packet, tuple: Tuple, now: Instant) -> Option<ConnId> {
        let tcp = match packet.transport()? {
            Transport::Tcp(_) => Some(TcpState::None),
            // An answer that nobody asked for begins nothing.
            Transport::Icmp(Icmp::EchoRequest { .. }) | Transport::Udp(_) | Transport::Other(_) => None,
            Transport::Icmp(_) => return None,
        };
        Arc::make_mut(&mut self.rows).push(Connection {
            original: tuple,
            reply: tuple.invert(),
            seen_reply: false,
            assured: false,
            confirmed: false,
            dying: false,
            snat: false,
            dnat: false,
            snat_done: false,
            dnat_done: false,
            tcp,
            mark: 0,
            since: now,
            expires: now,
        });
        Some(ConnId(self.rows.len() - 1))
    }

    /// Takes the packet into account. Returns whether it belongs to the connection.
    fn advance(&mut self, id: ConnId, direction: Direction, packet: &Packet, now: Instant) -> bool {
        let connection = &mut Arc::make_mut(&mut self.rows)[id.0];
        let answered = connection.seen_reply || direction == Direction::Reply;
        let timeout = match (packet.transport(), connection.tcp) {
            (Some(Transport::Tcp(tcp)), Some(state)) => match tcp::step(state, &tcp, direction) {
                tcp::Step::Invalid => return false,
                tcp::Step::Ignore => return true,
                tcp::Step::To(next) => {
                    connection.tcp = Some(next);
                    // Models nf_conntrack_tcp_packet: assured by the handshake's third packet.
                    connection.assured |= next == TcpState::Established && connection.seen_reply;
                    next.timeout()
                }
            },
            (Some(Transport::Udp(_)), _) => {
                let is_stream = answered && now - connection.since > STREAM_AGE;
                connection.assured |= is_stream;
                Duration::from_secs(if is_stream { UDP_STREAM_SECS } else { UDP_SECS })
            }
            (Some(Transport::Icmp(_)), _) => Duration::from_secs(ICMP_SECS),
            _ => Duration::from_secs(GENERIC_SECS),
        };
        connection.expires = now + timeout;
        true
    }

    fn forget_expired(&mut self, tuple: Tuple, now: Instant) {
        if let Some((id, _)) = self.by_tuple.get(&tuple).copied()
            && self.get(id).expires <= now
        {
            self.forget(id);
        }
    }

    /// Takes a connection out of the table.
    pub(in crate::netfilter) fn forget(&mut self, id: ConnId) {
        let connection = self.get_mut(id);
        connection.confirmed = false;
        connection.dying = true;
        let tuples = [connection.original, connection.reply];
        for tuple in tuples {
            self.by_tuple.remove(&tuple);
        }
    }

    /// Whether there is a connection that `wanted` picks.
    #[must_use]
    pub fn has_any(&self, wanted: impl Fn(&Connection) -> bool) -> bool {
        self.rows.iter().any(|row| row.confirmed && wanted(row))
    }

    /// Forgets the connections that `unwanted` picks, and returns them as they were. Models `conntrack -D`.
    pub fn delete(&mut self, unwanted: impl Fn(&Connection) -> bool) -> Vec<Connection> {
        let is_it = |row: &Connection| row.confirmed && unwanted(row);
        let ids: Vec<ConnId> = (0..self.rows.len()).map(ConnId).filter(|id| is_it(self.get(*id))).collect();
        ids.into_iter()
            .map(|id| {
                let was = self.get(id).clone();
                self.forget(id);
                was
            })
            .collect()
    }

    /// Puts a connection into the table as one that has lasted: both sides have spoken. Models `conntrack -I`.
    pub fn insert(&mut self, connection: Connection, now: Instant) {
        let id = ConnId(self.rows.len());
        self.by_tuple.insert(connection.original, (id, Direction::Original));
        self.by_tuple.insert(connection.reply, (id, Direction::Reply));
        let expires = now + Duration::from_secs(UDP_STREAM_SECS);
        let lasting =
            Connection { seen_reply: true, assured: true, confirmed: true, since: now, expires, ..connection };
        Arc::make_mut(&mut self.rows).push(lasting);
    }

    /// The first packet got through: its connection is in the table from now on. `None` if it was there already, `Err`
    /// if another one has taken its tuple meanwhile. Models __nf_conntrack_confirm.
    pub(in crate::netfilter) fn confirm(&mut self, id: ConnId, now: Instant) -> Result<Option<Written>, Clash> {
        let connection = self.get(id);
        if connection.confirmed || connection.dying {
            return Ok(None);
        }
        let (original, reply) = (connection.original, connection.reply);
        if self.is_taken(original, id) || self.is_taken(reply, id) {
            return Err(Clash);
        }
        self.by_tuple.insert(original, (id, Direction::Original));
        self.by_tuple.insert(reply, (id, Direction::Reply));
        self.get_mut(id).confirmed = true;
        Ok(Some(self.written(id, now)))
    }

    /// Whether a connection other than `own` has this tuple.
    pub(in crate::netfilter) fn is_taken(&self, tuple: Tuple, own: ConnId) -> bool {
        self.by_tuple.get(&tuple).is_some_and(|(id, _)| *id != own)
    }

    /// A connection from the same source that is translated already: later ones from there are translated alike, so that
    /// a peer sees one address and port. Models find_appropriate_src.
    pub(in crate::netfilter) fn same_source(&self, tuple: Tuple) -> impl Iterator<Item = Tuple> {
        let same = move |row: &&Connection| {
            row.confirmed && row.original.protocol == tuple.protocol && row.original.src == tuple.src
        };
        self.rows.iter().filter(same).map(|row| row.reply.invert())
    }

    /// The row of a connection, as `conntrack -L` prints it.
    pub(in crate::netfilter) fn written(&self, id: ConnId, now: Instant) -> Written {
        Written {
            command: "conntrack -L".to_owned(),
            text: self.get(id).print(now),
            writer: crate::base::Writer::Kernel,
        }
    }

    /// The rows as they are now.
    pub(in crate::netfilter) fn snapshot(&self) -> Self {
        Self { rows: self.rows.clone(), by_tuple: BTreeMap::new() }
    }

    /// The table as a step consulted it: `matched` is the packet's connection.
    pub(in crate::netfilter) fn consulted(&self, matched: Option<ConnId>, now: Instant) -> CtLookup {
        CtLookup::new(self.rows.clone(), matched.map(|id| id.0), now)
    }
}

/// Another connection has the same tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::netfilter) struct Clash;
