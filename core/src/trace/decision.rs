//! The places in a kernel where something is decided, and what can be decided there.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::{Component, DropReason, Reconcile, RejectReason};
use crate::base::MacAddr;
use crate::wire::{End, IcmpError};

/// A hook of netfilter: `enum nf_inet_hooks` of uapi `linux/netfilter.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// Before the routing decision of what came in.
    Prerouting,
    /// What is for this machine.
    Input,
    /// What passes through.
    Forward,
    /// What this machine sends.
    Output,
    /// Everything that leaves, after routing.
    Postrouting,
}

impl Hook {
    /// The hook's name as `iptables` writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prerouting => "PREROUTING",
            Self::Input => "INPUT",
            Self::Forward => "FORWARD",
            Self::Output => "OUTPUT",
            Self::Postrouting => "POSTROUTING",
        }
    }
}

/// What is registered on a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookFunction {
    /// Table raw.
    Raw,
    /// Connection tracking.
    Conntrack,
    /// Table mangle.
    Mangle,
    /// Table nat, and the translation itself.
    Nat,
    /// Table filter.
    Filter,
    /// Connection tracking again: the connection is in the table from here on.
    Confirm,
    /// A base chain of nftables.
    Nft,
    /// IPVS: what clients send to a virtual server.
    IpvsIn,
    /// IPVS: what real servers answer.
    IpvsOut,
    /// IPVS: errors on their way through.
    IpvsIcmp,
}

impl HookFunction {
    /// The part of a step's id.
    fn slug(self, hook: Hook) -> &'static str {
        const SLUGS: [[&str; 5]; 10] = [
            ["raw-prerouting", "raw-input", "raw-forward", "raw-output", "raw-postrouting"],
            [
                "conntrack-prerouting",
                "conntrack-input",
                "conntrack-forward",
                "conntrack-output",
                "conntrack-postrouting",
            ],
            ["mangle-prerouting", "mangle-input", "mangle-forward", "mangle-output", "mangle-postrouting"],
            ["nat-prerouting", "nat-input", "nat-forward", "nat-output", "nat-postrouting"],
            ["filter-prerouting", "filter-input", "filter-forward", "filter-output", "filter-postrouting"],
            ["confirm-prerouting", "confirm-input", "confirm-forward", "confirm-output", "confirm-postrouting"],
            ["nft-prerouting", "nft-input", "nft-forward", "nft-output", "nft-postrouting"],
            ["ipvs-in-prerouting", "ipvs-in-input", "ipvs-in-forward", "ipvs-in-output", "ipvs-in-postrouting"],
            ["ipvs-out-prerouting", "ipvs-out-input", "ipvs-out-forward", "ipvs-out-output", "ipvs-out-postrouting"],
            [
                "ipvs-icmp-prerouting",
                "ipvs-icmp-input",
                "ipvs-icmp-forward",
                "ipvs-icmp-output",
                "ipvs-icmp-postrouting",
            ],
        ];
        SLUGS[self as usize][hook as usize]
    }
}

/// A point that an eBPF program of Cilium's is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BpfHook {
    /// The host end of a pod's cable, what the pod sends: `cil_from_container`.
    FromContainer,
    /// `cilium_host`, what the node's own stack sends to pods: `cil_from_host`.
    FromHost,
    /// The tunnel device, what came out of an envelope: `cil_from_overlay`.
    FromOverlay,
    /// The NIC, what comes in: `cil_from_netdev`.
    FromNetdev,
    /// The NIC, what goes out: `cil_to_netdev`.
    ToNetdev,
    /// A socket that connects, before there is a packet: `cil_sock4_connect`.
    SockConnect,
    /// A socket that receives a datagram, after the last packet: `cil_sock4_recvmsg`.
    SockRecvmsg,
}

impl BpfHook {
    /// The program's name in the kernel, as `bpftool prog` shows it.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::FromContainer => "cil_from_container",
            Self::FromHost => "cil_from_host",
            Self::FromOverlay => "cil_from_overlay",
            Self::FromNetdev => "cil_from_netdev",
            Self::ToNetdev => "cil_to_netdev",
            Self::SockConnect => "cil_sock4_connect",
            Self::SockRecvmsg => "cil_sock4_recvmsg",
        }
    }
}

