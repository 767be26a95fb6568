//! Connections that lose packets: client, router, server, with times that were read off a kernel in the same place.

use std::net::IpAddr;
use std::time::Duration;

use super::{Exchange, Talk, run_losing, run_to_end};
use crate::base::{Place, Writer};
use crate::net::{Answer, At, DevRef, InterfaceKind, Listener, NetNs, NsId, Route, Topology, TransportProtocol};
use crate::trace::{Decision, Trace};
use crate::wire::{Packet, Tcp, Transport};

const CLIENT: NsId = NsId(0);
const ROUTER: NsId = NsId(1);
const SERVER: NsId = NsId(2);
const SERVER_IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 2, 2));

/// Client and server behind a router, whose device towards the server takes packets of `mtu` only.
fn topology(mtu: usize) -> Topology {
    let mut topo = Topology::default();
    let host = |name: &str| Place::Host(name.to_owned());
    for place in [host("client"), Place::Router("fabric".to_owned()), host("server")] {
        topo.add_namespace(NetNs::new(place, 1));
    }
    topo.ns_mut(ROUTER).sysctls.ip_forward = true;
    topo.ns_mut(SERVER).sockets.listen(Listener {
        protocol: TransportProtocol::Tcp,
        port: 80,
        program: "web".into(),
        answer: Answer::Asked,
    });
    let ends = [
        (CLIENT, "eth0", 9000, At { ns: ROUTER, index: 2 }, "10.9.1.2/24"),
        (ROUTER, "eth0", 9000, At { ns: CLIENT, index: 2 }, "10.9.1.1/24"),
        (ROUTER, "eth1", mtu, At { ns: SERVER, index: 2 }, "10.9.2.1/24"),
        (SERVER, "eth0", 9000, At { ns: ROUTER, index: 3 }, "10.9.2.2/24"),
    ];
    for (ns, name, mtu, peer, address) in ends {
        let ns = topo.ns_mut(ns);
        let dev = ns.add_interface(name, mtu, Writer::Admin, |_| InterfaceKind::Veth { peer });
        ns.add_address(dev.index, address.parse().expect("a network"), Writer::Admin);
    }
    for (ns, gateway) in [(CLIENT, [10, 9, 1, 1]), (SERVER, [10, 9, 2, 1])] {
        let dev = DevRef { index: 2, name: "eth0".into() };
        let default = Route::unicast("0.0.0.0/0".parse().expect("a network"), &dev, Writer::Admin);
        topo.ns_mut(ns).main.add(Route { gateway: Some(gateway.into()), ..default });
    }
    topo
}

fn exchange(talk: Talk) -> Exchange {
    Exchange {
        client: CLIENT,
        program: "client".into(),
        dst: SERVER_IP,
        talk,
        ttl: None,
        seed: 1,
        names: super::Names::default(),
    }
}

fn tcp(request: usize) -> Exchange {
    let talk = |len| vec![b'x'; len];
    exchange(Talk::Tcp { port: 80, flow: "tcp", request: talk(request), reply: talk(100), reply_len: 100 })
}

/// Runs `exchange` where the wires behind the router lose the segments that `loses` picks by what they are and how many
/// such came before.
fn run(exchange: &Exchange, mtu: usize, mut loses: impl FnMut(&Tcp, At) -> bool) -> Trace {
    let loses = &mut |at: At, packet: &Packet| match packet.transport() {
        Some(Transport::Tcp(tcp)) if at.ns == SERVER || at == (At { ns: ROUTER, index: 3 }) => loses(&tcp, at),
        _ => false,
    };
    run_losing(topology(mtu), exchange, loses).0
}

/// Picks the first `n` for which `is_it` holds.
fn first(mut n: usize, is_it: impl Fn(&Tcp, At) -> bool) -> impl FnMut(&Tcp, At) -> bool {
    move |tcp, at| {
        let lost = n > 0 && is_it(tcp, at);
        n -= usize::from(lost);
        lost
    }
}

/// Names and times, in ms, of the packets that a program or a kernel sent.
fn sent(trace: &Trace) -> Vec<(&str, u128)> {
    let is_birth = |decision: &Decision| {
        matches!(decision, Decision::Send { .. } | Decision::KernelSend { .. } | Decision::Retransmit { .. })
    };
    let births = trace.steps().filter(|(_, step)| is_birth(&step.decision));
    births.map(|(hop, step)| (trace.journey(hop.journey).name.as_str(), step.time.elapsed().as_millis())).collect()
}

fn times(trace: &Trace, name: &str) -> Vec<u128> {
    let numbered = format!("{name}-");
    let is_named = |other: &str| {
        other == name || other.strip_prefix(&numbered).is_some_and(|n| n.chars().all(|c| c.is_ascii_digit()))
    };
    sent(trace).into_iter().filter(|(other, _)| is_named(other)).map(|(_, time)| time).collect()
}

