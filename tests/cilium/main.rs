//! Cilium's three modes, each with and without kube-proxy: what a receiver sees, what the wire carries, who decided.
//!
//! No kernel here runs Cilium's programs, so the expectations are worked out by hand from its sources; docs/FIDELITY.md
//! says which.

use std::net::IpAddr;

use kubehop_core::api::{self, BpfHook, Decision, Lab, Run, Source, Stage, Trace};

const MODES: [&str; 3] = ["vxlan", "geneve", "native"];
const PROXIES: [&str; 2] = ["none", "iptables"];

fn lab(mode: &str, proxy: &str) -> Lab {
    let set = [("cni.mode", mode), ("kubeProxy.mode", proxy)].map(|(path, value)| (path.to_owned(), value.to_owned()));
    let parsed = api::parse(&[Source { name: "lab.yaml", text: include_bytes!("lab.yaml") }], &set);
    assert!(parsed.problems.is_empty(), "{:?}", parsed.problems);
    parsed.lab
}

fn trace(mode: &str, proxy: &str, from: &str, to: &str) -> Trace {
    let trace = api::trace(&lab(mode, proxy), &Run::new(from, to)).expect("the run can be made");
    api::validate(&trace).expect("the trace is one");
    trace
}

fn outcome(trace: &Trace) -> String {
    trace.disposition.to_string()
}

/// The TTL of the first packet of `flow` that reaches `place`.
fn ttl_at(trace: &Trace, place: &str) -> u8 {
    let mut here = trace.steps().filter(|(hop, step)| hop.at.to_string() == place && step.stage == Stage::Deliver);
    let ttl = here.find_map(|(_, step)| step.before.as_ref()?.ip_header());
    ttl.expect("a packet reaches the place").ttl
}

/// Every IP header of every frame on every device, envelopes and what is in them alike.
fn addresses_on_wires(trace: &Trace) -> Vec<IpAddr> {
    let layers = trace.frames.iter().flat_map(|frame| api::dissect(&frame.packet));
    let fields = layers.flat_map(|layer| layer.fields).filter(|field| matches!(field.name, "src" | "dst"));
    fields.filter_map(|field| field.value.parse().ok()).collect()
}

