//! `resolv.conf` of a pod, as the kubelet writes it once, when the sandbox is made. Models
//! pkg/kubelet/network/dns/dns.go (1.34).
//!
//! Not modelled: `hostname` searches of Windows, addresses of the node's file that are none.

use thiserror::Error;

use crate::k8s::objects::{DnsConfig, DnsOption, DnsPolicy, Pod};

const MAX_NAMESERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;
const MAX_SEARCH_CHARS: usize = 2048;
/// What one entry of the search list may have.
const MAX_ENTRY_CHARS: usize = 253;

/// What stands in a `resolv.conf`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvConf {
    /// `nameserver` lines.
    pub nameservers: Vec<String>,
    /// The `search` line.
    pub searches: Vec<String>,
    /// The `options` line.
    pub options: Vec<String>,
}

/// What the kubelet knows besides the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeletDns<'a> {
    /// `--cluster-dns`.
    pub cluster_dns: &'a [String],
    /// `--cluster-domain`; empty for none.
    pub cluster_domain: &'a str,
    /// The node's own file; `None` where `--resolv-conf` is empty.
    pub node: Option<&'a ResolvConf>,
}

/// An event that the kubelet writes about a pod's file, a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsEvent {
    /// `MissingClusterDNS`: the pod gets the node's file.
    MissingClusterDns,
    /// `DNSConfigForming`: more than three nameservers.
    Nameservers(Vec<String>),
    /// `DNSConfigForming`: the search list is too long.
    Searches(Vec<String>),
}

impl DnsEvent {
    /// Its reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::MissingClusterDns => "MissingClusterDNS",
            Self::Nameservers(_) | Self::Searches(_) => "DNSConfigForming",
        }
    }

    /// Its message.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::MissingClusterDns => "kubelet does not have ClusterDNS IP configured and cannot create Pod using \
                 \"ClusterFirst\" policy. Falling back to \"Default\" policy."
                .to_owned(),
            Self::Nameservers(applied) => format!(
                "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: {}",
                applied.join(" ")
            ),
            Self::Searches(applied) => format!(
                "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: {}",
                applied.join(" ")
            ),
        }
    }
}

/// Why a node's file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("resolv.conf line {line}: found a nameserver line without an address, expected one")]
pub struct ResolvConfError {
    /// Counted from 1.
    pub line: usize,
}

impl ResolvConf {
    /// Reads a node's file. Models parseResolvConf.
    ///
    /// # Errors
    /// If a `nameserver` line names none.
    pub fn parse(text: &str) -> Result<Self, ResolvConfError> {
        let mut read = Self::default();
        for (at, line) in text.lines().enumerate() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    read.nameservers.push(words.next().ok_or(ResolvConfError { line: at + 1 })?.to_owned());
                }
                Some("search") => {
                    // A dot alone is the root, and stays.
                    let entry = |word: &str| if word == "." { word } else { word.trim_end_matches('.') }.to_owned();
                    read.searches = words.map(entry).collect();
                }
                Some("options") => read.options = words.map(str::to_owned).collect(),
                _ => {}
            }
        }
        Ok(read)
    }

    /// The file, in the order of the documentation's examples.
    #[must_use]
    pub fn print(&self) -> String {
        let line = |keyword: &str, words: &[String]| match words {
            [] => String::new(),
            words => format!("{keyword} {}\n", words.join(" ")),
        };
        let nameservers: String = self.nameservers.iter().map(|server| format!("nameserver {server}\n")).collect();
        format!("{nameservers}{}{}", line("search", &self.searches), line("options", &self.options))
    }
}

/// What a pod's file is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DnsType {
    Cluster,
    Host,
    None,
}

/// Models getPodDNSType.
fn dns_type(pod: &Pod) -> DnsType {
    match pod.dns_policy {
        DnsPolicy::None => DnsType::None,
        DnsPolicy::ClusterFirst if pod.host_network => DnsType::Host,
        DnsPolicy::ClusterFirst | DnsPolicy::ClusterFirstWithHostNet => DnsType::Cluster,
        DnsPolicy::Default => DnsType::Host,
    }
}

