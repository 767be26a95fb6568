//! `cilium_lxc`: the addresses of this node, and which pod has which.

use std::fmt;
use std::net::IpAddr;

use super::BpfRow;
use crate::base::MacAddr;
use crate::net::DevRef;

/// An address of this node (`struct endpoint_info`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointRow {
    /// The address.
    pub ip: IpAddr,
    /// Whose it is.
    pub kind: EndpointKind,
}

/// Whose an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointKind {
    /// The node's own (`ENDPOINT_F_HOST`).
    Host,
    /// A pod's.
    Pod {
        /// Number of the endpoint on this node.
        id: u16,
        /// Security identity.
        identity: u32,
        /// Host end of its cable.
        dev: DevRef,
        /// The pod's link address.
        mac: MacAddr,
        /// The host end's.
        node_mac: MacAddr,
    },
}

impl BpfRow for EndpointRow {
    type Key = IpAddr;
    const COMMAND: &'static str = "cilium bpf endpoint list";
    const HEADING: &'static [&'static str] = &["IP ADDRESS", "LOCAL ENDPOINT INFO"];

    fn key(&self) -> IpAddr {
        self.ip
    }
}

impl fmt::Display for EndpointRow {
    /// As `cilium bpf endpoint list` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:0   ", self.ip)?;
        match &self.kind {
            EndpointKind::Host => f.write_str("(localhost)"),
            EndpointKind::Pod { id, identity, dev, mac, node_mac } => {
                let upper = |mac: &MacAddr| mac.to_string().to_ascii_uppercase();
                write!(
                    f,
                    "id={id:<5} sec_id={identity:<5} flags=0x0000 ifindex={:<3} mac={} nodemac={}",
                    dev.index,
                    upper(mac),
                    upper(node_mac)
                )
            }
        }
    }
}
