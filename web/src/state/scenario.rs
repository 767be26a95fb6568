//! What to compute: a cluster, a sender, a target and the few numbers that change a run.

use std::rc::Rc;

use kubehop_core::api::{self, CniMode, Lab, ProxyMode, Run, RunError, Scene, Source, WalkSpec, parse};

/// What a walk is computed from. `None` stands for what the walk's file says, or what the cluster has itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scenario {
    /// Id of a built-in walk (`s`); `None` is the one that the page opens on.
    pub walk: Option<String>,
    /// The YAML of a cluster that somebody brought along (`z`): then there is no walk.
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
    pub seed: Option<u64>,
    /// Bytes of the request.
    pub size: Option<usize>,
    /// Bytes of the reply.
    pub reply: Option<usize>,
    /// Whether a ping sets DF.
    pub df: Option<bool>,
    /// Name of the node that a client outside comes in by; empty leaves it to the balancer.
    pub via: Option<String>,
    /// Faults that are broken before, by their ids.
    pub faults: Option<Vec<String>>,
    /// What happens to the cluster meanwhile, each as `TIME ACTION REF`.
    pub actions: Option<Vec<String>>,
}

impl Scenario {
    /// The walk that it begins with, unless somebody brought a cluster along.
    ///
    /// # Errors
    /// If there is no such walk.
    pub fn spec(&self) -> Result<Option<WalkSpec>, String> {
        if self.cluster.is_some() {
            return Ok(None);
        }
        let id = self.walk.as_deref().unwrap_or(api::DEFAULT_WALK);
        api::walk(id).map(Some).map_err(|error| match error {
            RunError::NoSuchWalk { nearest: Some(nearest), .. } => {
                format!("s={id}: there is no such walk. The nearest is {nearest}.")
            }
            _ => format!("s={id}: there is no such walk."),
        })
    }

    /// Reads the cluster, with what was chosen on the page in place of what it states.
    ///
    /// # Errors
    /// The first error of the cluster's text.
    pub fn lab(&self) -> Result<Lab, String> {
        self.lab_of(self.spec()?.as_ref())
    }

    /// The same, of a walk that is read already.
    ///
    /// # Errors
    /// The first error of the cluster's text.
    pub fn lab_of(&self, spec: Option<&WalkSpec>) -> Result<Lab, String> {
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
        let parsed = match spec {
            Some(spec) => spec.lab(&sets),
            None => {
                let text = self.cluster.as_deref().unwrap_or_default().as_bytes();
                parse(&[Source { name: "your cluster", text }], &sets)
            }
        };
        let error = parsed.problems.iter().find(|problem| problem.severity == api::Severity::Error);
        match error {
            Some(problem) => Err(problem.to_string()),
            None => Ok(parsed.lab),
        }
    }

    /// The run as it is if nothing is chosen.
    fn base(&self, scene: &Scene, spec: Option<&WalkSpec>) -> Run {
        if let Some(spec) = spec {
            return spec.run.clone();
        }
        let default = default_from(scene);
        let from = self.from.as_ref().unwrap_or(&default);
        Run::new(&default, &default_to(scene, from))
    }

    /// The run in `scene`, with what is not chosen filled in.
    #[must_use]
    pub fn run(&self, scene: &Scene, spec: Option<&WalkSpec>) -> Run {
        let base = self.base(scene, spec);
        let via = |node: &String| (!node.is_empty()).then(|| format!("node/{node}"));
        Run {
            from: self.from.clone().unwrap_or(base.from),
            to: self.to.clone().unwrap_or(base.to),
            size: self.size.unwrap_or(base.size),
            reply_size: self.reply.unwrap_or(base.reply_size),
            df: self.df.unwrap_or(base.df),
            seed: self.seed.unwrap_or(base.seed),
            via: self.via.as_ref().map_or(base.via, via),
            faults: self.faults.clone().unwrap_or(base.faults),
            actions: self.actions.clone().unwrap_or(base.actions),
            ..base
        }
    }

    /// The same scenario, with every choice left open that is what there would be anyway.
    #[must_use]
    pub fn normal(mut self, scene: &Scene, spec: Option<&WalkSpec>) -> Self {
        if self.walk.as_deref() == Some(api::DEFAULT_WALK) {
            self.walk = None;
        }
        let from = self.base(scene, spec).from;
        self.from.take_if(|chosen| *chosen == from);
        let base = self.base(scene, spec);
        let via = base.via.as_deref().and_then(|via| via.strip_prefix("node/")).unwrap_or_default();
        self.to.take_if(|to| *to == base.to);
        self.size.take_if(|size| *size == base.size);
        self.reply.take_if(|reply| *reply == base.reply_size);
        self.df.take_if(|df| *df == base.df);
        self.seed.take_if(|seed| *seed == base.seed);
        self.via.take_if(|chosen| *chosen == via);
        self.faults.take_if(|faults| *faults == base.faults);
        self.actions.take_if(|actions| *actions == base.actions);
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
    let is_client = |pod: &&api::PodView| pod.containers.iter().all(|container| container.ports.is_empty());
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
