//! A pod's `dnsPolicy` and `dnsConfig`, and the annotation that says which C library it has. Models validatePodDNSConfig.

use crate::k8s::objects::{DnsConfig, DnsOption, DnsPolicy};
use crate::lab::dns::LIBC;
use crate::lab::parse::fields::{Fields, ip, text};

const MAX_NAMESERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;

pub(super) fn policy(spec: &Fields<'_>) -> DnsPolicy {
    let expected = "ClusterFirst, ClusterFirstWithHostNet, Default or None";
    let read = |name: &str| match name {
        "ClusterFirst" => Some(DnsPolicy::ClusterFirst),
        "ClusterFirstWithHostNet" => Some(DnsPolicy::ClusterFirstWithHostNet),
        "Default" => Some(DnsPolicy::Default),
        "None" => Some(DnsPolicy::None),
        _ => None,
    };
    spec.read("dnsPolicy", expected, |node| text(node).and_then(read)).unwrap_or_default()
}

pub(super) fn config(fields: &Fields<'_>) -> DnsConfig {
    let option = |option: Fields<'_>| {
        if option.get("name").is_none() {
            option.problems().error(option.span(), "found an option without name, expected its name");
        }
        Some(DnsOption {
            name: option.text("name")?.to_owned(),
            value: option.text("value").unwrap_or_default().to_owned(),
        })
    };
    let address = |node| ip(node).map(|ip| ip.to_string());
    DnsConfig {
        nameservers: at_most(
            fields,
            "nameservers",
            MAX_NAMESERVERS,
            fields.read_all("nameservers", "an IP address", address),
        ),
        searches: at_most(
            fields,
            "searches",
            MAX_SEARCHES,
            fields.read_all("searches", "a domain", |node| domain(text(node)?)),
        ),
        options: fields.mappings("options").filter_map(option).collect(),
    }
}

/// What the API server and Kubehop say about the whole.
pub(super) fn check(pod: &Fields<'_>, spec: &Fields<'_>) {
    let problems = spec.problems();
    if spec.text("dnsPolicy") == Some("None") && spec.mapping("dnsConfig").items("nameservers").is_empty() {
        problems.error(
            spec.at("dnsPolicy"),
            "dnsPolicy: found None without dnsConfig.nameservers, expected at least one nameserver there",
        );
    }
    let annotations = pod.mapping("metadata").mapping("annotations");
    if let Some(node) = annotations.get(LIBC)
        && !matches!(text(node), Some("glibc" | "musl"))
    {
        annotations.wrong(LIBC, node, "glibc or musl");
    }
}

fn at_most(fields: &Fields<'_>, key: &str, max: usize, mut found: Vec<String>) -> Vec<String> {
    if found.len() > max {
        fields
            .problems()
            .error(fields.at(key), format!("{key}: found {} entries, expected at most {max}", found.len()));
        found.truncate(max);
    }
    found
}

/// A search path: labels of letters, digits, `-` and `_`, or the root. The API server does not count what a label holds.
fn domain(name: &str) -> Option<String> {
    let inner = name.strip_suffix('.').unwrap_or(name);
    let fits = |label: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !label.is_empty() && label.chars().all(known) && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_domain = name == "." || inner.len() <= 253 && inner.split('.').all(fits);
    is_domain.then(|| name.to_owned())
}
