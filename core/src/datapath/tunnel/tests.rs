//! Two machines on one segment with a tunnel between them.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::base::{Instant, MacAddr, Place, Writer};
use crate::datapath::{Ctx, Effect, Next, OutRoute, dispatch};
use crate::net::{
    At, DevRef, Fdb, Geneve, InterfaceKind, Ipip, NetNs, NsId, SegmentId, Skb, Topology, TunnelKey, Vxlan,
};
use crate::trace::{Decision, Disposition, DropReason, Envelope, Recorder, Trace};
use crate::wire::{self, ETHERTYPE_IPV4, Icmp, IcmpError, IpSpec, Link, Packet, Transport};

const HERE: [u8; 4] = [172, 18, 0, 2];
const THERE: [u8; 4] = [172, 18, 0, 3];

/// A machine with a NIC, `address`, and a tunnel device.
fn machine(topo: &mut Topology, name: &str, address: [u8; 4], segment: SegmentId, kind: &InterfaceKind) -> At {
    let mut ns = NetNs::new(Place::Node(name.to_owned()), 1);
    let nic = ns.add_interface("eth0", 1500, Writer::Admin, |_| InterfaceKind::Nic { segment });
    ns.add_address(nic.index, IpNet::new_assert(address.into(), 24), Writer::Admin);
    for (peer, other) in [("a", HERE), ("b", THERE)] {
        let mac = MacAddr::of(&format!("node/{peer}:eth0"));
        ns.neighbours.add_permanent(other.into(), nic.clone(), mac, Writer::Admin);
    }
    let tunnel = ns.add_interface("tun", 1450, Writer::Cni, |_| kind.clone());
    let id = topo.add_namespace(ns);
    topo.segment_mut(segment).ports.push(At { ns: id, index: nic.index });
    At { ns: id, index: tunnel.index }
}

/// What became of `skb`, handed to the tunnel device of the first machine.
struct Sent {
    trace: Trace,
    /// The tunnel key of what came out at the other end.
    received: Option<TunnelKey>,
}

fn send(kind: &InterfaceKind, packet: Packet, key: Option<TunnelKey>, narrow: Option<usize>) -> Sent {
    let mut topo = Topology::default();
    let segment = topo.add_segment();
    let here = machine(&mut topo, "a", HERE, segment, kind);
    machine(&mut topo, "b", THERE, segment, kind);
    if let Some(mtu) = narrow {
        topo.ns_mut(here.ns).interface_mut(2).mtu = mtu;
    }
    let mut recorder = Recorder::default();
    let journey = recorder.journey("ping", "request");
    let skb = Skb { tunnel_key: key, ..Skb::new(packet, journey) };
    let mut ctx = Ctx { now: Instant::START, recorder: &mut recorder, effects: Vec::new() };
    let first = match skb.packet.link() {
        Link::Ethernet => Next::LinkTx(here, skb),
        // As the routing decision leaves it: the gateway of the route is the other end.
        Link::Ip => {
            Next::Neighbour(here.ns, skb, OutRoute { dev: tun(&topo, here.ns), next_hop: THERE.into(), mtu: 1480 })
        }
    };
    dispatch(&mut topo, first, &mut ctx);
    let mut received = None;
    for effect in std::mem::take(&mut ctx.effects) {
        if let Effect::Arrive { at, skb, .. } = effect {
            let opened = super::decap(&topo, at, &Skb { packet: skb.packet.without_ethernet(), ..skb }, &mut ctx);
            if let Next::LinkRx(_, skb) = opened {
                received = skb.tunnel_key;
            }
        }
    }
    Sent {
        trace: recorder.finish(Disposition::Dropped { reason: DropReason::NoSocket, at: Place::Node("a".into()) }),
        received,
    }
}

fn tun(topo: &Topology, ns: NsId) -> DevRef {
    topo.ns(ns).interface(3).dev.clone()
}

fn vxlan(external: bool) -> InterfaceKind {
    let fdb = Fdb::new(DevRef { index: 3, name: "tun".into() });
    InterfaceKind::Vxlan(Vxlan { vni: 0, local: None, port: 8472, lower: None, external, fdb })
}

fn ping(df: bool, len: usize) -> Packet {
    let ip = IpSpec { src: [10, 244, 0, 2].into(), dst: [10, 244, 1, 2].into(), ttl: 63, df, id: 7, tos: 0xc0 };
    wire::icmp_echo(ip, false, 1, 1, &vec![0; len - 28])
}

fn frame() -> Packet {
    ping(true, 84).with_ethernet(MacAddr::of("x"), MacAddr::of("y"), ETHERTYPE_IPV4)
}

fn decisions(trace: &Trace) -> Vec<Decision> {
    trace.steps().map(|(_, step)| step.decision.clone()).collect()
}

