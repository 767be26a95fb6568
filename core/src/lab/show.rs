//! Commands typed at a place, answered in the real tools' formats (iproute2 6.1).

mod ask;
mod cilium;
mod dig;
mod nslookup;
mod route;
mod ss;

use std::borrow::Cow;

use thiserror::Error;

use super::build::prepare;
use super::dns::resolv_conf;
use super::names::{corefile_at, with_names};
use super::run::{RunError, resolve, run_to_end};
use super::{Lab, Run, faults};
use crate::base::{Instant, Place, Writer, sort_by};
use crate::net::{FdbEntry, FdbTarget, Interface, InterfaceKind, NetNs, NsId, Topology};
use crate::netfilter::{IPVS_SYSCTLS, TableName};

/// Why a command has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ShowError {
    /// The place or the run before it does not exist.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The command is none that is known here.
    #[error("{found:?} is no command of this place; expected one of: {}", COMMANDS.join(", "))]
    NoSuchCommand {
        /// What was typed.
        found: String,
    },
    /// An argument is wrong.
    #[error("{found:?}: expected {expected}")]
    Argument {
        /// What was typed.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
}

/// What can be typed.
const COMMANDS: [&str; 22] = [
    "ip addr",
    "ip link",
    "ip route",
    "ip route show table TABLE",
    "ip route get ADDR [from ADDR] [iif DEVICE] [mark MARK]",
    "ip rule",
    "ip neigh",
    "bridge fdb",
    "sysctl -a",
    "iptables-save [-t TABLE]",
    "ipset save",
    "ipvsadm-save -n",
    "ipvsadm -lnc",
    "nft list ruleset",
    "nft list table FAMILY NAME",
    "conntrack -L",
    "cat /etc/resolv.conf",
    "cat Corefile",
    "dig [@SERVER] NAME [TYPE] [+short|+tcp|+search|+[no]all|+[no]answer…]",
    "nslookup [-type=TYPE] NAME [SERVER]",
    "ss -tunl",
    "cilium bpf endpoint|ipcache|lb|nat|frag list, cilium bpf ct list global",
];

/// What stands above the columns of `ipvsadm -lnc`.
const CONNECTION_HEADS: &str = "pro expire state       source             virtual            destination";

/// A line of an answer, or several that belong together, with whoever wrote the row that it shows.
type Line = (String, Option<Writer>);

/// Types `command` at `at`, on the machines as they are, or as `after` leaves them. `with_writers` says behind every row
/// who wrote it.
///
/// # Errors
/// If the place, the run or the command does not exist.
pub fn show(
    lab: &Lab,
    at: &str,
    after: Option<&Run>,
    command: &[&str],
    with_writers: bool,
) -> Result<String, ShowError> {
    // Asked for a name or its Corefile, a cluster without a DNS is given the one that it would have.
    let named = if is_about_names(command) { with_names(lab).map_err(RunError::from)? } else { Cow::Borrowed(lab) };
    let lab = &*named;
    let (mut topo, now, left) = match after {
        Some(run) => {
            let ended = run_to_end(lab, run)?;
            let end = ended.trace.steps().map(|(_, step)| step.time).max();
            (ended.topo, end.unwrap_or(Instant::START), ended.lab)
        }
        None => (prepare(lab, 1), Instant::START, None),
    };
    typed(left.as_ref().unwrap_or(lab), &mut topo, at, now, command, with_writers)
}

/// Types `command` at `at`, on the machines as they are with `faults` in them.
///
/// # Errors
/// If the place, a fault or the command does not exist.
pub fn show_broken(
    lab: &Lab,
    at: &str,
    faults: &[String],
    command: &[&str],
    with_writers: bool,
) -> Result<String, ShowError> {
    let named = if is_about_names(command) { with_names(lab).map_err(RunError::from)? } else { Cow::Borrowed(lab) };
    let broken = faults::broken(&named, faults, None)?;
    let mut topo = broken.prepare(1).topo;
    typed(&broken.lab, &mut topo, at, Instant::START, command, with_writers)
}

/// The answer to `command` at `at` on these machines, as they are at `now`.
fn typed(
    lab: &Lab,
    topo: &mut Topology,
    at: &str,
    now: Instant,
    command: &[&str],
    with_writers: bool,
) -> Result<String, ShowError> {
    if let Some(answer) = looked_up(lab, topo, at, command) {
        return answer;
    }
    let (id, _) = resolve(lab, topo, at, "--at")?;
    let lines = file(lab, at, command).map_or_else(|| lines(topo, id, now, command), Ok)?;
    Ok(lines.into_iter().map(|line| print(line, with_writers)).collect())
}

