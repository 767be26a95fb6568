//! Forwarding databases: of a bridge (address to port) and of a VXLAN device (inner address to remote endpoint).

use std::net::IpAddr;
use std::sync::Arc;

use super::DevRef;
use crate::base::{MacAddr, Writer};
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

/// A forwarding database.
#[derive(Clone, Debug)]
pub struct Fdb {
    owner: DevRef,
    rows: Arc<Vec<FdbEntry>>,
}

impl Fdb {
    /// An empty database of the device `owner`.
    #[must_use]
    pub fn new(owner: DevRef) -> Self {
        Self { owner, rows: Arc::default() }
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[FdbEntry] {
        &self.rows
    }

    /// Adds a row.
    pub fn add(&mut self, entry: FdbEntry) {
        Arc::make_mut(&mut self.rows).push(entry);
    }

    /// Notes that `mac` was seen behind `port`. Returns the row if it is new or has moved.
    ///
    /// Models net/bridge/br_fdb.c br_fdb_update.
    pub fn learn(&mut self, mac: MacAddr, port: &DevRef) -> Option<Written> {
        if mac.is_multicast() {
            return None;
        }
        let target = FdbTarget::Port(port.clone());
        match self.rows.iter().position(|row| row.mac == mac) {
            Some(idx) => match &self.rows[idx].target {
                FdbTarget::Port(old) if old != port => Arc::make_mut(&mut self.rows)[idx].target = target,
                _ => return None,
            },
            None => self.add(FdbEntry { mac, target, writer: Writer::Kernel }),
        }
        let row = self.rows.iter().find(|row| row.mac == mac)?;
        Some(Written {
            command: self.command(),
            text: row.print(&self.owner).trim_end().to_owned(),
            writer: row.writer,
        })
    }

    /// Forgets who is behind `port`. Models br_fdb_delete_by_port.
    pub fn forget(&mut self, port: u32) {
        let is_behind = |row: &FdbEntry| matches!(&row.target, FdbTarget::Port(dev) if dev.index == port);
        Arc::make_mut(&mut self.rows).retain(|row| !is_behind(row));
    }

    /// Looks `mac` up.
    #[must_use]
    pub fn lookup(&self, mac: MacAddr) -> FdbLookup {
        FdbLookup { fdb: self.clone(), mac, matched: self.rows.iter().position(|row| row.mac == mac) }
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

    fn command(&self) -> String {
        match self.rows.first().map(|row| &row.target) {
            Some(FdbTarget::Remote(_)) => format!("bridge fdb show dev {}", self.owner.name),
            _ => format!("bridge fdb show br {}", self.owner.name),
        }
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
    fdb: Fdb,
    mac: MacAddr,
    matched: Option<usize>,
}

impl FdbLookup {
    /// Where the address is, if the database knows it.
    #[must_use]
    pub fn target(&self) -> Option<&FdbTarget> {
        self.matched.map(|idx| &self.fdb.rows[idx].target)
    }
}

impl Consulted for FdbLookup {
    fn command(&self) -> String {
        self.fdb.command()
    }

    fn n_rows(&self) -> usize {
        self.fdb.rows.len()
    }

    fn matched(&self) -> Option<usize> {
        self.matched
    }

    fn row(&self, idx: usize) -> Row {
        let entry = &self.fdb.rows[idx];
        let why = if self.matched == Some(idx) {
            Why::Matched(format!("address {}", self.mac))
        } else {
            Why::Missed("another address".to_owned())
        };
        Row { text: entry.print(&self.fdb.owner).trim_end().to_owned(), writer: entry.writer, why }
    }
}
