//! What changed in a namespace, as rows of its tables.

use std::collections::BTreeMap;

use crate::base::Writer;
use crate::net::{InterfaceKind, NetNs};
use crate::trace::Written;

/// Rows of one table: the command that shows it, and each row with its writer.
pub(super) type Rows = Vec<(String, String, Writer)>;

/// Devices, routes, forwarding databases and Cilium's endpoints that went or came between `before` and `after`.
pub(super) fn changes(before: &NetNs, after: &NetNs) -> Vec<Written> {
    compare(wiring(before), wiring(after))
}

/// What of `before` is not in `after` went, and the other way round.
pub(super) fn compare(before: Rows, after: Rows) -> Vec<Written> {
    let mut count: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (command, text, _) in &before {
        *count.entry((command.clone(), text.clone())).or_default() += 1;
    }
    let mut came = Vec::new();
    for (command, text, writer) in after {
        let key = (command, text);
        match count.get_mut(&key).filter(|n| **n > 0) {
            Some(n) => *n -= 1,
            None => came.push(Written { command: key.0, text: key.1, writer }),
        }
    }
    let mut written = Vec::new();
    for (command, text, writer) in before {
        let key = (command, text);
        if let Some(n) = count.get_mut(&key).filter(|n| **n > 0) {
            *n -= 1;
            written.push(Written { command: key.0, text: format!("Deleted {}", key.1), writer });
        }
    }
    written.extend(came);
    written
}

fn wiring(ns: &NetNs) -> Rows {
    let mut rows = Rows::new();
    let mut row =
        |command: &str, text: &str, writer| rows.push((command.to_owned(), text.trim_end().to_owned(), writer));
    for interface in ns.interfaces() {
        let master = interface.master.as_ref().map(|master| format!(" master {}", master.name)).unwrap_or_default();
        row("ip link", &format!("{}{master} mtu {}", interface.dev.name, interface.mtu), interface.writer);
        for address in &interface.addresses {
            row("ip addr", &format!("inet {} {}", address.net, interface.dev.name), address.writer);
        }
        if let InterfaceKind::Bridge { fdb } = &interface.kind {
            fdb.rows().iter().for_each(|entry| row("bridge fdb", &entry.print(&interface.dev), entry.writer));
        }
    }
    for route in ns.main.rows() {
        row("ip route show table main", &route.to_string(), route.writer);
    }
    for endpoint in ns.bpf.iter().flat_map(|bpf| bpf.endpoints.rows()) {
        row("cilium bpf endpoint list", &endpoint.to_string(), Writer::Cni);
    }
    rows
}
