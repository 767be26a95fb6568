//! Connections in the words of `conntrack -L`.
//!
//! Models libnetfilter_conntrack snprintf_default.c.

use std::fmt::Write as _;
use std::sync::Arc;

use super::{Connection, Tuple};
use crate::base::{Instant, Writer};
use crate::trace::{Consulted, Row, Why};

impl Connection {
    /// The row that `conntrack -L` prints at `now`.
    #[must_use]
    pub fn print(&self, now: Instant) -> String {
        let (name, number) = match self.original.protocol {
            1 => ("icmp", 1),
            6 => ("tcp", 6),
            17 => ("udp", 17),
            other => ("unknown", other),
        };
        let left = (self.expires - now).as_secs_f64().round() as u64;
        let mut text = format!("{name:<8} {number} {left} ");
        if let Some(state) = self.tcp {
            let _ = write!(text, "{} ", state.name());
        }
        text.push_str(&tuple(self.original));
        text.push_str(if self.seen_reply { "" } else { "[UNREPLIED] " });
        text.push_str(&tuple(self.reply));
        text.push_str(if self.assured { "[ASSURED] " } else { "" });
        let _ = write!(text, "mark={} use=1", self.mark);
        text
    }
}

fn tuple(tuple: Tuple) -> String {
    let (src, dst) = (tuple.src, tuple.dst);
    match tuple.protocol {
        1 => format!("src={} dst={} type={} code={} id={} ", src.0, dst.0, dst.1 >> 8, dst.1 & 0xff, src.1),
        6 | 17 => format!("src={} dst={} sport={} dport={} ", src.0, dst.0, src.1, dst.1),
        _ => format!("src={} dst={} ", src.0, dst.0),
    }
}

/// The table of connections, as a step looked into it.
#[derive(Clone, Debug)]
pub struct CtLookup {
    rows: Arc<Vec<Connection>>,
    /// Which rows are in the table.
    shown: Vec<usize>,
    matched: Option<usize>,
    now: Instant,
}

impl CtLookup {
    pub(super) fn new(rows: Arc<Vec<Connection>>, matched: Option<usize>, now: Instant) -> Self {
        let is_there = |idx: &usize| rows[*idx].confirmed && rows[*idx].expires > now;
        let shown: Vec<usize> = (0..rows.len()).filter(is_there).collect();
        let matched = matched.and_then(|idx| shown.iter().position(|shown| *shown == idx));
        Self { shown, matched, now, rows }
    }
}

impl Consulted for CtLookup {
    fn command(&self) -> String {
        "conntrack -L".to_owned()
    }

    fn n_rows(&self) -> usize {
        self.shown.len()
    }

    fn matched(&self) -> Option<usize> {
        self.matched
    }

    fn row(&self, idx: usize) -> Row {
        let why = if self.matched == Some(idx) {
            Why::Matched("the packet's own addresses and ports, in one of its two directions".to_owned())
        } else {
            Why::Missed("other addresses or ports".to_owned())
        };
        Row { text: self.rows[self.shown[idx]].print(self.now), writer: Writer::Kernel, why }
    }
}
