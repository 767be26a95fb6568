//! Faults: what can be broken before a run.
//!
//! A fault changes the lab, or writes into the same tables that the control plane writes into; the data path knows
//! nothing of it. It breaks what the run at hand comes by: the run is made once with nothing broken, to see who serves
//! it. A fault that has nothing to break there (a tunnel's port where there is no tunnel) changes nothing.

mod acts;
mod here;
mod names;
mod services;
mod victim;

use super::build::{Prepared, prepare_cluster};
use super::nearest::nearest;
use super::run::{Run, RunError};
use super::{CniMode, Lab};
use acts::Act;
pub use here::{FAULT_GROUPS, FaultHere, faults_here};
use victim::Victim;

/// Something that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What `--fault` calls it.
    pub id: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What it breaks, and how that shows.
    pub breaks: &'static str,
}

/// All faults, in the order in which they are listed.
#[must_use]
pub fn faults() -> Vec<Fault> {
    ALL.iter().map(|(fault, _)| *fault).collect()
}

type Break = fn(&mut Broken, &Victim);

const ALL: [(Fault, Break); 21] = [
    (
        Fault {
            id: "cni-mtu",
            title: "Pods have the NIC's MTU although a tunnel needs room",
            breaks: "Every pod, its cable and its bridge have the MTU of the NIC. Full packets do not fit the tunnel device.",
        },
        acts::cni_mtu,
    ),
    (
        Fault {
            id: "small-nic",
            title: "The server's node has a smaller NIC than the others",
            breaks: "Its NIC's MTU is 100 bytes below. Full packets to it are lost where they arrive.",
        },
        acts::small_nic,
    ),
    (
        Fault {
            id: "icmp-filtered",
            title: "The fabric lets no ICMP through",
            breaks: "Pings without a tunnel are lost, and so is every ICMP error that a router sends.",
        },
        acts::icmp_filtered,
    ),
    (
        Fault {
            id: "tunnel-port-blocked",
            title: "The fabric blocks the tunnel's port",
            breaks: "Whatever pods of different nodes say to each other is lost between the nodes.",
        },
        acts::tunnel_port_blocked,
    ),
    (
        Fault {
            id: "route-missing",
            title: "The client's node has no route to the server's pods",
            breaks: "The network provider's route to that node is gone: packets take the default route instead.",
        },
        acts::route_missing,
    ),
    (
        Fault {
            id: "bgp-session-down",
            title: "The server's node has lost its BGP sessions",
            breaks: "Nobody learns of its pods any more, and it learns of nobody's.",
        },
        acts::bgp_session_down,
    ),
    (
        Fault {
            id: "ip-forward-off",
            title: "The client's node does not forward",
            breaks: "net.ipv4.ip_forward is 0: what is not for the node itself is thrown away.",
        },
        acts::ip_forward_off,
    ),
    (
        Fault {
            id: "bridge-nf-call-off",
            title: "Bridged packets bypass netfilter on the client's node",
            breaks: "net.bridge.bridge-nf-call-iptables is 0: an answer on one bridge is not translated back.",
        },
        acts::bridge_nf_call_off,
    ),
    (
        Fault {
            id: "rp-filter-strict",
            title: "The server's node checks sources strictly, and its way back is another",
            breaks: "rp_filter is 1, and the route back to the client's pods leaves by the NIC although a tunnel brings their packets.",
        },
        acts::rp_filter_strict,
    ),
    (
        Fault {
            id: "hairpin-off",
            title: "No bridge port sends back what it received",
            breaks: "hairpin_mode is off on the client's node: a pod cannot reach itself through a service.",
        },
        acts::hairpin_off,
    ),
    (
        Fault {
            id: "veth-down",
            title: "The server's cable is down at its node",
            breaks: "The host end of the pod's veth pair is down: nothing reaches the pod.",
        },
        acts::veth_down,
    ),
    (
        Fault {
            id: "ipam-exhausted",
            title: "No IP was left for the server",
            breaks: "Its node's range of pod addresses is used up: the pod has no sandbox and stays ContainerCreating.",
        },
        acts::ipam_exhausted,
    ),
    (
        Fault {
            id: "duplicate-pod-ip",
            title: "Another pod on the server's node has its IP",
            breaks: "A pod named duplicate was started with the same address, and answers in its place.",
        },
        acts::duplicate_pod_ip,
    ),
    (
        Fault {
            id: "endpoint-not-ready",
            title: "The service's pods fail their readiness probe",
            breaks: "They run and have addresses, but no rule leads to them: kube-proxy refuses, with port unreachable.",
        },
        services::endpoint_not_ready,
    ),
    (
        Fault {
            id: "selector-matches-nothing",
            title: "The service's selector matches no pod",
            breaks: "A label is misspelt, so the service has no endpoints: kube-proxy refuses, with port unreachable.",
        },
        services::selector_matches_nothing,
    ),
    (
        Fault {
            id: "wrong-target-port",
            title: "The service's targetPort is not the port that its pods listen on",
            breaks: "The packet is translated and arrives, and nobody listens: the pod's kernel answers no.",
        },
        services::wrong_target_port,
    ),
    (
        Fault {
            id: "kube-proxy-stopped",
            title: "kube-proxy has stopped on the node that translates, and the pods were replaced since",
            breaks: "The node's rules lead to addresses that nobody has any more. Only this node is wrong.",
        },
        services::kube_proxy_stopped,
    ),
    (
        Fault {
            id: "etp-local-no-endpoint",
            title: "externalTrafficPolicy is Local, and the node that the client comes to has no endpoint",
            breaks: "That node may send the client to its own pods only, and drops. Other nodes would serve it.",
        },
        services::etp_local_no_endpoint,
    ),
    (
        Fault {
            id: "stale-conntrack",
            title: "A UDP entry still leads to an endpoint that is gone",
            breaks: "The client uses the same port again, so its datagrams follow the old entry and no rule is asked. kube-proxy forgets such entries; this one it has missed.",
        },
        services::stale_conntrack,
    ),
    (
        Fault {
            id: "coredns-down",
            title: "CoreDNS does not run",
            breaks: "Its pods are in CrashLoopBackOff, so kube-dns has no endpoints: every lookup is refused, and nothing that is called by a name is reached.",
        },
        names::coredns_down,
    ),
    (
        Fault {
            id: "wrong-ndots",
            title: "The client's pod has ndots:1",
            breaks: "A name with a dot is asked as it stands before the search list: web.shop goes to the resolver outside first, and musl does not try the list at all.",
        },
        names::wrong_ndots,
    ),
];

