//! IPVS mode: virtual servers, sets and rules, and that they never depend on what was there before.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use kubehop_core::base::{Dice, Instant, Writer};
use kubehop_core::k8s::kube_proxy::{Proxier, ProxyMode, ServicePorts, service_ports, updated_ports};
use kubehop_core::k8s::objects::Objects;
use kubehop_core::net::{InterfaceKind, NetNs};
use kubehop_core::netfilter::{CtState, HookView, Match, Passing, Rule, Scheduler, TableName, Target};
use kubehop_core::trace::Hook;
use kubehop_core::wire::{IpSpec, TcpFlags, TcpOptions, TcpSpec, tcp};
use serde::Deserialize;

use super::cluster::{Cluster, node, read};
use super::syncs::change;

/// What the tables of IPVS mode say besides.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expected {
    #[serde(rename = "nodeIPs")]
    node_ips: Vec<String>,
    #[serde(default = "yes")]
    detector: bool,
    servers: Option<String>,
    #[serde(default)]
    sets: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    chains: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Table {
    #[serde(flatten)]
    cluster: Cluster,
    #[serde(flatten)]
    expected: Expected,
}

fn all_tables() -> Vec<Table> {
    serde_yaml_ng::from_str(include_str!("ipvs.yaml")).expect("the table is YAML of this form")
}

fn yes() -> bool {
    true
}

/// A node with these addresses on its NIC.
fn node_at(addresses: &[String]) -> NetNs {
    let mut ns = node();
    let nic = ns.add_interface("eth0", 1500, Writer::Admin, |_| InterfaceKind::Loopback);
    for address in addresses {
        ns.add_address(nic.index, format!("{address}/24").parse().expect("an address"), Writer::Admin);
    }
    ns
}

fn proxier(cluster: &Cluster, has_detector: bool) -> Proxier {
    let mut config = cluster.config();
    if !has_detector {
        config.local_cidr = None;
    }
    Proxier::new(ProxyMode::Ipvs, config).expect("a mode that writes")
}

fn servers(ns: &NetNs) -> String {
    ns.netfilter.ipvs.save().into_iter().map(|(line, _)| line + "\n").collect()
}

/// Target and set of a rule.
fn brief(rule: &Rule) -> String {
    let target = match &rule.target {
        Target::Jump(chain) => chain.to_string(),
        Target::Accept => "ACCEPT".to_owned(),
        Target::Return => "RETURN".to_owned(),
        Target::Drop => "DROP".to_owned(),
        Target::Reject(_) => "REJECT".to_owned(),
        Target::Mark { .. } => "MARK".to_owned(),
        Target::Masquerade(_) => "MASQUERADE".to_owned(),
        other => format!("{other:?}"),
    };
    let set = rule.matches.iter().find_map(|one| match one {
        Match::Set { set, .. } => Some(format!(" {}", set.value)),
        _ => None,
    });
    target + &set.unwrap_or_default()
}

#[test]
fn servers_sets_and_rules_are_those_that_kube_proxy_expects() {
    let (mut n_servers, mut n_chains) = (0, 0);
    for Table { cluster, expected } in all_tables() {
        let mut ns = node_at(&expected.node_ips);
        proxier(&cluster, expected.detector).sync(&mut ns, &service_ports(&cluster.objects()));
        if let Some(wanted) = &expected.servers {
            assert_eq!(&servers(&ns), wanted, "{}", cluster.table);
            n_servers += 1;
        }
        let saved = ns.netfilter.sets.save();
        for (name, wanted) in &expected.sets {
            let create = format!("create {name} {} ", wanted[0]);
            assert!(saved.lines().any(|line| line.starts_with(&create)), "{}: {create}", cluster.table);
            let add = format!("add {name} ");
            let found: BTreeSet<&str> = saved.lines().filter_map(|line| line.strip_prefix(&add)).collect();
            assert_eq!(found, wanted[1..].iter().map(String::as_str).collect(), "{}: {name}", cluster.table);
        }
        for (place, wanted) in &expected.chains {
            let (table, chain) = place.split_once(' ').expect("TABLE CHAIN");
            let table = TableName::ALL.into_iter().find(|name| name.as_str() == table).expect("a table");
            let found = ns.netfilter.table(table).chain(chain).expect("a chain of kube-proxy");
            let found: Vec<String> = found.rules().iter().map(|rule| brief(rule)).collect();
            assert_eq!(&found, wanted, "{}: {place}", cluster.table);
            n_chains += 1;
        }
        for name in TableName::ALL {
            assert_eq!(ns.netfilter.table(name).validate(), Ok(()), "{}: {name:?}", cluster.table);
        }
    }
    assert!(n_servers >= 3 && n_chains >= 10, "{n_servers} and {n_chains}");
}

/// Who is masqueraded on the way to a clusterIP: one of three.
#[test]
fn the_masquerade_of_a_cluster_ip_goes_by_the_detector() {
    let Table { mut cluster, expected } = all_tables().remove(0);
    let rule = |cluster: &Cluster, has_detector| {
        let mut ns = node_at(&expected.node_ips);
        proxier(cluster, has_detector).sync(&mut ns, &service_ports(&cluster.objects()));
        ns.netfilter.table(TableName::Nat).chain("KUBE-SERVICES").expect("a chain").rules()[1].to_string()
    };
    let rest = |sides| {
        format!(
            "-m comment --comment \"Kubernetes service cluster ip + port for masquerade purpose\" -m set --match-set KUBE-CLUSTER-IP {sides} -j KUBE-MARK-MASQ"
        )
    };
    assert_eq!(rule(&cluster, true), format!("! -s 10.0.0.0/8 {}", rest("dst,dst")));
    assert_eq!(rule(&cluster, false), rest("src,dst"));
    cluster.masquerade_all = true;
    assert_eq!(rule(&cluster, true), rest("dst,dst"));
}

