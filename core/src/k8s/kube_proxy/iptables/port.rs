//! The rules of one service port.
//!
//! Models the loop over services of pkg/proxy/iptables/proxier.go syncProxyRules, writeServiceToEndpointRules.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::{MARK_MASQ, Shared, rule};
use crate::base::{Refusal, ServiceNote};
use crate::k8s::kube_proxy::{
    Endpoint, ProxyConfig, ServicePort, Serving, categorize, names, protocol_name, protocol_number,
};
use crate::k8s::objects::Protocol;
use crate::netfilter::{AddressType, Match, NatRange, Not, RecentOp, RejectWith, Rule, Target};
use crate::wire::IcmpError;

/// What a service port has written.
#[derive(Clone, Debug)]
pub(super) struct PortRules {
    /// The port as it was then.
    pub port: Arc<ServicePort>,
    /// Its rules in the chains that all services share.
    pub captures: Vec<(Shared, Arc<Rule>)>,
    /// The names of its own chains.
    pub chains: Vec<Arc<str>>,
}

/// A chain and its rules.
pub(super) type NewChain = (Arc<str>, Vec<Arc<Rule>>);

impl PortRules {
    /// The rules of a port, and its own chains.
    pub(super) fn new(port: &Arc<ServicePort>, config: &ProxyConfig, is_large: bool) -> (Self, Vec<NewChain>) {
        let serving = categorize(port, &config.node_name, &config.zone);
        let named = Port::new(port, &serving, config);
        let own = named.own_chains(is_large);
        let chains = own.iter().map(|(chain, _)| chain.clone()).collect();
        (Self { port: port.clone(), captures: named.capture(), chains }, own)
    }
}

/// A service port with the names of its chains and what leads to which.
struct Port<'a> {
    service: &'a ServicePort,
    serving: &'a Serving<'a>,
    config: &'a ProxyConfig,
    /// KUBE-SVC: endpoints of all nodes.
    cluster: Arc<str>,
    /// KUBE-SVL: endpoints of this node.
    local: Arc<str>,
    /// KUBE-EXT: what came to an address that is not the clusterIP.
    external: Arc<str>,
    /// KUBE-FW: what came to a load balancer's address whose clients are limited.
    firewall: Option<Arc<str>>,
    has_internal: bool,
    has_external: bool,
    /// What rules that serve say of the service, and what rules that refuse do.
    serves: Arc<ServiceNote>,
    refuses: Arc<ServiceNote>,
}

impl<'a> Port<'a> {
    fn new(service: &'a ServicePort, serving: &'a Serving<'a>, config: &'a ProxyConfig) -> Self {
        // The four names differ by their beginning only.
        let hashed = names::chain("", &[&service.name, protocol_name(service.protocol)]);
        let chain = |prefix: &str| -> Arc<str> { format!("{prefix}{hashed}").into() };
        let limits = serving.has_any && !service.load_balancer_ips.is_empty() && !service.source_ranges.is_empty();
        let has = |is_local: bool| if is_local { !serving.local.is_empty() } else { serving.has_any };
        Self {
            service,
            serving,
            config,
            cluster: chain("KUBE-SVC-"),
            local: chain("KUBE-SVL-"),
            external: chain("KUBE-EXT-"),
            firewall: limits.then(|| chain("KUBE-FW-")),
            has_internal: has(service.internal_local),
            has_external: has(service.external_local),
            serves: service.note(None),
            refuses: service.note(Some(service.refusal(serving))),
        }
    }

    /// The chain of the endpoints that a policy allows.
    fn policy(&self, is_local: bool) -> &Arc<str> {
        if is_local { &self.local } else { &self.cluster }
    }

    /// `rule` for packets to a port of an address.
    fn to(&self, rule: Rule, ip: Option<IpAddr>, port: u16, comment: &str) -> Rule {
        let rule = rule.protocol(protocol_number(self.service.protocol)).comment(comment);
        let refuses = matches!(rule.target, Target::Drop | Target::Reject(_));
        let mut rule = rule.about(if refuses { &self.refuses } else { &self.serves });
        rule.dst = ip.map(|ip| Not::is(IpNet::from(ip)));
        rule.and(Match::dport(port))
    }

    /// The same, for the service's port, with a comment of the service's name and `what`.
    fn to_service(&self, target: Target, ip: IpAddr, what: &str) -> Rule {
        self.to(rule(target), Some(ip), self.service.port, &format!("{} {what}", self.service.name))
    }

