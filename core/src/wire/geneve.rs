//! The Geneve header (RFC 8926 section 3.4) and its options (section 3.5).

/// Bytes of a Geneve header without options.
pub const GENEVE_HEADER_LEN: usize = 8;
/// What a Geneve packet carries when it carries Ethernet frames: Transparent Ethernet Bridging.
pub const ETHERTYPE_TEB: u16 = 0x6558;

/// A Geneve header: version 0, no flags, frames inside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GeneveHeader {
    /// Virtual network identifier, 24 bits.
    pub vni: u32,
    /// The options, as they stand in the header: a multiple of 4 bytes, 252 at most.
    pub options: Vec<u8>,
}

impl GeneveHeader {
    /// The largest options that the header's length field can state.
    pub const MAX_OPTIONS_LEN: usize = 63 * 4;

    /// Bytes of header and options.
    #[must_use]
    pub fn header_len(&self) -> usize {
        GENEVE_HEADER_LEN + self.options_len()
    }

    /// The header's bytes. Options are filled up to a multiple of four bytes, and what cannot be stated is left out.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let [_, a, b, c] = self.vni.to_be_bytes();
        let [high, low] = ETHERTYPE_TEB.to_be_bytes();
        // At most 63 words, which fit the six bits of the field.
        let words = (self.options_len() / 4) as u8;
        let mut bytes = vec![words, 0, high, low, a, b, c, 0];
        bytes.extend_from_slice(&self.options[..self.options.len().min(Self::MAX_OPTIONS_LEN)]);
        bytes.resize(self.header_len(), 0);
        bytes
    }

    /// Reads a header from the front of `bytes`; `None` if they are too short, or no frame of version 0 follows.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..GENEVE_HEADER_LEN)?;
        if header[0] >> 6 != 0 || u16::from_be_bytes([header[2], header[3]]) != ETHERTYPE_TEB {
            return None;
        }
        let options_len = usize::from(header[0] & 0x3f) * 4;
        Some(Self {
            vni: u32::from_be_bytes([0, header[4], header[5], header[6]]),
            options: bytes.get(GENEVE_HEADER_LEN..GENEVE_HEADER_LEN + options_len)?.to_vec(),
        })
    }

    fn options_len(&self) -> usize {
        self.options.len().next_multiple_of(4).min(Self::MAX_OPTIONS_LEN)
    }
}

#[cfg(test)]
mod tests {
    use super::GeneveHeader;

    #[test]
    fn a_header_has_the_layout_of_the_rfc() {
        // Version 0, no options; no flags; 0x6558; the identifier; reserved.
        let plain = GeneveHeader { vni: 0x01_02_03, options: Vec::new() };
        assert_eq!(plain.to_bytes(), [0, 0, 0x65, 0x58, 1, 2, 3, 0]);
        assert_eq!(GeneveHeader::from_slice(&[0, 0, 0x65, 0x58, 1, 2, 3, 0, 0xff]), Some(plain));
    }

    #[test]
    fn options_count_in_words_of_four_bytes() {
        // One option: class 0x014b, type 1, length 2 words, eight bytes of data. Three words in all.
        let option = [0x01, 0x4b, 0x01, 0x02, 1, 2, 3, 4, 5, 6, 7, 8];
        let header = GeneveHeader { vni: 7, options: option.to_vec() };
        let bytes = [&[3, 0, 0x65, 0x58, 0, 0, 7, 0][..], &option].concat();
        assert_eq!((header.to_bytes(), header.header_len()), (bytes.clone(), 20));
        assert_eq!(GeneveHeader::from_slice(&bytes), Some(header));
        let odd = GeneveHeader { vni: 7, options: vec![1; 5] };
        assert_eq!((odd.to_bytes().len(), odd.to_bytes()[0]), (16, 2));
    }

    #[test]
    fn another_version_another_payload_or_cut_options_are_none() {
        assert_eq!(GeneveHeader::from_slice(&[0x40, 0, 0x65, 0x58, 0, 0, 7, 0]), None);
        assert_eq!(GeneveHeader::from_slice(&[0, 0, 0x08, 0x00, 0, 0, 7, 0]), None);
        assert_eq!(GeneveHeader::from_slice(&[1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2]), None);
        assert_eq!(GeneveHeader::from_slice(&[0; 7]), None);
    }
}
