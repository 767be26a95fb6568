//! The VXLAN header (RFC 7348 section 5).

/// Bytes of a VXLAN header.
pub const VXLAN_HEADER_LEN: usize = 8;

/// A VXLAN header: flags, two reserved fields and the network identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VxlanHeader {
    /// VXLAN network identifier, 24 bits.
    pub vni: u32,
}

impl VxlanHeader {
    /// The I flag: the identifier is valid.
    pub const FLAGS: u8 = 0x08;

    /// The header's bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; VXLAN_HEADER_LEN] {
        let [_, a, b, c] = self.vni.to_be_bytes();
        [Self::FLAGS, 0, 0, 0, a, b, c, 0]
    }

    /// Reads a header from the front of `bytes`; `None` if they are too short or the I flag is not set.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..VXLAN_HEADER_LEN)?;
        (header[0] & Self::FLAGS != 0).then(|| Self { vni: u32::from_be_bytes([0, header[4], header[5], header[6]]) })
    }
}

#[cfg(test)]
mod tests {
    use super::VxlanHeader;

    #[test]
    fn a_header_has_the_layout_of_the_rfc() {
        assert_eq!(VxlanHeader { vni: 0x01_02_03 }.to_bytes(), [0x08, 0, 0, 0, 1, 2, 3, 0]);
        assert_eq!(VxlanHeader::from_slice(&[0x08, 0, 0, 0, 1, 2, 3, 0, 0xff]), Some(VxlanHeader { vni: 0x01_02_03 }));
    }

    #[test]
    fn a_short_header_or_one_without_the_i_flag_is_none() {
        assert_eq!(VxlanHeader::from_slice(&[0x08, 0, 0, 0, 0, 0, 1]), None);
        assert_eq!(VxlanHeader::from_slice(&[0; 8]), None);
    }
}
