//! Sockets: who listens, who is connected.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::Proxy;

/// A transport protocol that has sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransportProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP echo, by identifier: what `ping` opens.
    Icmp,
}

impl fmt::Display for TransportProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Icmp => "ICMP",
        })
    }
}

/// Who gets what arrives at a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketOwner {
    /// A server that waits for clients.
    Server,
    /// The client of the run.
    Client,
}

/// What a server answers to a request over TCP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// What the run asks for.
    #[default]
    Asked,
    /// These bytes, whatever it is asked.
    Fixed(Arc<[u8]>),
    /// What another server answers, whom it asks in its turn.
    Forwarded(Arc<Proxy>),
    /// What the name server of this place answers: the run knows it.
    Named,
}

/// A socket bound to a port, on every address of its namespace or on some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Protocol.
    pub protocol: TransportProtocol,
    /// Port.
    pub port: u16,
    /// The addresses that it is bound to; none for every address.
    pub addresses: Vec<IpAddr>,
    /// The container or program that owns it.
    pub program: Arc<str>,
    /// What that program answers.
    pub answer: Answer,
}

impl Listener {
    /// Whether what comes to `local` comes to it.
    fn hears(&self, protocol: TransportProtocol, local: (IpAddr, u16)) -> bool {
        let is_bound = self.addresses.is_empty() || self.addresses.contains(&local.0);
        (self.protocol, self.port) == (protocol, local.1) && is_bound
    }

    /// Whether two cannot be open at once. Name servers set SO_REUSEPORT: beside one for all addresses there may be one
    /// for some.
    fn collides(&self, other: &Self) -> bool {
        let is_any = self.addresses.is_empty() || other.addresses.is_empty();
        let share = || is_any || self.addresses.iter().any(|ip| other.addresses.contains(ip));
        let reuse =
            || self.answer == Answer::Named && other.answer == Answer::Named && self.addresses != other.addresses;
        (self.protocol, self.port) == (other.protocol, other.port) && share() && !reuse()
    }
}

/// The sockets of a namespace.
#[derive(Clone, Debug, Default)]
pub struct Sockets {
    listeners: Vec<Listener>,
    connected: Vec<(Tuple, SocketOwner, Arc<str>)>,
}

type Tuple = (TransportProtocol, (IpAddr, u16), (IpAddr, u16));

/// What a lookup found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketLookup {
    /// A connected socket of this owner and program.
    Connected(SocketOwner, Arc<str>),
    /// A listener.
    Listening(Arc<str>),
    /// Nobody wants it.
    None,
}

impl Sockets {
    /// Opens a listener. The first to bind a port keeps it.
    pub fn listen(&mut self, listener: Listener) {
        if !self.listeners.iter().any(|other| other.collides(&listener)) {
            self.listeners.push(listener);
        }
    }

    /// Closes the listeners for which `is_it` holds.
    pub fn close(&mut self, is_it: impl Fn(&Listener) -> bool) {
        self.listeners.retain(|listener| !is_it(listener));
    }

    /// Changes what the listener on a port answers.
    pub fn answer(&mut self, port: u16, answer: Answer) {
        let is_it = |listener: &&mut Listener| listener.protocol == TransportProtocol::Tcp && listener.port == port;
        if let Some(listener) = self.listeners.iter_mut().find(is_it) {
            listener.answer = answer;
        }
    }

    /// The listeners, in order of binding.
    #[must_use]
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// The listener that takes what comes to `local`. Models compute_score: one that is bound to the address is closer.
    #[must_use]
    pub fn listener(&self, protocol: TransportProtocol, local: (IpAddr, u16)) -> Option<&Listener> {
        let hearing = self.listeners.iter().filter(|listener| listener.hears(protocol, local));
        hearing.max_by_key(|listener| !listener.addresses.is_empty())
    }

    /// Opens a connected socket.
    pub fn connect(
        &mut self,
        protocol: TransportProtocol,
        local: (IpAddr, u16),
        remote: (IpAddr, u16),
        owner: SocketOwner,
        program: Arc<str>,
    ) {
        self.connected.push(((protocol, local, remote), owner, program));
    }

    /// Closes a connected socket.
    pub fn disconnect(&mut self, protocol: TransportProtocol, local: (IpAddr, u16), remote: (IpAddr, u16)) {
        self.connected.retain(|(tuple, ..)| *tuple != (protocol, local, remote));
    }

    /// Who wants a packet for `local` from `remote`. Models __inet_lookup: connected first, then listeners.
    #[must_use]
    pub fn lookup(&self, protocol: TransportProtocol, local: (IpAddr, u16), remote: (IpAddr, u16)) -> SocketLookup {
        if let Some((_, owner, program)) = self.connected.iter().find(|entry| entry.0 == (protocol, local, remote)) {
            return SocketLookup::Connected(*owner, program.clone());
        }
        match self.listener(protocol, local) {
            Some(listener) => SocketLookup::Listening(listener.program.clone()),
            None => SocketLookup::None,
        }
    }
}
