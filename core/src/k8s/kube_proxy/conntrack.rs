//! Connections of UDP that lead to endpoints that are gone.
//!
//! Models pkg/proxy/conntrack/cleanup.go CleanStaleEntries of 1.32 and 1.33: one look at the table, with no memory of what
//! has changed. TCP is left alone: a peer that is gone resets its connections. Policies, zones and whether an endpoint is
//! terminating do not matter: as long as it serves, it keeps what it has. A service that was deleted is not looked for.
//! Upstream keeps one port's endpoints of each address, of which one is left open; here they are those of all its ports.

use std::net::IpAddr;

use super::ServicePorts;
use crate::base::{BTreeMap, BTreeSet};
use crate::k8s::objects::Protocol;
use crate::netfilter::{Connection, Conntrack};

/// IP protocol number of UDP.
const UDP: u8 = 17;

/// Forgets the connections to services whose endpoint no longer serves them, and returns them.
pub(super) fn clean(table: &mut Conntrack, ports: &ServicePorts) -> Vec<Connection> {
    let mut by_address: BTreeMap<IpAddr, BTreeSet<IpAddr>> = BTreeMap::new();
    let mut by_node_port: BTreeMap<u16, BTreeSet<IpAddr>> = BTreeMap::new();
    // Most tables have none, and to ask ten thousand services takes long.
    if !table.has_any(|connection| connection.original.protocol == UDP) {
        return Vec::new();
    }
    for port in ports.iter().filter(|port| port.protocol == Protocol::Udp) {
        let serving = || port.endpoints.iter().filter(|endpoint| endpoint.serving).map(|it| it.address.ip());
        for ip in [port.cluster_ip].iter().chain(&port.load_balancer_ips).chain(&port.external_ips) {
            by_address.entry(*ip).or_default().extend(serving());
        }
        if let Some(node_port) = port.node_port {
            by_node_port.entry(node_port).or_default().extend(serving());
        }
    }
    table.delete(|connection| {
        let (original, reply) = (connection.original, connection.reply);
        let is_stale = |serving: Option<&BTreeSet<IpAddr>>| serving.is_some_and(|it| !it.contains(&reply.src.0));
        original.protocol == UDP
            && (is_stale(by_address.get(&original.dst.0)) || is_stale(by_node_port.get(&original.dst.1)))
    })
}