/// All that is written on a node, as its tools print it.
fn tables(ns: &NetNs) -> String {
    let own = ns.interface_named("kube-ipvs0").map(|it| format!("{:?}\n", it.addresses)).unwrap_or_default();
    let routes: String = ns.local.rows().iter().map(|route| format!("{route}\n")).collect();
    [servers(ns), ns.netfilter.sets.save(), ns.netfilter.iptables_save(None), own, routes].concat()
}

#[test]
fn a_node_after_any_changes_is_as_if_written_at_once() {
    let clusters: Vec<Cluster> = all_tables().into_iter().map(|table| table.cluster).collect();
    let mut all = clusters.last().expect("a table").objects();
    let more = read(include_str!("overall.yaml")).remove(0).objects();
    all.services.extend(more.services);
    all.endpoint_slices.extend(more.endpoint_slices);
    // Two that claim the same address and port.
    let mut twin = all.services[0].clone();
    twin.meta.name = "twin".to_owned();
    twin.cluster_ip = "172.30.0.99".parse().ok();
    all.services.push(twin);
    let ips = ["192.168.0.2".to_owned(), "192.168.1.2".to_owned()];
    let (mut n_full, mut n_part) = (0, 0);
    for seed in 1..=4 {
        let mut dice = Dice::new(seed, "ipvs");
        let (mut objects, mut ports) = (Objects::default(), ServicePorts::new());
        let (mut ns, mut kube_proxy) = (node_at(&ips), proxier(&clusters[0], true));
        for round in 0..30 {
            let changed = (0..1 + dice.word() % 3).map(|_| change(&mut objects, &all, &mut dice)).collect();
            ports = updated_ports(&ports, &objects, &changed);
            let done = kube_proxy.sync(&mut ns, &ports);
            *(if done.full { &mut n_full } else { &mut n_part }) += 1;
            let mut scratch = node_at(&ips);
            proxier(&clusters[0], true).sync(&mut scratch, &ports);
            let (found, wanted) = (tables(&ns), tables(&scratch));
            assert!(found == wanted, "seed {seed}, round {round}:\n{found}\n--- not ---\n{wanted}");
        }
    }
    assert!(n_full > 4 && n_part > 30, "{n_full} full, {n_part} in part");
}

#[test]
fn a_scheduler_of_ones_own_is_that_of_every_virtual_server() {
    let Table { cluster, expected } = all_tables().remove(1);
    let mut config = cluster.config();
    config.ipvs_scheduler = Scheduler::Sh;
    let mut ns = node_at(&expected.node_ips);
    let mut kube_proxy = Proxier::new(ProxyMode::Ipvs, config).expect("a mode that writes");
    kube_proxy.sync(&mut ns, &service_ports(&cluster.objects()));
    assert!(servers(&ns).lines().all(|line| line.ends_with(" -s sh")), "{}", servers(&ns));
}

/// A SYN of a client that came to the first virtual server.
fn connect(ns: &mut NetNs, port: u16, after: Duration) {
    let service = ns.netfilter.ipvs.services()[0].key.address;
    let (IpAddr::V4(dst), src) = (service.0, Ipv4Addr::new(10, 0, 0, 2)) else { panic!("an IPv4 address") };
    let ip = IpSpec { src, dst, ttl: 64, df: true, id: 1, tos: 0 };
    let flags = TcpFlags { syn: true, ..TcpFlags::default() };
    let spec = TcpSpec { sport: port, dport: service.1, seq: 1, ack: 0, flags, window: 1, options: TcpOptions::None };
    let view = HookView {
        hook: Hook::Input,
        iif: None,
        oif: None,
        physin: None,
        physout: None,
        next_hop: None,
        now: Instant::START + after,
        facts: ns.facts(),
    };
    let (packet, mark, ct, ipvs) = (&mut tcp(ip, spec, &[]), &mut 0, &mut CtState::None, &mut false);
    ns.netfilter.run(Passing { packet, mark, ct, ipvs }, &view, &mut Dice::new(1, "ipvs"));
}

#[test]
fn an_endpoint_that_goes_keeps_its_connections_and_gets_no_new_ones() {
    let Table { cluster, expected } = all_tables().remove(0);
    let mut ns = node_at(&expected.node_ips);
    let mut kube_proxy = proxier(&cluster, true);
    let mut objects = cluster.objects();
    kube_proxy.sync(&mut ns, &service_ports(&objects));
    connect(&mut ns, 40000, Duration::ZERO);
    objects.endpoint_slices[0].endpoints[0].addresses = vec!["10.180.0.9".parse().expect("an address")];
    kube_proxy.sync(&mut ns, &service_ports(&objects));
    let kept = "-a -t 10.20.30.41:80 -r 10.180.0.1:80 -m -w 0\n-a -t 10.20.30.41:80 -r 10.180.0.9:80 -m -w 1\n";
    assert!(servers(&ns).contains(kept), "{}", servers(&ns));
    // The half-open connection is forgotten after a minute, which the next packet shows.
    connect(&mut ns, 40001, Duration::from_secs(61));
    kube_proxy.sync(&mut ns, &service_ports(&objects));
    assert!(!servers(&ns).contains("-w 0"), "{}", servers(&ns));
}
