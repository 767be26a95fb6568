//! What a cluster asks its pods by itself, made to happen once: `probe://pod/NS/NAME` and `scrape://pod/NS/NAME`.
//!
//! A probe is the kubelet's, from the node's own network namespace to the pod's address: no service and no DNS is in
//! between. Models pkg/kubelet/prober and pkg/probe/{http,tcp}. A scrape is Prometheus', wherever `--from` says that it
//! runs; where to ask stands in the annotations `prometheus.io/port`, `prometheus.io/path` and `prometheus.io/scrape` of
//! the pod, or is its port named `metrics`. Not modelled: that the server closes first after `Connection: close`; periods
//! and thresholds, for each run asks once; HTTPS.

use std::net::IpAddr;
use std::sync::Arc;

use super::Lab;
use super::nearest::nearest;
use super::run::{Run, RunError};
use crate::app;
use crate::base::Place;
use crate::k8s::objects::{Container, Pod, Probe, ProbeHandler, ProbeKind, Protocol, TargetPort};
use crate::sim::Talk;

/// The version that this project plays.
const KUBE_PROBE: &str = "kube-probe/1.33";
/// What Prometheus 3 says that it understands, without its protobuf.
const METRICS: &str =
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.1";

/// What is asked, whom, and by which program, if it is not the client's first container.
pub(super) struct Asked {
    pub(super) dst: IpAddr,
    pub(super) talk: Talk,
    pub(super) program: Option<Arc<str>>,
}

/// Where a question goes.
struct To<'a> {
    lab: &'a Lab,
    run: &'a Run,
    pod: &'a Pod,
    container: Option<&'a Container>,
    ip: IpAddr,
    /// What stands behind the question mark.
    query: &'a str,
}

/// What `run` asks, if its target is one of a pod's; `None` if it is another target.
///
/// # Errors
/// If there is no such pod, or it says of nothing that could be asked.
pub(super) fn asked(lab: &Lab, run: &Run) -> Option<Result<Asked, RunError>> {
    let (scheme, rest) = run.to.split_once("://")?;
    let ask = match scheme {
        "probe" => probe,
        "scrape" => scrape,
        _ => return None,
    };
    Some(To::read(lab, run, rest).and_then(|to| ask(&to)))
}

/// The address and port of the pod that is asked.
pub(super) fn address(lab: &Lab, run: &Run) -> Option<(IpAddr, u16)> {
    let asked = asked(lab, run)?.ok()?;
    let Talk::Tcp { port, .. } = asked.talk else { return None };
    Some((asked.dst, port))
}

impl<'a> To<'a> {
    fn read(lab: &'a Lab, run: &'a Run, rest: &'a str) -> Result<Self, RunError> {
        let (reference, query) = rest.split_once('?').unwrap_or((rest, ""));
        let not_a_target = || RunError::NotATarget { found: run.to.clone() };
        let (place, container) = Place::parse_with_container(reference).map_err(|_| not_a_target())?;
        let Place::Pod { .. } = place else { return Err(not_a_target()) };
        let pods = || lab.objects.pods.iter().filter(|pod| !pod.finished);
        let place_of = |pod: &Pod| Place::pod(&pod.meta.namespace, &pod.meta.name);
        let missing = |names: Vec<String>| RunError::NoSuchPlace {
            option: "--to",
            wanted: reference.to_owned(),
            nearest: names.into_iter().min_by_key(|name| strsim::osa_distance(&place.to_string(), name)),
        };
        let Some((pod, ip)) = pods().find_map(|pod| Some((pod, pod.pod_ip.filter(|_| place_of(pod) == place)?))) else {
            return Err(missing(pods().map(|pod| place_of(pod).to_string()).collect()));
        };
        let found = pod.containers.iter().find(|it| Some(&it.name) == container.as_ref());
        if container.is_some() && found.is_none() {
            return Err(missing(pod.containers.iter().map(|it| format!("{place}/{}", it.name)).collect()));
        }
        Ok(Self { lab, run, pod, container: found, ip, query })
    }

