//! What eth0 of a router with two devices says of packets for the router itself, as observed on Linux 6.18.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{martian, validate};
use crate::base::{Place, Writer};
use crate::net::{At, Conf, InterfaceKind, NetNs, NsId};

/// eth0 with 10.0.1.1/24 and eth1 with 10.0.2.1/24.
fn router() -> NetNs {
    let mut ns = NetNs::new(Place::Router("r".to_owned()), 1);
    for (name, address) in [("eth0", [10, 0, 1, 1]), ("eth1", [10, 0, 2, 1])] {
        let peer = At { ns: NsId(0), index: 0 };
        let dev = ns.add_interface(name, 1500, Writer::Admin, |_| InterfaceKind::Veth { peer });
        ns.add_address(dev.index, IpNet::new_assert(IpAddr::from(address), 24), Writer::Admin);
    }
    ns
}

fn verdict(ns: &NetNs, src: &str, dst: &str) -> &'static str {
    let addresses = (src.parse().expect("an address"), dst.parse().expect("an address"));
    let dev = &ns.interface(2).dev;
    match martian(ns, dev, addresses) {
        Some(reason) => reason.name(),
        None => validate(ns, dev, addresses, None).map_or("delivered", |it| it.reason.name()),
    }
}

#[test]
fn a_strict_filter_refuses_what_it_would_answer_elsewhere_and_a_loose_one_does_not() {
    // As observed on Linux 6.18: all, device, and what becomes of a source behind another device, and behind none.
    let cases = [
        (0, 0, "delivered", "delivered"),
        (0, 1, "IP_RPFILTER", "IP_RPFILTER"),
        (1, 0, "IP_RPFILTER", "IP_RPFILTER"),
        (2, 1, "delivered", "IP_RPFILTER"),
        (1, 2, "delivered", "IP_RPFILTER"),
    ];
    for (all, device, elsewhere, nowhere) in cases {
        for (source, expected) in [("10.0.2.77", elsewhere), ("9.9.9.9", nowhere)] {
            let mut router = router();
            router.sysctls.set_conf("all", Conf::RpFilter, all);
            router.sysctls.set_conf("eth0", Conf::RpFilter, device);
            assert_eq!(verdict(&router, source, "10.0.2.1"), expected, "all {all}, device {device}, from {source}");
        }
    }
}

#[test]
fn martians_are_refused() {
    // As observed on Linux 6.18, by a device without route_localnet and accept_local.
    let cases = [
        ("127.0.0.1", "10.0.2.1", "IP_LOCALNET"),
        ("10.0.1.2", "127.0.0.1", "IP_LOCALNET"),
        ("0.0.0.0", "10.0.2.1", "IP_INVALID_SOURCE"),
        ("255.255.255.255", "10.0.2.1", "IP_INVALID_SOURCE"),
        ("224.1.1.1", "10.0.2.1", "IP_INVALID_SOURCE"),
        ("10.0.2.1", "10.0.1.1", "IP_LOCAL_SOURCE"),
        ("10.0.1.2", "0.0.0.0", "IP_INVALID_DEST"),
        ("0.1.1.1", "10.0.2.1", "delivered"),
        ("240.0.0.1", "10.0.2.1", "delivered"),
    ];
    for (src, dst, expected) in cases {
        assert_eq!(verdict(&router(), src, dst), expected, "{src} to {dst}");
    }
    let mut router = router();
    router.sysctls.set_conf("eth0", Conf::RouteLocalnet, 1);
    router.sysctls.set_conf("all", Conf::AcceptLocal, 1);
    assert_eq!(verdict(&router, "10.0.1.2", "127.0.0.1"), "delivered");
    assert_eq!(verdict(&router, "10.0.2.1", "10.0.1.1"), "delivered");
}
