//! One packet in one line, the way `tcpdump -n` prints it.

use std::fmt::Write as _;

use super::{ArpOp, DnsMessage, Icmp, IcmpError, Packet, Rcode, Tcp, Transport, udp_tunnel::UdpTunnel};

/// `packet` in one line: `IP 10.244.0.2.40000 > 10.244.1.2.8080: Flags [S], seq 1, win 64860, length 0`.
#[must_use]
pub fn one_line(packet: &Packet) -> String {
    if let Some(arp) = packet.arp() {
        return match arp.op {
            ArpOp::Request => format!("ARP, Request who-has {} tell {}, length 28", arp.target_ip, arp.sender_ip),
            ArpOp::Reply => format!("ARP, Reply {} is-at {}, length 28", arp.sender_ip, arp.sender_mac),
        };
    }
    let (Some(ip), Some(transport)) = (packet.ip_header(), packet.transport()) else {
        return format!("unknown, length {}", packet.bytes().len());
    };
    if ip.offset > 0 {
        let more = if ip.mf { "+" } else { "" };
        return format!(
            "IP {} > {}: fragment at {}{more}, length {}",
            ip.src,
            ip.dst,
            ip.offset,
            packet.ip_payload().len()
        );
    }
    let mut line = String::new();
    // Writing to a String cannot fail.
    let _ = match transport {
        Transport::Tcp(tcp) => {
            let mut flags = String::new();
            for (set, letter) in [(tcp.syn, 'S'), (tcp.fin, 'F'), (tcp.rst, 'R'), (tcp.psh, 'P'), (tcp.is_ack, '.')] {
                flags.extend(set.then_some(letter));
            }
            let ack = if tcp.is_ack { format!(", ack {}", tcp.ack) } else { String::new() };
            write!(
                line,
                "IP {}.{} > {}.{}: Flags [{flags}], seq {}{ack}, win {}{}, length {}",
                ip.src,
                tcp.sport,
                ip.dst,
                tcp.dport,
                tcp.seq,
                tcp.window,
                tcp_options(&tcp),
                tcp.payload_len
            )
        }
        Transport::Udp(udp) => {
            let body = packet.ip_payload().get(8..).unwrap_or_default();
            let from_to = format!("IP {}.{} > {}.{}", ip.src, udp.sport, ip.dst, udp.dport);
            match UdpTunnel::read(udp.dport, body) {
                Some(tunnel) => {
                    let inner = one_line(&Packet::frame(body[tunnel.header_len()..].to_vec()));
                    write!(line, "{from_to}: {}: {inner}", tunnel_header(&tunnel))
                }
                None => match DnsMessage::carried_by(packet).first() {
                    Some(message) => write!(line, "{from_to}: {} ({})", dns(message), udp.payload_len),
                    None => write!(line, "{from_to}: UDP, length {}", udp.payload_len),
                },
            }
        }
        Transport::Icmp(icmp) => {
            let length = packet.ip_payload().len();
            match icmp {
                Icmp::EchoRequest { id, seq } => {
                    write!(line, "IP {} > {}: ICMP echo request, id {id}, seq {seq}, length {length}", ip.src, ip.dst)
                }
                Icmp::EchoReply { id, seq } => {
                    write!(line, "IP {} > {}: ICMP echo reply, id {id}, seq {seq}, length {length}", ip.src, ip.dst)
                }
                Icmp::Error(error) => {
                    let about = packet.quoted().and_then(|quoted| quoted.ip_header()).map(|ip| ip.dst);
                    let about = about.map(|dst| format!(" about {dst}")).unwrap_or_default();
                    let mtu =
                        if let IcmpError::FragNeeded { mtu } = error { format!(" (mtu {mtu})") } else { String::new() };
                    write!(line, "IP {} > {}: ICMP {}{mtu}{about}, length {length}", ip.src, ip.dst, words(error))
                }
                Icmp::Other { kind, code } => {
                    write!(line, "IP {} > {}: ICMP type {kind} code {code}, length {length}", ip.src, ip.dst)
                }
            }
        }
        Transport::Other(4) => {
            write!(line, "IP {} > {}: {}", ip.src, ip.dst, one_line(&Packet::ip(packet.ip_payload().to_vec())))
        }
        Transport::Other(protocol) => {
            write!(line, "IP {} > {}: ip-proto-{protocol} {}", ip.src, ip.dst, packet.ip_payload().len())
        }
    };
    line
}