fn words<'a>(command: &[&'a str]) -> Vec<&'a str> {
    command.iter().flat_map(|word| word.split_whitespace()).collect()
}

fn is_about_names(command: &[&str]) -> bool {
    matches!(words(command)[..], ["cat", "Corefile"] | ["dig" | "nslookup", ..])
}

/// What a tool that looks names up prints, if `command` is one. The machines are left as they are after it.
fn looked_up(lab: &Lab, topo: &mut Topology, at: &str, command: &[&str]) -> Option<Result<String, ShowError>> {
    match words(command)[..] {
        ["dig", ref words @ ..] => Some(dig::dig(lab, std::mem::take(topo), at, words)),
        ["nslookup", ref words @ ..] => Some(nslookup::nslookup(lab, std::mem::take(topo), at, words)),
        _ => None,
    }
}

/// The file that `command` prints, if it is one that the kubelet or the admin has written.
fn file(lab: &Lab, at: &str, command: &[&str]) -> Option<Vec<Line>> {
    let words = words(command);
    let (place, _) = Place::parse_with_container(at).ok()?;
    if words == ["cat", "Corefile"] {
        let text = corefile_at(lab, &place)?;
        return Some(text.lines().map(|line| (line.to_owned(), Some(Writer::Admin))).collect());
    }
    let writer = if matches!(place, Place::Node(_)) { Writer::Admin } else { Writer::Kubelet };
    let made = resolv_conf(lab, &place).filter(|_| words == ["cat", "/etc/resolv.conf"])?;
    Some(made.print().lines().map(|line| (line.to_owned(), Some(writer))).collect())
}

/// Types `command` in a namespace, as it is.
///
/// # Errors
/// If the command does not exist.
pub fn answer(topo: &Topology, at: NsId, command: &[&str]) -> Result<String, ShowError> {
    let lines = lines(topo, at, topo.now, command)?;
    Ok(lines.into_iter().map(|line| print(line, false)).collect())
}

/// Lines of which nobody says who wrote them.
fn unsigned(text: &str) -> Vec<Line> {
    text.lines().map(|line| (line.to_owned(), None)).collect()
}

fn print((text, writer): Line, with_writers: bool) -> String {
    match (writer.filter(|_| with_writers), text.split_once('\n')) {
        (Some(writer), Some((first, rest))) => format!("{}  # {writer}\n{rest}\n", first.trim_end()),
        (Some(writer), None) => format!("{}  # {writer}\n", text.trim_end()),
        (None, _) => text + "\n",
    }
}

/// The answer to one of the few commands that a page types by itself: by its own function, so that a page has no more of
/// the printers than it needs.
pub(super) fn common(lab: &Lab, topo: &Topology, at: &str, ns: NsId, words: &[&str]) -> Option<String> {
    let lines = file(lab, at, words).or_else(|| common_lines(topo, ns, words))?;
    Some(lines.into_iter().map(|line| print(line, false)).collect())
}

fn common_lines(topo: &Topology, at: NsId, words: &[&str]) -> Option<Vec<Line>> {
    let ns = topo.ns(at);
    Some(match *words {
        ["ip", "addr" | "address" | "a"] | ["ip", "addr" | "address" | "a", "show" | "list"] => {
            ns.interfaces().iter().flat_map(|interface| ip_addr(interface, ns, topo)).collect()
        }
        ["ip", "link" | "l"] | ["ip", "link" | "l", "show" | "list"] => {
            ns.interfaces().iter().map(|interface| ip_link(interface, ns, topo)).collect()
        }
        ["ip", "route"] => route::show(ns, &[]).ok()?,
        ["iptables-save"] => ns.netfilter.iptables_rows(None),
        _ => return None,
    })
}