/// What connection tracking made of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracked {
    /// It begins a connection.
    New,
    /// It belongs to a connection that has been answered.
    Established {
        /// Whether it goes in the direction of the answers.
        is_reply: bool,
    },
    /// It is an error about a connection.
    Related,
    /// It belongs to none and begins none.
    Invalid,
}

/// Where in a kernel a step happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// An application hands data to its socket, or gets some.
    App,
    /// A routing decision.
    Route,
    /// Something that is registered on a netfilter hook.
    Netfilter(Hook, HookFunction),
    /// Forwarding: TTL.
    Forward,
    /// The last look before the device: does it fit?
    Output,
    /// Who is the next hop on this segment?
    Neigh,
    /// A device sends.
    Tx,
    /// A device receives.
    Rx,
    /// A tunnel device hands over what was in the envelope.
    TunnelRx,
    /// A bridge decides.
    Bridge,
    /// A bridged packet has another destination than it came with: where does its frame go?
    BridgeRoute,
    /// ARP is answered or learned from.
    Arp,
    /// Pieces of a packet are put together.
    Defrag,
    /// A tunnel device wraps.
    Encap,
    /// A tunnel device unwraps.
    Decap,
    /// The packet reaches its socket.
    Deliver,
    /// An eBPF program runs.
    Bpf(BpfHook),
    /// A component of the control plane wakes up: there is no packet.
    Control(Component),
}

impl Stage {
    /// The stage's part of a step's id.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Route => "route",
            Self::Netfilter(hook, function) => function.slug(hook),
            Self::Forward => "ip-forward",
            Self::Output => "ip-output",
            Self::Neigh => "neigh",
            Self::Tx => "tx",
            Self::Rx => "rx",
            Self::TunnelRx => "tunnel-rx",
            Self::Bridge => "bridge",
            Self::BridgeRoute => "bridge-route",
            Self::Arp => "arp",
            Self::Defrag => "defrag",
            Self::Encap => "encap",
            Self::Decap => "decap",
            Self::Deliver => "deliver",
            Self::Bpf(BpfHook::FromContainer) => "bpf-from-container",
            Self::Bpf(BpfHook::FromHost) => "bpf-from-host",
            Self::Bpf(BpfHook::FromOverlay) => "bpf-from-overlay",
            Self::Bpf(BpfHook::FromNetdev) => "bpf-from-netdev",
            Self::Bpf(BpfHook::ToNetdev) => "bpf-to-netdev",
            Self::Bpf(BpfHook::SockConnect) => "sock-connect",
            Self::Bpf(BpfHook::SockRecvmsg) => "sock-recvmsg",
            Self::Control(component) => component.slug(),
        }
    }
}

/// Where a route sends a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextHop {
    /// This machine itself.
    Local,
    /// A station on the segment of this device.
    Direct {
        /// Outgoing device.
        dev: Arc<str>,
    },
    /// A gateway on the segment of this device.
    Via {
        /// Its address.
        gateway: IpAddr,
        /// Outgoing device.
        dev: Arc<str>,
    },
}

/// Where a bridge or a switch sends a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BridgeTarget {
    /// The address is the bridge's own: up into this machine's IP stack.
    Host,
    /// The port that the forwarding database names.
    Port(Arc<str>),
    /// Every port but closed ones, because the address is a broadcast.
    Broadcast(Vec<Arc<str>>),
    /// Every other port, because the forwarding database does not know the address.
    Unknown(Vec<Arc<str>>),
}

/// What a tunnel puts a packet into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// A VXLAN header in a UDP datagram.
    Vxlan {
        /// Network identifier.
        vni: u32,
    },
    /// A Geneve header in a UDP datagram.
    Geneve {
        /// Network identifier.
        vni: u32,
    },
    /// An IP packet, and nothing in between.
    Ipip,
}

impl Envelope {
    /// The network identifier, of envelopes that have one.
    #[must_use]
    pub fn vni(self) -> Option<u32> {
        match self {
            Self::Vxlan { vni } | Self::Geneve { vni } => Some(vni),
            Self::Ipip => None,
        }
    }
}

impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vxlan { vni } => write!(f, "vxlan vni {vni}"),
            Self::Geneve { vni } => write!(f, "geneve vni {vni}"),
            Self::Ipip => f.write_str("ipip"),
        }
    }
}

/// What says how an address is translated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// A rule, or a virtual server, chose it for the whole connection.
    Rule(Chosen),
    /// The connection's entry.
    Entry {
        /// The first packet as it came.
        original: Ends,
        /// Answers as they come.
        reply: Ends,
    },
    /// A map of an eBPF program.
    Map,
}

/// A choice that a rule has made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The rule's chain.
    pub chain: Arc<str>,
    /// Its number in it, from 1.
    pub number: usize,
    /// Of a service: which endpoint, from 1, and of how many.
    pub endpoint: Option<(usize, usize)>,
    /// What was drawn to choose it, in order. Nothing, of several endpoints: the client was known.
    pub draws: Vec<Draw>,
}

/// A number drawn by a rule, or what stands for the dice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// `-m statistic --mode random`: drawn, and what it must be below, both in 2^31ths.
    Random(u32, u32),
    /// `numgen random mod`, or whose turn it is: the number, and how many there are.
    Number(u32, u32),
    /// The scheduler of a virtual server: `rr`.
    Scheduler(&'static str),
}

/// Source and destination of a packet, with their ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Source.
    pub src: (IpAddr, u16),
    /// Destination.
    pub dst: (IpAddr, u16),
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}", show_end(self.src), show_end(self.dst))
    }
}

/// `IP:PORT`, or the address alone where nothing has a port.
#[must_use]
pub fn show_end((ip, port): (IpAddr, u16)) -> String {
    if port == 0 { ip.to_string() } else { SocketAddr::new(ip, port).to_string() }
}

/// What a resolver does once it has read an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolves {
    /// Waits for the answer to its other question.
    Waits,
    /// Asks for the next name of the search list.
    NextName(Arc<str>),
    /// Asks this server the same.
    AsksAgain(IpAddr),
    /// Asks the same over TCP, for the answer was cut off.
    ByTcp,
    /// Has what it wanted: these addresses.
    Found(Vec<IpAddr>),
    /// Tells the program that there is no address: a name of `netdb.h`.
    GivesUp(&'static str),
}

