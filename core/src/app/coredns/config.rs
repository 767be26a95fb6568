//! What the directives of a server block mean, and what CoreDNS refuses of them.
//!
//! Models the `setup.go` of each plugin. What has no effect on answers (errors, health, ready, prometheus, log, reload)
//! is read and nothing more.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use super::corefile::{Block, CorefileError, Directive};
use super::kubernetes::{Kubernetes, PodMode};
use super::rewrite::Rewrite;
use super::template::Template;
use crate::wire::{DNS_PORT, DnsName};

/// The plugins of one server block; each stands at most once, and their order is CoreDNS' own.
#[derive(Clone, Debug, Default)]
pub(super) struct Plugins {
    pub(super) bufsize: Option<u16>,
    pub(super) loadbalance: bool,
    pub(super) rewrites: Vec<Rewrite>,
    pub(super) autopath: Option<Autopath>,
    pub(super) cache: Option<CacheConfig>,
    pub(super) templates: Vec<Template>,
    pub(super) hosts: Option<Hosts>,
    pub(super) kubernetes: Option<Kubernetes>,
    pub(super) looping: bool,
    pub(super) forwards: Vec<Forward>,
}

#[derive(Clone, Debug)]
pub(super) struct Autopath {
    pub(super) zones: Vec<DnsName>,
}

/// `cache`.
#[derive(Clone, Debug)]
pub(super) struct CacheConfig {
    pub(super) zones: Vec<DnsName>,
    pub(super) success: (u32, u32),
    pub(super) denial: (u32, u32),
    pub(super) servfail: u32,
    pub(super) no_success: Vec<DnsName>,
    pub(super) no_denial: Vec<DnsName>,
    pub(super) keep_ttl: bool,
}

/// `hosts`.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    pub(super) zones: Vec<DnsName>,
    pub(super) ttl: u32,
    pub(super) entries: Vec<(IpAddr, DnsName)>,
    pub(super) reverse: bool,
    pub(super) fallthrough: Vec<DnsName>,
}

/// In which order upstreams are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Policy {
    #[default]
    Random,
    RoundRobin,
    Sequential,
}

/// `forward`.
#[derive(Clone, Debug)]
pub(super) struct Forward {
    pub(super) from: DnsName,
    pub(super) upstreams: Vec<SocketAddr>,
    pub(super) except: Vec<DnsName>,
    pub(super) policy: Policy,
    pub(super) force_tcp: bool,
    pub(super) prefer_udp: bool,
    /// `max_concurrent`: queries that may wait for an answer at once.
    pub(super) max_concurrent: Option<u32>,
}

/// What is read from the node's own files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFiles {
    /// `nameserver` lines of /etc/resolv.conf as the pod has it: with dnsPolicy Default, the node's.
    pub nameservers: Vec<IpAddr>,
    /// Its search list.
    pub search: Vec<DnsName>,
    /// /etc/hosts.
    pub hosts: Vec<(IpAddr, DnsName)>,
}

/// Plugins without a say in answers.
const SILENT: &[&str] =
    &["errors", "health", "ready", "prometheus", "log", "reload", "debug", "pprof", "cancel", "trace", "root", "bind"];

