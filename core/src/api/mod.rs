//! L9: the whole public surface. Every face (page, element, command line, test) calls these functions and shows what
//! they return; none computes anything itself.

mod json;
mod lookup;
mod scene;
mod step;

pub use crate::base::{Place, Writer, sort_by};
pub use crate::k8s::kube_proxy::ProxyMode;
pub use crate::lab::{
    ActionError, CniMode, DEFAULT_WALK, Ended, FAULT_GROUPS, Fault, FaultHere, Lab, PairView, Parsed, Problem,
    RuleCount, Run, RunError, Severity, ShowError, Source, Stop, WalkSpec, answer_beside, check_walk, fault_notes,
    faults, faults_here, is_walk, pairs, parse, rule_count, rule_counts, run_to_end, show, show_broken, trace,
    via_note, walk, walk_ids,
};
pub use crate::trace::{
    BpfHook, BridgeTarget, By, Change, Choice, Chosen, Component, Consulted, Decision, Detail, Disposition, DropReason,
    Envelope, Explanation, Frame, Hook, HookFunction, Hop, Journey, JourneyId, Lookup, NameQuery, NameReply, NextHop,
    Reconcile, RejectReason, Resolves, Row, Stage, Step, Stretch, Trace, Tracked, Why, WokenBy, Work, Written, explain,
    outline, render, symptom, validate,
};
pub use crate::wire::{End, Field, FieldChange, Layer, LayerChange, Link, Packet, Role, diff, dissect, one_line};
pub use json::to_json;
pub use lookup::{LookupCost, lookup_cost, wasted_queries};
pub use scene::{
    Absent, AddressKind, ContainerView, DeviceKind, DeviceView, HostPodView, NodeView, PodView, Scene, ServiceView,
    WorkloadView, scene,
};
pub use step::{MtuTerm, MtuView, StepView, TableView, step_view, tables_of};
