//! A packet on its way through a kernel.

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
    /// `skb->mark`: what rules of netfilter have written on it.
    pub mark: u32,
    /// Of a packet that was put together from pieces on its way: the length of the largest, to which it is cut again.
    pub frag_max_size: Option<usize>,
}

impl Skb {
    /// A packet that is in no tunnel.
    #[must_use]
    pub fn new(packet: Packet, journey: JourneyId) -> Self {
        Self { packet, journey, outer: false, mark: 0, frag_max_size: None }
    }
}