/// A pod's file, and what is said about it. Models GetPodDNS.
#[must_use]
pub fn pod_resolv_conf(pod: &Pod, kubelet: &KubeletDns<'_>) -> (ResolvConf, Vec<DnsEvent>) {
    let mut events = Vec::new();
    let mut kind = dns_type(pod);
    if kind == DnsType::Cluster && kubelet.cluster_dns.is_empty() {
        kind = DnsType::Host;
        events.push(DnsEvent::MissingClusterDns);
    }
    let mut made = match (kind, kubelet.node) {
        (DnsType::None, _) => ResolvConf::default(),
        (DnsType::Host, Some(node)) => node.clone(),
        // Nobody shall be asked: without a nameserver a C library would still ask one.
        (DnsType::Host, None) => ResolvConf {
            nameservers: vec!["127.0.0.1".to_owned()],
            searches: vec![".".to_owned()],
            options: Vec::new(),
        },
        (DnsType::Cluster, node) => {
            let node_searches = node.map(|node| node.searches.clone()).unwrap_or_default();
            ResolvConf {
                nameservers: kubelet.cluster_dns.to_vec(),
                searches: once_each(cluster_searches(pod, kubelet.cluster_domain).into_iter().chain(node_searches)),
                options: vec!["ndots:5".to_owned()],
            }
        }
    };
    if pod.dns_config != DnsConfig::default() {
        append(&mut made, &pod.dns_config);
    }
    limit_nameservers(&mut made.nameservers, &mut events);
    limit_searches(&mut made.searches, &mut events);
    (made, events)
}

fn cluster_searches(pod: &Pod, domain: &str) -> Vec<String> {
    if domain.is_empty() {
        return Vec::new();
    }
    vec![format!("{}.svc.{domain}", pod.meta.namespace), format!("svc.{domain}"), domain.to_owned()]
}

/// Models appendDNSConfig.
fn append(made: &mut ResolvConf, config: &DnsConfig) {
    made.nameservers = once_each(made.nameservers.drain(..).chain(config.nameservers.iter().cloned()));
    made.searches = once_each(made.searches.drain(..).chain(config.searches.iter().cloned()));
    merge_options(&mut made.options, &config.options);
}

/// The pod's value of an option wins. Models mergeDNSOptions, whose order is none: here it is that of first mention.
fn merge_options(options: &mut Vec<String>, of_pod: &[DnsOption]) {
    for option in of_pod {
        let text = match option.value.as_str() {
            "" => option.name.clone(),
            value => format!("{}:{value}", option.name),
        };
        let same = options.iter_mut().find(|old| old.split(':').next() == Some(&option.name));
        match same {
            Some(old) => *old = text,
            None => options.push(text),
        }
    }
}

fn once_each(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for word in words {
        if !kept.contains(&word) {
            kept.push(word);
        }
    }
    kept
}

/// Models formDNSNameserversFitsLimits.
fn limit_nameservers(nameservers: &mut Vec<String>, events: &mut Vec<DnsEvent>) {
    if nameservers.len() > MAX_NAMESERVERS {
        nameservers.truncate(MAX_NAMESERVERS);
        events.push(DnsEvent::Nameservers(nameservers.clone()));
    }
}

/// Models formDNSSearchFitsLimits.
fn limit_searches(searches: &mut Vec<String>, events: &mut Vec<DnsEvent>) {
    let n_before = searches.len();
    searches.truncate(MAX_SEARCHES);
    searches.retain(|entry| entry.len() <= MAX_ENTRY_CHARS);
    let n_chars = |searches: &[String]| searches.iter().map(|entry| entry.len() + 1).sum::<usize>().saturating_sub(1);
    while n_chars(searches) > MAX_SEARCH_CHARS {
        searches.pop();
    }
    if searches.len() < n_before {
        events.push(DnsEvent::Searches(searches.clone()));
    }
}
