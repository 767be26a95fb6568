//! The states of a TCP connection as an onlooker sees them.
//!
//! Models net/netfilter/nf_conntrack_proto_tcp.c tcp_conntracks and tcp_timeouts. Not modelled: the windows
//! (tcp_in_window), which no run here leaves; simultaneous open.

use std::time::Duration;

use super::Direction;
use crate::wire::Tcp;

/// `enum tcp_conntrack`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpState {
    /// Nothing yet.
    None,
    /// The client's SYN.
    SynSent,
    /// The server's SYN and ACK.
    SynRecv,
    /// The handshake is done.
    Established,
    /// One side has closed.
    FinWait,
    /// And the other has seen it.
    CloseWait,
    /// Both have closed.
    LastAck,
    /// Both have closed and seen it.
    TimeWait,
    /// A reset.
    Close,
}

impl TcpState {
    /// The name in `conntrack -L`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::SynSent => "SYN_SENT",
            Self::SynRecv => "SYN_RECV",
            Self::Established => "ESTABLISHED",
            Self::FinWait => "FIN_WAIT",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::TimeWait => "TIME_WAIT",
            Self::Close => "CLOSE",
        }
    }

    /// How long an entry in this state stays, `net.netfilter.nf_conntrack_tcp_timeout_*`. kube-proxy sets two of them:
    /// a day for ESTABLISHED (conntrack.tcpEstablishedTimeout) and an hour for CLOSE_WAIT.
    #[must_use]
    pub fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::None | Self::SynSent | Self::FinWait | Self::TimeWait => 120,
            Self::SynRecv => 60,
            Self::Established => 86_400,
            Self::CloseWait => 3600,
            Self::LastAck => 30,
            Self::Close => 10,
        })
    }
}

/// What a segment does to a connection in state `now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is in this state from now on.
    To(TcpState),
    /// The segment is let pass and changes nothing.
    Ignore,
    /// It belongs to no connection.
    Invalid,
}

/// The row of the table that a segment asks, from its flags. Models get_conntrack_index.
pub(super) fn step(now: TcpState, tcp: &Tcp, direction: Direction) -> Step {
    use TcpState as S;
    if tcp.rst {
        return match now {
            S::None => Step::Invalid,
            _ => Step::To(S::Close),
        };
    }
    match (direction, tcp.syn, tcp.is_ack, tcp.fin) {
        (Direction::Original, true, false, _) => match now {
            S::None | S::SynSent | S::TimeWait | S::Close => Step::To(S::SynSent),
            _ => Step::Ignore,
        },
        (Direction::Original, true, true, _) => match now {
            S::None | S::TimeWait => Step::Invalid,
            S::SynRecv => Step::To(S::SynRecv),
            S::SynSent => Step::Invalid,
            _ => Step::Ignore,
        },
        (Direction::Original, false, _, true) => match now {
            S::None | S::SynSent => Step::Invalid,
            S::SynRecv | S::Established => Step::To(S::FinWait),
            S::FinWait | S::CloseWait | S::LastAck => Step::To(S::LastAck),
            S::TimeWait => Step::To(S::TimeWait),
            S::Close => Step::To(S::Close),
        },
        (Direction::Original, false, true, false) => match now {
            // Picks a connection up in its middle: nf_conntrack_tcp_loose.
            S::None | S::SynRecv | S::Established => Step::To(S::Established),
            S::SynSent => Step::Invalid,
            S::FinWait | S::CloseWait => Step::To(S::CloseWait),
            S::LastAck | S::TimeWait => Step::To(S::TimeWait),
            S::Close => Step::To(S::Close),
        },
        (Direction::Reply, true, false, _) => match now {
            S::None | S::Established | S::FinWait | S::CloseWait | S::LastAck => Step::Invalid,
            S::SynSent | S::SynRecv => Step::Ignore,
            S::TimeWait => Step::To(S::SynSent),
            S::Close => Step::Invalid,
        },
        (Direction::Reply, true, true, _) => match now {
            S::None => Step::Invalid,
            S::SynSent | S::SynRecv => Step::To(S::SynRecv),
            _ => Step::Ignore,
        },
        (Direction::Reply, false, _, true) => match now {
            S::None | S::SynSent => Step::Invalid,
            S::SynRecv | S::Established => Step::To(S::FinWait),
            S::FinWait | S::CloseWait | S::LastAck => Step::To(S::LastAck),
            S::TimeWait => Step::To(S::TimeWait),
            S::Close => Step::To(S::Close),
        },
        (Direction::Reply, false, true, false) => match now {
            S::None => Step::Invalid,
            S::SynSent => Step::Ignore,
            S::SynRecv => Step::To(S::SynRecv),
            S::Established => Step::To(S::Established),
            S::FinWait | S::CloseWait => Step::To(S::CloseWait),
            S::LastAck | S::TimeWait => Step::To(S::TimeWait),
            S::Close => Step::To(S::Close),
        },
        (_, false, false, false) => Step::Invalid,
    }
}
