//! 33 to 38: refusals.

use super::{number, run};
use crate::cases::{CALICO_BGP, CALICO_VXLAN, Case};

const fn from_pod(to: &'static str) -> Case {
    Case::new("services", "pod/client", to)
}

const CROSS: Case = Case::new("two-nodes", "pod/client", "ping://10.244.1.2");

#[test]
fn kernel_33_a_service_without_endpoints_is_refused_by_the_node() {
    for to in ["tcp://10.96.1.6:80", "udp://10.96.1.6:53"] {
        let run = run(&from_pod(to));
        run.each("client", "icmp.type=any", "icmp.type=3 icmp.code=3 ip.src=10.244.0.1 ip.ttl=64 quote.ttl=63");
        assert_eq!(run.outcome(), ("rejected", Some("ICMP_PORT_UNREACH")));
        run.has(1, "client", "ip.src=10.244.0.2");
        assert_eq!(run.count_everywhere("tcp.flags=R") + run.count_everywhere("tcp.flags=RA"), 0, "no reset");
        assert!(run.frames.last().is_some_and(|seen| seen.secs < 1.0), "at once");
    }
}

#[test]
fn kernel_34_a_port_that_no_rule_names_leaves_the_node_masqueraded() {
    let run = run(&from_pod("tcp://10.96.1.2:81"));
    run.each("node-a:eth0", "tcp.flags=S", "ip.src=172.18.0.2 ip.dst=10.96.1.2 tcp.dport=81");
    run.each("router:eth0", "icmp.type=3", "icmp.code=0 ip.dst=172.18.0.2 quote.src=172.18.0.2");
    run.each("client", "icmp.type=3", "icmp.code=0 ip.dst=10.244.0.2 quote.src=10.244.0.2 quote.dst=10.96.1.2");
    assert_eq!(run.outcome(), ("rejected", Some("ICMP_NET_UNREACH")));
}

#[test]
fn kernel_35_an_address_of_no_nodes_range_leaves_as_it_is_and_nobody_answers() {
    let run = run(&from_pod("ping://10.244.7.7"));
    run.each("node-a:eth0", "icmp.type=8", "ip.src=10.244.0.2 ip.dst=10.244.7.7");
    run.has(1, "router:eth0", "icmp.type=8");
    assert_eq!(run.count_everywhere("icmp.type=3"), 0, "silence");
    assert_eq!(run.outcome().0, "dropped");
}

#[test]
fn kernel_36_the_last_machine_tells_of_a_dead_address_and_calico_does_not() {
    let same = run(&Case::new("two-nodes", "pod/client", "ping://10.244.0.99"));
    same.has(3, "node-a:cbr0", "arp.tpa=10.244.0.99");
    same.each("client:lo", "", "icmp.type=3 icmp.code=1 ip.src=10.244.0.2 ip.dst=10.244.0.2 ip.ttl=64 ip.tos=192");
    assert_eq!(same.count_everywhere("icmp.type=3"), same.count("client:lo", "icmp.type=3"), "on lo alone");
    let far = run(&Case::new("two-nodes", "pod/client", "ping://10.244.1.99"));
    far.each("node-b:flannel.1", "icmp.type=3", "icmp.code=1 ip.src=10.244.1.0 ip.dst=10.244.0.2");
    assert!((3.0..3.2).contains(&far.first("node-b:flannel.1", "icmp.type=3").secs));
    for (set, to) in [(CALICO_BGP, "ping://10.244.0.99"), (CALICO_VXLAN, "ping://10.244.1.99")] {
        let calico = run(&Case::new("two-nodes", "pod/client", to).set(set));
        assert_eq!(calico.count_everywhere("icmp.type=3"), 0);
        assert_eq!(calico.outcome().0, "dropped");
    }
}

#[test]
fn kernel_37_the_machine_where_the_ttl_ends_says_so_from_its_device_towards_the_sender() {
    let expired = "icmp.type=11";
    run(&CROSS.ttl(1)).each("client", expired, "icmp.code=0 ip.src=10.244.0.1 quote.ttl=1");
    run(&CROSS.ttl(1).set(CALICO_VXLAN)).each("client", expired, "icmp.code=0 ip.src=172.18.0.2 quote.ttl=1");
    let second = run(&CROSS.ttl(2));
    second.each("client", expired, "icmp.code=0 ip.src=10.244.1.0 quote.ttl=1");
    second.has(1, "node-b:eth0", "inner-icmp.type=11");
    // Other errors quote the TTL after it was counted down.
    run(&from_pod("udp://10.96.1.6:53")).each("client", "icmp.type=3", "quote.ttl=63");
    run(&Case::new("two-nodes", "pod/client", "ping://10.244.1.99")).each("client", "icmp.type=3", "quote.ttl=62");
}

#[test]
fn kernel_38_every_error_has_ttl_64_tos_c0_no_df_and_at_most_576_bytes() {
    for (case, device, pattern) in [
        (CROSS.ttl(1), "client", "icmp.type=11"),
        (CROSS.ttl(2), "node-b:flannel.1", "icmp.type=11"),
        (from_pod("udp://10.96.1.6:53"), "client", "icmp.type=3"),
        (Case::new("two-nodes", "pod/client", "udp://10.244.1.2:54"), "web", "icmp.type=3"),
        (Case::new("services", "host/laptop", "udp://172.18.0.2:30052").sizes(1472, 0), "node-a:eth0", "icmp.type=3"),
    ] {
        let run = run(&case);
        run.each(device, pattern, "ip.ttl=64 ip.tos=192 ip.df=0");
        let error = run.first(device, pattern);
        assert_eq!(number(error, "ip.len"), (28 + number(error, "quote.len")).min(576), "{}", error.fields);
    }
    run(&CROSS.ttl(1).sizes(520, 0)).each("client", "icmp.type=11", "ip.len=576 quote.len=548");
    run(&CROSS.ttl(1).sizes(521, 0)).each("client", "icmp.type=11", "ip.len=576 quote.len=549");
}
