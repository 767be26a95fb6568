//! Ethernet addresses.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// An Ethernet (EUI-48) address; prints as Linux prints it, `02:42:ac:11:00:02`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// `ff:ff:ff:ff:ff:ff`: every station of the segment.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// `00:00:00:00:00:00`: what loopback frames carry, and the unknown address of an ARP request.
    pub const ZERO: Self = Self([0; 6]);

    /// The address of a device that Linux would have given a random one: locally administered, unicast,
    /// and a function of `label` alone, so that it stays the same whatever else the lab holds.
    #[must_use]
    pub fn of(label: &str) -> Self {
        let hash = Sha256::digest(label.as_bytes());
        let mut bytes = [0; 6];
        bytes.copy_from_slice(&hash[..6]);
        bytes[0] = (bytes[0] & 0xfc) | 0x02;
        Self(bytes)
    }

    /// Whether the group bit is set: broadcast and multicast.
    #[must_use]
    pub fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::MacAddr;

    #[test]
    fn a_made_up_address_is_unicast_and_locally_administered() {
        for label in ["node/a:eth0", "pod/default/web:eth0", "x"] {
            let mac = MacAddr::of(label);
            assert!(!mac.is_multicast(), "{mac}");
            assert_eq!(mac.0[0] & 2, 2, "{mac}");
        }
    }
}
