//! Words for IPVS: virtual servers, and the connections that go through them.

use std::net::IpAddr;

use super::Words;
use crate::trace::{Decision, Hook, HookFunction, Stage, Step};
use crate::wire::End;

/// Whether IPVS took a step.
pub(super) fn is_about(step: &Step) -> bool {
    hook_of(step).is_some()
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

fn translates(step: &Step, end: End, from: &str, to: &str, at: &str) -> Words {
    let local = "The real server is on this machine, so the packet goes on where it is.";
    let leaves = "The packet is sent from here as if it were made here: it passes OUTPUT and POSTROUTING, never FORWARD.";
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