    /// What leads to this service's chains, and what refuses packets that none of its endpoints may have: rules for the
    /// chains that all services share.
    fn capture(&self) -> Vec<(Shared, Arc<Rule>)> {
        let (service, has_any) = (self.service, self.serving.has_any);
        let (refuse, refusal) = if has_any {
            (Target::Drop, "has no local endpoints")
        } else {
            (Target::Reject(RejectWith::Icmp(IcmpError::PortUnreach)), "has no endpoints")
        };
        let mut rules = Vec::with_capacity(1);
        let mut push = |chain: Shared, rule: Rule| rules.push((chain, Arc::new(rule)));
        if self.has_internal {
            let target = jump(self.policy(service.internal_local));
            push(Shared::NatServices, self.to_service(target, service.cluster_ip, "cluster IP"));
        } else {
            push(Shared::FilterServices, self.to_service(refuse.clone(), service.cluster_ip, refusal));
        }
        for ip in &service.external_ips {
            if has_any {
                push(Shared::NatServices, self.to_service(jump(&self.external), *ip, "external IP"));
            }
            if !self.has_external {
                push(Shared::ExternalServices, self.to_service(refuse.clone(), *ip, refusal));
            }
        }
        for ip in &service.load_balancer_ips {
            if has_any {
                let target = jump(self.firewall.as_ref().unwrap_or(&self.external));
                push(Shared::NatServices, self.to_service(target, *ip, "loadbalancer IP"));
            }
            if let Some(firewall) = &self.firewall {
                let what = format!("traffic not accepted by {firewall}");
                let drop = self.to_service(Target::Drop, *ip, &what);
                push(Shared::ProxyFirewall, drop.about(&service.note(Some(Refusal::Source))));
            }
            if !self.has_external {
                push(Shared::ExternalServices, self.to_service(refuse.clone(), *ip, refusal));
            }
        }
        if let Some(node_port) = service.node_port {
            if has_any {
                push(Shared::NatNodePorts, self.to(rule(jump(&self.external)), None, node_port, &service.name));
            }
            if !self.has_external {
                let refuse = rule(refuse)
                    .about(&self.refuses)
                    .protocol(protocol_number(service.protocol))
                    .comment(&format!("{} {refusal}", service.name))
                    .and(Match::dst_type(AddressType::Local))
                    .and(Match::dport(node_port));
                push(Shared::ExternalServices, refuse);
            }
        }
        if let Some(port) = service.health_check_node_port {
            let accept = rule(Target::Accept).protocol(protocol_number(Protocol::Tcp));
            let accept = accept.comment(&format!("{} health check node port", service.name)).and(Match::dport(port));
            push(Shared::FilterNodePorts, accept);
        }
        rules
    }

    /// The chains of this service alone, which are all in table nat.
    fn own_chains(&self, is_large: bool) -> Vec<NewChain> {
        let (service, serving) = (self.service, self.serving);
        let mut made = Vec::with_capacity(serving.reachable.len() + 1);
        let mut make = |chain: &Arc<str>, rules: Vec<Rule>| {
            made.push((chain.clone(), rules.into_iter().map(Arc::new).collect()));
        };
        if serving.has_any && service.is_externally_accessible() {
            make(&self.external, self.external_rules());
        }
        if let Some(firewall) = &self.firewall {
            make(firewall, self.firewall_rules());
        }
        let chain = |endpoint: &&'a Endpoint| (*endpoint, self.endpoint_chain(endpoint));
        let chains: Vec<(&Endpoint, Arc<str>)> = serving.reachable.iter().map(chain).collect();
        for (is_local, endpoints) in [(false, &serving.cluster), (true, &serving.local)] {
            let mut left = endpoints.iter().peekable();
            // Both lists have the order of all.
            let is_used = |(it, _): &&(&Endpoint, Arc<str>)| left.next_if(|next| std::ptr::eq(**next, *it)).is_some();
            let used: Vec<&(&Endpoint, Arc<str>)> = chains.iter().filter(is_used).collect();
            if !used.is_empty() {
                make(self.policy(is_local), self.policy_rules(is_local, &used));
            }
        }
        for (endpoint, chain) in &chains {
            make(chain, self.endpoint_rules(endpoint, chain, is_large).into());
        }
        made
    }

    fn endpoint_chain(&self, endpoint: &Endpoint) -> Arc<str> {
        names::chain("KUBE-SEP-", &[&self.service.name, protocol_name(self.service.protocol), &endpoint.text])
    }

