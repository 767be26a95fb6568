//! `cilium_lb4_services_v2`: services, each with a row for itself (slot 0) and one for every backend.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::{BpfLookup, BpfMap, BpfRow};
use crate::net::TransportProtocol;

/// From where a service is asked. The two differ only where a traffic policy says `Local`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LbScope {
    /// By clients outside the cluster, and by everybody if the scopes do not differ.
    External,
    /// By the cluster's own pods and nodes.
    Internal,
}

/// The key of a row (`struct lb4_key`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LbKey {
    /// The service's address.
    pub ip: IpAddr,
    /// Its port.
    pub port: u16,
    /// Its protocol.
    pub protocol: TransportProtocol,
    /// From where it is asked.
    pub scope: LbScope,
    /// 0 for the service itself.
    pub slot: u16,
}

/// A service, or one of its backends (`struct lb4_service`, with the backend that it names).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LbRow {
    /// Key.
    pub key: LbKey,
    /// Number under which answers find the service's address (`rev_nat_index`).
    pub rev_nat: u16,
    /// The rest.
    pub value: LbValue,
}

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LbValue {
    /// The service itself.
    Service {
        /// Number of backends.
        count: u16,
        /// What kind of address it is.
        flags: LbFlags,
        /// Who may use it; empty for everybody.
        source_ranges: Arc<[IpNet]>,
    },
    /// A backend.
    Backend {
        /// Its number in `cilium_lb4_backends_v3`.
        id: u32,
        /// Its address and port.
        address: (IpAddr, u16),
    },
}

/// What kind of address a service has (`lb4_service.flags`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LbFlags {
    /// Which of the service's addresses it is.
    pub kind: LbType,
    /// Nobody outside may use it.
    pub non_routable: bool,
    /// `sessionAffinity: ClientIP`.
    pub affinity: bool,
    /// The scopes differ: externalTrafficPolicy is Local.
    pub external_local: bool,
    /// internalTrafficPolicy is Local.
    pub internal_local: bool,
}

/// Which of a service's addresses a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LbType {
    /// Its clusterIP.
    ClusterIp,
    /// A port of every node.
    NodePort,
    /// One of externalIPs.
    ExternalIps,
    /// The load balancer's address.
    LoadBalancer,
}

impl BpfRow for LbRow {
    type Key = LbKey;
    const COMMAND: &'static str = "cilium bpf lb list";
    const HEADING: &'static [&'static str] = &["SERVICE ADDRESS", "BACKEND ADDRESS (REVNAT_ID) (SLOT)"];

    fn key(&self) -> LbKey {
        self.key
    }
}

impl LbRow {
    /// What kind of service it is; `None` for a backend's row.
    #[must_use]
    pub fn flags(&self) -> Option<LbFlags> {
        match self.value {
            LbValue::Service { flags, .. } => Some(flags),
            LbValue::Backend { .. } => None,
        }
    }

    /// Number of the service's backends; 0 for a backend's row.
    #[must_use]
    pub fn count(&self) -> u16 {
        match self.value {
            LbValue::Service { count, .. } => count,
            LbValue::Backend { .. } => 0,
        }
    }

    /// The backend of a backend's row.
    #[must_use]
    pub fn backend(&self) -> Option<(IpAddr, u16)> {
        match self.value {
            LbValue::Service { .. } => None,
            LbValue::Backend { address, .. } => Some(address),
        }
    }
}

impl BpfMap<LbRow> {
    /// The service at an address. Models lib/lb.h lb4_lookup_service; `is_internal` is its `scope_switch`.
    #[must_use]
    pub fn service(&self, address: (IpAddr, u16), protocol: TransportProtocol, is_internal: bool) -> BpfLookup<LbRow> {
        let key = LbKey { ip: address.0, port: address.1, protocol, scope: LbScope::External, slot: 0 };
        let external = self.lookup(key);
        let has_two_scopes = external.row().and_then(LbRow::flags).is_some_and(|flags| flags.external_local);
        match is_internal && has_two_scopes {
            true => self.lookup(LbKey { scope: LbScope::Internal, ..key }),
            false => external,
        }
    }

    /// The backends of a service, by slot.
    pub fn backends(&self, service: LbKey) -> impl Iterator<Item = (IpAddr, u16)> {
        let first = self.rows().partition_point(move |row| row.key <= service);
        let is_its = move |row: &&LbRow| LbKey { slot: 0, ..row.key } == service;
        self.rows()[first..].iter().take_while(is_its).filter_map(LbRow::backend)
    }

    /// The address of the service with this number (`cilium_lb4_reverse_nat`).
    #[must_use]
    pub fn reverse_nat(&self, rev_nat: u16) -> Option<(IpAddr, u16)> {
        let row = self.rows().iter().find(|row| row.rev_nat == rev_nat && row.key.slot == 0)?;
        Some((row.key.ip, row.key.port))
    }
}

impl fmt::Display for LbKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = if self.scope == LbScope::Internal { "/i" } else { "" };
        write!(f, "{}:{}/{}{scope} ({})", self.ip, self.port, self.protocol, self.slot)
    }
}

impl fmt::Display for LbRow {
    /// As `cilium bpf lb list` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, rev_nat, value } = self;
        match value {
            LbValue::Service { flags, .. } => write!(f, "{key}   0.0.0.0:0 ({rev_nat}) (0) [{flags}]"),
            LbValue::Backend { address: (ip, port), .. } => {
                write!(f, "{key}   {ip}:{port}/{} ({rev_nat}) ({})", key.protocol, key.slot)
            }
        }
    }
}

impl fmt::Display for LbFlags {
    /// Models pkg/loadbalancer ServiceFlags.String.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            LbType::ClusterIp => "ClusterIP",
            LbType::NodePort => "NodePort",
            LbType::ExternalIps => "ExternalIPs",
            LbType::LoadBalancer => "LoadBalancer",
        })?;
        // Of the policies the one that is not the type's own is named in full.
        let is_cluster_ip = self.kind == LbType::ClusterIp;
        let words = [
            (self.external_local && !is_cluster_ip, "Local"),
            (self.internal_local, "InternalLocal"),
            (self.affinity, "sessionAffinity"),
            (self.non_routable, "non-routable"),
        ];
        words.iter().filter(|(is_so, _)| *is_so).try_for_each(|(_, word)| write!(f, ", {word}"))
    }
}
