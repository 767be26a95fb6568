//! Neighbour tables: which link address an IP address of the segment has.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{DevRef, Skb};
use crate::base::{Instant, MacAddr, Writer};
use crate::trace::{Consulted, Row, Why, Written};

/// How long a confirmed entry stays REACHABLE: `base_reachable_time_ms` without its jitter.
pub const NUD_REACHABLE_TIME: Duration = Duration::from_secs(30);

/// State of an entry (`NUD_*` of uapi `linux/neighbour.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nud {
    /// Asked, not answered yet.
    Incomplete,
    /// Confirmed at this time.
    Reachable(Instant),
    /// Known, but not confirmed.
    Stale,
    /// Known and in use; a confirmation is awaited.
    Delay,
    /// In use without a confirmation for too long: it is asked itself whether it is still there.
    Probe,
    /// Not answered.
    Failed,
    /// Written by hand: never asked, never aged.
    Permanent,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeighbourEntry {
    /// The neighbour.
    pub ip: IpAddr,
    /// The device it is on.
    pub dev: DevRef,
    /// Its link address, if known.
    pub mac: Option<MacAddr>,
    /// What the kernel believes of it.
    pub state: Nud,
    /// Who wrote it.
    pub writer: Writer,
}

/// A namespace's neighbour table, and the packets that wait for an answer.
#[derive(Clone, Debug, Default)]
pub struct NeighbourTable {
    rows: Arc<Vec<NeighbourEntry>>,
    waiting: Vec<(u32, IpAddr, Skb)>,
}

/// Packets that may wait for one neighbour; the kernel counts bytes (`unres_qlen_bytes`, 212992), which is about this.
const MAX_WAITING: usize = 101;

impl NeighbourTable {
    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[NeighbourEntry] {
        &self.rows
    }

    /// Adds an entry that is never asked for.
    pub fn add_permanent(&mut self, ip: IpAddr, dev: DevRef, mac: MacAddr, writer: Writer) {
        Arc::make_mut(&mut self.rows).push(NeighbourEntry { ip, dev, mac: Some(mac), state: Nud::Permanent, writer });
    }

    /// Looks `ip` up on `dev`.
    #[must_use]
    pub fn lookup(&self, ip: IpAddr, dev: &DevRef) -> NeighbourLookup {
        NeighbourLookup { rows: self.rows.clone(), ip, dev: dev.clone(), matched: self.position(ip, dev.index) }
    }

    /// Notes that somebody asks for `ip`: an INCOMPLETE entry. Returns the row.
    pub fn ask(&mut self, ip: IpAddr, dev: &DevRef) -> Written {
        self.write(ip, dev, None, Nud::Incomplete)
    }

    /// An answer to our own question. Models net/core/neighbour.c neigh_update from arp_process.
    pub fn confirm(&mut self, ip: IpAddr, dev: &DevRef, mac: MacAddr, now: Instant) -> Option<Written> {
        let idx = self.position(ip, dev.index)?;
        (self.rows[idx].state != Nud::Permanent).then(|| self.write(ip, dev, Some(mac), Nud::Reachable(now)))
    }

    /// Another machine's question told us its address. Models net/core/neighbour.c neigh_event_ns.
    pub fn overhear(&mut self, ip: IpAddr, dev: &DevRef, mac: MacAddr) -> Option<Written> {
        match self.position(ip, dev.index).map(|idx| &self.rows[idx]) {
            Some(row) if row.state == Nud::Permanent || row.mac == Some(mac) => None,
            _ => Some(self.write(ip, dev, Some(mac), Nud::Stale)),
        }
    }

    /// The entry was used to send: what was STALE waits for a confirmation. Models neigh_event_send, and
    /// neigh_timer_handler for what was REACHABLE too long ago. Returns whether the wait begins.
    ///
    /// What TCP knows of the neighbour (neigh_confirm) is not taken for a confirmation.
    pub fn used(&mut self, ip: IpAddr, dev: &DevRef, now: Instant) -> bool {
        let is_old = |state| match state {
            Nud::Stale => true,
            Nud::Reachable(confirmed) => now - confirmed > NUD_REACHABLE_TIME,
            _ => false,
        };
        self.turn(ip, dev, is_old, Nud::Delay)
    }

    /// Nothing has confirmed the entry in time. Returns whether it is to be probed.
    pub fn delay_over(&mut self, ip: IpAddr, dev: &DevRef) -> bool {
        self.turn(ip, dev, |state| state == Nud::Delay, Nud::Probe)
    }

    fn turn(&mut self, ip: IpAddr, dev: &DevRef, is_from: impl Fn(Nud) -> bool, to: Nud) -> bool {
        let Some(idx) = self.position(ip, dev.index).filter(|idx| is_from(self.rows[*idx].state)) else { return false };
        Arc::make_mut(&mut self.rows)[idx].state = to;
        true
    }

    /// Nobody answered: the packets that waited, to be dropped.
    pub fn fail(&mut self, ip: IpAddr, dev: &DevRef) -> Vec<Skb> {
        if self.is_asking(ip, dev) {
            self.write(ip, dev, None, Nud::Failed);
        }
        self.take_waiting(ip, dev)
    }

