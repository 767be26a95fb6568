//! What people do to a cluster that runs: `kubectl`, and a container that fails.

use super::store::{Kind, ObjectRef};
use super::{ControlPlane, Turn, endpoint_slice, workload};
use crate::base::Instant;
use crate::k8s::objects::{Objects, Pod, Service, Workload};
use crate::trace::{Component, Work};

/// Something that happens at a moment of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// When.
    pub at: Instant,
    /// What.
    pub verb: Verb,
    /// To what.
    pub object: ObjectRef,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `kubectl delete`.
    Delete,
    /// `kubectl create` of something that the files state.
    Create,
    /// `kubectl scale --replicas=N`.
    Scale(u32),
    /// The readiness probe of a container of the pod, or of every pod of the workload, fails for the last time that it may.
    FailReadiness,
    /// `kubectl cordon`.
    Cordon,
}

impl Verb {
    /// As `kubectl` has it.
    fn words(self, object: &ObjectRef) -> String {
        match self {
            Self::Delete => format!("delete {object}"),
            Self::Create => format!("create {object}"),
            Self::Scale(replicas) => format!("scale {object} --replicas={replicas}"),
            Self::FailReadiness => format!("fail {object}"),
            Self::Cordon => format!("cordon {}", object.name),
        }
    }

    /// The part of a step's id.
    fn slug(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Create => "create",
            Self::Scale(_) => "scale",
            Self::FailReadiness => "fail-readiness",
            Self::Cordon => "cordon",
        }
    }
}

/// Objects that are not there: not yet, or not any more.
#[derive(Clone, Debug, Default)]
pub struct Absent {
    pods: Vec<Pod>,
    services: Vec<Service>,
    workloads: Vec<Workload>,
}

impl Absent {
    /// Takes out of `objects` what the first action upon it creates: it is not there before that.
    #[must_use]
    pub fn take_out(objects: &mut Objects, actions: &[Action]) -> Self {
        let mut absent = Self::default();
        for (idx, action) in actions.iter().enumerate() {
            let is_first = actions[..idx].iter().all(|earlier| earlier.object != action.object);
            if action.verb == Verb::Create && is_first {
                absent.take_one(objects, &action.object);
            }
        }
        absent
    }

    fn take_one(&mut self, objects: &mut Objects, object: &ObjectRef) {
        let mut gone: Vec<Pod> = Vec::new();
        match object.kind {
            Kind::Service => {
                let slices = endpoint_slice::managed(objects, object);
                objects.endpoint_slices.retain(|slice| !slices.contains(slice));
                self.services.extend(take(&mut objects.services, |service| object.is(&service.meta)));
            }
            Kind::Deployment | Kind::DaemonSet => {
                let taken = take(&mut objects.workloads, |it| ObjectRef::of_workload(it) == *object);
                for workload in &taken {
                    gone.extend(take(&mut objects.pods, |pod| workload::owns(workload, &pod.meta)));
                }
                self.workloads.extend(taken);
            }
            Kind::Pod => {
                gone = take(&mut objects.pods, |pod| object.is(&pod.meta));
                self.pods.extend(gone.iter().cloned());
            }
            Kind::Node | Kind::EndpointSlice => {}
        }
        for pod in &gone {
            let key = (pod.meta.namespace.clone(), pod.meta.name.clone());
            for slice in &mut objects.endpoint_slices {
                slice.endpoints.retain(|endpoint| endpoint.target_pod.as_ref() != Some(&key));
            }
        }
    }
}

fn take<T: Clone>(list: &mut Vec<T>, is_it: impl Fn(&T) -> bool) -> Vec<T> {
    let taken = list.iter().filter(|it| is_it(it)).cloned().collect();
    list.retain(|it| !is_it(it));
    taken
}

