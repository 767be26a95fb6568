//! The kubernetes plugin: names of services, endpoints and pods.
//!
//! Models plugin/kubernetes (`handler.go`, `kubernetes.go`, `parse.go`, `reverse.go`, `ns.go`) and the parts of
//! plugin/backend_lookup.go that it uses. Not modelled: zone transfers (refused, as without the transfer plugin).

use std::net::IpAddr;

use super::cluster::{DnsCluster, DnsServicePort};
use crate::base::BTreeSet;
use crate::wire::{DnsName, DnsRecord, Question, RData, Rcode, RecordType, Soa};

/// `pods`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodMode {
    /// No names for pods.
    #[default]
    Disabled,
    /// Any address is a pod's, if the namespace exists.
    Insecure,
    /// Only addresses that pods of the namespace have.
    Verified,
}

/// The plugin's options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubernetes {
    /// The zones it answers for.
    pub zones: Vec<DnsName>,
    /// `pods`.
    pub pod_mode: PodMode,
    /// `ttl`.
    pub ttl: u32,
    /// `namespaces`; empty for all.
    pub namespaces: BTreeSet<String>,
    /// `fallthrough`: the zones whose unknown names are left to the next plugin.
    pub fallthrough: Vec<DnsName>,
    /// `endpoint_pod_names`.
    pub endpoint_pod_names: bool,
    /// `ignore empty_service`.
    pub ignore_empty_service: bool,
    /// `noendpoints`.
    pub no_endpoints: bool,
    /// `multicluster`: zones of imported services.
    pub multicluster: Vec<DnsName>,
    /// `zonal`: names of endpoints in an availability zone.
    pub zonal: bool,
}

/// What the plugin finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) rcode: Rcode,
    pub(super) answers: Vec<DnsRecord>,
    pub(super) authorities: Vec<DnsRecord>,
    pub(super) additionals: Vec<DnsRecord>,
    /// The last answer is an alias that leaves the zone: it is asked elsewhere.
    pub(super) alias: Option<DnsName>,
}

/// Why there is nothing; both are NXDOMAIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoItems;

/// A name taken apart (`recordRequest`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordRequest {
    /// The port's name.
    pub port: String,
    /// Its protocol.
    pub protocol: String,
    /// The endpoint's label.
    pub endpoint: String,
    /// The cluster of an imported endpoint.
    pub cluster: String,
    /// The service's name, or the pod's address with dashes.
    pub service: String,
    /// The namespace.
    pub namespace: String,
    /// `svc` or `pod`; empty at the zone's own names.
    pub pod_or_svc: String,
    /// The availability zone, and whether it is only preferred.
    pub zone: Option<(String, bool)>,
}

/// One thing that a name stands for (`msg.Service`): where, at which port, under which labels in front of the zone.
struct Item {
    host: Host,
    port: Option<u16>,
    labels: Vec<String>,
}

enum Host {
    Ip(IpAddr),
    Name(DnsName),
}

impl RecordRequest {
    /// Takes apart `labels`, in small letters and without those of the zone; `None` for names there cannot be.
    #[must_use]
    pub fn parse(labels: &[String], multicluster: bool, zonal: bool) -> Option<Self> {
        let mut request = Self::default();
        let (kind, rest) = match labels.split_last() {
            None => return Some(request),
            Some((kind, [])) if kind == "svc" || kind == "pod" => return Some(request),
            Some(split) => split,
        };
        if kind != "svc" && kind != "pod" {
            return None;
        }
        request.pod_or_svc.clone_from(kind);
        let Some((namespace, rest)) = rest.split_last() else { return Some(request) };
        request.namespace.clone_from(namespace);
        let Some((service, rest)) = rest.split_last() else { return Some(request) };
        request.service.clone_from(service);
        let bare = |label: &String| label.strip_prefix('_').unwrap_or(label).to_owned();
        match rest {
            [] => {}
            [endpoint] => request.endpoint.clone_from(endpoint),
            [endpoint, cluster] if multicluster && !rest.iter().any(|label| label.starts_with('_')) => {
                request.cluster.clone_from(cluster);
                request.endpoint.clone_from(endpoint);
            }
            [port, protocol] => {
                request.port = bare(port);
                request.protocol = bare(protocol);
            }
            [zone, mode, marker] if zonal && marker == "_zone" && (mode == "pin" || mode == "prefer") => {
                request.zone = Some((zone.clone(), mode == "prefer"));
            }
            _ => return None,
        }
        Some(request)
    }
}

