//! `dns`: what CoreDNS is configured with, and the resolver outside.

use crate::lab::parse::fields::{Fields, text};
use crate::lab::spec::{DnsSpec, UpstreamSpec};
use crate::lab::yaml::Node;
use crate::wire::{DnsRecord, DnsTextError};

pub(super) fn dns(fields: &Fields<'_>) -> DnsSpec {
    fields.only("dns", &["corefile", "upstream", "nodeLocal"]);
    DnsSpec {
        corefile: fields.text("corefile").map(str::to_owned),
        upstream: fields.get("upstream").and_then(|_| upstream(&fields.mapping("upstream"))),
        node_local: fields.flag("nodeLocal").unwrap_or_default(),
    }
}

fn upstream(fields: &Fields<'_>) -> Option<UpstreamSpec> {
    fields.only("dns.upstream", &["address", "records"]);
    if fields.get("address").is_none_or(|node| text(node) == Some("")) {
        fields.problems().error(fields.span(), "found an upstream without address, expected an IP address");
    }
    let records = fields.items("records").iter().filter_map(|node| record(fields, node)).collect();
    Some(UpstreamSpec { address: fields.ip("address")?, records })
}

/// A record in presentation form. Its owner ends with a dot: no search list and no `$ORIGIN` is at hand.
fn record(fields: &Fields<'_>, node: &Node<'_>) -> Option<DnsRecord> {
    let stated = text(node).filter(|text| text.split_whitespace().next().is_some_and(|owner| owner.ends_with('.')));
    let Some(stated) = stated else {
        fields.wrong("records", node, "a record like `example.com. 300 IN A 93.184.216.34`");
        return None;
    };
    let error = |error: DnsTextError| fields.problems().error(node.span, format!("records: {stated:?}: {error}"));
    stated.parse().map_err(error).ok()
}