/// A lab with something broken in it.
pub(super) struct Broken {
    pub(super) lab: Lab,
    acts: Vec<Act>,
    /// What was broken, one line each.
    pub(super) notes: Vec<String>,
}

impl Broken {
    /// The machines of the lab, with what is broken in them.
    pub(super) fn prepare(&self, seed: u64) -> Prepared {
        let mut prepared = prepare_cluster(&self.lab, seed);
        for act in &self.acts {
            act(&mut prepared.topo);
        }
        prepared
    }
}

/// Breaks `faults` in `lab`, where `run` comes by; without one, where the first pod would talk to one of another node.
///
/// # Errors
/// If there is no such fault, or the run cannot be made.
pub(super) fn broken(lab: &Lab, faults: &[String], run: Option<&Run>) -> Result<Broken, RunError> {
    let chosen = faults.iter().map(|id| find(id)).collect::<Result<Vec<_>, _>>()?;
    let mut broken = Broken { lab: lab.clone(), acts: Vec::new(), notes: Vec::new() };
    if chosen.is_empty() {
        return Ok(broken);
    }
    let victim = Victim::of(lab, run)?;
    for (fault, act) in chosen {
        let n_notes = broken.notes.len();
        act(&mut broken, &victim);
        if broken.notes.len() == n_notes {
            broken.notes.push("has nothing to break here".to_owned());
        }
        broken.notes[n_notes..].iter_mut().for_each(|note| *note = format!("{}: {note}", fault.id));
    }
    Ok(broken)
}

/// What `faults` break in `lab`, one line each.
///
/// # Errors
/// If there is no such fault.
pub fn fault_notes(lab: &Lab, faults: &[String]) -> Result<Vec<String>, RunError> {
    broken(lab, faults, None).map(|broken| broken.notes)
}

fn find(id: &str) -> Result<&'static (Fault, Break), RunError> {
    ALL.iter().find(|(fault, _)| fault.id == id).ok_or_else(|| RunError::NoSuchFault {
        found: id.to_owned(),
        nearest: nearest(id, ALL.iter().map(|(fault, _)| fault.id)).map(str::to_owned),
    })
}

/// Whether pods' packets travel in envelopes.
fn has_tunnel(mode: CniMode) -> bool {
    acts::envelope(mode).is_some()
}

#[cfg(test)]
mod tests;
