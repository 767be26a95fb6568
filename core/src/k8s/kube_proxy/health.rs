//! The health check node port: where a load balancer asks a node whether it has endpoints of a service of its own.
//!
//! Models pkg/proxy/healthcheck/service_health.go, and EndpointsMap.LocalReadyEndpoints, which counts addresses. kube-proxy
//! itself is always healthy. Not modelled: that it listens on the addresses of `nodePortAddresses` alone; the header
//! `Date`, for there is no clock.

use std::net::IpAddr;

use super::ServicePorts;
use crate::base::{BTreeMap, BTreeSet};
use crate::net::{Answer, Listener, Sockets, TransportProtocol};

/// Who answers health checks on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthServer {
    /// kube-proxy.
    KubeProxy,
    /// Cilium's agent, where it is in kube-proxy's place (pkg/service/healthserver).
    Cilium,
}

impl HealthServer {
    fn program(self) -> &'static str {
        match self {
            Self::KubeProxy => "kube-proxy",
            Self::Cilium => "cilium-agent",
        }
    }

    /// Opens the port of every service that has one, with what is answered on this node now, and closes all others of
    /// this program's.
    pub fn sync(self, sockets: &mut Sockets, node_name: &str, ports: &ServicePorts) {
        sockets.close(|listener| &*listener.program == self.program());
        for (service, (port, locals)) in local_endpoints(ports, node_name) {
            sockets.listen(Listener {
                protocol: TransportProtocol::Tcp,
                port,
                addresses: Vec::new(),
                program: self.program().into(),
                answer: Answer::Fixed(self.reply(service, locals.len()).into()),
            });
        }
    }

    /// What the handler writes; Go's server sorts a handler's headers and adds the length.
    fn reply(self, service: &str, n_local: usize) -> Vec<u8> {
        let (namespace, name) = service.split_once('/').unwrap_or(("default", service));
        let status = if n_local > 0 { "200 OK" } else { "503 Service Unavailable" };
        let body = match self {
            Self::KubeProxy => format!(
                "{{\n\t\"service\": {{\n\t\t\"namespace\": \"{namespace}\",\n\t\t\"name\": \"{name}\"\n\t}},\n\t\"localEndpoints\": {n_local},\n\t\"serviceProxyHealthy\": true\n}}"
            ),
            Self::Cilium => format!(
                "{{\"service\":{{\"namespace\":\"{namespace}\",\"name\":\"{name}\"}},\"localEndpoints\":{n_local}}}\n"
            ),
        };
        let headers = format!(
            "Content-Type: application/json\r\nX-Content-Type-Options: nosniff\r\nX-Load-Balancing-Endpoint-Weight: {n_local}\r\n"
        );
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }
}

/// Every service with a health check node port: the port, and the addresses of its ready endpoints on a node.
#[must_use]
pub fn local_endpoints<'a>(ports: &'a ServicePorts, node_name: &str) -> BTreeMap<&'a str, (u16, BTreeSet<IpAddr>)> {
    let mut services: BTreeMap<&str, (u16, BTreeSet<IpAddr>)> = BTreeMap::new();
    for port in ports {
        let Some(health_check) = port.health_check_node_port else { continue };
        let local = port.endpoints.iter().filter(|it| it.ready && it.node_name.as_deref() == Some(node_name));
        let (_, addresses) = services.entry(port.service()).or_insert((health_check, BTreeSet::new()));
        addresses.extend(local.map(|endpoint| endpoint.address.ip()));
    }
    services
}
