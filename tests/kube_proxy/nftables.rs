//! Whatever was there before, a sync leaves the rules that it would have written on an empty machine.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use kubehop_core::base::{Dice, Instant, Place};
use kubehop_core::k8s::kube_proxy::{Endpoint, Proxier, ProxyConfig, ProxyMode, ServicePort, ServicePorts, nftables};
use kubehop_core::k8s::objects::Protocol;
use kubehop_core::net::NetNs;
use kubehop_core::netfilter::nft::{Family, Ruleset, Table};
use kubehop_core::netfilter::{CtState, Passing};
use kubehop_core::trace::Hook;

use super::cluster::NODE;
use super::flows::{packet, view};

/// Draws services from so few addresses, ports and endpoints that they often want the same.
struct Draw(Dice);

impl Draw {
    fn below(&mut self, n: u32) -> usize {
        self.0.below(n) as usize
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.0.below(n) == 0
    }

    fn ip(&mut self, net: [u8; 3], n: u32) -> IpAddr {
        IpAddr::from([net[0], net[1], net[2], 1 + self.0.below(n) as u8])
    }

    fn service(&mut self) -> ServicePort {
        let name = ["ns/a", "ns/b:http", "ns/b:https", "ns/c:dns", "ns/d:dns"][self.below(5)];
        let mut endpoints: Vec<Endpoint> = (0..4).filter_map(|n| self.endpoint(n)).collect();
        endpoints.sort_by(|a, b| a.text.cmp(&b.text));
        ServicePort {
            name: name.to_owned(),
            protocol: if self.one_in(3) { Protocol::Udp } else { Protocol::Tcp },
            cluster_ip: self.ip([172, 30, 0], 3),
            port: [80, 81][self.below(2)],
            node_port: [None, Some(30001), Some(30002)][self.below(3)],
            external_ips: if self.one_in(3) { vec![self.ip([198, 51, 100], 2)] } else { Vec::new() },
            load_balancer_ips: if self.one_in(3) { vec![self.ip([198, 51, 100], 2)] } else { Vec::new() },
            source_ranges: if self.one_in(2) { vec!["192.168.0.0/24".parse().expect("a network")] } else { Vec::new() },
            affinity_secs: self.one_in(3).then_some(100),
            internal_local: self.one_in(3),
            external_local: self.one_in(3),
            health_check_node_port: None,
            endpoints,
        }
    }

    fn endpoint(&mut self, n: u8) -> Option<Endpoint> {
        let address = SocketAddr::from(([10, 0, 0, n], 8080));
        let is_there = self.one_in(2);
        let (is_here, ready, terminating) = (self.one_in(2), !self.one_in(4), self.one_in(4));
        is_there.then(|| Endpoint {
            address,
            text: address.to_string(),
            node_name: Some(if is_here { NODE.into() } else { "elsewhere".into() }),
            ready,
            serving: ready || terminating,
            terminating,
            zone_hints: Vec::new(),
        })
    }

    /// The same list with a few ports gone, come or changed.
    fn change(&mut self, ports: &mut ServicePorts) {
        for _ in 0..=self.below(3) {
            if self.one_in(3) && !ports.is_empty() {
                let at = self.below(ports.len() as u32);
                ports.remove(at);
            } else {
                let new = self.service();
                ports.retain(|port| (&port.name, port.protocol) != (&new.name, new.protocol));
                ports.push(Arc::new(new));
            }
        }
        ports.sort_by(|a, b| (&a.name, a.protocol).cmp(&(&b.name, b.protocol)));
    }
}

fn config() -> ProxyConfig {
    ProxyConfig {
        node_name: NODE.to_owned(),
        zone: String::new(),
        node_ip: IpAddr::from([192, 168, 0, 2]),
        local_cidr: "10.0.0.0/8".parse().ok(),
        masquerade_all: false,
        localhost_node_ports: true,
        node_port_addresses: Vec::new(),
        service_cidrs: vec!["172.30.0.0/16".parse().expect("a network")],
    }
}

fn proxier() -> (Proxier, NetNs) {
    let proxier = Proxier::new(ProxyMode::Nftables, config()).expect("kube-proxy has this mode");
    (proxier, NetNs::new(Place::Node(NODE.to_owned()), 1))
}

fn table(nft: &Ruleset) -> &Arc<Table> {
    nft.table(Family::Ip, nftables::TABLE).expect("a sync makes the table")
}

