use std::net::{IpAddr, Ipv4Addr};

use super::{
    ArpOp, ArpSpec, GeneveHeader, IpSpec, LayerChange, Packet, Role, TcpFlags, TcpOptions, TcpSpec, Transport,
    VxlanHeader, arp, diff, dissect, icmp_echo, ipip, one_line, tcp, udp, udp_without_checksum,
};
use crate::base::MacAddr;

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 2);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);
const IP: IpSpec = IpSpec { src: CLIENT, dst: SERVER, ttl: 64, df: true, id: 7, tos: 0 };

fn syn() -> Packet {
    let flags = TcpFlags { syn: true, ..TcpFlags::default() };
    let options = TcpOptions::Syn { mss: 1410, timestamps: (1, 0) };
    tcp(IP, TcpSpec { sport: 40000, dport: 8080, seq: 1, ack: 0, flags, window: 64860, options }, &[])
}

fn mac(last: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, last])
}

#[test]
fn a_ttl_that_falls_repairs_the_header_checksum() {
    // The textbook header with checksum b861; one off the TTL adds 0100 to the checksum.
    let hex = "450000730000400040 11b861c0a80001c0a800c7".replace(' ', "");
    let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect();
    let mut packet = Packet::ip(bytes);
    packet.decrement_ttl();
    assert_eq!(packet.bytes()[8], 63);
    assert_eq!(packet.bytes()[10..12], [0xb9, 0x61]);
}

#[test]
fn a_syn_is_60_bytes_with_the_options_in_linuxs_order() {
    let packet = syn();
    assert_eq!(packet.network_len(), 60);
    let layers = dissect(&packet);
    let names: Vec<&str> = layers[1].fields.iter().map(|field| field.name).collect();
    assert_eq!(names[names.len() - 4..], ["mss", "sack", "timestamps", "window scale"]);
    assert!(packet.checksums_valid());
}

#[test]
fn a_flipped_bit_is_found_by_a_checksum() {
    for at in [8, 15, 25, 59] {
        let mut bytes = syn().bytes().to_vec();
        bytes[at] ^= 1;
        assert!(!Packet::ip(bytes).checksums_valid(), "byte {at}");
    }
}

#[test]
fn a_datagram_and_an_echo_read_back_as_they_were_built() {
    let datagram = udp(IP, 5000, 53, b"hello");
    assert!(matches!(datagram.transport(), Some(Transport::Udp(udp)) if udp.payload_len == 5 && udp.dport == 53));
    let echo = icmp_echo(IP, false, 9, 1, &[0; 56]);
    assert_eq!(echo.network_len(), 84);
    assert!(datagram.checksums_valid() && echo.checksums_valid());
}

#[test]
fn a_tunnel_changes_what_the_layers_in_front_of_it_are_for() {
    let inner = syn().with_ethernet(mac(1), mac(2), super::ETHERTYPE_IPV4);
    let payload = [&VxlanHeader { vni: 1 }.to_bytes()[..], inner.bytes()].concat();
    let outer = udp(IpSpec { df: false, ..IP }, 50000, 8472, &payload);
    let roles: Vec<Role> = dissect(&outer).iter().map(|layer| layer.role).collect();
    assert_eq!(roles, [Role::OuterIp, Role::OuterUdp, Role::Tunnel, Role::InnerLink, Role::Ip, Role::Transport]);
    let changes = diff(&inner, &outer);
    let added = changes.iter().filter(|change| matches!(change, LayerChange::Added(_))).count();
    let same = changes.iter().filter(|change| matches!(change, LayerChange::Same(_))).count();
    assert_eq!((added, same), (3, 3));
}

/// `inner` in a frame in VXLAN, from node to node.
fn in_vxlan(inner: &Packet, port: u16) -> Packet {
    let frame = inner.with_ethernet(mac(1), mac(2), super::ETHERTYPE_IPV4);
    let payload = [&VxlanHeader { vni: 1 }.to_bytes()[..], frame.bytes()].concat();
    udp(IpSpec { df: false, ..IP }, 50000, port, &payload)
}

#[test]
fn ip_in_ip_is_one_header_of_20_bytes_with_protocol_4() {
    let outer = IpSpec { src: [192, 0, 2, 1].into(), dst: [192, 0, 2, 2].into(), ttl: 63, df: true, id: 7, tos: 0 };
    let packet = ipip(outer, &syn());
    // 4500 + 0050 + 0007 + 4000 + 3f04 + c000 + 0201 + c000 + 0202 = 2485e, with the carry 4860: so b79f.
    assert_eq!(packet.bytes()[..12], [0x45, 0, 0, 80, 0, 7, 0x40, 0, 63, 4, 0xb7, 0x9f]);
    assert_eq!(packet.bytes()[20..], *syn().bytes());
    let roles: Vec<Role> = dissect(&packet).iter().map(|layer| layer.role).collect();
    assert_eq!(roles, [Role::OuterIp, Role::Ip, Role::Transport]);
    assert!(packet.checksums_valid());
    let changes = diff(&syn(), &packet);
    assert!(matches!(&changes[0], LayerChange::Added(layer) if layer.role == Role::OuterIp));
    assert_eq!(changes.len(), 3);
}

