//! Racks and filters, as packets meet them.

use crate::lab::{Run, Source, parse, show, trace};
use crate::trace::Trace;

const TWO_NODES: &str = include_str!("../../../../examples/two-nodes.yaml");
const RACKS: &str =
    "[{name: r1, nodes: [node-a], subnet: 172.18.0.0/24}, {name: r2, nodes: [node-b], subnet: 172.18.1.0/24}]";

fn lab(set: &[(&str, &str)]) -> crate::lab::Lab {
    // The example states addresses of one subnet: racks need two.
    let text = match set.iter().any(|(path, _)| *path == "fabric.racks") {
        true => TWO_NODES.replace("address: 172.18.0.3", "address: 172.18.1.3"),
        false => TWO_NODES.to_owned(),
    };
    let set: Vec<(String, String)> = set.iter().map(|(path, value)| ((*path).into(), (*value).into())).collect();
    let parsed = parse(&[Source { name: "lab.yaml", text: text.as_bytes() }], &set);
    assert_eq!(parsed.problems, []);
    parsed.lab
}

fn run(set: &[(&str, &str)], to: &str) -> Trace {
    let trace = trace(&lab(set), &Run::new("pod/client", to)).expect("a run");
    crate::trace::validate(&trace).expect("a trace has its shape");
    trace
}

