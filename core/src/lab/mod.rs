//! L8: what people put in. Files become a [`Lab`] and a list of problems; commands are typed at its places.

mod actions;
mod asked;
mod balancer;
mod build;
mod counts;
mod dns;
mod exhibits;
mod fabric;
mod faults;
mod names;
mod nearest;
mod nested;
mod parse;
mod problem;
mod run;
mod session;
mod show;
mod spec;
mod target;
mod walks;
mod yaml;

use std::sync::Arc;

use crate::base::BTreeMap;
use crate::k8s::kube_proxy::ServicePorts;
use crate::k8s::objects::Objects;

pub use actions::ActionError;
pub use balancer::via_note;
pub use build::build;
pub use counts::{MAX_SERVICES, RuleCount, rule_count, rule_counts};
pub use dns::{CLUSTER_DOMAIN, libc, node_resolv_conf, resolv_conf};
pub use exhibits::{PairView, answer_beside, pairs};
pub use faults::{FAULT_GROUPS, Fault, FaultHere, fault_notes, faults, faults_here};
pub(crate) use names::machines_outside;
pub use names::{NamesError, name_servers, with_names};
pub use nearest::nearest;
pub use parse::{Parsed, Source, parse};
pub use problem::{Problem, Severity};
pub use run::{Ended, Run, RunError, broken, hand_over, resolve, run_to_end, trace, trace_on, trace_to_end};
pub use show::{ShowError, answer, show, show_broken};
pub use spec::{
    CniMode, DnsSpec, FabricSpec, FilterSite, FilterSpec, HostSpec, KubeProxySpec, LabSpec, NestedSpec, RackSpec,
    UpstreamSpec,
};
pub use walks::{DEFAULT_WALK, Stop, WalkSpec, check_walk, is_walk, walk, walk_ids};

/// A cluster and what surrounds it: complete, checked, and ready to be wired.
#[derive(Clone, Debug, Default)]
pub struct Lab {
    /// The Kubernetes objects, with what a real cluster would fill in.
    pub objects: Objects,
    /// The `kubehop.dev/v1 Lab` document, or its defaults.
    pub spec: LabSpec,
    /// Nodes whose kube-proxy has stopped, each with the service ports that it last heard of.
    pub stopped_proxies: BTreeMap<String, Arc<ServicePorts>>,
}
