//! Services at random.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use kubehop_core::base::Dice;
use kubehop_core::k8s::kube_proxy::{Endpoint, ProxyConfig, ServicePort, ServicePorts};
use kubehop_core::k8s::objects::Protocol;

use super::cluster::NODE;

/// Draws services from so few addresses, ports and endpoints that they often want the same.
pub(crate) struct Draw(pub(crate) Dice);

impl Draw {
    pub(crate) fn below(&mut self, n: u32) -> usize {
        self.0.below(n) as usize
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.0.below(n) == 0
    }

    fn ip(&mut self, net: [u8; 3], n: u32) -> IpAddr {
        IpAddr::from([net[0], net[1], net[2], 1 + self.0.below(n) as u8])
    }

    pub(crate) fn service(&mut self) -> ServicePort {
        let name = ["ns/a", "ns/b:http", "ns/b:https", "ns/c:dns", "ns/d:dns"][self.below(5)];
        let mut endpoints: Vec<Endpoint> = (0..4).filter_map(|n| self.endpoint(n)).collect();
        endpoints.sort_by(|a, b| a.text.cmp(&b.text));
        ServicePort {
            name: name.to_owned(),
            protocol: if self.one_in(3) { Protocol::Udp } else { Protocol::Tcp },
            cluster_ip: self.ip([172, 30, 0], 3),
            port: [80, 81][self.below(2)],
            node_port: [None, Some(30001), Some(30002)][self.below(3)],
            external_ips: if self.one_in(3) { vec![self.ip([198, 51, 100], 2)] } else { Vec::new() },
            load_balancer_ips: if self.one_in(3) { vec![self.ip([198, 51, 100], 2)] } else { Vec::new() },
            source_ranges: if self.one_in(2) { vec!["192.168.0.0/24".parse().expect("a network")] } else { Vec::new() },
            affinity_secs: self.one_in(3).then_some(100),
            internal_local: self.one_in(3),
            external_local: self.one_in(3),
            health_check_node_port: None,
            endpoints,
        }
    }

    pub(crate) fn endpoint(&mut self, n: u8) -> Option<Endpoint> {
        let address = SocketAddr::from(([10, 0, 0, n], 8080));
        let is_there = self.one_in(2);
        let (is_here, ready, terminating) = (self.one_in(2), !self.one_in(4), self.one_in(4));
        is_there.then(|| Endpoint {
            address,
            text: address.to_string(),
            node_name: Some(if is_here { NODE.into() } else { "elsewhere".into() }),
            ready,
            serving: ready || terminating,
            terminating,
            zone_hints: Vec::new(),
        })
    }

    /// Makes a few ports of a list go, come or change, and leaves the others as they are.
    pub(crate) fn change(&mut self, ports: &mut ServicePorts) {
        for _ in 0..=self.below(3) {
            if self.one_in(3) && !ports.is_empty() {
                let at = self.below(ports.len() as u32);
                ports.remove(at);
            } else {
                let new = self.service();
                ports.retain(|port| (&port.name, port.protocol) != (&new.name, new.protocol));
                ports.push(Arc::new(new));
            }
        }
        ports.sort_by(|a, b| (&a.name, a.protocol).cmp(&(&b.name, b.protocol)));
    }
}

/// What kube-proxy is told on the node.
pub(crate) fn config() -> ProxyConfig {
    ProxyConfig {
        node_name: NODE.to_owned(),
        zone: String::new(),
        node_ip: IpAddr::from([192, 168, 0, 2]),
        local_cidr: "10.0.0.0/8".parse().ok(),
        masquerade_all: false,
        localhost_node_ports: true,
        node_port_addresses: Vec::new(),
        service_cidrs: vec!["172.30.0.0/16".parse().expect("a network")],
        ipvs_scheduler: Default::default(),
    }
}
