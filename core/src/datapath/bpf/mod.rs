//! Cilium's eBPF programs, at the points of devices and sockets that they are attached to.
//!
//! Models what bpf/ of Cilium 1.16 does in a cluster without policies, with legacy host routing: one file for each
//! program. [`Run`] is one run of one of them: it reads maps, may change the packet, and ends by passing it on to the
//! kernel or by sending it away. Not modelled: policies, the proxy, XDP, DSR, IPsec, IPv6.

mod conntrack;
mod host;
mod lxc;
mod nodeport;
mod overlay;
mod related;
mod sock;
mod tuple;

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::{Ctx, Next};
use crate::base::MacAddr;
use crate::net::{At, Bpf, BpfProgram, DevRef, EndpointKind, IpcacheRow, NetNs, Skb, Topology, TunnelKey};
use crate::trace::{BpfHook, Consulted, Decision, DropReason, Stage, Step, Written};
use crate::wire::{ETHERTYPE_ARP, ETHERTYPE_IPV4, Packet};

pub(crate) use sock::{SockVerdict, connect, recvmsg};

/// What a program leaves to the kernel.
pub(super) struct Passed {
    pub skb: Skb,
    /// The packet is for this machine whatever its link address says (`ctx_change_type(ctx, PACKET_HOST)`).
    pub is_host: bool,
}

/// How a program ends: the kernel goes on with the packet, or something else happens.
type Verdict = ControlFlow<Next, Passed>;

/// A frame comes in by a device. Models sch_handle_ingress.
pub(super) fn ingress(topo: &mut Topology, at: At, skb: Skb, ctx: &mut Ctx<'_>) -> Verdict {
    let interface = topo.ns(at.ns).interface(at.index);
    let ethernet = skb.packet.ethernet();
    let is_for_us = ethernet.is_some_and(|ethernet| ethernet.dst == interface.mac);
    if ethernet.is_some_and(|ethernet| ethernet.ethertype == ETHERTYPE_IPV4) && is_for_us {
        topo.finish(at.ns);
    }
    let ethertype = ethernet.map_or(0, |ethernet| ethernet.ethertype);
    match (topo.ns(at.ns).interface(at.index).bpf, ethertype) {
        (Some(BpfProgram::Lxc { ip, .. }), ETHERTYPE_ARP) => lxc::arp(topo, at, ip, skb, ctx),
        (Some(BpfProgram::Lxc { identity, .. }), ETHERTYPE_IPV4) => {
            lxc::from_container(Run::new(topo, at, BpfHook::FromContainer, skb, ctx), identity)
        }
        (Some(BpfProgram::Overlay), ETHERTYPE_IPV4) => {
            overlay::from_overlay(Run::new(topo, at, BpfHook::FromOverlay, skb, ctx))
        }
        (Some(BpfProgram::Netdev), ETHERTYPE_IPV4) if is_for_us => {
            host::from_netdev(Run::new(topo, at, BpfHook::FromNetdev, skb, ctx))
        }
        _ => Verdict::Continue(Passed { skb, is_host: false }),
    }
}

/// A frame is to go out by a device. Models sch_handle_egress.
pub(super) fn egress(topo: &mut Topology, at: At, skb: Skb, ctx: &mut Ctx<'_>) -> ControlFlow<Next, Skb> {
    let program = topo.ns(at.ns).interface(at.index).bpf;
    let is_ip = skb.packet.ethernet().is_some_and(|ethernet| ethernet.ethertype == ETHERTYPE_IPV4);
    let verdict = match program.filter(|_| is_ip) {
        Some(BpfProgram::Host) => host::from_host(Run::new(topo, at, BpfHook::FromHost, skb, ctx)),
        Some(BpfProgram::Netdev) => host::to_netdev(Run::new(topo, at, BpfHook::ToNetdev, skb, ctx)),
        _ => return ControlFlow::Continue(skb),
    };
    match verdict {
        ControlFlow::Continue(passed) => ControlFlow::Continue(passed.skb),
        ControlFlow::Break(next) => ControlFlow::Break(next),
    }
}

/// One run of a program on one packet.
struct Run<'t, 'c, 'r> {
    topo: &'t mut Topology,
    ctx: &'c mut Ctx<'r>,
    at: At,
    dev: DevRef,
    hook: BpfHook,
    skb: Skb,
    /// The packet as the last step left it.
    before: Packet,
    consulted: Vec<Arc<dyn Consulted>>,
    wrote: Vec<Written>,
}

impl<'t, 'c, 'r> Run<'t, 'c, 'r> {
    fn new(topo: &'t mut Topology, at: At, hook: BpfHook, skb: Skb, ctx: &'c mut Ctx<'r>) -> Self {
        let dev = topo.ns(at.ns).interface(at.index).dev.clone();
        let before = skb.packet.clone();
        Self { topo, ctx, at, dev, hook, skb, before, consulted: Vec::new(), wrote: Vec::new() }
    }

    fn ns(&self) -> &NetNs {
        self.topo.ns(self.at.ns)
    }

