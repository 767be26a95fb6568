//! Services asked from outside: node ports, external addresses, load balancers.
//!
//! Models bpf/lib/nodeport.h in SNAT mode: nodeport_lb4, nodeport_snat_fwd_ipv4, nodeport_rev_dnat_ipv4. A backend on
//! this node sees the client; one on another node sees this node, so that its answers come back here.
//! Not modelled: DSR, session affinity.

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::conntrack::new_row;
use super::{Passed, Run, Verdict};
use crate::datapath::route::{Routed, lookup};
use crate::datapath::{Ctx, Next};
use crate::net::{
    BpfTuple, CtDirection, CtRow, FlowKey, LbKey, LbRow, LbValue, NsId, Skb, SnatRow, Topology, TransportProtocol,
    identity,
};
use crate::trace::{By, Choice, Decision, DropReason, JourneyId, Stage, Step};
use crate::wire::{self, ETHERTYPE_IPV4, End, IcmpError, IpSpec};

/// Ports that translated sources may have: above all node ports.
const SNAT_PORTS: std::ops::RangeInclusive<u16> = 32768..=65535;
/// Bytes of the packet that the programs' own ICMP error quotes.
const SAMPLE_LEN: usize = 64;

impl Run<'_, '_, '_> {
    /// Models nodeport_lb4.
    pub(super) fn node_port(mut self) -> Verdict {
        if self.translate_frag_needed() {
            return Verdict::Continue(Passed { skb: self.skb, is_host: false });
        }
        let tuple = match self.tuple(CtDirection::Svc) {
            Ok(Some(tuple)) if tuple.protocol != TransportProtocol::Icmp => tuple,
            Ok(_) => return self.pass(),
            Err(reason) => return Verdict::Break(self.drop(reason)),
        };
        let Some(lookup) = self.bpf().map(|bpf| bpf.lb.service(tuple.dst, tuple.protocol, false)) else {
            return self.pass();
        };
        let service = lookup.row().cloned();
        self.consulted.push(Arc::new(lookup));
        match service {
            Some(service) => self.request(&service, tuple),
            None => match self.answer_to_node_port() {
                ControlFlow::Break(next) => Verdict::Break(next),
                ControlFlow::Continue(run) => run.pass(),
            },
        }
    }

    fn request(mut self, service: &LbRow, tuple: BpfTuple) -> Verdict {
        let LbValue::Service { count, flags, source_ranges } = &service.value else { return self.pass() };
        if !source_ranges.is_empty() && !source_ranges.iter().any(|net| net.contains(&tuple.src.0)) {
            return Verdict::Break(self.drop(DropReason::BpfNotInSrcRange));
        }
        if flags.non_routable {
            return Verdict::Break(self.drop(DropReason::BpfIsClusterIp));
        }
        if *count == 0 {
            return Verdict::Break(self.no_service());
        }
        let Some((id, backend)) = self.select(service, tuple) else {
            return Verdict::Break(self.drop(DropReason::BpfNoService));
        };
        let is_local = self.bpf().is_some_and(|bpf| bpf.endpoints.lookup(backend.0).row().is_some());
        self.choose(service.key, backend, !is_local);
        self.translate_packet(End::Destination, backend);
        let connection = BpfTuple { direction: CtDirection::Out, dst: backend, ..tuple };
        match self.connection(connection) {
            Some(row) => self.refresh(&row),
            None => {
                let row = new_row(connection, identity::WORLD, self.ctx.now);
                self.remember(CtRow { node_port: true, rev_nat: service.rev_nat, backend: id, ..row });
            }
        }
        self.record(translated(End::Destination, tuple.dst, backend));
        match is_local {
            // With legacy host routing the stack takes it from here.
            true => Verdict::Continue(Passed { skb: self.skb, is_host: false }),
            false => Verdict::Break(self.snat(connection)),
        }
    }

    /// The backend of a connection: the one that it has, or one that is drawn. Models lb4_local.
    fn select(&mut self, service: &LbRow, tuple: BpfTuple) -> Option<(u32, (IpAddr, u16))> {
        let known = self.connection(tuple);
        if let Some(row) = &known {
            self.refresh(row);
        }
        let known = known.map(|row| row.backend);
        let slots = |run: &Self| -> Vec<LbRow> {
            let Some(bpf) = run.bpf() else { return Vec::new() };
            let keys = (1..=service.count()).map(|slot| LbKey { slot, ..service.key });
            keys.filter_map(|key| bpf.lb.lookup(key).row().cloned()).collect()
        };
        let slot = match known {
            Some(id) => slots(self).iter().find(|row| backend_id(row) == Some(id))?.key,
            None => {
                let slot = self.topo.ns_mut(self.at.ns).dice.below(u32::from(service.count())) + 1;
                LbKey { slot: u16::try_from(slot).ok()?, ..service.key }
            }
        };
        let lookup = self.bpf()?.lb.lookup(slot);
        let row = lookup.row().cloned()?;
        self.consulted.push(Arc::new(lookup));
        let chosen = (backend_id(&row)?, row.backend()?);
        if known.is_none() {
            let entry = new_row(tuple, identity::WORLD, self.ctx.now);
            self.remember(CtRow { rev_nat: service.rev_nat, backend: chosen.0, ..entry });
        }
        Some(chosen)
    }

    fn choose(&mut self, service: LbKey, chosen: (IpAddr, u16), masqueraded: bool) {
        let Some(bpf) = self.bpf() else { return };
        let choice = choice(bpf.lb.backends(service).collect(), chosen, masqueraded);
        self.ctx.recorder.choose(choice);
    }

    /// To a backend on another node. Models tail_nodeport_nat_egress_ipv4.
    fn snat(mut self, connection: BpfTuple) -> Next {
        // The first piece of a datagram is noted under its new address too: whoever asks next knows no other.
        if let Err(reason) = self.tuple(CtDirection::Out) {
            return self.drop(reason);
        }
        let tunnel = self.remote(connection.dst.0).and_then(|row| row.tunnel_endpoint);
        let Some(bpf) = self.bpf() else { return Next::Done };
        let tunnel = bpf.encap.clone().zip(tunnel);
        let own = if tunnel.is_some() { bpf.gateway } else { bpf.node_ip };
        let known = bpf.nat.lookup(connection).row().map(|row| row.to);
        let source = match known {
            Some(source) => source,
            None => {
                let port = self.free_port(connection, own);
                let back = BpfTuple { direction: CtDirection::In, src: connection.dst, dst: (own, port), ..connection };
                for row in [SnatRow { tuple: connection, to: (own, port) }, SnatRow { tuple: back, to: connection.src }]
                {
                    let written = self.bpf_mut().map(|bpf| bpf.nat.update(row));
                    self.wrote.extend(written);
                }
                (own, port)
            }
        };
        let lookup = self.bpf().map(|bpf| bpf.nat.lookup(connection));
        if let Some(lookup) = lookup {
            self.consulted.push(Arc::new(lookup));
        }
        self.translate(End::Source, connection.src, source);
        match tunnel {
            Some((encap, remote)) => self.encap(&encap, remote, identity::WORLD, true),
            None => self.fib_redirect(),
        }
    }

    /// The client's own port if nobody has it, else another. Models snat_v4_new_mapping.
    fn free_port(&mut self, connection: BpfTuple, own: IpAddr) -> u16 {
        let (first, last) = (*SNAT_PORTS.start(), *SNAT_PORTS.end());
        let drawn = self.topo.ns_mut(self.at.ns).dice.below(u32::from(last - first) + 1);
        let wanted = connection.src.1;
        let start = if SNAT_PORTS.contains(&wanted) { wanted } else { first + u16::try_from(drawn).unwrap_or(0) };
        let is_free = |port: &u16| {
            let back = BpfTuple { direction: CtDirection::In, src: connection.dst, dst: (own, *port), ..connection };
            self.bpf().is_none_or(|bpf| bpf.nat.lookup(back).row().is_none())
        };
        (start..=last).chain(first..start).find(is_free).unwrap_or(start)
    }

    /// An answer from a backend on another node goes back to the client; what is none goes on.
    ///
    /// Models nodeport_nat_ingress_ipv4 and nodeport_rev_dnat_ingress_ipv4.
    pub(super) fn answer_to_node_port(mut self) -> ControlFlow<Next, Self> {
        if !self.has_kube_proxy_replacement() {
            return ControlFlow::Continue(self);
        }
        let tuple = match self.tuple(CtDirection::In) {
            Ok(Some(tuple)) => tuple,
            Ok(None) => return ControlFlow::Continue(self),
            Err(reason) => return ControlFlow::Break(self.drop(reason)),
        };
        let Some(lookup) = self.bpf().map(|bpf| bpf.nat.lookup(tuple)) else { return ControlFlow::Continue(self) };
        let client = lookup.row().map(|row| row.to);
        self.consulted.push(Arc::new(lookup));
        let Some(client) = client else { return ControlFlow::Continue(self) };
        self.translate(End::Destination, tuple.dst, client);
        let asked = BpfTuple { direction: CtDirection::Out, src: client, dst: tuple.src, ..tuple };
        ControlFlow::Break(match self.connection(asked).filter(|row| row.node_port) {
            Some(row) => self.answer_of_node_port(&row),
            None => self.fib_redirect(),
        })
    }

    /// An answer gets the service's address as its source, and leaves. Models nodeport_rev_dnat_ipv4.
    pub(super) fn answer_of_node_port(mut self, row: &CtRow) -> Next {
        if let Err(reason) = self.tuple(CtDirection::Out) {
            return self.drop(reason);
        }
        if let Some(service) = self.bpf().and_then(|bpf| bpf.lb.reverse_nat(row.rev_nat)) {
            self.translate(End::Source, row.tuple.dst, service);
        }
        self.fib_redirect()
    }

    /// Gives the packet another end, and says so.
    pub(super) fn translate(&mut self, end: End, from: (IpAddr, u16), to: (IpAddr, u16)) {
        self.translate_packet(end, to);
        self.record(translated(end, from, to));
    }

    fn translate_packet(&mut self, end: End, to: (IpAddr, u16)) {
        if let IpAddr::V4(ip) = to.0 {
            self.skb.packet.translate(end, ip, to.1);
        }
    }

    /// Out by the routing table, without the stack. Models lib/fib.h fib_redirect_v4 with bpf_redirect_neigh.
    fn fib_redirect(mut self) -> Next {
        let Some((src, dst)) = self.addresses() else { return Next::Done };
        let decided = lookup(self.ns(), &FlowKey::input(dst, src, self.at.index, self.skb.mark));
        for table in &decided.fib.tables {
            self.consulted.push(Arc::new(table.clone()));
        }
        let Routed::Out(route) = decided.result else { return self.drop(DropReason::BpfNoFib) };
        let own = self.ns().interface(route.dev.index).mac;
        if !self.l3(None, own) {
            return self.drop(DropReason::BpfTtlExceeded);
        }
        // The link addresses are the neighbour table's to write.
        self.skb.packet = self.skb.packet.without_ethernet();
        self.record(Decision::BpfRedirect { to: route.dev.name.clone(), bypassed: true });
        Next::Neighbour(self.at.ns, self.skb, route)
    }

    /// Tells the client that the service has no backend, by itself. Models tail_no_service_ipv4, which
    /// `service-no-backend-response: reject` asks for.
    fn no_service(mut self) -> Next {
        let error = IcmpError::PortUnreach;
        let (Some(ip), Some(ethernet)) = (self.skb.packet.ip_header(), self.skb.packet.ethernet()) else {
            return Next::Done;
        };
        let quote = self.skb.packet.network();
        let quote = quote[..quote.len().min(ip.total_len).min(SAMPLE_LEN)].to_vec();
        let step = self.step(Decision::Complain(DropReason::BpfNoService, error)).ends();
        self.ctx.drop_with(self.topo, self.at.ns, &self.skb, step, DropReason::BpfNoService);
        let (IpAddr::V4(src), IpAddr::V4(dst)) = (ip.dst, ip.src) else { return Next::Done };
        let spec = IpSpec { src, dst, ttl: 64, df: true, id: 0, tos: 0 };
        let answer = wire::icmp_error(spec, error, &quote).with_ethernet(ethernet.dst, ethernet.src, ETHERTYPE_IPV4);
        let journey = self.journey("port-unreachable");
        let skb = Skb::new(answer, journey);
        born(self.ctx, self.topo, self.at.ns, &skb, &self.dev.name);
        Next::LinkTx(self.at, skb)
    }

    fn journey(&mut self, name: &str) -> JourneyId {
        let flow = self.ctx.recorder.journey_of(self.skb.journey).flow;
        self.ctx.recorder.journey(flow, name)
    }
}

/// A program made this packet.
fn born(ctx: &mut Ctx<'_>, topo: &Topology, ns: NsId, skb: &Skb, dev: &Arc<str>) {
    let payload_len = skb.packet.ip_payload().len().saturating_sub(8);
    let step = Step::new(Stage::App, Decision::KernelSend { payload_len }, &skb.packet).born().on(dev);
    ctx.record(topo, ns, skb, step);
}

fn backend_id(row: &LbRow) -> Option<u32> {
    match row.value {
        LbValue::Backend { id, .. } => Some(id),
        LbValue::Service { .. } => None,
    }
}

pub(super) fn translated(end: End, from: (IpAddr, u16), to: (IpAddr, u16)) -> Decision {
    Decision::Translate { end, from, to, by: By::Map }
}

/// Every backend is as likely as every other. Two slots of one address count together.
pub(super) fn choice(backends: Vec<(IpAddr, u16)>, chosen: (IpAddr, u16), masqueraded: bool) -> Choice {
    let share = 1.0 / backends.len().max(1) as f64;
    Choice { destinations: backends.into_iter().map(|backend| (backend, share)).collect(), chosen, masqueraded }
}
