//! The sets that kube-proxy's rules ask in IPVS mode.
//!
//! Models pkg/proxy/ipvs/ipset.go and ipsetInfo of proxier.go.

use crate::netfilter::SetType;

/// A set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Set {
    LoopBack,
    ClusterIp,
    ExternalIp,
    ExternalIpLocal,
    LoadBalancer,
    LoadBalancerFw,
    LoadBalancerLocal,
    LoadBalancerSourceIp,
    LoadBalancerSourceCidr,
    NodePortTcp,
    NodePortLocalTcp,
    NodePortUdp,
    NodePortLocalUdp,
    NodePortSctp,
    NodePortLocalSctp,
    HealthCheckNodePort,
    IpvsIps,
}

/// Name, type, and the comment of rules that ask it.
type Info = (&'static str, SetType, &'static str);

impl Set {
    pub(super) const ALL: [Self; 17] = [
        Self::LoopBack,
        Self::ClusterIp,
        Self::ExternalIp,
        Self::ExternalIpLocal,
        Self::LoadBalancer,
        Self::LoadBalancerFw,
        Self::LoadBalancerLocal,
        Self::LoadBalancerSourceIp,
        Self::LoadBalancerSourceCidr,
        Self::NodePortTcp,
        Self::NodePortLocalTcp,
        Self::NodePortUdp,
        Self::NodePortLocalUdp,
        Self::NodePortSctp,
        Self::NodePortLocalSctp,
        Self::HealthCheckNodePort,
        Self::IpvsIps,
    ];

    fn info(self) -> Info {
        use SetType::{BitmapPort, HashIp, HashIpPort, HashIpPortIp, HashIpPortNet};
        match self {
            Self::LoopBack => (
                "KUBE-LOOP-BACK",
                HashIpPortIp,
                "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose",
            ),
            Self::ClusterIp => {
                ("KUBE-CLUSTER-IP", HashIpPort, "Kubernetes service cluster ip + port for masquerade purpose")
            }
            Self::ExternalIp => (
                "KUBE-EXTERNAL-IP",
                HashIpPort,
                "Kubernetes service external ip + port for masquerade and filter purpose",
            ),
            Self::ExternalIpLocal => (
                "KUBE-EXTERNAL-IP-LOCAL",
                HashIpPort,
                "Kubernetes service external ip + port with externalTrafficPolicy=local",
            ),
            Self::LoadBalancer => ("KUBE-LOAD-BALANCER", HashIpPort, "Kubernetes service lb portal"),
            Self::LoadBalancerFw => (
                "KUBE-LOAD-BALANCER-FW",
                HashIpPort,
                "Kubernetes service load balancer ip + port for load balancer with sourceRange",
            ),
            Self::LoadBalancerLocal => (
                "KUBE-LOAD-BALANCER-LOCAL",
                HashIpPort,
                "Kubernetes service load balancer ip + port with externalTrafficPolicy=local",
            ),
            Self::LoadBalancerSourceIp => (
                "KUBE-LOAD-BALANCER-SOURCE-IP",
                HashIpPortIp,
                "Kubernetes service load balancer ip + port + source IP for packet filter purpose",
            ),
            Self::LoadBalancerSourceCidr => (
                "KUBE-LOAD-BALANCER-SOURCE-CIDR",
                HashIpPortNet,
                "Kubernetes service load balancer ip + port + source cidr for packet filter purpose",
            ),
            Self::NodePortTcp => {
                ("KUBE-NODE-PORT-TCP", BitmapPort, "Kubernetes nodeport TCP port for masquerade purpose")
            }
            Self::NodePortLocalTcp => (
                "KUBE-NODE-PORT-LOCAL-TCP",
                BitmapPort,
                "Kubernetes nodeport TCP port with externalTrafficPolicy=local",
            ),
            Self::NodePortUdp => {
                ("KUBE-NODE-PORT-UDP", BitmapPort, "Kubernetes nodeport UDP port for masquerade purpose")
            }
            Self::NodePortLocalUdp => (
                "KUBE-NODE-PORT-LOCAL-UDP",
                BitmapPort,
                "Kubernetes nodeport UDP port with externalTrafficPolicy=local",
            ),
            Self::NodePortSctp => (
                "KUBE-NODE-PORT-SCTP-HASH",
                HashIpPort,
                "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'",
            ),
            Self::NodePortLocalSctp => (
                "KUBE-NODE-PORT-LOCAL-SCTP-HASH",
                HashIpPort,
                "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'",
            ),
            Self::HealthCheckNodePort => {
                ("KUBE-HEALTH-CHECK-NODE-PORT", BitmapPort, "Kubernetes health check node port")
            }
            Self::IpvsIps => ("KUBE-IPVS-IPS", HashIp, "Addresses on the ipvs interface"),
        }
    }

    pub(super) fn name(self) -> &'static str {
        self.info().0
    }

    pub(super) fn kind(self) -> SetType {
        self.info().1
    }

    pub(super) fn comment(self) -> &'static str {
        self.info().2
    }
}
