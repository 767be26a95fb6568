//! 24 to 27: TCP.

use super::{number, run};
use crate::cases::{Case, HOST_GW, JUMBO, SMALL_NIC};

const CROSS: Case = Case::new("two-nodes", "pod/client", "tcp://10.244.1.2:8080");

#[test]
fn kernel_24_options_take_twenty_bytes_of_a_syn_and_twelve_of_the_rest() {
    for (mtu, set) in [(1450, &[][..]), (1500, HOST_GW), (8950, JUMBO), (1350, SMALL_NIC)] {
        let run = run(&CROSS.sizes(20000, 20000).set(set));
        for flags in ["S", "SA"] {
            run.each("client", &format!("tcp.flags={flags}"), "ip.len=60 tcp.options=mss,sack,ts,nop,ws7");
        }
        run.each("client", "tcp.flags=any !tcp.flags=S !tcp.flags=SA", "tcp.options=nop,nop,ts");
        let later = run.all("client", "tcp.flags=any !tcp.flags=S !tcp.flags=SA");
        assert!(later.iter().all(|seen| number(seen, "ip.len") == 52 + number(seen, "tcp.len")));
        assert_eq!(later.into_iter().map(|seen| number(seen, "tcp.len")).max(), Some(mtu - 52), "at {mtu}");
    }
}

#[test]
fn kernel_25_the_mss_comes_from_the_route_before_translation() {
    let mss = |to: &'static str| run(&Case::new("services", "node/node-a", to));
    for (to, mss_sent) in
        [("tcp://10.96.1.2:80", "1460"), ("tcp://10.244.1.2:8080", "1410"), ("tcp://127.0.0.1:30082", "65495")]
    {
        let run = mss(to);
        run.each("node-a:flannel.1", "tcp.flags=S", &format!("tcp.mss={mss_sent}"));
        run.each("far", "tcp.flags=S", &format!("tcp.mss={mss_sent}"));
    }
    let pod = run(&Case::new("services", "pod/client", "tcp://10.96.1.2:80"));
    pod.each("client", "tcp.flags=S", "tcp.mss=1410");
    pod.each("far", "tcp.flags=S", "tcp.mss=1410");
}

#[test]
fn kernel_26_each_burst_ends_with_a_push() {
    let pushed = |size: usize, n_segments: usize| -> Vec<usize> {
        let run = run(&CROSS.sizes(size, 1));
        let segments: Vec<_> =
            run.all("client", "ip.src=10.244.0.2").into_iter().filter(|seen| number_of(seen) > 0).collect();
        assert_eq!(segments.len(), n_segments, "{size}");
        let is_pushed = |seen: &super::Seen| seen.fields.get("tcp.flags") == Some("PA");
        (1..).zip(&segments).filter(|(_, seen)| is_pushed(seen)).map(|(n, _)| n).collect()
    };
    assert_eq!(pushed(8 * 1398, 8), [5, 8]);
    assert_eq!(pushed(4 * 1398, 4), [4]);
    assert_eq!(pushed(2 * 1398, 2), [2]);
    assert_eq!(pushed(100, 1), [1]);
}

/// The bytes that a frame carries in TCP.
fn number_of(seen: &super::Seen) -> usize {
    seen.fields.get("tcp.len").map_or(0, |_| number(seen, "tcp.len"))
}

#[test]
fn kernel_27_the_client_closes_first_and_a_closed_port_resets() {
    let run_ = run(&CROSS);
    run_.each("client", "tcp.flags=FA", "tcp.len=0 ip.len=52");
    run_.in_order(&[("client", "tcp.flags=FA ip.src=10.244.0.2"), ("client", "tcp.flags=FA ip.src=10.244.1.2")]);
    for other in ["F", "FPA"] {
        run_.has(0, "client", &format!("tcp.flags={other}"));
    }
    let first = run_.first("client", "tcp.flags=FA");
    assert_eq!(first.fields.get("ip.src"), Some("10.244.0.2"));
    run(&Case::new("two-nodes", "pod/client", "tcp://10.244.1.2:81")).each(
        "web",
        "tcp.flags=RA",
        "ip.len=40 ip.ttl=64",
    );
}
