//! Kubernetes objects out of their documents: one file per kind. Unknown fields are passed over.

mod dns;
mod endpoints;
mod ingress;
mod meta;
mod node;
mod pod;
mod probe;
mod service;
mod workload;

pub(super) use endpoints::{Endpoints, endpoint_slice, endpoints};
pub(super) use ingress::ingress;
pub(super) use meta::{NAME, name};
pub(super) use node::node;
pub(super) use pod::pod;
pub(super) use service::service;
pub(super) use workload::{daemon_set, deployment};

use std::fmt::Display;

use crate::k8s::objects::Protocol;

use super::fields::{Fields, text};

/// `protocol`, which is TCP where nothing is stated.
fn protocol(fields: &Fields<'_>) -> Protocol {
    let read = |node| match text(node)? {
        "TCP" => Some(Protocol::Tcp),
        "UDP" => Some(Protocol::Udp),
        "SCTP" => Some(Protocol::Sctp),
        _ => None,
    };
    fields.read("protocol", "TCP, UDP or SCTP", read).unwrap_or_default()
}

/// An optional string; absent is empty.
fn text_or_empty(fields: &Fields<'_>, key: &str) -> String {
    fields.text(key).unwrap_or_default().to_owned()
}

/// Of an object's addresses or networks the first that this version walks: dual stack has one of each family.
fn ipv4<T: Display>(
    fields: &Fields<'_>,
    key: &str,
    primary: Option<T>,
    others: impl IntoIterator<Item = T>,
    is_ipv4: impl Fn(&T) -> bool,
) -> Option<T> {
    let primary = primary?;
    if is_ipv4(&primary) {
        return Some(primary);
    }
    let other = others.into_iter().find(is_ipv4);
    if other.is_none() {
        let text = format!("{key}: found {primary}, expected one of IPv4, the family that this version walks");
        fields.problems().error(fields.at(key), text);
    }
    other
}
