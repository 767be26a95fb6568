//! L1: packet bytes.
//!
//! A [`Packet`] is a byte vector that Wireshark would accept. Views read from it, rewrites repair checksums in it,
//! [`dissect`] names its fields with their byte ranges, [`diff`] compares two packets field by field.

mod bgp;
mod build;
mod diff;
mod dissect;
mod dns;
mod geneve;
mod packet;
mod pcapng;
mod print;
mod rewrite;
#[cfg(test)]
mod tests;
mod udp_tunnel;
mod vxlan;

pub use bgp::{BGP_HEADER_LEN, BGP_PORT, BgpMessage, BgpUpdate};
pub use build::{
    ArpOp, ArpSpec, IcmpError, IpSpec, TcpFlags, TcpOptions, TcpSpec, arp, fragment, icmp_echo, icmp_error, ipip, tcp,
    udp, udp_without_checksum,
};
pub use diff::{FieldChange, LayerChange, diff};
pub use dissect::{Field, Layer, Role, dissect};
pub use dns::{
    CLASS_IN, DNS_HEADER_LEN, DNS_MAX_SIZE, DNS_MIN_SIZE, DNS_PORT, DnsFlags, DnsMessage, DnsName, DnsNameError,
    DnsReadError, DnsRecord, DnsTextError, DnsWriteError, Edns, Labels, Question, RData, Rcode, RecordType, Soa,
};
pub use geneve::{ETHERTYPE_TEB, GENEVE_HEADER_LEN, GeneveHeader};
pub use packet::{EthernetHeader, Icmp, IpHeader, Link, Packet, Tcp, Transport, Udp};
pub use pcapng::{CapturedFrame, LinkType, write_pcapng};
pub use print::one_line;
pub use rewrite::End;
pub use vxlan::{VXLAN_HEADER_LEN, VxlanHeader};

/// Bytes of an Ethernet II header.
pub const ETHERNET_HEADER_LEN: usize = 14;
/// EtherType of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const ETHERTYPE_ARP: u16 = 0x0806;
/// EtherType of IPv6.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;
