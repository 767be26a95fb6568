//! What is written is read back, and nothing is a panic.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

use super::{
    DnsFlags, DnsMessage, DnsName, DnsNameError, DnsReadError, DnsRecord, Edns, Question, RData, Rcode, RecordType, Soa,
};

fn name(text: &str) -> DnsName {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Few labels, so that names share their ends.
fn names() -> impl Strategy<Value = DnsName> {
    let label = prop_oneof![Just("a"), Just("A"), Just("svc"), Just("cluster"), Just("local"), Just("x.y \u{1}")];
    vec(label, 0..6).prop_map(|labels| DnsName::from_labels(labels).expect("a short name"))
}

fn data() -> impl Strategy<Value = RData> {
    let string = || vec(any::<u8>(), 0..8);
    prop_oneof![
        any::<u32>().prop_map(|bits| RData::A(Ipv4Addr::from(bits))),
        any::<u128>().prop_map(|bits| RData::Aaaa(Ipv6Addr::from(bits))),
        names().prop_map(RData::Cname),
        names().prop_map(RData::Ns),
        names().prop_map(RData::Ptr),
        (names(), names(), any::<u32>()).prop_map(|(mname, rname, serial)| RData::Soa(soa(mname, rname, serial))),
        (any::<u16>(), names()).prop_map(|(preference, exchange)| RData::Mx { preference, exchange }),
        (any::<u16>(), names()).prop_map(|(port, target)| RData::Srv { priority: 0, weight: 50, port, target }),
        vec(string(), 1..4).prop_map(RData::Txt),
        (string(), string()).prop_map(|(cpu, os)| RData::Hinfo { cpu, os }),
        string().prop_map(|bytes| RData::Unknown(RecordType::HTTPS, bytes)),
    ]
}

fn soa(mname: DnsName, rname: DnsName, serial: u32) -> Soa {
    Soa { mname, rname, serial, refresh: 7200, retry: 1800, expire: 86400, minimum: 30 }
}

fn messages() -> impl Strategy<Value = DnsMessage> {
    let record = || (names(), any::<u32>(), data()).prop_map(|(name, ttl, data)| DnsRecord::new(name, ttl, data));
    let sections = (vec(record(), 0..30), vec(record(), 0..3), vec(record(), 0..9));
    (any::<u16>(), any::<u16>(), names(), sections, any::<bool>(), 0..4096_u16).prop_map(
        |(id, bits, name, (answers, authorities, additionals), compress, udp_size)| {
            let mut message = DnsMessage {
                id,
                flags: DnsFlags::from_bits(bits),
                rcode: Rcode(bits & 0xf),
                questions: vec![Question::new(name, RecordType::A)],
                answers,
                authorities,
                additionals,
                compress,
            };
            if udp_size % 2 == 0 {
                message.rcode.0 |= 0x10;
                message.set_edns(Edns { udp_size, version: 0, dnssec_ok: compress });
            }
            message
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(message in messages()) {
        let bytes = message.to_bytes().expect("a message");
        assert_eq!(bytes.len(), message.wire_len().expect("a message"));
        assert_eq!(DnsMessage::from_slice(&bytes), Ok(DnsMessage { compress: false, ..message }));
    }

    #[test]
    fn what_is_cut_fits_and_says_so(message in messages(), size in 0..2000_usize) {
        let mut cut = message.clone();
        cut.truncate(size).expect("a message");
        let bytes = cut.to_bytes().expect("a message");
        assert!(bytes.len() <= size.max(512), "{} of {size}", bytes.len());
        let n_records = |m: &DnsMessage| m.answers.len() + m.authorities.len() + m.additionals.len();
        let is_cut = n_records(&cut) < n_records(&message);
        assert_eq!(cut.flags.truncated, message.flags.truncated || is_cut);
        assert_eq!(cut.edns(), message.edns());
        assert!(message.answers.starts_with(&cut.answers));
    }

    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
        let _ = DnsMessage::from_slice(&bytes);
        let _ = super::fields(&bytes);
    }

    #[test]
    fn a_message_with_a_changed_byte_is_a_message_or_an_error(
        message in messages(), at in any::<usize>(), byte in any::<u8>(),
    ) {
        let mut bytes = message.to_bytes().expect("a message");
        let len = bytes.len();
        bytes[at % len] = byte;
        let _ = DnsMessage::from_slice(&bytes);
        let _ = super::fields(&bytes);
    }

    #[test]
    fn a_name_is_printed_as_it_is_read(name in names()) {
        assert_eq!(name.to_string().parse::<DnsName>(), Ok(name));
    }
}

#[test]
fn names_that_dns_has_no_room_for_are_refused() {
    let long = "a".repeat(64);
    let many = "abcdefghi.".repeat(26);
    for (text, error) in [
        ("a..b", DnsNameError::EmptyLabel),
        (".a", DnsNameError::EmptyLabel),
        (&long, DnsNameError::LongLabel(64)),
        (&many, DnsNameError::TooLong(261)),
        ("a\\", DnsNameError::BadEscape),
        ("a\\999", DnsNameError::BadEscape),
    ] {
        assert_eq!(text.parse::<DnsName>(), Err(error), "{text}");
    }
    assert_eq!(name("bücher.de").to_string(), "b\\195\\188cher.de.");
}

#[test]
fn pointers_in_a_circle_and_half_messages_are_errors() {
    let mut bytes = DnsMessage::query(1, Question::new(name("web.shop."), RecordType::A)).to_bytes().expect("a query");
    for len in 0..bytes.len() {
        let is_header = len == super::DNS_HEADER_LEN;
        assert_eq!(DnsMessage::from_slice(&bytes[..len]).is_ok(), is_header, "{len}");
    }
    bytes[12] = 0xc0;
    bytes[13] = 12;
    assert_eq!(DnsMessage::from_slice(&bytes), Err(DnsReadError::PointerLoop(12)));
    bytes[12] = 0x40;
    assert_eq!(DnsMessage::from_slice(&bytes), Err(DnsReadError::BadLabel(12)));
}

#[test]
fn names_are_compressed_as_miekg_does_it() {
    let owner = name("web.shop.");
    let mut message = DnsMessage::query(7, Question::new(owner.clone(), RecordType::SRV)).reply();
    let srv = RData::Srv { priority: 0, weight: 100, port: 80, target: name("a.web.shop.") };
    message.answers.push(DnsRecord::new(owner, 30, srv));
    message.additionals.push(DnsRecord::address(name("a.web.shop."), 30, [10, 0, 0, 1].into()));
    message.additionals.push(DnsRecord::address(name("A.Web.shop."), 30, [10, 0, 0, 1].into()));
    message.compress = true;
    let bytes = message.to_bytes().expect("a message");
    // The owner is a pointer; the target is none, but it is pointed at.
    assert_eq!(bytes[26..28], [0xc0, 12]);
    assert_eq!(bytes[44..46], [1, b'a']);
    assert_eq!(bytes[56..58], [0xc0, 44]);
    // Other letters are another name, up to where they agree.
    assert_eq!(bytes[72..80], [1, b'A', 3, b'W', b'e', b'b', 0xc0, 16]);
}