/// The header of a tunnel as tcpdump words it.
fn tunnel_header(tunnel: &UdpTunnel) -> String {
    match tunnel {
        UdpTunnel::Vxlan(vxlan) => format!("VXLAN, flags [I] (0x08), vni {}", vxlan.vni),
        UdpTunnel::Geneve(geneve) => {
            let options = match geneve.options.len() {
                0 => String::new(),
                len => format!(", options [{len} bytes]"),
            };
            format!("Geneve, Flags [none], vni 0x{:x}{options}", geneve.vni)
        }
    }
}

/// The error as tcpdump words it.
fn words(error: IcmpError) -> &'static str {
    match error {
        IcmpError::NetUnreach => "net unreachable",
        IcmpError::HostUnreach => "host unreachable",
        IcmpError::PortUnreach => "port unreachable",
        IcmpError::FragNeeded { .. } => "unreachable - need to frag",
        IcmpError::ExcTtl => "time exceeded in-transit",
        IcmpError::ProtUnreach => "protocol unreachable",
        IcmpError::NetAno => "net unreachable - admin prohibited",
        IcmpError::HostAno => "host unreachable - admin prohibited",
        IcmpError::PktFiltered => "unreachable - admin prohibited filter",
    }
}

/// Blocks that arrived besides, or twice.
fn sack(tcp: &Tcp) -> String {
    let blocks: Vec<String> = tcp.sack.iter().flatten().map(|(start, end)| format!("{{{start}:{end}}}")).collect();
    if blocks.is_empty() { String::new() } else { format!(",nop,nop,sack {} {}", blocks.len(), blocks.concat()) }
}

/// The options of a segment, in the order in which Linux writes them.
/// `59551+ A? web.`, and what answers it: `59551* 1/0/0 A 10.96.0.1`. Models ns_print.
fn dns(message: &DnsMessage) -> String {
    let sign = |is_set: bool, sign: &'static str| if is_set { sign } else { "" };
    let flags = message.flags;
    if !flags.response {
        let asked: Vec<String> = message.questions.iter().map(|it| format!("{}? {}", it.qtype, it.name)).collect();
        let edns = sign(!message.additionals.is_empty(), " [1au]");
        return format!("{}{}{edns} {}", message.id, sign(flags.recursion_desired, "+"), asked.join(", "));
    }
    let rcode = match message.rcode {
        Rcode::NOERROR => String::new(),
        Rcode::NXDOMAIN => " NXDomain".to_owned(),
        Rcode::SERVFAIL => " ServFail".to_owned(),
        Rcode::REFUSED => " Refused".to_owned(),
        other => format!(" {other}"),
    };
    let signs = [
        sign(flags.authoritative, "*"),
        sign(!flags.recursion_available, "-"),
        sign(flags.truncated, "|"),
        sign(flags.authentic_data, "$"),
    ];
    let answers: Vec<String> = message.answers.iter().map(|it| format!("{} {}", it.record_type(), it.data)).collect();
    let counts = [&message.answers, &message.authorities, &message.additionals].map(Vec::len);
    let [answered, authorities, additionals] = counts;
    format!("{}{rcode}{} {answered}/{authorities}/{additionals} {}", message.id, signs.concat(), answers.join(", "))
        .trim_end()
        .to_owned()
}

fn tcp_options(tcp: &Tcp) -> String {
    let timestamps = tcp.timestamps.map(|(val, ecr)| format!("TS val {val} ecr {ecr}"));
    match (tcp.mss, timestamps, tcp.window_scale) {
        (Some(mss), Some(timestamps), Some(scale)) => {
            format!(", options [mss {mss},sackOK,{timestamps},nop,wscale {scale}]")
        }
        (None, Some(timestamps), _) => format!(", options [nop,nop,{timestamps}{}]", sack(tcp)),
        _ => String::new(),
    }
}
