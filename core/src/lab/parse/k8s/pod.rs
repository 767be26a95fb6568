//! v1 Pod, and the pod template of what makes pods.

use std::net::IpAddr;

use crate::k8s::objects::{Container, ContainerPort, ObjectMeta, Pod, Toleration};
use crate::lab::parse::fields::Fields;

use super::dns;
use super::probe::probes;
use super::{ipv4, meta, protocol, text_or_empty};

pub(in crate::lab::parse) fn pod(fields: &Fields<'_>) -> Option<Pod> {
    let status = fields.mapping("status");
    let is_unready =
        |condition: Fields<'_>| condition.text("type") == Some("Ready") && condition.text("status") == Some("False");
    let finished = matches!(status.text("phase"), Some("Succeeded" | "Failed"));
    Some(Pod {
        // What has finished owns nothing: its address is another pod's by now.
        pod_ip: if finished { None } else { pod_ip(&status) },
        ready: !finished && !status.mappings("conditions").any(is_unready),
        finished,
        terminating: fields.mapping("metadata").get("deletionTimestamp").is_some(),
        ..template(meta::namespaced(fields)?, fields)
    })
}

fn pod_ip(status: &Fields<'_>) -> Option<IpAddr> {
    let others = status.mappings("podIPs").filter_map(|fields| fields.ip("ip"));
    ipv4(status, "podIP", status.ip("podIP"), others, IpAddr::is_ipv4)
}

/// `spec.template`: a pod that is nowhere yet.
pub(super) fn pod_template(fields: &Fields<'_>) -> Pod {
    Pod { ready: true, ..template(meta::unnamed(fields), fields) }
}

fn template(meta: ObjectMeta, fields: &Fields<'_>) -> Pod {
    let spec = fields.mapping("spec");
    dns::check(fields, &spec);
    let is_sidecar = |container: &Fields<'_>| container.text("restartPolicy") == Some("Always");
    let containers = spec.mappings("containers").chain(spec.mappings("initContainers").filter(is_sidecar));
    Pod {
        meta,
        node_name: text_or_empty(&spec, "nodeName"),
        node_selector: spec.texts("nodeSelector"),
        tolerations: spec.mappings("tolerations").map(|fields| toleration(&fields)).collect(),
        host_network: spec.flag("hostNetwork").unwrap_or(false),
        hostname: text_or_empty(&spec, "hostname"),
        subdomain: text_or_empty(&spec, "subdomain"),
        containers: containers.filter_map(|fields| container(&fields)).collect(),
        dns_policy: dns::policy(&spec),
        dns_config: dns::config(&spec.mapping("dnsConfig")),
        ..Pod::default()
    }
}

fn container(fields: &Fields<'_>) -> Option<Container> {
    if fields.get("name").is_none() {
        fields.problems().error(fields.span(), "found a container without name, expected its name");
    }
    let name = fields.read("name", meta::NAME, meta::name)?;
    Some(Container {
        name: name.to_owned(),
        image: text_or_empty(fields, "image"),
        ports: fields.mappings("ports").filter_map(|port| container_port(&port)).collect(),
        probes: probes(fields),
    })
}

fn container_port(fields: &Fields<'_>) -> Option<ContainerPort> {
    if fields.get("containerPort").is_none() {
        fields.problems().error(fields.span(), "found a port without containerPort, expected a port number 1-65535");
    }
    Some(ContainerPort {
        name: text_or_empty(fields, "name"),
        container_port: fields.port("containerPort")?,
        protocol: protocol(fields),
    })
}

fn toleration(fields: &Fields<'_>) -> Toleration {
    let exists = fields.text("operator") == Some("Exists");
    Toleration {
        key: text_or_empty(fields, "key"),
        value: (!exists).then(|| text_or_empty(fields, "value")),
        effect: text_or_empty(fields, "effect"),
    }
}
