//! The faults as a menu needs them: what belongs together, and which of them have something to break in a run.

use super::victim::Victim;
use super::{ALL, Broken, Fault};
use crate::lab::Lab;
use crate::lab::run::{Run, RunError, named};

/// A fault, held against a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultHere {
    /// The fault.
    pub fault: Fault,
    /// What it is about: one of [`FAULT_GROUPS`].
    pub group: &'static str,
    /// What it breaks here, in words; without anything to break, what it would need.
    pub breaks: Result<String, &'static str>,
}

/// What faults are about, in the order of the menu.
pub const FAULT_GROUPS: [&str; 5] = ["MTU", "Fabric", "Node", "Services", "Names"];

const TUNNEL: &str = "needs a tunnel between nodes";
const APART: &str = "needs a client and a server on different nodes";
const POD: &str = "needs a pod that serves";
const SERVICE: &str = "needs a service";

/// The group of a fault, and what it needs.
fn kind(id: &str) -> (&'static str, &'static str) {
    match id {
        "cni-mtu" => ("MTU", TUNNEL),
        "small-nic" => ("MTU", "needs a server in the cluster, and room below its MTU"),
        "icmp-filtered" => ("Fabric", APART),
        "tunnel-port-blocked" => ("Fabric", TUNNEL),
        "bgp-session-down" => ("Fabric", "needs a mode that speaks BGP"),
        "route-missing" => ("Node", APART),
        "ip-forward-off" | "bridge-nf-call-off" => ("Node", "needs a node on the way"),
        "rp-filter-strict" => ("Node", "needs a server in the cluster"),
        "hairpin-off" => ("Node", "needs a bridge"),
        "veth-down" | "ipam-exhausted" | "duplicate-pod-ip" => ("Node", POD),
        "endpoint-not-ready" | "selector-matches-nothing" | "wrong-target-port" => ("Services", SERVICE),
        "kube-proxy-stopped" => ("Services", "needs a service that kube-proxy translates"),
        "etp-local-no-endpoint" => ("Services", "needs a client that comes to a service from outside"),
        "stale-conntrack" => ("Services", "needs a service asked by UDP"),
        "wrong-ndots" => ("Names", "needs a pod that asks with a search list"),
        _ => ("Names", "needs CoreDNS: a run that resolves a name, or a lab with a `dns` section"),
    }
}

/// Every fault, with what it breaks where `run` comes by. The run is made once, with nothing broken.
///
/// # Errors
/// If the run cannot be made.
pub fn faults_here(lab: &Lab, run: &Run) -> Result<Vec<FaultHere>, RunError> {
    let lab = &*named(lab, run)?;
    let victim = Victim::of(lab, Some(run))?;
    let here = ALL.iter().map(|(fault, act)| {
        let mut broken = Broken { lab: lab.clone(), acts: Vec::new(), notes: Vec::new() };
        act(&mut broken, &victim);
        let (group, needs) = kind(fault.id);
        let breaks = if broken.notes.is_empty() { Err(needs) } else { Ok(broken.notes.join("; ")) };
        FaultHere { fault: *fault, group, breaks }
    });
    Ok(here.collect())
}

#[cfg(test)]
mod tests {
    use super::{FAULT_GROUPS, faults_here};
    use crate::lab::run::{Run, trace};
    use crate::lab::{Source, parse};
    use crate::trace::symptom;

    #[test]
    fn a_menu_of_faults_says_what_each_breaks_or_needs() {
        let text = include_bytes!("../../../../examples/two-nodes.yaml");
        let lab = parse(&[Source { name: "two-nodes.yaml", text }], &[]).lab;
        let here = faults_here(&lab, &Run::new("pod/client", "http://10.244.1.2:8080")).expect("a run");
        let of = |id: &str| here.iter().find(|it| it.fault.id == id).expect("a fault");
        assert_eq!(of("small-nic").breaks.as_deref(), Ok("eth0 of node node-b has MTU 1400"));
        assert_eq!(of("bgp-session-down").breaks, Err("needs a mode that speaks BGP"));
        assert_eq!(of("wrong-target-port").breaks, Err("needs a service"));
        assert!(here.iter().all(|it| FAULT_GROUPS.contains(&it.group)));
    }

    #[test]
    fn a_client_sees_the_words_of_its_own_tool() {
        let text = include_bytes!("../../../../examples/two-nodes.yaml");
        let lab = parse(&[Source { name: "two-nodes.yaml", text }], &[]).lab;
        let cases = [
            ("http://10.244.1.2:8080", "", "curl: HTTP/1.1 200 OK"),
            ("http://10.244.1.2:81", "", "curl: (7) Failed to connect to 10.244.1.2 port 81: Connection refused"),
            (
                "http://10.244.1.2:8080",
                "tunnel-port-blocked",
                "curl: (28) Failed to connect to 10.244.1.2 port 8080: Connection timed out",
            ),
            (
                "http://10.244.1.2:8080",
                "veth-down",
                "curl: (7) Failed to connect to 10.244.1.2 port 8080: No route to host",
            ),
            ("ping://10.244.1.2", "tunnel-port-blocked", "ping: 0 received, 100% packet loss"),
        ];
        for (to, fault, expected) in cases {
            let faults = Some(fault.to_owned()).filter(|fault| !fault.is_empty());
            let run = Run { faults: faults.into_iter().collect(), ..Run::new("pod/client", to) };
            assert_eq!(symptom(&trace(&lab, &run).expect("a run"), to), expected);
        }
        let to = "ping://10.244.1.2";
        let run = Run { df: true, size: 2000, ..Run::new("pod/client", to) };
        assert_eq!(symptom(&trace(&lab, &run).expect("a run"), to), "ping: local error: message too long");
    }
}