#[test]
fn every_pair_that_must_reach_each_other_does() {
    let runs = [
        ("pod/client", "ping://10.244.0.3", "pod/default/near"),
        ("pod/client", "http://10.244.1.2:8080", "pod/default/far"),
        ("pod/client", "tcp://10.96.0.21:80", "pod/default/far"),
        ("pod/client", "tcp://10.96.0.22:80", "pod/default/near"),
        ("pod/client", "tcp://10.96.0.24:80", "node/node-b"),
        ("pod/near", "tcp://10.96.0.22:80", "pod/default/near"),
        ("pod/client", "tcp://172.18.0.3:30081", "pod/default/far"),
        ("pod/client", "ping://172.18.0.2", "node/node-a"),
        ("pod/client", "ping://172.18.0.3", "node/node-b"),
        ("pod/client", "ping://203.0.113.2", "host/laptop"),
        ("node/node-a", "ping://10.244.0.3", "pod/default/near"),
        ("node/node-a", "ping://10.244.1.2", "pod/default/far"),
        ("node/node-a", "tcp://10.96.0.21:80", "pod/default/far"),
        ("host/laptop", "tcp://172.18.0.2:30081", "pod/default/far"),
        ("host/laptop", "tcp://172.18.0.2:30082", "pod/default/near"),
        ("host/laptop", "tcp://172.18.0.2:30084", "node/node-b"),
        ("host/laptop", "tcp://172.18.0.3:30084", "node/node-b"),
        ("host/laptop", "tcp://172.18.0.2:30085", "pod/default/near"),
    ];
    let mut wrong = Vec::new();
    for mode in MODES {
        for proxy in PROXIES {
            for (from, to, server) in runs {
                let outcome = outcome(&trace(mode, proxy, from, to));
                if outcome != format!("delivered at {server}") {
                    wrong.push(format!("{mode} {proxy} {from} {to}: {outcome}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_ttl_counts_every_router_in_ebpf_and_in_the_stack() {
    // ipv4_l3 takes one where a program routes, ip_forward where the stack does; a tunnel takes none.
    let rows = [
        ("vxlan", "none", "pod/client", "ping://10.244.0.3", "pod/default/near", 63),
        ("native", "iptables", "pod/client", "ping://10.244.0.3", "pod/default/near", 63),
        ("vxlan", "none", "pod/client", "ping://10.244.1.2", "pod/default/far", 63),
        ("geneve", "none", "pod/client", "ping://10.244.1.2", "pod/default/far", 63),
        // from_overlay, then the stack to the pod's route.
        ("vxlan", "iptables", "pod/client", "ping://10.244.1.2", "pod/default/far", 62),
        ("native", "iptables", "pod/client", "ping://10.244.1.2", "pod/default/far", 62),
        // pass_to_stack and ip_forward on the first node, ip_forward and from_host on the second.
        ("native", "none", "pod/client", "ping://10.244.1.2", "pod/default/far", 60),
        ("vxlan", "none", "pod/client", "ping://172.18.0.2", "node/node-a", 63),
        ("vxlan", "none", "node/node-a", "ping://10.244.0.3", "pod/default/near", 63),
    ];
    for (mode, proxy, from, to, at, ttl) in rows {
        assert_eq!(ttl_at(&trace(mode, proxy, from, to), at), ttl, "{mode} {proxy} {from} {to}");
    }
}

#[test]
fn no_wire_carries_a_services_address_if_sockets_are_given_backends() {
    for mode in MODES {
        for (to, service) in [
            ("tcp://10.96.0.20:80", [10, 96, 0, 20]),
            ("tcp://10.96.0.21:80", [10, 96, 0, 21]),
            ("udp://10.96.0.26:53", [10, 96, 0, 26]),
        ] {
            let trace = trace(mode, "none", "pod/client", to);
            assert_eq!(trace.disposition.kind(), "delivered", "{mode} {to}");
            assert!(!addresses_on_wires(&trace).contains(&IpAddr::from(service)), "{mode} {to}");
        }
    }
    // The same is true of node ports: who is asked is a pod of the node that was named, or of another.
    let to_port = trace("vxlan", "none", "pod/client", "tcp://172.18.0.3:30082");
    assert!(
        to_port
            .frames
            .iter()
            .all(|frame| frame.packet.ip_header().is_none_or(|ip| ip.dst != IpAddr::from([172, 18, 0, 3])))
    );
}

#[test]
fn a_pod_keeps_the_nics_mtu_and_its_route_has_what_the_tunnel_leaves() {
    for (mode, mss) in [("vxlan", 1410), ("geneve", 1410), ("native", 1460)] {
        let trace = trace(mode, "none", "pod/client", "tcp://10.244.1.2:8080");
        let syn = trace.steps().find_map(|(_, step)| step.after.as_ref()).map(api::one_line);
        let syn = syn.expect("a SYN");
        assert!(syn.contains(&format!("mss {mss},")), "{mode}: {syn}");
    }
    let lab = lab("geneve", "none");
    let show = |command: &[&str]| api::show(&lab, "pod/client", None, command, false).expect("a command");
    assert!(show(&["ip", "link"]).contains("eth0@if6: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 "));
    assert_eq!(show(&["ip", "route"]), "default via 10.244.0.1 dev eth0 mtu 1450 \n10.244.0.1 dev eth0 scope link \n");
}

#[test]
fn what_a_program_redirects_passes_no_hook_of_the_node() {
    for to in ["ping://10.244.0.3", "ping://10.244.1.2"] {
        let trace = trace("vxlan", "none", "pod/client", to);
        let hooks = trace.steps().filter(|(_, step)| matches!(step.stage, Stage::Netfilter(..)) && !step.outer);
        assert_eq!(hooks.count(), 0, "{to}");
        let bypasses = |decision: &Decision| matches!(decision, Decision::BpfRedirect { bypassed: true, .. });
        assert!(trace.steps().any(|(_, step)| bypasses(&step.decision)), "{to}");
    }
}

#[test]
fn the_choice_says_which_backends_there_were_and_who_is_masqueraded() {
    let rows = [
        ("pod/client", "tcp://10.96.0.21:80", "10.244.1.2:8080", 1.0, false),
        ("host/laptop", "tcp://172.18.0.2:30081", "10.244.1.2:8080", 1.0, true),
        ("host/laptop", "tcp://172.18.0.2:30082", "10.244.0.3:8080", 1.0, false),
    ];
    for (from, to, chosen, probability, masqueraded) in rows {
        let choice = trace("vxlan", "none", from, to).choice.expect("a choice");
        assert_eq!(format!("{}:{}", choice.chosen.0, choice.chosen.1), chosen, "{to}");
        assert_eq!((choice.destinations[0].1, choice.masqueraded), (probability, masqueraded), "{to}");
    }
    let choice = trace("vxlan", "none", "pod/client", "tcp://10.96.0.20:80").choice.expect("a choice");
    let shares: Vec<f64> = choice.destinations.iter().map(|(_, share)| *share).collect();
    assert_eq!(shares, [0.5, 0.5]);
}

#[test]
fn the_dice_of_a_seed_choose_every_backend_in_turn() {
    let lab = lab("vxlan", "none");
    let n_near = (1..=200).filter(|seed| {
        let run = Run { seed: *seed, ..Run::new("pod/client", "tcp://10.96.0.20:80") };
        let chosen = api::trace(&lab, &run).ok().and_then(|trace| trace.choice).map(|choice| choice.chosen.0);
        chosen == Some(IpAddr::from([10, 244, 0, 3]))
    });
    let n_near = n_near.count();
    assert!((70..=130).contains(&n_near), "{n_near} of 200");
}

#[test]
fn what_cannot_be_served_is_refused_where_cilium_refuses_it() {
    let rows = [
        ("pod/client", "tcp://10.96.0.23:80", "rejected at pod/default/client: ICMP_HOST_UNREACH"),
        ("host/laptop", "tcp://172.18.0.2:30083", "rejected at node/node-a: ICMP_PORT_UNREACH"),
        ("host/laptop", "tcp://172.18.0.3:30085", "rejected at node/node-b: ICMP_PORT_UNREACH"),
        ("pod/client", "ping://10.244.0.99", "dropped at node/node-a: BPF_UNROUTABLE"),
    ];
    for (from, to, expected) in rows {
        assert_eq!(outcome(&trace("vxlan", "none", from, to)), expected, "{from} {to}");
    }
    let trace = trace("vxlan", "none", "pod/client", "tcp://10.96.0.23:80");
    assert_eq!(trace.frames.len(), 0, "no frame appears");
}

#[test]
fn the_identifier_of_the_envelope_is_the_senders_identity() {
    let rows = [
        ("none", "pod/client", "tcp://10.244.1.2:8080", 256),
        // Through the stack the mark remembers who sent it.
        ("iptables", "pod/client", "tcp://10.96.0.21:80", 256),
        ("none", "node/node-a", "ping://10.244.1.2", 6),
        ("none", "host/laptop", "tcp://172.18.0.2:30081", 2),
    ];
    for (proxy, from, to, identity) in rows {
        let trace = trace("geneve", proxy, from, to);
        let vni = trace.steps().find_map(|(_, step)| match &step.decision {
            Decision::Encapsulate { envelope, .. } => envelope.vni(),
            _ => None,
        });
        assert_eq!(vni, Some(identity), "{proxy} {from} {to}");
    }
}

#[test]
fn maps_print_as_ciliums_own_tool_prints_them() {
    let lab = lab("vxlan", "none");
    let show = |map: &str| api::show(&lab, "node/node-a", None, &["cilium", "bpf", map, "list"], false).expect("a map");
    let lb = show("lb");
    for line in [
        "SERVICE ADDRESS              BACKEND ADDRESS (REVNAT_ID) (SLOT)",
        "[ClusterIP, non-routable]",
        "[LoadBalancer, Local]",
        "0.0.0.0:30081/TCP (1)        10.244.1.2:8080/TCP (",
        "172.18.0.2:30085/TCP/i (1)",
    ] {
        assert!(lb.contains(line), "{line:?} in\n{lb}");
    }
    assert!(
        show("ipcache")
            .contains("10.244.1.2/32       identity=258 encryptkey=0 tunnelendpoint=172.18.0.3 flags=<none>\n")
    );
    assert!(show("endpoint").contains("172.18.0.2:0   (localhost)\n"));
}

/// `cilium bpf MAP list` on node-a after a run.
fn map_after(run: &Run, map: &str) -> String {
    let lab = lab("vxlan", "none");
    let command = ["cilium", "bpf", map, "list"];
    api::show(&lab, "node/node-a", Some(run), &command, false).expect("a map")
}

#[test]
fn a_node_port_translates_every_piece_of_a_datagram_alike() {
    for mode in MODES {
        for proxy in PROXIES {
            for (to, server) in [
                ("udp://172.18.0.2:30053", "pod/default/far"),
                ("udp://172.18.0.2:30054", "pod/default/near"),
                ("udp://172.18.0.3:30054", "pod/default/near"),
            ] {
                let run = Run { size: 3000, reply_size: 3000, ..Run::new("host/laptop", to) };
                let trace = api::trace(&lab(mode, proxy), &run).expect("the run can be made");
                api::validate(&trace).expect("the trace is one");
                assert_eq!(outcome(&trace), format!("delivered at {server}"), "{mode} {proxy} {to}");
            }
        }
    }
}

#[test]
fn the_first_piece_leaves_its_ports_for_the_others() {
    let run = Run::new("host/laptop", "udp://172.18.0.2:30053");
    assert_eq!(map_after(&run, "frag"), "No entries found.\n");
    let list = map_after(&Run { size: 3000, ..run }, "frag");
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0].join(" "), "ID PROTO SOURCE ADDRESS:PORT DEST ADDRESS:PORT");
    // Once as the client sent it, once as the backend gets it: each program asks by the addresses that it sees.
    // Envelopes that are too large for the NIC are pieces as well.
    let all = lines[1..].iter().map(|line| line[3]);
    let mut destinations: Vec<&str> = all.filter(|dst| !dst.ends_with(":8472")).collect();
    destinations.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(destinations, ["172.18.0.2:30053", "10.244.1.2:53"], "{list}");
}

#[test]
fn an_error_about_a_node_port_finds_no_client() {
    // The pod answers port unreachable. Cilium translates no such error, so the client's kernel knows no socket for it.
    for mode in MODES {
        for seed in 1..=4 {
            let run = Run { seed, ..Run::new("host/laptop", "udp://172.18.0.2:30099") };
            let trace = api::trace(&lab(mode, "none"), &run).expect("the run can be made");
            assert_eq!(trace.disposition.kind(), "dropped", "{mode} {seed}: {}", trace.disposition);
        }
    }
    let translated = trace("vxlan", "iptables", "host/laptop", "udp://172.18.0.2:30099");
    assert_eq!(translated.disposition.kind(), "rejected", "netfilter translates it: {}", translated.disposition);
}

#[test]
fn an_application_hears_from_the_service_that_it_asked() {
    let last = |proxy: &str, to: &str| {
        let trace = trace("vxlan", proxy, "pod/client", to);
        let (_, step) = trace.steps().last().expect("a step");
        (step.stage, step.decision.clone())
    };
    let (stage, decision) = last("none", "udp://10.96.0.26:53");
    assert_eq!(stage, Stage::Bpf(BpfHook::SockRecvmsg));
    let Decision::Translate { from, to, .. } = decision else { panic!("{decision:?}") };
    assert_eq!((from, to), ((IpAddr::from([10, 244, 1, 2]), 53), (IpAddr::from([10, 96, 0, 26]), 53)));
    for (proxy, to) in [("none", "udp://10.244.1.2:53"), ("iptables", "udp://10.96.0.26:53")] {
        assert_ne!(last(proxy, to).0, Stage::Bpf(BpfHook::SockRecvmsg), "{proxy} {to}");
    }
}
