//! Forwarding databases: of a bridge (address to port) and of a VXLAN device (inner address to remote endpoint).
//!
//! What a bridge has learned it forgets again (net/bridge/br_fdb.c br_fdb_cleanup); what was written stays. Not modelled:
//! a VXLAN device that learns.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::DevRef;
use crate::base::{Instant, MacAddr, Writer};
use crate::trace::{Consulted, Row, Why, Written};

/// Where an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FdbTarget {
    /// The bridge itself, or a port's own address.
    Local(DevRef),
    /// Behind a port of the bridge.
    Port(DevRef),
    /// Behind a remote tunnel endpoint.
    Remote(IpAddr),
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FdbEntry {
    /// The address.
    pub mac: MacAddr,
    /// Where it is.
    pub target: FdbTarget,
    /// Who wrote it.
    pub writer: Writer,
}

/// How long a bridge remembers whom it has not seen again (`ageing_time`). The kernel's work that cleans up is set to the
/// moment when the next row is due, so rows go on time.
const AGEING_TIME: Duration = Duration::from_secs(300);

/// A forwarding database.
#[derive(Clone, Debug)]
pub struct Fdb {
    owner: DevRef,
    rows: Arc<Vec<FdbEntry>>,
    /// When each learned address was last seen. Apart from the rows, which traces keep: being seen again copies none.
    updated: BTreeMap<MacAddr, Instant>,
}

impl Fdb {
    /// An empty database of the device `owner`.
    #[must_use]
    pub fn new(owner: DevRef) -> Self {
        Self { owner, rows: Arc::default(), updated: BTreeMap::new() }
    }

    /// The rows, those among them that are due to be forgotten.
    #[must_use]
    pub fn rows(&self) -> &[FdbEntry] {
        &self.rows
    }

    /// Adds a row.
    pub fn add(&mut self, entry: FdbEntry) {
        Arc::make_mut(&mut self.rows).push(entry);
    }

    /// Notes that `mac` was seen behind `port` at `now`. Returns the row if it is new or has moved.
    ///
    /// Models net/bridge/br_fdb.c br_fdb_update.
    pub fn learn(&mut self, mac: MacAddr, port: &DevRef, now: Instant) -> Option<Written> {
        if mac.is_multicast() {
            return None;
        }
        let target = FdbTarget::Port(port.clone());
        match self.rows.iter().position(|row| row.mac == mac) {
            Some(idx) => match &self.rows[idx].target {
                FdbTarget::Port(old) if old != port => Arc::make_mut(&mut self.rows)[idx].target = target,
                FdbTarget::Port(_) => {
                    // A row that was written by hand is none of the learned ones.
                    self.updated.entry(mac).and_modify(|seen| *seen = now);
                    return None;
                }
                FdbTarget::Local(_) | FdbTarget::Remote(_) => return None,
            },
            None => self.add(FdbEntry { mac, target, writer: Writer::Kernel }),
        }
        self.updated.insert(mac, now);
        let row = self.rows.iter().find(|row| row.mac == mac)?;
        Some(Written {
            command: command(&self.owner, &self.rows),
            text: row.print(&self.owner).trim_end().to_owned(),
            writer: row.writer,
        })
    }

    /// Whether `row` was learned, and not seen again for too long. Models has_expired.
    #[must_use]
    pub fn has_expired(&self, row: &FdbEntry, now: Instant) -> bool {
        self.updated.get(&row.mac).is_some_and(|seen| now - *seen >= AGEING_TIME)
    }

    /// Forgets whom the bridge has not seen for too long. Models br_fdb_cleanup.
    pub fn clean_up(&mut self, now: Instant) {
        let is_due = |seen: &Instant| now - *seen >= AGEING_TIME;
        if !self.updated.values().any(is_due) {
            return;
        }
        let updated = &self.updated;
        Arc::make_mut(&mut self.rows).retain(|row| !updated.get(&row.mac).is_some_and(is_due));
        self.updated.retain(|_, seen| !is_due(seen));
    }

    /// Forgets who is behind `port`. Models br_fdb_delete_by_port.
    pub fn forget(&mut self, port: u32) {
        let is_behind = |row: &FdbEntry| matches!(&row.target, FdbTarget::Port(dev) if dev.index == port);
        for row in self.rows.iter().filter(|row| is_behind(row)) {
            self.updated.remove(&row.mac);
        }
        Arc::make_mut(&mut self.rows).retain(|row| !is_behind(row));
    }

    /// A port leaves the bridge: its own address goes, and who is behind it.
    pub fn release(&mut self, port: &DevRef) {
        self.forget(port.index);
        Arc::make_mut(&mut self.rows).retain(|row| !matches!(&row.target, FdbTarget::Local(dev) if dev == port));
    }

