//! Runs in a cluster whose control plane is awake: it acts while packets travel.
//!
//! The clock of such a run begins with its first action if that comes before the client; the client starts when it is
//! due. The run goes on until neither packets nor the control plane have anything to do. What a namespace does that has
//! ended is nothing: its frames, timers and connections end with it, and tell nobody.

use super::name_socket::Whose;
use super::queue::Event;
use super::{Exchange, NameServers, Simulator};
use crate::base::Instant;
use crate::k8s::control_plane::{ControlPlane, Wake};
use crate::k8s::objects::Objects;
use crate::net::{At, NsId, Topology};
use crate::trace::{Recorder, Trace};
use crate::wire::Packet;

/// Runs one exchange, which begins at `start`, while `control` does what is due; returns the machines and the control
/// plane as it leaves them. `tell_dns` tells the name servers what has become of the objects.
#[must_use]
pub fn run_controlled(
    topo: Topology,
    exchange: &Exchange,
    control: ControlPlane,
    start: Instant,
    tell_dns: TellDns<'_>,
) -> (Trace, Topology, ControlPlane) {
    let mut loses = |_: At, _: &Packet| false;
    let mut heard = |_: NsId, _: &mut Topology, _: &mut Recorder| {};
    let mut sim = Simulator::new(topo, exchange, &mut loses, &mut heard);
    for (time, wake) in control.due() {
        sim.queue.push(time, Event::Wake(wake));
    }
    sim.queue.push(start, Event::Begin);
    let mut control = control;
    sim.run(&mut |sim, wake| {
        for (time, wake) in control.wake(&wake, sim.now, &mut sim.topo, &mut sim.recorder) {
            sim.queue.push(time, Event::Wake(wake));
        }
        if wake == Wake::CoreDns {
            tell_dns(control.objects(), sim.now, &mut sim.names.servers);
        }
    });
    let disposition = sim.disposition();
    (sim.recorder.finish(disposition), sim.topo, control)
}

impl Simulator<'_> {
    /// Whether an event is for somebody who is not there any more.
    pub(super) fn is_void(&self, event: &Event) -> bool {
        match event {
            Event::Begin | Event::Wake(_) => false,
            Event::Connect | Event::Query(_) | Event::QueryTimer => self.topo.is_gone(self.exchange.client),
            Event::Ask { ask } | Event::AskOver { ask, .. } | Event::NameError { whose: Whose::Ask(ask) } => {
                self.asker(*ask).is_none_or(|ns| self.topo.is_gone(ns))
            }
            Event::NameError { whose: Whose::Client(_) } => self.topo.is_gone(self.exchange.client),
            Event::Arrive { at, .. } => !self.topo.has_device(*at),
            Event::AskAgain { ns, dev, .. } | Event::DelayOver { ns, dev, .. } => {
                !self.topo.has_device(At { ns: *ns, index: dev.index })
            }
            Event::SendSegment { key, .. }
            | Event::Expire { key }
            | Event::GiveUp { key }
            | Event::Forward { key }
            | Event::StreamOver { key } => self.topo.is_gone(key.0),
            Event::SendDatagram { ns, .. } => self.topo.is_gone(*ns),
        }
    }
}

/// What CoreDNS hears when it hears of objects.
pub type TellDns<'a> = &'a mut dyn FnMut(&Objects, Instant, &mut NameServers);

/// What the control plane does with a wake-up.
pub(super) type Waken<'a, 's> = &'a mut dyn FnMut(&mut Simulator<'s>, Wake);
