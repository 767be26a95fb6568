//! What must stay true, whatever the lab and whoever talks to whom.

mod control;
mod labs;

use std::collections::BTreeSet;
use std::net::IpAddr;

use kubehop_core::api::{self, Decision, LayerChange, Link, Packet, Place, Role, Stage, Step, Trace, dissect};
use kubehop_core::wire::{IpSpec, Transport, ipip, udp};
use labs::{Case, case, lab_of};
use proptest::prelude::*;

fn trace_of(case: &Case) -> Trace {
    let lab = lab_of(case);
    api::trace(&lab, &case.run).expect("the client and the target exist")
}

type Endpoint = (IpAddr, u16);
type Tuple = (Endpoint, Endpoint);

fn inverse((src, dst): Tuple) -> Tuple {
    (dst, src)
}

/// Source and destination of a TCP segment or a UDP datagram that is no later piece.
fn tuple(packet: &Packet) -> Option<Tuple> {
    let ip = packet.ip_header()?;
    let (sport, dport) = match packet.transport()? {
        Transport::Tcp(tcp) => (tcp.sport, tcp.dport),
        Transport::Udp(udp) => (udp.sport, udp.dport),
        _ => return None,
    };
    Some(((ip.src, sport), (ip.dst, dport)))
}

/// What each machine made of each packet that it translated: as it came, as it left.
fn translations(trace: &Trace) -> BTreeSet<(String, Tuple, Tuple)> {
    let mut found = BTreeSet::new();
    for journey in 0..trace.journeys.len() {
        let hops: Vec<_> = trace.hops.iter().filter(|hop| hop.journey.0 == journey).collect();
        // A packet that waits for ARP makes two hops of one stay.
        for stay in hops.chunk_by(|one, other| one.at == other.at) {
            let steps = stay.iter().flat_map(|hop| &hop.steps);
            let translated: Vec<&Step> =
                steps.filter(|step| matches!(step.decision, Decision::Translate { .. })).collect();
            if let (Some(first), Some(last)) = (translated.first(), translated.last())
                && let Some(came) = first.before.as_ref().and_then(tuple)
                && let Some(left) = last.after.as_ref().and_then(tuple)
            {
                found.insert((stay[0].at.to_string(), came, left));
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_trace_has_its_shape_and_every_checksum_is_right(case in case()) {
        prop_assert_eq!(api::validate(&trace_of(&case)), Ok(()));
    }

    #[test]
    fn every_captured_frame_has_right_checksums(case in case()) {
        for frame in &trace_of(&case).frames {
            prop_assert!(frame.packet.checksums_valid(), "{:?}", frame.packet);
        }
    }

    #[test]
    fn a_packet_arrives_at_the_next_place_as_it_left_the_last(case in case()) {
        let trace = trace_of(&case);
        for journey in 0..trace.journeys.len() {
            let hops: Vec<_> = trace.hops.iter().filter(|hop| hop.journey.0 == journey).collect();
            for pair in hops.windows(2) {
                let (left, arrived) = (pair[0].steps.last(), pair[1].steps.first());
                // A packet that waits for ARP stays where it is; everything else has crossed a wire.
                if let (Some(left), Some(arrived)) = (left, arrived) {
                    prop_assert_eq!(&left.after, &arrived.before, "{} then {}", left.id, arrived.id);
                }
            }
        }
    }

    #[test]
    fn no_frame_leaves_a_device_above_its_mtu(case in case()) {
        let trace = trace_of(&case);
        let scene = api::scene(&lab_of(&case));
        let mtus = labs::mtus(&scene);
        for frame in &trace.frames {
            let name = &trace.devices[frame.device].name;
            // Linux's own exception: br_netfilter puts pieces together at a port, and the bridge carries the whole.
            if name.ends_with(":cbr0") {
                continue;
            }
            let mtu = mtus[name];
            prop_assert!(frame.packet.network_len() <= mtu, "{} bytes on {name} of {mtu}", frame.packet.network_len());
        }
    }

    #[test]
    fn the_length_on_the_wire_is_the_sum_that_the_mtu_bar_prints(case in case()) {
        let trace = trace_of(&case);
        for idx in 0..trace.steps().count() {
            let view = api::step_view(&trace, idx).expect("a step");
            if let (Some(mtu), Some(packet)) = (view.mtu, view.packet) {
                prop_assert_eq!(mtu.total, packet.network_len(), "{}", view.id);
                prop_assert_eq!(mtu.fits, mtu.total <= mtu.limit, "{}", view.id);
            }
        }
    }

    #[test]
    fn the_same_input_and_seed_give_the_same_bytes(case in case()) {
        let (one, two) = (trace_of(&case), trace_of(&case));
        prop_assert_eq!(one.to_pcapng(), two.to_pcapng());
        prop_assert_eq!(api::to_json(&one), api::to_json(&two));
    }

    #[test]
    fn a_diff_accounts_for_every_byte_that_changed(case in case()) {
        let trace = trace_of(&case);
        for idx in 0..trace.steps().count() {
            let view = api::step_view(&trace, idx).expect("a step");
            let (Some(before), Some(after)) = (&view.before, &view.packet) else { continue };
            let changed = view.changes.iter().any(|change| !matches!(change, LayerChange::Same(_)));
            prop_assert_eq!(changed, before != after, "{}", view.id);
        }
    }

    #[test]
    fn pods_reach_pods_without_translation_and_see_the_address_that_others_see(case in case()) {
        prop_assume!(case.direct);
        let trace = trace_of(&case);
        let (mut sent, mut delivered) = (BTreeSet::new(), BTreeSet::new());
        for (hop, step) in trace.steps().filter(|(hop, _)| trace.journey(hop.journey).flow != "arp") {
            let Some(packet) = step.packet() else { continue };
            let Some(ip) = packet.ip_header() else { continue };
            match step.stage {
                Stage::App => sent.insert((hop.journey, ip.src, ip.dst)),
                Stage::Deliver => delivered.insert((hop.journey, ip.src, ip.dst)),
                _ => false,
            };
        }
        prop_assert!(delivered.is_subset(&sent), "sent {sent:?}, delivered {delivered:?}");
    }

    #[test]
    fn a_replys_translation_is_the_inverse_of_its_requests(case in case()) {
        let trace = trace_of(&case);
        let translated = translations(&trace);
        for (at, asked, passed) in &translated {
            let is_answer = |(place, came, _): &&(String, Tuple, Tuple)| place == at && *came == inverse(*passed);
            let answers: Vec<_> = translated.iter().filter(is_answer).collect();
            // A connection that a reset has ended may be begun again, and is translated to another port then.
            let undoes = |left: &Tuple| {
                translated.iter().any(|(place, from, to)| place == at && to == passed && *left == inverse(*from))
            };
            for (_, _, left) in &answers {
                prop_assert!(undoes(left), "at {}: {:?} to {:?}, undone to {:?}", at, asked, passed, left);
            }
            if case.reachable {
                prop_assert!(!answers.is_empty(), "{} never undoes {:?} to {:?}", at, asked, passed);
            }
        }
    }

    #[test]
    fn a_client_hears_from_whom_it_asked(case in case()) {
        let trace = trace_of(&case);
        let at = |stage: Stage| trace.steps().filter(move |(_, step)| step.stage == stage && !step.outer);
        let mut born = at(Stage::App);
        let Some((hop, asked)) = born.find_map(|(hop, step)| Some((hop, tuple(step.packet()?)?))) else {
            return Ok(());
        };
        for (_, step) in at(Stage::Deliver).filter(|(other, _)| other.at == hop.at) {
            if let Some(heard) = step.packet().and_then(tuple).filter(|heard| heard.1 == asked.0) {
                prop_assert_eq!(heard, inverse(asked), "{}", step.id);
            }
        }
    }

    #[test]
    fn a_pod_that_was_asked_on_its_port_answers(case in case()) {
        if case.reachable {
            let trace = trace_of(&case);
            prop_assert_eq!(trace.disposition.kind(), "delivered", "{}", trace.disposition);
        }
    }

    #[test]
    fn a_step_keeps_its_name_under_another_size_and_seed(case in case()) {
        let ids = |run| -> BTreeSet<String> {
            let trace = api::trace(&lab_of(&case), run).expect("the client and the target exist");
            trace.steps().map(|(_, step)| step.id.clone()).collect()
        };
        let mut other = case.run.clone();
        other.seed += 1;
        prop_assert_eq!(ids(&case.run), ids(&other));
    }
}

#[test]
fn dissecting_whatever_bytes_never_panics() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    runner
        .run(&proptest::collection::vec(any::<u8>(), 0..120), |bytes| {
            let mut frame = bytes.clone();
            if frame.len() > 13 {
                frame[12..14].copy_from_slice(&[8, 0]);
            }
            let ip = IpSpec { src: [10, 0, 0, 1].into(), dst: [10, 0, 0, 2].into(), ttl: 64, df: false, id: 1, tos: 0 };
            let tunnels = [4789, 6081, 8472].map(|port| udp(ip, 50000, port, &bytes));
            let bare = [Packet::frame(frame), ipip(ip, &Packet::ip(bytes.clone())), Packet::ip(bytes)];
            for packet in bare.into_iter().chain(tunnels) {
                let layers = dissect(&packet);
                for layer in &layers {
                    prop_assert!(layer.range.end <= packet.bytes().len(), "{layer:?}");
                    prop_assert!(layer.fields.iter().all(|field| field.range.end <= packet.bytes().len()));
                }
                prop_assert!(packet.link() == Link::Ethernet || layers.first().is_none_or(|l| l.role != Role::Link));
                let _ = api::one_line(&packet);
            }
            Ok(())
        })
        .expect("no panic, no range past the end");
}

#[test]
fn each_pod_address_is_unique_and_inside_its_nodes_range() {
    let lab = labs::example();
    let scene = api::scene(&lab);
    let mut seen = BTreeSet::new();
    for node in &scene.nodes {
        for pod in &node.pods {
            assert!(seen.insert(pod.ip.clone()), "{} has an address that another pod has", pod.reference);
            assert!(pod.reference.parse::<Place>().is_ok());
        }
    }
    assert!(seen.len() >= 4, "the example has pods");
}