/// Empty fits every port; letters in either case are one.
fn fits(request: &RecordRequest, port: &DnsServicePort) -> bool {
    (request.port.is_empty() || request.port.eq_ignore_ascii_case(&port.name))
        && (request.protocol.is_empty() || request.protocol.eq_ignore_ascii_case(&port.protocol))
}

impl Kubernetes {
    /// The plugin for `zones` with its defaults.
    #[must_use]
    pub fn new(zones: Vec<DnsName>) -> Self {
        Self {
            zones,
            pod_mode: PodMode::Disabled,
            ttl: 5,
            namespaces: BTreeSet::default(),
            fallthrough: Vec::new(),
            endpoint_pod_names: false,
            ignore_empty_service: false,
            no_endpoints: false,
            multicluster: Vec::new(),
            zonal: false,
        }
    }

    /// The answer to `question`; `None` leaves it to the next plugin.
    pub(super) fn serve(&self, cluster: &DnsCluster, local_ips: &[IpAddr], question: &Question) -> Option<Found> {
        let zone = longest_zone(&self.zones, &question.name)?;
        // The zone in the letters of the question.
        let labels: Vec<&[u8]> = question.name.labels().collect();
        let n_own = labels.len() - zone.labels().count();
        let zone = DnsName::from_labels(&labels[n_own..]).ok()?;
        let lookup = Lookup { plugin: self, cluster, local_ips, zone: &zone };
        if [RecordType::AXFR, RecordType::IXFR].contains(&question.qtype) {
            return Some(Found { rcode: Rcode::REFUSED, ..Found::default() });
        }
        let mut found = match lookup.records(question, 0) {
            Ok(found) => found,
            Err(NoItems) if self.fallthrough.iter().any(|zone| question.name.is_within(zone)) => return None,
            Err(NoItems) => Found { rcode: Rcode::NXDOMAIN, ..Found::default() },
        };
        if found.answers.is_empty() {
            found.authorities.push(lookup.soa());
        }
        Some(found)
    }

    fn is_exposed(&self, cluster: &DnsCluster, namespace: &str) -> bool {
        self.is_configured(namespace) && cluster.has_namespace(namespace)
    }

    fn is_configured(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.contains(namespace)
    }

    /// The first zone that is not one of addresses.
    fn primary_zone(&self) -> DnsName {
        self.zones.iter().find(|zone| !is_reverse(zone)).cloned().unwrap_or_default()
    }

    /// The search path of the pod with this address, for autopath; `None` if it is no pod's.
    pub(super) fn search_path(&self, cluster: &DnsCluster, client: IpAddr) -> Option<Vec<DnsName>> {
        if self.pod_mode != PodMode::Verified {
            return None;
        }
        let namespace = cluster.namespace_of(client)?;
        let zone = self.primary_zone();
        let prefixes = [vec![namespace, "svc"], vec!["svc"], vec![]];
        prefixes.iter().map(|labels| joined(labels, &zone)).collect()
    }
}

/// The longest of `zones` that `name` is in (`plugin.Zones.Matches`).
pub(super) fn longest_zone<'a>(zones: &'a [DnsName], name: &DnsName) -> Option<&'a DnsName> {
    zones.iter().filter(|zone| name.is_within(zone)).max_by_key(|zone| zone.as_bytes().len())
}

fn joined<L: AsRef<[u8]>>(labels: &[L], zone: &DnsName) -> Option<DnsName> {
    DnsName::from_labels(labels.iter().map(AsRef::as_ref).chain(zone.labels())).ok()
}

fn text_labels(name: &DnsName) -> Vec<String> {
    name.labels().map(|label| String::from_utf8_lossy(label).to_ascii_lowercase()).collect()
}

fn is_reverse(name: &DnsName) -> bool {
    let labels = text_labels(name);
    matches!(&labels[..], [.., above, arpa] if arpa == "arpa" && (above == "in-addr" || above == "ip6"))
}