fn lines(topo: &Topology, at: NsId, now: Instant, command: &[&str]) -> Result<Vec<Line>, ShowError> {
    let ns = topo.ns(at);
    let words: Vec<&str> = command.iter().flat_map(|word| word.split_whitespace()).collect();
    if let Some(lines) = common_lines(topo, at, &words) {
        return Ok(lines);
    }
    Ok(match words[..] {
        ["ip", "route" | "r", "get", address, ref rest @ ..] => unsigned(&route::get(ns, address, rest, topo.now)?),
        ["ip", "route" | "r", ref rest @ ..] => route::show(ns, rest)?,
        ["ip", "rule" | "ru", ref rest @ ..] => route::rules(ns, rest)?,
        ["sysctl", "-a"] => {
            let mut rows = ns.sysctls.rows(ns.interfaces());
            let of_module = IPVS_SYSCTLS.iter().filter(|_| ns.netfilter.ipvs.is_loaded());
            rows.extend(of_module.map(|(path, value)| ((*path).to_owned(), (*value).to_owned())));
            sort_by(&mut rows, Ord::cmp);
            rows.into_iter().map(|(path, value)| (format!("{path} = {value}"), None)).collect()
        }
        ["ip", "neigh" | "neighbour" | "n"] | ["ip", "neigh" | "neighbour" | "n", "show" | "list"] => {
            ns.neighbours.rows().iter().map(|row| (row.print(), Some(row.writer))).collect()
        }
        ["bridge", "fdb"] | ["bridge", "fdb", "show"] => bridge_fdb(ns, now),
        ["iptables-save", "-t" | "--table", table] => {
            let found = TableName::ALL.into_iter().find(|name| name.as_str() == table);
            let expected = "table filter, mangle, nat or raw";
            let argument = || ShowError::Argument { found: table.to_owned(), expected };
            ns.netfilter.iptables_rows(Some(found.ok_or_else(argument)?))
        }
        ["ipvsadm-save", "-n" | "--numeric"] => {
            ns.netfilter.ipvs.save().into_iter().map(|(line, writer)| (line, Some(writer))).collect()
        }
        ["ipvsadm", "-lnc" | "-Lnc"] => {
            let heads = ["IPVS connection entries", CONNECTION_HEADS];
            let heads = heads.into_iter().map(|head| (head.to_owned(), None));
            let rows = ns.netfilter.ipvs.connection_rows(now).into_iter().map(|row| (row, Some(Writer::Kernel)));
            heads.chain(rows).collect()
        }
        ["ipset", "save"] => unsigned(&ns.netfilter.sets.save()),
        ["nft", "list", "ruleset"] => ns.netfilter.nft.rows(now),
        ["nft", "list", "table", family, name] => {
            let expected = "a table of this machine, like ip kube-proxy";
            let argument = || ShowError::Argument { found: format!("{family} {name}"), expected };
            ns.netfilter.nft.rows_of(family, name, now).ok_or_else(argument)?
        }
        ["conntrack", "-L"] => {
            let rows = ns.netfilter.conntrack.rows(now);
            rows.map(|row| (row.print(now), Some(Writer::Kernel))).collect()
        }
        ["ss", "-tunl" | "-tuln" | "-lntu"] => unsigned(&ss::listeners(ns)),
        ["cilium" | "cilium-dbg", "bpf", ref rest @ ..] => {
            cilium::bpf(ns, rest).ok_or_else(|| ShowError::NoSuchCommand { found: words.join(" ") })?
        }
        _ => return Err(ShowError::NoSuchCommand { found: words.join(" ") }),
    })
}

fn flags(interface: &Interface, has_carrier: bool) -> &'static str {
    match interface.kind {
        InterfaceKind::Loopback => "LOOPBACK,UP,LOWER_UP",
        InterfaceKind::Dummy if interface.up => "BROADCAST,NOARP,UP,LOWER_UP",
        InterfaceKind::Dummy => "BROADCAST,NOARP",
        _ if has_carrier && interface.noarp => "BROADCAST,MULTICAST,NOARP,UP,LOWER_UP",
        InterfaceKind::Ipip(_) => "NOARP,UP,LOWER_UP",
        _ if has_carrier => "BROADCAST,MULTICAST,UP,LOWER_UP",
        _ if interface.up => "NO-CARRIER,BROADCAST,MULTICAST,UP",
        _ => "BROADCAST,MULTICAST",
    }
}

/// Models iproute2 ip/ipaddress.c print_linkinfo.
fn ip_link(interface: &Interface, ns: &NetNs, topo: &Topology) -> Line {
    let peer = match interface.kind {
        // Both ends here: the other is called by its name.
        InterfaceKind::Veth { peer } if topo.ns(peer.ns).place == ns.place => {
            format!("@{}", ns.interface(peer.index).name())
        }
        InterfaceKind::Veth { peer } => format!("@if{}", peer.index),
        InterfaceKind::Ipip(_) => "@NONE".to_owned(),
        _ => String::new(),
    };
    let master = interface.master.as_ref().map(|master| format!(" master {}", master.name)).unwrap_or_default();
    let has_carrier = ns.has_carrier(interface.dev.index);
    let state = match interface.kind {
        _ if !has_carrier => "DOWN",
        InterfaceKind::Loopback => "UNKNOWN",
        _ if interface.is_tunnel() => "UNKNOWN",
        _ => "UP",
    };
    let mac = interface.mac.to_string();
    let (kind, address, broadcast) = match interface.kind {
        InterfaceKind::Loopback => ("loopback", mac.as_str(), "00:00:00:00:00:00"),
        // Its link addresses are its ends.
        InterfaceKind::Ipip(_) => ("ipip", "0.0.0.0", "0.0.0.0"),
        _ => ("ether", mac.as_str(), "ff:ff:ff:ff:ff:ff"),
    };
    let queue = match interface.kind {
        InterfaceKind::Veth { .. } | InterfaceKind::Vxlan(_) | InterfaceKind::Geneve(_) | InterfaceKind::Dummy => "",
        _ => "qlen 1000",
    };
    let netns = match interface.kind {
        InterfaceKind::Veth { peer } if topo.ns(peer.ns).place == ns.place => String::new(),
        InterfaceKind::Veth { peer } => format!(" link-netns {}", topo.ns(peer.ns).place.to_string().replace('/', "-")),
        _ => String::new(),
    };
    let text = format!(
        "{}: {}{peer}: <{}> mtu {} qdisc {}{master} state {state} mode DEFAULT group default {queue}\n    link/{kind} {address} brd {broadcast}{netns}",
        interface.dev.index,
        interface.dev.name,
        flags(interface, has_carrier),
        interface.mtu,
        interface.qdisc(),
    );
    (text, Some(interface.writer))
}

