//! The control plane in virtual time: the API server's store, and those who watch it.
//!
//! A write to the store is an event; who watches that kind of object wakes up a while later ([`delays`]), looks at the
//! store, and writes in turn: into the store, or into the tables of a node. Each wake-up is a step of the trace, at the
//! node that the program runs on. Controllers and the scheduler run on the node that is labelled as the control plane's,
//! or on the first. Who is woken twice before it looks is woken once, as by a work queue. Nothing here draws from the
//! packets' dice: only names are drawn, from a stream of the API server's own.
//!
//! Not modelled: a component that is slow, restarts or loses its leadership; conflicts of two writers; informers that
//! resync without a change.

mod action;
mod cilium;
pub mod delays;
mod endpoint_slice;
mod ingress;
mod ipam;
mod kube_proxy;
mod kubelet;
mod names;
mod node;
mod rows;
mod scheduler;
mod store;
mod watch;
mod workload;

use std::sync::Arc;

use crate::base::{BTreeMap, Dice, Instant, Place};
use crate::k8s::kube_proxy::ProxyMode;
use crate::k8s::objects::Objects;
use crate::net::Topology;
use crate::trace::{Change, Component, Decision, JourneyId, Reconcile, Recorder, Stage, Step, WokenBy, Work, Written};

pub use action::{Absent, Action, Verb};
pub use node::NodeAgents;
pub use store::{Kind, ObjectRef};

use ipam::Ipam;
use kube_proxy::Frequency;
use store::ApiServer;

/// Somebody wakes up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// The action with this number is due.
    Act(usize),
    /// The controller of a Deployment or a DaemonSet.
    Workload(ObjectRef),
    /// The scheduler, for a pod.
    Scheduler(ObjectRef),
    /// The kubelet of a pod's node, to do this with it.
    Kubelet(ObjectRef, Phase),
    /// The EndpointSlice controller, for a service.
    Slices(ObjectRef),
    /// The Endpoints controller, for a service.
    Endpoints(ObjectRef),
    /// kube-proxy of every node.
    KubeProxy,
    /// Cilium's agent of every node.
    CiliumAgent,
    /// CoreDNS.
    CoreDns,
    /// The ingress controllers.
    Ingress,
}

/// What the kubelet does with a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Makes its sandbox.
    Sandbox,
    /// Starts its containers.
    Start,
    /// Hears from its readiness probe.
    Ready,
    /// Stops its containers.
    Stop,
    /// Takes its sandbox down.
    TearDown,
    /// Has its object removed.
    Remove,
}

/// The control plane of a run.
#[derive(Clone, Debug)]
pub struct ControlPlane {
    store: ApiServer,
    absent: Absent,
    actions: Vec<Action>,
    nodes: Vec<NodeAgents>,
    frequency: Frequency,
    /// Services that kube-proxy has heard of since its last sync, or is just about to hear of, and when.
    unsynced: Vec<(Instant, (String, String))>,
    ipam: Ipam,
    dice: Dice,
    /// Where the controllers run.
    place: Arc<Place>,
    /// Who will wake up and when, on whose account, and by what.
    pending: BTreeMap<(Wake, Instant), Pending>,
    planned: Vec<(Instant, Wake)>,
}

#[derive(Clone, Debug)]
struct Pending {
    journey: JourneyId,
    object: Option<(Arc<str>, Change, Instant)>,
}

/// One wake-up.
struct Turn<'a> {
    now: Instant,
    topo: &'a mut Topology,
    recorder: &'a mut Recorder,
    journey: JourneyId,
    woken_by: Option<WokenBy>,
}

