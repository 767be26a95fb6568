//! Counting through networks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// The address `offset` places after the first of `net`, if it is still in `net`.
pub(super) fn nth(net: IpNet, offset: u32) -> Option<IpAddr> {
    let address = match net.network() {
        IpAddr::V4(first) => IpAddr::from(Ipv4Addr::from(u32::from(first).checked_add(offset)?)),
        IpAddr::V6(first) => IpAddr::from(Ipv6Addr::from(u128::from(first).checked_add(offset.into())?)),
    };
    net.contains(&address).then_some(address)
}

/// The addresses of `net` from that `offset` on, without the last of an IPv4 network, which is its broadcast.
pub(super) fn hosts_from(net: IpNet, offset: u32) -> impl Iterator<Item = IpAddr> {
    (offset..=u32::MAX)
        .map_while(move |offset| nth(net, offset))
        .filter(move |ip| ip.is_ipv6() || *ip != net.broadcast())
}

#[cfg(test)]
mod tests {
    use super::{hosts_from, nth};

    #[test]
    fn counting_ends_with_the_network() {
        let net = |text: &str| text.parse().expect("a network");
        let ip = |text: &str| text.parse().expect("an address");
        assert_eq!(nth(net("10.96.0.0/12"), 10), Some(ip("10.96.0.10")));
        assert_eq!(nth(net("10.0.0.0/30"), 4), None);
        assert_eq!(nth(net("255.255.255.0/24"), 256), None);
        assert_eq!(nth(net("fd00::/64"), 2), Some(ip("fd00::2")));
        let hosts: Vec<_> = hosts_from(net("10.0.0.0/29"), 2).collect();
        assert_eq!(hosts, ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"].map(ip));
        assert_eq!(hosts_from(net("10.0.0.0/32"), 2).count(), 0);
    }
}