    /// The maps to read. A device with a program is on a node that has them.
    fn bpf(&self) -> Option<&Bpf> {
        self.ns().bpf.as_deref()
    }

    fn bpf_mut(&mut self) -> Option<&mut Bpf> {
        self.topo.ns_mut(self.at.ns).bpf.as_mut().map(Arc::make_mut)
    }

    fn has_kube_proxy_replacement(&self) -> bool {
        self.bpf().is_some_and(|bpf| bpf.kube_proxy_replacement)
    }

    /// The packet's addresses.
    fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        self.skb.packet.ip_header().map(|ip| (ip.src, ip.dst))
    }

    /// Whose of this node an address is. Models lib/eps.h lookup_ip4_endpoint.
    fn endpoint(&mut self, ip: IpAddr) -> Option<EndpointKind> {
        let lookup = self.bpf()?.endpoints.lookup(ip);
        let kind = lookup.row().map(|row| row.kind.clone());
        self.consulted.push(Arc::new(lookup));
        kind
    }

    /// Who an address is, and which tunnel leads there. Models lookup_ip4_remote_endpoint.
    fn remote(&mut self, ip: IpAddr) -> Option<IpcacheRow> {
        let lookup = self.bpf()?.ipcache.lookup_prefix(ip);
        let row = lookup.row().cloned();
        self.consulted.push(Arc::new(lookup));
        row
    }

    fn step(&mut self, decision: Decision) -> Step {
        let mut step = Step::new(Stage::Bpf(self.hook), decision, &self.skb.packet).from(&self.before);
        step.consulted = std::mem::take(&mut self.consulted);
        step.wrote = std::mem::take(&mut self.wrote);
        self.before = self.skb.packet.clone();
        step.on(&self.dev.name)
    }

    /// Records what the program has done so far.
    fn record(&mut self, decision: Decision) {
        let step = self.step(decision);
        self.ctx.record(self.topo, self.at.ns, &self.skb, step);
    }

    /// Leaves the packet to the kernel (`CTX_ACT_OK`).
    fn pass(mut self) -> Verdict {
        self.record(Decision::BpfPass);
        Verdict::Continue(Passed { skb: self.skb, is_host: false })
    }

    fn drop(mut self, reason: DropReason) -> Next {
        let step = self.step(Decision::Drop(reason)).ends();
        self.ctx.drop_with(self.topo, self.at.ns, &self.skb, step, reason)
    }

    /// One from the TTL, and new link addresses; without `src` the old one stays. Says whether the TTL allowed it.
    ///
    /// Models lib/l3.h ipv4_l3.
    #[must_use]
    fn l3(&mut self, src: Option<MacAddr>, dst: MacAddr) -> bool {
        let (Some(ip), Some(ethernet)) = (self.skb.packet.ip_header(), self.skb.packet.ethernet()) else {
            return false;
        };
        if ip.ttl <= 1 {
            return false;
        }
        let bare = self.skb.packet.without_ethernet();
        self.skb.packet = bare.with_ethernet(src.unwrap_or(ethernet.src), dst, ETHERTYPE_IPV4);
        self.skb.packet.decrement_ttl();
        true
    }

    /// To a pod of this node. Models lib/local_delivery.h ipv4_local_delivery, and the pod's own policy program behind it.
    fn local_delivery(mut self, pod: &EndpointKind, bypassed: bool) -> Next {
        let EndpointKind::Pod { dev, mac, node_mac, .. } = pod else { return Next::Done };
        if !self.l3(Some(*node_mac), *mac) {
            return self.drop(DropReason::BpfTtlExceeded);
        }
        match self.track_ingress() {
            Ok(_) => self.redirect(dev, bypassed),
            Err(reason) => self.drop(reason),
        }
    }

    /// Out by a device. Models ctx_redirect.
    fn redirect(mut self, to: &DevRef, bypassed: bool) -> Next {
        self.record(Decision::BpfRedirect { to: to.name.clone(), bypassed });
        Next::LinkTx(At { index: to.index, ..self.at }, self.skb)
    }

    /// Into the node's own stack. Models ipv4_host_delivery.
    fn host_delivery(mut self) -> Next {
        let Some(host) = self.bpf().map(|bpf| bpf.host.clone()) else { return Next::Done };
        let (own, mac) = (self.ns().interface(self.at.index).mac, self.ns().interface(host.index).mac);
        if !self.l3(Some(own), mac) {
            return self.drop(DropReason::BpfTtlExceeded);
        }
        self.record(Decision::BpfRedirect { to: host.name.clone(), bypassed: false });
        Next::LinkRx(At { index: host.index, ..self.at }, self.skb)
    }

    /// Into the tunnel to `remote`, signed by the sender's identity. Models lib/encap.h encap_and_redirect_with_nodeid.
    fn encap(mut self, encap: &DevRef, remote: IpAddr, identity: u32, bypassed: bool) -> Next {
        self.skb.tunnel_key = Some(TunnelKey { remote, vni: identity, zero_checksum: true });
        self.redirect(encap, bypassed)
    }
}
