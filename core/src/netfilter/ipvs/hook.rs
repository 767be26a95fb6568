//! What IPVS does at the hooks: ip_vs_in sends clients' packets to a real server, ip_vs_out gives answers the virtual
//! server's address again, and both do the same to ICMP errors.
//!
//! Models net/netfilter/ipvs/ip_vs_core.c, ip_vs_nfct.c, and ip_vs_xmit.c as far as it rewrites the packet. The sysctls are
//! as kube-proxy leaves them: `conntrack`, `conn_reuse_mode`, `expire_nodest_conn` and `expire_quiescent_template` are 1.
//! Not modelled: that a SYN of a connection whose conntrack entry is still there is dropped once (`conn_reuse_mode`).

use std::net::IpAddr;
use std::sync::Arc;

use super::VirtualServer;
use super::conn::Connection;
use super::service::ServiceKey;
use super::tcp::{State, Way};
use crate::base::{Dice, Instant, ServiceNote, Writer};
use crate::netfilter::conntrack::{CtState, Direction, Tuple};
use crate::netfilter::{AddressType, Flow, HookResult, HookVerdict, HookView, Netfilter, Passing, RejectWith};
use crate::trace::{By, Choice, Decision, DropReason, Ends, HookFunction, Stage, Step, Written};
use crate::wire::{End, Icmp, IcmpError, Packet, Transport};

/// A packet that IPVS sends to another machine: it leaves the hook, and is sent from here as if it were made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    conn: usize,
    /// The real server's address.
    pub to: IpAddr,
    /// Whether it is an ICMP error about an answer.
    pub is_icmp: bool,
    stage: Stage,
}

impl Transmit {
    /// The hook's function that sends it.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }
}

/// Source and destination of a segment or a datagram.
fn ends(packet: &Packet) -> Option<Tuple> {
    Tuple::of(packet).filter(|tuple| matches!(tuple.protocol, 6 | 17))
}

/// The same of the packet that an ICMP error quotes.
fn quoted_ends(packet: &Packet) -> Option<Tuple> {
    match packet.transport() {
        Some(Transport::Icmp(Icmp::Error(_))) => packet.quoted().and_then(|quoted| ends(&quoted)),
        _ => None,
    }
}

fn begins(packet: &Packet) -> bool {
    match packet.transport() {
        Some(Transport::Tcp(tcp)) => tcp.syn && !tcp.rst,
        Some(Transport::Udp(_)) => true,
        _ => false,
    }
}

impl Netfilter {
    /// Clients' packets, and errors about what was answered to them. Models ip_vs_in_hook.
    pub(in crate::netfilter) fn ip_vs_in(
        &mut self,
        passing: &mut Passing<'_>,
        view: &HookView,
        dice: &mut Dice,
        result: &mut HookResult,
    ) {
        if *passing.ipvs {
            return;
        }
        self.ipvs.now = view.now;
        self.ip_vs_in_icmp(passing, view, HookFunction::IpvsIn, result);
        let Some(tuple) = ends(passing.packet) else { return };
        let key = ServiceKey { protocol: tuple.protocol, address: tuple.dst };
        let stage = Stage::Netfilter(view.hook, HookFunction::IpvsIn);
        let known = self.ipvs.connections.of_request(tuple.src, key, view.now);
        let known = known.filter(|idx| !self.is_to_be_scheduled_anew(*idx, passing));
        let conn = match known {
            Some(conn) => conn,
            None => match self.begin(tuple, key, stage, passing, view, dice, result) {
                Some(conn) => conn,
                None => return,
            },
        };
        let Connection { real, service, client, .. } = *self.ipvs.connections.get(conn);
        if !self.ipvs.is_available(service, real) {
            // Models expire_nodest_conn: the next packet finds another real server.
            let lookup = self.ipvs.conn_lookup(conn, view.now);
            self.ipvs.connections.forget(conn);
            self.drop_conntrack(client, service);
            let decision = Decision::Drop(DropReason::NetfilterDrop);
            result.steps.push(Step::new(stage, decision, passing.packet).consulted(lookup));
            result.verdict = HookVerdict::Drop;
            return;
        }
        self.ipvs.connections.advance(conn, passing.packet, Way::Input, view.now);
        self.send(Transmit { conn, to: real.0, is_icmp: false, stage }, passing, view, result);
    }