#[test]
fn geneve_and_its_options_are_layers_of_their_own() {
    let options = vec![0x01, 0x4b, 0x01, 0x01, 10, 0, 0, 1];
    let header = GeneveHeader { vni: 5, options }.to_bytes();
    let frame = syn().with_ethernet(mac(1), mac(2), super::ETHERTYPE_IPV4);
    let packet = udp_without_checksum(IP, 50000, 6081, &[&header, frame.bytes()].concat());
    let layers = dissect(&packet);
    let lengths: Vec<(&str, usize)> = layers.iter().map(|layer| (layer.name, layer.range.len())).collect();
    let expected = [("IP", 20), ("UDP", 8), ("GENEVE", 8), ("GENEVE-OPT", 8), ("ETH", 14), ("IP", 20), ("TCP", 40)];
    assert_eq!(lengths, expected);
    let fields: Vec<String> = layers[3].fields.iter().map(|field| format!("{} {}", field.name, field.value)).collect();
    assert_eq!(fields, ["class 0x014b", "type 0x01", "data 0x0a000001"]);
    assert_eq!((layers[0].role, layers[4].role), (Role::OuterIp, Role::InnerLink));
    assert!(packet.checksums_valid());
}

#[test]
fn a_tunnel_in_a_tunnel_is_read_to_the_bottom() {
    let pod = syn();
    let machine = in_vxlan(&pod, 8472);
    let wire = in_vxlan(&machine, 4789);
    let roles: Vec<Role> = dissect(&wire).iter().map(|layer| layer.role).collect();
    let envelope = [Role::OuterIp, Role::OuterUdp, Role::Tunnel, Role::InnerLink];
    assert_eq!(roles, [&envelope[..], &envelope, &[Role::Ip, Role::Transport]].concat());
    assert!(wire.checksums_valid());
    let mut broken = wire.bytes().to_vec();
    *broken.last_mut().expect("bytes") ^= 1;
    // Three checksums cover the last byte: the segment's own and those of both datagrams.
    let bad = dissect(&Packet::ip(broken)).iter().flat_map(|layer| &layer.fields).filter(|field| field.bad).count();
    assert_eq!(bad, 3);
    let added = diff(&machine, &wire).iter().filter(|change| matches!(change, LayerChange::Added(_))).count();
    assert_eq!(added, 4);
}

#[test]
fn a_diff_names_the_fields_that_forwarding_changes() {
    let before = syn();
    let mut after = before.clone();
    after.decrement_ttl();
    let changes = diff(&before, &after);
    let LayerChange::Changed { fields, .. } = &changes[0] else { panic!("the IP header changed: {changes:?}") };
    let names: Vec<&str> = fields.iter().map(|change| change.new.name).collect();
    assert_eq!(names, ["ttl", "checksum"]);
    assert!(matches!(changes[1], LayerChange::Same(_)));
}

#[test]
fn a_line_reads_like_tcpdumps() {
    assert_eq!(
        one_line(&syn()),
        "IP 10.244.0.2.40000 > 10.244.1.2.8080: Flags [S], seq 1, win 64860, options [mss 1410,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0"
    );
    let request = arp(ArpSpec {
        op: ArpOp::Request,
        sender_mac: mac(1),
        sender_ip: IpAddr::V4(CLIENT),
        target_mac: MacAddr::ZERO,
        target_ip: IpAddr::V4(SERVER),
    });
    assert_eq!(one_line(&request), "ARP, Request who-has 10.244.1.2 tell 10.244.0.2, length 28");
    assert_eq!(
        one_line(&icmp_echo(IP, true, 9, 1, &[0; 56])),
        "IP 10.244.0.2 > 10.244.1.2: ICMP echo reply, id 9, seq 1, length 64"
    );
    let inner = one_line(&syn());
    assert_eq!(one_line(&ipip(IP, &syn())), format!("IP 10.244.0.2 > 10.244.1.2: {inner}"));
    let geneve = |options| {
        let frame = syn().with_ethernet(mac(1), mac(2), super::ETHERTYPE_IPV4);
        let header = GeneveHeader { vni: 26, options }.to_bytes();
        one_line(&udp(IP, 50000, 6081, &[&header, frame.bytes()].concat()))
    };
    let begin = "IP 10.244.0.2.50000 > 10.244.1.2.6081: Geneve, Flags [none], vni 0x1a";
    assert_eq!(geneve(Vec::new()), format!("{begin}: {inner}"));
    assert_eq!(geneve(vec![1, 0x4b, 1, 1, 0, 0, 0, 0]), format!("{begin}, options [8 bytes]: {inner}"));
}
