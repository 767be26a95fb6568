//! networking.k8s.io/v1 Ingress.

use crate::k8s::objects::{Ingress, IngressBackend, IngressRule, TargetPort};
use crate::lab::parse::fields::{Fields, text};
use crate::lab::yaml::Node;
use crate::net::PathMatching;

use super::{meta, text_or_empty};

/// What named the class before there was a field for it.
const CLASS: &str = "kubernetes.io/ingress.class";

pub(in crate::lab::parse) fn ingress(fields: &Fields<'_>) -> Option<Ingress> {
    let spec = fields.mapping("spec");
    let meta = meta::namespaced(fields)?;
    let annotated = meta.annotations.get(CLASS).cloned().unwrap_or_default();
    Some(Ingress {
        class: spec.text("ingressClassName").map_or(annotated, str::to_owned),
        rules: spec.mappings("rules").flat_map(|fields| rules(&fields)).collect(),
        default_backend: backend(&spec.mapping("defaultBackend")),
        meta,
    })
}

/// The paths of one host.
fn rules(fields: &Fields<'_>) -> Vec<IngressRule> {
    let host = text_or_empty(fields, "host");
    let rule = |path: Fields<'_>| {
        Some(IngressRule {
            host: host.clone(),
            path: path.text("path").filter(|path| !path.is_empty()).unwrap_or("/").to_owned(),
            matching: path.read("pathType", "Exact, Prefix or ImplementationSpecific", path_type).unwrap_or_default(),
            backend: backend(&path.mapping("backend"))?,
        })
    };
    fields.mapping("http").mappings("paths").filter_map(rule).collect()
}

fn path_type<'n>(node: &'n Node<'n>) -> Option<PathMatching> {
    match text(node)? {
        "Exact" => Some(PathMatching::Exact),
        "Prefix" => Some(PathMatching::Prefix),
        "ImplementationSpecific" => Some(PathMatching::Letters),
        _ => None,
    }
}

/// The service of this backend; `None` for a backend that is no service.
fn backend(fields: &Fields<'_>) -> Option<IngressBackend> {
    let service = fields.mapping("service");
    let port = service.mapping("port");
    let by_number = port.port("number").map(TargetPort::Number);
    let by_name = || port.text("name").map(|name| TargetPort::Name(name.to_owned()));
    Some(IngressBackend {
        service: service.text("name")?.to_owned(),
        port: by_number.or_else(by_name)?,
        span: service.at("name"),
    })
}
