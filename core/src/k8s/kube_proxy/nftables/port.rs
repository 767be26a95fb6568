//! What one port of a service has in the table: its chains, the sets that remember its clients, its elements.
//!
//! Models the loop over svcPortMap in pkg/proxy/nftables/proxier.go syncProxyRules, and writeServiceToEndpointRules.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::base::{MARK_MASQ, REJECT, rule};
use super::{Holder, Slot};
use crate::base::{Refusal, ServiceNote};
use crate::k8s::kube_proxy::{
    Endpoint, ProxyConfig, ServicePort, Serving, categorize, names, protocol_name, protocol_number,
};
use crate::netfilter::nft::{
    DataType, Element, Field, Key, Numgen, NumgenMode, Rule, Set, SetRef, Span, Statement, UpdateOp, Verdict,
};
use crate::netfilter::{AddressType, NatRange};

/// A port of a service on one node, with the names of its chains and what leads to which.
pub(super) struct Port<'a> {
    service: &'a ServicePort,
    config: &'a ProxyConfig,
    serving: Serving<'a>,
    /// What rules and elements know of it: of those that serve it, and of those that refuse.
    serves: Arc<ServiceNote>,
    refuses: Arc<ServiceNote>,
    /// Endpoints of all nodes.
    cluster: Arc<str>,
    /// Endpoints of this node.
    local: Arc<str>,
    /// What came to an address that is not the clusterIP.
    external: Arc<str>,
    /// Who may come to a load balancer's address, if that is limited.
    firewall: Option<Arc<str>>,
    has_internal: bool,
    has_external: bool,
}

/// Chains or sets by name.
type Named<T> = Vec<(Arc<str>, T)>;

/// An endpoint with the names of its chain and of the set that remembers its clients.
struct Backend<'a> {
    endpoint: &'a Endpoint,
    chain: Arc<str>,
    affinity: Arc<str>,
}

impl<'a> Port<'a> {
    pub(super) fn new(service: &'a ServicePort, config: &'a ProxyConfig) -> Self {
        let serving = categorize(service, &config.node_name, &config.zone);
        let base = names::readable(&service.name, protocol_name(service.protocol), None);
        let chain = |prefix: &str| -> Arc<str> { format!("{prefix}{base}").into() };
        let is_limited = !service.load_balancer_ips.is_empty() && !service.source_ranges.is_empty();
        let has = |is_local: bool| if is_local { !serving.local.is_empty() } else { serving.has_any };
        Self {
            serves: service.note(None),
            refuses: service.note(Some(service.refusal(&serving))),
            cluster: chain("service-"),
            local: chain("local-"),
            external: chain("external-"),
            firewall: is_limited.then(|| chain("firewall-")),
            has_internal: has(service.internal_local),
            has_external: has(service.external_local),
            service,
            config,
            serving,
        }
    }

    /// The chain of the endpoints that a policy allows.
    fn policy(&self, is_local: bool) -> &Arc<str> {
        if is_local { &self.local } else { &self.cluster }
    }

