//! A packet on its way through a kernel.

use std::net::IpAddr;

use super::DevRef;
use crate::base::MacAddr;
use crate::netfilter::CtState;
use crate::trace::JourneyId;
use crate::wire::Packet;

/// What the kernel carries along with a packet's bytes (`struct sk_buff`).
#[derive(Clone, Debug)]
pub struct Skb {
    /// The bytes.
    pub packet: Packet,
    /// Which packet of the run this is. A tunnel's outer packet is still the same one.
    pub journey: JourneyId,
    /// Whether the bytes are a tunnel's envelope around the packet.
    pub outer: bool,
    /// Of a packet that was put together from pieces on its way: the length of the largest, to which it is cut again.
    pub frag_max_size: Option<usize>,
    /// The mark that rules have set. It stays with the packet on this machine, also into a tunnel, and nowhere else.
    pub mark: u32,
    /// Its connection, once connection tracking has seen it.
    pub ct: CtState,
    /// Whether IPVS has had it already (`ipvs_property`).
    pub ipvs: bool,
    /// The bridge port that it came in by, if br_netfilter showed it to PREROUTING there (`nf_bridge_info`).
    pub physin: Option<DevRef>,
    /// The source address of the frame that it came in by there.
    pub physin_src: Option<MacAddr>,
    /// The source address of a frame whose IP destination was translated at a bridge port, while the bridge asks for the
    /// new destination's link address (`nf_bridge->neigh_header`).
    pub bridged_from: Option<MacAddr>,
    /// Where a tunnel that asks the packet is to send it, or where a tunnel got it from.
    pub tunnel_key: Option<TunnelKey>,
}

/// What a packet tells a tunnel device that has no remote of its own (`struct ip_tunnel_key`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelKey {
    /// The other end.
    pub remote: IpAddr,
    /// Network identifier; nothing to IP in IP.
    pub vni: u32,
    /// No checksum in the outer UDP header (`BPF_F_ZERO_CSUM_TX`).
    pub zero_checksum: bool,
}

impl Skb {
    /// A packet that is in no tunnel.
    #[must_use]
    pub fn new(packet: Packet, journey: JourneyId) -> Self {
        Self {
            packet,
            journey,
            outer: false,
            frag_max_size: None,
            mark: 0,
            ct: CtState::None,
            ipvs: false,
            physin: None,
            physin_src: None,
            bridged_from: None,
            tunnel_key: None,
        }
    }

    /// What is left of what a kernel carries along when the packet goes to another network namespace.
    ///
    /// Models net/core/skbuff.c skb_scrub_packet.
    #[must_use]
    pub fn scrubbed(self) -> Self {
        Self { outer: self.outer, ..Self::new(self.packet, self.journey) }
    }
}
