use super::{Progress, Role, Segment, TcpEndpoint, TcpPlan};
use crate::base::Instant;
use crate::wire::{IpSpec, Tcp, Transport, tcp};

const NOW: Instant = Instant::START;

fn plan(role: Role, message: usize, awaits: usize, mtu: usize) -> TcpPlan {
    let (sport, dport) = if role == Role::Client { (40000, 80) } else { (80, 40000) };
    TcpPlan { role, sport, dport, iss: 1000, ts_offset: 0, mtu, message: vec![b'x'; message], awaits }
}

/// What the other end sees of a segment.
fn seen(segment: &Segment) -> Tcp {
    let address = std::net::Ipv4Addr::LOCALHOST;
    let packet =
        tcp(IpSpec { src: address, dst: address, ttl: 64, df: true, id: 0, tos: 0 }, segment.spec, &segment.payload);
    match packet.transport() {
        Some(Transport::Tcp(tcp)) => tcp,
        other => panic!("a TCP segment reads as {other:?}"),
    }
}

/// Runs both ends against each other and returns every segment's name, flags and length, the client's first.
fn converse(request: usize, reply: usize, client_mtu: usize, server_mtu: usize) -> Vec<(&'static str, bool, usize)> {
    let mut client = TcpEndpoint::new(plan(Role::Client, request, reply, client_mtu));
    let mut server = TcpEndpoint::new(plan(Role::Server, reply, request, server_mtu));
    let mut on_the_way = vec![(Role::Server, client.open(NOW))];
    let mut log = Vec::new();
    while !on_the_way.is_empty() {
        let (to, segment) = on_the_way.remove(0);
        log.push((segment.name, segment.spec.flags.psh, segment.payload.len()));
        let (end, other) = if to == Role::Server { (&mut server, Role::Client) } else { (&mut client, Role::Server) };
        on_the_way.extend(end.receive(seen(&segment), NOW).into_iter().map(|segment| (other, segment)));
        assert!(log.len() < 1000, "the conversation ends");
    }
    assert_eq!((client.progress(), server.progress()), (Progress::Closed, Progress::Closed));
    log
}

fn names(log: &[(&'static str, bool, usize)]) -> Vec<&'static str> {
    log.iter().map(|(name, ..)| *name).collect()
}

#[test]
fn a_short_exchange_is_ten_segments() {
    assert_eq!(
        names(&converse(100, 100, 1450, 1450)),
        ["syn", "syn-ack", "ack", "request", "request-ack", "reply", "reply-ack", "fin", "fin-ack", "last-ack"]
    );
}

#[test]
fn nothing_asked_and_nothing_answered_still_opens_and_closes() {
    assert_eq!(names(&converse(0, 0, 1450, 1450)), ["syn", "syn-ack", "ack", "fin", "fin-ack", "last-ack"]);
}

#[test]
fn the_smaller_mss_of_both_sides_limits_both_directions() {
    for (client_mtu, server_mtu) in [(1450, 1350), (1350, 1450)] {
        let log = converse(5000, 5000, client_mtu, server_mtu);
        assert_eq!(log.iter().map(|(_, _, len)| *len).max(), Some(1298), "{client_mtu} and {server_mtu}");
    }
}

#[test]
fn a_burst_is_half_the_window_and_ends_with_push() {
    let pushed = |request, mtu| -> Vec<usize> {
        let log = converse(request, 1, mtu, mtu);
        let data = log.iter().filter(|(name, ..)| *name == "request");
        data.enumerate().filter(|(_, (_, psh, _))| *psh).map(|(i, _)| i + 1).collect()
    };
    // Each list was read off a kernel: 8, 15 and 33 segments of 1398 bytes, 4 of 8898.
    assert_eq!(pushed(10_000, 1450), [5, 8]);
    assert_eq!(pushed(20_000, 1450), [5, 10, 15]);
    assert_eq!(pushed(45_000, 1450), [5, 10, 20, 30, 33]);
    assert_eq!(pushed(30_000, 8950), [3, 4]);
}

#[test]
fn every_byte_of_a_message_is_sent_once_and_in_order() {
    for len in [1, 1398, 1399, 13_980, 13_981, 100_000] {
        let log = converse(len, len, 1450, 1450);
        for name in ["request", "reply"] {
            let sent: usize = log.iter().filter(|(other, ..)| *other == name).map(|(_, _, len)| len).sum();
            assert_eq!(sent, len, "{name} of {len}");
        }
    }
}

#[test]
fn a_reset_ends_the_connection() {
    let mut client = TcpEndpoint::new(plan(Role::Client, 1, 1, 1450));
    let mut reset = seen(&client.open(NOW));
    (reset.syn, reset.rst, reset.is_ack) = (false, true, true);
    assert_eq!(client.receive(reset, NOW), []);
    assert_eq!(client.progress(), Progress::Reset);
}

/// When `end` acts by itself, in ms, if nothing ever arrives and a router says so or not.
fn attempts(end: &mut TcpEndpoint, n: usize, blocked: bool) -> Vec<u128> {
    let deadlines = (0..n).map_while(|_| {
        let deadline = end.deadline()?;
        assert_eq!(end.expire(deadline).len(), 1);
        if blocked {
            end.way_blocked();
        }
        Some(deadline.elapsed().as_millis())
    });
    deadlines.collect()
}

#[test]
fn a_syn_is_tried_every_second_and_from_the_fifth_time_on_ever_more_seldom() {
    let mut client = TcpEndpoint::new(plan(Role::Client, 1, 1, 1450));
    let _ = client.open(NOW);
    // Read off a kernel.
    assert_eq!(attempts(&mut client, 7, false), [1000, 2000, 3000, 4000, 5000, 7000, 11_000]);
}

#[test]
fn a_way_that_a_router_calls_blocked_is_tried_as_often_as_at_first() {
    let open = || {
        let mut client = TcpEndpoint::new(plan(Role::Client, 1, 1, 1450));
        let mut server = TcpEndpoint::new(plan(Role::Server, 1, 1, 1450));
        let syn_ack = server.receive(seen(&client.open(NOW)), NOW);
        assert_eq!(client.receive(seen(&syn_ack[0]), NOW).len(), 2, "acknowledgment and request");
        client
    };
    // The request leaves half a millisecond after the acknowledgment. Both lists were read off a kernel, jitter aside.
    assert_eq!(attempts(&mut open(), 5, false), [200, 400, 800, 1600, 3200]);
    assert_eq!(attempts(&mut open(), 5, true), [200, 400, 600, 800, 1000]);
}
