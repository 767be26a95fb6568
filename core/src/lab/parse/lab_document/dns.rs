//! `dns`: what CoreDNS is configured with, and the resolver outside.

use crate::lab::parse::fields::{Fields, text};
use crate::lab::spec::{DnsSpec, UpstreamSpec};
use crate::lab::yaml::Node;

pub(super) fn dns(fields: &Fields<'_>) -> DnsSpec {
    fields.only("dns", &["corefile", "upstream"]);
    DnsSpec {
        corefile: fields.text("corefile").map(str::to_owned),
        upstream: fields.get("upstream").and_then(|_| upstream(&fields.mapping("upstream"))),
    }
}

fn upstream(fields: &Fields<'_>) -> Option<UpstreamSpec> {
    fields.only("dns.upstream", &["address", "records"]);
    if fields.get("address").is_none_or(|node| text(node) == Some("")) {
        fields.problems().error(fields.span(), "found an upstream without address, expected an IP address");
    }
    let records = fields.read_all("records", "a record like `example.com. 300 IN A 93.184.216.34`", record);
    Some(UpstreamSpec { address: fields.ip("address")?, records })
}

/// A record in presentation form: owner, TTL, class IN, type and data. The data is read where it is served.
fn record(node: &Node<'_>) -> Option<String> {
    let record = text(node)?;
    let mut words = record.split_whitespace();
    let owner = words.next()?;
    let ttl = words.next()?.parse::<u32>();
    let class = words.next()?;
    let has_type_and_data = words.count() >= 2;
    (owner.ends_with('.') && ttl.is_ok() && class == "IN" && has_type_and_data).then(|| record.to_owned())
}