fn is_data(tcp: &Tcp, at: At) -> bool {
    tcp.payload_len > 0 && at.ns == SERVER
}

#[test]
fn a_lost_syn_is_sent_again_after_one_second_and_the_connection_comes_off() {
    let trace = run(&tcp(100), 1500, first(1, |tcp, _| tcp.syn));
    assert_eq!(trace.disposition.to_string(), "delivered at host/server");
    assert_eq!(times(&trace, "syn"), [0, 1000]);
    assert_eq!(times(&trace, "syn-ack"), [1000]);
}

#[test]
fn a_syn_that_never_gets_through_is_tried_every_second_until_the_client_gives_up() {
    let trace = run(&tcp(100), 1500, |tcp, _| tcp.syn);
    assert_eq!(trace.disposition.to_string(), "dropped at host/server: FABRIC_FILTERED");
    assert_eq!(sent(&trace).iter().filter(|(name, _)| name.starts_with("syn")).count(), 4);
    assert_eq!(times(&trace, "syn"), [0, 1000, 2000, 3000]);
}

#[test]
fn a_lost_syn_ack_is_sent_again_when_the_syn_is() {
    let trace = run(&tcp(100), 1500, first(1, |tcp, _| tcp.syn && tcp.is_ack));
    assert_eq!(trace.disposition.kind(), "delivered");
    assert_eq!((times(&trace, "syn"), times(&trace, "syn-ack")), (vec![0, 1000], vec![0, 1000]));
}

#[test]
fn a_lost_request_is_sent_again_after_200_ms_and_then_doubles() {
    let once = run(&tcp(100), 1500, first(1, is_data));
    assert_eq!((once.disposition.kind(), times(&once, "request")), ("delivered", vec![0, 200]));
    let never = run(&tcp(100), 1500, is_data);
    assert_eq!(never.disposition.to_string(), "dropped at host/server: FABRIC_FILTERED");
    // The first is a probe and does not count: 0.206, 0.414, 0.850, 1.682, 3.346 s on a kernel with coarser timers.
    assert_eq!(times(&never, "request"), [0, 200, 400, 800, 1600, 3201]);
}

#[test]
fn a_hole_is_told_by_sack_and_filled_at_once() {
    let mut n_data = 0;
    let trace = run(&tcp(30_000), 9000, |tcp, at| {
        n_data += usize::from(is_data(tcp, at));
        is_data(tcp, at) && n_data == 2
    });
    assert_eq!(trace.disposition.kind(), "delivered");
    let last = times(&trace, "request").len();
    assert_eq!(last, 5, "four segments, and one of them again");
    assert!(times(&trace, "request")[4] < 10, "no timer was needed");
    let told = trace.frames.iter().filter_map(|frame| match frame.packet.transport() {
        Some(Transport::Tcp(tcp)) => tcp.sack[0],
        _ => None,
    });
    assert!(told.count() > 0, "the receiver tells what it has");
}

#[test]
fn a_lost_end_of_a_message_is_probed_for_within_milliseconds() {
    let mut n_data = 0;
    let trace = run(&tcp(30_000), 9000, |tcp, at| {
        n_data += usize::from(is_data(tcp, at));
        is_data(tcp, at) && n_data == 4
    });
    assert_eq!(trace.disposition.kind(), "delivered");
    let again = times(&trace, "request");
    assert!(again.len() == 5 && (8..40).contains(&again[4]), "{again:?}");
}

#[test]
fn a_window_that_is_lost_whole_comes_again_by_slow_start() {
    let trace = run(&tcp(60_000), 9000, first(8, is_data));
    assert_eq!(trace.disposition.kind(), "delivered");
}

#[test]
fn what_gets_lost_of_the_close_is_said_again() {
    for what in ["fin", "fin-ack", "last-ack"] {
        let (mut is_over, mut n_lost) = (false, 0);
        let trace = run(&tcp(100), 1500, |tcp, at| {
            let (to_server, to_client) = (at.ns == SERVER, at.ns == ROUTER);
            let is_it = match what {
                "fin" => tcp.fin && to_server,
                "fin-ack" => tcp.fin && to_client,
                _ => is_over && to_server,
            };
            is_over |= tcp.fin && to_client;
            n_lost += usize::from(is_it);
            is_it && n_lost == 1
        });
        assert_eq!(trace.disposition.kind(), "delivered", "{what}");
        assert_eq!((times(&trace, what).len(), n_lost), (2, 2), "{what}");
    }
}