    /// Schedules a new connection. `None` if the packet is not for a virtual server, or nobody serves it.
    #[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename the arguments")]
    fn begin(
        &mut self,
        tuple: Tuple,
        key: ServiceKey,
        stage: Stage,
        passing: &Passing<'_>,
        view: &HookView,
        dice: &mut Dice,
        result: &mut HookResult,
    ) -> Option<usize> {
        let service = self.ipvs.service(key).filter(|_| begins(passing.packet))?.clone();
        let Some(scheduled) = self.ipvs.schedule(&service, tuple.src.0, view.now, dice) else {
            // Models ip_vs_leave: nobody can answer in the virtual server's stead.
            let decision = Decision::Drop(DropReason::NetfilterDrop);
            let lookup = self.ipvs.service_lookup(key, None, view.now);
            result.steps.push(Step::new(stage, decision, passing.packet).consulted(lookup).about(note(&service)));
            result.verdict = HookVerdict::Reject(RejectWith::Icmp(IcmpError::PortUnreach));
            return None;
        };
        let lookup = self.ipvs.service_lookup(key, Some(scheduled.real), view.now);
        let conn = self.ipvs.connections.begin(tuple.src, &service, scheduled.real, view.now);
        self.ipvs.connections.advance(conn, passing.packet, Way::Input, view.now);
        let decision = Decision::Schedule {
            service: tuple.dst,
            to: scheduled.real,
            scheduler: service.scheduler.name(),
            n_servers: scheduled.candidates.len(),
            is_kept: scheduled.is_kept,
            says: service.says.clone(),
        };
        let written = Written {
            command: "ipvsadm -lnc".to_owned(),
            text: self.ipvs.connections.get(conn).print(view.now),
            writer: Writer::Kernel,
        };
        let step = Step::new(stage, decision, passing.packet).consulted(lookup).wrote(Some(written));
        result.steps.push(step.about(note(&service)));
        result.choice = Some(Choice { destinations: scheduled.candidates, chosen: scheduled.real, masqueraded: false });
        Some(conn)
    }

    /// Whether a SYN of a known connection begins another one. Models is_new_conn_expected with `conn_reuse_mode` 1, and
    /// that a real server of weight 0 keeps none.
    fn is_to_be_scheduled_anew(&self, idx: usize, passing: &Passing<'_>) -> bool {
        let is_syn = matches!(passing.packet.transport(), Some(Transport::Tcp(tcp)) if tcp.syn && !tcp.is_ack);
        let is_old = matches!(*passing.ct, CtState::Tracked { id, .. } if self.conntrack.get(id).confirmed);
        let row = self.ipvs.connections.get(idx);
        let real =
            self.ipvs.service(row.service).and_then(|it| it.real_servers.iter().find(|it| it.address == row.real));
        let is_over = matches!(row.tcp, Some(State::TimeWait | State::Close)) || real.is_some_and(|it| it.weight == 0);
        is_syn && !is_old && is_over
    }

    /// Errors about answers go to the real server that gave them. Models ip_vs_in_icmp.
    pub(in crate::netfilter) fn ip_vs_in_icmp(
        &mut self,
        passing: &mut Passing<'_>,
        view: &HookView,
        function: HookFunction,
        result: &mut HookResult,
    ) {
        let Some(quoted) = quoted_ends(passing.packet).filter(|_| !*passing.ipvs) else { return };
        let key = ServiceKey { protocol: quoted.protocol, address: quoted.src };
        let Some(conn) = self.ipvs.connections.of_request(quoted.dst, key, view.now) else { return };
        let to = self.ipvs.connections.get(conn).real.0;
        let stage = Stage::Netfilter(view.hook, function);
        self.send(Transmit { conn, to, is_icmp: true, stage }, passing, view, result);
    }

    /// To this machine itself a packet goes on where it is; to another it leaves the hook.
    fn send(&mut self, transmit: Transmit, passing: &mut Passing<'_>, view: &HookView, result: &mut HookResult) {
        if view.facts.address_type(transmit.to, None) != AddressType::Local {
            result.verdict = HookVerdict::Transmit(transmit);
            return;
        }
        let Passing { packet, mark, ct, ipvs } = passing;
        let step = self.rewrite(transmit, Passing { packet, mark, ct, ipvs }, view.now);
        result.steps.push(step);
    }

    /// Gives a packet the address of its real server. Models the last part of ip_vs_nat_xmit and ip_vs_icmp_xmit.
    pub(crate) fn rewrite(&mut self, transmit: Transmit, passing: Passing<'_>, now: Instant) -> Step {
        let lookup = self.ipvs.conn_lookup(transmit.conn, now);
        let connection = self.ipvs.connections.get(transmit.conn);
        let (service, real, by) = (connection.service.address, connection.real, entry(connection));
        let before = passing.packet.clone();
        let decision = if transmit.is_icmp {
            translate_error(passing.packet, End::Destination, real, by)
        } else {
            translate(passing.packet, End::Destination, service, real, by)
        };
        self.update_conntrack(*passing.ct, |reply| reply.src = real);
        *passing.ipvs = true;
        Step::new(transmit.stage, decision, passing.packet).from(&before).consulted(lookup)
    }