#[test]
fn after_any_sequence_of_changes_the_table_is_the_one_written_from_nothing() {
    for seed in 0..40 {
        let (mut draw, mut ports) = (Draw(Dice::new(seed, "changes")), ServicePorts::new());
        let (mut proxier, mut ns) = proxier();
        for step in 0..12 {
            draw.change(&mut ports);
            proxier.sync(&mut ns, &ports);
            let mut fresh = Ruleset::default();
            let own: Vec<IpAddr> = ns.addresses().collect();
            let done = nftables::sync(&mut nftables::Written::default(), &mut fresh, &config(), &own, &ports);
            assert!(done.full, "{seed}, {step}: {done:?}");
            let (changed, written) = (&ns.netfilter.nft, &fresh);
            let same = table(changed) == table(written);
            assert!(same, "{seed}, {step}:\n{}\n{}", changed.list(Instant::START), written.list(Instant::START));
            assert_eq!(changed.validate(), Ok(()), "{seed}, {step}");
        }
    }
}

#[test]
fn a_table_that_somebody_has_thrown_away_comes_back_whole() {
    let (mut draw, mut ports) = (Draw(Dice::new(7, "changes")), ServicePorts::new());
    let (mut proxier, mut ns) = proxier();
    draw.change(&mut ports);
    proxier.sync(&mut ns, &ports);
    let before = ns.netfilter.nft.list(Instant::START);
    ns.netfilter.nft = Ruleset::default();
    proxier.sync(&mut ns, &ports);
    assert_eq!(ns.netfilter.nft.list(Instant::START), before);
}

#[test]
fn a_sync_leaves_alone_what_has_not_changed() {
    let (mut draw, mut ports) = (Draw(Dice::new(7, "changes")), ServicePorts::new());
    let (mut proxier, mut ns) = proxier();
    (0..6).for_each(|_| draw.change(&mut ports));
    proxier.sync(&mut ns, &ports);
    let before = table(&ns.netfilter.nft).clone();
    let mut one = (*ports[0]).clone();
    one.endpoints = (0..2).filter_map(|n| draw.endpoint(n)).collect();
    let changed = format!("/{}/", if one.protocol == Protocol::Udp { "udp" } else { "tcp" });
    let (service, port) = one.name.split_once(':').unwrap_or((&one.name, ""));
    let changed = format!("{service}{changed}{port}");
    ports[0] = Arc::new(one);
    proxier.sync(&mut ns, &ports);
    let after = table(&ns.netfilter.nft);
    for chain in before.chains().into_iter().filter(|chain| !chain.name.contains(&changed)) {
        let kept = after.chain(&chain.name).expect("a chain of another service stays");
        assert!(Arc::ptr_eq(chain, kept), "{} was written again", chain.name);
    }
}

#[test]
fn an_endpoint_that_stays_keeps_its_clients_and_one_that_goes_forgets_them() {
    let (mut draw, (mut proxier, mut ns)) = (Draw(Dice::new(1, "changes")), proxier());
    let mut endpoint = |n| std::iter::repeat_with(|| draw.endpoint(n)).flatten().find(|it| it.ready).expect("one");
    let (one, two) = (endpoint(1), endpoint(2));
    let mut base = draw.service();
    (base.cluster_ip, base.port, base.protocol) = (IpAddr::from([172, 30, 0, 1]), 80, Protocol::Tcp);
    (base.affinity_secs, base.internal_local, base.external_local) = (Some(100), false, false);
    let mut sync = |ns: &mut NetNs, endpoints: &[&Endpoint]| {
        let endpoints = endpoints.iter().map(|it| (*it).clone()).collect();
        proxier.sync(ns, &vec![Arc::new(ServicePort { endpoints, ..base.clone() })]);
        ns.netfilter.nft.list(Instant::START).matches("elements = { 10.0.0.9 expires").count()
    };
    assert_eq!(sync(&mut ns, &[&one]), 0);
    let mut syn = packet("10.0.0.9", "172.30.0.1:80", Protocol::Tcp);
    let passing = Passing { packet: &mut syn, mark: &mut 0, ct: &mut CtState::None };
    let choice = ns.netfilter.run(passing, &view(Hook::Prerouting), &mut Dice::new(1, "")).choice;
    assert_eq!(choice.map(|choice| choice.chosen), Some((one.address.ip(), 8080)));
    assert_eq!(sync(&mut ns, &[&one, &two]), 1);
    assert_eq!(sync(&mut ns, &[&two]), 0);
    assert_eq!(sync(&mut ns, &[&one, &two]), 0);
}
