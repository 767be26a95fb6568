//! Who is drawn: the two machines that matter most to a run, and on each the two pods that do.

use std::net::Ipv4Addr;

use kubehop_core::api::{Decision, DeviceKind, DeviceView, HostPodView, NodeView, PodView, Run, Scene, Stage, Trace};

use super::geometry::{self, Rect, Side};

/// Who is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cast {
    /// The sender's machine.
    pub left: Machine,
    /// The receiver's, or another one.
    pub right: Option<Machine>,
    /// Other machines on the way, each a box in the fabric.
    pub outside: Vec<NodeView>,
    /// Whether the router is on anybody's way.
    pub uses_router: bool,
    /// Nodes that are not drawn.
    pub n_more_nodes: usize,
}

/// A machine as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// What the lab says of it.
    pub node: NodeView,
    /// Whether its own programs take part: they are drawn in the first pod's stead.
    pub has_host: bool,
    /// The pods that are drawn, each at its place.
    pub pods: [Option<PodView>; 2],
    /// The program of its own that talks.
    pub program: Option<String>,
    /// Its pods that are not drawn.
    pub n_more_pods: usize,
}

impl Machine {
    fn new(node: &NodeView, has_host: bool, wanted: &dyn Fn(&PodView) -> u8) -> Self {
        // The first of the pods that matter most, then the next: only two are drawn, so nothing need be sorted.
        let next = |other: Option<&PodView>| {
            let others = node.pods.iter().filter(|pod| other.is_none_or(|other| other.reference != pod.reference));
            others.min_by_key(|pod| wanted(pod))
        };
        let first = next(None);
        let second = first.and_then(|first| next(Some(first)));
        let n_drawn = node.pods.len().min(if has_host { 1 } else { 2 });
        let mut drawn = [first, second].into_iter().flatten().take(n_drawn).cloned();
        let pods_drawn = if has_host { [None, drawn.next()] } else { [drawn.next(), drawn.next()] };
        Self { node: node.clone(), has_host, program: None, pods: pods_drawn, n_more_pods: node.pods.len() - n_drawn }
    }

    /// Its pod that writes the rules of services.
    #[must_use]
    pub fn kube_proxy(&self) -> Option<&HostPodView> {
        let is_it = |pod: &&HostPodView| pod.containers.iter().any(|container| container.name == "kube-proxy");
        self.node.host_pods.iter().find(is_it)
    }

    /// Its device of a kind.
    fn device(&self, is_wanted: impl Fn(&DeviceKind) -> bool) -> Option<&DeviceView> {
        self.node.devices.iter().find(|device| is_wanted(&device.kind))
    }

    /// Its bridge.
    #[must_use]
    pub fn bridge(&self) -> Option<&DeviceView> {
        self.device(|kind| matches!(kind, DeviceKind::Bridge))
    }

    /// The device that has the addresses of services, where kube-proxy keeps one: that of its IPVS mode.
    #[must_use]
    pub fn service_device(&self) -> Option<&DeviceView> {
        self.node.devices.iter().find(|device| device.name == "kube-ipvs0")
    }

    /// Its tunnel device.
    #[must_use]
    pub fn overlay(&self) -> Option<&DeviceView> {
        self.device(is_tunnel)
    }

    /// Its NIC.
    #[must_use]
    pub fn nic(&self) -> Option<&DeviceView> {
        self.device(|kind| matches!(kind, DeviceKind::Nic))
    }

    /// Why it has no tunnel device.
    #[must_use]
    pub fn no_overlay(&self) -> &str {
        self.absent("overlay").unwrap_or("no tunnel device: this machine is outside the cluster")
    }

    /// Why it has no bridge.
    #[must_use]
    pub fn no_bridge(&self) -> &str {
        self.absent("bridge").unwrap_or("no bridge: this machine has no pods")
    }

    fn absent(&self, slot: &str) -> Option<&str> {
        self.node.absent.iter().find(|absent| absent.slot == slot).map(|absent| absent.why)
    }
}

/// Whether a device wraps packets.
pub(super) fn is_tunnel(kind: &DeviceKind) -> bool {
    matches!(kind, DeviceKind::Vxlan { .. } | DeviceKind::Geneve { .. } | DeviceKind::Ipip)
}

