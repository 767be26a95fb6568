//! L5: the life of a packet inside one machine. Read this file first.
//!
//! [`dispatch`] is the one loop. Every stage is a function in a file of its own: it looks at tables, records what it
//! decided and returns the [`Next`] stage; no stage calls another. What leaves the machine, reaches a socket or needs a
//! clock becomes an [`Effect`], which the simulator carries out in virtual time.

mod arp;
mod bpf;
mod bridge;
mod fragment;
mod hook;
mod icmp;
mod ip_forward;
mod ip_output;
mod ip_rcv;
mod ipvs;
mod link_rx;
mod link_tx;
mod local_deliver;
mod local_out;
mod neighbour;
mod pmtu;
mod route;
mod source;
mod tunnel;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::Instant;
use crate::net::{At, DevRef, NsId, Skb, SocketLookup, Topology};
use crate::netfilter::Transmit;
use crate::trace::{Decision, DropReason, Recorder, Stage, Step};
use crate::wire::IcmpError;

pub(crate) use bpf::{SockVerdict, connect, recvmsg};
pub(crate) use neighbour::{DELAY_PROBE_TIME, RETRANS_TIME, ask_again, delay_over};
pub(crate) use route::{Decided, OutRoute, Routed, lookup as route_lookup, refusal, route_output};
pub(crate) use source::is_refused as source_refused;

/// The stage that a packet enters next.
#[derive(Debug)]
pub(crate) enum Next {
    /// A frame arrives at a device.
    LinkRx(At, Skb),
    /// A frame arrives at a port of a bridge.
    BridgeRx(At, Skb),
    /// A bridge forwards a frame that came in by a port, netfilter having seen it.
    BridgeForward(At, Skb),
    /// The machine itself sends a frame through its bridge.
    BridgeTx(At, Skb),
    /// Nobody but a capture on the device sees a frame.
    Tap(At, Skb),
    /// An ARP packet arrives.
    Arp(At, Skb),
    /// An IP packet arrives.
    IpRcv(At, Skb),
    /// An IP packet is for another machine.
    Forward(At, Skb, OutRoute),
    /// An IP packet is for this machine.
    LocalIn(At, Skb),
    /// This machine sends an IP packet.
    LocalOut(NsId, Skb, Sender),
    /// IPVS sends a packet to a real server.
    IpvsXmit(NsId, Skb, Transmit),
    /// IPVS has given a packet a real server's address and a route.
    IpvsOut(NsId, Skb, OutRoute),
    /// An IP packet leaves by a route.
    Output(NsId, Skb, OutRoute),
    /// A packet cannot go on, and its sender is to be told.
    IcmpSend(NsId, Skb, IcmpError),
    /// A TCP segment is answered with a reset, by a socket or by a rule.
    ResetSend(NsId, Skb),
    /// An IP packet needs a link address.
    Neighbour(NsId, Skb, OutRoute),
    /// A frame is handed to a device.
    LinkTx(At, Skb),
    /// A frame goes onto the device's wire.
    HardXmit(At, Skb),
    /// A tunnel device wraps a frame.
    Encap(At, Skb),
    /// A tunnel device unwraps a packet.
    Decap(At, Skb),
    /// Several, one after the other.
    Many(Vec<Next>),
    /// The packet has left this machine, waits, or has ended.
    Done,
}