/// The address that a name below in-addr.arpa or ip6.arpa stands for (`ExtractAddressFromReverse`).
pub(super) fn reverse_address(name: &DnsName) -> Option<IpAddr> {
    let labels = text_labels(name);
    let digits = |labels: &[String], every: usize, gap: &str| {
        let parts: Vec<String> = labels.iter().rev().cloned().collect();
        parts.chunks(every).map(<[String]>::concat).collect::<Vec<_>>().join(gap)
    };
    match &labels[..] {
        [octets @ .., above, arpa] if arpa == "arpa" && above == "in-addr" => {
            digits(octets, 1, ".").parse().ok().map(IpAddr::V4)
        }
        [nibbles @ .., above, arpa] if arpa == "arpa" && above == "ip6" && nibbles.len() == 32 => {
            digits(nibbles, 4, ":").parse().ok().map(IpAddr::V6)
        }
        _ => None,
    }
}

/// One question's view of the plugin.
struct Lookup<'a> {
    plugin: &'a Kubernetes,
    cluster: &'a DnsCluster,
    local_ips: &'a [IpAddr],
    zone: &'a DnsName,
}

impl Lookup<'_> {
    fn record(&self, owner: &DnsName, data: RData) -> DnsRecord {
        DnsRecord::new(owner.clone(), self.plugin.ttl, data)
    }

    fn soa(&self) -> DnsRecord {
        let below = |labels: &[&str]| joined(labels, self.zone).unwrap_or_default();
        let data = RData::Soa(Soa {
            mname: below(&["ns", "dns"]),
            rname: below(&["hostmaster"]),
            serial: self.cluster.serial(),
            refresh: 7200,
            retry: 1800,
            expire: 86400,
            minimum: self.plugin.ttl,
        });
        DnsRecord::new(self.zone.clone(), self.plugin.ttl.min(300), data)
    }

    /// The labels in front of the zone.
    fn labels(&self, name: &DnsName) -> Vec<String> {
        let mut labels = text_labels(name);
        labels.truncate(labels.len().saturating_sub(self.zone.labels().count()));
        labels
    }

    fn records(&self, question: &Question, n_aliases: usize) -> Result<Found, NoItems> {
        let Question { name, qtype, .. } = question;
        let labels = self.labels(name);
        let mut found = Found::default();
        match *qtype {
            RecordType::A | RecordType::AAAA => return self.addresses(question, n_aliases),
            RecordType::TXT if labels == ["dns-version"] => {
                let data = RData::Txt(vec![b"1.1.0".to_vec()]);
                found.answers.push(DnsRecord::new(name.clone(), 28800, data));
            }
            RecordType::CNAME => {
                if let Some(Item { host: Host::Name(target), .. }) = self.items(&labels, name)?.first() {
                    found.answers.push(self.record(name, RData::Cname(target.clone())));
                }
            }
            RecordType::PTR => match reverse_address(name) {
                Some(ip) => found.answers = self.names_of(ip, name)?,
                None => drop(self.items(&labels, name)?),
            },
            RecordType::SRV => self.srv(&labels, name, &mut found)?,
            RecordType::SOA if labels.is_empty() => found.answers.push(self.soa()),
            RecordType::NS if labels.is_empty() => self.ns(name, &mut found),
            _ => drop(self.items(&labels, name)?),
        }
        Ok(found)
    }

    /// `plugin.A` and `plugin.AAAA`.
    fn addresses(&self, question: &Question, n_aliases: usize) -> Result<Found, NoItems> {
        let Question { name, qtype, .. } = question;
        let labels = self.labels(name);
        let items = if labels == ["ns", "dns"] {
            let item = |ip| Item { host: Host::Ip(ip), port: None, labels: Vec::new() };
            self.ns_addresses().into_iter().map(|(_, ip)| item(ip)).collect()
        } else {
            self.items(&labels, name)?
        };
        let (mut found, mut seen) = (Found::default(), BTreeSet::new());
        for item in items {
            match item.host {
                Host::Ip(ip) if (*qtype == RecordType::A) == ip.is_ipv4() && seen.insert(ip) => {
                    found.answers.push(DnsRecord::address(name.clone(), self.plugin.ttl, ip));
                }
                Host::Ip(_) => {}
                // A name for itself, or a chain of more than eight.
                Host::Name(target) if target.is_within(name) || n_aliases > 7 => {}
                Host::Name(target) => {
                    let alias = self.record(name, RData::Cname(target.clone()));
                    if !target.is_within(self.zone) {
                        found.answers.push(alias);
                        found.alias = Some(target);
                        continue;
                    }
                    let next = Question::new(target, *qtype);
                    let Ok(next) = self.records(&next, n_aliases + 1) else { continue };
                    if !next.answers.is_empty() {
                        found.answers.push(alias);
                        found.answers.extend(next.answers);
                        found.alias = next.alias;
                    }
                }
            }
        }
        Ok(found)
    }

    fn srv(&self, labels: &[String], name: &DnsName, found: &mut Found) -> Result<(), NoItems> {
        let mut items = self.items(labels, name)?;
        // An alias has no port.
        items.retain(|item| matches!(item.host, Host::Ip(_)));
        let weight = (100 / items.len().max(1)).max(1) as u16;
        let (mut targets, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for item in items {
            let (Host::Ip(ip), Some(port)) = (item.host, item.port) else { continue };
            let Some(target) = joined(&item.labels, self.zone) else { continue };
            if targets.insert((target.clone(), port)) {
                let data = RData::Srv { priority: 0, weight, port, target: target.clone() };
                found.answers.push(self.record(name, data));
            }
            if addresses.insert((target.clone(), ip)) {
                found.additionals.push(DnsRecord::address(target, self.plugin.ttl, ip));
            }
        }
        Ok(())
    }

    fn ns(&self, owner: &DnsName, found: &mut Found) {
        let mut seen = BTreeSet::new();
        for (name, ip) in self.ns_addresses() {
            found.additionals.push(DnsRecord::address(name.clone(), self.plugin.ttl, ip));
            if seen.insert(name.clone()) {
                found.answers.push(self.record(owner, RData::Ns(name)));
            }
        }
    }

    /// Under which names CoreDNS itself is found (`nsAddrs`): its services', or its own addresses.
    fn ns_addresses(&self) -> Vec<(DnsName, IpAddr)> {
        let index = self.cluster.index(false);
        let mut found = Vec::new();
        for slice in self.local_ips.iter().flat_map(|ip| index.with_endpoint_ip(*ip)) {
            let Some(service) = index.service(&slice.namespace, &slice.service) else { continue };
            let labels = [&service.name[..], &service.namespace, "svc"].map(str::to_owned);
            if service.headless {
                for endpoint in &slice.endpoints {
                    let label = endpoint.label(self.plugin.endpoint_pod_names);
                    found.push((joined(&[&[label][..], &labels].concat(), self.zone), endpoint.ip));
                }
            }
            found.extend(service.cluster_ips.iter().map(|ip| (joined(&labels, self.zone), *ip)));
        }
        if found.is_empty() {
            found.extend(self.local_ips.iter().map(|ip| (joined(&["ns", "dns"], self.zone), *ip)));
        }
        found.into_iter().filter_map(|(name, ip)| Some((name?, ip))).collect()
    }

    /// `serviceRecordForIP`.
    fn names_of(&self, ip: IpAddr, owner: &DnsName) -> Result<Vec<DnsRecord>, NoItems> {
        let index = self.cluster.index(false);
        let zone = self.plugin.primary_zone();
        let mut names = Vec::new();
        if let Some(service) = index.with_cluster_ip(ip).find(|service| self.plugin.is_configured(&service.namespace)) {
            names.extend(joined(&[&service.name[..], &service.namespace, "svc"], &zone));
        } else {
            for slice in index.with_endpoint_ip(ip).filter(|slice| self.plugin.is_configured(&slice.namespace)) {
                for endpoint in slice.endpoints.iter().filter(|endpoint| endpoint.ip == ip) {
                    let label = endpoint.label(self.plugin.endpoint_pod_names);
                    names.extend(joined(&[&label[..], &slice.service, &slice.namespace, "svc"], &zone));
                }
            }
        }
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        if names.is_empty() {
            return Err(NoItems);
        }
        Ok(names.into_iter().map(|name| self.record(owner, RData::Ptr(name))).collect())
    }

    /// `Records`: what the name stands for; nothing, without an error, where it exists without records.
    fn items(&self, labels: &[String], name: &DnsName) -> Result<Vec<Item>, NoItems> {
        let is_multicluster = self.plugin.multicluster.iter().any(|zone| zone.is_same(self.zone));
        let request = RecordRequest::parse(labels, is_multicluster, self.plugin.zonal).ok_or(NoItems)?;
        if request.pod_or_svc.is_empty() {
            return Ok(Vec::new());
        }
        let is_pod = request.pod_or_svc == "pod";
        let is_exposed = self.plugin.is_exposed(self.cluster, &request.namespace);
        if is_reverse(name) || !is_exposed || is_pod && self.plugin.pod_mode == PodMode::Disabled {
            return Err(NoItems);
        }
        match () {
            () if request.service.is_empty() => Ok(Vec::new()),
            () if is_pod => self.pod(&request),
            () => self.service(&request, is_multicluster),
        }
    }

    /// `findPods`.
    fn pod(&self, request: &RecordRequest) -> Result<Vec<Item>, NoItems> {
        let name = &request.service;
        let is_v4 = name.matches('-').count() == 3 && !name.contains("--");
        let ip: IpAddr = name.replace('-', if is_v4 { "." } else { ":" }).parse().map_err(|_| NoItems)?;
        if self.plugin.pod_mode == PodMode::Verified && !self.cluster.has_pod(&request.namespace, ip) {
            return Err(NoItems);
        }
        Ok(vec![Item { host: Host::Ip(ip), port: None, labels: Vec::new() }])
    }

    /// `findServices` and `findMultiClusterServices`.
    fn service(&self, request: &RecordRequest, imported: bool) -> Result<Vec<Item>, NoItems> {
        let index = self.cluster.index(imported);
        let service = index.service(&request.namespace, &request.service).ok_or(NoItems)?;
        let slices = if self.plugin.no_endpoints { &[] } else { index.slices(&request.namespace, &request.service) };
        let labels = [&service.name[..], &service.namespace, "svc"].map(str::to_owned);
        if let Some(external) = &service.external_name {
            if [&request.endpoint, &request.port, &request.protocol].iter().any(|part| !part.is_empty())
                || request.zone.is_some()
            {
                return Err(NoItems);
            }
            let target = external.parse().map_err(|_| NoItems)?;
            return Ok(vec![Item { host: Host::Name(target), port: None, labels: labels.into() }]);
        }
        let is_empty = slices.iter().all(|slice| slice.endpoints.is_empty());
        if self.plugin.ignore_empty_service && !service.headless && is_empty {
            return Err(NoItems);
        }
        let mut items = Vec::new();
        if service.headless || !request.endpoint.is_empty() {
            let is_wanted = |zone: &str| match &request.zone {
                Some((wanted, _)) => zone.eq_ignore_ascii_case(wanted),
                None => true,
            };
            let all = || slices.iter().flat_map(|slice| slice.endpoints.iter().map(move |endpoint| (slice, endpoint)));
            // `prefer` takes every endpoint where the zone has none.
            let is_free = matches!(request.zone, Some((_, true))) && !all().any(|(_, e)| is_wanted(&e.zone));
            for (slice, endpoint) in all().filter(|(_, endpoint)| is_free || is_wanted(&endpoint.zone)) {
                let label = endpoint.label(self.plugin.endpoint_pod_names);
                let is_cluster = request.cluster.is_empty() || request.cluster.eq_ignore_ascii_case(&slice.cluster);
                if !(request.endpoint.is_empty() || request.endpoint.eq_ignore_ascii_case(&label)) || !is_cluster {
                    continue;
                }
                for port in slice.ports.iter().filter(|port| fits(request, port)) {
                    let clusters = (!slice.cluster.is_empty()).then(|| slice.cluster.clone());
                    let labels = [label.clone()].into_iter().chain(clusters).chain(labels.clone()).collect();
                    items.push(Item { host: Host::Ip(endpoint.ip), port: port.port, labels });
                }
            }
            // A zone without endpoints is a name without records.
            if request.zone.is_some() && !is_empty {
                return Ok(items);
            }
        } else if request.zone.is_none() {
            for port in service.ports.iter().filter(|port| fits(request, port)) {
                let item = |ip: &IpAddr| Item { host: Host::Ip(*ip), port: port.port, labels: labels.to_vec() };
                items.extend(service.cluster_ips.iter().map(item));
            }
        }
        if items.is_empty() { Err(NoItems) } else { Ok(items) }
    }
}
