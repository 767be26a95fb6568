//! `fabric`: what is between the machines.

use ipnet::IpNet;

use crate::base::{Place, Span};
use crate::net::{Direction, FrameMatch};

/// `Lab.spec.fabric`. Nothing stated: a switch for every subnet, and one router that joins them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FabricSpec {
    /// `racks`.
    pub racks: Vec<RackSpec>,
    /// `filters`.
    pub filters: Vec<FilterSpec>,
    /// `nested`, if the document has that section.
    pub nested: Option<NestedSpec>,
    /// `bgp.down`: nodes that have lost their BGP sessions.
    pub bgp_down: Vec<String>,
}

/// A rack: a subnet of its own behind a top-of-rack router of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RackSpec {
    /// `name`, which is its router's: `router/NAME`.
    pub name: String,
    /// `asn`: the router's autonomous system.
    pub asn: u32,
    /// `nodes`.
    pub nodes: Vec<String>,
    /// `subnet`, a /24; filled in if the file states none.
    pub subnet: Option<IpNet>,
    /// Where its name stands.
    pub span: Span,
}

/// Something that the fabric lets not through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterSpec {
    /// `at`.
    pub site: FilterSite,
    /// `direction`, seen from `at`; `None` for both.
    pub direction: Option<Direction>,
    /// Which packets.
    pub matches: FrameMatch,
    /// `count`: how many are dropped, the first ones; `None` for all.
    pub count: Option<u32>,
    /// Where it stands.
    pub span: Span,
}

/// Where a filter is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterSite {
    /// On every wire.
    Everywhere,
    /// On the wires of a subnet.
    Subnet(IpNet),
    /// At the NICs of a machine.
    Machine(Place),
}

/// `nested`: the nodes are virtual machines, and their network is a VXLAN between hypervisors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NestedSpec {
    /// `vni` of the first subnet; each further subnet has the next.
    pub vni: u32,
    /// `mtu` of the hypervisors' NICs, bytes. `underlay.mtu` is the virtual machines'.
    pub mtu: usize,
}