impl Next {
    /// The packet, and the machine it is in.
    fn skb(&self) -> Option<(NsId, &Skb)> {
        match self {
            Self::LinkRx(at, skb)
            | Self::BridgeRx(at, skb)
            | Self::BridgeForward(at, skb)
            | Self::BridgeTx(at, skb)
            | Self::Tap(at, skb)
            | Self::Arp(at, skb)
            | Self::IpRcv(at, skb)
            | Self::Forward(at, skb, _)
            | Self::LocalIn(at, skb)
            | Self::LinkTx(at, skb)
            | Self::HardXmit(at, skb)
            | Self::Encap(at, skb)
            | Self::Decap(at, skb) => Some((at.ns, skb)),
            Self::LocalOut(ns, skb, _)
            | Self::Output(ns, skb, _)
            | Self::IpvsXmit(ns, skb, _)
            | Self::IpvsOut(ns, skb, _)
            | Self::IcmpSend(ns, skb, _)
            | Self::ResetSend(ns, skb)
            | Self::Neighbour(ns, skb, _) => Some((*ns, skb)),
            Self::Many(nexts) => nexts.iter().find_map(Self::skb),
            Self::Done => None,
        }
    }
}

/// Who makes a packet.
#[derive(Clone, Debug)]
pub(crate) enum Sender {
    /// A program, by name.
    Program(Arc<str>),
    /// The kernel itself.
    Kernel,
    /// The kernel, once more: what was sent before did not get through.
    Loss,
    /// A tunnel device: the packet is the same one, in an envelope.
    Tunnel,
}

/// What a machine does to the world outside it.
#[derive(Debug)]
pub(crate) enum Effect {
    /// A frame will arrive somewhere.
    Arrive {
        /// The device.
        at: At,
        /// The frame.
        skb: Skb,
        /// After this long.
        after: Duration,
    },
    /// A packet reached a socket.
    Deliver {
        /// The namespace.
        ns: NsId,
        /// Whose it is.
        socket: SocketLookup,
        /// The packet, from its IP header on.
        skb: Skb,
    },
    /// A neighbour must be asked again if it has not answered by then.
    AskAgain {
        /// The namespace.
        ns: NsId,
        /// The device to ask on.
        dev: DevRef,
        /// The neighbour.
        ip: IpAddr,
        /// How often it was asked.
        n_asked: u32,
    },
    /// A neighbour must be probed if nothing has confirmed it after [`DELAY_PROBE_TIME`].
    DelayBegins {
        /// The namespace.
        ns: NsId,
        /// The device it is on.
        dev: DevRef,
        /// The neighbour.
        ip: IpAddr,
    },
    /// A packet was dropped.
    Dropped {
        /// The namespace.
        ns: NsId,
        /// Why.
        reason: DropReason,
    },
}

/// What every stage may use besides the tables.
#[derive(Debug)]
pub(crate) struct Ctx<'a> {
    /// Virtual time.
    pub now: Instant,
    /// The trace being made.
    pub recorder: &'a mut Recorder,
    /// What leaves the machine.
    pub effects: Vec<Effect>,
}

impl Ctx<'_> {
    /// Records a step at `ns`.
    pub(crate) fn record(&mut self, topo: &Topology, ns: NsId, skb: &Skb, mut step: Step) {
        step.outer = skb.outer;
        self.recorder.step(self.now, &topo.ns(ns).place, skb.journey, step);
    }

    /// Records that `skb` ends here, and tells the simulator.
    pub(crate) fn drop(
        &mut self,
        topo: &Topology,
        ns: NsId,
        skb: &Skb,
        stage: Stage,
        dev: &DevRef,
        reason: DropReason,
    ) -> Next {
        let step = Step::new(stage, Decision::Drop(reason), &skb.packet).on(&dev.name).ends();
        self.drop_with(topo, ns, skb, step, reason)
    }

    /// Records `step`, by which `skb` ends, and tells the simulator.
    pub(crate) fn drop_with(&mut self, topo: &Topology, ns: NsId, skb: &Skb, step: Step, reason: DropReason) -> Next {
        self.record(topo, ns, skb, step);
        self.effects.push(Effect::Dropped { ns, reason });
        Next::Done
    }

    /// Records `step`, by which `skb` ends, and has its sender told.
    pub(crate) fn complain(
        &mut self,
        topo: &Topology,
        ns: NsId,
        skb: Skb,
        mut step: Step,
        reason: DropReason,
        error: IcmpError,
    ) -> Next {
        step.decision = Decision::Complain(reason, error);
        self.drop_with(topo, ns, &skb, step.ends(), reason);
        Next::IcmpSend(ns, skb, error)
    }

    /// Puts a frame into the capture of a device.
    pub(crate) fn capture(&mut self, topo: &Topology, at: At, skb: &Skb) {
        let ns = topo.ns(at.ns);
        self.recorder.frame(self.now, &ns.place, ns.interface(at.index).name(), skb.journey, &skb.packet);
    }
}

