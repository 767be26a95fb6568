//! Every capture that is exported can be read by a stranger. `cargo xtask test tshark` installs it.

use kubehop_core::base::Instant;
use kubehop_core::wire::{
    BgpMessage, BgpUpdate, CapturedFrame, DnsMessage, DnsName, DnsRecord, Edns, GeneveHeader, IpSpec, LinkType, Packet,
    Question, RData, RecordType, Soa, TcpFlags, TcpOptions, TcpSpec, ipip, tcp, udp, write_pcapng,
};
use kubehop_tests::scenario;
use kubehop_tests::tshark::{faulty_frames, matching_frames};

fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
    let ip = IpSpec { src: [10, 244, 0, 2].into(), dst: [10, 244, 1, 2].into(), ttl: 64, df: true, id: 7, tos: 0 };
    udp(ip, 40000, port, payload).bytes().to_vec()
}

/// A datagram as VXLAN carries it: behind a header with VNI 1 and an Ethernet header for IPv4.
fn in_vxlan(datagram: &[u8]) -> Vec<u8> {
    let headers = [&[8, 0, 0, 0, 0, 0, 1, 0][..], &[2; 12], &[8, 0]].concat();
    self::datagram(8472, &[&headers, datagram].concat())
}

/// The same for Geneve, with options.
fn in_geneve(datagram: &[u8], options: &[u8]) -> Vec<u8> {
    let header = GeneveHeader { vni: 5, options: options.to_vec() }.to_bytes();
    self::datagram(6081, &[&header[..], &[2; 12], &[8, 0], datagram].concat())
}

fn in_ip(datagram: &[u8]) -> Vec<u8> {
    let ip = IpSpec { src: [172, 18, 0, 2].into(), dst: [172, 18, 0, 3].into(), ttl: 63, df: true, id: 8, tos: 0 };
    ipip(ip, &Packet::ip(datagram.to_vec())).bytes().to_vec()
}

fn faults(bytes: &[u8]) -> usize {
    let frame = CapturedFrame { interface: "tunl0", link_type: LinkType::Raw, time: Instant::default(), bytes };
    faulty_frames(&write_pcapng([frame].into_iter())).len()
}

#[test]
fn a_good_frame_is_not_faulty_and_one_with_a_flipped_bit_is() {
    let good = datagram(9, b"hello");
    assert_eq!(faults(&good), 0);
    for position in [8, 22, 30] {
        let mut bad = good.clone();
        bad[position] ^= 1;
        assert_eq!(faults(&bad), 1, "byte {position}");
    }
    assert_eq!(faults(&good[..good.len() - 1]), 1);
}

#[test]
fn the_frame_inside_vxlan_is_judged_too() {
    assert_eq!(faults(&in_vxlan(&datagram(9, b"hello"))), 0);
    let mut bad = datagram(9, b"hello");
    bad[30] ^= 1;
    assert_eq!(faults(&in_vxlan(&bad)), 1);
}