    /// KUBE-EXT: who is masqueraded, and who gets endpoints of all nodes although the policy is Local.
    fn external_rules(&self) -> Vec<Rule> {
        let name = &self.service.name;
        let destinations = |what: &str| format!("{what} {name} external destinations");
        let mut rules = Vec::new();
        if self.service.external_local {
            if let Some(cidr) = self.config.local_cidr {
                let pods = rule(jump(&self.cluster)).src(Not::is(cidr)).comment(&destinations("pod traffic for"));
                rules.push(pods);
            }
            let from_here =
                |target, what| rule(target).comment(&destinations(what)).and(Match::src_type(AddressType::Local));
            rules.push(from_here(Target::Jump(MARK_MASQ.into()), "masquerade LOCAL traffic for"));
            rules.push(from_here(jump(&self.cluster), "route LOCAL traffic for"));
        } else {
            rules.push(rule(Target::Jump(MARK_MASQ.into())).comment(&destinations("masquerade traffic for")));
        }
        if self.has_external {
            rules.push(rule(jump(self.policy(self.service.external_local))));
        }
        rules
    }

    /// KUBE-FW: whose clients may go on; the others are not translated, and KUBE-PROXY-FIREWALL drops them.
    fn firewall_rules(&self) -> Vec<Rule> {
        let service = self.service;
        let comment = format!("{} loadbalancer IP", service.name);
        let from = |net: IpNet| rule(jump(&self.external)).src(Not::is(net)).comment(&comment);
        let mut rules: Vec<Rule> = service.source_ranges.iter().map(|net| from(net.trunc())).collect();
        // What the node sends to the balancer's address loops back with that address as its source.
        if service.source_ranges.iter().any(|net| net.contains(&self.config.node_ip)) {
            rules.extend(service.load_balancer_ips.iter().map(|ip| from(IpNet::from(*ip))));
        }
        let rest = format!("other traffic to {} will be dropped by KUBE-PROXY-FIREWALL", service.name);
        rules.push(rule(Target::None).comment(&rest));
        rules
    }

    /// KUBE-SVC or KUBE-SVL: who comes to the clusterIP from outside is masqueraded, then one endpoint is picked.
    fn policy_rules(&self, is_local: bool, endpoints: &[&(&Endpoint, Arc<str>)]) -> Vec<Rule> {
        let (service, config) = (self.service, self.config);
        let mut rules = Vec::with_capacity(endpoints.len() + 1);
        let masquerades = config.masquerade_all || config.local_cidr.is_some();
        if self.has_internal && is_local == service.internal_local && masquerades {
            let mut mark = self.to_service(Target::Jump(MARK_MASQ.into()), service.cluster_ip, "cluster IP");
            mark.src = config.local_cidr.filter(|_| !config.masquerade_all).map(Not::isnt);
            rules.push(mark);
        }
        let pick = |endpoint: &Endpoint, chain: &Arc<str>| {
            rule(jump(chain)).comment(&format!("{} -> {}", service.name, endpoint.text))
        };
        if let Some(seconds) = service.affinity_secs {
            rules.extend(endpoints.iter().map(|(endpoint, chain)| {
                let (list, op) = (chain.clone(), Not::is(RecentOp::Rcheck));
                pick(endpoint, chain).and(Match::Recent { list, op, seconds: Some(seconds), reap: true })
            }));
        }
        for (idx, (endpoint, chain)) in endpoints.iter().enumerate() {
            let left = endpoints.len() - idx;
            let pick = pick(endpoint, chain);
            rules.push(if left > 1 { pick.and(Match::random(probability(left))) } else { pick });
        }
        rules
    }

    /// KUBE-SEP: an endpoint that reaches itself is masqueraded; then the translation.
    fn endpoint_rules(&self, endpoint: &Endpoint, chain: &Arc<str>, is_large: bool) -> [Rule; 2] {
        let service = self.service;
        let say = |rule: Rule| if is_large { rule } else { rule.comment(&service.name) };
        let to_itself = rule(Target::Jump(MARK_MASQ.into())).src(Not::is(IpNet::from(endpoint.address.ip())));
        let range = NatRange::to(endpoint.address.ip(), Some(endpoint.address.port()));
        let dnat = rule(Target::Dnat(range)).about(&self.serves);
        let mut dnat = say(dnat.protocol(protocol_number(service.protocol)));
        if service.affinity_secs.is_some() {
            let (list, op) = (chain.clone(), Not::is(RecentOp::Set));
            dnat = dnat.and(Match::Recent { list, op, seconds: None, reap: false });
        }
        [say(to_itself), dnat.and(Match::Ports { sport: None, dport: None })]
    }
}

/// One of `n`, in the ten digits that kube-proxy writes. Models Proxier.probability.
fn probability(n: usize) -> f64 {
    (1e10 / n as f64).round() / 1e10
}

fn jump(chain: &Arc<str>) -> Target {
    Target::Jump(chain.clone())
}