/// The first frame that left by the NIC.
fn on_the_wire(trace: &Trace) -> Packet {
    let eth0 = trace.devices.iter().position(|device| device.name == "node/a:eth0").expect("a frame left");
    trace.frames.iter().find(|frame| frame.device == eth0).expect("a frame left").packet.clone()
}

#[test]
fn a_tunnel_in_external_mode_sends_where_the_packet_says_and_tells_where_it_came_from() {
    let key = TunnelKey { remote: THERE.into(), vni: 77, zero_checksum: true };
    let geneve = InterfaceKind::Geneve(Geneve { vni: 0, remote: None, port: 6081 });
    let cases = [(vxlan(true), Envelope::Vxlan { vni: 77 }), (geneve, Envelope::Geneve { vni: 77 })];
    for (kind, envelope) in cases {
        let sent = send(&kind, frame(), Some(key), None);
        let there = IpAddr::from(THERE);
        assert!(decisions(&sent.trace).contains(&Decision::Encapsulate { envelope, remote: there }));
        assert!(decisions(&sent.trace).contains(&Decision::Decapsulate { envelope, remote: HERE.into() }));
        assert_eq!(sent.received, Some(TunnelKey { remote: HERE.into(), vni: 77, zero_checksum: false }));
        let wire = on_the_wire(&sent.trace);
        let ip = wire.ip_header().expect("an IP packet");
        // The source is the route's, TTL and DF are the tunnel's own, and there is no checksum.
        assert_eq!((ip.src, ip.dst, ip.ttl, ip.df, ip.total_len), (HERE.into(), there, 64, false, 134));
        assert_eq!(wire.ip_payload()[6..8], [0, 0]);
        assert!(wire.checksums_valid());
    }
}

#[test]
fn a_tunnel_in_external_mode_drops_what_does_not_say_where_it_goes() {
    let sent = send(&vxlan(true), frame(), None, None);
    assert!(decisions(&sent.trace).contains(&Decision::Drop(DropReason::TunnelTxinfo)));
}

#[test]
fn ip_in_ip_takes_ttl_and_df_from_the_packet_inside_and_nothing_else() {
    for df in [true, false] {
        let sent = send(&InterfaceKind::Ipip(Ipip { local: None }), ping(df, 84), None, None);
        let wire = on_the_wire(&sent.trace);
        let ip = wire.ip_header().expect("an IP packet");
        assert_eq!((ip.src, ip.dst, ip.protocol), (HERE.into(), THERE.into(), 4));
        assert_eq!((ip.ttl, ip.df, ip.total_len), (63, df, 104));
        assert_eq!(wire.network()[1], 0, "the type of service");
        let decapsulated = Decision::Decapsulate { envelope: Envelope::Ipip, remote: HERE.into() };
        assert!(decisions(&sent.trace).contains(&decapsulated));
    }
}

#[test]
fn ip_in_ip_tells_the_sender_what_the_way_to_the_other_end_takes_and_cuts_what_may_be_cut() {
    let kind = InterfaceKind::Ipip(Ipip { local: None });
    let sent = send(&kind, ping(true, 1400), None, Some(1400));
    let told = IcmpError::FragNeeded { mtu: 1380 };
    assert!(decisions(&sent.trace).contains(&Decision::Complain(DropReason::PktTooBig, told)));
    let sent = send(&kind, ping(false, 1400), None, Some(1400));
    let wire = on_the_wire(&sent.trace);
    assert!(wire.ip_header().is_some_and(|ip| ip.mf && ip.total_len == 1396), "{wire:?}");
    // 1380 bytes fit to the byte.
    let sent = send(&kind, ping(true, 1380), None, Some(1400));
    assert!(matches!(on_the_wire(&sent.trace).transport(), Some(Transport::Other(4))));
}

#[test]
fn an_icmp_error_about_an_envelope_is_the_tunnels() {
    let mut topo = Topology::default();
    let segment = topo.add_segment();
    let here = machine(&mut topo, "a", HERE, segment, &vxlan(false));
    let outer =
        |src: [u8; 4], dst: [u8; 4]| IpSpec { src: src.into(), dst: dst.into(), ttl: 64, df: true, id: 1, tos: 0 };
    let error = |port| {
        let quoted = wire::udp(outer(HERE, THERE), 50000, port, &[0; 200]);
        wire::icmp_error(outer([172, 18, 0, 1], HERE), IcmpError::FragNeeded { mtu: 1400 }, &quoted.bytes()[..200])
    };
    let sender =
        |packet: &Packet| super::sender(topo.ns(here.ns), packet).map(|(dev, remote)| (dev.name().to_string(), remote));
    assert!(matches!(error(8472).transport(), Some(Transport::Icmp(Icmp::Error(_)))));
    assert_eq!(sender(&error(8472)), Some(("tun".to_owned(), THERE.into())));
    assert_eq!(sender(&error(53)), None);
}