    fn wrong(&self, reason: impl Into<String>) -> RunError {
        RunError::CannotAsk { target: self.run.to.clone(), reason: reason.into() }
    }

    /// A port by its number, or by its name among those of `container`.
    fn port(&self, port: &TargetPort, container: &Container) -> Result<u16, RunError> {
        let name = match port {
            TargetPort::Number(number) => return Ok(*number),
            TargetPort::Name(name) => name,
        };
        let named = container.ports.iter().find(|port| port.name == *name && port.protocol == Protocol::Tcp);
        named.map(|port| port.container_port).ok_or_else(|| {
            let names = container.ports.iter().map(|port| port.name.as_str());
            let hint = nearest(name, names).map(|name| format!("; the nearest is {name}")).unwrap_or_default();
            self.wrong(format!("port {name:?} is none of container {}{hint}", container.name))
        })
    }

    fn http(&self, flow: &'static str, port: u16, path: &str, headers: &[(&str, &str)]) -> Talk {
        let request = app::http_get(path, headers);
        let reply = app::http_reply(self.run.reply_size);
        Talk::Tcp { port, flow, request, reply_len: reply.len(), reply }
    }
}

fn probe(to: &To<'_>) -> Result<Asked, RunError> {
    let node = Place::Node(to.pod.node_name.clone());
    if to.run.from.parse::<Place>()? != node {
        return Err(to.wrong(format!(
            "a probe comes from the kubelet of the pod's own node; expected --from {node}, found {}",
            to.run.from
        )));
    }
    let wanted = kind(to)?;
    let containers = || to.pod.containers.iter().filter(|it| to.container.is_none_or(|wanted| it.name == wanted.name));
    let probes = || containers().flat_map(|container| container.probes.iter().map(move |probe| (container, probe)));
    let of = |kind: ProbeKind| probes().find(|(_, probe)| probe.kind == kind);
    let found = match wanted {
        Some(kind) => of(kind),
        None => ProbeKind::ALL.into_iter().find_map(of),
    };
    let Some((container, Probe { handler, kind, .. })) = found else {
        let others: Vec<&str> = probes().map(|(_, probe)| probe.kind.field()).collect();
        let expected = wanted.map_or("readinessProbe, livenessProbe or startupProbe", ProbeKind::field);
        let has = if others.is_empty() { "no probe at all".to_owned() } else { others.join(" and ") };
        let whose = match to.container {
            Some(container) => format!("container {}", container.name),
            None => "the pod".to_owned(),
        };
        return Err(to.wrong(format!("expected a {expected}; {whose} has {has}")));
    };
    let (host, talk) = match handler {
        ProbeHandler::Http { https: true, .. } => {
            return Err(to.wrong(format!("its {} speaks HTTPS, and TLS is not played here", kind.field())));
        }
        ProbeHandler::Http { host, path, port, headers, https: false } => {
            let port = to.port(port, container)?;
            let dst = destination(to, host)?;
            (dst, to.http("probe", port, path, &http_headers(&format!("{dst}:{port}"), headers)))
        }
        ProbeHandler::Tcp { host, port } => {
            let port = to.port(port, container)?;
            let talk = Talk::Tcp { port, flow: "probe", request: Vec::new(), reply: Vec::new(), reply_len: 0 };
            (destination(to, host)?, talk)
        }
        ProbeHandler::Exec => {
            let text =
                "runs a command inside the container: the kubelet asks the container runtime, and no packet is sent";
            return Err(to.wrong(format!("its {} {text}", kind.field())));
        }
        ProbeHandler::Grpc => {
            return Err(to.wrong(format!("its {} speaks gRPC, which is not played here", kind.field())));
        }
    };
    Ok(Asked { dst: host, talk, program: Some("kubelet".into()) })
}