#[test]
fn frames_of_every_tunnel_and_of_tunnels_in_tunnels_are_read_to_the_bottom() {
    let (good, mut bad) = (datagram(9, b"hello"), datagram(9, b"hello"));
    bad[30] ^= 1;
    // Class, type, length in words, and the words.
    let options = [0x01, 0x4b, 0x01, 0x01, 10, 0, 0, 1];
    type Wrap<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let wraps: [(&str, Wrap<'_>); 6] = [
        ("IP in IP", &|inner| in_ip(inner)),
        ("Geneve", &|inner| in_geneve(inner, &[])),
        ("Geneve with options", &|inner| in_geneve(inner, &options)),
        ("VXLAN in VXLAN", &|inner| in_vxlan(&in_vxlan(inner))),
        ("Geneve in IP in IP", &|inner| in_ip(&in_geneve(inner, &options))),
        ("IP in IP in VXLAN", &|inner| in_vxlan(&in_ip(inner))),
    ];
    for (name, wrap) in wraps {
        assert_eq!((faults(&wrap(&good)), faults(&wrap(&bad))), (0, 1), "{name}");
    }
}

#[test]
fn no_exported_capture_has_a_faulty_frame() {
    let mut faulty = Vec::new();
    for scenario in scenario::all() {
        let (trace, _) = scenario.trace().unwrap_or_else(|problem| panic!("{}: {problem}", scenario.name));
        let frames = faulty_frames(&trace.to_pcapng());
        faulty.extend(frames.iter().map(|frame| format!("{}: {frame}", scenario.name)));
    }
    assert!(faulty.is_empty(), "\n{}\n", faulty.join("\n"));
}

#[test]
fn bgp_messages_say_to_a_stranger_what_they_say_to_us() {
    let update = BgpUpdate {
        withdrawn: vec!["10.244.3.0/24".parse().expect("a network")],
        as_path: vec![65001, 4_200_000_001],
        next_hop: Some([172, 18, 0, 1].into()),
        announced: vec!["10.244.0.0/24".parse().expect("a network"), "10.128.0.0/9".parse().expect("a network")],
    };
    let messages = [
        BgpMessage::Open { asn: 4_200_000_001, hold_time_secs: 90, id: [172, 18, 0, 2].into() },
        BgpMessage::Keepalive,
        BgpMessage::Update(update),
        BgpMessage::Update(BgpUpdate::default()),
        BgpMessage::Update(BgpUpdate {
            withdrawn: vec!["10.244.7.0/24".parse().expect("a network")],
            ..BgpUpdate::default()
        }),
        BgpMessage::Notification { code: 6, subcode: 2 },
    ];
    let payload: Vec<u8> = messages.iter().flat_map(|message| message.to_bytes().expect("a message")).collect();
    let ip = IpSpec { src: [172, 18, 0, 2].into(), dst: [172, 18, 0, 1].into(), ttl: 1, df: true, id: 7, tos: 0xc0 };
    let flags = TcpFlags { ack: true, psh: true, ..TcpFlags::default() };
    let options = TcpOptions::Timestamps(1, 1);
    let spec = TcpSpec { sport: 40000, dport: 179, seq: 1, ack: 1, flags, window: 502, options };
    let packet = tcp(ip, spec, &payload);
    let frame =
        CapturedFrame { interface: "tunl0", link_type: LinkType::Raw, time: Instant::default(), bytes: packet.bytes() };
    let capture = write_pcapng([frame].into_iter());
    assert_eq!(faulty_frames(&capture), Vec::<String>::new());
    for expected in [
        "bgp.cap.4as == 4200000001 and bgp.open.holdtime == 90 and bgp.open.identifier == 172.18.0.2",
        "bgp.type == 4 and bgp.notify.major_error == 6 and bgp.notify.minor_error_cease == 2",
        "bgp.withdrawn_prefix == 10.244.7.0",
        "bgp.withdrawn_prefix == 10.244.3.0 and bgp.update.path_attribute.next_hop == 172.18.0.1",
        "bgp.nlri_prefix == 10.244.0.0 and bgp.nlri_prefix == 10.128.0.0",
        "bgp.update.path_attribute.as_path_segment.as4 == 4200000001",
    ] {
        assert_eq!(matching_frames(&capture, expected).len(), 1, "{expected}");
    }
}

#[test]
fn dns_messages_say_to_a_stranger_what_they_say_to_us() {
    let name = |text: &str| text.parse::<DnsName>().expect("a name");
    let owner = name("web.Shop.svc.cluster.local.");
    let srv = RData::Srv { priority: 0, weight: 50, port: 80, target: name("a.web.shop.svc.cluster.local.") };
    let soa = RData::Soa(Soa {
        mname: name("ns.dns.cluster.local."),
        rname: name("hostmaster.cluster.local."),
        serial: 3,
        refresh: 7200,
        retry: 1800,
        expire: 86400,
        minimum: 30,
    });
    for compress in [false, true] {
        let mut message = DnsMessage::query(7, Question::new(owner.clone(), RecordType::SRV)).reply();
        message.flags.authoritative = true;
        message.compress = compress;
        for data in [
            srv.clone(),
            RData::A([10, 96, 0, 1].into()),
            RData::Aaaa("fd00::1".parse().expect("an address")),
            RData::Cname(name("web.example.")),
            RData::Ptr(name("x.cluster.local.")),
            RData::Mx { preference: 10, exchange: name("mail.cluster.local.") },
            RData::Txt(vec![b"1.1.0".to_vec()]),
            RData::Hinfo { cpu: b"x".to_vec(), os: b"y".to_vec() },
        ] {
            message.answers.push(DnsRecord::new(owner.clone(), 30, data));
        }
        message.authorities.push(DnsRecord::new(name("cluster.local."), 30, soa.clone()));
        message.authorities.push(DnsRecord::new(name("cluster.local."), 30, RData::Ns(name("ns.dns.cluster.local."))));
        message.additionals.push(DnsRecord::address(name("a.web.shop.svc.cluster.local."), 30, [10, 0, 0, 9].into()));
        message.set_edns(Edns { udp_size: 1232, version: 0, dnssec_ok: true });
        let bytes = datagram(53, &message.to_bytes().expect("a message"));
        let frame =
            CapturedFrame { interface: "eth0", link_type: LinkType::Raw, time: Instant::default(), bytes: &bytes };
        let capture = write_pcapng([frame].into_iter());
        assert_eq!(faulty_frames(&capture), Vec::<String>::new());
        for expected in [
            "dns.id == 7 and dns.flags.authoritative == 1 and dns.flags.recdesired == 1 and dns.flags.rcode == 0",
            "dns.qry.name == \"web.Shop.svc.cluster.local\" and dns.qry.type == 33",
            "dns.count.answers == 8 and dns.count.auth_rr == 2 and dns.count.add_rr == 2",
            "dns.srv.target == \"a.web.shop.svc.cluster.local\" and dns.srv.port == 80 and dns.srv.weight == 50",
            "dns.a == 10.96.0.1 and dns.aaaa == fd00::1 and dns.cname == \"web.example\"",
            "dns.ptr.domain_name == \"x.cluster.local\" and dns.mx.mail_exchange == \"mail.cluster.local\"",
            "dns.txt == \"1.1.0\" and dns.ns == \"ns.dns.cluster.local\"",
            "dns.soa.mname == \"ns.dns.cluster.local\" and dns.soa.minimum_ttl == 30",
            "dns.rr.udp_payload_size == 1232 and dns.a == 10.0.0.9",
        ] {
            assert_eq!(matching_frames(&capture, expected).len(), 1, "{compress}: {expected}");
        }
    }
}
