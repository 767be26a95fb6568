//! 7 to 13: the bridge and br_netfilter, as `cbr0` shows them.

use kubehop_core::trace::{Hook, Stage};

use super::run;
use crate::cases::{CALICO_VXLAN, Case, NO_BRIDGE_NETFILTER};

const NEAR_SERVICE: Case = Case::new("services", "pod/client", "http://10.96.1.1:80");
const FAR_SERVICE: Case = Case::new("services", "pod/client", "http://10.96.1.2:80");
const OWN_SERVICE: Case = Case::new("services", "pod/client", "http://10.96.1.5:80");

/// What only `tcpdump -p` would see is not captured.
#[test]
fn kernel_07_the_bridge_shows_what_passes_between_its_ports_once() {
    let run = run(&Case::new("two-nodes", "pod/client", "http://10.244.0.3:8080"));
    for flags in ["S", "SA", "PA", "FA"] {
        let pattern = format!("tcp.flags={flags}");
        assert_eq!(run.count("node-a:cbr0", &pattern), run.count("client", &pattern), "{flags}");
    }
    run.has(1, "node-a:cbr0", "tcp.flags=S");
    run.each("node-a:cbr0", "ip.src=10.244.0.2", "eth.src=client eth.dst=near ip.ttl=64");
    run.each("node-a:cbr0", "ip.src=10.244.0.3", "eth.src=near eth.dst=client ip.ttl=64");
}

#[test]
fn kernel_08_the_bridge_shows_packets_after_prerouting() {
    let cross = run(&FAR_SERVICE);
    cross.each("client-host", "tcp.flags=S", "ip.dst=10.96.1.2 tcp.dport=80");
    cross.each("node-a:cbr0", "tcp.flags=S", "ip.dst=10.244.1.2 tcp.dport=8080");
    let unfiltered = run(&FAR_SERVICE.set(NO_BRIDGE_NETFILTER));
    unfiltered.each("node-a:cbr0", "tcp.flags=S", "ip.dst=10.96.1.2 tcp.dport=80");
    // Of an answer the destination is already what it was, the source not yet.
    let outside = run(&Case::new("services", "host/laptop", "http://172.18.0.2:30081"));
    outside.each("near-host", "tcp.flags=SA", "ip.src=10.244.0.3 ip.dst=10.244.0.1");
    outside.each("node-a:cbr0", "tcp.flags=SA", "ip.src=10.244.0.3 tcp.sport=8080 ip.dst=203.0.113.2");
    let node = run(&Case::new("services", "node/node-a", "http://10.96.1.1:80"));
    node.each("node-a:cbr0", "tcp.flags=SA", "ip.src=10.244.0.3 ip.dst=172.18.0.2");
}

#[test]
fn kernel_09_a_service_on_the_same_bridge_is_bridged() {
    let run = run(&NEAR_SERVICE);
    for device in ["client", "client-host", "node-a:cbr0", "near-host", "near"] {
        run.each(device, "ip.ttl=any", "ip.ttl=64");
    }
    run.each("near", "tcp.flags=S", "eth.src=client eth.dst=near");
    let postrouting = |stage: Stage| matches!(stage, Stage::Netfilter(Hook::Postrouting, _));
    let is_syn_at_node = |id: &str| id.starts_with("http.syn.node-a.");
    assert!(run.trace.steps().any(|(_, step)| is_syn_at_node(&step.id) && postrouting(step.stage)), "POSTROUTING runs");
    // Answers lose the translation on their way out of the bridge, and keep the endpoint's address below.
    run.each("near-host", "tcp.flags=SA", "ip.src=10.244.0.3 tcp.sport=8080");
    run.each("client-host", "tcp.flags=SA", "ip.src=10.96.1.1 tcp.sport=80 eth.src=near");
}

