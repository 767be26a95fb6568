//! What the node itself sends to pods, and what passes its NIC.
//!
//! Models bpf/bpf_host.c cil_from_host, cil_from_netdev and cil_to_netdev. Not modelled: the host firewall, IPsec,
//! WireGuard, eBPF masquerading (the rules of iptables masquerade, as by default).

use super::lxc::MARK_IDENTITY;
use super::{Passed, Run, Verdict};
use crate::net::{CtDirection, EndpointKind, InterfaceKind, identity};
use crate::trace::DropReason;
use crate::wire::{ETHERTYPE_IPV4, End};

/// Models handle_ipv4 with `from_host`: the stack has routed the packet to `cilium_host`.
pub(super) fn from_host(mut run: Run<'_, '_, '_>) -> Verdict {
    let Some((src, dst)) = run.addresses() else { return run.pass() };
    rewrite_dmac_to_host(&mut run);
    match run.endpoint(dst) {
        Some(EndpointKind::Host) => return run.pass(),
        Some(pod) => return Verdict::Break(run.local_delivery(&pod, false)),
        None => {}
    }
    let remote = run.remote(dst);
    let encap = run.bpf().and_then(|bpf| bpf.encap.clone());
    if let (Some(encap), Some(remote)) = (encap, remote.as_ref().and_then(|row| row.tunnel_endpoint)) {
        let from_pod = (run.skb.mark & MARK_IDENTITY == MARK_IDENTITY).then_some(run.skb.mark >> 16);
        let of_source = || Some(run.bpf()?.ipcache.lookup_prefix(src).row()?.identity);
        // What this host sends is a remote node's to whoever gets it.
        let own = match from_pod.or_else(of_source).unwrap_or(identity::HOST) {
            identity::HOST => identity::REMOTE_NODE,
            other => other,
        };
        return Verdict::Break(run.encap(&encap, remote, own, false));
    }
    match remote {
        Some(row) if row.identity != identity::WORLD => run.pass(),
        _ => Verdict::Break(run.drop(DropReason::BpfUnroutable)),
    }
}

/// What is not sent elsewhere comes back into the stack by `cilium_net`, and must be for it. Models rewrite_dmac_to_host.
fn rewrite_dmac_to_host(run: &mut Run<'_, '_, '_>) {
    let interface = run.ns().interface(run.at.index);
    if let InterfaceKind::Veth { peer } = interface.kind {
        let (src, dst) = (interface.mac, run.topo.ns(peer.ns).interface(peer.index).mac);
        run.skb.packet = run.skb.packet.without_ethernet().with_ethernet(src, dst, ETHERTYPE_IPV4);
    }
}

/// Models cil_from_netdev: services first, then the stack (legacy host routing).
pub(super) fn from_netdev(run: Run<'_, '_, '_>) -> Verdict {
    run.node_port()
}

/// Models cil_to_netdev: answers of backends on the host network get the service's address back.
pub(super) fn to_netdev(mut run: Run<'_, '_, '_>) -> Verdict {
    let tuple = match run.tuple(CtDirection::Out) {
        Ok(Some(tuple)) => tuple,
        Ok(None) => return run.pass(),
        Err(reason) => return Verdict::Break(run.drop(reason)),
    };
    let answered = run.connection(tuple.answered(CtDirection::Out)).filter(|row| row.node_port);
    match answered.and_then(|row| run.bpf()?.lb.reverse_nat(row.rev_nat)) {
        Some(service) => {
            run.translate(End::Source, tuple.src, service);
            Verdict::Continue(Passed { skb: run.skb, is_host: false })
        }
        None => run.pass(),
    }
}