/// The places that `packet` of the exchange came by, each once.
fn way(trace: &Trace, packet: &str) -> Vec<String> {
    let mut places: Vec<String> = Vec::new();
    for hop in trace.hops.iter().filter(|hop| trace.journey(hop.journey).name == packet) {
        let place = hop.at.to_string();
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

#[test]
fn between_racks_the_way_leads_over_both_routers_and_the_spine() {
    let trace = run(&[("fabric.racks", RACKS)], "ping://10.244.1.2");
    assert_eq!(trace.disposition.to_string(), "delivered at pod/default/web-1");
    let expected = [
        "pod/default/client",
        "node/node-a",
        "router/r1",
        "router/fabric",
        "router/r2",
        "node/node-b",
        "pod/default/web-1",
    ];
    assert_eq!(way(&trace, "request"), expected);
}

#[test]
fn routers_of_racks_have_ordinary_routes_by_bgp() {
    let lab = lab(&[("fabric.racks", RACKS)]);
    let routes = |at: &str| show(&lab, at, None, &["ip", "route"], false).expect("a table");
    assert_eq!(
        routes("router/r1"),
        "172.18.0.0/24 dev eth0 proto kernel scope link src 172.18.0.1 \n\
         172.18.1.0/24 via 172.31.0.1 dev eth1 proto bgp \n\
         172.31.0.0/30 dev eth1 proto kernel scope link src 172.31.0.2 \n\
         203.0.113.0/24 via 172.31.0.1 dev eth1 proto bgp \n"
    );
}

/// Racks under calico in mode bgp.
const BGP: [(&str, &str); 3] = [("cni.plugin", "calico"), ("cni.mode", "bgp"), ("fabric.racks", RACKS)];

#[test]
fn routers_learn_pods_from_the_nodes_and_nodes_learn_them_from_the_routers() {
    let lab = lab(&BGP);
    let bgp = |at: &str| -> Vec<String> {
        let text = show(&lab, at, None, &["ip", "route"], false).expect("a table");
        text.lines().filter(|line| line.contains("proto b")).map(|line| line.trim().to_owned()).collect()
    };
    let expected = [
        "10.244.0.0/24 via 172.18.0.2 dev eth0 proto bgp",
        "10.244.1.0/24 via 172.31.0.1 dev eth1 proto bgp",
        "172.18.1.0/24 via 172.31.0.1 dev eth1 proto bgp",
        "203.0.113.0/24 via 172.31.0.1 dev eth1 proto bgp",
    ];
    assert_eq!(bgp("router/r1"), expected);
    let expected = [
        "blackhole 10.244.0.0/24 proto bird",
        "10.244.1.0/24 via 172.18.0.1 dev eth0 proto bird",
        "172.18.1.0/24 via 172.18.0.1 dev eth0 proto bird",
        "203.0.113.0/24 via 172.18.0.1 dev eth0 proto bird",
    ];
    assert_eq!(bgp("node/node-a"), expected);
    assert_eq!(run(&BGP, "ping://10.244.1.2").disposition.kind(), "delivered");
}

#[test]
fn a_node_without_sessions_is_unknown_and_knows_nobody() {
    let down = ("fabric.bgp.down", "[node-b]");
    let trace = run(&[&BGP[..], &[down]].concat(), "ping://10.244.1.2");
    assert_eq!(trace.disposition.to_string(), "rejected at router/r1: ICMP_NET_UNREACH");
    let mesh = [("cni.plugin", "calico"), ("cni.mode", "bgp"), down];
    assert_eq!(run(&mesh, "ping://10.244.1.2").disposition.to_string(), "dropped at router/fabric: IP_INNOROUTES");
}

#[test]
fn a_session_is_a_run_and_its_routes_stay() {
    let lab = lab(&BGP);
    let session = Run::new("node/node-b", "bgp://172.18.1.1");
    let trace = trace(&lab, &session).expect("a session");
    assert_eq!(trace.disposition.to_string(), "delivered at router/r2");
    let bgp: Vec<String> = trace
        .frames
        .iter()
        .filter(|frame| trace.devices[frame.device].name == "router/r2:eth0")
        .flat_map(|frame| crate::wire::dissect(&frame.packet))
        .filter(|layer| layer.name == "BGP")
        .map(|layer| {
            let fields =
                layer.fields.iter().filter(|field| !matches!(field.name, "length" | "hold time" | "withdrawn"));
            fields.map(|field| field.value.as_str()).collect::<Vec<_>>().join(" ").trim().to_owned()
        })
        .collect();
    let expected = [
        "OPEN 64512 172.18.1.3",
        "KEEPALIVE",
        "UPDATE as path [64512] next hop 172.18.1.3 10.244.1.0/24",
        "UPDATE",
        "OPEN 65002 172.18.1.1",
        "KEEPALIVE",
        "UPDATE as path [65002] next hop 172.18.1.1 172.18.1.0/24",
        "UPDATE as path [65002 65000] next hop 172.18.1.1 203.0.113.0/24",
        "UPDATE as path [65002 65000 65001] next hop 172.18.1.1 172.18.0.0/24",
        "UPDATE as path [65002 65000 65001 65002] next hop 172.18.1.1 10.244.0.0/24",
        "UPDATE",
    ];
    assert_eq!(bgp, expected);
    let routes = show(&lab, "router/r1", Some(&session), &["ip", "route"], false).expect("a table");
    assert!(routes.contains("10.244.1.0/24 via 172.31.0.1 dev eth1 proto bgp"), "{routes}");
    let error = crate::lab::trace(&lab, &Run::new("node/node-b", "bgp://172.18.0.1")).expect_err("another rack's");
    let expected = "--to: node/node-b has no BGP session with 172.18.0.1; its peer is 172.18.1.1";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_route_that_is_withdrawn_or_lost_goes_from_every_table_by_a_packet_of_its_own() {
    let lab = lab(&BGP);
    for event in ["withdraw", "shutdown"] {
        let session = Run::new("node/node-b", &format!("bgp://172.18.1.1?{event}"));
        let trace = trace(&lab, &session).expect("a session");
        crate::trace::validate(&trace).expect("a trace has its shape");
        let gone = |(hop, step): (&crate::trace::Hop, &crate::trace::Step)| {
            let row = step.wrote.iter().find(|row| row.text.starts_with("Deleted 10.244.1.0/24"))?;
            Some((hop.at.short().to_owned(), step.id.clone(), row.writer))
        };
        let gone: Vec<_> = trace.steps().filter_map(gone).collect();
        use crate::base::Writer::{Admin, Cni};
        let expected = [
            ("r2".to_owned(), "bgp.request.r2.deliver".to_owned(), Admin),
            ("fabric".to_owned(), "bgp.request-2.fabric.deliver".to_owned(), Admin),
            ("r1".to_owned(), "bgp.request-3.r1.deliver".to_owned(), Admin),
            ("node-a".to_owned(), "bgp.request-4.node-a.deliver".to_owned(), Cni),
        ];
        assert_eq!(gone, expected, "{event}");
        let has = |at: &str, route: &str| {
            show(&lab, at, Some(&session), &["ip", "route"], false).expect("a table").contains(route)
        };
        assert!(!has("router/r1", "10.244.1.0/24"), "{event}");
        assert!(has("router/r1", "10.244.0.0/24 via 172.18.0.2 dev eth0 proto bgp"), "{event}");
        assert_eq!(has("node/node-b", "10.244.0.0/24 via 172.18.1.1"), event == "withdraw", "{event}");
    }
}

#[test]
fn direct_sessions_have_a_ttl_of_1_and_calicos_are_multihop() {
    for (cni, ttls) in [(BGP[0].1, [64, 1]), ("cilium", [1, 1])] {
        let mode = if cni == "cilium" { "native" } else { "bgp" };
        let lab = lab(&[("cni.plugin", cni), ("cni.mode", mode), BGP[2]]);
        let trace = trace(&lab, &Run::new("node/node-b", "bgp://172.18.1.1")).expect("a session");
        let ttl = |name: &str| {
            let mut steps = trace.steps().filter(|(hop, _)| trace.journey(hop.journey).name == name);
            steps.find_map(|(_, step)| Some(step.packet()?.ip_header()?.ttl)).expect("a packet")
        };
        assert_eq!([ttl("request"), ttl("reply")], ttls, "{cni}");
    }
}

#[test]
fn what_a_session_does_not_do_is_said() {
    let error = |set: &[(&str, &str)], to: &str| {
        trace(&lab(set), &Run::new("node/node-b", to)).expect_err("no such run").to_string()
    };
    assert_eq!(
        error(&BGP, "bgp://172.18.1.1?withdraws"),
        "--to: \"withdraws\" is nothing that happens to a BGP session; expected withdraw or shutdown; the nearest is withdraw"
    );
    let down = [&BGP[..], &[("fabric.bgp.down", "[node-b]")]].concat();
    assert_eq!(
        error(&down, "bgp://172.18.1.1?shutdown"),
        "--to: node/node-b has no BGP session with 172.18.1.1; only nodes in racks have one, under calico/bgp and cilium/native, unless fabric.bgp.down names them"
    );
}

#[test]
fn a_machine_in_a_machine_has_two_envelopes_and_too_large_a_frame_has_no_room() {
    let nested = ("fabric.nested", "{}");
    let ping = |mtu: &str, size: usize| {
        let lab = lab(&[nested, ("underlay.mtu", mtu)]);
        trace(&lab, &Run { size, ..Run::new("pod/client", "ping://10.244.1.2") }).expect("a run")
    };
    let small = ping("1450", 1372);
    assert_eq!(small.disposition.kind(), "delivered");
    let largest = small.frames.iter().map(|frame| frame.packet.network_len()).max();
    assert_eq!(largest, Some(1500), "1372 and 28, and twice 50");
    assert_eq!(ping("1500", 100).disposition.kind(), "delivered", "small frames pass");
    assert_eq!(ping("1500", 1422).disposition.to_string(), "dropped at host/hv-node-a: FABRIC_MTU");
}

#[test]
fn a_blocked_port_ends_a_packet_on_one_flat_segment_and_between_racks() {
    let filter = ("fabric.filters", "[{protocol: udp, port: 8472}]");
    for (set, at) in [(&[filter][..], "router/fabric"), (&[("fabric.racks", RACKS), filter], "router/r1")] {
        let trace = run(set, "ping://10.244.1.2");
        assert_eq!(trace.disposition.to_string(), format!("dropped at {at}: FABRIC_FILTERED"));
        assert_eq!(way(&trace, "request").last().map(String::as_str), Some(at));
    }
}

#[test]
fn a_filter_acts_where_it_stands_and_in_its_direction_alone() {
    let ping = "protocol: icmp";
    let cases = [
        ("at: node/node-b", "dropped"),
        ("at: node/node-b, direction: in", "dropped"),
        ("at: node/node-b, direction: out, icmpType: echo-request", "delivered"),
        ("at: node/node-b, icmpType: echo-reply, direction: out", "dropped"),
        ("at: 172.18.0.0/24", "dropped"),
        ("at: 203.0.113.0/24", "delivered"),
        ("at: router/fabric", "delivered"),
        ("at: host/laptop", "delivered"),
        ("at: node/node-b, count: 0", "delivered"),
    ];
    for (at, kind) in cases {
        let filter = format!("[{{{at}, {ping}}}]");
        let trace = run(&[("cni.mode", "host-gw"), ("fabric.filters", &filter)], "ping://10.244.1.2");
        assert_eq!(trace.disposition.kind(), kind, "{at}");
    }
}

#[test]
fn a_filter_counts_and_looks_into_tunnels_only_when_told() {
    let syn = |more: &str| format!("[{{protocol: tcp, flags: syn{more}}}]");
    let lost = |more: &str| {
        let trace = run(&[("fabric.filters", &syn(more))], "tcp://10.244.1.2:8080");
        trace.steps().filter(|(_, step)| step.id.starts_with("tcp.syn.") && step.id.contains(".fabric.")).count()
    };
    assert_eq!(lost(", count: 1"), 0, "a switch sees the envelope");
    assert_eq!(lost(", count: 1, inside: true"), 1);
}
