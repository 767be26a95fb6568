//! What `ip` and `bridge` print in a place, on both sides, line by line.
//!
//! | set aside | why |
//! |---|---|
//! | the order of the rows of `ip neigh`, and of the rows of a VXLAN device in `bridge fdb` | hash tables keyed at boot |
//! | of a NIC in `ip link` and `ip addr`: `@ifN`, the queueing discipline, `link-netns` | it is realised as the end of a cable to a namespace that switches |
//! | the name behind `link-netns` | the realised namespaces carry a process number; it is replaced by the place's reference |

use std::collections::BTreeMap;

use kubehop_core::base::Place;
use kubehop_core::lab;
use kubehop_core::net::{InterfaceKind, NetNs, Topology};

use crate::compare::Observed;
use crate::realise::Realised;
use crate::{Mode, agree, labs, recorded};

/// Place, then command, then lines.
pub(crate) type Tables = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// What can be asked before anything has happened; the addresses are the labs'.
const COMMANDS: [&str; 14] = [
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
];

/// What the kernel's side prints.
pub(crate) fn of_kernel(topo: &Topology, realised: &Realised, commands: &[&str]) -> Tables {
    let print = |at: usize, ns: &NetNs, command: &str| {
        let words: Vec<&str> = command.split(' ').collect();
        let text = realised.rename(topo, &realised.places[at].output(&words));
        if matches!(command, "ip addr" | "ip link") { as_nics(&text, ns) } else { text }
    };
    let places = topo.namespaces().enumerate();
    places.map(|(at, ns)| (ns.place.to_string(), each(commands, |command| print(at, ns, command)))).collect()
}

/// What the simulator prints.
pub(crate) fn of_simulator(topo: &Topology, commands: &[&str]) -> Tables {
    let print = |place: &Place, command: &str| {
        let at = topo.find(place).expect("a place of the lab");
        lab::answer(topo, at, &[command]).unwrap_or_else(|error| error.to_string())
    };
    let places = topo.namespaces().map(|ns| &*ns.place);
    places.map(|place| (place.to_string(), each(commands, |command| print(place, command)))).collect()
}

fn each(commands: &[&str], print: impl Fn(&str) -> String) -> BTreeMap<String, Vec<String>> {
    let rows = commands.iter().map(|command| {
        let mut rows: Vec<String> = print(command).lines().map(str::to_owned).collect();
        match *command {
            "ip neigh" => rows.sort(),
            "bridge fdb" => rows.sort_by_key(|row| row.contains(" dst ").then(|| row.clone())),
            _ => {}
        }
        ((*command).to_owned(), rows)
    });
    rows.filter(|(_, rows)| !rows.is_empty()).collect()
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
    let topo = lab::build(&labs::read(lab, set), 1);
    let simulated = Observed { tables: of_simulator(&topo, &COMMANDS), ..Observed::default() };
    let mode = Mode::of_environment();
    let linux = match mode {
        Mode::Recorded => recorded::read(name),
        Mode::Live | Mode::Record => {
            Observed { tables: of_kernel(&topo, &Realised::new(&topo, None), &COMMANDS), ..Observed::default() }
        }
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
