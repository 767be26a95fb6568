//! L4: network namespaces and all they own, and the wires between them.
//!
//! Tables only: rows are written here by the control plane and by the kernel's own learning, and read by
//! [`crate::datapath`]. No packet moves in this layer.

mod bpf;
mod defrag;
mod exception;
mod facts;
mod fdb;
mod fib;
mod filter;
mod interface;
mod link;
mod neighbour;
mod netns;
mod proxy;
mod route;
mod rule;
mod skb;
mod socket;
mod sysctl;
mod topology;

pub use bpf::{
    Bpf, BpfLookup, BpfMap, BpfProgram, BpfRow, BpfTuple, CtDirection, CtRow, EndpointKind, EndpointRow, FragKey,
    FragRow, IpcacheRow, LbFlags, LbKey, LbRow, LbScope, LbType, LbValue, ReverseSkKey, ReverseSkRow, SnatRow,
    identity,
};
pub use defrag::{Defrag, cut};
pub use exception::{Exceptions, RouteException};
pub use facts::KernelFacts;
pub use fdb::{Fdb, FdbEntry, FdbLookup, FdbTarget};
pub use fib::FibDecision;
pub use filter::{Direction, Filter, FrameMatch, Site};
pub use interface::{DevRef, Geneve, IfAddress, Interface, InterfaceKind, Ipip, Vxlan};
pub use neighbour::{NUD_REACHABLE_TIME, NeighbourEntry, NeighbourLookup, NeighbourTable, Nud};
pub use netns::NetNs;
use netns::select_address;
pub use proxy::{PathMatching, Proxy, ProxyLookup, ProxyRoute};
pub use route::{FibError, FibLookup, Protocol, Route, RouteKind, RouteTable, Scope, TableId};
pub use rule::{FlowKey, Rule, RuleAction, RuleLookup, Rules};
pub use skb::{Skb, TunnelKey};
pub use socket::{Answer, Listener, SocketLookup, SocketOwner, Sockets, TransportProtocol};
pub use sysctl::{Conf, SysctlError, Sysctls};
pub use topology::{At, NsId, Segment, SegmentId, Topology, Unfinished};
