//! What `ip` and `bridge` print in a place, on both sides, line by line.
//!
//! | set aside | why |
//! |---|---|
//! | the order of the rows of `ip neigh`, and of the rows of a VXLAN device in `bridge fdb` | hash tables keyed at boot |
//! | of `sysctl -a`, settings that the simulator does not know | it says which it knows |
//! | of `conntrack -L`: the order, the time that is left, `id=`, `use=` | hash tables keyed at boot, clocks, and what was drawn |
//! | drawn ports in `conntrack -L`: `eph`, and `hash` where a tunnel's envelope comes from | as on the wire |
//! | of rows of `conntrack -L` that are then alike, all but one | a segment that is sent again has an envelope from another port (`net.core.txrehash`) |
//! | connections of IGMP in `conntrack -L` | announcements of devices that come up |
//! | of a NIC in `ip link` and `ip addr`: `@ifN`, the queueing discipline, `link-netns` | it is realised as the end of a cable to a namespace that switches |
//! | the name behind `link-netns` | the realised namespaces carry a process number; it is replaced by the place's reference |

use std::collections::BTreeMap;

use kubehop_core::base::{Place, Writer};
use kubehop_core::lab;
use kubehop_core::net::{InterfaceKind, NetNs, Protocol, Route, RouteKind, Rule, RuleAction, Scope, TableId, Topology};

use crate::compare::Observed;
use crate::decode::VXLAN_PORTS;
use crate::normalise::Naming;
use crate::realise::Realised;
use crate::{Mode, agree, labs, recorded};

/// Place, then command, then lines.
pub(crate) type Tables = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// What can be asked before anything has happened; the addresses are the labs'.
const COMMANDS: [&str; 19] = [
    "ip addr",
    "ip link",
    "ip route",
    "ip route show table local",
    "ip route show table all",
    "ip neigh",
    "bridge fdb",
    "ip route get 127.0.0.1",
    "ip route get 127.0.0.9",
    "ip route get 10.244.0.2",
    "ip route get 10.244.1.2",
    "ip route get 10.244.1.0",
    "ip route get 172.18.0.2",
    "ip route get 203.0.113.2",
    "ip route get 172.18.0.255",
    "ip route get 10.244.1.2 from 10.244.0.2 iif cbr0",
    "ip route get 172.18.0.2 from 10.244.0.2 iif cbr0 mark 0x4000",
    "ip rule",
    "sysctl -a",
];

/// What the kernel's side prints.
pub(crate) fn of_kernel(topo: &Topology, realised: &Realised, commands: &[&str], naming: &Naming) -> Tables {
    let print = |at: usize, ns: &NetNs, command: &str| {
        let words: Vec<&str> = command.split(' ').collect();
        let text = realised.rename(topo, &realised.places[at].output(&words));
        match command {
            "ip addr" | "ip link" => as_nics(&text, ns),
            "sysctl -a" => known(&text, ns),
            _ => text,
        }
    };
    let places = topo.namespaces().enumerate();
    places.map(|(at, ns)| (ns.place.to_string(), each(commands, naming, |command| print(at, ns, command)))).collect()
}

/// What the simulator prints.
pub(crate) fn of_simulator(topo: &Topology, commands: &[&str], naming: &Naming) -> Tables {
    let print = |place: &Place, command: &str| {
        let at = topo.find(place).expect("a place of the lab");
        lab::answer(topo, at, &[command]).unwrap_or_else(|error| error.to_string())
    };
    let places = topo.namespaces().map(|ns| &*ns.place);
    places.map(|place| (place.to_string(), each(commands, naming, |command| print(place, command)))).collect()
}

fn each(commands: &[&str], naming: &Naming, print: impl Fn(&str) -> String) -> BTreeMap<String, Vec<String>> {
    let rows = commands.iter().map(|command| {
        let mut rows: Vec<String> = print(command).lines().map(str::to_owned).collect();
        match *command {
            "ip neigh" => rows.sort(),
            "conntrack -L" => rows = connections(&rows, naming),
            "bridge fdb" => rows.sort_by_key(|row| row.contains(" dst ").then(|| row.clone())),
            _ => {}
        }
        ((*command).to_owned(), rows)
    });
    rows.filter(|(_, rows)| !rows.is_empty()).collect()
}

