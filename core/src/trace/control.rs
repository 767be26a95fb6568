//! What components of the control plane do when they wake up, as plain data.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Who wakes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// A person, through the API server.
    Kubectl,
    /// The Deployment's ReplicaSet controller.
    ReplicaSet,
    /// The DaemonSet controller.
    DaemonSet,
    /// kube-scheduler.
    Scheduler,
    /// The kubelet of a node.
    Kubelet,
    /// The EndpointSlice controller.
    EndpointSlice,
    /// The Endpoints controller, the older one beside it.
    Endpoints,
    /// kube-proxy on a node.
    KubeProxy,
    /// Cilium's agent on a node.
    CiliumAgent,
    /// CoreDNS.
    CoreDns,
    /// An ingress controller.
    Ingress,
}

impl Component {
    /// Its part of a step's id.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Kubectl => "kubectl",
            Self::ReplicaSet => "replica-set",
            Self::DaemonSet => "daemon-set",
            Self::Scheduler => "scheduler",
            Self::Kubelet => "kubelet",
            Self::EndpointSlice => "endpoint-slice",
            Self::Endpoints => "endpoints",
            Self::KubeProxy => "kube-proxy",
            Self::CiliumAgent => "cilium-agent",
            Self::CoreDns => "coredns",
            Self::Ingress => "ingress-nginx",
        }
    }
}

/// What a component did, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconcile {
    /// The object that it is about: `pod/default/web-0`.
    pub about: Arc<str>,
    /// What woke it; `None` for a person, and for a clock of its own.
    pub woken_by: Option<WokenBy>,
    /// What it did.
    pub work: Work,
}

/// An event of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WokenBy {
    /// The object that changed.
    pub object: Arc<str>,
    /// How.
    pub change: Change,
    /// How long ago that was.
    pub after: Duration,
}

/// How an object changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is there now.
    Created,
    /// Something of it is new.
    Changed,
    /// A pod has a node.
    Bound,
    /// A pod has an address.
    Started,
    /// A pod's condition Ready is True.
    Ready,
    /// It is False.
    NotReady,
    /// It has a `deletionTimestamp`.
    Deleting,
    /// Its containers have ended.
    Ended,
    /// It is gone.
    Deleted,
}

/// What a component does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Somebody asked the API server for this.
    Ask(Arc<str>),
    /// Somebody asked for this, and there is no such object any more.
    AskInVain(Arc<str>),
    /// Pods were created.
    CreatePods(usize),
    /// Pods were marked for deletion.
    DeletePods(usize),
    /// The pod got this node.
    Bind(Arc<str>),
    /// No node takes the pod.
    NoNode,
    /// The pod has a sandbox, with this address.
    Sandbox(IpAddr),
    /// There was no address left.
    NoAddress,
    /// The pod's containers run, and listen.
    Start,
    /// The readiness probe succeeded, or has failed too often.
    Probe(bool),
    /// The pod's containers were told to stop, and listen no more.
    Stop,
    /// The pod's sandbox is gone.
    TearDown,
    /// The pod's object is gone.
    Remove,
    /// The service's slices were written.
    WriteSlices {
        /// Endpoints that take connections.
        n_ready: usize,
        /// Endpoints that answer, but are being shut down.
        n_terminating: usize,
        /// Endpoints that do not answer.
        n_not_ready: usize,
    },
    /// The service's Endpoints object was written.
    WriteEndpoints,
    /// What belonged to the service was taken away with it.
    Collect,
    /// The node's tables were made true.
    Sync {
        /// Rows that went or came.
        n_rows: usize,
        /// Connections that were forgotten because they led to somebody who serves no more.
        n_forgotten: usize,
        /// Further nodes where the same was done in the same moment, and of which nothing more is told.
        n_others: usize,
    },
    /// It noted what it heard.
    Note,
    /// There was nothing to do.
    Nothing,
}
