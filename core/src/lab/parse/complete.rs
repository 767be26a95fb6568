//! A draft to a lab: checks and controllers in turn, since what is filled in takes part in the later checks.

use std::net::IpAddr;

use crate::base::BTreeSet;
use crate::k8s::controllers::{self, Shortage, Unfilled};
use crate::k8s::objects::{EndpointSlice, Node, Objects, Service};
use crate::lab::{Lab, LabSpec, Severity, dns, names};

use super::check;
use super::documents::{Draft, Stated};
use super::fields::Fields;
use super::k8s::Endpoints;
use super::problems::Problems;

/// The lab of what `draft` states, with what a real cluster would fill in; `spec_fields` is where `spec` stands.
pub(super) fn complete(mut draft: Draft<'_>, mut spec: LabSpec, spec_fields: &Fields<'_>) -> Lab {
    let problems = spec_fields.problems();
    check::unique(&mut draft.nodes);
    check::unique(&mut draft.pods);
    check::unique(&mut draft.services);
    check::unique(&mut draft.endpoint_slices);
    check::unique(&mut draft.endpoints);
    check::unique(&mut draft.workloads);
    check::unique(&mut draft.ingresses);
    check::addresses(&mut draft.nodes);
    check::networks_of_lab(&mut spec, &draft.nodes, spec_fields);
    check::networks(&mut draft.nodes, &spec, spec_fields);

    let unsure = unsure(&draft.nodes);
    let nodes = objects_of(draft.nodes);
    let mut objects = Objects { nodes, namespaces: draft.namespaces, ..Objects::default() };
    check::racks(&mut spec, &mut objects.nodes, spec_fields);
    let hosts = spec.hosts.iter().map(|host| host.address.addr());
    let taken: BTreeSet<IpAddr> = hosts.chain(check::rack_addresses(&spec)).collect();
    report(controllers::node_addresses(&mut objects.nodes, &taken), problems);
    report(controllers::pod_cidrs(&mut objects.nodes, spec.pod_cidr), problems);
    objects.nodes.retain(|node| !node.addresses.is_empty() && node.pod_cidr.is_some());
    check::hosts(&mut spec, &objects.nodes, spec_fields);
    check::corefile(&mut spec, spec_fields);

    check::pods(&mut draft.pods, &objects.nodes, &unsure);
    check::services(&mut draft.services, &spec, spec_fields);
    check::families(&mut draft.endpoint_slices, &draft.services);
    objects.endpoint_slices = slices(draft.endpoint_slices, draft.endpoints, &draft.services);
    objects.pods = objects_of(draft.pods);
    objects.services = objects_of(draft.services);
    objects.workloads = objects_of(draft.workloads);
    objects.ingresses = objects_of(draft.ingresses);
    check::endpoints(&objects, &spec, problems);

    if !objects.nodes.is_empty() {
        report(controllers::create_pods(&mut objects), problems);
        report(controllers::schedule(&mut objects), problems);
        report(controllers::pod_ips(&mut objects), problems);
    }
    objects.pods.retain(|pod| pod.finished || pod.pod_ip.is_some());
    report(controllers::cluster_ips(&mut objects.services, spec.service_cidr), problems);
    report(controllers::node_ports(&mut objects.services), problems);
    controllers::endpoint_slices(&mut objects);
    if spec.dns.is_some() {
        let here = spec_fields.at("dns");
        let is_node_local = spec.dns.as_ref().is_some_and(|dns| dns.node_local);
        let mut errors = names::add_names(&mut objects, spec.service_cidr);
        if is_node_local {
            errors.extend(names::add_upstream(&mut objects, spec.service_cidr));
        }
        for error in errors {
            match error.severity() {
                Severity::Error => problems.error(here, error.to_string()),
                Severity::Note => problems.note(here, error.to_string()),
            }
        }
    }
    if names::is_bypassed(&spec) {
        problems.note(spec_fields.mapping("dns").at("nodeLocal"), names::BYPASSED.to_owned());
    }
    check::ingresses(&objects, problems);
    check::places(&mut spec, &objects, spec_fields);
    let mut lab = Lab { objects, spec, ..Lab::default() };
    if lab.spec.dns.is_some() {
        let here = spec_fields.mapping("dns").at("corefile");
        names::settle(&mut lab).into_iter().for_each(|note| problems.note(here, note));
    }
    dns::complaints(&lab).into_iter().for_each(|(here, note)| problems.note(here, note));
    lab
}

fn objects_of<T>(list: Vec<Stated<'_, T>>) -> Vec<T> {
    list.into_iter().map(|stated| stated.object).collect()
}

/// The nodes that state a podCIDR which could not be taken.
fn unsure(nodes: &[Stated<'_, Node>]) -> BTreeSet<String> {
    let is_unsure = |stated: &&Stated<'_, Node>| {
        stated.object.pod_cidr.is_none() && stated.fields.mapping("spec").get("podCIDR").is_some()
    };
    nodes.iter().filter(is_unsure).map(|stated| stated.object.meta.name.clone()).collect()
}

/// A pod that no node takes is a state that clusters are in; every other shortage is an error.
fn report(unfilled: Vec<Unfilled>, problems: &Problems<'_>) {
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
    endpoints: Vec<Stated<'_, Endpoints>>,
    services: &[Stated<'_, Service>],
) -> Vec<EndpointSlice> {
    let mut slices = objects_of(stated);
    let key = |slice: &EndpointSlice| (slice.meta.namespace.clone(), slice.service_name.clone());
    let with_slice: BTreeSet<(String, String)> = slices.iter().map(key).collect();
    let without_selector = services.iter().filter(|stated| stated.object.selector.is_empty());
    let readers: BTreeSet<(String, String)> = without_selector
        .map(|stated| (stated.object.meta.namespace.clone(), stated.object.meta.name.clone()))
        .filter(|name| !with_slice.contains(name))
        .collect();
    let mirrored = objects_of(endpoints).into_iter().flat_map(|endpoints| endpoints.slices);
    slices.extend(mirrored.filter(|slice| readers.contains(&key(slice))));
    slices
}