/// Connections without what was drawn, sorted.
fn connections(rows: &[String], naming: &Naming) -> Vec<String> {
    let connection = |row: &String| {
        let words: Vec<&str> = row.split_whitespace().collect();
        let [protocol, _number, _secs_left, rest @ ..] = &words[..] else { return row.clone() };
        // The envelopes of a tunnel have the same port in both directions, as their destination and as their source.
        let is_envelope = rest.iter().any(|word| is_tunnel_port(word));
        let word = |word: &&&str| match word.split_once('=') {
            Some(("id" | "use", _)) => None,
            Some((side @ ("sport" | "dport"), port)) if is_envelope && !is_tunnel_port(word) => port
                .parse()
                .ok()
                .map(|port| format!("{side}={}", Naming::fixed_tunnel_port(port).unwrap_or("hash".to_owned()))),
            Some((side @ ("sport" | "dport"), port)) => {
                port.parse().ok().map(|port| format!("{side}={}", naming.fixed_port(port).unwrap_or("eph".to_owned())))
            }
            _ => Some((**word).to_owned()),
        };
        let words: Vec<String> = rest.iter().filter_map(|it| word(&it)).collect();
        format!("{protocol} {}", words.join(" "))
    };
    // It says on the other stream how many it has shown; an empty table is only that.
    let is_shown = |row: &&String| !row.starts_with("conntrack v") && !row.starts_with("unknown  2 ");
    let mut rows: Vec<String> = rows.iter().filter(is_shown).map(connection).collect();
    rows.sort();
    rows.dedup_by(|a, b| a == b && a.contains("=hash"));
    rows
}

fn is_tunnel_port(word: &str) -> bool {
    VXLAN_PORTS.iter().any(|port| word.split_once('=').is_some_and(|(_, value)| value == port.to_string()))
}

/// The settings that the simulator has too.
fn known(text: &str, ns: &NetNs) -> String {
    let rows = ns.sysctls.rows(ns.interfaces());
    let is_known =
        |line: &&str| line.split_once(" = ").is_some_and(|(path, _)| rows.iter().any(|(known, _)| known == path));
    text.lines().filter(is_known).map(|line| line.to_owned() + "\n").collect()
}

/// Takes off a NIC's lines what makes it the end of a cable.
fn as_nics(text: &str, ns: &NetNs) -> String {
    let is_nic = |name: &str| {
        ns.interface_named(name).is_some_and(|interface| matches!(interface.kind, InterfaceKind::Nic { .. }))
    };
    let mut is_of_nic = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if !line.starts_with(' ') {
            let (name, peer) = line.split(' ').nth(1).and_then(|word| word.split_once('@')).unwrap_or_default();
            is_of_nic = is_nic(name);
            if is_of_nic {
                lines.push(line.replacen(&format!("@{peer}"), ":", 1).replacen("qdisc noqueue", "qdisc fq_codel", 1));
                continue;
            }
        }
        lines.push(match line.split_once(" link-netns ") {
            Some((link, _)) if is_of_nic => link.to_owned(),
            _ => line.to_owned(),
        });
    }
    lines.join("\n")
}

/// Compares the machines of a lab before anything has happened.
fn judge(name: &str, lab: &str, set: &[(&str, &str)]) {
    judge_topology(name, &lab::build(&labs::read(lab, set), 1), &COMMANDS);
}

fn judge_topology(name: &str, topo: &Topology, commands: &[&str]) {
    let simulated = Observed { tables: of_simulator(topo, commands, &Naming::default()), ..Observed::default() };
    let mode = Mode::of_environment();
    let linux = match mode {
        Mode::Recorded => recorded::read(name),
        Mode::Live | Mode::Record => Observed {
            tables: of_kernel(topo, &Realised::new(topo, None), commands, &Naming::default()),
            ..Observed::default()
        },
    };
    if mode == Mode::Record {
        recorded::write(name, &linux);
    }
    agree(name, ("linux", &linux), ("kubehop", &simulated));
    if mode == Mode::Live {
        agree(name, ("recorded", &recorded::read(name)), ("live", &linux));
    }
}

#[test]
fn the_tools_print_what_show_prints_of_two_nodes() {
    judge("show_two_nodes", "two-nodes", &[]);
}

#[test]
fn the_tools_print_what_show_prints_of_two_nodes_with_host_gw() {
    judge("show_two_nodes_host_gw", "two-nodes", &[("cni.mode", "host-gw"), ("underlay.mtu", "9000")]);
}

#[test]
fn the_tools_print_what_show_prints_of_calicos_vxlan() {
    judge("show_calico_vxlan", "two-nodes", &[("cni.plugin", "calico"), ("cni.mode", "vxlan")]);
}

#[test]
fn the_tools_print_what_show_prints_of_calicos_bgp_in_several_subnets() {
    judge("show_calico_bgp", "subnets", &[("cni.plugin", "calico"), ("cni.mode", "bgp")]);
}

#[test]
fn the_tools_print_what_show_prints_of_a_crowd() {
    judge("show_crowd", "crowd", &[]);
}

#[test]
fn the_tools_print_what_show_prints_of_nodes_in_several_subnets() {
    judge("show_subnets", "subnets", &[]);
}

