//! 17 to 23: MTUs, fragments and DF.

use super::{number, run};
use crate::cases::{Case, JUMBO, SMALL_NIC};

const CROSS: Case = Case::new("two-nodes", "pod/client", "ping://10.244.1.2");
const OUT: Case = Case::new("crowd", "pod/shop/client", "ping://203.0.113.2").sizes(4000, 0).set(JUMBO);

#[test]
fn kernel_17_linux_sets_df_on_all_that_fits_and_cuts_the_rest() {
    for to in ["ping://10.244.1.2", "udp://10.244.1.2:5353"] {
        let case = Case::new("two-nodes", "pod/client", to);
        run(&case).each("client", "ip.src=10.244.0.2", "ip.df=1 !ip.mf=any");
        run(&case.sizes(2000, 0)).each("client", "ip.src=10.244.0.2 !icmp.type=3", "ip.df=0 ip.mf=any");
    }
    let (as_is, with_df) = (run(&OUT), run(&OUT.df()));
    as_is.each("client", "icmp.type=8", "ip.len=4028 ip.df=1");
    as_is.has(1, "router:eth0", "icmp.type=3 icmp.code=4");
    let frames = |run: &super::Run| -> Vec<String> {
        run.frames.iter().map(|seen| format!("{} {}", seen.device, seen.fields)).collect()
    };
    assert_eq!(frames(&as_is), frames(&with_df), "--df changes nothing");
}

#[test]
fn kernel_18_echo_replies_and_errors_may_be_cut_and_tcp_may_not() {
    run(&CROSS).each("web", "icmp.type=0", "ip.df=0");
    run(&CROSS.ttl(2)).each("node-b:flannel.1", "icmp.type=11", "ip.df=0");
    run(&Case::new("two-nodes", "pod/client", "http://10.244.1.2:8080")).each("client", "tcp.flags=any", "ip.df=1");
    run(&Case::new("two-nodes", "pod/client", "tcp://10.244.1.2:81")).each("web", "tcp.flags=RA", "ip.df=1");
    run(&CROSS.sizes(2000, 0)).has(2, "web", "ip.src=10.244.1.2 ip.mf=any");
}

#[test]
fn kernel_19_df_above_the_own_mtu_sends_nothing_at_all() {
    let run = run(&CROSS.sizes(1423, 0).df());
    assert_eq!(run.frames.len(), 0);
    assert_eq!(run.outcome(), ("rejected", Some("ICMP_FRAG_NEEDED")));
}

#[test]
fn kernel_20_fragments_carry_multiples_of_eight() {
    run(&CROSS.sizes(2000, 0)).each("client", "ip.src=10.244.0.2 ip.mf=1", "ip.len=1444");
    let small = run(&Case::new("two-nodes", "pod/web", "ping://10.244.0.2").sizes(2000, 0).set(SMALL_NIC));
    small.each("web", "ip.src=10.244.1.2 ip.mf=1", "ip.len=1348");
}

#[test]
fn kernel_21_whoever_has_the_small_way_out_asks_for_less() {
    run(&OUT).each("router:eth0", "icmp.type=3", "icmp.code=4 ip.src=172.18.0.1 icmp.mtu=1500");
    let port = run(&Case::new("services", "host/laptop", "udp://172.18.0.2:30052").sizes(1472, 0));
    port.each("laptop", "icmp.type=3", "icmp.code=4 ip.src=172.18.0.2 icmp.mtu=1450");
    port.each("laptop", "icmp.type=3", "quote.src=203.0.113.2 quote.dst=172.18.0.2 quote.dport=30052 quote.len=1500");
    port.has(0, "node-a:flannel.1", "");
}

#[test]
fn kernel_22_a_smaller_nic_is_a_black_hole() {
    let request = run(&CROSS.sizes(1400, 0).df().set(SMALL_NIC));
    request.each("node-a:eth0", "inner-icmp.type=8", "ip.len=1478");
    request.has(0, "node-b:eth0", "vxlan.vni=any");
    assert_eq!(request.count_everywhere("icmp.type=3"), 0);
    assert_eq!(request.outcome().0, "dropped");
    // A request in pieces gets through, its whole reply does not.
    let reply = run(&Case::new("two-nodes", "pod/web", "ping://10.244.0.2").sizes(1400, 0).set(SMALL_NIC));
    reply.has(2, "node-a:eth0", "inner-ip.src=10.244.1.2 inner-ip.mf=any");
    reply.has(1, "node-a:eth0", "inner-icmp.type=0 ip.len=1478");
    reply.has(0, "node-b:eth0", "inner-icmp.type=0");
    assert_eq!(reply.outcome().0, "dropped");
    // There is room for four bytes more, and then node-b complains.
    let fits = run(&CROSS.sizes(1326, 0).df().set(SMALL_NIC));
    fits.has(1, "node-b:eth0", "inner-icmp.type=8 ip.len=1404");
    fits.each("client", "icmp.type=3", "icmp.code=4 icmp.mtu=1350 ip.src=10.244.1.0");
    let lost = run(&CROSS.sizes(1327, 0).df().set(SMALL_NIC));
    lost.has(1, "node-a:eth0", "inner-icmp.type=8 ip.len=1405");
    lost.has(0, "node-b:eth0", "vxlan.vni=any");
}

#[test]
fn kernel_23_tcp_survives_a_smaller_nic() {
    let run = run(&Case::new("two-nodes", "pod/client", "tcp://10.244.1.2:8080").sizes(5000, 5000).set(SMALL_NIC));
    run.each("client", "tcp.flags=S", "tcp.mss=1410");
    run.each("client", "tcp.flags=SA", "tcp.mss=1310");
    let largest = run.all("client", "tcp.flags=any").into_iter().map(|seen| number(seen, "ip.len")).max();
    assert_eq!(largest, Some(1350), "both use the smaller");
    assert_eq!(run.outcome().0, "delivered");
}
