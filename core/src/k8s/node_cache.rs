//! NodeLocal DNSCache: node-cache on every node, with the device, the sockets and the rules that it keeps there.
//!
//! Models cmd/node-cache/app/cache_app.go (1.26) and pkg/netif/netif.go as nodelocaldns.yaml starts them. It runs from
//! the start on every node, and needs no object: not modelled are its pods, its headless service for metrics, and that
//! rules and device go when it stops.

use std::net::IpAddr;

use ipnet::IpNet;

use super::coredns::{DNS_PORT, HEALTH_PORT, OK};
use crate::base::Writer;
use crate::net::{Answer, InterfaceKind, Listener, NetNs, TransportProtocol};
use crate::netfilter::{Match, Netfilter, Not, PortRange, Rule, TableName, Target};

/// The program.
pub const NODE_CACHE: &str = "node-cache";
/// The address that it has on every node.
pub const LOCAL_DNS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(169, 254, 20, 10));
/// The device whose only purpose is to have its addresses.
const DEVICE: &str = "nodelocaldns";
/// Its MTU, which no packet meets.
const MTU: usize = 1500;
const SKIP: &str = "NodeLocal DNS Cache: skip conntrack";
const ALLOW: &str = "NodeLocal DNS Cache: allow DNS traffic";
const METRICS_PORT: u16 = 9253;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// node-cache as its DaemonSet starts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeCache {
    /// `-localip`: its own address, and that of kube-dns unless IPVS has it.
    pub addresses: Vec<IpAddr>,
}

impl NodeCache {
    /// Makes its addresses the node's, and listens on them.
    pub fn start(&self, ns: &mut NetNs) {
        let dev = ns.add_interface(DEVICE, MTU, Writer::NodeCache, |_| InterfaceKind::Dummy);
        let interface = ns.interface_mut(dev.index);
        // It never brings the device up: an address is local on a device that is down as well.
        (interface.up, interface.noarp) = (false, true);
        for ip in &self.addresses {
            ns.add_address(dev.index, IpNet::from(*ip), Writer::NodeCache);
        }
        let listener = |protocol, port, addresses, answer| Listener {
            protocol,
            port,
            addresses,
            program: NODE_CACHE.into(),
            answer,
        };
        for protocol in [TransportProtocol::Udp, TransportProtocol::Tcp] {
            ns.sockets.listen(listener(protocol, DNS_PORT, self.addresses.clone(), Answer::Named));
        }
        let tcp = TransportProtocol::Tcp;
        ns.sockets.listen(listener(tcp, HEALTH_PORT, vec![LOCAL_DNS], Answer::Fixed(OK.into())));
        ns.sockets.listen(listener(tcp, METRICS_PORT, Vec::new(), Answer::Asked));
    }

    /// Puts its rules in front of all others, as it does again and again.
    pub fn write_rules(&self, netfilter: &mut Netfilter) {
        for ip in &self.addresses {
            for (table, chain, rule) in rules(*ip) {
                netfilter.table_mut(table).ensure(chain, rule);
            }
        }
    }
}

/// What initIptables lists for one address, in its order; each is put in front of those before it.
fn rules(ip: IpAddr) -> [(TableName, &'static str, Rule); 12] {
    let to = |rule: Rule, port| rule.dst(Not::is(ip.into())).and(Match::dport(port));
    let from = |rule: Rule, port| {
        let sport = Some(Not::is(PortRange::one(port)));
        rule.src(Not::is(ip.into())).and(Match::Ports { sport, dport: None })
    };
    let rule = |protocol, target| Rule::new(Writer::NodeCache, target).protocol(protocol);
    let skip = |protocol| rule(protocol, Target::Notrack);
    let allow = |protocol| rule(protocol, Target::Accept);
    let (raw, filter) = (TableName::Raw, TableName::Filter);
    let listed = [
        (raw, "PREROUTING", to(skip(TCP), DNS_PORT)),
        (raw, "PREROUTING", to(skip(UDP), DNS_PORT)),
        (filter, "INPUT", to(allow(TCP), DNS_PORT)),
        (filter, "INPUT", to(allow(UDP), DNS_PORT)),
        (raw, "OUTPUT", from(skip(TCP), DNS_PORT)),
        (raw, "OUTPUT", from(skip(UDP), DNS_PORT)),
        (filter, "OUTPUT", from(allow(TCP), DNS_PORT)),
        (filter, "OUTPUT", from(allow(UDP), DNS_PORT)),
        (raw, "OUTPUT", to(skip(TCP), DNS_PORT)),
        (raw, "OUTPUT", to(skip(UDP), DNS_PORT)),
        (raw, "OUTPUT", to(skip(TCP), HEALTH_PORT)),
        (raw, "OUTPUT", from(skip(TCP), HEALTH_PORT)),
    ];
    listed.map(|(table, chain, rule)| {
        let text = if table == raw { SKIP } else { ALLOW };
        (table, chain, rule.comment(text))
    })
}
