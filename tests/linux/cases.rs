//! The runs that are judged: one macro's table in each file of `cases/`.

#[macro_use]
mod table;

mod balancer;
mod elsewhere;
mod faults;
mod ingress;
mod limits;
mod nftables;
mod pods;
mod services;
mod verdicts;

use kubehop_core::api::Run;
use kubehop_core::net::Topology;

/// One run in one lab.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// `labs/LAB.yaml`.
    pub(crate) lab: &'static str,
    from: &'static str,
    to: &'static str,
    size: usize,
    reply_size: usize,
    df: bool,
    ttl: Option<u8>,
    via: Option<&'static str>,
    /// Changes of the lab, as `--set` takes them.
    pub(crate) set: &'static [(&'static str, &'static str)],
    /// What is broken.
    fault: Option<&'static str>,
    /// Changes of the machines that a lab has no words for, made before anything moves.
    pub(crate) change: Option<fn(&mut Topology)>,
}

impl Case {
    pub(crate) const fn new(lab: &'static str, from: &'static str, to: &'static str) -> Self {
        let (df, ttl, via, fault, change) = (false, None, None, None, None);
        Self { lab, from, to, size: 100, reply_size: 100, df, ttl, via, set: &[], fault, change }
    }

    pub(crate) const fn sizes(self, size: usize, reply_size: usize) -> Self {
        Self { size, reply_size, ..self }
    }

    pub(crate) const fn set(self, set: &'static [(&'static str, &'static str)]) -> Self {
        Self { set, ..self }
    }

    pub(crate) const fn fault(self, id: &'static str) -> Self {
        Self { fault: Some(id), ..self }
    }

    pub(crate) const fn change(self, change: fn(&mut Topology)) -> Self {
        Self { change: Some(change), ..self }
    }

    pub(crate) const fn df(self) -> Self {
        Self { df: true, ..self }
    }

    pub(crate) const fn ttl(self, ttl: u8) -> Self {
        Self { ttl: Some(ttl), ..self }
    }

    /// The node that the fabric hands the client's packets to.
    pub(crate) const fn via(self, node: &'static str) -> Self {
        Self { via: Some(node), ..self }
    }

    pub(crate) fn run(&self) -> Run {
        let faults = self.fault.iter().map(|id| (*id).to_owned()).collect();
        let via = self.via.map(str::to_owned);
        let Self { size, reply_size, df, ttl, .. } = *self;
        Run { size, reply_size, df, ttl, via, faults, ..Run::new(self.from, self.to) }
    }
}

pub(crate) const HOST_GW: &[(&str, &str)] = &[("cni.mode", "host-gw")];
pub(crate) const NFTABLES: &[(&str, &str)] = &[("kubeProxy.mode", "nftables")];
pub(crate) const CALICO_VXLAN: &[(&str, &str)] = &[("cni.plugin", "calico"), ("cni.mode", "vxlan")];
pub(crate) const CALICO_BGP: &[(&str, &str)] = &[("cni.plugin", "calico"), ("cni.mode", "bgp")];
pub(crate) const SMALL_NIC: &[(&str, &str)] = &[("underlay.nodes.node-b.mtu", "1400")];
pub(crate) const JUMBO: &[(&str, &str)] = &[("underlay.mtu", "9000")];
pub(crate) const STRICT: &[(&str, &str)] = &[
    ("sysctl.node/node-b.net.ipv4.conf.all.rp_filter", "1"),
    ("sysctl.node/node-b.net.ipv4.conf.default.rp_filter", "1"),
];
pub(crate) const NO_FORWARDING: &[(&str, &str)] = &[("sysctl.node/node-a.net.ipv4.ip_forward", "0")];
pub(crate) const ONE_WAY: &[(&str, &str)] = &[("sysctl.router/fabric.net.ipv4.conf.eth1.forwarding", "0")];
pub(crate) const SHORT_LIVED: &[(&str, &str)] = &[("sysctl.pod/default/client.net.ipv4.ip_default_ttl", "2")];
pub(crate) const NO_BRIDGE_NETFILTER: &[(&str, &str)] =
    &[("sysctl.node/node-a.net.bridge.bridge-nf-call-iptables", "0")];

/// All cases by name.
pub(crate) fn all() -> impl Iterator<Item = &'static (&'static str, Case)> {
    [
        pods::CASES,
        services::CASES,
        nftables::CASES,
        balancer::CASES,
        ingress::CASES,
        elsewhere::CASES,
        limits::CASES,
        verdicts::CASES,
        faults::CASES,
    ]
    .into_iter()
    .flatten()
}