    /// Answers of real servers, and errors about what was sent to them. Models ip_vs_out_hook.
    pub(in crate::netfilter) fn ip_vs_out(
        &mut self,
        passing: &mut Passing<'_>,
        view: &HookView,
        result: &mut HookResult,
    ) {
        if *passing.ipvs {
            return;
        }
        // What an error quotes went to the real server.
        let quoted = quoted_ends(passing.packet);
        let Some(answer) = quoted.map(Tuple::invert).or_else(|| ends(passing.packet)) else { return };
        let found = self.ipvs.connections.of_reply(answer.protocol, answer.src, answer.dst, view.now);
        let Some(conn) = found else { return };
        let connection = self.ipvs.connections.get(conn);
        let (service, by) = (connection.service.address, entry(connection));
        let before = passing.packet.clone();
        let decision = if quoted.is_some() {
            translate_error(passing.packet, End::Source, service, by)
        } else {
            self.ipvs.connections.advance(conn, passing.packet, Way::Output, view.now);
            translate(passing.packet, End::Source, answer.src, service, by)
        };
        self.update_conntrack(*passing.ct, |reply| reply.dst = service);
        *passing.ipvs = true;
        let lookup = self.ipvs.conn_lookup(conn, view.now);
        let stage = Stage::Netfilter(view.hook, HookFunction::IpvsOut);
        result.steps.push(Step::new(stage, decision, passing.packet).from(&before).consulted(lookup));
    }

    /// A new connection's entry learns what its answers will look like. Models ip_vs_update_conntrack.
    fn update_conntrack(&mut self, ct: CtState, change: impl FnOnce(&mut Tuple)) {
        let CtState::Tracked { id, direction: Direction::Original, .. } = ct else { return };
        let connection = self.conntrack.get_mut(id);
        if !connection.confirmed && !connection.dying {
            change(&mut connection.reply);
        }
    }

    /// Models ip_vs_conn_drop_conntrack.
    fn drop_conntrack(&mut self, client: (IpAddr, u16), service: ServiceKey) {
        let original = Tuple { protocol: service.protocol, src: client, dst: service.address };
        self.conntrack.delete(|connection| connection.original == original);
    }

    /// The virtual server that a packet came to, once it has been sent on. Models ipvs_mt of xt_ipvs.c.
    pub(in crate::netfilter) fn virtual_server(
        &self,
        flow: &Flow,
        passing: &Passing<'_>,
        now: Instant,
    ) -> Option<ServiceKey> {
        let (sport, dport) = flow.ports.filter(|_| *passing.ipvs)?;
        let conn = self.ipvs.connections.of_reply(flow.protocol, (flow.dst, dport), (flow.src, sport), now)?;
        Some(self.ipvs.connections.get(conn).service)
    }
}

/// For which service a virtual server is.
fn note(service: &VirtualServer) -> Option<Arc<ServiceNote>> {
    Some(Arc::new(ServiceNote { name: service.says.to_string(), refusal: None }))
}

/// What a connection says of its packets' addresses.
fn entry(connection: &Connection) -> By {
    let Connection { client, service, real, .. } = connection;
    By::Entry { original: Ends { src: *client, dst: service.address }, reply: Ends { src: *real, dst: *client } }
}

fn translate(packet: &mut Packet, end: End, from: (IpAddr, u16), to: (IpAddr, u16), by: By) -> Decision {
    if let IpAddr::V4(ip) = to.0 {
        packet.translate(end, ip, to.1);
    }
    Decision::Translate { end, from, to, by }
}

/// Gives an error the address `to` at one end, and what it quotes the same at the other. Models ip_vs_nat_icmp.
fn translate_error(packet: &mut Packet, end: End, to: (IpAddr, u16), by: By) -> Decision {
    let ip = packet.ip_header();
    let from = ip.map_or(to.0, |ip| if end == End::Source { ip.src } else { ip.dst });
    if let IpAddr::V4(ip) = to.0 {
        packet.translate_quoted(end.other(), ip, to.1);
        packet.translate_address(end, ip);
    }
    Decision::Translate { end, from: (from, 0), to: (to.0, 0), by }
}
