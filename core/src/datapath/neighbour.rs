//! The link address of the next hop: known, asked for by ARP, or never answered.
//!
//! Models net/core/neighbour.c neigh_resolve_output, neigh_probe and neigh_timer_handler, and net/ipv4/arp.c
//! arp_solicit. Not modelled: the jitter of the time that an entry is believed, and confirmation by TCP.

use std::net::IpAddr;
use std::time::Duration;

use super::{Ctx, Effect, Next, OutRoute};
use crate::base::MacAddr;
use crate::net::{At, DevRef, InterfaceKind, NsId, Skb, Topology, TunnelKey};
use crate::trace::{Decision, DropReason, Stage, Step};
use crate::wire::{self, ArpOp, ArpSpec, ETHERTYPE_ARP, ETHERTYPE_IPV4, IcmpError};

/// Questions before giving up: `mcast_solicit` to everybody, `ucast_solicit` to a station that was there before.
const SOLICIT: u32 = 3;
/// Time that an entry which was used may wait for a confirmation: `delay_first_probe_time`.
pub(crate) const DELAY_PROBE_TIME: Duration = Duration::from_secs(5);
/// Time between two of them: `retrans_time_ms`.
pub(crate) const RETRANS_TIME: Duration = Duration::from_secs(1);

pub(crate) fn resolve(topo: &mut Topology, ns_id: NsId, skb: Skb, route: &OutRoute, ctx: &mut Ctx<'_>) -> Next {
    let ns = topo.ns_mut(ns_id);
    let interface = ns.interface(route.dev.index);
    let at = At { ns: ns_id, index: route.dev.index };
    let next_hop = route.next_hop;
    if matches!(interface.kind, InterfaceKind::Loopback) {
        let frame = skb.packet.with_ethernet(MacAddr::ZERO, MacAddr::ZERO, ETHERTYPE_IPV4);
        return forward(topo, at, skb, frame, Decision::NeighbourNone, None, ctx);
    }
    if matches!(interface.kind, InterfaceKind::Ipip(_)) {
        // There is no link header to write. The device will send to the next hop (the kernel reads it off the route that
        // stays with the packet).
        let tunnel_key = Some(TunnelKey { remote: next_hop, vni: 0, zero_checksum: false });
        let packet = skb.packet.clone();
        return forward(topo, at, Skb { tunnel_key, ..skb }, packet, Decision::NeighbourNone, None, ctx);
    }
    let own_mac = interface.mac;
    if interface.noarp {
        // Models arp_constructor: the entry is there at once, with the device's own address.
        let frame = skb.packet.with_ethernet(own_mac, own_mac, ETHERTYPE_IPV4);
        return forward(topo, at, skb, frame, Decision::NeighbourKnown { next_hop, mac: own_mac }, None, ctx);
    }
    let lookup = ns.neighbours.lookup(next_hop, &route.dev);
    if let Some(mac) = lookup.mac() {
        if ns.neighbours.used(next_hop, &route.dev, ctx.now) {
            ctx.effects.push(Effect::DelayBegins { ns: ns_id, dev: route.dev.clone(), ip: next_hop });
        }
        let frame = skb.packet.with_ethernet(own_mac, mac, ETHERTYPE_IPV4);
        return forward(topo, at, skb, frame, Decision::NeighbourKnown { next_hop, mac }, Some(lookup), ctx);
    }
    let is_first = !ns.neighbours.is_asking(next_hop, &route.dev);
    let written = is_first.then(|| ns.neighbours.ask(next_hop, &route.dev));
    let crowded_out = ns.neighbours.wait(next_hop, &route.dev, skb.clone());
    let decision = if is_first { Decision::NeighbourAsk { next_hop } } else { Decision::NeighbourWait { next_hop } };
    let step = Step::new(Stage::Neigh, decision, &skb.packet).on(&route.dev.name).consulted(lookup).wrote(written);
    ctx.record(topo, ns_id, &skb, step);
    if let Some(oldest) = crowded_out {
        ctx.drop(topo, ns_id, &oldest, Stage::Neigh, &route.dev, DropReason::NeighFailed);
    }
    if is_first { solicit(topo, at, &route.dev, next_hop, 1, ctx) } else { Next::Done }
}

/// The answer came: a packet that waited for it goes on.
pub(crate) fn resume(topo: &Topology, at: At, skb: Skb, next_hop: IpAddr, mac: MacAddr, ctx: &mut Ctx<'_>) -> Next {
    let ns = topo.ns(at.ns);
    let interface = ns.interface(at.index);
    let lookup = ns.neighbours.lookup(next_hop, &interface.dev);
    let frame = skb.packet.with_ethernet(interface.mac, mac, ETHERTYPE_IPV4);
    forward(topo, at, skb, frame, Decision::NeighbourResume { next_hop, mac }, Some(lookup), ctx)
}

/// The wait for a confirmation is over: asks the station itself whether it is still there.
pub(crate) fn delay_over(topo: &mut Topology, ns: NsId, dev: &DevRef, ip: IpAddr, ctx: &mut Ctx<'_>) -> Next {
    match topo.ns_mut(ns).neighbours.delay_over(ip, dev) {
        true => solicit(topo, At { ns, index: dev.index }, dev, ip, 1, ctx),
        false => Next::Done,
    }
}

