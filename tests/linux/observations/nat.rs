//! 28 to 32: translation and source addresses.

use kubehop_core::trace::Decision;

use super::{Run, run};
use crate::cases::{CALICO_BGP, CALICO_VXLAN, Case, HOST_GW};

const fn services(from: &'static str, to: &'static str) -> Case {
    Case::new("services", from, to)
}

fn is_translated(run: &Run) -> bool {
    run.trace.steps().any(|(_, step)| matches!(step.decision, Decision::Translate { .. }))
}

#[test]
fn kernel_28_masquerade_takes_the_address_of_the_device_the_packet_leaves_by() {
    let port = services("host/laptop", "http://172.18.0.2:30082");
    run(&port).each("far", "tcp.flags=S", "ip.src=10.244.0.0");
    run(&port.set(HOST_GW)).each("far", "tcp.flags=S", "ip.src=172.18.0.2");
    run(&port.set(CALICO_VXLAN)).each("far", "tcp.flags=S", "ip.src=10.244.0.0");
    run(&services("host/laptop", "http://172.18.0.2:30081")).each("near", "tcp.flags=S", "ip.src=10.244.0.1");
    // A node that calls a service and a pod that calls a node's port are translated alike.
    run(&services("node/node-a", "http://10.96.1.2:80")).each("far", "tcp.flags=S", "ip.src=10.244.0.0");
    run(&services("node/node-a", "http://10.96.1.1:80")).each("near", "tcp.flags=S", "ip.src=10.244.0.1");
    run(&services("node/node-a", "http://10.96.1.2:80").set(HOST_GW)).each("far", "tcp.flags=S", "ip.src=172.18.0.2");
    run(&services("pod/client", "http://172.18.0.2:30082")).each("far", "tcp.flags=S", "ip.src=10.244.0.0");
}

#[test]
fn kernel_29_a_node_calls_a_pod_from_the_address_of_the_routes_device() {
    let far = services("node/node-a", "http://10.244.1.2:8080");
    let own = services("node/node-a", "http://10.244.0.3:8080");
    for (case, pod, src) in [
        (far, "far", "10.244.0.0"),
        (own, "near", "10.244.0.1"),
        (own.set(CALICO_VXLAN), "near", "172.18.0.2"),
        (own.set(CALICO_BGP), "near", "172.18.0.2"),
    ] {
        let run = run(&case);
        run.each(pod, "tcp.flags=S", &format!("ip.src={src}"));
        assert!(!is_translated(&run), "nothing translates it");
    }
}

#[test]
fn kernel_30_a_pod_is_masqueraded_to_other_nodes_and_not_to_its_own() {
    let other = run(&services("pod/client", "ping://172.18.0.3"));
    other.each("node-b:eth0", "icmp.type=8", "ip.src=172.18.0.2");
    other.each("client", "icmp.type=0", "ip.src=172.18.0.3 ip.dst=10.244.0.2");
    let own = run(&services("pod/client", "ping://172.18.0.2"));
    assert!(!is_translated(&own));
    own.each("client", "icmp.type=0", "ip.src=172.18.0.2 ip.ttl=64 ip.df=0");
}

#[test]
fn kernel_31_policy_local_does_not_hold_for_pods() {
    let pod = run(&services("pod/client", "http://172.18.0.2:30092"));
    assert_eq!(pod.outcome().0, "delivered");
    pod.each("far", "tcp.flags=S", "ip.src=10.244.0.2");
    let outside = run(&services("host/laptop", "http://172.18.0.2:30092"));
    assert_eq!(outside.outcome().0, "dropped");
    outside.each("node-a:eth0", "!arp.op=any", "tcp.flags=S ip.src=203.0.113.2");
    assert!(outside.count("node-a:eth0", "tcp.flags=S") > 1, "and its retries");
    outside.has(0, "node-a:flannel.1", "");
    outside.has(0, "node-a:cbr0", "");
}

#[test]
fn kernel_32_a_pod_that_calls_itself_uses_lo_alone() {
    for to in ["http://10.244.0.2:9090", "http://127.0.0.1:9090"] {
        let run = run(&Case::new("two-nodes", "pod/client", to));
        assert_eq!(run.devices(), ["client:lo"], "{to}");
        assert_eq!(run.outcome().0, "delivered");
    }
}