/// Steps of one packet after which the run is ended: frames have no TTL, so a loop of bridges has no end of its own. The
/// longest way that does end, 255 routers behind tunnels, has fewer.
const JOURNEY_BUDGET: usize = 10_000;
/// Steps after which a run is ended. The largest exchange, a megabyte each way between subnets, has about half of it.
const STEP_BUDGET: usize = 200_000;

/// Moves one packet, and whatever it causes at once, until nothing in this machine moves any more.
pub(crate) fn dispatch(topo: &mut Topology, next: Next, ctx: &mut Ctx<'_>) {
    let mut stack = vec![next];
    while let Some(next) = stack.pop() {
        if let Some((ns, skb)) = next.skb()
            && (ctx.recorder.n_steps() >= STEP_BUDGET || ctx.recorder.n_steps_of(skb.journey) >= JOURNEY_BUDGET)
        {
            let step = Step::new(Stage::Tx, Decision::Drop(DropReason::FabricLoop), &skb.packet).ends();
            ctx.drop_with(topo, ns, skb, step, DropReason::FabricLoop);
            return;
        }
        stack.push(match next {
            Next::LinkRx(at, skb) => link_rx::link_rx(topo, at, skb, ctx),
            Next::BridgeRx(at, skb) => bridge::bridge_rx(topo, at, skb, ctx),
            Next::BridgeForward(at, skb) => bridge::bridge_forward(topo, at, skb, ctx),
            Next::BridgeTx(at, skb) => bridge::bridge_tx(topo, at, skb, ctx),
            Next::Tap(at, skb) => {
                ctx.capture(topo, at, &skb);
                continue;
            }
            Next::Arp(at, skb) => arp::arp_rcv(topo, at, &skb, ctx),
            Next::IpRcv(at, skb) => ip_rcv::ip_rcv(topo, at, skb, ctx),
            Next::Forward(at, skb, route) => ip_forward::ip_forward(topo, at, skb, route, ctx),
            Next::LocalIn(at, skb) => local_deliver::local_deliver(topo, at, skb, ctx),
            Next::LocalOut(ns, skb, sender) => local_out::local_out(topo, ns, skb, &sender, ctx),
            Next::IpvsXmit(ns, skb, transmit) => ipvs::ip_vs_nat_xmit(topo, ns, skb, transmit, ctx),
            Next::IpvsOut(ns, skb, route) => local_out::routed(topo, ns, skb, route, ctx),
            Next::Output(ns, skb, route) => ip_output::ip_output(topo, ns, skb, route, ctx),
            Next::IcmpSend(ns, skb, error) => icmp::icmp_send(topo, ns, &skb, error, ctx),
            Next::ResetSend(ns, skb) => local_deliver::reset_send(topo, ns, &skb, ctx),
            Next::Neighbour(ns, skb, route) => neighbour::resolve(topo, ns, skb, &route, ctx),
            Next::LinkTx(at, skb) => link_tx::link_tx(topo, at, skb, ctx),
            Next::HardXmit(at, skb) => link_tx::hard_xmit(topo, at, skb, ctx),
            Next::Encap(at, skb) => tunnel::encap(topo, at, &skb, ctx),
            Next::Decap(at, skb) => tunnel::decap(topo, at, &skb, ctx),
            Next::Many(nexts) => {
                stack.extend(nexts.into_iter().rev());
                continue;
            }
            Next::Done => continue,
        });
    }
}
