//! What stands beside a walk: answers to commands, and the table of all pairs of pods.

use super::Lab;
use super::build::prepare;
use super::run::{Run, RunError, resolve, trace_to_end};
use super::show;
use crate::base::Place;
use crate::k8s::objects::Pod;
use crate::trace::Disposition;

/// How one pod is seen by another, as a ping between them shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairView {
    /// Name of the sender.
    pub from: String,
    /// Name of the receiver.
    pub to: String,
    /// Whether both are on one node.
    pub is_same_node: bool,
    /// The address on the sender's eth0.
    pub own: String,
    /// The source that the receiver saw; `None` if nothing came.
    pub seen: Option<String>,
    /// The destination that the receiver saw, if it is not the one that was asked for.
    pub translated: Option<String>,
    /// Whether the answer came back.
    pub is_answered: bool,
}

/// Pings from every pod to every other, one after the other, each on machines that are as new.
///
/// # Errors
/// If a pod has no place to ping from.
pub fn pairs(lab: &Lab) -> Result<Vec<PairView>, RunError> {
    let pods = || lab.objects.pods.iter().filter(|pod| !pod.finished && !pod.host_network && pod.pod_ip.is_some());
    let mut pairs = Vec::new();
    for from in pods() {
        for to in pods().filter(|to| !std::ptr::eq(*to, from)) {
            pairs.push(pair(lab, from, to)?);
        }
    }
    Ok(pairs)
}

fn pair(lab: &Lab, from: &Pod, to: &Pod) -> Result<PairView, RunError> {
    let place = |pod: &Pod| Place::pod(&pod.meta.namespace, &pod.meta.name);
    let address = to.pod_ip.map(|ip| ip.to_string()).unwrap_or_default();
    let (trace, mut topo) =
        trace_to_end(lab, &Run { size: 56, ..Run::new(&place(from).to_string(), &format!("ping://{address}")) })?;
    let there = place(to);
    let arrived =
        trace.steps().filter(|(hop, _)| *hop.at == there).find_map(|(_, step)| step.before.as_ref()?.ip_header());
    let (ns, _) = resolve(lab, &mut topo, &place(from).to_string(), "--from")?;
    let eth0 = topo.ns(ns).interfaces().iter().find(|interface| &**interface.name() == "eth0");
    let own = eth0.and_then(|eth0| eth0.addresses.first()).map(|address| address.net.addr().to_string());
    Ok(PairView {
        from: from.meta.name.clone(),
        to: to.meta.name.clone(),
        is_same_node: from.node_name == to.node_name,
        own: own.unwrap_or_default(),
        seen: arrived.as_ref().map(|header| header.src.to_string()),
        translated: arrived.map(|header| header.dst.to_string()).filter(|dst| *dst != address),
        is_answered: matches!(trace.disposition, Disposition::Delivered { .. }),
    })
}

/// What `command` prints at `at`, of the commands that a walk may have beside it: those that every machine knows.
///
/// # Errors
/// If there is no such place.
pub fn answer_beside(lab: &Lab, at: &str, command: &str) -> Result<Option<String>, RunError> {
    let mut topo = prepare(lab, 1);
    let (ns, _) = resolve(lab, &mut topo, at, "--at")?;
    let words: Vec<&str> = command.split_whitespace().collect();
    Ok(show::common(lab, &topo, at, ns, &words))
}
