//! `hosts`: machines outside the cluster.

use ipnet::IpNet;

use crate::lab::parse::fields::{Fields, text};
use crate::lab::parse::k8s;
use crate::lab::spec::HostSpec;
use crate::lab::yaml::Node;

pub(super) fn hosts(spec: &Fields<'_>) -> Vec<HostSpec> {
    let mut hosts: Vec<HostSpec> = Vec::new();
    for fields in spec.mappings("hosts") {
        let Some(host) = host(&fields) else { continue };
        match hosts.iter().find(|other| other.name == host.name) {
            Some(first) => {
                let here = fields.at("name");
                let there = fields.problems().there(here, first.span);
                fields
                    .problems()
                    .error(here, format!("found host {} again, expected it once: it stands {there}", host.name));
            }
            None => hosts.push(host),
        }
    }
    hosts
}

fn host(fields: &Fields<'_>) -> Option<HostSpec> {
    fields.only("hosts", &["name", "address"]);
    for key in ["name", "address"] {
        if fields.get(key).is_none() {
            fields.problems().error(fields.span(), format!("found a host without {key}, expected its {key}"));
        }
    }
    let name = fields.read("name", k8s::NAME, k8s::name);
    let address = fields.read("address", "an address with its prefix length, like 203.0.113.2/24", address);
    Some(HostSpec { name: name?.to_owned(), address: address?, span: fields.at("address") })
}

/// An IPv4 address that a machine can have, with its prefix length.
fn address(node: &Node<'_>) -> Option<IpNet> {
    let net: IpNet = text(node)?.parse().ok()?;
    let is_a_machines = net.prefix_len() <= 30 && net.addr() != net.network() && net.addr() != net.broadcast();
    (net.addr().is_ipv4() && is_a_machines).then_some(net)
}
