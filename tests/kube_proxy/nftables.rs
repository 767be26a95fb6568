//! Whatever was there before, a sync leaves the rules that it would have written on an empty machine.

use std::net::IpAddr;
use std::sync::Arc;

use kubehop_core::base::{Dice, Instant, Place};
use kubehop_core::k8s::kube_proxy::{Endpoint, Proxier, ProxyMode, ServicePort, ServicePorts, nftables};
use kubehop_core::k8s::objects::Protocol;
use kubehop_core::net::NetNs;
use kubehop_core::netfilter::nft::{Family, Ruleset, Table};
use kubehop_core::netfilter::{CtState, Passing};
use kubehop_core::trace::Hook;

use super::cluster::NODE;
use super::draw::{Draw, config};
use super::flows::{packet, view};

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
            let (mut fresh, mut other) = self::proxier();
            assert!(fresh.sync(&mut other, &ports).full, "{seed}, {step}");
            let (changed, written) = (&ns.netfilter.nft, &other.netfilter.nft);
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
    let passing = Passing { packet: &mut syn, mark: &mut 0, ct: &mut CtState::None, ipvs: &mut false };
    let choice = ns.netfilter.run(passing, &view(Hook::Prerouting), &mut Dice::new(1, "")).choice;
    assert_eq!(choice.map(|choice| choice.chosen), Some((one.address.ip(), 8080)));
    assert_eq!(sync(&mut ns, &[&one, &two]), 1);
    assert_eq!(sync(&mut ns, &[&two]), 0);
    assert_eq!(sync(&mut ns, &[&one, &two]), 0);
}