/// Models iproute2 ip/ipaddress.c print_addrinfo.
fn ip_addr(interface: &Interface, ns: &NetNs, topo: &Topology) -> Vec<Line> {
    let (link, writer) = ip_link(interface, ns, topo);
    let mut lines = vec![(link.replace(" mode DEFAULT", ""), writer)];
    for address in &interface.addresses {
        let (scope, name) = match interface.kind {
            InterfaceKind::Loopback => ("host", &interface.dev.name),
            _ => ("global", &interface.dev.name),
        };
        // The netlink library of the CNI plugins states the broadcast address, as everybody does but for lo.
        let broadcast = match interface.kind {
            InterfaceKind::Loopback => String::new(),
            _ if address.net.max_prefix_len() - address.net.prefix_len() < 2 => String::new(),
            _ => format!(" brd {}", address.net.broadcast()),
        };
        let text = format!(
            "    inet {}{broadcast} scope {scope} {name}\n       valid_lft forever preferred_lft forever",
            address.net
        );
        lines.push((text, Some(address.writer)));
    }
    lines
}

/// Link addresses that an Ethernet device listens to besides its own: all-nodes and all-hosts.
const GROUPS: [&str; 2] = ["33:33:00:00:00:01", "01:00:5e:00:00:01"];
/// The same of a bridge, which also listens for multicast listeners.
const BRIDGE_GROUPS: [&str; 4] = ["33:33:00:00:00:01", "01:00:5e:00:00:6a", "33:33:00:00:00:6a", "01:00:5e:00:00:01"];

/// Models iproute2 bridge/fdb.c print_fdb, in the order of the kernel's rtnl_fdb_dump: device by device, of a port first
/// what its bridge knows of it, the newest row first.
fn bridge_fdb(ns: &NetNs, now: Instant) -> Vec<Line> {
    let print = |row: &FdbEntry, owner: &Interface| (row.print(&owner.dev), Some(row.writer));
    let of_bridge = |port: &Interface, bridge: &Interface| -> Vec<Line> {
        let InterfaceKind::Bridge { fdb } = &bridge.kind else { return Vec::new() };
        let is_here = |row: &&FdbEntry| match &row.target {
            FdbTarget::Local(dev) | FdbTarget::Port(dev) => *dev == port.dev,
            FdbTarget::Remote(_) => false,
        };
        let known = fdb.rows().iter().rev().filter(|row| !fdb.has_expired(row, now));
        known.filter(is_here).map(|row| print(row, bridge)).collect()
    };
    let own = |interface: &Interface, groups: &[&str]| -> Vec<Line> {
        let line = |group| (format!("{group} dev {} self permanent", interface.name()), Some(Writer::Kernel));
        groups.iter().map(line).collect()
    };
    let rows = |interface: &Interface| match (&interface.kind, &interface.master) {
        (InterfaceKind::Loopback | InterfaceKind::Ipip(_) | InterfaceKind::Dummy, _) => Vec::new(),
        (InterfaceKind::Vxlan(vxlan), _) => vxlan.fdb.rows().iter().map(|row| print(row, interface)).collect(),
        (InterfaceKind::Bridge { .. }, _) => [own(interface, &BRIDGE_GROUPS), of_bridge(interface, interface)].concat(),
        (_, Some(master)) => [of_bridge(interface, ns.interface(master.index)), own(interface, &GROUPS)].concat(),
        (_, None) => own(interface, &GROUPS),
    };
    ns.interfaces().iter().flat_map(rows).collect()
}
