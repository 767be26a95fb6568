//! Services: their addresses and node ports.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::base::{BTreeMap, Span};
use crate::k8s::objects::{Protocol, Service};
use crate::lab::LabSpec;
use crate::lab::parse::documents::Stated;
use crate::lab::parse::fields::Fields;

/// Ports that services may have on nodes: `--service-node-port-range`.
const NODE_PORTS: RangeInclusive<u16> = 30_000..=32_767;

/// Drops clusterIPs and node ports that another service has, clusterIPs outside the service network and node ports outside their range.
pub(in crate::lab::parse) fn services(services: &mut [Stated<'_, Service>], spec: &LabSpec, spec_fields: &Fields<'_>) {
    let mut ips: BTreeMap<IpAddr, (String, Span)> = BTreeMap::new();
    let mut ports: BTreeMap<u16, (String, Span, Vec<Protocol>)> = BTreeMap::new();
    let range_is_stated = spec_fields.get("serviceCIDR").is_some();
    let mut range_is_noted = false;
    for stated in services {
        cluster_ip(stated, &mut ips, spec, range_is_stated, &mut range_is_noted);
        node_ports(stated, &mut ports);
    }
}

fn cluster_ip(
    Stated { object: service, fields }: &mut Stated<'_, Service>,
    first: &mut BTreeMap<IpAddr, (String, Span)>,
    spec: &LabSpec,
    range_is_stated: bool,
    range_is_noted: &mut bool,
) {
    let Some(ip) = service.cluster_ip else { return };
    let here = fields.at("spec.clusterIP");
    let name = full_name(service);
    let range = spec.service_cidr;
    // A service of the other family is none of this network's.
    let is_outside = range.addr().is_ipv4() == ip.is_ipv4() && !range.contains(&ip);
    let wrong = if let Some((other, before)) = first.get(&ip) {
        Some(format!("expected another: service {other} has it {}", fields.problems().there(here, *before)))
    } else if range_is_stated && is_outside {
        Some(format!("expected one in {range}, the serviceCIDR of the cluster"))
    } else {
        None
    };
    if let Some(expected) = wrong {
        fields.problems().error(here, format!("clusterIP: found {ip} for service {name}, {expected}"));
        service.cluster_ip = None;
        return;
    }
    if is_outside && !*range_is_noted {
        *range_is_noted = true;
        let text =
            format!("clusterIP {ip} is not in {range}; a Lab document can state the serviceCIDR of this cluster");
        fields.problems().note(here, text);
    }
    first.insert(ip, (name, here));
}

/// A node port belongs to one service, which may use it once for each protocol.
fn node_ports(
    Stated { object: service, fields }: &mut Stated<'_, Service>,
    first: &mut BTreeMap<u16, (String, Span, Vec<Protocol>)>,
) {
    let name = full_name(service);
    let health_check = service.health_check_node_port.map(|port| (None, port, Protocol::Tcp));
    let of_ports = service
        .ports
        .iter()
        .enumerate()
        .filter_map(|(index, port)| Some((Some(index), port.node_port?, port.protocol)));
    let all: Vec<_> = of_ports.chain(health_check).collect();
    for (index, node_port, protocol) in all {
        let here = match index {
            Some(index) => fields.at(&format!("spec.ports.{index}.nodePort")),
            None => fields.at("spec.healthCheckNodePort"),
        };
        let wrong = match first.get_mut(&node_port) {
            _ if !NODE_PORTS.contains(&node_port) => {
                let (low, high) = (NODE_PORTS.start(), NODE_PORTS.end());
                format!("expected one in {low}-{high}, which the API server gives to services")
            }
            Some((other, _, protocols)) if *other == name && !protocols.contains(&protocol) => {
                protocols.push(protocol);
                continue;
            }
            Some((other, before, _)) => {
                format!("expected another: service {other} has it {}", fields.problems().there(here, *before))
            }
            None => {
                first.insert(node_port, (name.clone(), here, vec![protocol]));
                continue;
            }
        };
        fields.problems().error(here, format!("nodePort: found {node_port} for service {name}, {wrong}"));
        match index {
            Some(index) => service.ports[index].node_port = None,
            None => service.health_check_node_port = None,
        }
    }
}

fn full_name(service: &Service) -> String {
    format!("{}/{}", service.meta.namespace, service.meta.name)
}
