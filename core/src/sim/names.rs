//! What a run knows of names: what is looked up, who answers, and the sockets that both have open.

use std::sync::Arc;
use std::time::Duration;

use super::connection::ConnectionKey;
use super::lookup::Stub;
use super::name_server::Asking;
use super::name_socket::Open;
use crate::app::SPACING;
use crate::app::coredns::{DnsCluster, Server};
use crate::app::resolver::{self, Libc};
use crate::app::upstream::Zone;
use crate::base::{BTreeMap, Place};
use crate::net::TransportProtocol;
use crate::wire::{DnsName, RecordType};

/// The first part of the ids of messages in datagrams.
pub(super) const FLOW: &str = "dns";
/// The same for connections of the client, and of name servers.
pub(super) const STREAM: &str = "dns-tcp";
pub(super) const FORWARD_STREAM: &str = "forward-tcp";
/// Time that a name server takes. Queries of one lookup leave within this: none is answered before the next has left.
pub(super) const NAME_SERVER_DELAY: Duration = SPACING.saturating_mul(2);

/// Whether connections of this flow carry DNS.
pub(super) fn is_stream(flow: &str) -> bool {
    flow == STREAM || flow == FORWARD_STREAM
}

/// What a client looks up, and who answers in its run.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Who answers.
    pub servers: NameServers,
    /// What is looked up before the client talks to its target, or instead.
    pub lookup: Option<NameLookup>,
}

/// A name to look up.
#[derive(Clone, Debug)]
pub struct NameLookup {
    /// As it is typed.
    pub name: String,
    /// Who does.
    pub by: LookupBy,
    /// The client's `/etc/resolv.conf`.
    pub resolv_conf: String,
    /// The client's host name.
    pub hostname: String,
}

/// Who looks a name up.
#[derive(Clone, Debug)]
pub enum LookupBy {
    /// getaddrinfo of a library.
    Library(Libc),
    /// dig, with one question, and how it asks first.
    Dig(DnsName, RecordType, resolver::Transport),
}

impl LookupBy {
    pub(super) fn program(&self) -> &'static str {
        match self {
            Self::Library(Libc::Glibc) => "glibc",
            Self::Library(Libc::Musl) => "musl",
            Self::Dig(..) => "dig",
        }
    }
}

/// The programs that answer on port 53, by the place whose namespace they listen in.
#[derive(Clone, Debug, Default)]
pub struct NameServers(pub BTreeMap<Place, NameServer>);

/// One of them.
#[derive(Clone, Debug)]
pub enum NameServer {
    /// CoreDNS, and what it has heard of the cluster.
    CoreDns {
        /// The program.
        server: Box<Server>,
        /// What the API server has told it.
        cluster: Arc<DnsCluster>,
    },
    /// The resolver outside.
    Upstream(Arc<Zone>),
}

/// What goes on about names.
#[derive(Default)]
pub(super) struct NameWork {
    pub(super) servers: NameServers,
    pub(super) stub: Option<Stub>,
    pub(super) open: Vec<Open>,
    pub(super) asks: Vec<Option<Asking>>,
    /// The target's socket.
    pub(super) target_cookie: u64,
    n_sockets: u64,
}

impl NameWork {
    pub(super) fn new(names: &Names) -> Self {
        Self { servers: names.servers.clone(), ..Self::default() }
    }

    pub(super) fn next_socket(&mut self) -> u64 {
        self.n_sockets += 1;
        self.n_sockets
    }

    /// The socket that the client talks to its target with.
    pub(super) fn target_socket(&mut self) -> u64 {
        self.target_cookie = self.next_socket();
        self.target_cookie
    }

    pub(super) fn find(&self, protocol: TransportProtocol, key: ConnectionKey) -> Option<&Open> {
        self.open.iter().find(|open| open.protocol == protocol && open.key == key)
    }
}
