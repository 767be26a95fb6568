//! 1 to 6: ARP.

use super::run;
use crate::cases::{CALICO_VXLAN, Case};

const CROSS: Case = Case::new("two-nodes", "pod/client", "http://10.244.1.2:8080");

#[test]
fn kernel_01_a_broadcast_comes_back_to_the_pod_on_a_hairpin_port() {
    let run = run(&CROSS);
    let asks = "arp.op=request eth.src=client arp.tpa=10.244.0.1";
    run.has(2, "client", asks);
    run.has(2, "client-host", asks);
    run.has(1, "node-a:cbr0", asks);
    run.has(1, "client", "arp.op=reply");
    run.has(1, "client-host", "arp.op=reply");
}

#[test]
fn kernel_02_everybody_on_the_segment_sees_broadcasts_and_nobody_else_sees_the_rest() {
    let run = run(&Case::new("crowd", "pod/shop/client", "http://10.244.1.2:8080"));
    for bystander in ["bystander-1", "bystander-2"] {
        run.has(1, bystander, "arp.op=request arp.tpa=10.244.0.1");
    }
    run.has(1, "bystander-3", "arp.op=request arp.tpa=10.244.1.2");
    run.has(1, "node-c:eth0", "arp.op=request arp.tpa=172.18.0.3");
    run.has(1, "router:eth0", "arp.op=request arp.tpa=172.18.0.3");
    for deaf in ["bystander-1", "bystander-2", "bystander-3", "node-c:eth0", "router:eth0"] {
        run.each(deaf, "", "eth.dst=broadcast arp.op=request");
    }
}

#[test]
fn kernel_03_being_asked_makes_the_neighbour_known() {
    let cross = run(&CROSS);
    // Who answers does not ask back.
    cross.has(0, "node-a:cbr0", "arp.op=request eth.src=node-a:cbr0");
    cross.has(0, "node-b:eth0", "arp.op=request eth.src=node-b:eth0");
    // A pod that is reached through its gateway does not ask for it.
    cross.has(0, "web", "arp.op=request eth.src=web");
    // One that the gateway asked, and that must answer another pod of its bridge, asks for that pod.
    let service = run(&Case::new("services", "pod/client", "http://10.96.1.1:80"));
    service.in_order(&[
        ("near", "arp.op=request arp.spa=10.244.0.1 arp.tpa=10.244.0.3"),
        ("near", "arp.op=request arp.spa=10.244.0.3 arp.tpa=10.244.0.2"),
    ]);
}

#[test]
fn kernel_04_a_calico_node_asks_with_its_first_address_and_the_pod_asks_for_the_gateway_first() {
    let run = run(&Case::new("two-nodes", "node/node-a", "http://10.244.0.3:8080").set(CALICO_VXLAN));
    run.in_order(&[
        ("near-host", "arp.op=request arp.spa=172.18.0.2 arp.tpa=10.244.0.3"),
        ("near", "arp.op=request arp.spa=10.244.0.3 arp.tpa=169.254.1.1"),
        ("near", "arp.op=reply arp.spa=169.254.1.1 arp.sha=ee:ee:ee:ee:ee:ee"),
        ("near", "tcp.flags=SA"),
    ]);
    let (asked, answered) =
        (run.first("near-host", "arp.tpa=169.254.1.1"), run.first("near-host", "arp.spa=169.254.1.1"));
    assert!(answered.secs - asked.secs < 0.001, "proxy_delay is 0: {} {}", asked.secs, answered.secs);
}

#[test]
fn kernel_05_tunnel_devices_never_show_arp_and_the_underlay_asks_last() {
    let flannel = run(&CROSS);
    let calico = run(&CROSS.set(CALICO_VXLAN));
    for (run, tunnel) in [(&flannel, "flannel.1"), (&calico, "vxlan.calico")] {
        for node in ["node-a", "node-b"] {
            run.has(0, &format!("{node}:{tunnel}"), "arp.op=any");
        }
        run.in_order(&[
            ("client", "arp.op=reply"),
            (&format!("node-a:{tunnel}"), "tcp.flags=S"),
            ("node-a:eth0", "arp.op=request"),
        ]);
    }
    let (asked, seen) =
        (flannel.places("node-a:eth0", "arp.op=any"), flannel.places("node-a:flannel.1", "tcp.flags=S"));
    assert!(seen[0] < asked[0], "no ARP on eth0 before the packet was on flannel.1");
}

#[test]
fn kernel_06_nobody_announces_itself_and_three_questions_are_enough() {
    let nobody = run(&Case::new("two-nodes", "pod/client", "ping://10.244.1.99"));
    for run in [&nobody, &run(&CROSS)] {
        let announces = |fields: &crate::decode::Fields| {
            fields.get("arp.spa").is_some() && fields.get("arp.spa") == fields.get("arp.tpa")
        };
        assert!(!run.frames.iter().any(|seen| announces(&seen.fields)));
    }
    let asked: Vec<f64> = nobody.all("node-b:cbr0", "arp.tpa=10.244.1.99").iter().map(|seen| seen.secs).collect();
    let &[first, second, third] = &asked[..] else { panic!("{asked:?}") };
    let told = nobody.first("node-b:flannel.1", "icmp.type=3").secs;
    for (n, secs) in [(1.0, second), (2.0, third), (3.0, told)] {
        assert!((secs - first - n).abs() < 0.1, "{secs} is not {n} s after {first}");
    }
    nobody.each("node-b:cbr0", "arp.tpa=10.244.1.99", "eth.dst=broadcast");
}
