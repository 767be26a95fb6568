//! `cilium_ipcache`: the security identity of every address, and the tunnel that leads to it.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{BpfLookup, BpfMap, BpfRow};

/// Reserved security identities (pkg/identity/numericidentity.go).
pub mod identity {
    /// This node.
    pub const HOST: u32 = 1;
    /// Whatever is outside the cluster.
    pub const WORLD: u32 = 2;
    /// Every other node.
    pub const REMOTE_NODE: u32 = 6;
    /// The first that a set of labels may get.
    pub const FIRST_OF_CLUSTER: u32 = 256;
}

/// Who a prefix is (`struct remote_endpoint_info`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpcacheRow {
    /// The prefix: one address, or everything.
    pub prefix: IpNet,
    /// Security identity.
    pub identity: u32,
    /// The node at the other end of the tunnel.
    pub tunnel_endpoint: Option<IpAddr>,
}

impl BpfRow for IpcacheRow {
    type Key = IpNet;
    const COMMAND: &'static str = "cilium bpf ipcache list";
    const HEADING: &'static [&'static str] = &["IP PREFIX/ADDRESS", "IDENTITY"];

    fn key(&self) -> IpNet {
        self.prefix
    }
}

impl BpfMap<IpcacheRow> {
    /// The row of the longest prefix that holds `ip` (`BPF_MAP_TYPE_LPM_TRIE`).
    #[must_use]
    pub fn lookup_prefix(&self, ip: IpAddr) -> BpfLookup<IpcacheRow> {
        let exact = self.lookup(IpNet::from(ip));
        if exact.row().is_some() {
            return exact;
        }
        let holds = |(_, row): &(usize, &IpcacheRow)| row.prefix.contains(&ip);
        let longest = self.rows().iter().enumerate().filter(holds).max_by_key(|(_, row)| row.prefix.prefix_len());
        self.looked_up(IpNet::from(ip), longest.map(|(idx, _)| idx))
    }
}

impl fmt::Display for IpcacheRow {
    /// As `cilium bpf ipcache list` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tunnel_endpoint = self.tunnel_endpoint.unwrap_or(IpAddr::from([0, 0, 0, 0]));
        write!(
            f,
            "{}   identity={} encryptkey=0 tunnelendpoint={tunnel_endpoint} flags=<none>",
            self.prefix, self.identity
        )
    }
}