    /// Forgets the neighbours on the device with this index, and what waits for them.
    pub fn flush(&mut self, index: u32, keep_permanent: bool) {
        let is_kept = |row: &NeighbourEntry| keep_permanent && row.state == Nud::Permanent;
        Arc::make_mut(&mut self.rows).retain(|row| row.dev.index != index || is_kept(row));
        self.waiting.retain(|(other, ..)| *other != index);
    }

    /// Whether an answer for `ip` is awaited.
    #[must_use]
    pub fn is_asking(&self, ip: IpAddr, dev: &DevRef) -> bool {
        self.position(ip, dev.index).is_some_and(|idx| matches!(self.rows[idx].state, Nud::Incomplete | Nud::Probe))
    }

    /// Puts a packet in line for `ip`. Returns the packet that must go if the line is full.
    pub fn wait(&mut self, ip: IpAddr, dev: &DevRef, skb: Skb) -> Option<Skb> {
        let is_same = |(index, other, _): &&(u32, IpAddr, Skb)| (*index, *other) == (dev.index, ip);
        let crowded = self.waiting.iter().filter(is_same).count() >= MAX_WAITING;
        // The kernel drops the oldest.
        let oldest = crowded.then(|| self.waiting.iter().position(|entry| is_same(&entry))).flatten();
        let dropped = oldest.map(|idx| self.waiting.remove(idx).2);
        self.waiting.push((dev.index, ip, skb));
        dropped
    }

    /// Everything that waited for `ip`, in order.
    pub fn take_waiting(&mut self, ip: IpAddr, dev: &DevRef) -> Vec<Skb> {
        let (ready, waiting) =
            self.waiting.drain(..).partition(|(index, other, _)| (*index, *other) == (dev.index, ip));
        self.waiting = waiting;
        let ready: Vec<(u32, IpAddr, Skb)> = ready;
        ready.into_iter().map(|(_, _, skb)| skb).collect()
    }

    fn position(&self, ip: IpAddr, index: u32) -> Option<usize> {
        self.rows.iter().position(|row| row.ip == ip && row.dev.index == index)
    }

    fn write(&mut self, ip: IpAddr, dev: &DevRef, mac: Option<MacAddr>, state: Nud) -> Written {
        let entry = NeighbourEntry { ip, dev: dev.clone(), mac, state, writer: Writer::Kernel };
        let written =
            Written { command: "ip neigh".to_owned(), text: entry.print().trim_end().to_owned(), writer: entry.writer };
        match self.position(ip, dev.index) {
            Some(idx) => Arc::make_mut(&mut self.rows)[idx] = entry,
            None => Arc::make_mut(&mut self.rows).push(entry),
        }
        written
    }
}

impl NeighbourEntry {
    /// Whether the entry can be used without a second thought (`NUD_CONNECTED`).
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(self.state, Nud::Reachable(_) | Nud::Permanent)
    }

    /// The row as `ip neigh` prints it.
    #[must_use]
    pub fn print(&self) -> String {
        let mac = self.mac.map(|mac| format!(" lladdr {mac}")).unwrap_or_default();
        let state = match self.state {
            Nud::Incomplete => "INCOMPLETE",
            Nud::Reachable(_) => "REACHABLE",
            Nud::Stale => "STALE",
            Nud::Delay => "DELAY",
            Nud::Probe => "PROBE",
            Nud::Failed => "FAILED",
            Nud::Permanent => "PERMANENT",
        };
        // iproute2 ends the line with a space, and so do we.
        format!("{} dev {}{mac} {state} ", self.ip, self.dev.name)
    }
}

/// A lookup in a neighbour table, as it was then.
#[derive(Clone, Debug)]
pub struct NeighbourLookup {
    rows: Arc<Vec<NeighbourEntry>>,
    ip: IpAddr,
    dev: DevRef,
    matched: Option<usize>,
}

impl NeighbourLookup {
    /// The entry, if there is one.
    #[must_use]
    pub fn entry(&self) -> Option<&NeighbourEntry> {
        self.matched.map(|idx| &self.rows[idx])
    }

    /// The link address to send to, if the entry has a usable one.
    #[must_use]
    pub fn mac(&self) -> Option<MacAddr> {
        self.entry().and_then(|entry| entry.mac)
    }
}

impl Consulted for NeighbourLookup {
    fn command(&self) -> String {
        "ip neigh".to_owned()
    }

    fn n_rows(&self) -> usize {
        self.rows.len()
    }

    fn matched(&self) -> Option<usize> {
        self.matched
    }

    fn row(&self, idx: usize) -> Row {
        let entry = &self.rows[idx];
        let why = if self.matched == Some(idx) {
            Why::Matched(format!("{} on {}", self.ip, self.dev.name))
        } else if entry.ip == self.ip {
            Why::Missed(format!("on {}", entry.dev.name))
        } else {
            Why::Missed("another address".to_owned())
        };
        Row { text: entry.print().trim_end().to_owned(), writer: entry.writer, why }
    }
}
