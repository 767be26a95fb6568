//! What to compute: a cluster, a sender, a target and the few numbers that change a run.

use std::rc::Rc;

use kubehop_core::api::{CniMode, Lab, ProxyMode, Run, Scene, Source, parse};

/// The built-in cluster.
const TWO_NODES: &str = include_str!("../../../examples/two-nodes.yaml");

/// What a walk is computed from. `None` stands for the cluster's own value or the built-in walk's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Id of a built-in walk (`s`); kept for those to come.
    pub walk: Option<String>,
    /// The YAML of a cluster that somebody brought along (`z`).
    pub cluster: Option<Rc<str>>,
    /// Reference of the sender.
    pub from: Option<String>,
    /// Target.
    pub to: Option<String>,
    /// Plugin and mode.
    pub cni: Option<CniMode>,
    /// The back end of kube-proxy.
    pub proxy: Option<ProxyMode>,
    /// NIC MTU of every node, in bytes.
    pub mtu: Option<usize>,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Bytes of the request.
    pub size: usize,
    /// Bytes of the reply.
    pub reply: usize,
    /// Whether a ping sets DF.
    pub df: bool,
    /// Name of the node that a client outside comes in by; `None` leaves it to the balancer.
    pub via: Option<String>,
    /// Faults that are broken before, by their ids.
    pub faults: Vec<String>,
    /// What happens to the cluster meanwhile, each as `TIME ACTION REF`.
    pub actions: Vec<String>,
}

impl Default for Scenario {
    fn default() -> Self {
        let run = Run::new("", "");
        Self {
            walk: None,
            cluster: None,
            from: None,
            to: None,
            cni: None,
            proxy: None,
            mtu: None,
            seed: run.seed,
            size: run.size,
            reply: run.reply_size,
            df: run.df,
            via: run.via,
            faults: run.faults,
            actions: run.actions,
        }
    }
}

impl Scenario {
    /// The files that describe the cluster, as text with a name.
    #[must_use]
    pub fn source(&self) -> (&'static str, &str) {
        match &self.cluster {
            Some(text) => ("your cluster", text),
            None => ("two-nodes.yaml", TWO_NODES),
        }
    }

    /// Reads the cluster, with what was chosen on the page in place of what it states.
    ///
    /// # Errors
    /// The first error of the cluster's text.
    pub fn lab(&self) -> Result<Lab, String> {
        let (name, text) = self.source();
        let mut sets = Vec::new();
        if let Some(cni) = self.cni {
            let (plugin, mode) = cni.name().split_once('/').unwrap_or((cni.name(), ""));
            sets.push(("cni.plugin".to_owned(), plugin.to_owned()));
            sets.push(("cni.mode".to_owned(), mode.to_owned()));
        }
        if let Some(proxy) = self.proxy {
            sets.push(("kubeProxy.mode".to_owned(), proxy_name(proxy).to_owned()));
        }
        if let Some(mtu) = self.mtu {
            sets.push(("underlay.mtu".to_owned(), mtu.to_string()));
        }
        let parsed = parse(&[Source { name, text: text.as_bytes() }], &sets);
        let error = parsed.problems.iter().find(|problem| problem.severity == kubehop_core::api::Severity::Error);
        match error {
            Some(problem) => Err(problem.to_string()),
            None => Ok(parsed.lab),
        }
    }

    /// The run in `scene`, with defaults filled in.
    #[must_use]
    pub fn run(&self, scene: &Scene) -> Run {
        let from = self.from.clone().unwrap_or_else(|| default_from(scene));
        let to = self.to.clone().unwrap_or_else(|| default_to(scene, &from));
        Run {
            size: self.size,
            reply_size: self.reply,
            df: self.df,
            seed: self.seed,
            via: self.via.as_ref().map(|node| format!("node/{node}")),
            faults: self.faults.clone(),
            actions: self.actions.clone(),
            ..Run::new(&from, &to)
        }
    }

    /// The same scenario, with every choice that is the default anyway left open.
    #[must_use]
    pub fn normal(mut self, scene: &Scene) -> Self {
        if self.from.as_deref() == Some(&*default_from(scene)) {
            self.from = None;
        }
        let from = self.from.clone().unwrap_or_else(|| default_from(scene));
        if self.to.as_deref() == Some(&*default_to(scene, &from)) {
            self.to = None;
        }
        self
    }
}

/// A mode of kube-proxy as documents and links name it.
#[must_use]
pub fn proxy_name(mode: ProxyMode) -> &'static str {
    ProxyMode::ALL.iter().find(|(_, other)| *other == mode).map_or("", |(name, _)| name)
}

/// The first pod that serves nothing, or else the first pod, or else the first node.
fn default_from(scene: &Scene) -> String {
    let pods = || scene.nodes.iter().flat_map(|node| &node.pods);
    let is_client =
        |pod: &&kubehop_core::api::PodView| pod.containers.iter().all(|container| container.ports.is_empty());
    let pod = pods().find(is_client).or_else(|| pods().next()).map(|pod| pod.reference.clone());
    pod.or_else(|| scene.nodes.first().map(|node| node.reference.clone())).unwrap_or_default()
}

/// A TCP port of a pod on another node than the sender's, or else on the same, or else a ping to a node.
fn default_to(scene: &Scene, from: &str) -> String {
    let own_node = scene.nodes.iter().position(|node| node.pods.iter().any(|pod| pod.reference == from));
    let pods = scene.nodes.iter().enumerate().flat_map(|(idx, node)| node.pods.iter().map(move |pod| (idx, pod)));
    let served = pods.filter(|(_, pod)| pod.reference != from).filter_map(|(idx, pod)| {
        let ports = pod.containers.iter().flat_map(|container| &container.ports);
        let port = ports.filter_map(|port| port.strip_suffix("/TCP")).next()?;
        Some((Some(idx) == own_node, format!("http://{}:{port}", pod.ip)))
    });
    let far_first = served.min_by_key(|(is_own_node, _)| *is_own_node).map(|(_, target)| target);
    let node = || scene.nodes.last().map(|node| format!("ping://{}", node.address));
    far_first.or_else(node).unwrap_or_default()
}