    /// Looks `mac` up.
    #[must_use]
    pub fn lookup(&self, mac: MacAddr) -> FdbLookup {
        let matched = self.rows.iter().position(|row| row.mac == mac);
        FdbLookup { owner: self.owner.clone(), rows: self.rows.clone(), mac, matched }
    }

    /// Looks up where a tunnel device sends a frame for `mac`: where that address is, or, if nobody has said so, to all
    /// that are noted for the address of zeros.
    ///
    /// Models drivers/net/vxlan/vxlan_core.c vxlan_xmit.
    #[must_use]
    pub fn remotes(&self, mac: MacAddr) -> (FdbLookup, Vec<IpAddr>) {
        let of = |mac: MacAddr| -> Vec<IpAddr> {
            let remote = |row: &FdbEntry| match row.target {
                FdbTarget::Remote(remote) if row.mac == mac => Some(remote),
                _ => None,
            };
            self.rows.iter().filter_map(remote).collect()
        };
        match of(mac) {
            remotes if !remotes.is_empty() => (self.lookup(mac), remotes),
            _ => match of(MacAddr::ZERO) {
                remotes if remotes.is_empty() => (self.lookup(mac), remotes),
                remotes => (self.lookup(MacAddr::ZERO), remotes),
            },
        }
    }
}

fn command(owner: &DevRef, rows: &[FdbEntry]) -> String {
    match rows.first().map(|row| &row.target) {
        Some(FdbTarget::Remote(_)) => format!("bridge fdb show dev {}", owner.name),
        _ => format!("bridge fdb show br {}", owner.name),
    }
}

impl FdbEntry {
    /// The row as `bridge fdb` prints it, in the database of `owner`.
    #[must_use]
    pub fn print(&self, owner: &DevRef) -> String {
        let mac = self.mac;
        match &self.target {
            FdbTarget::Local(port) => format!("{mac} dev {} master {} permanent", port.name, owner.name),
            // iproute2 leaves the space in front of a word that does not come, and so do we.
            FdbTarget::Port(port) => format!("{mac} dev {} master {} ", port.name, owner.name),
            FdbTarget::Remote(remote) => format!("{mac} dev {} dst {remote} self permanent", owner.name),
        }
    }
}

/// A lookup in a forwarding database, as it was then.
#[derive(Clone, Debug)]
pub struct FdbLookup {
    owner: DevRef,
    rows: Arc<Vec<FdbEntry>>,
    mac: MacAddr,
    matched: Option<usize>,
}

impl FdbLookup {
    /// Where the address is, if the database knows it.
    #[must_use]
    pub fn target(&self) -> Option<&FdbTarget> {
        self.matched.map(|idx| &self.rows[idx].target)
    }
}

impl Consulted for FdbLookup {
    fn command(&self) -> String {
        command(&self.owner, &self.rows)
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
            Why::Matched(format!("address {}", self.mac))
        } else {
            Why::Missed("another address".to_owned())
        };
        Row { text: entry.print(&self.owner).trim_end().to_owned(), writer: entry.writer, why }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Fdb, FdbEntry, FdbTarget};
    use crate::base::{Instant, MacAddr, Writer};
    use crate::net::DevRef;

    #[test]
    fn what_is_not_seen_for_300_seconds_is_forgotten_and_what_was_written_is_not() {
        let dev = |index, name: &str| DevRef { index, name: name.into() };
        let at = |secs| Instant::START + Duration::from_secs(secs);
        let (own, once, twice) = (MacAddr::of("own"), MacAddr::of("once"), MacAddr::of("twice"));
        let mut fdb = Fdb::new(dev(1, "cni0"));
        fdb.add(FdbEntry { mac: own, target: FdbTarget::Local(dev(1, "cni0")), writer: Writer::Kernel });
        for (mac, secs, is_news) in [(own, 1, false), (once, 1, true), (twice, 1, true), (twice, 200, false)] {
            assert_eq!(fdb.learn(mac, &dev(2, "veth0"), at(secs)).is_some(), is_news, "{mac} after {secs} s");
        }
        for (secs, known) in [(300, [true, true, true]), (301, [true, false, true]), (500, [true, false, false])] {
            let expired: Vec<MacAddr> =
                fdb.rows().iter().filter(|row| fdb.has_expired(row, at(secs))).map(|row| row.mac).collect();
            fdb.clean_up(at(secs));
            for (mac, known) in [own, once, twice].into_iter().zip(known) {
                assert_eq!(fdb.lookup(mac).target().is_some(), known, "{mac} after {secs} s");
                assert!(!(known && expired.contains(&mac)), "{mac} is listed after {secs} s");
            }
        }
        assert!(fdb.learn(once, &dev(2, "veth0"), at(501)).is_some(), "whoever was forgotten is news again");
    }
}