    /// Its elements in the table's maps and sets.
    pub(super) fn elements(&self) -> Vec<(Slot, Element)> {
        let service = self.service;
        let protocol = Span::one(protocol_number(service.protocol));
        let at = |ip: IpAddr| vec![Span::ip(ip), protocol, Span::one(service.port)];
        let leads_to = |chain: &Arc<str>| Element {
            verdict: Some(goto(chain)),
            service: Some(self.serves.clone()),
            ..Element::default()
        };
        // A service without endpoints refuses, one whose endpoints are all elsewhere under policy Local says nothing.
        let verdict = if self.serving.has_any { Verdict::Drop } else { Verdict::goto(REJECT) };
        let refusal = || Element {
            verdict: Some(verdict.clone()),
            comment: Some(service.name.as_str().into()),
            service: Some(self.refuses.clone()),
            ..Element::default()
        };
        let mut elements = vec![((Holder::ClusterIps, vec![Span::ip(service.cluster_ip)]), Element::default())];
        elements.push(if self.has_internal {
            let target = self.policy(service.internal_local);
            ((Holder::ServiceIps, at(service.cluster_ip)), leads_to(target))
        } else {
            ((Holder::NoEndpointServices, at(service.cluster_ip)), refusal())
        });
        for ip in service.external_ips.iter().chain(&service.load_balancer_ips) {
            if self.serving.has_any {
                elements.push(((Holder::ServiceIps, at(*ip)), leads_to(&self.external)));
            }
            if !self.has_external {
                elements.push(((Holder::NoEndpointServices, at(*ip)), refusal()));
            }
        }
        if let Some(firewall) = &self.firewall {
            let limited = |ip: &IpAddr| ((Holder::FirewallIps, at(*ip)), leads_to(firewall));
            elements.extend(service.load_balancer_ips.iter().map(limited));
        }
        if let Some(node_port) = service.node_port {
            let key = || vec![protocol, Span::one(node_port)];
            if self.serving.has_any {
                elements.push(((Holder::ServiceNodePorts, key()), leads_to(&self.external)));
            }
            if !self.has_external {
                elements.push(((Holder::NoEndpointNodePorts, key()), refusal()));
            }
        }
        elements
    }

    /// Its chains, and the sets that remember which client went to which endpoint.
    pub(super) fn chains(&self) -> (Named<Vec<Rule>>, Named<Set>) {
        let (service, serving) = (self.service, &self.serving);
        let mut chains = Vec::with_capacity(serving.reachable.len() + 2);
        if serving.has_any && service.is_externally_accessible() {
            chains.push((self.external.clone(), self.external_rules()));
        }
        if let Some(firewall) = &self.firewall {
            chains.push((firewall.clone(), vec![self.firewall_rule()]));
        }
        let backends: Vec<Backend> = serving.reachable.iter().map(|endpoint| self.backend(endpoint)).collect();
        for (is_local, endpoints) in [(false, &serving.cluster), (true, &serving.local)] {
            let mut left = endpoints.iter().peekable();
            // Both lists have the order of all.
            let is_used = |it: &&Backend| left.next_if(|next| std::ptr::eq(**next, it.endpoint)).is_some();
            let used: Vec<&Backend> = backends.iter().filter(is_used).collect();
            if !used.is_empty() {
                chains.push((self.policy(is_local).clone(), self.policy_rules(is_local, &used)));
            }
        }
        let sets = match service.affinity_secs {
            Some(secs) => {
                let set = Set::new(&[DataType::Ipv4Addr]).dynamic().timeout(Duration::from_secs(secs.into()));
                backends.iter().map(|it| (it.affinity.clone(), set.clone())).collect()
            }
            None => Vec::new(),
        };
        chains.extend(backends.iter().map(|backend| (backend.chain.clone(), self.endpoint_rules(backend))));
        (chains, sets)
    }

