//! eBPF maps: the tables of Cilium's programs, on one node.
//!
//! The programs read them in [`crate::datapath`]; Cilium's agent writes what it knows of the cluster, the programs write
//! connections. Rows print as `cilium bpf … list` prints them. IPv4 only.

mod conntrack;
mod endpoint;
mod frag;
mod ipcache;
mod lb;
mod nat;
mod reverse_sk;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::DevRef;
use crate::base::{Writer, sort_by};
use crate::trace::{Consulted, Row, Why, Written};

pub use conntrack::{BpfTuple, CtDirection, CtRow};
pub use endpoint::{EndpointKind, EndpointRow};
pub use frag::{FragKey, FragRow};
pub use ipcache::{IpcacheRow, identity};
pub use lb::{LbFlags, LbKey, LbRow, LbScope, LbType, LbValue};
pub use nat::SnatRow;
pub use reverse_sk::{ReverseSkKey, ReverseSkRow};

/// A program of Cilium's, attached to a device. What it does on the way in and on the way out belongs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BpfProgram {
    /// `bpf_lxc.c`, on the host end of a pod's cable.
    Lxc {
        /// The pod's address.
        ip: IpAddr,
        /// The pod's security identity.
        identity: u32,
    },
    /// `bpf_overlay.c`, on the tunnel device.
    Overlay,
    /// `bpf_host.c` on `cilium_host`: what the node's own stack sends to pods.
    Host,
    /// `bpf_host.c` on the NIC.
    Netdev,
}

/// What Cilium has loaded on one node: how the programs are compiled, and their maps.
#[derive(Clone, Debug)]
pub struct Bpf {
    /// The tunnel device (`TUNNEL_MODE`, `ENCAP_IFINDEX`).
    pub encap: Option<DevRef>,
    /// `kube-proxy-replacement`: services are translated by programs, at sockets and at the NIC. Without it each pod has
    /// a route of its own (`endpoint-routes`), so that every packet passes the stack, where kube-proxy's rules are.
    pub kube_proxy_replacement: bool,
    /// `IPV4_DIRECT_ROUTING`: the node's address.
    pub node_ip: IpAddr,
    /// `IPV4_GATEWAY`: the address of `cilium_host`.
    pub gateway: IpAddr,
    /// `cilium_host`.
    pub host: DevRef,
    /// `cilium_lxc`: what is on this node.
    pub endpoints: BpfMap<EndpointRow>,
    /// `cilium_ipcache`: who is who in the cluster, and behind which tunnel.
    pub ipcache: BpfMap<IpcacheRow>,
    /// `cilium_lb4_services_v2` with `cilium_lb4_backends_v3`: services and their backends.
    pub lb: BpfMap<LbRow>,
    /// `cilium_ct4_global`: connections.
    pub ct: BpfMap<CtRow>,
    /// `cilium_snat_v4_external`: sources that were replaced.
    pub nat: BpfMap<SnatRow>,
    /// `cilium_ipv4_frag_datagrams`: ports of datagrams that come in pieces.
    pub frag: BpfMap<FragRow>,
    /// `cilium_lb4_reverse_sk`: which service a socket meant.
    pub reverse_sk: BpfMap<ReverseSkRow>,
}

impl Bpf {
    /// Programs with empty maps.
    #[must_use]
    pub fn new(node_ip: IpAddr, gateway: IpAddr, host: DevRef) -> Self {
        Self {
            encap: None,
            kube_proxy_replacement: false,
            node_ip,
            gateway,
            host,
            endpoints: BpfMap::default(),
            ipcache: BpfMap::default(),
            lb: BpfMap::default(),
            ct: BpfMap::default(),
            nat: BpfMap::default(),
            frag: BpfMap::default(),
            reverse_sk: BpfMap::default(),
        }
    }
}

/// A row of a map: key and value.
pub trait BpfRow: Clone + fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// The key.
    type Key: Copy + fmt::Debug + fmt::Display + Ord + Send + Sync;
    /// The command that lists the map.
    const COMMAND: &'static str;
    /// The heading of every column that the command prints; empty if it prints none. In a row's text three spaces part
    /// the columns.
    const HEADING: &'static [&'static str];

    /// This row's key.
    fn key(&self) -> Self::Key;
}

