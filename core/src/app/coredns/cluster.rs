//! What CoreDNS' kubernetes plugin has heard from the API server, with the indexes it looks things up by.
//!
//! Models plugin/kubernetes/controller.go and its `object` package: plain data, so that who talks knows no Kubernetes.

use std::net::IpAddr;

use crate::base::{BTreeMap, BTreeSet};

/// A service, or a ServiceImport of another cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsService {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Its addresses; none for a headless or ExternalName service.
    pub cluster_ips: Vec<IpAddr>,
    /// `clusterIP: None`.
    pub headless: bool,
    /// `spec.externalName` of an ExternalName service.
    pub external_name: Option<String>,
    /// Its ports.
    pub ports: Vec<DnsServicePort>,
}

/// A port with its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsServicePort {
    /// Name; empty if none.
    pub name: String,
    /// Protocol, in any case.
    pub protocol: String,
    /// The number; `None` stands in where a service or slice declares no port at all (upstream's -1).
    pub port: Option<u16>,
}

/// The ready endpoints of one EndpointSlice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsSlice {
    /// Namespace.
    pub namespace: String,
    /// The service it belongs to.
    pub service: String,
    /// The cluster it was imported from; empty for the own one.
    pub cluster: String,
    /// Ready endpoints.
    pub endpoints: Vec<DnsEndpoint>,
    /// Ports.
    pub ports: Vec<DnsServicePort>,
}

/// One address of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsEndpoint {
    /// The address.
    pub ip: IpAddr,
    /// `hostname`; empty if none.
    pub hostname: String,
    /// The pod behind it; empty if none.
    pub pod: String,
    /// The availability zone; empty if none.
    pub zone: String,
}

impl DnsEndpoint {
    /// The label it is found under (`endpointHostname`): its hostname, the pod's name if that is wanted and short enough,
    /// or its address with dashes.
    #[must_use]
    pub fn label(&self, by_pod_name: bool) -> String {
        if !self.hostname.is_empty() {
            return self.hostname.to_ascii_lowercase();
        }
        if by_pod_name && !self.pod.is_empty() && self.pod.len() <= 63 {
            return self.pod.clone();
        }
        let dashed = self.ip.to_string().replace(['.', ':'], "-");
        // A label does not end in a dash.
        if dashed.ends_with('-') { dashed + "0" } else { dashed }
    }
}

/// All of it. The indexes are made once; a lookup costs the same in a large cluster.
#[derive(Clone, Debug, Default)]
pub struct DnsCluster {
    namespaces: BTreeSet<String>,
    own: Index,
    imported: Index,
    pods: BTreeMap<IpAddr, BTreeSet<String>>,
    serial: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    services: BTreeMap<(String, String), DnsService>,
    slices: BTreeMap<(String, String), Vec<DnsSlice>>,
    by_cluster_ip: BTreeMap<IpAddr, Vec<(String, String)>>,
    by_endpoint_ip: BTreeMap<IpAddr, Vec<(String, String)>>,
}

impl DnsCluster {
    /// A cluster without anything, as of the change with this number.
    #[must_use]
    pub fn new(serial: u32) -> Self {
        Self { serial, ..Self::default() }
    }

    /// A namespace there is.
    pub fn add_namespace(&mut self, name: &str) {
        self.namespaces.insert(name.to_owned());
    }

    /// A service, and its namespace.
    pub fn add_service(&mut self, service: DnsService) {
        self.add_namespace(&service.namespace);
        self.own.add_service(service);
    }

    /// A slice.
    pub fn add_slice(&mut self, slice: DnsSlice) {
        self.own.add_slice(slice);
    }

    /// A ServiceImport, and its namespace.
    pub fn add_import(&mut self, service: DnsService) {
        self.add_namespace(&service.namespace);
        self.imported.add_service(service);
    }

    /// A slice of an imported service.
    pub fn add_imported_slice(&mut self, slice: DnsSlice) {
        self.imported.add_slice(slice);
    }

    /// A pod's address.
    pub fn add_pod(&mut self, namespace: &str, ip: IpAddr) {
        self.pods.entry(ip).or_default().insert(namespace.to_owned());
    }

    /// When it changed last: the serial number of the zone.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.serial
    }

    pub(super) fn has_namespace(&self, name: &str) -> bool {
        self.namespaces.contains(name)
    }

    pub(super) fn has_pod(&self, namespace: &str, ip: IpAddr) -> bool {
        self.pods.get(&ip).is_some_and(|namespaces| namespaces.contains(namespace))
    }

    /// In which namespace the pod with this address is.
    pub(super) fn namespace_of(&self, ip: IpAddr) -> Option<&str> {
        self.pods.get(&ip)?.iter().next().map(String::as_str)
    }

    pub(super) fn index(&self, imported: bool) -> &Index {
        if imported { &self.imported } else { &self.own }
    }
}

impl Index {
    fn add_service(&mut self, mut service: DnsService) {
        if service.ports.is_empty() {
            service.ports.push(DnsServicePort::default());
        }
        let key = (service.namespace.clone(), service.name.clone());
        for ip in &service.cluster_ips {
            self.by_cluster_ip.entry(*ip).or_default().push(key.clone());
        }
        self.services.insert(key, service);
    }

    fn add_slice(&mut self, mut slice: DnsSlice) {
        if slice.ports.is_empty() {
            slice.ports.push(DnsServicePort::default());
        }
        let key = (slice.namespace.clone(), slice.service.clone());
        for endpoint in &slice.endpoints {
            let keys = self.by_endpoint_ip.entry(endpoint.ip).or_default();
            if !keys.contains(&key) {
                keys.push(key.clone());
            }
        }
        self.slices.entry(key).or_default().push(slice);
    }

    pub(super) fn service(&self, namespace: &str, name: &str) -> Option<&DnsService> {
        self.services.get(&(namespace.to_owned(), name.to_owned()))
    }

    pub(super) fn slices(&self, namespace: &str, service: &str) -> &[DnsSlice] {
        self.slices.get(&(namespace.to_owned(), service.to_owned())).map_or(&[], Vec::as_slice)
    }

    pub(super) fn with_cluster_ip(&self, ip: IpAddr) -> impl Iterator<Item = &DnsService> {
        self.by_cluster_ip.get(&ip).into_iter().flatten().filter_map(|key| self.services.get(key))
    }

    /// The slices of the services that have an endpoint with this address.
    pub(super) fn with_endpoint_ip(&self, ip: IpAddr) -> impl Iterator<Item = &DnsSlice> {
        let keys = self.by_endpoint_ip.get(&ip).into_iter().flatten();
        keys.filter_map(|key| self.slices.get(key)).flatten()
    }
}
