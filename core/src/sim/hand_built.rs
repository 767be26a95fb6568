//! Labs that no file describes, built by hand: what routing, links and loops come to.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::base::{Instant, Place, Writer};
use crate::datapath;
use crate::net::{
    At, Conf, FlowKey, InterfaceKind, NetNs, NsId, Route, RouteKind, Rule, RuleAction, Skb, TableId, Topology, cut,
};
use crate::sim::{self, Exchange, Talk};
use crate::trace::{Decision, Disposition, DropReason, JourneyId, Stage, Trace};
use crate::wire::{self, IpSpec};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn net(text: &str) -> IpNet {
    text.parse().expect("a network")
}

/// Machines and cables between them.
#[derive(Default)]
struct Cables {
    topo: Topology,
}

impl Cables {
    fn machine(&mut self, name: &str, forwards: bool) -> NsId {
        let mut ns = NetNs::new(Place::Host(name.to_owned()), 1);
        ns.sysctls.ip_forward = forwards;
        self.topo.add_namespace(ns)
    }

    /// A cable between two machines; an empty address leaves its end without one.
    fn cable(&mut self, (a, a_name, a_net): (NsId, &str, &str), (b, b_name, b_net): (NsId, &str, &str)) -> (At, At) {
        let a_end = At { ns: a, index: self.topo.ns(a).next_index() };
        let b_end = At { ns: b, index: self.topo.ns(b).next_index() };
        for (end, name, peer, address) in [(a_end, a_name, b_end, a_net), (b_end, b_name, a_end, b_net)] {
            let ns = self.topo.ns_mut(end.ns);
            ns.add_interface(name, 1500, Writer::Admin, |_| InterfaceKind::Veth { peer });
            if !address.is_empty() {
                ns.add_address(end.index, net(address), Writer::Admin);
            }
        }
        (a_end, b_end)
    }

    fn route(&mut self, at: NsId, dst: &str, gateway: &str) {
        let ns = self.topo.ns_mut(at);
        let dev = ns.fib_lookup(&FlowKey::output(ip(gateway), None, 0)).route().and_then(|route| route.dev.clone());
        let dev = dev.expect("the gateway is on a segment of the machine");
        ns.main.add(Route { gateway: Some(ip(gateway)), ..Route::unicast(net(dst), &dev, Writer::Admin) });
    }

    fn ping(&self, client: NsId, dst: &str) -> Trace {
        let talk = Talk::Ping { size: 56, df: false };
        let exchange = Exchange {
            client,
            program: "ping".into(),
            dst: ip(dst),
            talk,
            ttl: None,
            seed: 1,
            names: super::Names::default(),
        };
        sim::run(self.topo.clone(), &exchange)
    }

    fn reason(&self, client: NsId, dst: &str) -> String {
        reason(&self.ping(client, dst).disposition)
    }
}

fn reason(disposition: &Disposition) -> String {
    match disposition {
        Disposition::Delivered { .. } => "delivered".to_owned(),
        other => format!("{} {} {}", other.kind(), other.at().short(), other.reason().unwrap_or_default()),
    }
}

/// `a` and `b`, each on a segment of its own, with router `r` between them.
fn two_behind_a_router() -> (Cables, [NsId; 3]) {
    let mut lab = Cables::default();
    let (a, r, b) = (lab.machine("a", false), lab.machine("r", true), lab.machine("b", false));
    lab.cable((a, "eth0", "10.0.1.2/24"), (r, "eth0", "10.0.1.1/24"));
    lab.cable((b, "eth0", "10.0.2.2/24"), (r, "eth1", "10.0.2.1/24"));
    lab.route(a, "0.0.0.0/0", "10.0.1.1");
    lab.route(b, "0.0.0.0/0", "10.0.2.1");
    (lab, [a, r, b])
}

#[test]
fn a_route_that_leads_nowhere_says_so_to_who_sends_and_to_who_is_forwarded() {
    // What Linux 6.18 does: errno at the sender, ICMP and drop reason at the router.
    let cases = [
        (RouteKind::Blackhole, "rejected r EINVAL", "dropped r NOT_SPECIFIED"),
        (RouteKind::Unreachable, "rejected r ICMP_HOST_UNREACH", "rejected r ICMP_HOST_UNREACH"),
        (RouteKind::Prohibit, "rejected r ICMP_PKT_FILTERED", "rejected r ICMP_PKT_FILTERED"),
        (RouteKind::Throw, "rejected r ICMP_NET_UNREACH", "rejected r ICMP_NET_UNREACH"),
    ];
    for (kind, sent, forwarded) in cases {
        let (mut lab, [a, r, _]) = two_behind_a_router();
        lab.topo.ns_mut(r).main.add(Route::nowhere(kind, net("10.9.0.0/24"), Writer::Admin));
        assert_eq!(lab.reason(r, "10.9.0.1"), sent, "{kind:?}");
        assert_eq!(lab.reason(a, "10.9.0.1"), forwarded, "{kind:?}");
    }
}

