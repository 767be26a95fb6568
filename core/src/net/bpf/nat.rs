//! `cilium_snat_v4_external`: sources that were replaced, and what their answers are to be changed back to.

use std::fmt;
use std::net::IpAddr;

use super::{BpfRow, BpfTuple, CtDirection};

/// Which end of a packet is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnatEnd {
    /// The source, on the way out.
    Src,
    /// The destination, on the way back.
    Dst,
}

/// A replacement (`struct ipv4_nat_entry`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnatRow {
    /// Key: the packet as it comes.
    pub tuple: BpfTuple,
    /// What the end becomes.
    pub to: (IpAddr, u16),
}

impl SnatRow {
    /// The end that is replaced.
    #[must_use]
    pub fn end(&self) -> SnatEnd {
        if self.tuple.direction == CtDirection::In { SnatEnd::Dst } else { SnatEnd::Src }
    }
}

impl BpfRow for SnatRow {
    type Key = BpfTuple;
    const COMMAND: &'static str = "cilium bpf nat list";
    const HEADING: (&'static str, &'static str) = ("", "");

    fn key(&self) -> BpfTuple {
        self.tuple
    }
}

impl fmt::Display for SnatRow {
    /// As `cilium bpf nat list` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.end() {
            SnatEnd::Src => "SRC",
            SnatEnd::Dst => "DST",
        };
        write!(f, "{} XLATE_{end} {}:{} Created=0sec ago NeedsCT=1", self.tuple, self.to.0, self.to.1)
    }
}
