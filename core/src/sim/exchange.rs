//! What one client does.

use std::net::IpAddr;
use std::sync::Arc;

use super::names::Names;
use crate::net::NsId;

/// One run of one client.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Where the client runs.
    pub client: NsId,
    /// The program that talks: a container's name, or a tool's.
    pub program: Arc<str>,
    /// Whom it talks to.
    pub dst: IpAddr,
    /// What it says.
    pub talk: Talk,
    /// TTL of every packet of the client, if not the system's default.
    pub ttl: Option<u8>,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// What it looks up before, and who answers.
    pub names: Names,
}

/// A protocol, and how much is said in it. Sizes are bytes of payload.
#[derive(Clone, Debug)]
pub enum Talk {
    /// One ICMP echo request and its reply.
    Ping {
        /// Bytes of ICMP data.
        size: usize,
        /// Refuse to be fragmented.
        df: bool,
    },
    /// One datagram and one answer.
    Udp {
        /// Destination port.
        port: u16,
        /// Bytes asked.
        size: usize,
        /// Bytes answered.
        reply_size: usize,
    },
    /// A connection with one request and one reply.
    Tcp {
        /// Destination port.
        port: u16,
        /// The first part of the ids of its steps: `tcp`, `http`, or who asks by it.
        flow: &'static str,
        /// What the client says.
        request: Vec<u8>,
        /// What the server says.
        reply: Vec<u8>,
        /// How much the client waits for.
        reply_len: usize,
    },
    /// Nothing but the lookup of a name.
    Names,
    /// What two BGP speakers say to each other.
    Bgp(BgpTalk),
}

/// A part of a BGP session. Its connection is one that is opened now, or has stood since before the run.
#[derive(Clone, Debug)]
pub struct BgpTalk {
    /// Where the other end of a connection that stands is.
    pub server: NsId,
    /// Whether the connection is opened now.
    pub opens: bool,
    /// Whether the client closes it afterwards.
    pub closes: bool,
    /// The client's messages.
    pub says: Vec<u8>,
    /// The server's messages.
    pub answers: Vec<u8>,
    /// TTL of the server's packets, if not the system's default.
    pub server_ttl: Option<u8>,
}

impl Talk {
    /// The first part of the ids of its steps.
    #[must_use]
    pub fn flow(&self) -> &'static str {
        match self {
            Self::Ping { .. } => "ping",
            Self::Udp { .. } => "udp",
            Self::Tcp { flow, .. } => flow,
            Self::Names => super::names::FLOW,
            Self::Bgp(_) => "bgp",
        }
    }

    /// What both ends of a connection say.
    pub(super) fn messages(&self) -> Option<(&[u8], &[u8])> {
        match self {
            Self::Tcp { request, reply, .. } => Some((request, reply)),
            Self::Bgp(talk) => Some((&talk.says, &talk.answers)),
            Self::Ping { .. } | Self::Udp { .. } | Self::Names => None,
        }
    }
}