/// Routes of every kind in several tables, and rules of every kind.
fn with_rules_and_tables(topo: &mut Topology) {
    let net = |text: &str| text.parse().expect("a network");
    let node = topo.find(&Place::Node("node-a".to_owned())).expect("node-a");
    let ns = topo.ns_mut(node);
    let dev = |name: &str| ns.interface_named(name).expect("a device").dev.clone();
    let (eth0, cbr0, lo) = (dev("eth0"), dev("cbr0"), dev("lo"));
    let gateway = "172.18.0.1".parse().ok();
    let nowhere = |kind, dst| Route::nowhere(kind, net(dst), Writer::Cni);
    let by = |dst, dev| Route::unicast(net(dst), dev, Writer::Cni);
    ns.main.extend([
        nowhere(RouteKind::Blackhole, "10.1.1.0/24"),
        Route { protocol: Protocol::Static, ..nowhere(RouteKind::Unreachable, "10.1.2.0/24") },
        Route { metric: 5, ..nowhere(RouteKind::Prohibit, "10.1.3.0/24") },
        Route { protocol: Protocol::Bird, ..nowhere(RouteKind::Blackhole, "10.244.0.0/26") },
        Route { gateway, protocol: Protocol::Static, src: "10.244.0.1".parse().ok(), ..by("10.6.0.0/24", &eth0) },
        Route { scope: Scope::Link, ..by("10.7.0.3/32", &cbr0) },
        Route {
            gateway: "10.9.9.9".parse().ok(),
            protocol: Protocol::Bird,
            onlink: true,
            mtu: Some(1400),
            ..by("10.8.0.0/24", &eth0)
        },
    ]);
    ns.table_mut(TableId(200)).extend([
        Route { gateway, ..by("0.0.0.0/0", &eth0) },
        Route { metric: 4_294_967_295, ..nowhere(RouteKind::Blackhole, "0.0.0.0/0") },
        nowhere(RouteKind::Throw, "10.11.0.0/24"),
    ]);
    let everything = Route { kind: RouteKind::Local, scope: Scope::Host, ..by("10.77.0.0/24", &lo) };
    ns.table_mut(TableId(2005)).add(everything);
    let rule = |priority, action| Rule::new(priority, action, Writer::Cni);
    for rule in [
        Rule { fwmark: Some((0x200, 0xf00)), ..rule(9, RuleAction::Lookup(TableId(2005))) },
        Rule { to: Some(net("10.3.0.0/16")), iif: Some(lo.clone()), ..rule(50, RuleAction::Lookup(TableId::MAIN)) },
        Rule { to: Some(net("9.9.8.0/24")), ..rule(60, RuleAction::Unreachable) },
        Rule { to: Some(net("9.9.9.9/32")), ..rule(61, RuleAction::Blackhole) },
        Rule { from: Some(net("10.244.0.9/32")), to: Some(net("9.9.7.7/32")), ..rule(62, RuleAction::Prohibit) },
        Rule { fwmark: Some((5, u32::MAX)), iif: Some(cbr0.clone()), ..rule(63, RuleAction::Lookup(TableId(201))) },
        Rule { oif: Some(eth0.clone()), ..rule(64, RuleAction::Lookup(TableId(200))) },
        Rule { from: Some(net("10.244.0.64/26")), ..rule(100, RuleAction::Lookup(TableId(200))) },
    ] {
        ns.rules.add(rule);
    }
}

#[test]
fn the_tools_print_what_show_prints_of_rules_and_tables() {
    let mut topo = lab::build(&labs::read("two-nodes", &[]), 1);
    with_rules_and_tables(&mut topo);
    let asked = [
        "10.1.1.1",
        "10.1.2.1",
        "10.1.3.1",
        "9.9.8.1",
        "9.9.9.9",
        "10.6.0.4",
        "10.7.0.3",
        "10.8.0.1",
        "10.11.0.1",
        "10.77.0.1",
        "10.77.0.1 mark 0x200",
        "10.77.0.1 from 10.244.0.9 iif cbr0 mark 0x200",
        "127.0.0.1",
        "10.244.1.7",
        "172.18.0.255",
        "8.8.8.8 from 172.18.0.2",
        "8.8.8.8 from 9.9.9.9",
        "8.8.8.8 from 10.244.0.77 iif cbr0",
        "10.11.0.1 from 10.244.0.77 iif cbr0",
        "10.8.0.1 from 10.244.0.9 iif cbr0 mark 12",
        "10.1.1.1 from 10.244.0.9 iif cbr0",
        "10.1.2.1 from 10.244.0.9 iif cbr0",
        "10.1.3.1 from 10.244.0.9 iif cbr0",
        "9.9.7.7 from 10.244.0.9 iif cbr0",
        "9.9.8.1 from 10.244.0.9 iif cbr0",
        "10.244.0.1 from 10.244.0.9 iif cbr0",
        "8.8.8.8 from 10.244.0.1 iif cbr0",
        "8.8.8.8 from 127.0.0.1 iif cbr0",
        "8.8.8.8 from 10.1.1.1 iif cbr0",
    ];
    let asked: Vec<String> = asked.iter().map(|address| format!("ip route get {address}")).collect();
    let shown = ["ip rule", "ip rule show table 200", "ip route", "ip route show table all"];
    let tables = ["ip route show table 200", "ip route show table 2005", "ip route show table 555"];
    let commands: Vec<&str> = asked.iter().map(String::as_str).chain(shown).chain(tables).collect();
    judge_topology("show_rules_and_tables", &topo, &commands);
}
