//! How a run can end.

use std::fmt;

use crate::base::Place;
use crate::wire::IcmpError;

/// The client's view of the final outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The whole exchange came off.
    Delivered {
        /// The server.
        at: Place,
    },
    /// The client was told no.
    Rejected {
        /// What it was told.
        reason: RejectReason,
        /// Who told it.
        at: Place,
    },
    /// The client heard nothing.
    Dropped {
        /// Why the (last) packet was dropped.
        reason: DropReason,
        /// Where.
        at: Place,
    },
}

/// What a client can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectReason {
    /// A reset: nobody listens on that port.
    NoSocket,
    /// The target's name does not resolve.
    NameNotFound,
    /// ICMP fragmentation needed, or EMSGSIZE from the client's own kernel: too large, and not to be cut.
    IcmpFragNeeded,
    /// ICMP net unreachable, or ENETUNREACH from the client's own kernel: no route.
    IcmpNetUnreach,
    /// ICMP host unreachable: the last machine does not answer ARP.
    IcmpHostUnreach,
    /// ICMP port unreachable: nobody listens on that UDP port.
    IcmpPortUnreach,
    /// ICMP time exceeded: the TTL ran out.
    IcmpExcTtl,
    /// EINVAL from the client's own kernel: its route is a blackhole.
    Inval,
    /// ICMP protocol unreachable.
    IcmpProtUnreach,
    /// ICMP net prohibited.
    IcmpNetAno,
    /// ICMP host prohibited.
    IcmpHostAno,
    /// ICMP communication prohibited by a filter.
    IcmpPktFiltered,
}

/// Why a packet was dropped: the kernel's `skb_drop_reason` (Linux 6.18), and what no kernel names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// No route for a packet that was to be forwarded.
    IpInnoroutes,
    /// For another machine, and this one forwards nothing.
    IpInaddrerrors,
    /// The kernel names no reason: a blackhole, or a route that says no.
    NotSpecified,
    /// The TTL ran out, or another header field is wrong.
    IpInhdr,
    /// The packet does not fit and cannot be cut.
    PktTooBig,
    /// The next hop did not answer ARP.
    NeighFailed,
    /// No socket wants it.
    NoSocket,
    /// The frame was for another station.
    Otherhost,
    /// The VXLAN identifier or the tunnel's header is not one this device takes.
    VxlanVniNotFound,
    /// The tunnel knows no remote for the inner destination address.
    VxlanNoRemote,
    /// The device is down.
    DevReady,
    /// The device has no link: its queue drops everything.
    QdiscDrop,
    /// No route for a packet that this machine sends.
    IpOutnoroutes,
    /// A NIC or a switch of the fabric takes no frame of that size.
    FabricMtu,
    /// A loop: the packet went on and on, and the run was ended.
    FabricLoop,
    /// A filter of the fabric.
    FabricFiltered,
    /// A rule of netfilter.
    NetfilterDrop,
    /// Source validation: the way back to the sender leads elsewhere, or nowhere.
    IpRpfilter,
    /// A source address that no packet may have.
    IpInvalidSource,
    /// A source address that is this machine's own.
    IpLocalSource,
    /// A destination that no packet from outside may have.
    IpInvalidDest,
    /// 127.0.0.0/8 from outside, where `route_localnet` is off.
    IpLocalnet,
    /// The device takes no such packet.
    NoTxTarget,
    /// eBPF: the service has no backend (`DROP_NO_SERVICE`).
    BpfNoService,
    /// eBPF: nobody in the cluster has this address (`DROP_UNROUTABLE`).
    BpfUnroutable,
    /// eBPF: the TTL ran out; nobody is told (`DROP_TTL_EXCEEDED`).
    BpfTtlExceeded,
    /// eBPF: the sender is none that the service is for (`DROP_NOT_IN_SRC_RANGE`).
    BpfNotInSrcRange,
    /// eBPF: a clusterIP asked from outside (`DROP_IS_CLUSTER_IP`).
    BpfIsClusterIp,
    /// eBPF: no route (`DROP_NO_FIB`).
    BpfNoFib,
    /// eBPF: a piece of a datagram whose first piece was not seen (`DROP_FRAG_NOT_FOUND`).
    BpfFragNotFound,
    /// A tunnel in external mode was handed a packet that does not say where it goes.
    TunnelTxinfo,
}