#[test]
fn a_connection_through_a_narrower_link_delivers_after_frag_needed() {
    let (trace, topo) = run_to_end(topology(1500), &tcp(4000));
    assert_eq!(trace.disposition.to_string(), "delivered at host/server");
    let names: Vec<&str> = sent(&trace).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names[..7], ["syn", "syn-ack", "ack", "request", "frag-needed", "request-2", "request-3"]);
    let exception = topo.ns(CLIENT).exceptions.get(SERVER_IP).expect("the client learned");
    assert_eq!(exception.to_string(), "mtu 1500");
    // Read off a kernel: 1448, 1448, 1104 with PSH on the last.
    let again = trace.frames.iter().filter(|frame| trace.devices[frame.device].name == "host/client:eth0");
    let data: Vec<(usize, bool)> = again
        .filter_map(|frame| match frame.packet.transport() {
            Some(Transport::Tcp(tcp)) if tcp.payload_len > 0 && tcp.dport == 80 => Some((tcp.payload_len, tcp.psh)),
            _ => None,
        })
        .collect();
    assert_eq!(data, [(4000, true), (1448, false), (1448, false), (1104, true)]);
}

#[test]
fn twenty_kilobytes_through_a_narrower_link_are_cut_anew_from_the_first_byte() {
    let (trace, _) = run_to_end(topology(1500), &tcp(20_000));
    assert_eq!(trace.disposition.kind(), "delivered");
    let data = trace.frames.iter().filter(|frame| trace.devices[frame.device].name == "host/server:eth0");
    let lens: Vec<usize> = data
        .filter_map(|frame| match frame.packet.transport() {
            Some(Transport::Tcp(tcp)) if tcp.dport == 80 => Some(tcp.payload_len).filter(|len| *len > 0),
            _ => None,
        })
        .collect();
    // Read off a kernel.
    assert_eq!(lens, [[1448; 13].as_slice(), &[1176]].concat());
}

#[test]
fn what_was_learned_of_a_path_holds_for_the_next_run() {
    let ping = |df| exchange(Talk::Ping { size: 4000, df });
    let (first, topo) = run_to_end(topology(1500), &ping(false));
    assert_eq!(first.disposition.to_string(), "rejected at router/fabric: ICMP_FRAG_NEEDED");
    let (refused, topo) = run_to_end(topo, &ping(true));
    assert_eq!(refused.disposition.to_string(), "rejected at host/client: ICMP_FRAG_NEEDED");
    let (cut, topo) = run_to_end(topo, &ping(false));
    // The answer is cut nowhere, and lost on the wire of 1500, as a kernel's was.
    assert_eq!(cut.disposition.to_string(), "dropped at router/fabric: FABRIC_MTU");
    let pieces = cut.steps().find_map(|(_, step)| match step.decision {
        Decision::Fragment { n_fragments, .. } => Some((n_fragments, step.mtu.as_ref().map(|check| check.mtu))),
        _ => None,
    });
    assert_eq!(pieces, Some((3, Some(1500))));
    let (connection, _) = run_to_end(topo, &tcp(4000));
    assert_eq!(times(&connection, "request").len(), 3, "no segment is too large any more");
    let syn = connection.frames.iter().find_map(|frame| match frame.packet.transport() {
        Some(Transport::Tcp(tcp)) => tcp.mss,
        _ => None,
    });
    assert_eq!(syn, Some(1460));
}

#[test]
fn a_way_that_is_too_narrow_to_believe_is_taken_without_df() {
    let (trace, topo) = run_to_end(topology(400), &tcp(2000));
    assert_eq!(trace.disposition.kind(), "delivered");
    let exception = topo.ns(CLIENT).exceptions.get(SERVER_IP).expect("the client learned");
    assert_eq!(exception.to_string(), "mtu lock 552");
    let again = trace.frames.iter().filter(|frame| trace.devices[frame.device].name == "host/client:eth0");
    let whole: Vec<usize> = again
        .filter_map(|frame| match (frame.packet.ip_header()?, frame.packet.transport()?) {
            (ip, Transport::Tcp(tcp)) if !ip.df && tcp.payload_len > 0 => Some(tcp.payload_len),
            _ => None,
        })
        .collect();
    assert_eq!(whole, [500; 4]);
}

#[test]
fn patience_is_longer_than_arp() {
    let mut nobody = tcp(100);
    nobody.dst = [10, 9, 2, 99].into();
    let (trace, _) = run_to_end(topology(1500), &nobody);
    assert_eq!(trace.disposition.to_string(), "rejected at router/fabric: ICMP_HOST_UNREACH");
    let last = trace.steps().last().expect("there are steps").1.time;
    assert!(last.elapsed() < Duration::from_secs(4));
}
