//! What netfilter asks of the machine it is on: its addresses.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Interface, NetNs, Route, RouteKind, RouteTable, select_address};
use crate::netfilter::{AddressType, Facts};

/// The addresses of a machine, as they were.
#[derive(Clone, Debug)]
pub struct KernelFacts {
    local: RouteTable,
    interfaces: Arc<Vec<Interface>>,
}

impl NetNs {
    /// The machine's addresses as they are now.
    #[must_use]
    pub fn facts(&self) -> Arc<KernelFacts> {
        Arc::new(KernelFacts { local: self.local.clone(), interfaces: self.interfaces_arc() })
    }
}

impl KernelFacts {
    fn named(&self, dev: &str) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| *interface.dev.name == *dev)
    }
}

impl Facts for KernelFacts {
    /// Models net/ipv4/fib_frontend.c __inet_dev_addr_type: table local alone is asked.
    fn address_type(&self, ip: IpAddr, dev: Option<&str>) -> AddressType {
        let is_broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast() || v4.octets()[0] == 0);
        if is_broadcast {
            return AddressType::Broadcast;
        }
        if ip.is_multicast() {
            return AddressType::Multicast;
        }
        let is_by = |route: &&Route| dev.is_none_or(|dev| route.dev.as_ref().is_some_and(|other| *other.name == *dev));
        let lookup = self.local.lookup(ip, 0);
        match lookup.route().filter(is_by).map(|route| route.kind) {
            Some(RouteKind::Local) => AddressType::Local,
            Some(RouteKind::Broadcast) => AddressType::Broadcast,
            _ => AddressType::Unicast,
        }
    }

    fn source_address(&self, dev: &str, to: IpAddr) -> Option<IpAddr> {
        select_address(&self.interfaces, self.named(dev)?.dev.index, to)
    }

    fn first_address(&self, dev: &str) -> Option<IpAddr> {
        self.named(dev)?.addresses.first().map(|address| address.net.addr())
    }
}
