//! Kubernetes objects out of their documents: one file per kind. Unknown fields are passed over.

mod endpoints;
mod ingress;
mod meta;
mod node;
mod pod;
mod service;
mod workload;

pub(super) use endpoints::{endpoint_slice, endpoints};
pub(super) use ingress::ingress;
pub(super) use meta::{NAME, name};
pub(super) use node::node;
pub(super) use pod::pod;
pub(super) use service::service;
pub(super) use workload::{daemon_set, deployment};

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