impl ControlPlane {
    /// Carries an action out. Its name is that of everything that follows.
    pub(super) fn act(&mut self, action: &Action, turn: &mut Turn<'_>) {
        let Action { verb, object, .. } = action;
        let name = format!("{}-{}", verb.slug(), object.name.replace('.', "-"));
        turn.journey = turn.recorder.journey("api", &name);
        let is_done = match verb {
            Verb::FailReadiness => return self.fail(object, turn),
            Verb::Delete => self.delete(object),
            Verb::Create => self.create(object),
            Verb::Scale(replicas) => self.store.scale(object, *replicas),
            Verb::Cordon => self.store.cordon(object),
        };
        let words = verb.words(object).into();
        let work = if is_done { Work::Ask(words) } else { Work::AskInVain(words) };
        let at = self.place.clone();
        self.record(turn, &at, Component::Kubectl, &object.to_string(), work, Vec::new());
    }

    fn delete(&mut self, object: &ObjectRef) -> bool {
        match object.kind {
            Kind::Pod => {
                let Some(pod) = self.store.pod(object).cloned() else { return false };
                if pod.node_name.is_empty() || !pod.terminating {
                    self.absent.pods.push(pod);
                }
                self.delete_pod(object);
                true
            }
            Kind::Service => {
                let gone = self.store.remove_service(object);
                self.absent.services.extend(gone.clone());
                gone.is_some()
            }
            Kind::Deployment | Kind::DaemonSet => {
                let gone = self.store.remove_workload(object);
                self.absent.workloads.extend(gone.clone());
                gone.is_some()
            }
            Kind::Node | Kind::EndpointSlice => false,
        }
    }

    /// Creates what is absent; what is there already stays as it is.
    fn create(&mut self, object: &ObjectRef) -> bool {
        let absent = &mut self.absent;
        match object.kind {
            Kind::Pod => {
                let is_there = self.store.pod(object).is_some();
                let pod = take(&mut absent.pods, |pod| !is_there && object.is(&pod.meta)).pop();
                if let Some(pod) = pod.clone() {
                    let pod_ip = None;
                    self.store.add_pod(Pod { pod_ip, ready: false, terminating: false, finished: false, ..pod });
                }
                pod.is_some()
            }
            Kind::Service => {
                let service = take(&mut absent.services, |service| object.is(&service.meta)).pop();
                let is_absent = service.is_some();
                service.into_iter().for_each(|service| self.store.add_service(service));
                is_absent
            }
            Kind::Deployment | Kind::DaemonSet => {
                let workload = take(&mut absent.workloads, |it| kind_and_name(it, object)).pop();
                let is_absent = workload.is_some();
                workload.into_iter().for_each(|workload| self.store.add_workload(workload));
                is_absent
            }
            Kind::Node | Kind::EndpointSlice => false,
        }
    }

    /// The workload as it was when it was deleted.
    pub(super) fn deleted_workload(&self, object: &ObjectRef) -> Option<Workload> {
        self.absent.workloads.iter().rfind(|it| kind_and_name(it, object)).cloned()
    }

    fn fail(&mut self, object: &ObjectRef, turn: &mut Turn<'_>) {
        let pods: Vec<ObjectRef> = match self.store.workload(object) {
            Some(workload) => {
                let is_its = |pod: &&Pod| !pod.terminating && !pod.finished && workload::owns(workload, &pod.meta);
                let pods = self.store.objects().pods.iter().filter(is_its);
                pods.map(|pod| ObjectRef::of(Kind::Pod, &pod.meta)).collect()
            }
            None => self.store.pod(object).map(|_| object.clone()).into_iter().collect(),
        };
        if pods.is_empty() {
            let work = Work::AskInVain(Verb::FailReadiness.words(object).into());
            let at = self.place.clone();
            self.record(turn, &at, Component::Kubectl, &object.to_string(), work, Vec::new());
        }
        pods.iter().for_each(|pod| self.fail_readiness(pod, turn));
    }
}

fn kind_and_name(workload: &Workload, object: &ObjectRef) -> bool {
    ObjectRef::of_workload(workload) == *object
}
