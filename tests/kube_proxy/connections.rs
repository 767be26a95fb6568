//! Connections that outlive the endpoint they lead to, and which of them a sync forgets.

use kubehop_core::base::{Dice, Instant};
use kubehop_core::k8s::kube_proxy::{Proxier, ProxyMode, service_ports};
use kubehop_core::k8s::objects::Objects;
use kubehop_core::net::NetNs;
use kubehop_core::netfilter::{Connection, CtState, HookView, Passing};
use kubehop_core::trace::Hook;
use kubehop_core::wire::{self, IpSpec, Packet, TcpFlags, TcpOptions, TcpSpec};

use super::cluster::{Cluster, node, read};
use super::flows::view;

const CLUSTER: &str = "
- table: two services
  services:
    - { name: ns1/dns, type: NodePort, clusterIP: 172.30.0.41, externalIPs: [192.168.99.22], loadBalancer: [1.2.3.4], ports: [dns UDP 53 3053, dns-tcp TCP 53 3054] }
    - { name: ns2/other, type: ClusterIP, clusterIP: 172.30.0.42, ports: [p UDP 9999] }
  slices:
    - { service: ns1/dns, ports: [dns UDP 53, dns-tcp TCP 53], endpoints: [10.180.0.1] }
    - { service: ns2/other, ports: [p UDP 9999], endpoints: [10.180.0.1] }
";

/// A node that translates, and a proxier that keeps it true.
struct Node {
    ns: NetNs,
    proxier: Proxier,
}

impl Node {
    fn new(cluster: &Cluster) -> Self {
        let proxier = Proxier::new(ProxyMode::Iptables, cluster.config()).expect("a mode with kube-proxy");
        let mut node = Self { ns: node(), proxier };
        node.sync(&cluster.objects());
        node
    }

    fn sync(&mut self, objects: &Objects) -> Vec<String> {
        self.proxier.sync(&mut self.ns, &service_ports(objects)).conntrack.iter().map(ends).collect()
    }

    /// Sends a packet by the node; returns where it went.
    fn send(&mut self, sport: u16, to: ([u8; 4], u16), is_udp: bool) -> String {
        let ip = IpSpec { src: [10, 0, 0, 2].into(), dst: to.0.into(), ttl: 64, df: true, id: 1, tos: 0 };
        let flags = TcpFlags { syn: true, ..TcpFlags::default() };
        let tcp = TcpSpec { sport, dport: to.1, seq: 1, ack: 0, flags, window: 64240, options: TcpOptions::None };
        let mut packet: Packet = if is_udp { wire::udp(ip, sport, to.1, b"x") } else { wire::tcp(ip, tcp, &[]) };
        let (mut mark, mut ct) = (0, CtState::None);
        for hook in [Hook::Prerouting, Hook::Forward, Hook::Postrouting] {
            let passing = Passing { packet: &mut packet, mark: &mut mark, ct: &mut ct, ipvs: &mut false };
            let view = HookView { oif: Some("eth0".into()), ..view(hook) };
            self.ns.netfilter.run(passing, &view, &mut Dice::new(1, "test"));
        }
        packet.ip_header().expect("an IP packet").dst.to_string()
    }

    fn connections(&self) -> Vec<String> {
        self.ns.netfilter.conntrack.rows(Instant::START).map(ends).collect()
    }
}

fn ends(connection: &Connection) -> String {
    let (original, reply) = (connection.original, connection.reply);
    format!("{} to {}:{} at {}", original.src.1, original.dst.0, original.dst.1, reply.src.0)
}

/// The services with this as the only endpoint's last byte and its conditions.
fn objects(cluster: &Cluster, endpoint: u8, ready: bool, serving: bool, terminating: bool) -> Objects {
    let mut objects = cluster.objects();
    for it in objects.endpoint_slices[0].endpoints.iter_mut() {
        it.addresses = vec![[10, 180, 0, endpoint].into()];
        (it.ready, it.serving, it.terminating) = (ready, serving, terminating);
    }
    objects
}

fn cluster() -> Cluster {
    read(CLUSTER).remove(0)
}

#[test]
fn connections_of_udp_end_with_their_endpoint_and_no_others() {
    let cluster = cluster();
    let mut node = Node::new(&cluster);
    for (sport, to) in [(1, [172, 30, 0, 41]), (2, [192, 168, 99, 22]), (3, [1, 2, 3, 4])] {
        assert_eq!(node.send(sport, (to, 53), true), "10.180.0.1");
        node.send(sport, (to, 53), false);
    }
    node.send(4, ([172, 30, 0, 42], 9999), true);
    node.send(5, ([10, 9, 9, 9], 53), true);
    // To a node port, of whatever machine.
    node.send(6, ([10, 9, 9, 9], 3053), true);
    node.send(7, ([10, 9, 9, 9], 3054), true);
    let gone = node.sync(&objects(&cluster, 2, true, true, false));
    let wanted = [
        "1 to 172.30.0.41:53 at 10.180.0.1",
        "2 to 192.168.99.22:53 at 10.180.0.1",
        "3 to 1.2.3.4:53 at 10.180.0.1",
        "6 to 10.9.9.9:3053 at 10.9.9.9",
    ];
    assert_eq!(gone, wanted);
    assert_eq!(node.connections().len(), 6, "{:?}", node.connections());
    assert_eq!(node.send(1, ([172, 30, 0, 41], 53), true), "10.180.0.2", "the next packet is translated anew");
}

#[test]
fn an_endpoint_that_serves_keeps_its_connections_whatever_else_it_is() {
    for (ready, serving, terminating, is_kept) in
        [(true, true, false, true), (false, true, true, true), (false, true, false, true), (false, false, true, false)]
    {
        let cluster = cluster();
        let mut node = Node::new(&cluster);
        node.send(1, ([172, 30, 0, 41], 53), true);
        let gone = node.sync(&objects(&cluster, 1, ready, serving, terminating));
        assert_eq!(gone.is_empty(), is_kept, "ready {ready}, serving {serving}, terminating {terminating}: {gone:?}");
    }
}

#[test]
fn a_connection_from_before_the_first_endpoint_ends_with_it() {
    let cluster = cluster();
    let mut without = cluster.objects();
    without.services.clear();
    let mut node = Node::new(&cluster);
    node.sync(&without);
    assert_eq!(node.send(1, ([172, 30, 0, 41], 53), true), "172.30.0.41", "nobody translates it yet");
    assert_eq!(node.sync(&cluster.objects()), ["1 to 172.30.0.41:53 at 172.30.0.41"]);
    assert_eq!(node.send(1, ([172, 30, 0, 41], 53), true), "10.180.0.1");
}

#[test]
fn a_service_that_was_deleted_keeps_its_connections() {
    let cluster = cluster();
    let mut node = Node::new(&cluster);
    node.send(1, ([172, 30, 0, 41], 53), true);
    assert_eq!(node.sync(&Objects::default()), [""; 0]);
    assert_eq!(node.send(1, ([172, 30, 0, 41], 53), true), "10.180.0.1", "and goes on being translated");
}
