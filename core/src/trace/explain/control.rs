//! Words for the control plane: who woke up, by what, and what it did.

use super::Words;
use crate::trace::{Change, Component, Reconcile, Stage, Step, WokenBy, Work};

pub(super) fn reconciles(step: &Step, done: &Reconcile, at: &str) -> Words {
    let Stage::Control(component) = step.stage else { return Words::default() };
    let (headline, why) = did(component, done, at);
    let what = match (&done.woken_by, component, &done.work) {
        (Some(woken_by), ..) => woken(component, woken_by, at),
        (None, _, Work::Ask(_) | Work::AskInVain(_)) => {
            "The API server checks it and writes it down. Nothing else happens here: whoever watches that kind of object is told.".to_owned()
        }
        (None, Component::Kubelet, Work::Probe(false)) => {
            "The kubelet asks the container every 10 seconds (periodSeconds). This is the third answer in a row that is no good (failureThreshold).".to_owned()
        }
        (None, ..) => format!("{} goes on with what it has begun.", name(component, at)),
    };
    (headline, what, why.to_owned())
}

/// What people call a component.
fn name(component: Component, at: &str) -> String {
    match component {
        Component::Kubectl => "kubectl".to_owned(),
        Component::ReplicaSet => "The ReplicaSet controller".to_owned(),
        Component::DaemonSet => "The DaemonSet controller".to_owned(),
        Component::Scheduler => "The scheduler".to_owned(),
        Component::Kubelet => format!("The kubelet of {at}"),
        Component::EndpointSlice => "The EndpointSlice controller".to_owned(),
        Component::Endpoints => "The Endpoints controller".to_owned(),
        Component::KubeProxy => format!("kube-proxy on {at}"),
        Component::CiliumAgent => format!("Cilium's agent on {at}"),
        Component::CoreDns => "CoreDNS".to_owned(),
        Component::Ingress => "The ingress controller".to_owned(),
    }
}

/// `The EndpointSlice controller saw pod/default/web-0 become NotReady, 5 ms after.`
fn woken(component: Component, by: &WokenBy, at: &str) -> String {
    let WokenBy { object, change, after } = by;
    let change = match change {
        Change::Created => "appear",
        Change::Changed => "change",
        Change::Bound => "get a node",
        Change::Started => "get an address",
        Change::Ready => "become Ready",
        Change::NotReady => "become NotReady",
        Change::Deleting => "get a deletionTimestamp",
        Change::Ended => "end",
        Change::Deleted => "go",
    };
    format!("{} saw {object} {change}, {} ms after.", name(component, at), after.as_millis())
}

