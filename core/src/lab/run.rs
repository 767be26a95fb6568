//! What to run: a client, a target and how much is said. From the words of the command line and the page to an
//! [`Exchange`].

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use thiserror::Error;

use super::actions::{self, ActionError};
use super::build::{Prepared, prepare};
use super::dns::{CLUSTER_DOMAIN, libc, resolv_conf};
use super::names::{self, name_servers, with_names};
use super::target::{Host, Scheme, Target};
use super::{Lab, NamesError, asked, balancer, faults, session};
use crate::app;
use crate::app::resolver::{Libc, Transport};
use crate::base::{Instant, Place, PlaceError};
use crate::k8s::control_plane::{Absent, ControlPlane};
use crate::k8s::objects::{ObjectMeta, Objects};
use crate::net::{NsId, Topology};
use crate::sim::{self, Exchange, LookupBy, NameLookup, NameServers, Names, Talk};
use crate::trace::Trace;
use crate::wire::{DNS_PORT, DnsNameError};

/// One run of one client, as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The client: a reference, with a container if wanted.
    pub from: String,
    /// The target: `http://10.244.1.2:8080/`.
    pub to: String,
    /// Bytes of the request.
    pub size: usize,
    /// Bytes of the reply.
    pub reply_size: usize,
    /// Set DF (ping only).
    pub df: bool,
    /// TTL of every packet of the client.
    pub ttl: Option<u8>,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Faults that are broken before, by their ids.
    pub faults: Vec<String>,
    /// What happens to the cluster meanwhile, each as `TIME ACTION REF`.
    pub actions: Vec<String>,
    /// The node that the fabric hands a client's packets for service addresses to, if it is not to choose.
    pub via: Option<String>,
}

impl Run {
    /// A run with the defaults of the command line.
    #[must_use]
    pub fn new(from: &str, to: &str) -> Self {
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
            size: 100,
            reply_size: 100,
            df: false,
            ttl: None,
            seed: 1,
            faults: Vec::new(),
            actions: Vec::new(),
            via: None,
        }
    }
}