#[test]
fn kernel_10_a_packet_that_waits_for_its_neighbour_is_on_the_bridge_twice() {
    let first = run(&NEAR_SERVICE);
    first.in_order(&[
        ("node-a:cbr0", "arp.op=request arp.spa=10.244.0.1 arp.tpa=10.244.0.3"),
        ("node-a:cbr0", "arp.op=reply arp.spa=10.244.0.3"),
        ("node-a:cbr0", "tcp.flags=S eth.src=node-a:cbr0 eth.dst=near"),
        ("node-a:cbr0", "tcp.flags=S eth.src=client eth.dst=near"),
    ]);
    first.has(2, "node-a:cbr0", "tcp.flags=S");
    first.each("node-a:cbr0", "ip.src=10.244.0.2 !tcp.flags=S", "eth.src=client eth.dst=near");
    first.has(first.count("near", "tcp.dport=8080 !tcp.flags=S"), "node-a:cbr0", "tcp.dport=8080 !tcp.flags=S");
    // What was learned from a question is not REACHABLE: every packet is doubled.
    let own = run(&OWN_SERVICE);
    for flags in ["S", "A", "PA", "FA"] {
        let to_server = format!("tcp.dport=9090 tcp.flags={flags}");
        let n_sent = own.count("client", &format!("tcp.dport=80 tcp.flags={flags}"));
        assert!(n_sent > 0);
        own.has(n_sent, "node-a:cbr0", &format!("{to_server} eth.src=node-a:cbr0"));
        own.has(n_sent, "node-a:cbr0", &format!("{to_server} eth.src=client"));
    }
}

#[test]
fn kernel_11_without_br_netfilter_a_service_on_the_same_bridge_breaks() {
    let run = run(&NEAR_SERVICE.set(NO_BRIDGE_NETFILTER));
    run.each("near", "tcp.flags=S", "ip.ttl=63 eth.src=node-a:cbr0");
    run.each("client", "tcp.flags=SA", "ip.src=10.244.0.3 tcp.sport=8080 eth.src=near");
    run.each("client", "tcp.flags=R", "ip.src=10.244.0.2 ip.dst=10.244.0.3 ip.len=40");
    assert!(run.count("client", "tcp.flags=R") > 0);
    assert_eq!(run.outcome().0, "dropped");
}

#[test]
fn kernel_12_a_pod_behind_its_own_service_hears_itself_from_the_bridge() {
    let flannel = run(&OWN_SERVICE);
    flannel.each(
        "client",
        "tcp.flags=S ip.dst=10.244.0.2",
        "ip.src=10.244.0.1 eth.src=client eth.dst=client ip.ttl=64",
    );
    flannel.each("node-a:cbr0", "tcp.flags=S", "ip.src=10.244.0.2 tcp.sport=eph ip.dst=10.244.0.2 tcp.dport=9090");
    let calico = run(&OWN_SERVICE.set(CALICO_VXLAN));
    calico.each("client", "tcp.flags=S ip.dst=10.244.0.2", "ip.src=172.18.0.2 ip.ttl=63");
    assert_eq!((flannel.outcome().0, calico.outcome().0), ("delivered", "delivered"));
}

/// How libpcap cuts such a frame is no matter of packets.
#[test]
fn kernel_13_br_netfilter_reassembles_what_enters_by_a_port() {
    let case = Case::new("two-nodes", "pod/client", "ping://10.244.1.2").sizes(2000, 0);
    let whole = run(&case);
    whole.has(1, "node-a:cbr0", "icmp.type=8 ip.len=2028 !ip.mf=any");
    whole.has(0, "node-a:cbr0", "ip.src=10.244.0.2 ip.mf=any");
    let sizes = |device: &str| -> Vec<usize> {
        whole.all(device, "ip.src=10.244.0.2 ip.mf=any").iter().map(|seen| super::number(seen, "ip.len")).collect()
    };
    assert_eq!(sizes("client"), [1444, 604]);
    assert_eq!(sizes("node-a:flannel.1"), sizes("client"), "cut again as the sender had cut it");
    assert_eq!(sizes("node-b:cbr0"), sizes("client"), "what enters by flannel.1 stays in pieces");
    let in_pieces = run(&case.set(NO_BRIDGE_NETFILTER));
    for device in ["client", "client-host", "node-a:cbr0", "node-a:flannel.1", "node-b:cbr0", "web"] {
        in_pieces.has(2, device, "ip.src=10.244.0.2 ip.mf=any");
        in_pieces.has(0, device, "ip.src=10.244.0.2 icmp.type=8 !ip.mf=any");
    }
}
