//! networking.k8s.io/v1 Ingress.

use crate::k8s::objects::{Ingress, IngressRule, TargetPort};
use crate::lab::parse::fields::Fields;

use super::{meta, text_or_empty};

pub(in crate::lab::parse) fn ingress(fields: &Fields<'_>) -> Option<Ingress> {
    let spec = fields.mapping("spec");
    let stated = spec.mappings("rules").flat_map(|fields| rules(&fields));
    let default = backend(&spec.mapping("defaultBackend"), "", "/");
    Some(Ingress { meta: meta::namespaced(fields)?, rules: stated.chain(default).collect() })
}

/// The paths of one host.
fn rules(fields: &Fields<'_>) -> Vec<IngressRule> {
    let host = text_or_empty(fields, "host");
    let rule = |path: Fields<'_>| backend(&path.mapping("backend"), &host, path.text("path").unwrap_or("/"));
    fields.mapping("http").mappings("paths").filter_map(rule).collect()
}

/// A rule to the service of this backend; `None` for a backend that is no service.
fn backend(fields: &Fields<'_>, host: &str, path: &str) -> Option<IngressRule> {
    let service = fields.mapping("service");
    let port = service.mapping("port");
    let by_number = port.port("number").map(TargetPort::Number);
    let by_name = || port.text("name").map(|name| TargetPort::Name(name.to_owned()));
    Some(IngressRule {
        host: host.to_owned(),
        path: path.to_owned(),
        service: service.text("name")?.to_owned(),
        port: by_number.or_else(by_name)?,
    })
}
