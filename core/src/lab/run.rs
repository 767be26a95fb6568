//! What to run: a client, a target and how much is said. From the words of the command line and the page to an
//! [`Exchange`].

use std::net::IpAddr;

use thiserror::Error;

use super::actions::{self, ActionError};
use super::build::{Prepared, prepare};
use super::{Lab, NamesError, asked, balancer, faults, session};
use crate::app;
use crate::base::{Place, PlaceError};
use crate::k8s::control_plane::{Absent, ControlPlane};
use crate::net::{NsId, Topology};
use crate::sim::{self, Exchange, Talk};
use crate::trace::Trace;

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
        "--to: {found:?} is not a target; expected tcp://HOST:PORT, udp://HOST:PORT, http://HOST[:PORT][/PATH], ping://HOST, bgp://HOST[?withdraw|?shutdown], probe://pod/NS/NAME[/CONTAINER][?kind=KIND] or scrape://pod/NS/NAME"
    )]
    NotATarget {
        /// What stood there.
        found: String,
    },
    /// The target's host is a name, and nothing here resolves names.
    #[error("--to: {found:?} is not an IP address, and this version resolves no names{}", nearest_is(.nearest))]
    NotAnAddress {
        /// What stood there.
        found: String,
        /// The address of a place with nearly that name.
        nearest: Option<String>,
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
    /// The lab with its objects as they are then, if anything was done to them.
    pub lab: Option<Lab>,
}

/// Runs `run` in `lab`, and returns everything as it leaves it.
///
/// # Errors
/// If the client, the target or something that is acted upon does not exist or cannot be read.
pub fn run_to_end(lab: &Lab, run: &Run) -> Result<Ended, RunError> {
    let (actions, start) = actions::parse(lab, &run.actions)?;
    let ended = |(trace, topo)| Ended { trace, topo, lab: None };
    if run.faults.is_empty() && actions.is_empty() {
        return trace_on(lab, prepare(lab, run.seed), run).map(ended);
    }
    let mut broken = faults::broken(lab, &run.faults, Some(run))?;
    if actions.is_empty() {
        let machines = broken.prepare(run.seed).topo;
        return trace_on(&broken.lab, machines, run).map(ended);
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
    let (trace, topo, control) = sim::run_controlled(topo, &exchange, control, start);
    lab.objects = control.into_objects();
    Ok(Ended { trace, topo, lab: Some(lab) })
}

/// The lab and its machines with the faults of `run` broken in them.
///
/// # Errors
/// If there is no such fault, or the run cannot be made.
pub fn broken(lab: &Lab, run: &Run) -> Result<(Lab, Topology), RunError> {
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
    if let Ok(Target { scheme: Scheme::Bgp, host, path, .. }) = Target::parse(lab, &run.to) {
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

/// The address that a run's target names, with its port, if it can be read; of a ping the port is 0.
pub(super) fn target_address(lab: &Lab, run: &Run) -> Option<(IpAddr, u16)> {
    asked::address(lab, run).or_else(|| Target::parse(lab, &run.to).ok().map(|target| (target.host, target.port)))
}

fn exchange(lab: &Lab, topo: &mut Topology, run: &Run) -> Result<Exchange, RunError> {
    let (client, program) = resolve(lab, topo, &run.from, "--from")?;
    let check = |option, found, what, max| {
        if found > max { Err(RunError::TooLarge { option, found, what, max }) } else { Ok(()) }
    };
    if let Some(asked) = asked::asked(lab, run) {
        check("--reply-size", run.reply_size, "message of one walk", MAX_STREAM)?;
        let asked = asked?;
        let program = asked.program.unwrap_or_else(|| program.unwrap_or_else(|| "prometheus".to_owned()).into());
        return Ok(Exchange { client, program, dst: asked.dst, talk: asked.talk, ttl: run.ttl, seed: run.seed });
    }
    let target = Target::parse(lab, &run.to)?;
    let (what, max) = match target.scheme {
        Scheme::Ping | Scheme::Udp => ("datagram", MAX_DATAGRAM),
        Scheme::Tcp | Scheme::Http | Scheme::Bgp => ("message of one walk", MAX_STREAM),
    };
    check("--size", run.size, what, max)?;
    check("--reply-size", run.reply_size, what, max)?;
    let talk = match target.scheme {
        Scheme::Ping => Talk::Ping { size: run.size, df: run.df },
        Scheme::Udp => Talk::Udp { port: target.port, size: run.size, reply_size: run.reply_size },
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
        (_, Some(container)) => container,
        (Scheme::Http, None) => "curl".to_owned(),
        (Scheme::Tcp | Scheme::Udp | Scheme::Bgp, None) => "client".to_owned(),
    };
    let program = program.into();
    Ok(Exchange { client, program, dst: target.host, talk, ttl: run.ttl, seed: run.seed })
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Ping,
    Udp,
    Tcp,
    Http,
    Bgp,
}

struct Target {
    scheme: Scheme,
    host: IpAddr,
    port: u16,
    authority: String,
    path: String,
}

impl Target {
    fn parse(lab: &Lab, text: &str) -> Result<Self, RunError> {
        let not_a_target = || RunError::NotATarget { found: text.to_owned() };
        let (scheme, rest) = text.split_once("://").ok_or_else(not_a_target)?;
        let scheme = match scheme {
            "ping" => Scheme::Ping,
            "udp" => Scheme::Udp,
            "tcp" => Scheme::Tcp,
            "http" => Scheme::Http,
            "bgp" => Scheme::Bgp,
            _ => return Err(not_a_target()),
        };
        let (authority, path) = match rest.find('/') {
            Some(slash) if scheme == Scheme::Http => rest.split_at(slash),
            _ if scheme == Scheme::Bgp => rest.split_once('?').unwrap_or((rest, "")),
            _ => (rest, "/"),
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !matches!(scheme, Scheme::Ping | Scheme::Bgp) => (host, Some(port)),
            _ => (authority, None),
        };
        if host.is_empty() || path.contains(|c: char| c.is_control() || c == ' ') {
            return Err(not_a_target());
        }
        let port = match (port, scheme) {
            (Some(port), _) => match port.parse() {
                Ok(number) if number > 0 => number,
                _ => return Err(RunError::Port { found: port.to_owned() }),
            },
            (None, Scheme::Http) => 80,
            (None, Scheme::Ping | Scheme::Bgp) => 0,
            (None, Scheme::Tcp | Scheme::Udp) => return Err(not_a_target()),
        };
        // IPv4 only on the path; an IPv6 address is read and leads nowhere.
        let host_ip = host
            .parse::<std::net::Ipv4Addr>()
            .map_err(|_| RunError::NotAnAddress { found: host.to_owned(), nearest: nearest_address(lab, host) })?;
        Ok(Self { scheme, host: IpAddr::V4(host_ip), port, authority: authority.to_owned(), path: path.to_owned() })
    }
}

/// The address of the pod or node with nearly this name.
fn nearest_address(lab: &Lab, name: &str) -> Option<String> {
    let pods = lab.objects.pods.iter().filter_map(|pod| Some((pod.meta.name.as_str(), pod.pod_ip?)));
    let nodes = lab.objects.nodes.iter().filter_map(|node| Some((node.meta.name.as_str(), *node.addresses.first()?)));
    let hosts = lab.spec.hosts.iter().map(|host| (host.name.as_str(), host.address.addr()));
    let all: Vec<(&str, IpAddr)> = pods.chain(nodes).chain(hosts).collect();
    let (found, address) = all.into_iter().min_by_key(|(other, _)| strsim::osa_distance(name, other))?;
    Some(format!("{address} ({found})"))
}
