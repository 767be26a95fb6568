//! Virtual servers on a machine without devices: who gets a connection, and what becomes of its packets.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use super::tcp::{State, Way, step};
use super::{RealServer, Scheduler, ServiceKey, VirtualServer};
use crate::base::{Dice, Instant, Writer};
use crate::netfilter::fixtures::Nowhere;
use crate::netfilter::{CtState, HookResult, HookVerdict, HookView, Netfilter, Passing, RejectWith};
use crate::trace::{Decision, Hook, HookFunction, Stage};
use crate::wire::{IcmpError, IpSpec, Packet, Tcp, TcpFlags, TcpOptions, TcpSpec, Transport, icmp_error, tcp, udp};

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 2);
const VIP: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
const REAL: [Ipv4Addr; 3] = [Ipv4Addr::new(10, 244, 1, 2), Ipv4Addr::new(10, 244, 1, 3), Ipv4Addr::new(10, 244, 1, 4)];
/// An address of the machine itself.
const OWN: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 2);

fn service(scheduler: Scheduler, weights: &[u32]) -> VirtualServer {
    let real = |(ip, weight): (&Ipv4Addr, &u32)| RealServer { address: (IpAddr::V4(*ip), 8080), weight: *weight };
    VirtualServer {
        key: ServiceKey { protocol: 6, address: (VIP.into(), 80) },
        scheduler,
        persistence_secs: None,
        real_servers: REAL.iter().zip(weights).map(real).collect(),
        says: "default/web".into(),
        writer: Writer::KubeProxy,
    }
}

fn netfilter(service: VirtualServer) -> Netfilter {
    let mut netfilter = Netfilter::default();
    netfilter.ipvs.extend([service]);
    netfilter
}

fn ip(src: Ipv4Addr, dst: Ipv4Addr) -> IpSpec {
    IpSpec { src, dst, ttl: 64, df: true, id: 1, tos: 0 }
}

fn segment(src: (Ipv4Addr, u16), dst: (Ipv4Addr, u16), flags: TcpFlags) -> Packet {
    let spec = TcpSpec { sport: src.1, dport: dst.1, seq: 1, ack: 1, flags, window: 64000, options: TcpOptions::None };
    tcp(ip(src.0, dst.0), spec, &[])
}

const SYN: TcpFlags = TcpFlags { syn: true, ack: false, fin: false, rst: false, psh: false };
const ACK: TcpFlags = TcpFlags { syn: false, ack: true, fin: false, rst: false, psh: false };

/// Sends a packet through a hook.
fn pass(netfilter: &mut Netfilter, hook: Hook, packet: &mut Packet, now: Instant, dice: &mut Dice) -> HookResult {
    let view = HookView {
        hook,
        iif: None,
        oif: None,
        physin: None,
        physout: None,
        next_hop: None,
        now,
        facts: Arc::new(Nowhere),
    };
    let passing = Passing { packet, mark: &mut 0, ct: &mut CtState::None, ipvs: &mut false };
    netfilter.run(passing, &view, dice)
}

/// Where IPVS sends a SYN from this port of `client`.
fn sent(netfilter: &mut Netfilter, client: (Ipv4Addr, u16), now: Instant, dice: &mut Dice) -> Option<IpAddr> {
    let result = pass(netfilter, Hook::Input, &mut segment(client, (VIP, 80), SYN), now, dice);
    match result.verdict {
        HookVerdict::Transmit(transmit) => Some(transmit.to),
        _ => None,
    }
}

/// How often each real server got one of `n` connections from different ports.
fn shares(scheduler: Scheduler, weights: &[u32], n: u16) -> BTreeMap<IpAddr, u32> {
    let mut netfilter = netfilter(service(scheduler, weights));
    let mut dice = Dice::new(1, "node/node-a");
    let mut shares = BTreeMap::new();
    for port in 0..n {
        let to = sent(&mut netfilter, (CLIENT, 40000 + port), Instant::START, &mut dice).expect("a real server");
        *shares.entry(to).or_insert(0) += 1;
    }
    shares
}

fn counts(counts: &[u32]) -> BTreeMap<IpAddr, u32> {
    let all = REAL.iter().map(|ip| IpAddr::V4(*ip)).zip(counts.iter().copied());
    all.filter(|(_, count)| *count > 0).collect()
}

#[test]
fn schedulers_share_connections_as_their_names_say() {
    assert_eq!(shares(Scheduler::Rr, &[1, 1, 1], 30), counts(&[10, 10, 10]));
    assert_eq!(shares(Scheduler::Rr, &[1, 0, 5], 30), counts(&[15, 0, 15]));
    assert_eq!(shares(Scheduler::Wrr, &[1, 2, 3], 30), counts(&[5, 10, 15]));
    assert_eq!(shares(Scheduler::Wrr, &[4, 0, 2], 30), counts(&[20, 0, 10]));
    assert_eq!(shares(Scheduler::Lc, &[1, 1, 0], 30), counts(&[15, 15, 0]));
    assert_eq!(shares(Scheduler::Sh, &[1, 1, 1], 30).len(), 1, "one client, one real server");
}

