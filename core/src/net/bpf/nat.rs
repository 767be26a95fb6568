//! `cilium_snat_v4_external`: sources that were replaced, and what their answers are to be changed back to.

use std::fmt;
use std::net::IpAddr;

use super::{BpfRow, BpfTuple, CtDirection};
use crate::wire::End;

/// A replacement (`struct ipv4_nat_entry`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnatRow {
    /// Key: the packet as it comes.
    pub tuple: BpfTuple,
    /// What the end becomes.
    pub to: (IpAddr, u16),
}

impl SnatRow {
    /// The end that is replaced: the source on the way out, the destination on the way back.
    #[must_use]
    pub fn end(&self) -> End {
        if self.tuple.direction == CtDirection::In { End::Destination } else { End::Source }
    }
}

impl BpfRow for SnatRow {
    type Key = BpfTuple;
    const COMMAND: &'static str = "cilium bpf nat list";
    const HEADING: &'static [&'static str] = &[];

    fn key(&self) -> BpfTuple {
        self.tuple
    }
}

impl fmt::Display for SnatRow {
    /// As `cilium bpf nat list` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.end() {
            End::Source => "SRC",
            End::Destination => "DST",
        };
        write!(f, "{} XLATE_{end} {}:{} Created=0sec ago NeedsCT=1", self.tuple, self.to.0, self.to.1)
    }
}
