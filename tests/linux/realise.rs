//! The lab in network namespaces of the kernel.
//!
//! Built from the simulator's own [`Topology`], so that the kernel is configured with the very rows that the simulator
//! prints. Names, link addresses, MTUs, addresses, the routes and neighbours that the CNI writes are therefore *inputs*:
//! they are the same on both sides and the judge says nothing about them. What follows from them is judged: connected
//! routes, table `local`, the bridges' own entries, and every frame.

use std::collections::BTreeMap;
use std::net::IpAddr;

use kubehop_core::base::{Instant, Writer};
use kubehop_core::net::{FdbTarget, Interface, InterfaceKind, NetNs, Nud, SegmentId, Topology};

use kubehop_core::netfilter::Connection;

use crate::netns::KernelNs;

/// MTU of a port of the fabric: no switch is the bottleneck.
const SWITCH_MTU: usize = 65535;

/// What every namespace is set to, whatever this machine is set to, besides all that the simulator knows itself.
const SYSCTLS: [(&str, &str); 11] = [
    // cubic may not be chosen everywhere, and bbr paces what it sends.
    ("net/ipv4/tcp_congestion_control", "reno"),
    ("net/ipv4/tcp_ecn", "2"),
    ("net/ipv4/tcp_timestamps", "1"),
    ("net/ipv4/tcp_sack", "1"),
    ("net/ipv4/tcp_window_scaling", "1"),
    ("net/ipv4/tcp_mtu_probing", "0"),
    // By default these follow from how much memory the machine has, and the window scale follows from them.
    ("net/ipv4/tcp_rmem", "4096 131072 6291456"),
    ("net/ipv4/tcp_wmem", "4096 16384 4194304"),
    ("net/ipv4/ip_no_pmtu_disc", "0"),
    ("net/bridge/bridge-nf-call-iptables", "0"),
    ("net/bridge/bridge-nf-call-arptables", "0"),
];

/// A bridge that somebody listens on also takes in a copy of every frame that it passes on, without its connection
/// (br_nf_local_in), and where that was translated the copy is forwarded. kube-proxy's iptables rules drop what has no
/// connection, those of nftables do not; nobody is to meet those copies there either.
const LISTENERS_COPIES: &str = "table ip listeners-copies {
    chain forward { type filter hook forward priority -500; iifname \"cbr0\" ct state invalid drop; }
}";

/// A lab that this machine's kernel runs.
#[derive(Debug)]
pub(crate) struct Realised {
    /// The namespaces, in the order of the topology's.
    pub(crate) places: Vec<KernelNs>,
    /// All segments of the fabric: a bridge for each.
    switch: KernelNs,
}

impl Realised {
    /// Builds `topo`. Where rules draw, `chosen` is the endpoint that they draw, as `10.244.1.2:8080`.
    pub(crate) fn new(topo: &Topology, chosen: Option<&str>) -> Self {
        let places = topo.namespaces().map(|_| KernelNs::new()).collect();
        let realised = Self { places, switch: KernelNs::new() };
        realised.set_kernels(topo, chosen);
        realised.add_devices(topo);
        realised.set_devices(topo);
        for (ns, kernel) in topo.namespaces().zip(&realised.places) {
            kernel.ip(&configure(ns));
            for interface in ns.interfaces().iter().filter(|interface| is_proxy(ns, interface)) {
                kernel.sysctl(&format!("net/ipv4/neigh/{}/proxy_delay", interface.dev.name), "0");
            }
            kernel.bridge(&remotes(ns));
        }
        realised.turn_offloads_off(topo);
        realised
    }

    /// The kernel's name for a namespace, in the words of the simulator.
    pub(crate) fn rename(&self, topo: &Topology, text: &str) -> String {
        topo.namespaces().zip(&self.places).fold(text.to_owned(), |text, (ns, kernel)| {
            // Names are numbered: without its end, `…-1` would be found in `…-12`.
            let named = ns.place.to_string().replace('/', "-");
            text.lines().map(|line| replace_word(line, &kernel.name, &named) + "\n").collect()
        })
    }

    fn set_kernels(&self, topo: &Topology, chosen: Option<&str>) {
        for (path, value) in SYSCTLS {
            self.places.iter().chain([&self.switch]).for_each(|kernel| kernel.sysctl(path, value));
        }
        for (ns, kernel) in topo.namespaces().zip(&self.places) {
            if ns.has_netfilter {
                kernel.sysctl("net/bridge/bridge-nf-call-arptables", "1");
                let sets = ns.netfilter.sets.save();
                if !sets.is_empty() {
                    kernel.load(&["ipset", "restore"], &sets);
                }
                let rules = with_loaded_dice(&ns.netfilter.iptables_save(None), chosen);
                kernel.load(&["iptables-restore"], &rules);
                // After those: of chains with one priority the kernel calls the one first that came last.
                let native = with_loaded_numgen(&ns.netfilter.nft.list(Instant::START), chosen);
                kernel.load(&["nft", "-f", "-"], &native);
                if !native.is_empty() {
                    kernel.load(&["nft", "-f", "-"], LISTENERS_COPIES);
                }
                for row in ns.netfilter.conntrack.rows(Instant::START) {
                    insert(kernel, row);
                }
            }
            // ip_forward sets what all devices have, so it comes first.
            let mut rows = ns.sysctls.rows(&[]);
            rows.sort_by_key(|(path, _)| path != "net.ipv4.ip_forward");
            rows.iter().for_each(|(path, value)| kernel.sysctl(&file(path), value));
        }
    }

