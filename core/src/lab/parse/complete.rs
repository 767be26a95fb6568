//! A draft to a lab: checks and controllers in turn, since what is filled in takes part in the later checks.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::k8s::controllers::{self, Shortage, Unfilled};
use crate::k8s::objects::{EndpointSlice, Objects};
use crate::lab::{Lab, LabSpec};

use super::check;
use super::documents::{Draft, Stated};
use super::fields::Fields;
use super::problems::Problems;

/// The lab of what `draft` states, with what a real cluster would fill in; `spec_fields` is where `spec` stands.
pub(super) fn complete(mut draft: Draft<'_>, mut spec: LabSpec, spec_fields: &Fields<'_>) -> Lab {
    let problems = spec_fields.problems();
    if !draft.has_node {
        let at = crate::base::Span { file: 0, line: 1, col: 1 };
        problems.error(at, "found no Node, expected at least one: pods and addresses are on nodes");
    }
    check::unique("Node", &mut draft.nodes);
    check::unique("Pod", &mut draft.pods);
    check::unique("Service", &mut draft.services);
    check::unique("EndpointSlice", &mut draft.endpoint_slices);
    check::unique("Ingress", &mut draft.ingresses);
    check::addresses(&mut draft.nodes);
    check::hosts(&mut spec, &draft.nodes, spec_fields);
    check::networks_of_lab(&mut spec, &draft.nodes, spec_fields);
    check::networks(&mut draft.nodes, &spec, spec_fields.get("podCIDR").is_some());

    let mut objects =
        Objects { nodes: draft.nodes.into_iter().map(|stated| stated.object).collect(), ..Objects::default() };
    let taken: BTreeSet<IpAddr> = spec.hosts.iter().map(|host| host.address.addr()).collect();
    report(controllers::node_addresses(&mut objects.nodes, &taken), problems);
    report(controllers::pod_cidrs(&mut objects.nodes, spec.pod_cidr), problems);
    objects.nodes.retain(|node| !node.addresses.is_empty() && node.pod_cidr.is_some());

    check::pods(&mut draft.pods, &objects.nodes);
    check::services(&mut draft.services, &spec, spec_fields.get("serviceCIDR").is_some());
    objects.endpoint_slices = slices(draft.endpoint_slices, draft.endpoints, &draft.services);
    objects.pods = draft.pods.into_iter().map(|stated| stated.object).collect();
    objects.services = draft.services.into_iter().map(|stated| stated.object).collect();
    objects.workloads = draft.workloads.into_iter().map(|stated| stated.object).collect();
    objects.ingresses = draft.ingresses.into_iter().map(|stated| stated.object).collect();

    report(controllers::create_pods(&mut objects), problems);
    report(controllers::schedule(&mut objects), problems);
    report(controllers::pod_ips(&mut objects), problems);
    objects.pods.retain(|pod| pod.finished || pod.pod_ip.is_some());
    report(controllers::cluster_ips(&mut objects.services, spec.service_cidr), problems);
    report(controllers::node_ports(&mut objects.services), problems);
    controllers::endpoint_slices(&mut objects);
    check::places(&mut spec, &objects, spec_fields);
    Lab { objects, spec }
}

/// A pod that no node takes is a state that clusters are in; every other shortage is an error.
fn report(unfilled: Vec<Unfilled>, problems: &Problems) {
    for Unfilled { span, reason } in unfilled {
        match reason {
            Shortage::Node(_) => problems.note(span, reason.to_string()),
            _ => problems.error(span, reason.to_string()),
        }
    }
}

/// The stated slices, and those of Endpoints where a service has neither a slice nor a selector.
fn slices(
    stated: Vec<Stated<'_, EndpointSlice>>,
    endpoints: Vec<Stated<'_, Vec<EndpointSlice>>>,
    services: &[Stated<'_, crate::k8s::objects::Service>],
) -> Vec<EndpointSlice> {
    let mut slices: Vec<EndpointSlice> = stated.into_iter().map(|stated| stated.object).collect();
    let key = |slice: &EndpointSlice| (slice.meta.namespace.clone(), slice.service_name.clone());
    let with_slice: BTreeSet<(String, String)> = slices.iter().map(key).collect();
    let is_read = |slice: &EndpointSlice| {
        let is_of = |service: &&Stated<'_, crate::k8s::objects::Service>| {
            let meta = &service.object.meta;
            (&meta.namespace, &meta.name) == (&slice.meta.namespace, &slice.service_name)
        };
        !with_slice.contains(&key(slice))
            && services.iter().find(is_of).is_some_and(|service| service.object.selector.is_empty())
    };
    slices.extend(endpoints.into_iter().flat_map(|stated| stated.object).filter(is_read));
    slices
}