/// Why a run cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RunError {
    /// `from` is no reference.
    #[error("--from: {0}")]
    From(#[from] PlaceError),
    /// There is no such place.
    #[error("{option}: there is no {wanted}{}", nearest_is(.nearest))]
    NoSuchPlace {
        /// The option that named it.
        option: &'static str,
        /// What was asked for.
        wanted: String,
        /// The nearest that exists.
        nearest: Option<String>,
    },
    /// The target is no target.
    #[error(
        "--to: {found:?} is not a target; expected tcp://HOST:PORT, udp://HOST:PORT, http://HOST[:PORT][/PATH], ping://HOST, dns://NAME[?type=TYPE], lookup://NAME, bgp://HOST[?withdraw|?shutdown], probe://pod/NS/NAME[/CONTAINER][?kind=KIND] or scrape://pod/NS/NAME"
    )]
    NotATarget {
        /// What stood there.
        found: String,
    },
    /// The router of a BGP session has no name.
    #[error("--to: {found:?} is not an IP address{}", nearest_is(.nearest))]
    NotAnAddress {
        /// What stood there.
        found: String,
        /// The address of a place with nearly that name.
        nearest: Option<String>,
    },
    /// No message can ask for this.
    #[error("--to: {found:?} is not a name that can be asked for: {reason}")]
    NotAName {
        /// What stood there.
        found: String,
        /// What is wrong with it.
        reason: DnsNameError,
    },
    /// There is no such type of records.
    #[error("--to: {found:?} is not a type of records; expected A, AAAA, SRV, PTR, TXT, … or TYPE and a number")]
    RecordType {
        /// What stood behind `type=`.
        found: String,
    },
    /// A port is missing or is none.
    #[error("--to: {found:?} is not a port; expected a number from 1 to 65535")]
    Port {
        /// What stood there.
        found: String,
    },
    /// There is no such fault.
    #[error("--fault: there is no fault {found:?}{}; `kubehop faults` lists them", nearest_is(.nearest))]
    NoSuchFault {
        /// What was asked for.
        found: String,
        /// The nearest that exists.
        nearest: Option<String>,
    },
    /// There is no room for the cluster's DNS.
    #[error(transparent)]
    Names(#[from] NamesError),
    /// There is no such walk.
    #[error("--walk: there is no walk {found:?}{}; `kubehop walks` lists them", nearest_is(.nearest))]
    NoSuchWalk {
        /// What was asked for.
        found: String,
        /// The nearest that exists.
        nearest: Option<String>,
    },
    /// What is to happen meanwhile cannot.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// Two machines that have no BGP session.
    #[error("--to: {from} has no BGP session with {found}; {}", match &**.peers {
        "" => "only nodes in racks have one, under calico/bgp and cilium/native, unless fabric.bgp.down names them".to_owned(),
        peers => format!("its peer is {peers}"),
    })]
    NoBgpSession {
        /// The client.
        from: String,
        /// Whom it was to talk to.
        found: IpAddr,
        /// Whom it has one with.
        peers: String,
    },
    /// A BGP session is asked for something that it does not do.
    #[error("--to: {found:?} is nothing that happens to a BGP session; expected withdraw or shutdown{}", nearest_is(.nearest))]
    BgpEvent {
        /// What stood behind the question mark.
        found: String,
        /// The nearest that there is.
        nearest: Option<String>,
    },
    /// As many services are not counted.
    #[error("--services: found {found}, expected numbers from 1 to {max}")]
    Services {
        /// What stood there.
        found: usize,
        /// The most.
        max: usize,
    },
    /// A pod cannot be asked what was to be asked.
    #[error("--to {target}: {reason}")]
    CannotAsk {
        /// What stood there.
        target: String,
        /// What is missing, or is wrong.
        reason: String,
    },
    /// There is no such probe.
    #[error("--to: {found:?} is no kind of probe; expected ?kind=readiness, liveness or startup{}", nearest_is(.nearest))]
    ProbeKind {
        /// What stood behind the question mark.
        found: String,
        /// The nearest that there is.
        nearest: Option<String>,
    },
    /// A size is larger than a packet can be.
    #[error("{option} {found}: a {what} holds at most {max} bytes")]
    TooLarge {
        /// The option.
        option: &'static str,
        /// What stood there.
        found: usize,
        /// What cannot be that large.
        what: &'static str,
        /// The largest that can be.
        max: usize,
    },
}

fn nearest_is(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; the nearest is {name}")).unwrap_or_default()
}

/// Bytes that an IPv4 packet holds besides its header and 8 bytes of UDP or ICMP.
const MAX_DATAGRAM: usize = 65507;
/// Bytes that one message over TCP may have here: what a page still steps through.
const MAX_STREAM: usize = 1 << 20;

/// Runs `run` in `lab`.
///
/// # Errors
/// If the client or the target does not exist or cannot be read.
pub fn trace(lab: &Lab, run: &Run) -> Result<Trace, RunError> {
    trace_to_end(lab, run).map(|(trace, _)| trace)
}

/// Runs `run` in `lab`, and returns the machines as it leaves them besides.
///
/// # Errors
/// If the client or the target does not exist or cannot be read.
pub fn trace_to_end(lab: &Lab, run: &Run) -> Result<(Trace, Topology), RunError> {
    run_to_end(lab, run).map(|ended| (ended.trace, ended.topo))
}

/// What a run leaves.
#[derive(Debug)]
pub struct Ended {
    /// What happened.
    pub trace: Trace,
    /// The machines.
    pub topo: Topology,
    /// The lab as it is then, if anything was given to it, was broken before or done meanwhile.
    pub lab: Option<Lab>,
}

