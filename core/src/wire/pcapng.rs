//! Captures as pcapng files that Wireshark opens.

use std::borrow::Cow;
use std::io;

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::{DataLink, Endianness, PcapError};

use crate::base::Instant;

/// What a device's frames begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// LINKTYPE_ETHERNET (1).
    Ethernet,
    /// LINKTYPE_RAW (101): the frame begins with an IP header.
    Raw,
}

/// One frame as a capture on one device saw it.
#[derive(Clone, Copy, Debug)]
pub struct CapturedFrame<'a> {
    /// The device: `REF:DEVICE`.
    pub interface: &'a str,
    /// What the frame begins with.
    pub link_type: LinkType,
    /// When it passed.
    pub time: Instant,
    /// All its bytes.
    pub bytes: &'a [u8],
}

/// Writes one section: an interface block per device in the order of their first frames, then the frames as given.
///
/// `if_tsresol` is 9: timestamps are nanoseconds since the client started.
#[must_use]
pub fn write_pcapng<'a>(frames: impl Iterator<Item = CapturedFrame<'a>> + Clone) -> Vec<u8> {
    // Writing to memory fails only if a block cannot be formed, and these are all well-formed.
    try_write(frames).unwrap_or_default()
}

fn try_write<'a>(frames: impl Iterator<Item = CapturedFrame<'a>> + Clone) -> Result<Vec<u8>, PcapError> {
    let mut writer = PcapNgWriter::with_endianness(io::Cursor::new(Vec::new()), Endianness::Little)?;
    let mut interfaces: Vec<&str> = Vec::new();
    for frame in frames.clone() {
        if interfaces.contains(&frame.interface) {
            continue;
        }
        interfaces.push(frame.interface);
        let mut block = InterfaceDescriptionBlock::new(
            match frame.link_type {
                LinkType::Ethernet => DataLink::ETHERNET,
                LinkType::Raw => DataLink::RAW,
            },
            0,
        );
        block.options.push(InterfaceDescriptionOption::IfName(Cow::Borrowed(frame.interface)));
        block.options.push(InterfaceDescriptionOption::IfTsResol(9));
        writer.write_pcapng_block(block)?;
    }
    for frame in frames {
        let id = interfaces.iter().position(|name| *name == frame.interface).unwrap_or_default();
        let len = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        let mut block = EnhancedPacketBlock::default();
        block.interface_id = u32::try_from(id).unwrap_or_default();
        block.timestamp = frame.time.elapsed();
        block.original_len = len;
        block.data = Cow::Borrowed(frame.bytes);
        writer.write_pcapng_block(block)?;
    }
    Ok(writer.into_inner().into_inner())
}
