//! What the tests of both engines stand on.

use std::net::IpAddr;

use super::{AddressType, Facts};

/// A machine without devices, whose only address is 172.18.0.2.
#[derive(Debug)]
pub(super) struct Nowhere;

impl Facts for Nowhere {
    fn address_type(&self, ip: IpAddr, _: Option<&str>) -> AddressType {
        if ip == IpAddr::from([172, 18, 0, 2]) { AddressType::Local } else { AddressType::Unicast }
    }

    fn source_address(&self, _: &str, _: IpAddr) -> Option<IpAddr> {
        Some(IpAddr::from([172, 18, 0, 2]))
    }

    fn first_address(&self, _: &str) -> Option<IpAddr> {
        None
    }
}
