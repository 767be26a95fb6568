//! Which tunnel's header stands in a UDP datagram, judging by its port as every capture tool does.

use super::{GeneveHeader, Packet, Transport, VXLAN_HEADER_LEN, VxlanHeader};

/// UDP ports behind which a VXLAN header is expected: IANA's and Linux's.
const VXLAN_PORTS: [u16; 2] = [4789, 8472];
/// The port behind which a Geneve header is expected.
const GENEVE_PORT: u16 = 6081;

/// A tunnel's header in a UDP datagram. A frame follows it.
pub(super) enum UdpTunnel {
    Vxlan(VxlanHeader),
    Geneve(GeneveHeader),
}

impl UdpTunnel {
    /// Reads the header at the front of a datagram's `body`.
    pub(super) fn read(dport: u16, body: &[u8]) -> Option<Self> {
        match dport {
            GENEVE_PORT => GeneveHeader::from_slice(body).map(Self::Geneve),
            _ if VXLAN_PORTS.contains(&dport) => VxlanHeader::from_slice(body).map(Self::Vxlan),
            _ => None,
        }
    }

    /// Bytes of the header.
    pub(super) fn header_len(&self) -> usize {
        match self {
            Self::Vxlan(_) => VXLAN_HEADER_LEN,
            Self::Geneve(geneve) => geneve.header_len(),
        }
    }
}

/// IP in IP's protocol number.
const IPIP: u8 = 4;
/// Bytes of a UDP header.
const UDP_HEADER_LEN: usize = 8;

impl Packet {
    /// What is inside, if the packet is a tunnel's envelope.
    #[must_use]
    pub fn tunnelled(&self) -> Option<Self> {
        match self.transport()? {
            Transport::Udp(udp) => {
                let body = self.ip_payload().get(UDP_HEADER_LEN..)?;
                let header = UdpTunnel::read(udp.dport, body)?;
                Some(Self::frame(body.get(header.header_len()..)?.to_vec()))
            }
            Transport::Other(IPIP) => Some(Self::ip(self.ip_payload().to_vec())),
            _ => None,
        }
    }
}