fn counted(n: usize, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

/// Headline, and why one cares.
fn did(component: Component, done: &Reconcile, at: &str) -> (String, &'static str) {
    let (who, about) = (name(component, at), &*done.about);
    match &done.work {
        Work::Ask(what) => (
            format!("kubectl {what}."),
            "A command changes an object and no packet's way. What follows is the work of those who watch.",
        ),
        Work::AskInVain(what) => (
            format!("kubectl {what}: not found."),
            "The object was there when the run began; somebody else has been quicker.",
        ),
        Work::CreatePods(n) => (
            format!("{who} creates {} for {about}.", counted(*n, "pod")),
            "It counts what is not being deleted, and makes up for what is missing. The new pod has another name, and will have another address.",
        ),
        Work::DeletePods(n) => (
            format!("{who} deletes {} of {about}.", counted(*n, "pod")),
            "Those that are not Ready go first, then those that have neighbours of their own kind, then the youngest.",
        ),
        Work::Bind(node) => (
            format!("{who} gives {about} to {node}."),
            "Of the nodes that take it, the one with the fewest pods of its kind. A cordoned node takes none.",
        ),
        Work::NoNode => (
            format!("{who} finds no node for {about}."),
            "Each is cordoned, tainted or not selected: the pod stays Pending.",
        ),
        Work::Sandbox(ip) => (
            format!("{who} makes a sandbox for {about}: {ip}."),
            "The pause container creates the network namespace, and the CNI plugin is called for it: a cable, an address, routes. host-local hands out the address after the last one, so that an address does not come back soon.",
        ),
        Work::NoAddress => (
            format!("{who} has no address for {about}."),
            "The node's range of pod addresses is used up: the pod stays ContainerCreating.",
        ),
        Work::Start => (
            format!("{who} starts the containers of {about}."),
            "They join the sandbox's network namespace and listen on their ports. The pod has its address in the API now, but nobody sends anything yet: it is not Ready.",
        ),
        Work::Probe(true) => (
            format!("{about} is Ready."),
            "The readiness probe has succeeded. Only now may services send connections there.",
        ),
        Work::Probe(false) => (
            format!("{about} is not Ready any more."),
            "Nothing happens to the pod itself. It only gets no new connections, once everybody has heard.",
        ),
        Work::Stop => (
            format!("{who} stops the containers of {about}."),
            "SIGTERM: they listen no more, and finish what they have begun. Whoever still sends new connections there is refused.",
        ),
        Work::TearDown => (
            format!("{who} takes the sandbox of {about} down."),
            "The network namespace goes with its cable, and the address with it. What still sends there finds nobody.",
        ),
        Work::Remove => (
            format!("{who} has the object of {about} removed."),
            "Nothing is left of the pod on its node, so its name is free.",
        ),
        Work::WriteSlices { n_ready, n_terminating, n_not_ready } => (
            format!("{who} writes {about}: {n_ready} ready, {n_terminating} terminating, {n_not_ready} not ready."),
            "This list, and nothing else, is what kube-proxy knows of pods. An endpoint that is terminating but still serving is used only while none is ready.",
        ),
        Work::WriteEndpoints => (
            format!("{who} writes {about}."),
            "The older object, with the same addresses in one list. kube-proxy does not read it.",
        ),
        Work::Collect => (
            format!("{about} has gone, and what belonged to it goes too."),
            "Slices and Endpoints name their service as their owner: the garbage collector takes them away.",
        ),
        Work::Sync { n_rows, n_forgotten, n_others } => {
            let others = match n_others {
                0 => String::new(),
                n => format!(" So does it on {}, in the same moment.", counted(*n, "other node")),
            };
            let what = match n_rows {
                0 if *n_others > 0 => "makes the tables true".to_owned(),
                0 => "has nothing to change".to_owned(),
                n => format!("changes {}", counted(*n, "row")),
            };
            match n_forgotten {
                0 => (
                    format!("{who} {what}.{others}"),
                    "Until this moment the node translated as before. Connections that stand are not touched: conntrack remembers where they go.",
                ),
                n => (
                    format!("{who} {what}, and has {} forgotten.", counted(*n, "UDP connection")),
                    "UDP has no end that conntrack could see: as long as its client goes on, the entry would lead to an address that nobody answers from. TCP is left alone, for who is gone resets it.",
                ),
            }
        }
        Work::Note => (
            format!("{who} notes {about}."),
            "It keeps a copy of every service and its endpoints in memory, and answers from that.",
        ),
        Work::Nothing => (format!("{who} has nothing to do for {about}."), "What is wanted is what is there."),
    }
}

/// What was asked of the API server, as kubectl takes it.
fn asked(what: &str) -> String {
    let mut words = what.split_whitespace();
    let (verb, object) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let parts: Vec<&str> = object.split('/').collect();
    let mut command = match (verb, &parts[..]) {
        // What is created has more to it than a name.
        ("create", [.., name]) => return format!("kubectl create -f {name}.yaml"),
        ("cordon", [_, name]) => format!("kubectl cordon {name}"),
        (_, [kind, namespace, name]) => format!("kubectl {verb} -n {namespace} {kind}/{name}"),
        _ => format!("kubectl {verb} {object}"),
    };
    for word in words {
        command.push(' ');
        command.push_str(word);
    }
    command
}

/// The command that shows it on a real machine.
pub(super) fn command(component: Component, done: &Reconcile) -> String {
    let mut parts = done.about.split('/');
    let (kind, namespace, name) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    match (component, &done.work, name) {
        (_, Work::Ask(what) | Work::AskInVain(what), _) => asked(what),
        (Component::KubeProxy, ..) => "kubectl logs -n kube-system -l k8s-app=kube-proxy".to_owned(),
        (Component::CiliumAgent, ..) => "kubectl logs -n kube-system -l k8s-app=cilium".to_owned(),
        (Component::CoreDns, ..) => "kubectl logs -n kube-system -l k8s-app=kube-dns".to_owned(),
        (Component::Ingress, ..) => "kubectl logs -n ingress-nginx -l app.kubernetes.io/name=ingress-nginx".to_owned(),
        (Component::EndpointSlice, _, Some(name)) => {
            format!(
                "kubectl get endpointslices -n {} -l kubernetes.io/service-name={name} -w",
                namespace.unwrap_or_default()
            )
        }
        (Component::Endpoints, _, Some(name)) => {
            format!("kubectl get endpoints -n {} {name} -w", namespace.unwrap_or_default())
        }
        (_, _, Some(name)) => format!("kubectl describe {kind} -n {} {name}", namespace.unwrap_or_default()),
        _ => format!("kubectl describe {kind} {}", namespace.unwrap_or_default()),
    }
}
