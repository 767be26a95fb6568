//! Targets as people write them: `http://web:8080/`, `dns://web.default.svc.cluster.local?type=A`.

use std::net::{IpAddr, Ipv4Addr};

use super::Lab;
use super::run::RunError;
use crate::wire::{DnsName, RecordType};

/// A protocol, or a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Ping,
    Udp,
    Tcp,
    Http,
    Bgp,
    /// getaddrinfo, and nothing after it.
    Lookup,
    /// One question.
    Dns(RecordType),
}

/// Whom it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Address(IpAddr),
    /// As it is typed.
    Name(String),
}

/// What a run asks, and whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) scheme: Scheme,
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) authority: String,
    pub(super) path: String,
}

impl Target {
    pub(super) fn parse(lab: &Lab, text: &str) -> Result<Self, RunError> {
        let not_a_target = || RunError::NotATarget { found: text.to_owned() };
        let (scheme, rest) = text.split_once("://").ok_or_else(not_a_target)?;
        let scheme = match scheme {
            "ping" => Scheme::Ping,
            "udp" => Scheme::Udp,
            "tcp" => Scheme::Tcp,
            "http" => Scheme::Http,
            "bgp" => Scheme::Bgp,
            "lookup" | "dns" => return Self::question(scheme, rest).ok_or_else(not_a_target)?,
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
        let is_no_word = |c: char| c.is_control() || c == ' ';
        if host.is_empty() || path.contains(is_no_word) || host.contains(|c| is_no_word(c) || c == '/') {
            return Err(not_a_target());
        }
        let port = match (port, scheme) {
            (Some(port), _) => match port.parse() {
                Ok(number) if number > 0 => number,
                _ => return Err(RunError::Port { found: port.to_owned() }),
            },
            (None, Scheme::Http) => 80,
            (None, Scheme::Tcp | Scheme::Udp) => return Err(not_a_target()),
            (None, _) => 0,
        };
        // IPv4 only on the path; an IPv6 address leads nowhere.
        let host = match host.parse::<Ipv4Addr>() {
            Ok(address) => Host::Address(address.into()),
            Err(_) if scheme == Scheme::Bgp => {
                return Err(RunError::NotAnAddress { found: host.to_owned(), nearest: nearest_address(lab, host) });
            }
            Err(_) => Host::Name(host.to_owned()),
        };
        Ok(Self { scheme, host, port, authority: authority.to_owned(), path: path.to_owned() })
    }

    /// `lookup://NAME`, `dns://NAME` or `dns://NAME?type=TYPE`; `None` if it is none of these.
    fn question(scheme: &str, rest: &str) -> Option<Result<Self, RunError>> {
        let (name, kind) = match rest.split_once('?') {
            Some((name, option)) if scheme == "dns" => (name, option.strip_prefix("type=")?),
            _ => (rest, "A"),
        };
        if name.is_empty() || name.contains(|c: char| c.is_control() || c == ' ') {
            return None;
        }
        let Ok(kind) = kind.parse::<RecordType>() else {
            return Some(Err(RunError::RecordType { found: kind.to_owned() }));
        };
        let scheme = if scheme == "dns" { Scheme::Dns(kind) } else { Scheme::Lookup };
        // dig refuses what cannot stand in a message; getaddrinfo answers that there is no such name.
        if let (Scheme::Dns(_), Err(reason)) = (scheme, name.parse::<DnsName>()) {
            return Some(Err(RunError::NotAName { found: name.to_owned(), reason }));
        }
        let host = Host::Name(name.to_owned());
        Some(Ok(Self { scheme, host, port: 0, authority: String::new(), path: String::new() }))
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