impl Cast {
    /// Chooses who is drawn for `run` and its `trace`. `None` for a lab without machines.
    #[must_use]
    pub fn new(scene: &Scene, run: &Run, trace: &Trace) -> Option<Self> {
        let machines: Vec<&NodeView> = scene.nodes.iter().chain(&scene.hosts).collect();
        let visited: Vec<String> = trace.hops.iter().map(|hop| hop.at.to_string()).collect();
        let sender = sender(run);
        let receiver = receiver(scene, run, trace, &sender);
        let has = |machine: &NodeView, reference: &str| {
            machine.reference == reference || machine.pods.iter().any(|pod| pod.reference == reference)
        };
        let is_visited = |machine: &NodeView| {
            visited.contains(&machine.reference) || machine.pods.iter().any(|pod| visited.contains(&pod.reference))
        };
        let sends = *machines.iter().find(|machine| has(machine, &sender)).or(machines.first())?;
        // Where more than two are on the way, nodes are drawn: what happens inside them is what is asked about.
        let is_node = |machine: &&&NodeView| machine.reference.starts_with("node/");
        let on_way = || machines.iter().filter(|machine| is_visited(machine));
        let is_crowded = on_way().count() > 2 && on_way().filter(is_node).count() > 1;
        let enters = || visited.iter().find_map(|place| on_way().filter(is_node).find(|node| has(node, place)));
        let left = if is_crowded && !is_node(&&sends) { *enters().unwrap_or(&sends) } else { sends };
        let others = || machines.iter().filter(|machine| machine.reference != left.reference);
        let right = others()
            .find(|machine| {
                receiver.as_deref().is_some_and(|reference| has(machine, reference))
                    && (!is_crowded || is_node(machine))
            })
            .or_else(|| others().find(|machine| is_visited(machine) && is_node(machine)))
            .or_else(|| others().find(|machine| is_visited(machine)))
            .or_else(|| others().next())
            .copied();
        let talks_itself = |machine: &NodeView| {
            !machine.reference.starts_with("node/")
                || sender == machine.reference
                || receiver.as_deref() == Some(&machine.reference)
                || trace.steps().any(|(hop, step)| {
                    matches!(step.stage, Stage::App | Stage::Deliver) && hop.at.to_string() == machine.reference
                })
        };
        let abouts: Vec<String> = trace.steps().filter_map(|(_, step)| about(&step.decision)).collect();
        let wanted = |pod: &PodView| match () {
            () if pod.reference == sender => 0,
            () if receiver.as_deref() == Some(&pod.reference) => 1,
            () if visited.contains(&pod.reference) => 2,
            () if abouts.contains(&pod.reference) => 3,
            () => 4,
        };
        let drawn = |machine: &NodeView| Machine {
            program: program(trace, &machine.reference),
            ..Machine::new(machine, talks_itself(machine), &wanted)
        };
        let is_drawn =
            |machine: &NodeView| [Some(left), right].into_iter().flatten().any(|it| it.reference == machine.reference);
        let outside: Vec<NodeView> =
            on_way().filter(|machine| !is_drawn(machine)).take(2).map(|machine| (*machine).clone()).collect();
        let drawn_at_all = [Some(left), right].into_iter().flatten().chain(&outside);
        let n_nodes_drawn = drawn_at_all.filter(|it| it.reference.starts_with("node/")).count();
        Some(Self {
            left: drawn(left),
            right: right.map(drawn),
            uses_router: visited.iter().any(|place| place.starts_with("router/")),
            n_more_nodes: scene.nodes.len() - n_nodes_drawn,
            outside,
        })
    }

    /// The machine on a side.
    #[must_use]
    pub fn machine(&self, side: Side) -> Option<&Machine> {
        match side {
            Side::Left => Some(&self.left),
            Side::Right => self.right.as_ref(),
        }
    }

    /// Whether a machine's own programs are drawn.
    #[must_use]
    pub fn has_host(&self, side: Side) -> bool {
        self.machine(side).is_some_and(|machine| machine.has_host)
    }

    /// Where the machine's agent is drawn.
    #[must_use]
    pub fn agent(&self, side: Side) -> Rect {
        geometry::agent(side, self.machine(side).map_or(0, |machine| machine.node.pod_cidr.len()))
    }

