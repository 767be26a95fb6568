//! Probes of a container.

use crate::k8s::objects::{Probe, ProbeHandler, ProbeKind, TargetPort};
use crate::lab::parse::fields::{Fields, text};

use super::service::target_port;
use super::text_or_empty;

/// Every probe that a container states.
pub(super) fn probes(container: &Fields<'_>) -> Vec<Probe> {
    let read = |kind: ProbeKind| {
        container.get(kind.field())?;
        let fields = container.mapping(kind.field());
        Some(Probe { kind, handler: handler(kind, &fields)?, span: fields.span() })
    };
    ProbeKind::ALL.into_iter().filter_map(read).collect()
}

fn handler(kind: ProbeKind, fields: &Fields<'_>) -> Option<ProbeHandler> {
    let (http, tcp) = (fields.mapping("httpGet"), fields.mapping("tcpSocket"));
    if fields.get("httpGet").is_some() {
        let header = |header: Fields<'_>| (text_or_empty(&header, "name"), text_or_empty(&header, "value"));
        let scheme = |node| match text(node)? {
            "HTTP" => Some(false),
            "HTTPS" => Some(true),
            _ => None,
        };
        return Some(ProbeHandler::Http {
            host: text_or_empty(&http, "host"),
            path: path(&http),
            port: port(kind, "httpGet", &http)?,
            headers: http.mappings("httpHeaders").map(header).collect(),
            https: http.read("scheme", "HTTP or HTTPS", scheme).unwrap_or(false),
        });
    }
    if fields.get("tcpSocket").is_some() {
        return Some(ProbeHandler::Tcp { host: text_or_empty(&tcp, "host"), port: port(kind, "tcpSocket", &tcp)? });
    }
    if fields.get("exec").is_some() {
        return Some(ProbeHandler::Exec);
    }
    if fields.get("grpc").is_some() {
        return Some(ProbeHandler::Grpc);
    }
    let text = format!("found a {} without a handler, expected httpGet, tcpSocket, exec or grpc", kind.field());
    fields.problems().error(fields.span(), text);
    None
}

/// `path`, which the kubelet lets begin with a slash.
fn path(fields: &Fields<'_>) -> String {
    let path = fields.read("path", "a path without spaces", |node| text(node).filter(|path| !path.contains(' ')));
    match path {
        None | Some("") => "/".to_owned(),
        Some(path) if path.starts_with('/') => path.to_owned(),
        Some(path) => format!("/{path}"),
    }
}

fn port(kind: ProbeKind, handler: &str, fields: &Fields<'_>) -> Option<TargetPort> {
    if fields.get("port").is_none() {
        let text = format!("found a {} whose {handler} has no port, expected a number or a name", kind.field());
        fields.problems().error(fields.span(), text);
    }
    fields.read("port", "a port number 1-65535 or the name of a container port", target_port)
}