/// Reads the directives of `block`; what is skipped is told in `notices`.
pub(super) fn plugins(
    block: &Block,
    zones: &[DnsName],
    files: &HostFiles,
    notices: &mut Vec<CorefileError>,
) -> Result<Plugins, CorefileError> {
    let mut plugins = Plugins::default();
    for directive in &block.directives {
        let once = |is_there: bool| match is_there {
            true => Err(directive.error(directive.line, "this plugin can only be used once per Server Block")),
            false => Ok(()),
        };
        match &directive.name[..] {
            "kubernetes" => {
                once(plugins.kubernetes.is_some())?;
                plugins.kubernetes = Some(kubernetes(directive, zones)?);
            }
            "forward" => plugins.forwards.push(forward(directive, files, notices)?),
            "cache" => {
                once(plugins.cache.is_some())?;
                plugins.cache = Some(cache(directive, zones)?);
            }
            "hosts" => {
                once(plugins.hosts.is_some())?;
                plugins.hosts = Some(hosts(directive, zones, files)?);
            }
            "autopath" => plugins.autopath = Some(autopath(directive, zones)?),
            "rewrite" => match Rewrite::read(directive)? {
                Some(rule) => plugins.rewrites.push(rule),
                None => notices.push(directive.error(directive.line, "this kind of rewrite is not modelled; skipped")),
            },
            "template" => plugins.templates.push(Template::read(directive, zones)?),
            "loadbalance" => match directive.args.first().map(String::as_str) {
                None | Some("round_robin") => plugins.loadbalance = true,
                Some(other) => return Err(directive.error(directive.line, format!("unknown policy: {other}"))),
            },
            "loop" if directive.args.is_empty() => plugins.looping = true,
            "bufsize" => {
                let size = directive.args.first().map_or(Ok(1232), |size| size.parse());
                let size = size.ok().filter(|size| (512..=4096).contains(size));
                let message = "buffer size must be within 512 - 4096";
                plugins.bufsize = Some(size.ok_or_else(|| directive.error(directive.line, message))?);
            }
            "errors" | "loop" if !directive.args.is_empty() => {
                let message = format!("wrong argument count or unexpected line ending after '{}'", directive.args[0]);
                return Err(directive.error(directive.line, message));
            }
            "health" => {
                for (line, words) in &directive.options {
                    match &words[..] {
                        [name, time] if name == "lameduck" => drop(duration(directive, *line, time)?),
                        _ => return Err(unknown(directive, *line, words)),
                    }
                }
            }
            "reload" => {
                for word in &directive.args {
                    if word != "off" && duration(directive, directive.line, word)? < Duration::from_secs(2) {
                        return Err(directive.error(directive.line, format!("interval {word} is below 2s")));
                    }
                }
            }
            silent if SILENT.contains(&silent) => {}
            unknown if notices.iter().all(|notice| notice.directive != unknown) => {
                notices.push(directive.error(directive.line, "this plugin is not modelled; skipped"));
            }
            _ => {}
        }
    }
    let is_verified = plugins.kubernetes.as_ref().is_some_and(|kubernetes| kubernetes.pod_mode == PodMode::Verified);
    if let Some(autopath) = block.directives.iter().find(|directive| directive.name == "autopath" && !is_verified) {
        notices.push(autopath.error(autopath.line, "@kubernetes does nothing without `pods verified`"));
    }
    Ok(plugins)
}

pub(super) fn unknown(directive: &Directive, line: usize, words: &[String]) -> CorefileError {
    directive.error(line, format!("unknown property '{}'", words.join(" ")))
}

/// The zones that one key or argument stands for: a network is the zone of its addresses.
pub(super) fn zones_of(text: &str) -> Result<Vec<DnsName>, String> {
    let Ok(net) = text.parse::<IpNet>() else {
        return text.parse().map(|zone| vec![zone]).map_err(|error| format!("{text}: {error}"));
    };
    let (bits, is_v4) = if net.addr().is_ipv4() { (8, true) } else { (4, false) };
    let whole = net.prefix_len().div_ceil(bits) * bits;
    let subnets = net.trunc().subnets(whole).map_err(|error| format!("{text}: {error}"))?;
    Ok(subnets.filter_map(|net| reverse_zone(net, is_v4)).collect())
}

fn reverse_zone(net: IpNet, is_v4: bool) -> Option<DnsName> {
    let mut labels: Vec<String> = match net.addr() {
        IpAddr::V4(ip) => ip.octets().iter().map(u8::to_string).collect(),
        IpAddr::V6(ip) => ip.octets().iter().flat_map(|o| [format!("{:x}", o >> 4), format!("{:x}", o & 15)]).collect(),
    };
    labels.truncate(usize::from(net.prefix_len()) / if is_v4 { 8 } else { 4 });
    labels.reverse();
    labels.extend([if is_v4 { "in-addr" } else { "ip6" }.to_owned(), "arpa".to_owned()]);
    DnsName::from_labels(labels).ok()
}

/// The zones in `words`, or those of the server block.
pub(super) fn zones_or(
    directive: &Directive,
    line: usize,
    words: &[String],
    own: &[DnsName],
) -> Result<Vec<DnsName>, CorefileError> {
    if words.is_empty() {
        return Ok(own.to_vec());
    }
    let zones = words.iter().map(|word| zones_of(word)).collect::<Result<Vec<_>, _>>();
    Ok(zones.map_err(|message| directive.error(line, message))?.concat())
}

/// The zones of `fallthrough`: all if none is named.
pub(super) fn fall(directive: &Directive, line: usize, words: &[String]) -> Result<Vec<DnsName>, CorefileError> {
    zones_or(directive, line, words, &[DnsName::root()])
}