/// What `?kind=` asks for.
fn kind(to: &To<'_>) -> Result<Option<ProbeKind>, RunError> {
    if to.query.is_empty() {
        return Ok(None);
    }
    let word = to.query.strip_prefix("kind=").unwrap_or(to.query);
    let found = ProbeKind::ALL.into_iter().find(|kind| kind.name() == word).filter(|_| to.query.starts_with("kind="));
    found.map(Some).ok_or_else(|| RunError::ProbeKind {
        found: to.query.to_owned(),
        nearest: nearest(word, ProbeKind::ALL.into_iter().map(ProbeKind::name)).map(str::to_owned),
    })
}

/// The pod itself, unless the probe names another host.
fn destination(to: &To<'_>, host: &str) -> Result<IpAddr, RunError> {
    match host {
        "" => Ok(to.ip),
        host => host
            .parse()
            .ok()
            .filter(IpAddr::is_ipv4)
            .ok_or_else(|| to.wrong(format!("its probe asks host {host}, which is not an IPv4 address"))),
    }
}

/// As Go's client writes them: host and agent first, then by name; and the kubelet keeps no connection.
fn http_headers<'a>(authority: &'a str, stated: &'a [(String, String)]) -> Vec<(&'a str, &'a str)> {
    let of = |name: &str| stated.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| &**value);
    let mut headers =
        vec![("Host", of("Host").unwrap_or(authority)), ("User-Agent", of("User-Agent").unwrap_or(KUBE_PROBE))];
    let is_special = |name: &str| ["host", "user-agent", "accept"].iter().any(|it| it.eq_ignore_ascii_case(name));
    let mut others: Vec<(&str, &str)> =
        stated.iter().map(|(name, value)| (&**name, &**value)).filter(|(name, _)| !is_special(name)).collect();
    others.extend([("Accept", of("Accept").unwrap_or("*/*"))].into_iter().filter(|(_, value)| !value.is_empty()));
    crate::base::sort_by(&mut others, Ord::cmp);
    headers.extend(others);
    headers.push(("Connection", "close"));
    headers
}

fn scrape(to: &To<'_>) -> Result<Asked, RunError> {
    if !to.query.is_empty() {
        return Err(RunError::NotATarget { found: to.run.to.clone() });
    }
    let annotation = |name: &str| to.pod.meta.annotations.get(&format!("prometheus.io/{name}")).map(String::as_str);
    if let Some(scrape) = annotation("scrape").filter(|scrape| *scrape != "true") {
        return Err(to.wrong(format!("its annotation prometheus.io/scrape is {scrape:?}: Prometheus leaves it out")));
    }
    if annotation("scheme").is_some_and(|scheme| scheme != "http") {
        return Err(to.wrong("its annotation prometheus.io/scheme asks for TLS, which is not played here"));
    }
    let containers = || to.pod.containers.iter().filter(|it| to.container.is_none_or(|wanted| it.name == wanted.name));
    let mut ports = containers().flat_map(|container| &container.ports);
    let port = match annotation("port") {
        Some(text) => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
            to.wrong(format!("its annotation prometheus.io/port is {text:?}; expected a port number 1-65535"))
        })?,
        None => {
            let named = ports.find(|port| port.name == "metrics" && port.protocol == Protocol::Tcp);
            named.map(|port| port.container_port).ok_or_else(|| {
                to.wrong("it says nowhere that it has metrics; expected the annotation prometheus.io/port, or a port named metrics")
            })?
        }
    };
    let authority = format!("{}:{port}", to.ip);
    let headers = [
        ("Host", authority.as_str()),
        ("User-Agent", "Prometheus/3.5.0"),
        ("Accept", METRICS),
        ("Accept-Encoding", "gzip"),
        ("X-Prometheus-Scrape-Timeout-Seconds", "10"),
    ];
    let talk = to.http("scrape", port, annotation("path").unwrap_or("/metrics"), &headers);
    let is_node = to.lab.objects.nodes.iter().any(|node| format!("node/{}", node.meta.name) == to.run.from);
    Ok(Asked { dst: to.ip, talk, program: is_node.then(|| "prometheus".into()) })
}

#[cfg(test)]
mod tests;