impl ControlPlane {
    /// The control plane of a cluster that has converged, and what will happen to it.
    #[must_use]
    pub fn new(
        objects: Objects,
        absent: Absent,
        nodes: Vec<NodeAgents>,
        mode: ProxyMode,
        actions: Vec<Action>,
        seed: u64,
    ) -> Self {
        let is_control_plane = |node: &&crate::k8s::objects::Node| {
            let roles = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];
            roles.iter().any(|role| node.meta.labels.contains_key(*role))
        };
        let name = objects.nodes.iter().find(is_control_plane).or(objects.nodes.first()).map(|node| &node.meta.name);
        let place = Place::Node(name.cloned().unwrap_or_default());
        Self {
            ipam: Ipam::new(&objects),
            store: ApiServer::new(objects),
            absent,
            actions,
            nodes,
            frequency: Frequency::new(mode),
            unsynced: Vec::new(),
            dice: Dice::new(seed, "kube-apiserver"),
            place: Arc::new(place),
            pending: BTreeMap::new(),
            planned: Vec::new(),
        }
    }

    /// When the actions are due.
    pub fn due(&self) -> impl Iterator<Item = (Instant, Wake)> {
        self.actions.iter().enumerate().map(|(idx, action)| (action.at, Wake::Act(idx)))
    }

    /// The objects as they are now.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        self.store.objects()
    }

    /// The objects as they are at the end.
    #[must_use]
    pub fn into_objects(self) -> Objects {
        self.store.into_objects()
    }

    /// Somebody wakes up. Returns who will wake up by it, and when.
    pub fn wake(
        &mut self,
        wake: &Wake,
        now: Instant,
        topo: &mut Topology,
        recorder: &mut Recorder,
    ) -> Vec<(Instant, Wake)> {
        if *wake == Wake::KubeProxy && self.frequency.next(now) > now {
            return self.put_off(wake, now);
        }
        let pending = self.pending.remove(&(wake.clone(), now));
        let journey = pending.as_ref().map_or(JourneyId(0), |pending| pending.journey);
        let woken_by = pending.and_then(|pending| {
            let (object, change, at) = pending.object?;
            Some(WokenBy { object, change, after: now - at })
        });
        let mut turn = Turn { now, topo, recorder, journey, woken_by };
        match wake {
            Wake::Act(idx) => {
                if let Some(action) = self.actions.get(*idx).cloned() {
                    self.act(&action, &mut turn);
                }
            }
            Wake::Workload(object) => self.reconcile_workload(object, &mut turn),
            Wake::Scheduler(pod) => self.schedule(pod, &mut turn),
            Wake::Kubelet(pod, phase) => self.run_kubelet(pod, *phase, &mut turn),
            Wake::Slices(service) => self.reconcile_slices(service, &mut turn),
            Wake::Endpoints(service) => self.write_endpoints(service, &mut turn),
            Wake::KubeProxy => self.sync_proxies(&mut turn),
            Wake::CiliumAgent => self.run_agents(&mut turn),
            Wake::CoreDns => self.tell_dns(&mut turn),
            Wake::Ingress => self.configure_ingress(&mut turn),
        }
        let journey = turn.journey;
        for event in self.store.take_events() {
            let service = match event.object.kind {
                Kind::Service => Some(&event.object.name),
                Kind::EndpointSlice => Some(&event.of),
                _ => None,
            };
            let heard = now + delays::WATCH;
            self.unsynced.extend(service.map(|name| (heard, (event.meta.namespace.clone(), name.clone()))));
            let object: Arc<str> = event.object.to_string().into();
            for (after, wake) in self.watchers(&event) {
                let at = if wake == Wake::KubeProxy { self.frequency.next(heard) } else { heard + after };
                self.plan(at, wake, journey, Some((object.clone(), event.change, now)));
            }
        }
        std::mem::take(&mut self.planned)
    }

    /// kube-proxy has written too often to write now.
    fn put_off(&mut self, wake: &Wake, now: Instant) -> Vec<(Instant, Wake)> {
        if let Some(Pending { journey, object }) = self.pending.remove(&(wake.clone(), now)) {
            self.plan(self.frequency.next(now), wake.clone(), journey, object);
        }
        std::mem::take(&mut self.planned)
    }

    /// Has somebody wake up, unless it will anyway, then or later.
    fn plan(&mut self, at: Instant, wake: Wake, journey: JourneyId, object: Option<(Arc<str>, Change, Instant)>) {
        let key = (wake, at);
        if self.pending.first_from(&key).is_some_and(|(other, _)| *other == key.0) {
            return;
        }
        self.planned.push((at, key.0.clone()));
        self.pending.insert(key, Pending { journey, object });
    }

    /// A step: what a component has done, with the rows that it has written into the store and elsewhere.
    fn record(
        &mut self,
        turn: &mut Turn<'_>,
        at: &Arc<Place>,
        component: Component,
        about: &str,
        work: Work,
        rows: Vec<Written>,
    ) {
        let done = Reconcile { about: about.into(), woken_by: turn.woken_by.clone(), work };
        let mut step = Step::without_packet(Stage::Control(component), Decision::Reconcile(Arc::new(done)));
        step.wrote = self.store.take_written();
        step.wrote.extend(rows);
        turn.recorder.step(turn.now, at, turn.journey, step);
    }
}