    /// What every device has, once it is there.
    fn set_devices(&self, topo: &Topology) {
        for (ns, kernel) in topo.namespaces().zip(&self.places) {
            let of_all = ns.sysctls.rows(&[]);
            let of_devices = ns.sysctls.rows(ns.interfaces()).into_iter().filter(|row| !of_all.contains(row));
            of_devices.for_each(|(path, value)| kernel.sysctl(&file(&path), &value));
        }
    }

    /// Adds all devices with their indexes. A cable is added from the end that comes first.
    fn add_devices(&self, topo: &Topology) {
        let mut segments: BTreeMap<SegmentId, usize> = BTreeMap::new();
        for (n, (ns, kernel)) in topo.namespaces().zip(&self.places).enumerate() {
            let mut lines = Vec::new();
            for interface in ns.interfaces() {
                let Interface { dev, mac, mtu, .. } = interface;
                let queue = queue(interface);
                let add = format!("link add {} index {} address {mac} mtu {mtu}{queue} type", dev.name, dev.index);
                match &interface.kind {
                    InterfaceKind::Loopback => {}
                    InterfaceKind::Bridge { .. } => lines.push(format!("{add} bridge")),
                    InterfaceKind::Vxlan(vxlan) => {
                        let local = vxlan.local.map(|local| format!(" local {local}")).unwrap_or_default();
                        let lower = vxlan.lower.as_ref().map(|dev| format!(" dev {}", dev.name)).unwrap_or_default();
                        let (vni, port) = (vxlan.vni, vxlan.port);
                        lines.push(format!("{add} vxlan id {vni} dstport {port}{local}{lower} nolearning"));
                    }
                    InterfaceKind::Geneve(_) | InterfaceKind::Ipip(_) | InterfaceKind::Dummy => {
                        panic!("{}: few kernels have such a device, and it is not judged", dev.name)
                    }
                    InterfaceKind::Veth { peer } if (peer.ns.0, peer.index) > (n, dev.index) => {
                        let other = topo.ns(peer.ns).interface(peer.index);
                        lines.push(format!(
                            "{add} veth peer name {} index {} address {} mtu {}{queue} netns {}",
                            other.dev.name, other.dev.index, other.mac, other.mtu, self.places[peer.ns.0].name
                        ));
                    }
                    InterfaceKind::Veth { .. } => {}
                    InterfaceKind::Nic { segment } => {
                        let known = segments.len();
                        let number = *segments.entry(*segment).or_insert(known);
                        if number == known {
                            self.switch.ip(&[format!("link add br{number} mtu {SWITCH_MTU} up type bridge")]);
                        }
                        let port = format!("p{n}-{}", dev.index);
                        kernel
                            .ip(&[format!("{add} veth peer name {port} mtu {SWITCH_MTU} netns {}", self.switch.name)]);
                        self.switch.ip(&[format!("link set {port} master br{number} up")]);
                    }
                }
            }
            kernel.ip(&lines);
        }
    }

    /// Without this, the kernel would hand down segments larger than any MTU and leave checksums to hardware.
    fn turn_offloads_off(&self, topo: &Topology) {
        let off = |kernel: &KernelNs, devices: &str, gro: &str| {
            let set = format!("ethtool -K $dev tx off rx off sg off tso off gso off gro {gro}");
            kernel.output(&["sh", "-c", &format!("for dev in {devices}; do {set}; done")])
        };
        for (ns, kernel) in topo.namespaces().zip(&self.places) {
            let is_bridge = |interface: &&Interface| matches!(interface.kind, InterfaceKind::Bridge { .. });
            let (bridges, others): (Vec<_>, Vec<_>) = ns.interfaces().iter().partition(is_bridge);
            let names = |devices: Vec<&Interface>| devices.iter().map(|it| &*it.dev.name).collect::<Vec<_>>().join(" ");
            off(kernel, &names(others), "off");
            // A bridge receives by its ports, so this does nothing there; but libpcap takes it as a sign that frames may
            // be larger than the MTU, which they are.
            off(kernel, &names(bridges), "on");
        }
        off(&self.switch, "$(ls /proc/sys/net/ipv4/conf | grep -e ^p -e ^br)", "off");
    }
}

/// Puts an entry into the kernel's connection table. Only UDP has ever any before a run.
fn insert(kernel: &KernelNs, row: &Connection) {
    let (original, translated) = (row.original, row.reply.invert());
    let end = |(ip, port): (IpAddr, u16)| [ip.to_string(), port.to_string()];
    let ([src, sport], [dst, dport]) = (end(original.src), end(original.dst));
    let mut command = vec!["conntrack", "-I", "-p", "udp", "-t", "120", "-u", "SEEN_REPLY,ASSURED"];
    command.extend(["-s", &src, "--sport", &sport, "-d", &dst, "--dport", &dport]);
    let (to, from) = (end(translated.dst).join(":"), end(translated.src).join(":"));
    command.extend(row.dnat.then_some(["--dst-nat", &to]).iter().flatten());
    command.extend(row.snat.then_some(["--src-nat", &from]).iter().flatten());
    kernel.load(&command, "");
}