#[test]
fn a_rule_that_leads_nowhere_says_so() {
    let cases = [
        (RuleAction::Blackhole, "rejected r EINVAL", "dropped r NOT_SPECIFIED"),
        (RuleAction::Unreachable, "rejected r ICMP_NET_UNREACH", "rejected r ICMP_NET_UNREACH"),
        (RuleAction::Prohibit, "rejected r ICMP_PKT_FILTERED", "rejected r ICMP_PKT_FILTERED"),
        (RuleAction::Lookup(TableId(300)), "delivered", "delivered"),
    ];
    for (action, sent, forwarded) in cases {
        let (mut lab, [a, r, _]) = two_behind_a_router();
        let rule = Rule { to: Some(net("10.0.2.0/24")), ..Rule::new(9, action, Writer::Admin) };
        lab.topo.ns_mut(r).rules.add(rule);
        assert_eq!(lab.reason(r, "10.0.2.2"), sent, "{action:?}");
        assert_eq!(lab.reason(a, "10.0.2.2"), forwarded, "{action:?}");
    }
}

#[test]
fn a_table_without_a_route_leaves_it_to_the_next_rule_and_all_that_was_read_is_in_the_trace() {
    let (mut lab, [a, r, _]) = two_behind_a_router();
    let dev = lab.topo.ns(r).interface(3).dev.clone();
    let router = lab.topo.ns_mut(r);
    router.table_mut(TableId(200)).add(Route::unicast(net("10.7.0.0/24"), &dev, Writer::Cni));
    let rule = Rule { from: Some(net("10.0.1.0/24")), ..Rule::new(100, RuleAction::Lookup(TableId(200)), Writer::Cni) };
    router.rules.add(rule);
    let trace = lab.ping(a, "10.0.2.2");
    let (_, step) = trace.steps().find(|(_, step)| step.id == "ping.request.r.route").expect("r routes the request");
    let read: Vec<(String, Option<usize>)> =
        step.consulted.iter().map(|table| (table.command(), table.matched())).collect();
    let expected = [
        ("ip rule".to_owned(), Some(2)),
        ("ip route show table local".to_owned(), None),
        ("ip route show table 200".to_owned(), None),
        ("ip route show table main".to_owned(), Some(1)),
    ];
    assert_eq!(read, expected);
}

#[test]
fn who_forwards_nothing_drops_and_tells_nobody() {
    let (mut lab, [a, r, _]) = two_behind_a_router();
    lab.topo.ns_mut(r).sysctls.ip_forward = false;
    assert_eq!(lab.reason(a, "10.0.2.2"), "dropped r IP_INADDRERRORS");
    assert_eq!(lab.reason(a, "9.9.9.9"), "dropped r IP_INADDRERRORS");
    let (mut lab, [a, r, b]) = two_behind_a_router();
    // It is the device by which a packet comes in that must allow it.
    lab.topo.ns_mut(r).sysctls.set_conf("eth1", Conf::Forwarding, 0);
    assert_eq!(lab.reason(b, "10.0.1.2"), "dropped r IP_INADDRERRORS");
    assert_eq!(lab.reason(a, "10.0.2.2"), "dropped r IP_INADDRERRORS", "the reply comes in by eth1");
}

#[test]
fn the_mtu_of_a_route_limits_the_sender_and_not_the_device() {
    let (mut lab, [a, _, _]) = two_behind_a_router();
    let dev = lab.topo.ns(a).interface(2).dev.clone();
    let route = Route::unicast(net("10.0.2.0/24"), &dev, Writer::Cni);
    lab.topo.ns_mut(a).main.add(Route { gateway: Some(ip("10.0.1.1")), mtu: Some(1450), ..route });
    assert_eq!(datapath::route_output(lab.topo.ns(a), ip("10.0.2.2")), Some((ip("10.0.1.2"), 1450)));
    assert_eq!(datapath::route_output(lab.topo.ns(a), ip("10.0.1.1")), Some((ip("10.0.1.2"), 1500)));
    let talk = Talk::Ping { size: 1450, df: false };
    let exchange = Exchange {
        client: a,
        program: "ping".into(),
        dst: ip("10.0.2.2"),
        talk,
        ttl: None,
        seed: 1,
        names: super::Names::default(),
    };
    let trace = sim::run(lab.topo, &exchange);
    let held_against = trace.steps().filter(|(hop, _)| hop.at.short() == "a").filter_map(|(_, step)| step.mtu.as_ref());
    assert_eq!(held_against.map(|check| check.mtu).collect::<Vec<_>>(), [1450]);
    let is_reply = |name: &str| trace.journeys.iter().any(|journey| journey.name == name);
    assert!(is_reply("request-fragment") && !is_reply("reply-fragment"), "only the way there is narrow");
}

