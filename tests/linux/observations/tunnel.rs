//! 14 to 16: encapsulation.

use super::{number, run};
use crate::cases::Case;

const CROSS: Case = Case::new("two-nodes", "pod/client", "http://10.244.1.2:8080");

#[test]
fn kernel_14_the_envelope_has_its_own_ttl_no_df_no_tos_and_a_checksum() {
    let cross = run(&CROSS);
    cross.each(
        "node-a:eth0",
        "vxlan.vni=any",
        "ip.ttl=64 ip.df=0 ip.tos=0 udp.sum=good vxlan.flags=08 vxlan.vni=1 udp.dport=8472",
    );
    for envelope in cross.all("node-a:eth0", "vxlan.vni=any") {
        assert_eq!(number(envelope, "ip.len"), number(envelope, "inner-ip.len") + 50);
    }
    // A complaint's type of service stays inside.
    let complaint = run(&CROSS_PING.ttl(2));
    complaint.each("node-b:eth0", "inner-icmp.type=11", "inner-ip.tos=192 ip.tos=0");
}

const CROSS_PING: Case = Case::new("two-nodes", "pod/client", "ping://10.244.1.2");

#[test]
fn kernel_15_the_frame_inside_goes_from_tunnel_to_tunnel() {
    let cross = run(&CROSS);
    cross.each(
        "node-a:eth0",
        "inner-tcp.flags=S",
        "inner-eth.src=node-a:flannel.1 inner-eth.dst=node-b:flannel.1 inner-ip.ttl=63",
    );
    for device in ["node-a:flannel.1", "node-b:flannel.1"] {
        cross.each(device, "tcp.flags=S", "ip.ttl=63");
    }
    for device in ["node-b:cbr0", "web-host", "web"] {
        cross.each(device, "tcp.flags=S", "ip.ttl=62");
    }
    let routed = run(&Case::new("subnets", "pod/client", "http://10.244.1.2:8080"));
    routed.each("node-a:eth0", "inner-tcp.flags=S", "ip.ttl=64 inner-ip.ttl=63");
    routed.each("node-b:eth0", "inner-tcp.flags=S", "ip.ttl=63 inner-ip.ttl=63");
}

#[test]
fn kernel_16_the_tunnel_neither_cuts_nor_drops() {
    let run = run(&CROSS_PING.sizes(4000, 0));
    run.each("node-a:eth0", "vxlan.vni=any", "!ip.mf=any");
    let pieces = |device: &str, field: &str| -> Vec<usize> {
        let pattern = format!("{}src=10.244.0.2", field.trim_end_matches("len"));
        run.all(device, &pattern).iter().map(|seen| number(seen, field)).collect()
    };
    assert_eq!(pieces("client", "ip.len"), [1444, 1444, 1180]);
    assert_eq!(pieces("node-a:eth0", "inner-ip.len"), pieces("client", "ip.len"));
    assert_eq!(run.outcome().0, "delivered");
}
