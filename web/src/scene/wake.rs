//! A step without a packet: a component of the control plane wakes up.

use kubehop_core::api::{Change, Component, Decision, Stage, StepView};

use super::geometry::Tenths;

/// Who woke up, when, by what, about what, and where rows were written; `None` for the step of a packet. `since_start` is
/// in nanoseconds from the client's start.
#[must_use]
pub fn wake(view: &StepView, decision: &Decision, since_start: i64) -> Option<Vec<(&'static str, String)>> {
    let (Stage::Control(component), Decision::Reconcile(done)) = (view.stage, decision) else { return None };
    let place = view.at.rsplit('/').next().unwrap_or_default();
    let mut rows = vec![("who", format!("{} on {place}", name(component))), ("when", when(since_start))];
    if let Some(by) = &done.woken_by {
        rows.push(("woken by", format!("{} {}, {} ms before", by.object, change(by.change), by.after.as_millis())));
    }
    rows.push(("about", done.about.to_string()));
    let mut commands: Vec<(&str, usize)> = Vec::new();
    for row in &view.wrote {
        match commands.iter_mut().find(|(command, _)| *command == row.command) {
            Some((_, n)) => *n += 1,
            None => commands.push((&row.command, 1)),
        }
    }
    let count = |(command, n): (&str, usize)| format!("{n} in {command}");
    let wrote: Vec<String> = commands.into_iter().map(count).collect();
    rows.push(("rows", if wrote.is_empty() { "none written".to_owned() } else { wrote.join(", ") }));
    Some(rows)
}

/// A component as its own binary or controller is called.
fn name(component: Component) -> &'static str {
    match component {
        Component::Kubectl => "kubectl, by the API server",
        Component::ReplicaSet => "the ReplicaSet controller",
        Component::DaemonSet => "the DaemonSet controller",
        Component::Scheduler => "kube-scheduler",
        Component::Kubelet => "the kubelet",
        Component::EndpointSlice => "the EndpointSlice controller",
        Component::Endpoints => "the Endpoints controller",
        Component::KubeProxy => "kube-proxy",
        Component::CiliumAgent => "Cilium's agent",
        Component::CoreDns => "CoreDNS",
        Component::Ingress => "the ingress controller",
    }
}

fn change(change: Change) -> &'static str {
    match change {
        Change::Created => "was created",
        Change::Changed => "was changed",
        Change::Bound => "got a node",
        Change::Started => "got an address",
        Change::Ready => "became Ready",
        Change::NotReady => "became NotReady",
        Change::Deleting => "was marked for deletion",
        Change::Ended => "ended",
        Change::Deleted => "went",
    }
}

fn when(since_start: i64) -> String {
    // A run lasts seconds: a tenth of a millisecond of it is exact.
    #[expect(clippy::cast_precision_loss, reason = "less than an hour")]
    let millis = Tenths(since_start.unsigned_abs() as f64 / 1e6);
    if since_start == 0 {
        return "as the client starts".to_owned();
    }
    let side = if since_start < 0 { "before" } else { "after" };
    format!("{millis} ms {side} the client starts")
}
