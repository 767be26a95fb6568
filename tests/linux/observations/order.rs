//! 39: the order across devices.

use super::run;
use crate::cases::Case;

#[test]
fn kernel_39_one_syn_from_cold_passes_the_devices_in_this_order() {
    let run = run(&Case::new("two-nodes", "pod/client", "http://10.244.1.2:8080"));
    let (asks, answers) = ("arp.op=request arp.tpa=10.244.0.1", "arp.op=reply arp.spa=10.244.0.1");
    run.in_order(&[
        ("client", asks),
        ("client-host", asks),
        ("client-host", asks),
        ("node-a:cbr0", asks),
        ("node-a:cbr0", answers),
        ("client-host", answers),
        ("client", asks),
        ("client", answers),
        ("client", "tcp.flags=S"),
        ("client-host", "tcp.flags=S"),
        ("node-a:cbr0", "tcp.flags=S"),
        ("node-a:flannel.1", "tcp.flags=S"),
        ("node-a:eth0", "arp.op=request"),
        ("node-b:eth0", "arp.op=request"),
        ("node-b:eth0", "arp.op=reply"),
        ("node-a:eth0", "arp.op=reply"),
        ("node-a:eth0", "inner-tcp.flags=S"),
        ("node-b:eth0", "inner-tcp.flags=S"),
        ("node-b:flannel.1", "tcp.flags=S"),
        ("node-b:cbr0", "arp.op=request arp.tpa=10.244.1.2"),
        ("web-host", "arp.op=request"),
        ("web", "arp.op=request"),
        ("web", "arp.op=reply"),
        ("web-host", "arp.op=reply"),
        ("node-b:cbr0", "arp.op=reply"),
        ("node-b:cbr0", "tcp.flags=S"),
        ("web-host", "tcp.flags=S"),
        ("web", "tcp.flags=S"),
        ("web", "tcp.flags=SA"),
        ("client", "tcp.flags=SA"),
    ]);
    // The router hears the question too, and the answer needs none anywhere.
    run.has(1, "router:eth0", "arp.op=request");
    let (answer, last_arp) = (
        run.places("web", "tcp.flags=SA")[0],
        run.frames.iter().rposition(|seen| seen.fields.get("arp.op").is_some()).unwrap(),
    );
    assert!(last_arp < answer, "the SYN and ACK needs no ARP anywhere");
}