#[test]
fn the_hash_of_the_source_is_the_kernels() {
    // The upper eight bits of the address times 0x61c88647 are the bucket: 133, 231, 72, 170 of 256, which the three real servers
    // fill in turn.
    for (host, idx) in [(2, 1), (3, 0), (4, 0), (5, 2)] {
        let client = Ipv4Addr::new(10, 244, 0, host);
        let mut netfilter = netfilter(service(Scheduler::Sh, &[1, 1, 1]));
        let to = sent(&mut netfilter, (client, 40000), Instant::START, &mut Dice::new(1, "x"));
        assert_eq!(to, Some(REAL[idx].into()), "{client}");
    }
}

#[test]
fn a_persistent_client_stays_and_returns_while_its_template_lives() {
    let persistent = VirtualServer { persistence_secs: Some(600), ..service(Scheduler::Rr, &[1, 1, 1]) };
    let mut netfilter = netfilter(persistent.clone());
    let mut dice = Dice::new(3, "node/node-a");
    let first = sent(&mut netfilter, (CLIENT, 40000), Instant::START, &mut dice);
    for port in 40001..40010 {
        assert_eq!(sent(&mut netfilter, (CLIENT, port), Instant::START, &mut dice), first);
    }
    let later = Instant::START + Duration::from_secs(601);
    assert_ne!(sent(&mut netfilter, (CLIENT, 41000), later, &mut dice), first, "its time is over");
    // A real server that gets no new connections keeps no clients either (expire_quiescent_template).
    let mut quiet = persistent;
    quiet.real_servers.iter_mut().for_each(|real| real.weight = u32::from(Some(real.address.0) == first));
    netfilter.ipvs.extend([quiet]);
    assert_eq!(sent(&mut netfilter, (CLIENT, 41001), later, &mut dice), first);
}

#[test]
fn a_virtual_server_without_real_ones_refuses() {
    let mut netfilter = netfilter(service(Scheduler::Rr, &[]));
    let mut syn = segment((CLIENT, 40000), (VIP, 80), SYN);
    let result = pass(&mut netfilter, Hook::Input, &mut syn, Instant::START, &mut Dice::new(1, "x"));
    assert_eq!(result.verdict, HookVerdict::Reject(RejectWith::Icmp(IcmpError::PortUnreach)));
    // What begins no connection is not for it to refuse.
    let mut ack = segment((CLIENT, 40000), (VIP, 80), ACK);
    let result = pass(&mut netfilter, Hook::Input, &mut ack, Instant::START, &mut Dice::new(1, "x"));
    assert_eq!(result.verdict, HookVerdict::Accept);
}

#[test]
fn a_packet_whose_real_server_is_gone_is_dropped_and_the_next_is_scheduled_anew() {
    let mut netfilter = netfilter(service(Scheduler::Rr, &[1]));
    let mut dice = Dice::new(1, "x");
    assert_eq!(sent(&mut netfilter, (CLIENT, 40000), Instant::START, &mut dice), Some(REAL[0].into()));
    let mut other = service(Scheduler::Rr, &[1, 1]);
    other.real_servers.remove(0);
    netfilter.ipvs.extend([other]);
    let syn = || segment((CLIENT, 40000), (VIP, 80), SYN);
    let result = pass(&mut netfilter, Hook::Input, &mut syn(), Instant::START, &mut dice);
    assert_eq!(result.verdict, HookVerdict::Drop);
    assert_eq!(sent(&mut netfilter, (CLIENT, 40000), Instant::START, &mut dice), Some(REAL[1].into()));
}

#[test]
fn a_real_server_on_this_machine_gets_the_packet_where_it_is() {
    let mut local = service(Scheduler::Rr, &[1]);
    local.real_servers[0].address = (OWN.into(), 6443);
    let mut netfilter = netfilter(local);
    let mut syn = segment((CLIENT, 40000), (VIP, 80), SYN);
    let result = pass(&mut netfilter, Hook::Input, &mut syn, Instant::START, &mut Dice::new(1, "x"));
    assert_eq!(result.verdict, HookVerdict::Accept);
    assert_eq!(syn.ip_header().map(|ip| (ip.dst, ip.ttl)), Some((OWN.into(), 64)), "nothing is forwarded");
}

