//! A router said that a packet was too large for the way: what this machine remembers of it.
//!
//! Models net/ipv4/icmp.c icmp_unreach and what the protocols' err_handlers make of it: tcp_v4_mtu_reduced,
//! __udp4_lib_err and icmp_err. What TCP does next is the socket's business. Not modelled: `ip_no_pmtu_disc`, errors that
//! name no MTU. Read first: RFC 1191.

use super::{Ctx, route_output, tunnel};
use crate::base::Writer;
use crate::net::{At, Skb, SocketLookup, Topology};
use crate::trace::Written;
use crate::wire::{Icmp, IcmpError, Transport};

/// Notes the MTU that `skb` tells for the packet it quotes, which `socket` sent. Returns the row, if it is news.
pub(crate) fn learn(
    topo: &mut Topology,
    at: At,
    skb: &Skb,
    error: IcmpError,
    socket: &SocketLookup,
    ctx: &Ctx<'_>,
) -> Option<Written> {
    let IcmpError::FragNeeded { mtu } = error else { return None };
    let quoted = skb.packet.quoted()?;
    let dst = quoted.ip_header()?.dst;
    let ns = topo.ns_mut(at.ns);
    let is_ours = match quoted.transport()? {
        Transport::Tcp(_) => matches!(socket, SocketLookup::Connected(..)),
        Transport::Udp(_) => *socket != SocketLookup::None || tunnel::receiver(ns, &quoted).is_some(),
        Transport::Icmp(Icmp::EchoRequest { .. } | Icmp::EchoReply { .. }) | Transport::Other(_) => true,
        Transport::Icmp(_) => false,
    };
    let (_, old_mtu) = route_output(ns, dst).filter(|_| is_ours)?;
    let learned = ns.exceptions.learn(dst, old_mtu, mtu.into(), ctx.now)?;
    Some(Written {
        command: format!("ip route get {dst}"),
        text: format!("{dst} cache {}", learned.print(ctx.now)),
        writer: Writer::Kernel,
    })
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::learn;
    use crate::base::{Instant, Place, Writer};
    use crate::datapath::Ctx;
    use crate::net::{At, Fdb, InterfaceKind, NetNs, NsId, Skb, SocketLookup, Topology, Vxlan};
    use crate::trace::Recorder;
    use crate::wire::{self, IcmpError, IpSpec, Packet};

    const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    fn ip(src: Ipv4Addr, dst: Ipv4Addr) -> IpSpec {
        IpSpec { src, dst, ttl: 64, df: true, id: 1, tos: 0 }
    }

    /// What a node with a tunnel learns when a router says that `packet` was too large.
    fn learned(packet: &Packet) -> Option<usize> {
        let mut topo = Topology::default();
        let mut ns = NetNs::new(Place::Node("a".to_owned()), 1);
        let eth0 = ns.add_interface("eth0", 1500, Writer::Admin, |_| InterfaceKind::Loopback);
        ns.add_address(eth0.index, "10.0.0.1/24".parse().expect("a network"), Writer::Admin);
        ns.add_interface("flannel.1", 1450, Writer::Cni, |dev| {
            InterfaceKind::Vxlan(Vxlan {
                vni: 1,
                port: 8472,
                local: Some(OWN.into()),
                lower: Some(eth0.clone()),
                external: false,
                fdb: Fdb::new(dev.clone()),
            })
        });
        topo.add_namespace(ns);
        let error = IcmpError::FragNeeded { mtu: 1400 };
        let mut recorder = Recorder::default();
        let journey = recorder.journey("ping", "frag-needed");
        let skb = Skb::new(wire::icmp_error(ip(OTHER, OWN), error, packet.bytes()), journey);
        let ctx = Ctx { now: Instant::START, recorder: &mut recorder, effects: Vec::new() };
        let at = At { ns: NsId(0), index: eth0.index };
        let wrote = learn(&mut topo, at, &skb, error, &SocketLookup::None, &ctx);
        let known = topo.ns(NsId(0)).exceptions.get(IpAddr::V4(OTHER)).map(|exception| exception.mtu);
        assert_eq!(wrote.is_some(), known.is_some());
        known
    }

    #[test]
    fn a_tunnels_envelope_and_an_echo_teach_the_node_and_a_strangers_datagram_does_not() {
        let datagram = |port| wire::udp(ip(OWN, OTHER), 40000, port, &[0; 1400]);
        assert_eq!(learned(&datagram(8472)), Some(1400));
        assert_eq!(learned(&datagram(9)), None);
        assert_eq!(learned(&wire::icmp_echo(ip(OWN, OTHER), false, 1, 1, &[0; 1400])), Some(1400));
    }
}
