//! L4: network namespaces and all they own, and the wires between them.
//!
//! Tables only: rows are written here by the control plane and by the kernel's own learning, and read by
//! [`crate::datapath`]. No packet moves in this layer.

mod bpf;
mod defrag;
mod facts;
mod fdb;
mod interface;
mod neighbour;
mod netns;
mod route;
mod skb;
mod socket;
mod topology;

pub use bpf::{
    Bpf, BpfLookup, BpfMap, BpfProgram, BpfRow, BpfTuple, CtDirection, CtRow, EndpointKind, EndpointRow, IpcacheRow,
    LbFlags, LbKey, LbRow, LbScope, LbType, LbValue, SnatRow, identity,
};
pub use defrag::{Defrag, cut};
pub use facts::KernelFacts;
pub use fdb::{Fdb, FdbEntry, FdbLookup, FdbTarget};
pub use interface::{DevRef, Geneve, IfAddress, Interface, InterfaceKind, Ipip, Vxlan};
pub use neighbour::{NUD_REACHABLE_TIME, NeighbourEntry, NeighbourLookup, NeighbourTable, Nud};
use netns::select_address;
pub use netns::{NetNs, Sysctls};
pub use route::{FibLookup, Protocol, Route, RouteKind, RouteTable, Scope};
pub use skb::{Skb, TunnelKey};
pub use socket::{Listener, SocketLookup, SocketOwner, Sockets, TransportProtocol};
pub use topology::{At, NsId, Segment, SegmentId, Topology, Unfinished};