/// Read off a kernel: `ip netns del` of the far end, with another port left and without.
#[test]
fn a_namespace_that_ends_takes_its_cable_along_and_what_named_it() {
    for n_others in [0, 1] {
        let mut cables = Cables::default();
        let (node, pod, other) =
            (cables.machine("node", true), cables.machine("pod", false), cables.machine("other", false));
        let bridge = cables.topo.ns_mut(node).add_bridge("cbr0", 1500, Writer::Cni);
        cables.topo.ns_mut(node).add_address(bridge.index, net("10.244.0.1/24"), Writer::Cni);
        let mut ports = vec![cables.cable((node, "veth0", ""), (pod, "eth0", "10.244.0.2/24")).0];
        if n_others > 0 {
            ports.push(cables.cable((node, "veth1", ""), (other, "eth0", "10.244.0.3/24")).0);
        }
        for port in &ports {
            cables.topo.ns_mut(node).enslave(port.index, bridge.index, true);
        }
        let dev = cables.topo.ns(node).interface(ports[0].index).dev.clone();
        cables.topo.ns_mut(node).main.add(Route::unicast(net("10.9.9.9/32"), &dev, Writer::Cni));
        let talk = Talk::Ping { size: 56, df: false };
        let exchange = Exchange {
            client: node,
            program: "ping".into(),
            dst: ip("10.244.0.2"),
            talk,
            ttl: None,
            seed: 1,
            names: super::Names::default(),
        };
        let (trace, mut topo) = sim::run_to_end(cables.topo.clone(), &exchange);
        assert_eq!(reason(&trace.disposition), "delivered");
        topo.remove_namespace(pod);
        let ns = topo.ns(node);
        assert!(ns.interface_named("veth0").is_none() && topo.find(&Place::Host("pod".to_owned())).is_none());
        assert_eq!(ns.main.rows().len(), 1, "the connected route of the bridge is left");
        let InterfaceKind::Bridge { fdb } = &ns.interface(bridge.index).kind else { panic!("a bridge") };
        assert_eq!(fdb.rows().len(), 1 + n_others, "the bridge's own address, and the other port's");
        let neighbours: Vec<String> = ns.neighbours.rows().iter().map(|row| row.ip.to_string()).collect();
        assert_eq!(neighbours.len(), n_others, "without a port the bridge has no carrier, and forgets whom it knew");
        let next = ns.next_index();
        assert_eq!(next as usize, 3 + ports.len(), "the index of a device that has gone is not given again");
        if n_others > 0 {
            assert_eq!(
                reason(&sim::run(topo, &exchange).disposition),
                "dropped node NO_SOCKET",
                "nobody answers, and nobody says so"
            );
        }
    }
}

#[test]
fn a_routing_loop_ends_with_the_ttl() {
    let (mut lab, [a, r, b]) = two_behind_a_router();
    lab.topo.ns_mut(b).sysctls.ip_forward = true;
    lab.route(r, "10.9.0.0/24", "10.0.2.2");
    // 64 at a; r and b take one each in turn, and it is b that would make it 0: 63 after the first pass of r.
    assert_eq!(lab.reason(a, "10.9.0.1"), "rejected b ICMP_EXC_TTL");
}

#[test]
fn a_loop_of_bridges_ends_by_the_budget_and_says_so() {
    let mut lab = Cables::default();
    let (a, x, y) = (lab.machine("a", false), lab.machine("x", false), lab.machine("y", false));
    let ends = [
        lab.cable((a, "eth0", "10.0.1.2/24"), (x, "port0", "")),
        lab.cable((x, "port1", ""), (y, "port1", "")),
        lab.cable((x, "port2", ""), (y, "port2", "")),
    ];
    for ns in [x, y] {
        let bridge = lab.topo.ns_mut(ns).add_bridge("br0", 1500, Writer::Admin);
        for end in ends.iter().flat_map(|(one, other)| [one, other]).filter(|end| end.ns == ns) {
            lab.topo.ns_mut(ns).enslave(end.index, bridge.index, false);
        }
    }
    let trace = lab.ping(a, "10.0.1.9");
    assert_eq!(trace.disposition.reason(), Some("FABRIC_LOOP"));
    let (_, last) = trace.steps().last().expect("steps");
    assert_eq!(last.decision, Decision::Drop(DropReason::FabricLoop));
    assert!(trace.steps().count() < 20_000, "a page must be able to show it");
}