    fn backend(&self, endpoint: &'a Endpoint) -> Backend<'a> {
        let protocol = protocol_name(self.service.protocol);
        let base = names::readable(&self.service.name, protocol, Some(&endpoint.text));
        let affinity = if self.service.affinity_secs.is_some() { format!("affinity-{base}") } else { String::new() };
        Backend { endpoint, chain: format!("endpoint-{base}").into(), affinity: affinity.into() }
    }

    /// Who is masqueraded, and who gets endpoints of all nodes although the policy is Local.
    fn external_rules(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        if self.service.external_local {
            if let Some(cidr) = self.config.local_cidr {
                let pods = rule().when(Field::IpSaddr.is(Span::net(cidr)));
                rules.push(pods.verdict(goto(&self.cluster)).comment("short-circuit pod traffic"));
            }
            let from_here = || rule().when(Field::FibSaddrType.is(Span::address_type(AddressType::Local)));
            rules.push(from_here().verdict(Verdict::jump(MARK_MASQ)).comment("masquerade local traffic"));
            rules.push(from_here().verdict(goto(&self.cluster)).comment("short-circuit local traffic"));
        } else {
            rules.push(rule().verdict(Verdict::jump(MARK_MASQ)));
        }
        if self.has_external {
            rules.push(rule().verdict(goto(self.policy(self.service.external_local))));
        }
        rules
    }

    /// Drops what comes from elsewhere than the balancer's clients.
    fn firewall_rule(&self) -> Rule {
        let service = self.service;
        let mut nets: Vec<IpNet> = service.source_ranges.iter().map(IpNet::trunc).collect();
        // What the node sends to the balancer's address loops back with that address as its source.
        if nets.iter().any(|net| net.contains(&self.config.node_ip)) {
            nets.extend(service.load_balancer_ips.iter().copied().map(IpNet::from));
        }
        let sources = nets.into_iter().fold(Set::new(&[DataType::Ipv4Addr]), |set, net| set.with([Span::net(net)]));
        let others = Field::IpSaddr.within(sources.anonymous()).negated();
        rule().when(others).verdict(Verdict::Drop).about(&service.note(Some(Refusal::Source)))
    }

    /// Who comes to the clusterIP from outside is masqueraded; a client that is known goes where it was; for all others one
    /// endpoint is drawn.
    fn policy_rules(&self, is_local: bool, backends: &[&Backend<'_>]) -> Vec<Rule> {
        let (service, config) = (self.service, self.config);
        let mut rules = Vec::with_capacity(2);
        if self.has_internal
            && is_local == service.internal_local
            && (config.masquerade_all || config.local_cidr.is_some())
        {
            let mut mark = rule().when(Field::IpDaddr.is(Span::ip(service.cluster_ip)));
            if let Some(cidr) = config.local_cidr.filter(|_| !config.masquerade_all) {
                mark = mark.when(Field::IpSaddr.isnt(Span::net(cidr)));
            }
            rules.push(mark.verdict(Verdict::jump(MARK_MASQ)));
        }
        if service.affinity_secs.is_some() {
            rules.extend(backends.iter().map(|backend| {
                let is_known = Field::IpSaddr.within(SetRef::Named(backend.affinity.clone()));
                rule().when(is_known).verdict(goto(&backend.chain)).about(&self.serves)
            }));
        }
        let choice = backends.iter().zip(0_u32..).fold(Set::vmap(&[DataType::Integer]), |map, (backend, number)| {
            map.with_verdict([Span::one(number)], goto(&backend.chain))
        });
        let n = u32::try_from(backends.len()).unwrap_or(u32::MAX);
        let key = Key::Numgen(Numgen::new(NumgenMode::Random, n));
        rules.push(rule().then(Statement::Vmap { key, map: choice.anonymous() }).about(&self.serves));
        rules
    }

    /// An endpoint that reaches itself is masqueraded; its client is remembered; then the translation.
    fn endpoint_rules(&self, backend: &Backend<'_>) -> Vec<Rule> {
        let service = self.service;
        let (ip, port) = (backend.endpoint.address.ip(), backend.endpoint.address.port());
        let mut rules = vec![rule().when(Field::IpSaddr.is(Span::ip(ip))).verdict(Verdict::jump(MARK_MASQ))];
        if service.affinity_secs.is_some() {
            let (set, fields) = (backend.affinity.clone(), vec![Field::IpSaddr]);
            rules.push(rule().then(Statement::Update { op: UpdateOp::Update, set, fields, timeout: None }));
        }
        let is_protocol = Field::L4proto.is(Span::one(protocol_number(service.protocol)));
        let dnat = Statement::Dnat(NatRange::to(ip, Some(port)));
        rules.push(rule().when(is_protocol).then(dnat).about(&self.serves));
        rules
    }
}

fn goto(chain: &Arc<str>) -> Verdict {
    Verdict::Goto(chain.clone())
}