    /// The side of the machine with this reference.
    #[must_use]
    pub fn side_of(&self, reference: &str) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| self.machine(*side).is_some_and(|it| it.node.reference == reference))
    }

    /// The box in the fabric that stands for a place: a machine of its own, or the node of a pod.
    #[must_use]
    pub fn outside_of(&self, reference: &str) -> Option<usize> {
        let is_it = |machine: &NodeView| {
            machine.reference == reference || machine.pods.iter().any(|pod| pod.reference == reference)
        };
        self.outside.iter().position(is_it)
    }

    /// Where the pod with this reference is drawn.
    #[must_use]
    pub fn slot_of(&self, reference: &str) -> Option<(Side, usize)> {
        Side::BOTH.into_iter().find_map(|side| {
            let pods = &self.machine(side)?.pods;
            let slot = pods.iter().position(|pod| pod.as_ref().is_some_and(|pod| pod.reference == reference))?;
            Some((side, slot))
        })
    }

    /// The pod at a place.
    #[must_use]
    pub fn pod(&self, side: Side, slot: usize) -> Option<&PodView> {
        self.machine(side)?.pods.get(slot)?.as_ref()
    }
}

/// What the control plane works at in a step.
fn about(decision: &Decision) -> Option<String> {
    match decision {
        Decision::Reconcile(done) => Some(done.about.to_string()),
        _ => None,
    }
}

/// The first program that is named at a place.
fn program(trace: &Trace, reference: &str) -> Option<String> {
    trace.steps().filter(|(hop, _)| hop.at.to_string() == reference).find_map(|(_, step)| match &step.decision {
        Decision::Send { by, .. } => Some(by.to_string()),
        Decision::Deliver { to } => Some(to.to_string()),
        _ => None,
    })
}

/// The sender's reference, without the container that it may name, in full.
fn sender(run: &Run) -> String {
    let parts: Vec<&str> = run.from.split('/').collect();
    match parts[..] {
        ["pod", name] => format!("pod/default/{name}"),
        ["pod", namespace, name, ..] => format!("pod/{namespace}/{name}"),
        _ => run.from.clone(),
    }
}

/// Whose address the target has, or was given.
fn receiver(scene: &Scene, run: &Run, trace: &Trace, sender: &str) -> Option<String> {
    let authority = run.to.split("://").nth(1)?.split('/').next()?;
    let stated = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let chosen = trace.choice.as_ref().map(|choice| choice.chosen.0.to_string());
    // A program takes the first address that a name has.
    let answers =
        trace.queries.iter().filter_map(|query| query.reply.as_ref()).flat_map(|reply| &reply.message.answers);
    let found = answers.map(|record| record.data.to_string()).find(|data| data.parse::<Ipv4Addr>().is_ok());
    let host = chosen.as_deref().or(found.as_deref()).unwrap_or(stated);
    if host.starts_with("127.") {
        return Some(sender.to_owned());
    }
    let pods = scene.nodes.iter().flat_map(|node| &node.pods);
    let pod = pods.into_iter().find(|pod| pod.ip == host).map(|pod| pod.reference.clone());
    let has_address = |device: &DeviceView| device.addresses.iter().any(|net| net.split('/').next() == Some(host));
    let machine = || {
        let mut machines = scene.nodes.iter().chain(&scene.hosts);
        machines.find(|machine| machine.address == host || machine.devices.iter().any(has_address))
    };
    pod.or_else(|| machine().map(|machine| machine.reference.clone()))
}

#[cfg(test)]
mod tests {
    use crate::scene::Station;
    use crate::state::{Scenario, Walk};

    /// The built-in cluster with its service open on every node.
    fn through_a_node_port(seed: u64) -> Walk {
        let open = include_str!("../../../examples/two-nodes.yaml").replace("type: ClusterIP", "type: NodePort");
        let scenario = Scenario {
            cluster: Some(open.into()),
            from: Some("host/laptop".to_owned()),
            to: Some("http://172.18.0.2:30000".to_owned()),
            seed: Some(seed),
            ..Scenario::default()
        };
        Walk::new(&scenario).expect("a walk")
    }

    #[test]
    fn where_three_machines_are_on_the_way_both_nodes_are_drawn_and_the_outsider_is_a_box() {
        let walks = (1..9).map(through_a_node_port);
        let crowded = walks.filter(|walk| !walk.cast.outside.is_empty()).collect::<Vec<_>>();
        assert!(!crowded.is_empty(), "no seed leads to the pod on the other node");
        for walk in crowded {
            assert_eq!(walk.cast.left.node.name, "node-a");
            assert_eq!(walk.cast.right.as_ref().map(|right| right.node.name.as_str()), Some("node-b"));
            assert_eq!(walk.cast.outside[0].name, "laptop");
            assert_eq!(walk.reel.station(0), Station::Outside(0));
            assert!((0..walk.n_steps()).all(|idx| walk.reel.station(idx) != Station::Elsewhere));
        }
    }
}