/// Runs `run` in `lab`, and returns everything as it leaves it.
///
/// # Errors
/// If the client, the target or something that is acted upon does not exist or cannot be read.
pub fn run_to_end(lab: &Lab, run: &Run) -> Result<Ended, RunError> {
    let named = named(lab, run)?;
    let lab = &*named;
    let (actions, start) = actions::parse(lab, &run.actions)?;
    if run.faults.is_empty() && actions.is_empty() {
        let (trace, topo) = trace_on(lab, prepare(lab, run.seed), run)?;
        let lab = match named {
            Cow::Owned(lab) => Some(lab),
            Cow::Borrowed(_) => None,
        };
        return Ok(Ended { trace, topo, lab });
    }
    let mut broken = faults::broken(lab, &run.faults, Some(run))?;
    if actions.is_empty() {
        let machines = broken.prepare(run.seed).topo;
        let (trace, topo) = trace_on(&broken.lab, machines, run)?;
        return Ok(Ended { trace, topo, lab: Some(broken.lab) });
    }
    // What the run creates is not there before.
    let absent = Absent::take_out(&mut broken.lab.objects, &actions);
    let Prepared { mut topo, nodes, .. } = broken.prepare(run.seed);
    let mut lab = broken.lab;
    if matches!(Target::parse(&lab, &run.to), Ok(Target { scheme: Scheme::Bgp, .. })) {
        return Err(ActionError::Session.into());
    }
    hand_over(&lab, &mut topo, run)?;
    let exchange = exchange(&lab, &mut topo, run)?;
    let objects = std::mem::take(&mut lab.objects);
    let control = ControlPlane::new(objects, absent, nodes, lab.spec.kube_proxy.mode, actions, run.seed);
    let mut tell_dns = |objects: &Objects, now: Instant, servers: &mut NameServers| {
        names::tell(&Lab { objects: objects.clone(), ..lab.clone() }, run.seed, now, servers);
    };
    let (trace, topo, control) = sim::run_controlled(topo, &exchange, control, start, &mut tell_dns);
    lab.objects = control.into_objects();
    Ok(Ended { trace, topo, lab: Some(lab) })
}

/// The lab as it is for `run`: a cluster that is asked for a name has somebody to answer.
pub(super) fn named<'a>(lab: &'a Lab, run: &Run) -> Result<Cow<'a, Lab>, RunError> {
    match Target::parse(lab, &run.to) {
        Ok(Target { host: Host::Name(_), .. }) => Ok(with_names(lab)?),
        _ => Ok(Cow::Borrowed(lab)),
    }
}

/// The lab and its machines with the faults of `run` broken in them.
///
/// # Errors
/// If there is no such fault, or the run cannot be made.
pub fn broken(lab: &Lab, run: &Run) -> Result<(Lab, Topology), RunError> {
    let lab = &*named(lab, run)?;
    let broken = faults::broken(lab, &run.faults, Some(run))?;
    let topo = broken.prepare(run.seed).topo;
    Ok((broken.lab, topo))
}

/// Runs `run` on machines that are there already, whatever has been written into them since they were built. Nobody does
/// anything to them meanwhile.
///
/// # Errors
/// If the client or the target does not exist or cannot be read.
pub fn trace_on(lab: &Lab, mut topo: Topology, run: &Run) -> Result<(Trace, Topology), RunError> {
    hand_over(lab, &mut topo, run)?;
    if let Ok(Target { scheme: Scheme::Bgp, host: Host::Address(host), path, .. }) = Target::parse(lab, &run.to) {
        resolve(lab, &mut topo, &run.from, "--from")?;
        return session::run(lab, run, &run.from.parse::<Place>()?, host, path.parse()?);
    }
    let exchange = exchange(lab, &mut topo, run)?;
    Ok(sim::run_to_end(topo, &exchange))
}

/// Hands packets for service addresses that no machine has to the node that a run names, if it names one.
///
/// # Errors
/// If it is no node.
pub fn hand_over(lab: &Lab, topo: &mut Topology, run: &Run) -> Result<(), RunError> {
    balancer::hand_over_via(lab, topo, run)
}