#[test]
fn an_answer_and_an_error_come_from_the_virtual_server() {
    let mut netfilter = netfilter(service(Scheduler::Rr, &[1]));
    let mut dice = Dice::new(1, "x");
    sent(&mut netfilter, (CLIENT, 40000), Instant::START, &mut dice);
    let mut answer = segment((REAL[0], 8080), (CLIENT, 40000), ACK);
    pass(&mut netfilter, Hook::Forward, &mut answer, Instant::START, &mut dice);
    assert_eq!(answer.ip_header().map(|ip| ip.src), Some(VIP.into()));
    assert!(matches!(answer.transport(), Some(Transport::Tcp(Tcp { sport: 80, .. }))));
    assert!(answer.checksums_valid());
    // An error about what the client sent, as it was when it had gone through here.
    let quote = segment((CLIENT, 40000), (REAL[0], 8080), ACK);
    let mut error = icmp_error(ip(REAL[0], CLIENT), IcmpError::HostUnreach, quote.bytes());
    let result = pass(&mut netfilter, Hook::Forward, &mut error, Instant::START, &mut dice);
    assert!(result.steps.iter().any(|step| step.stage == Stage::Netfilter(Hook::Forward, HookFunction::IpvsOut)));
    let quoted = error.quoted().expect("a quote");
    assert_eq!(error.ip_header().map(|ip| ip.src), Some(VIP.into()));
    assert_eq!(quoted.ip_header().map(|ip| ip.dst), Some(VIP.into()));
    assert!(matches!(quoted.transport(), Some(Transport::Tcp(Tcp { dport: 80, .. }))));
    assert!(error.checksums_valid());
}

#[test]
fn an_error_about_an_answer_goes_to_the_real_server() {
    let mut netfilter = netfilter(service(Scheduler::Rr, &[1]));
    let mut dice = Dice::new(1, "x");
    sent(&mut netfilter, (CLIENT, 40000), Instant::START, &mut dice);
    let quote = segment((VIP, 80), (CLIENT, 40000), ACK);
    let mut error = icmp_error(ip(CLIENT, VIP), IcmpError::FragNeeded { mtu: 1400 }, quote.bytes());
    let result = pass(&mut netfilter, Hook::Input, &mut error, Instant::START, &mut dice);
    let HookVerdict::Transmit(transmit) = result.verdict else { panic!("{:?}", result.verdict) };
    let (mark, ct, ipvs) = (&mut 0, &mut CtState::None, &mut false);
    let step = netfilter.rewrite(transmit, Passing { packet: &mut error, mark, ct, ipvs }, Instant::START);
    assert!(matches!(step.decision, Decision::Translate { .. }));
    assert_eq!(error.ip_header().map(|ip| ip.dst), Some(REAL[0].into()));
    let quoted = error.quoted().expect("a quote");
    assert_eq!(quoted.ip_header().map(|ip| ip.src), Some(REAL[0].into()));
    assert!(matches!(quoted.transport(), Some(Transport::Tcp(Tcp { sport: 8080, .. }))));
    assert!(error.checksums_valid());
}

#[test]
fn datagrams_of_one_client_stay_together_for_five_minutes() {
    let mut datagrams = service(Scheduler::Rr, &[1, 1, 1]);
    datagrams.key.protocol = 17;
    let mut netfilter = netfilter(datagrams);
    let mut dice = Dice::new(1, "x");
    let mut send = |secs| {
        let mut packet = udp(ip(CLIENT, VIP), 40000, 80, b"x");
        let now = Instant::START + Duration::from_secs(secs);
        match pass(&mut netfilter, Hook::Output, &mut packet, now, &mut dice).verdict {
            HookVerdict::Transmit(transmit) => transmit.to,
            other => panic!("{other:?}"),
        }
    };
    let first = send(0);
    assert_eq!((send(299), send(598)), (first, first));
    assert_ne!(send(898), first);
}

#[test]
fn a_connection_goes_through_the_states_of_the_kernel() {
    use State::{Close, CloseWait, Established, FinWait, None, SynRecv, SynSent, TimeWait};
    const FIN: TcpFlags = TcpFlags { fin: true, ..ACK };
    const RST: TcpFlags = TcpFlags { rst: true, ..ACK };
    let walk = |steps: &[(Way, TcpFlags)]| {
        steps.iter().fold(None, |state, (way, flags)| {
            let packet = segment((CLIENT, 1), (VIP, 2), *flags);
            match packet.transport() {
                Some(Transport::Tcp(tcp)) => step(state, &tcp, *way),
                _ => state,
            }
        })
    };
    let (client, server) = (Way::Input, Way::Output);
    let open = [(client, SYN), (server, TcpFlags { ack: true, ..SYN }), (client, ACK)];
    let after = |more: &[(Way, TcpFlags)]| walk(&[&open[..], more].concat());
    assert_eq!(walk(&open[..1]), SynRecv);
    assert_eq!(walk(&open[..2]), SynRecv);
    assert_eq!(after(&[]), Established);
    assert_eq!(after(&[(client, FIN)]), CloseWait);
    assert_eq!(after(&[(client, FIN), (server, FIN)]), TimeWait);
    assert_eq!(after(&[(client, FIN), (server, FIN), (client, ACK)]), TimeWait);
    assert_eq!(after(&[(server, FIN)]), FinWait);
    assert_eq!(after(&[(server, FIN), (client, FIN)]), TimeWait);
    assert_eq!(after(&[(server, RST)]), Close);
    assert_eq!(walk(&[(server, SYN)]), SynSent);
    let seconds = [(Established, 900), (SynRecv, 60), (FinWait, 120), (TimeWait, 120), (Close, 10), (CloseWait, 60)];
    for (state, secs) in seconds {
        assert_eq!(state.timeout(), Duration::from_secs(secs), "{}", state.name());
    }
}
