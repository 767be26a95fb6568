//! Commands typed at a place, answered in the real tools' formats (iproute2 6.1).

use std::fmt::Write as _;
use std::net::IpAddr;

use thiserror::Error;

use super::run::{RunError, resolve, trace_to_end};
use super::{Lab, Run, build};
use crate::datapath::{Routed, route_lookup, route_output};
use crate::net::{Interface, InterfaceKind, NetNs, Topology};
use crate::trace::NextHop;

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
const COMMANDS: [&str; 7] = [
    "ip addr",
    "ip link",
    "ip route",
    "ip route show table local|main|all",
    "ip route get ADDR",
    "ip neigh",
    "bridge fdb",
];

/// Types `command` at `at`, on the machines as they are, or as `after` leaves them.
///
/// # Errors
/// If the place, the run or the command does not exist.
pub fn show(lab: &Lab, at: &str, after: Option<&Run>, command: &[&str]) -> Result<String, ShowError> {
    let topo = match after {
        Some(run) => trace_to_end(lab, run)?.1,
        None => build(lab, 1),
    };
    let (id, _) = resolve(lab, &topo, at, "--at")?;
    let ns = topo.ns(id);
    let words: Vec<&str> = command.iter().flat_map(|word| word.split_whitespace()).collect();
    Ok(match words[..] {
        ["ip", "addr" | "address" | "a"] | ["ip", "addr" | "address" | "a", "show" | "list"] => {
            ns.interfaces().iter().map(|interface| ip_addr(interface, &topo)).collect()
        }
        ["ip", "link" | "l"] | ["ip", "link" | "l", "show" | "list"] => {
            ns.interfaces().iter().map(|interface| ip_link(interface, &topo)).collect()
        }
        ["ip", "route" | "r", "get", address] => route_get(ns, address)?,
        ["ip", "route" | "r", ref rest @ ..] => route_show(ns, rest)?,
        ["ip", "neigh" | "neighbour" | "n"] | ["ip", "neigh" | "neighbour" | "n", "show" | "list"] => {
            ns.neighbours.rows().iter().map(|row| row.print() + "\n").collect()
        }
        ["bridge", "fdb"] | ["bridge", "fdb", "show"] => bridge_fdb(ns),
        _ => return Err(ShowError::NoSuchCommand { found: words.join(" ") }),
    })
}

fn flags(interface: &Interface) -> &'static str {
    match interface.kind {
        InterfaceKind::Loopback => "LOOPBACK,UP,LOWER_UP",
        _ if interface.up => "BROADCAST,MULTICAST,UP,LOWER_UP",
        _ => "BROADCAST,MULTICAST",
    }
}

/// Models iproute2 ip/ipaddress.c print_linkinfo.
fn ip_link(interface: &Interface, topo: &Topology) -> String {
    let peer = match interface.kind {
        InterfaceKind::Veth { peer } => format!("@if{}", peer.index),
        _ => String::new(),
    };
    let master = interface.master.as_ref().map(|master| format!(" master {}", master.name)).unwrap_or_default();
    let state = match interface.kind {
        _ if !interface.up => "DOWN",
        InterfaceKind::Loopback | InterfaceKind::Vxlan(_) => "UNKNOWN",
        _ => "UP",
    };
    let (kind, broadcast) = match interface.kind {
        InterfaceKind::Loopback => ("loopback", "00:00:00:00:00:00"),
        _ => ("ether", "ff:ff:ff:ff:ff:ff"),
    };
    let queue = match interface.kind {
        InterfaceKind::Veth { .. } | InterfaceKind::Vxlan(_) => "",
        _ => " qlen 1000",
    };
    let netns = match interface.kind {
        InterfaceKind::Veth { peer } => format!(" link-netns {}", topo.ns(peer.ns).place.to_string().replace('/', "-")),
        _ => String::new(),
    };
    format!(
        "{}: {}{peer}: <{}> mtu {} qdisc {}{master} state {state} mode DEFAULT group default{queue}\n    link/{kind} {} brd {broadcast}{netns}\n",
        interface.dev.index,
        interface.dev.name,
        flags(interface),
        interface.mtu,
        interface.qdisc(),
        interface.mac,
    )
}

/// Models iproute2 ip/ipaddress.c print_addrinfo.
fn ip_addr(interface: &Interface, topo: &Topology) -> String {
    let mut text = ip_link(interface, topo).replace(" mode DEFAULT", "");
    for address in &interface.addresses {
        let (scope, name) = match interface.kind {
            InterfaceKind::Loopback => ("host", &interface.dev.name),
            _ => ("global", &interface.dev.name),
        };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "    inet {} scope {scope} {name}\n       valid_lft forever preferred_lft forever\n",
            address.net
        );
    }
    text
}

/// Models iproute2 ip/iproute.c print_route.
fn route_show(ns: &NetNs, words: &[&str]) -> Result<String, ShowError> {
    let words = match words {
        ["show" | "list", rest @ ..] => rest,
        all => all,
    };
    let print = |table: &crate::net::RouteTable, suffix: &str| -> String {
        table.rows().iter().map(|route| format!("{route}{suffix}\n")).collect()
    };
    Ok(match words {
        [] | ["table", "main"] => print(&ns.main, ""),
        ["table", "local"] => print(&ns.local, ""),
        ["table", "all"] => print(&ns.main, "") + &print(&ns.local, "").replace(" dev ", " table local dev "),
        ["table", other] => {
            return Err(ShowError::Argument { found: (*other).to_owned(), expected: "table local, main or all" });
        }
        _ => return Err(ShowError::NoSuchCommand { found: format!("ip route {}", words.join(" ")) }),
    })
}

/// Models iproute2 ip/iproute.c iproute_get.
fn route_get(ns: &NetNs, address: &str) -> Result<String, ShowError> {
    let dst: IpAddr =
        address.parse().map_err(|_| ShowError::Argument { found: address.to_owned(), expected: "an IP address" })?;
    let decided = route_lookup(ns, dst);
    let Some((src, _)) = route_output(ns, dst) else {
        return Ok("RTNETLINK answers: Network is unreachable\n".to_owned());
    };
    Ok(match (&decided.result, decided.next_hop()) {
        (Routed::Local, _) => format!("local {dst} dev lo src {src} uid 0 \n    cache <local> \n"),
        (_, Some(NextHop::Via { gateway, dev })) => {
            format!("{dst} via {gateway} dev {dev} src {src} uid 0 \n    cache \n")
        }
        (_, Some(NextHop::Direct { dev })) => format!("{dst} dev {dev} src {src} uid 0 \n    cache \n"),
        _ => "RTNETLINK answers: Network is unreachable\n".to_owned(),
    })
}

/// Models iproute2 bridge/fdb.c print_fdb.
fn bridge_fdb(ns: &NetNs) -> String {
    let of = |interface: &Interface| match &interface.kind {
        InterfaceKind::Bridge { fdb } => Some(fdb.clone()),
        InterfaceKind::Vxlan(vxlan) => Some(vxlan.fdb.clone()),
        _ => None,
    };
    let databases = ns.interfaces().iter().filter_map(|interface| Some((interface, of(interface)?)));
    databases
        .flat_map(|(owner, fdb)| fdb.rows().iter().map(|row| row.print(&owner.dev) + "\n").collect::<Vec<_>>())
        .collect()
}
