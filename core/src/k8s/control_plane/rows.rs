//! What changed in a namespace, as rows of its tables.

use crate::base::Writer;
use crate::net::{InterfaceKind, NetNs};
use crate::trace::Written;

/// Rows of one table: the command that shows it, and each row with its writer.
type Rows = Vec<(&'static str, String, Writer)>;

/// Devices, routes, forwarding databases and Cilium's endpoints that went or came between `before` and `after`.
pub(super) fn changes(before: &NetNs, after: &NetNs) -> Vec<Written> {
    compare(wiring(before), wiring(after))
}

/// What of `before` is not in `after` went, and the other way round.
pub(super) fn compare(before: Rows, after: Rows) -> Vec<Written> {
    let mut kept = crate::base::map_of(before.iter().map(|(command, text, _)| ((*command, text.clone()), 0_usize)));
    for (command, text, _) in &before {
        *kept.entry((*command, text.clone())).or_default() += 1;
    }
    let mut written = Vec::new();
    for (command, text, writer) in after {
        match kept.get_mut(&(command, text.clone())).filter(|n| **n > 0) {
            Some(n) => *n -= 1,
            None => written.push(Written { command: command.to_owned(), text, writer }),
        }
    }
    let mut gone = Vec::new();
    for (command, text, writer) in before {
        if let Some(n) = kept.get_mut(&(command, text.clone())).filter(|n| **n > 0) {
            *n -= 1;
            gone.push(Written { command: command.to_owned(), text: format!("Deleted {text}"), writer });
        }
    }
    gone.extend(written);
    gone
}

fn wiring(ns: &NetNs) -> Rows {
    let mut rows = Rows::new();
    for interface in ns.interfaces() {
        let master = interface.master.as_ref().map(|master| format!(" master {}", master.name)).unwrap_or_default();
        rows.push(("ip link", format!("{}{master} mtu {}", interface.dev.name, interface.mtu), interface.writer));
        for address in &interface.addresses {
            rows.push(("ip addr", format!("inet {} {}", address.net, interface.dev.name), address.writer));
        }
        if let InterfaceKind::Bridge { fdb } = &interface.kind {
            rows.extend(
                fdb.rows()
                    .iter()
                    .map(|row| ("bridge fdb", row.print(&interface.dev).trim_end().to_owned(), row.writer)),
            );
        }
    }
    rows.extend(
        ns.main
            .rows()
            .iter()
            .map(|route| ("ip route show table main", route.to_string().trim_end().to_owned(), route.writer)),
    );
    if let Some(bpf) = &ns.bpf {
        rows.extend(bpf.endpoints.rows().iter().map(|row| ("cilium bpf endpoint list", row.to_string(), Writer::Cni)));
    }
    rows
}