/// The file below /proc/sys of a path as `sysctl` prints it, where a device's dots are slashes.
fn file(path: &str) -> String {
    let swap = |c| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    path.chars().map(swap).collect()
}

/// The same rules with every draw between endpoints decided: for `chosen`, if it is among them.
fn with_loaded_dice(rules: &str, chosen: Option<&str>) -> String {
    let Some(chosen) = chosen else { return rules.to_owned() };
    let leads_there = |line: &str| line.ends_with(&format!("--to-destination {chosen}"));
    let chains: Vec<&str> =
        rules.lines().filter(|line| leads_there(line)).filter_map(|line| line.split(' ').nth(1)).collect();
    let load = |line: &str| match line.split_once(" --probability ") {
        Some((before, after)) => {
            let (_, target) = after.split_once(' ').unwrap_or_default();
            let is_chosen = chains.iter().any(|chain| target.ends_with(chain));
            format!("{before} --probability {} {target}\n", if is_chosen { "1.0" } else { "0.0" })
        }
        None => format!("{line}\n"),
    };
    rules.lines().map(load).collect()
}

/// The same of kube-proxy's table of nftables.
fn with_loaded_numgen(ruleset: &str, chosen: Option<&str>) -> String {
    let Some(chosen) = chosen else { return ruleset.to_owned() };
    let end = format!("__{}", chosen.replace(':', "/"));
    let load = |line: &str| {
        let (before, elements) = line.split_once("numgen random mod ").unwrap_or_default();
        match elements.split(&[' ', ','][..]).find(|word| word.ends_with(&end)) {
            Some(chain) => format!("{before}numgen random mod 1 vmap {{ 0 : goto {chain} }}\n"),
            None => format!("{line}\n"),
        }
    };
    ruleset.lines().map(load).collect()
}

fn replace_word(line: &str, from: &str, to: &str) -> String {
    line.split(' ').map(|word| if word == from { to } else { word }).collect::<Vec<_>>().join(" ")
}

/// The netlink library of the CNI plugins makes devices without a queue, where `ip` gives them one.
fn queue(interface: &Interface) -> &'static str {
    match interface.kind {
        InterfaceKind::Veth { .. } | InterfaceKind::Vxlan(_) => " txqueuelen 0",
        _ => "",
    }
}

/// Brings devices up and gives them their addresses, routes and neighbours.
fn configure(ns: &NetNs) -> Vec<String> {
    let mut lines = Vec::new();
    for interface in ns.interfaces() {
        let name = &interface.dev.name;
        if let Some(master) = &interface.master {
            lines.push(format!("link set {name} master {}", master.name));
            lines.push(format!(
                "link set {name} type bridge_slave hairpin {}",
                if interface.hairpin { "on" } else { "off" }
            ));
        }
        lines.push(format!("link set {name} {}", if interface.up { "up" } else { "down" }));
        for address in interface.addresses.iter().filter(|address| address.writer != Writer::Kernel) {
            let broadcast = if address.net.prefix_len() < 31 { " brd +" } else { "" };
            lines.push(format!("addr add {}{broadcast} dev {name}", address.net));
        }
    }
    for table in ns.all_tables() {
        // A gateway must be known to be on the segment before anything is sent by it.
        let mut routes: Vec<_> = table.rows().iter().filter(|route| route.writer != Writer::Kernel).collect();
        routes.sort_by_key(|route| route.gateway.is_some());
        lines.extend(routes.iter().map(|route| format!("route add {}", route.print(Some(table.id()), false))));
    }
    for rule in ns.rules.rows().iter().filter(|rule| rule.writer != Writer::Kernel) {
        lines.push(format!("rule add pref {}", rule.to_string().replacen(':', "", 1)));
    }
    for row in ns.neighbours.rows().iter().filter(|row| row.state == Nud::Permanent) {
        if let Some(mac) = row.mac {
            lines.push(format!("neigh add {} lladdr {mac} dev {} nud permanent", row.ip, row.dev.name));
        }
    }
    lines
}

/// The tunnel devices' forwarding entries.
fn remotes(ns: &NetNs) -> Vec<String> {
    let mut lines = Vec::new();
    for interface in ns.interfaces() {
        let InterfaceKind::Vxlan(vxlan) = &interface.kind else { continue };
        for row in vxlan.fdb.rows() {
            if let FdbTarget::Remote(remote) = row.target {
                lines.push(format!("fdb add {} dev {} dst {remote}", row.mac, interface.dev.name));
            }
        }
    }
    lines
}

/// Whether a device answers ARP for others; it then does so at once.
fn is_proxy(ns: &NetNs, interface: &Interface) -> bool {
    ns.sysctls.answers_for_others(interface.name())
}
