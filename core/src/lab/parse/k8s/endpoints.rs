//! discovery.k8s.io/v1 EndpointSlice and v1 Endpoints.

use std::net::IpAddr;

use crate::k8s::objects::{Endpoint, EndpointPort, EndpointSlice, ObjectMeta};
use crate::lab::parse::fields::{Fields, ip, text};

use super::{meta, protocol, text_or_empty};

const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// An EndpointSlice; names instead of addresses (`addressType: FQDN`) are nothing that a packet could go to.
pub(in crate::lab::parse) fn endpoint_slice(fields: &Fields<'_>) -> Option<EndpointSlice> {
    let meta = meta::namespaced(fields)?;
    let service_name = meta.labels.get(SERVICE_NAME).cloned().unwrap_or_default();
    if service_name.is_empty() {
        let text = format!("EndpointSlice {} has no label {SERVICE_NAME}: no service uses it", meta.name);
        fields.problems().note(meta.span, text);
    }
    let is_fqdn = fields.text("addressType") == Some("FQDN");
    if is_fqdn {
        let text = format!("EndpointSlice {} has addressType FQDN: nothing translates to names", meta.name);
        fields.problems().note(fields.at("addressType"), text);
    }
    let endpoints = fields.mappings("endpoints").filter(|_| !is_fqdn).map(|fields| endpoint(&fields)).collect();
    let ports = fields.mappings("ports").filter_map(|fields| endpoint_port(&fields)).collect();
    Some(EndpointSlice { meta, service_name, ports, endpoints })
}

fn endpoint(fields: &Fields<'_>) -> Endpoint {
    let conditions = fields.mapping("conditions");
    let ready = conditions.flag("ready").unwrap_or(true);
    let zones = fields.mapping("hints").mappings("forZones").map(|zone| text_or_empty(&zone, "name")).collect();
    Endpoint {
        addresses: fields.read_all("addresses", "an IP address", ip),
        ready,
        serving: conditions.flag("serving").unwrap_or(ready),
        terminating: conditions.flag("terminating").unwrap_or(false),
        node_name: fields.text("nodeName").map(str::to_owned),
        target_pod: target_pod(fields),
        hostname: text_or_empty(fields, "hostname"),
        zone: text_or_empty(fields, "zone"),
        for_zones: zones,
        span: fields.span(),
    }
}

fn target_pod(fields: &Fields<'_>) -> Option<(String, String)> {
    let target = fields.mapping("targetRef");
    let is_pod = target.get("kind").and_then(text) == Some("Pod");
    is_pod.then(|| (text_or_empty(&target, "namespace"), text_or_empty(&target, "name")))
}

fn endpoint_port(fields: &Fields<'_>) -> Option<EndpointPort> {
    let port = fields.port("port")?;
    Some(EndpointPort { name: text_or_empty(fields, "name"), protocol: protocol(fields), port })
}

/// v1 Endpoints as what the mirroring controller would make of them.
pub(in crate::lab::parse) struct Endpoints {
    pub(in crate::lab::parse) meta: ObjectMeta,
    /// A slice for each subset.
    pub(in crate::lab::parse) slices: Vec<EndpointSlice>,
}

/// Reads v1 Endpoints.
pub(in crate::lab::parse) fn endpoints(fields: &Fields<'_>) -> Option<Endpoints> {
    let meta = meta::namespaced(fields)?;
    let slice = |(number, subset): (usize, Fields<'_>)| EndpointSlice {
        meta: ObjectMeta { name: format!("{}-{number}", meta.name), ..meta.clone() },
        service_name: meta.name.clone(),
        ports: subset.mappings("ports").filter_map(|fields| endpoint_port(&fields)).collect(),
        endpoints: subset_addresses(&subset),
    };
    let slices = fields.mappings("subsets").enumerate().map(slice).collect();
    Some(Endpoints { meta, slices })
}

fn subset_addresses(subset: &Fields<'_>) -> Vec<Endpoint> {
    let of = |key, ready: bool| {
        subset.mappings(key).filter_map(move |fields| Some(subset_address(&fields, fields.ip("ip")?, ready)))
    };
    of("addresses", true).chain(of("notReadyAddresses", false)).collect()
}

fn subset_address(fields: &Fields<'_>, address: IpAddr, ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![address],
        ready,
        serving: ready,
        terminating: false,
        node_name: fields.text("nodeName").map(str::to_owned),
        target_pod: target_pod(fields),
        hostname: text_or_empty(fields, "hostname"),
        zone: String::new(),
        for_zones: Vec::new(),
        span: fields.span(),
    }
}