impl Disposition {
    /// `delivered`, `rejected` or `dropped`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Delivered { .. } => "delivered",
            Self::Rejected { .. } => "rejected",
            Self::Dropped { .. } => "dropped",
        }
    }

    /// The reason's name; `None` for what was delivered.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Delivered { .. } => None,
            Self::Rejected { reason, .. } => Some(reason.name()),
            Self::Dropped { reason, .. } => Some(reason.name()),
        }
    }

    /// Where it was decided.
    #[must_use]
    pub fn at(&self) -> &Place {
        match self {
            Self::Delivered { at } | Self::Rejected { at, .. } | Self::Dropped { at, .. } => at,
        }
    }
}

impl RejectReason {
    /// The name in uapi `linux/icmp.h`, or `NO_SOCKET` for a reset.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoSocket => "NO_SOCKET",
            Self::NameNotFound => "NAME_NOT_FOUND",
            Self::IcmpFragNeeded => "ICMP_FRAG_NEEDED",
            Self::IcmpNetUnreach => "ICMP_NET_UNREACH",
            Self::IcmpHostUnreach => "ICMP_HOST_UNREACH",
            Self::IcmpPortUnreach => "ICMP_PORT_UNREACH",
            Self::IcmpExcTtl => "ICMP_EXC_TTL",
            Self::Inval => "EINVAL",
            Self::IcmpProtUnreach => "ICMP_PROT_UNREACH",
            Self::IcmpNetAno => "ICMP_NET_ANO",
            Self::IcmpHostAno => "ICMP_HOST_ANO",
            Self::IcmpPktFiltered => "ICMP_PKT_FILTERED",
        }
    }
}

impl From<IcmpError> for RejectReason {
    fn from(error: IcmpError) -> Self {
        match error {
            IcmpError::NetUnreach => Self::IcmpNetUnreach,
            IcmpError::HostUnreach => Self::IcmpHostUnreach,
            IcmpError::PortUnreach => Self::IcmpPortUnreach,
            IcmpError::FragNeeded { .. } => Self::IcmpFragNeeded,
            IcmpError::ExcTtl => Self::IcmpExcTtl,
            IcmpError::ProtUnreach => Self::IcmpProtUnreach,
            IcmpError::NetAno => Self::IcmpNetAno,
            IcmpError::HostAno => Self::IcmpHostAno,
            IcmpError::PktFiltered => Self::IcmpPktFiltered,
        }
    }
}

impl DropReason {
    /// The name in the kernel's `skb_drop_reason`, without its prefix.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IpInnoroutes => "IP_INNOROUTES",
            Self::IpInaddrerrors => "IP_INADDRERRORS",
            Self::NotSpecified => "NOT_SPECIFIED",
            Self::IpInhdr => "IP_INHDR",
            Self::PktTooBig => "PKT_TOO_BIG",
            Self::NeighFailed => "NEIGH_FAILED",
            Self::NoSocket => "NO_SOCKET",
            Self::Otherhost => "OTHERHOST",
            Self::VxlanVniNotFound => "VXLAN_VNI_NOT_FOUND",
            Self::VxlanNoRemote => "VXLAN_NO_REMOTE",
            Self::DevReady => "DEV_READY",
            Self::QdiscDrop => "QDISC_DROP",
            Self::IpOutnoroutes => "IP_OUTNOROUTES",
            Self::FabricMtu => "FABRIC_MTU",
            Self::FabricFiltered => "FABRIC_FILTERED",
            Self::FabricLoop => "FABRIC_LOOP",
            Self::NetfilterDrop => "NETFILTER_DROP",
            Self::IpRpfilter => "IP_RPFILTER",
            Self::IpInvalidSource => "IP_INVALID_SOURCE",
            Self::IpLocalSource => "IP_LOCAL_SOURCE",
            Self::IpInvalidDest => "IP_INVALID_DEST",
            Self::IpLocalnet => "IP_LOCALNET",
            Self::NoTxTarget => "NO_TX_TARGET",
            Self::BpfNoService => "BPF_NO_SERVICE",
            Self::BpfUnroutable => "BPF_UNROUTABLE",
            Self::BpfTtlExceeded => "BPF_TTL_EXCEEDED",
            Self::BpfNotInSrcRange => "BPF_NOT_IN_SRC_RANGE",
            Self::BpfIsClusterIp => "BPF_IS_CLUSTER_IP",
            Self::BpfNoFib => "BPF_NO_FIB",
            Self::BpfFragNotFound => "BPF_FRAG_NOT_FOUND",
            Self::TunnelTxinfo => "TUNNEL_TXINFO",
        }
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            None => write!(f, "delivered at {}", self.at()),
            Some(reason) => write!(f, "{} at {}: {reason}", self.kind(), self.at()),
        }
    }
}