/// What was decided. Holds what the sentence about it needs, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// An application handed `payload_len` bytes to the kernel, or asked it for a connection.
    Send {
        /// The container or program.
        by: Arc<str>,
        /// Bytes of payload in this packet.
        payload_len: usize,
    },
    /// The kernel itself makes a packet: a handshake's answer, an acknowledgment, an echo reply, a reset.
    KernelSend {
        /// Bytes of payload in this packet.
        payload_len: usize,
    },
    /// The kernel sends once more what did not get through.
    Retransmit {
        /// Bytes of payload in this packet.
        payload_len: usize,
    },
    /// A route was found.
    Route {
        /// The address looked up.
        dst: IpAddr,
        /// Where it leads.
        next_hop: NextHop,
        /// The source address that the route prescribed, where the sender had none yet.
        chosen_src: Option<IpAddr>,
    },
    /// Connection tracking looked the packet up.
    Track(Tracked),
    /// The rules of a table let the packet through.
    RulesPassed {
        /// The table; of nftables family, table and base chain.
        table: Arc<str>,
        /// How many of them were tried.
        n_tried: usize,
        /// The packet's mark, if a rule has set it.
        mark: Option<u32>,
        /// Whether a rule has said that connection tracking is to leave the packet alone.
        untracked: bool,
    },
    /// The packet's address or port was translated.
    Translate {
        /// Which end.
        end: End,
        /// What it was.
        from: (IpAddr, u16),
        /// What it is.
        to: (IpAddr, u16),
        /// What says so.
        by: By,
    },
    /// IPVS picked a real server for a new connection to a virtual one.
    Schedule {
        /// The virtual server.
        service: (IpAddr, u16),
        /// The real server.
        to: (IpAddr, u16),
        /// How it was picked: `rr`, `wrr`, `lc` or `sh`.
        scheduler: &'static str,
        /// How many it was picked from.
        n_servers: usize,
        /// Whether the client was sent there before, and stays.
        is_kept: bool,
        /// Whom the virtual server serves.
        says: Arc<str>,
    },
    /// The connection's first packet has got through: its entry is in the table.
    Confirm,
    /// The TTL went down by one.
    DecrementTtl {
        /// Before.
        from: u8,
    },
    /// The packet fits the device.
    Fits,
    /// The next hop's address on the segment is known.
    NeighbourKnown {
        /// The next hop.
        next_hop: IpAddr,
        /// Its link address.
        mac: MacAddr,
    },
    /// The device needs no link address: loopback.
    NeighbourNone,
    /// The next hop's link address is not known: the packet waits, and ARP asks.
    NeighbourAsk {
        /// The next hop.
        next_hop: IpAddr,
    },
    /// Somebody already asks for that address: the packet waits in line.
    NeighbourWait {
        /// The next hop.
        next_hop: IpAddr,
    },
    /// The answer came: a packet that waited goes on.
    NeighbourResume {
        /// The next hop.
        next_hop: IpAddr,
        /// Its link address.
        mac: MacAddr,
    },
    /// A frame went out by a device.
    Transmit,
    /// A frame came in by a device.
    Receive,
    /// A bridge chose where a frame goes.
    Bridge(BridgeTarget),
    /// A hook has changed a bridged packet's destination, and so its frame needs another link address.
    Readdress {
        /// The station on the same bridge that it is for now; `None` if the machine itself must route it.
        next_hop: Option<IpAddr>,
        /// The new link address; `None` if the bridge device must ask for it, or is not sure of it.
        mac: Option<MacAddr>,
    },
    /// The bridge device hands such a frame back to the bridge, as if it had just come in.
    BridgeResume {
        /// By this port.
        port: Arc<str>,
        /// From this link address.
        mac: MacAddr,
    },
    /// An ARP request was for this machine: it answers.
    ArpAnswer {
        /// The address asked for.
        ip: IpAddr,
        /// The link address told.
        mac: MacAddr,
    },
    /// An ARP request was for an address that this machine routes elsewhere: it answers in its stead.
    ArpProxy {
        /// The address asked for.
        ip: IpAddr,
        /// The link address told.
        mac: MacAddr,
        /// The device that the address is routed to.
        out: Arc<str>,
    },
    /// An ARP reply filled a neighbour entry.
    ArpLearn {
        /// The neighbour.
        ip: IpAddr,
        /// Its link address.
        mac: MacAddr,
    },
    /// The tunnel device put the packet into an outer one.
    Encapsulate {
        /// What the envelope is made of.
        envelope: Envelope,
        /// The other end.
        remote: IpAddr,
    },
    /// The tunnel device took the packet out of the outer one.
    Decapsulate {
        /// What the envelope is made of.
        envelope: Envelope,
        /// The other end.
        remote: IpAddr,
    },
    /// An ICMP error is about an envelope that this tunnel device sent.
    TunnelError {
        /// The other end.
        remote: IpAddr,
    },
    /// The packet reached the socket or protocol handler that wants it.
    Deliver {
        /// The container or program that owns the socket.
        to: Arc<str>,
    },
    /// The kernel told its own sender no.
    Refuse(RejectReason),
    /// The packet was cut into pieces that fit.
    Fragment {
        /// Number of pieces.
        n_fragments: usize,
        /// Bytes of the largest, header included.
        len: usize,
    },
    /// A piece of a packet waits for the others.
    FragmentHeld,
    /// The last piece came: the packet is whole again.
    Reassemble {
        /// Number of pieces.
        n_fragments: usize,
    },
    /// An eBPF program left the packet to the kernel.
    BpfPass,
    /// An eBPF program sent the packet to a device.
    BpfRedirect {
        /// The device.
        to: Arc<str>,
        /// Whether the hooks of this machine's netfilter were bypassed.
        bypassed: bool,
    },
    /// The packet ended here, and its sender is told why.
    Complain(DropReason, IcmpError),
    /// The packet ended here.
    Drop(DropReason),
    /// The client's resolver has read an answer.
    Resolve {
        /// `glibc`, `musl` or `dig`.
        by: &'static str,
        /// What it does now.
        resolves: Resolves,
    },
    /// A component of the control plane did its part.
    Reconcile(Arc<Reconcile>),
}