/// No answer came in time: asks again, or drops what waited.
pub(crate) fn ask_again(
    topo: &mut Topology,
    ns: NsId,
    dev: &DevRef,
    ip: IpAddr,
    n_asked: u32,
    ctx: &mut Ctx<'_>,
) -> Next {
    let neighbours = &mut topo.ns_mut(ns).neighbours;
    if !neighbours.is_asking(ip, dev) {
        return Next::Done;
    }
    if n_asked < SOLICIT {
        return solicit(topo, At { ns, index: dev.index }, dev, ip, n_asked + 1, ctx);
    }
    let waited = neighbours.fail(ip, dev);
    let told = waited.into_iter().map(|skb| {
        let lookup = topo.ns(ns).neighbours.lookup(ip, dev);
        let reason = DropReason::NeighFailed;
        let step = Step::new(Stage::Neigh, Decision::Drop(reason), &skb.packet).on(&dev.name).consulted(lookup);
        // Models arp_error_report: ipv4_link_failure says host unreachable.
        ctx.complain(topo, ns, skb, step, reason, IcmpError::HostUnreach)
    });
    Next::Many(told.collect())
}

fn solicit(topo: &Topology, at: At, dev: &DevRef, ip: IpAddr, n_asked: u32, ctx: &mut Ctx<'_>) -> Next {
    let ns = topo.ns(at.ns);
    ctx.effects.push(Effect::AskAgain { ns: at.ns, dev: dev.clone(), ip, n_asked });
    // arp_announce is 0: any own address will do as the asker's; the device's own comes first.
    let Some(sender_ip) = ns.select_address(at.index, ip) else { return Next::Done };
    let sender_mac = ns.interface(at.index).mac;
    let request =
        wire::arp(ArpSpec { op: ArpOp::Request, sender_mac, sender_ip, target_mac: MacAddr::ZERO, target_ip: ip });
    // Who was there before is asked alone.
    let request = match ns.neighbours.lookup(ip, dev).mac() {
        Some(mac) => request.without_ethernet().with_ethernet(sender_mac, mac, ETHERTYPE_ARP),
        None => request,
    };
    // Named by who asks, not for what: so the step keeps its name under another CNI.
    let name = format!("{}-{}-request", ns.place.short().replace('.', "-"), dev.name.replace('.', "-"));
    let journey = ctx.recorder.journey("arp", &name);
    Next::LinkTx(at, Skb::new(request, journey))
}

fn forward(
    topo: &Topology,
    at: At,
    skb: Skb,
    frame: wire::Packet,
    decision: Decision,
    lookup: Option<crate::net::NeighbourLookup>,
    ctx: &mut Ctx<'_>,
) -> Next {
    let dev = topo.ns(at.ns).interface(at.index).name();
    let mut step = Step::new(Stage::Neigh, decision, &frame).from(&skb.packet).on(dev);
    if let Some(lookup) = lookup {
        step = step.consulted(lookup);
    }
    ctx.record(topo, at.ns, &skb, step);
    Next::LinkTx(at, Skb { packet: frame, ..skb })
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use super::{Ctx, Next, delay_over};
    use crate::base::{Instant, MacAddr, Place, Writer};
    use crate::net::{At, InterfaceKind, NetNs, NsId, Topology};
    use crate::trace::Recorder;

    #[test]
    fn an_entry_that_is_old_is_used_and_asked_alone_five_seconds_later() {
        let mut topo = Topology::default();
        let ns = topo.add_namespace(NetNs::new(Place::Host("a".to_owned()), 1));
        let peer = At { ns: NsId(0), index: 2 };
        let dev = topo.ns_mut(ns).add_interface("eth0", 1500, Writer::Admin, |_| InterfaceKind::Veth { peer });
        topo.ns_mut(ns).add_address(dev.index, "10.0.0.1/24".parse().expect("a network"), Writer::Admin);
        let (ip, mac) = (IpAddr::from([10, 0, 0, 2]), MacAddr::of("b"));
        let after = |secs| Instant::START + Duration::from_secs(secs);
        let neighbours = &mut topo.ns_mut(ns).neighbours;
        let _ = neighbours.ask(ip, &dev);
        let _ = neighbours.confirm(ip, &dev, mac, after(0));
        assert!(!neighbours.used(ip, &dev, after(30)), "REACHABLE is believed for thirty seconds");
        assert!(neighbours.used(ip, &dev, after(31)), "then a use starts the wait");
        assert!(!neighbours.used(ip, &dev, after(32)), "once");

        let mut recorder = Recorder::default();
        let mut ctx = Ctx { now: after(36), recorder: &mut recorder, effects: Vec::new() };
        let Next::LinkTx(_, skb) = delay_over(&mut topo, ns, &dev, ip, &mut ctx) else { panic!("nobody is asked") };
        assert_eq!(skb.packet.ethernet().map(|ethernet| ethernet.dst), Some(mac));
        assert_eq!(topo.ns(ns).neighbours.rows()[0].print(), format!("10.0.0.2 dev eth0 lladdr {mac} PROBE "));
        let _ = topo.ns_mut(ns).neighbours.confirm(ip, &dev, mac, after(36));
        assert!(matches!(delay_over(&mut topo, ns, &dev, ip, &mut ctx), Next::Done), "confirmed in time");
    }
}
