//! Words for IPVS: virtual servers, and the connections that go through them.

use std::net::IpAddr;

use super::Words;
use crate::trace::{Decision, Hook, HookFunction, Stage, Step};
use crate::wire::End;

/// Whether IPVS took a step.
pub(super) fn is_about(step: &Step) -> bool {
    hook_of(step).is_some()
}

/// Whether a route that was found is that of a service's address.
pub(super) fn holds(step: &Step) -> bool {
    let found = |table: &std::sync::Arc<dyn crate::trace::Consulted>| Some(table.row(table.matched()?).text);
    step.consulted.iter().filter_map(found).any(|row| row.contains("dev kube-ipvs0 "))
}

/// A service's address was looked up.
pub(super) fn routes(dst: &str, at: &str, is_output: bool) -> Words {
    let hook = if is_output { "OUTPUT" } else { "INPUT" };
    (
        format!("{dst} is a service's, and counts as {at}'s own."),
        format!(
            "Table local has {dst} because kube-proxy has put it on kube-ipvs0, a device that leads nowhere and is not even up."
        ),
        format!("IPVS waits for the packet in {hook}. Without that address it would be forwarded, past IPVS."),
    )
}

fn hook_of(step: &Step) -> Option<Hook> {
    match step.stage {
        Stage::Netfilter(hook, HookFunction::IpvsIn | HookFunction::IpvsOut | HookFunction::IpvsIcmp) => Some(hook),
        _ => None,
    }
}

/// An address, and a port if there is one.
fn show((ip, port): (IpAddr, u16)) -> String {
    if port == 0 { ip.to_string() } else { format!("{ip}:{port}") }
}

pub(super) fn does(step: &Step, decision: &Decision, at: &str) -> Words {
    match decision {
        Decision::Schedule { service, to, scheduler, n_servers, is_kept, says } => {
            let how = match (*is_kept, *n_servers) {
                (true, _) => "The virtual server is persistent, and this client was sent there before".to_owned(),
                (false, 1) => "It is the only one that takes new connections".to_owned(),
                (false, n) => format!("Scheduler {scheduler} picked it out of {n}"),
            };
            (
                format!("IPVS: {} goes to {}.", show(*service), show(*to)),
                format!("One lookup by protocol, address and port found the virtual server of {says}. {how}."),
                "Every service is one entry of a hash table here: however many there are, a packet is held against one.".into(),
            )
        }
        Decision::DecrementTtl { from } => (
            format!("IPVS forwards: TTL {from} becomes {}.", from.saturating_sub(1)),
            format!("The packet was for an address of {at}, but its real server is elsewhere. Like every machine that passes packets on, IPVS takes one from the TTL."),
            "It does so before it looks whether the packet fits the way, and to what this machine sends itself as well.".into(),
        ),
        Decision::Translate { end, from, to, .. } => translates(step, *end, &show(*from), &show(*to), at),
        _ => Words::default(),
    }
}

/// Headline and how it came about, of a packet that IPVS does not pass on.
pub(super) fn drops(step: &Step, at: &str) -> (String, String) {
    let looked_in = |command: &str| step.consulted.iter().any(|table| table.command() == command);
    match () {
        () if looked_in("ipvsadm -Ln") => (
            "IPVS: the virtual server has no real server.".to_owned(),
            "The service is there, and so is its virtual server, but no endpoint is ready. IPVS is no TCP: it cannot reset the connection, and says that the port is unreachable.".to_owned(),
        ),
        () if looked_in("ipvsadm -lnc") => (
            "IPVS: the connection's real server is gone.".to_owned(),
            format!("{at} forgets the connection (expire_nodest_conn) and drops this packet. The next one finds another real server."),
        ),
        () if step.mtu.is_some() => (
            "IPVS: too large for the way to the real server.".to_owned(),
            "The sender measured the way to the service's address, not the one to the real server. DF is set, so the packet must not be cut.".to_owned(),
        ),
        () => (
            format!("The TTL ran out at {at}."),
            "IPVS takes one from the TTL like every machine that passes packets on, and that would make it 0.".to_owned(),
        ),
    }
}

fn translates(step: &Step, end: End, from: &str, to: &str, at: &str) -> Words {
    let local = "The real server is on this machine, so the packet goes on where it is.";
    let leaves =
        "The packet is sent from here as if it were made here: it passes OUTPUT and POSTROUTING, never FORWARD.";
    match (end, hook_of(step)) {
        (End::Source, _) => (
            format!("IPVS: the source {from} is {to} again."),
            format!("{at}'s table of IPVS connections says that this real server answers in the name of {to}."),
            "Connection tracking undid the masquerade alone, if there was one. The virtual server's address is IPVS' to give back.".into(),
        ),
        (End::Destination, hook) => (
            format!("IPVS: the destination {from} becomes {to}."),
            format!("{at}'s table of IPVS connections has the real server. The packet's entry in connection tracking learns from whom to expect the answer."),
            match hook {
                Some(Hook::Input | Hook::Output) if step.mtu.is_none() => local.to_owned(),
                _ => leaves.to_owned(),
            },
        ),
    }
}