/// A map, its rows by key.
#[derive(Clone, Debug)]
pub struct BpfMap<R> {
    rows: Arc<Vec<R>>,
}

impl<R> Default for BpfMap<R> {
    fn default() -> Self {
        Self { rows: Arc::default() }
    }
}

impl<R: BpfRow> BpfMap<R> {
    /// The rows, by key.
    #[must_use]
    pub fn rows(&self) -> &[R] {
        &self.rows
    }

    /// Writes a row, in place of one with the same key.
    pub fn update(&mut self, row: R) -> Written {
        let written = Written { command: R::COMMAND.to_owned(), text: row.to_string(), writer: Writer::Cni };
        let rows = Arc::make_mut(&mut self.rows);
        match rows.binary_search_by_key(&row.key(), R::key) {
            Ok(idx) => rows[idx] = row,
            Err(idx) => rows.insert(idx, row),
        }
        written
    }

    /// Keeps the rows for which `keeps` says so.
    pub fn retain(&mut self, keeps: impl FnMut(&R) -> bool) {
        Arc::make_mut(&mut self.rows).retain(keeps);
    }

    /// Writes many rows. Of two with the same key the first stays.
    pub fn extend(&mut self, more: impl IntoIterator<Item = R>) {
        let rows = Arc::make_mut(&mut self.rows);
        rows.extend(more);
        sort_by(rows, |a, b| a.key().cmp(&b.key()));
        rows.dedup_by_key(|row| row.key());
    }

    /// The row with this key.
    #[must_use]
    pub fn lookup(&self, key: R::Key) -> BpfLookup<R> {
        self.looked_up(key, self.rows.binary_search_by_key(&key, R::key).ok())
    }

    fn looked_up(&self, key: R::Key, matched: Option<usize>) -> BpfLookup<R> {
        BpfLookup { rows: self.rows.clone(), key, matched }
    }

    /// The map as its command prints it.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        let n_columns = R::HEADING.len().max(1);
        let heading = (n_columns > 1).then(|| R::HEADING.iter().map(|word| (*word).to_owned()).collect());
        let cells = |row: &R| -> Vec<String> {
            row.to_string().splitn(n_columns, "   ").map(|cell| cell.trim_start().to_owned()).collect()
        };
        let lines: Vec<Vec<String>> = heading.into_iter().chain(self.rows.iter().map(cells)).collect();
        // As Go's tabwriter counts: the last cell of a line belongs to no column.
        let width = |column: usize| {
            let cells = lines.iter().filter(|line| line.len() > column + 1).map(|line| line[column].len());
            cells.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..n_columns).map(width).collect();
        let print = |line: &Vec<String>| {
            let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("   ").trim_end().to_owned()
        };
        lines.iter().map(print).collect()
    }
}

/// A lookup in one map, as it was then.
#[derive(Clone, Debug)]
pub struct BpfLookup<R: BpfRow> {
    rows: Arc<Vec<R>>,
    key: R::Key,
    matched: Option<usize>,
}

impl<R: BpfRow> BpfLookup<R> {
    /// The row, if there is one.
    #[must_use]
    pub fn row(&self) -> Option<&R> {
        self.matched.map(|idx| &self.rows[idx])
    }
}

impl<R: BpfRow> Consulted for BpfLookup<R> {
    fn command(&self) -> String {
        R::COMMAND.to_owned()
    }

    fn n_rows(&self) -> usize {
        self.rows.len()
    }

    fn matched(&self) -> Option<usize> {
        self.matched
    }

    fn row(&self, idx: usize) -> Row {
        let row = &self.rows[idx];
        let why = match self.matched == Some(idx) {
            true => Why::Matched(format!("holds {}", self.key)),
            false => Why::Missed(format!("another key than {}", self.key)),
        };
        Row { text: row.to_string(), writer: Writer::Cni, why }
    }
}