/// The address of the service that a client means by `name`, if it is one of the cluster.
fn named_service(lab: &Lab, run: &Run, name: &str) -> Option<IpAddr> {
    let (place, _) = Place::parse_with_container(&run.from).ok()?;
    let searched = resolv_conf(lab, &place).unwrap_or_default().searches;
    let names = searched.iter().map(|entry| format!("{name}.{entry}")).chain([name.trim_end_matches('.').to_owned()]);
    names.into_iter().find_map(|full| {
        let (service, namespace) =
            full.strip_suffix(CLUSTER_DOMAIN)?.strip_suffix(".svc.").and_then(|inner| inner.split_once('.'))?;
        let is_it = |meta: &ObjectMeta| meta.name == service && meta.namespace == namespace;
        lab.objects.services.iter().find(|other| is_it(&other.meta))?.cluster_ip
    })
}

/// The address that a run's target names, with its port, if it can be read; of a ping the port is 0.
pub(super) fn target_address(lab: &Lab, run: &Run) -> Option<(IpAddr, u16)> {
    asked::address(lab, run).or_else(|| match Target::parse(lab, &run.to).ok()? {
        Target { host: Host::Address(address), port, .. } => Some((address, port)),
        Target { host: Host::Name(name), port, .. } => Some((named_service(lab, run, &name)?, port)),
    })
}

fn exchange(lab: &Lab, topo: &mut Topology, run: &Run) -> Result<Exchange, RunError> {
    let (client, program) = resolve(lab, topo, &run.from, "--from")?;
    let check = |option, found, what, max| {
        if found > max { Err(RunError::TooLarge { option, found, what, max }) } else { Ok(()) }
    };
    let mut names = Names::default();
    if let Some(asked) = asked::asked(lab, run) {
        check("--reply-size", run.reply_size, "message of one walk", MAX_STREAM)?;
        let asked = asked?;
        let program = asked.program.unwrap_or_else(|| program.unwrap_or_else(|| "prometheus".to_owned()).into());
        return Ok(Exchange { client, program, dst: asked.dst, talk: asked.talk, ttl: run.ttl, seed: run.seed, names });
    }
    let target = Target::parse(lab, &run.to)?;
    let (what, max) = match target.scheme {
        Scheme::Ping | Scheme::Udp => ("datagram", MAX_DATAGRAM),
        _ => ("message of one walk", MAX_STREAM),
    };
    check("--size", run.size, what, max)?;
    check("--reply-size", run.reply_size, what, max)?;
    let talk = match target.scheme {
        Scheme::Ping => Talk::Ping { size: run.size, df: run.df },
        Scheme::Udp => Talk::Udp { port: target.port, size: run.size, reply_size: run.reply_size },
        Scheme::Dns(_) | Scheme::Lookup => Talk::Names,
        Scheme::Tcp | Scheme::Http | Scheme::Bgp => {
            let is_http = target.scheme == Scheme::Http;
            let (request, reply) = if is_http {
                (app::http_request(&target.authority, &target.path, run.size), app::http_reply(run.reply_size))
            } else {
                (app::filler(run.size), app::filler(run.reply_size))
            };
            let reply_len = reply.len();
            let flow = if is_http { "http" } else { "tcp" };
            Talk::Tcp { port: target.port, flow, request, reply, reply_len }
        }
    };
    // ping is a program of its own in whatever container it is typed; a machine without containers has its tools.
    let program = match (target.scheme, program) {
        (Scheme::Ping, _) => "ping".to_owned(),
        (Scheme::Dns(_), _) => "dig".to_owned(),
        (_, Some(container)) => container,
        (Scheme::Http, None) => "curl".to_owned(),
        (Scheme::Lookup, None) => "getent".to_owned(),
        (Scheme::Tcp | Scheme::Udp | Scheme::Bgp, None) => "client".to_owned(),
    };
    let program = program.into();
    // What they know of a large cluster takes its time to write down.
    if target.port == DNS_PORT || matches!(target.host, Host::Name(_)) {
        names.servers = name_servers(lab, run.seed);
    }
    let dst = match target.host {
        Host::Address(address) => address,
        // It is looked up first.
        Host::Name(name) => {
            names.lookup = Some(lookup(lab, run, topo, client, name, target.scheme)?);
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        }
    };
    Ok(Exchange { client, program, dst, talk, ttl: run.ttl, seed: run.seed, names })
}