#[test]
fn a_device_that_goes_down_takes_its_routes_along_and_its_peer_keeps_them() {
    let (mut lab, [a, r, b]) = two_behind_a_router();
    let eth1 = At { ns: r, index: 3 };
    let main = |lab: &Cables| lab.topo.ns(r).main.rows().iter().map(ToString::to_string).collect::<Vec<_>>();
    let before = main(&lab);
    lab.topo.set_up(At { ns: b, index: 2 }, false);
    assert_eq!(main(&lab), before, "the other end is down: routes stay");
    assert!(!lab.topo.ns(r).has_carrier(3));
    assert_eq!(lab.reason(a, "10.0.2.2"), "rejected r ICMP_HOST_UNREACH", "ARP goes to a queue that drops everything");
    lab.topo.set_up(At { ns: b, index: 2 }, true);
    lab.topo.set_up(eth1, false);
    assert_eq!(lab.reason(a, "10.0.2.2"), "rejected r ICMP_NET_UNREACH");
    assert_eq!(lab.reason(a, "10.0.2.1"), "delivered", "an address is the machine's, not the device's");
    lab.topo.set_up(eth1, true);
    assert_eq!(main(&lab), before, "connected routes come back");
}

#[test]
fn what_a_kernel_does_when_everybody_has_gone_home_does_not_keep_a_run_going() {
    let (lab, [a, _, _]) = two_behind_a_router();
    let trace = lab.ping(a, "10.0.2.2");
    // Both b and r answer by an entry that they only overheard, and would probe it five seconds later.
    assert!(trace.frames.iter().all(|frame| frame.time.elapsed().as_millis() < 1));
}

#[test]
fn a_flood_of_pieces_ends_where_no_more_can_wait_and_says_so() {
    let (mut lab, [a, _, b]) = two_behind_a_router();
    let ip = |id| IpSpec { src: [10, 9, 0, 1].into(), dst: [10, 0, 2, 2].into(), ttl: 64, df: false, id, tos: 0 };
    let mut n_waiting = 0;
    while !lab.topo.ns(b).defrag.is_full() {
        let whole = wire::icmp_echo(ip(n_waiting), false, 1, 1, &[0; 2000]);
        let first = cut(&whole, 1500).and_then(|pieces| pieces.into_iter().next()).expect("a piece");
        let header = first.ip_header().expect("a header");
        lab.topo.ns_mut(b).defrag.add(header, Skb::new(first, JourneyId(0)));
        n_waiting += 1;
    }
    assert_eq!(n_waiting, 4096);
    let talk = Talk::Ping { size: 2000, df: false };
    let exchange = Exchange {
        client: a,
        program: "ping".into(),
        dst: self::ip("10.0.2.2"),
        talk,
        ttl: None,
        seed: 1,
        names: super::Names::default(),
    };
    let trace = sim::run(lab.topo, &exchange);
    assert_eq!(reason(&trace.disposition), "dropped b NOT_SPECIFIED");
    let stages = trace.steps().filter(|(_, step)| step.decision == Decision::Drop(DropReason::NotSpecified));
    assert_eq!(stages.map(|(_, step)| step.stage).collect::<Vec<_>>(), [Stage::Defrag, Stage::Defrag]);
}

#[test]
fn a_router_heeds_what_it_has_learned_of_a_way_only_if_it_is_told_to_or_it_is_locked() {
    for (uses_pmtu, told, expected) in [
        (false, 1400, "delivered"),
        (true, 1400, "rejected r ICMP_FRAG_NEEDED"),
        (false, 500, "rejected r ICMP_FRAG_NEEDED"),
    ] {
        let (mut lab, [a, r, _]) = two_behind_a_router();
        let router = lab.topo.ns_mut(r);
        router.sysctls.ip_forward_use_pmtu = uses_pmtu;
        router.exceptions.learn(ip("10.0.2.2"), 1500, told, Instant::START);
        let talk = Talk::Ping { size: 1450, df: true };
        let exchange = Exchange {
            client: a,
            program: "ping".into(),
            dst: ip("10.0.2.2"),
            talk,
            ttl: None,
            seed: 1,
            names: super::Names::default(),
        };
        assert_eq!(reason(&sim::run(lab.topo, &exchange).disposition), expected, "{uses_pmtu}, {told}");
    }
}