fn duration(directive: &Directive, line: usize, text: &str) -> Result<Duration, CorefileError> {
    let at = text.find(|c: char| !c.is_ascii_digit());
    let parsed = at.and_then(|at| {
        let (number, unit) = text.split_at(at);
        let nanos = match unit {
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(nanos)
    });
    let error = || directive.error(line, format!("invalid duration {text}: expected one like 5s"));
    parsed.map(Duration::from_nanos).ok_or_else(error)
}

fn number<T: std::str::FromStr>(directive: &Directive, line: usize, text: &str) -> Result<T, CorefileError> {
    text.parse().map_err(|_| directive.error(line, format!("{text} is not a number that fits here")))
}

fn kubernetes(directive: &Directive, own: &[DnsName]) -> Result<Kubernetes, CorefileError> {
    let mut plugin = Kubernetes::new(zones_or(directive, directive.line, &directive.args, own)?);
    for (line, words) in &directive.options {
        let line = *line;
        let args = &words[1..];
        match (&words[0][..], args) {
            ("pods", [mode]) => {
                plugin.pod_mode = match &mode[..] {
                    "disabled" => PodMode::Disabled,
                    "insecure" => PodMode::Insecure,
                    "verified" => PodMode::Verified,
                    other => {
                        let message =
                            format!("wrong value for pods: {other}, must be one of: disabled, verified, insecure");
                        return Err(directive.error(line, message));
                    }
                };
            }
            ("namespaces", [_, ..]) => plugin.namespaces.extend(args.iter().cloned()),
            ("ttl", [ttl]) => {
                plugin.ttl = number(directive, line, ttl)?;
                if plugin.ttl > 3600 {
                    return Err(directive.error(line, format!("ttl must be in range [0, 3600]: {ttl}")));
                }
            }
            ("fallthrough", zones) => plugin.fallthrough = fall(directive, line, zones)?,
            ("endpoint_pod_names", []) => plugin.endpoint_pod_names = true,
            ("noendpoints", []) => plugin.no_endpoints = true,
            ("zonal", []) => plugin.zonal = true,
            ("ignore", [what]) if what == "empty_service" => plugin.ignore_empty_service = true,
            ("multicluster", zones) => plugin.multicluster = zones_or(directive, line, zones, own)?,
            (
                "endpoint"
                | "tls"
                | "kubeconfig"
                | "apiserver_qps"
                | "apiserver_burst"
                | "apiserver_max_inflight"
                | "labels"
                | "namespace_labels"
                | "startup_timeout",
                [_, ..],
            ) => {}
            _ => return Err(unknown(directive, line, words)),
        }
    }
    Ok(plugin)
}

fn forward(
    directive: &Directive,
    files: &HostFiles,
    notices: &mut Vec<CorefileError>,
) -> Result<Forward, CorefileError> {
    let line = directive.line;
    let Some((from, to)) = directive.args.split_first().filter(|(_, to)| !to.is_empty()) else {
        return Err(directive.error(line, "expected FROM and at least one TO"));
    };
    let from = zones_of(from).map_err(|message| directive.error(line, message))?;
    let mut upstreams = Vec::new();
    for word in to {
        if word == "/etc/resolv.conf" {
            upstreams.extend(files.nameservers.iter().map(|ip| SocketAddr::new(*ip, DNS_PORT)));
            continue;
        }
        if word.starts_with("tls://") {
            notices.push(directive.error(line, format!("{word}: TLS is not modelled; this server is left out")));
            continue;
        }
        let address = word.strip_prefix("dns://").unwrap_or(word);
        let ip = address.parse().map(|ip| SocketAddr::new(ip, DNS_PORT));
        let error = |_| directive.error(line, format!("not an IP address or file: {word:?}"));
        upstreams.push(ip.or_else(|_| address.parse()).map_err(error)?);
    }
    if upstreams.len() > 15 {
        return Err(directive.error(line, format!("more than 15 TOs configured: {}", upstreams.len())));
    }
    let from = from.into_iter().next().unwrap_or_default();
    let mut plugin = Forward {
        from,
        upstreams,
        except: Vec::new(),
        policy: Policy::default(),
        force_tcp: false,
        prefer_udp: false,
        max_concurrent: None,
    };
    for (line, words) in &directive.options {
        match (&words[0][..], &words[1..]) {
            ("except", zones @ [_, ..]) => plugin.except.extend(zones_or(directive, *line, zones, &[])?),
            ("force_tcp", []) => plugin.force_tcp = true,
            ("prefer_udp", []) => plugin.prefer_udp = true,
            ("policy", [policy]) => {
                plugin.policy = match &policy[..] {
                    "random" => Policy::Random,
                    "round_robin" => Policy::RoundRobin,
                    "sequential" => Policy::Sequential,
                    other => return Err(directive.error(*line, format!("unknown policy '{other}'"))),
                };
            }
            ("max_concurrent", [n]) => plugin.max_concurrent = Some(number(directive, *line, n)?).filter(|n| *n > 0),
            ("max_fails" | "max_connect_attempts", [n]) => drop(number::<u32>(directive, *line, n)?),
            ("expire" | "read_timeout" | "max_age", [time]) => drop(duration(directive, *line, time)?),
            ("health_check", [time, ..]) => drop(duration(directive, *line, time)?),
            ("tls" | "tls_servername" | "next" | "failover" | "failfast_all_unhealthy_upstreams", _) => {}
            _ => return Err(unknown(directive, *line, words)),
        }
    }
    if plugin.force_tcp && plugin.prefer_udp {
        plugin.prefer_udp = false;
    }
    Ok(plugin)
}

fn cache(directive: &Directive, own: &[DnsName]) -> Result<CacheConfig, CorefileError> {
    let mut plugin = CacheConfig {
        zones: Vec::new(),
        success: (5, 3600),
        denial: (5, 1800),
        servfail: 5,
        no_success: Vec::new(),
        no_denial: Vec::new(),
        keep_ttl: false,
    };
    let mut zones = &directive.args[..];
    if let Some((Ok(ttl), rest)) = zones.split_first().map(|(ttl, rest)| (ttl.parse::<u32>(), rest)) {
        if ttl == 0 {
            return Err(directive.error(directive.line, "cache TTL can not be zero or negative: 0"));
        }
        (plugin.success.1, plugin.denial.1) = (ttl, ttl);
        zones = rest;
    }
    plugin.zones = zones_or(directive, directive.line, zones, own)?;
    for (line, words) in &directive.options {
        let line = *line;
        match (&words[0][..], &words[1..]) {
            (kind @ ("success" | "denial"), [capacity, ttls @ ..]) if ttls.len() < 3 => {
                let _: u32 = number(directive, line, capacity)?;
                let limits = if kind == "success" { &mut plugin.success } else { &mut plugin.denial };
                if let Some(ttl) = ttls.first() {
                    limits.1 = number(directive, line, ttl)?;
                }
                if let Some(ttl) = ttls.get(1) {
                    limits.0 = number(directive, line, ttl)?;
                }
            }
            ("disable", [kind, zones @ ..]) if kind == "success" || kind == "denial" => {
                let zones = zones_or(directive, line, zones, own)?;
                if kind == "success" { plugin.no_success = zones } else { plugin.no_denial = zones }
            }
            ("servfail", [time]) => {
                let time = duration(directive, line, time)?;
                if time > Duration::from_secs(300) {
                    return Err(directive.error(line, "caching SERVFAIL responses over 5 minutes is not permitted"));
                }
                plugin.servfail = time.as_secs() as u32;
            }
            ("keepttl", []) => plugin.keep_ttl = true,
            ("prefetch" | "serve_stale" | "refresh" | "verify_stale", _) => {}
            _ => return Err(unknown(directive, line, words)),
        }
    }
    Ok(plugin)
}

fn hosts(directive: &Directive, own: &[DnsName], files: &HostFiles) -> Result<Hosts, CorefileError> {
    let (entries, zones) = match directive.args.split_first() {
        Some((_, zones)) => (files.hosts.clone(), zones),
        None => (files.hosts.clone(), &[][..]),
    };
    let zones = zones_or(directive, directive.line, zones, own)?;
    let mut plugin = Hosts { zones, ttl: 3600, entries, reverse: true, fallthrough: Vec::new() };
    for (line, words) in &directive.options {
        match (&words[0][..], &words[1..]) {
            ("fallthrough", zones) => plugin.fallthrough = fall(directive, *line, zones)?,
            ("no_reverse", []) => plugin.reverse = false,
            ("ttl", [ttl]) => plugin.ttl = number(directive, *line, ttl)?,
            ("reload", [_]) => {}
            (address, names @ [_, ..]) if address.parse::<IpAddr>().is_ok() => {
                let Ok(ip) = address.parse() else { continue };
                plugin.entries.extend(names.iter().filter_map(|name| Some((ip, name.parse().ok()?))));
            }
            _ => return Err(unknown(directive, *line, words)),
        }
    }
    Ok(plugin)
}

fn autopath(directive: &Directive, own: &[DnsName]) -> Result<Autopath, CorefileError> {
    match directive.args.split_last() {
        Some((source, zones)) if source == "@kubernetes" => {
            Ok(Autopath { zones: zones_or(directive, directive.line, zones, own)? })
        }
        Some((source, _)) => Err(directive.error(directive.line, format!("{source}: only @kubernetes is modelled"))),
        None => Err(directive.error(directive.line, "no resolv-conf specified")),
    }
}