/// The lookup of `name` by the client of `run`.
fn lookup(
    lab: &Lab,
    run: &Run,
    topo: &Topology,
    client: NsId,
    name: String,
    scheme: Scheme,
) -> Result<NameLookup, RunError> {
    let (place, _) = Place::parse_with_container(&run.from)?;
    let pod = lab.objects.pods.iter().find(|pod| Place::pod(&pod.meta.namespace, &pod.meta.name) == place);
    let by = match scheme {
        Scheme::Dns(kind) => {
            let parsed = name.parse().map_err(|reason| RunError::NotAName { found: name.clone(), reason })?;
            LookupBy::Dig(parsed, kind, Transport::Udp)
        }
        _ => LookupBy::Library(pod.map_or(Libc::Glibc, libc)),
    };
    // A machine that nobody has told of a nameserver has no such file.
    let resolv_conf = resolv_conf(lab, &place).map(|conf| conf.print()).unwrap_or_default();
    // On the host network a pod has its node's name.
    let hostname = topo.ns(client).place.short();
    let hostname = pod.map(|pod| &*pod.hostname).filter(|stated| !stated.is_empty()).unwrap_or(hostname);
    Ok(NameLookup { name, by, resolv_conf, hostname: hostname.to_owned() })
}

/// The namespace that a reference names, and the container in it. A pod on the host network is its node.
///
/// # Errors
/// If there is no such place; names the nearest that is.
pub fn resolve(
    lab: &Lab,
    topo: &mut Topology,
    reference: &str,
    option: &'static str,
) -> Result<(NsId, Option<String>), RunError> {
    let (place, container) = Place::parse_with_container(reference)?;
    let pods = || lab.objects.pods.iter().filter(|pod| !pod.finished);
    let pod = pods().find(|pod| Place::pod(&pod.meta.namespace, &pod.meta.name) == place);
    // A pod's namespace is there once its node is finished.
    let node = match pod {
        Some(pod) => Place::Node(pod.node_name.clone()),
        None => place.clone(),
    };
    if let Some(node) = topo.find(&node) {
        topo.finish(node);
    }
    let ns = topo.find(if pod.is_some_and(|pod| pod.host_network) { &node } else { &place });
    // Compared as it would stand in full: `pod/web` is `pod/default/web`.
    let full = container.as_ref().map_or_else(|| place.to_string(), |container| format!("{place}/{container}"));
    let missing = |names: Vec<String>| RunError::NoSuchPlace {
        option,
        wanted: reference.to_owned(),
        nearest: names.into_iter().min_by_key(|name| strsim::osa_distance(&full, name)),
    };
    let Some(ns) = ns else {
        let pods = pods().map(|pod| Place::pod(&pod.meta.namespace, &pod.meta.name));
        let machines = topo.namespaces().map(|ns| (*ns.place).clone());
        let names = machines.chain(pods).map(|place| place.to_string());
        return Err(missing(names.collect()));
    };
    let first = pod.and_then(|pod| pod.containers.first()).map(|container| container.name.clone());
    match (container, pod) {
        (Some(wanted), Some(pod)) if pod.containers.iter().any(|container| container.name == wanted) => {
            Ok((ns, Some(wanted)))
        }
        (Some(_), Some(pod)) => {
            Err(missing(pod.containers.iter().map(|container| format!("{place}/{}", container.name)).collect()))
        }
        _ => Ok((ns, first)),
    }
}
