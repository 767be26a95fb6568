//! The states of a TCP connection as a director sees them that passes both ways.
//!
//! Models net/netfilter/ipvs/ip_vs_proto_tcp.c tcp_states and tcp_timeouts. Not modelled: `secure_tcp`, connections whose
//! answers go another way, LAST_ACK and the other states that none of the rest leads to.

use std::time::Duration;

use crate::wire::Tcp;

/// `enum` of `IP_VS_TCP_S_*`, as far as they occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing yet.
    None,
    /// Both have spoken.
    Established,
    /// The real server's own SYN.
    SynSent,
    /// The client's SYN.
    SynRecv,
    /// The real server has closed.
    FinWait,
    /// Both have closed.
    TimeWait,
    /// A reset, or an acknowledgment of nothing.
    Close,
    /// The client has closed.
    CloseWait,
}

impl State {
    /// The name in `ipvsadm -lc`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Established => "ESTABLISHED",
            Self::SynSent => "SYN_SENT",
            Self::SynRecv => "SYN_RECV",
            Self::FinWait => "FIN_WAIT",
            Self::TimeWait => "TIME_WAIT",
            Self::Close => "CLOSE",
            Self::CloseWait => "CLOSE_WAIT",
        }
    }

    pub(super) fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::None => 2,
            Self::Established => 900,
            Self::SynSent | Self::FinWait | Self::TimeWait => 120,
            Self::SynRecv | Self::CloseWait => 60,
            Self::Close => 10,
        })
    }
}

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From the client.
    Input,
    /// From the real server.
    Output,
}

/// The state after a segment. Models set_tcp_state.
pub(super) fn step(now: State, tcp: &Tcp, way: Way) -> State {
    use State::{Close, CloseWait, Established, FinWait, None, SynRecv, SynSent, TimeWait};
    match (way, tcp.rst, tcp.syn, tcp.fin, tcp.is_ack) {
        (Way::Input, true, ..) => match now {
            SynRecv => SynRecv,
            _ => Close,
        },
        (Way::Input, _, true, ..) => match now {
            Established | SynSent => Established,
            _ => SynRecv,
        },
        (Way::Input, _, _, true, _) => match now {
            None | Close => Close,
            Established | CloseWait => CloseWait,
            SynSent => SynSent,
            SynRecv | FinWait | TimeWait => TimeWait,
        },
        (Way::Input, _, _, _, true) => match now {
            None | Close => Close,
            Established | SynRecv => Established,
            SynSent | FinWait | TimeWait | CloseWait => now,
        },
        (Way::Output, true, ..) => match now {
            SynSent | TimeWait => now,
            _ => Close,
        },
        (Way::Output, _, true, ..) => match now {
            Established => Established,
            SynRecv => SynRecv,
            _ => SynSent,
        },
        (Way::Output, _, _, true, _) => match now {
            Established | FinWait => FinWait,
            None | SynRecv | TimeWait | CloseWait => TimeWait,
            SynSent | Close => now,
        },
        (Way::Output, _, _, _, true) => match now {
            None | Established | SynRecv => Established,
            SynSent | FinWait | TimeWait | Close | CloseWait => now,
        },
        (_, false, false, false, false) => Close,
    }
}
