//! The rules that CNI daemons keep on every node: who is masqueraded on the way out, and who is forwarded.
//!
//! Models flannel's pkg/trafficmngr/iptables/iptables.go and, of Calico, felix/rules/nat.go and static.go with the pools'
//! sets written out as the one range that a lab has. Not modelled: Calico's filter chains.

use ipnet::IpNet;

use crate::base::Writer;
use crate::netfilter::{AddressType, Match, NatRange, Netfilter, Not, Rule, TableName, Target};

/// kube-proxy's mark: what carries it is masqueraded already.
const KUBE_PROXY_MARK: u32 = 0x4000;
/// Calico's tunnel device.
const VXLAN_CALICO: &str = "vxlan.calico";

fn rule(target: Target) -> Rule {
    Rule::new(Writer::Cni, target)
}

fn jump(chain: &str) -> Target {
    Target::Jump(chain.into())
}

fn masquerade() -> Target {
    Target::Masquerade(NatRange { random_fully: true, ..NatRange::default() })
}

/// flanneld's rules on the node whose pods are in `node_cidr`.
pub fn flannel_rules(netfilter: &mut Netfilter, node_cidr: IpNet, cluster_cidr: IpNet) {
    let (node, cluster) = (node_cidr, cluster_cidr);
    let masq = |rule: Rule| rule.comment("flanneld masq");
    let groups = IpNet::new_assert([224, 0, 0, 0].into(), 4);
    let nat = netfilter.table_mut(TableName::Nat);
    nat.append("POSTROUTING", masq(rule(jump("FLANNEL-POSTRTG"))));
    nat.extend(
        "FLANNEL-POSTRTG",
        [
            masq(rule(Target::Return).and(Match::marked(KUBE_PROXY_MARK))),
            masq(rule(Target::Return).src(Not::is(node)).dst(Not::is(cluster))),
            masq(rule(Target::Return).src(Not::is(cluster)).dst(Not::is(node))),
            masq(rule(Target::Return).src(Not::isnt(cluster)).dst(Not::is(node))),
            masq(rule(masquerade()).src(Not::is(cluster)).dst(Not::isnt(groups))),
            masq(rule(masquerade()).src(Not::isnt(cluster)).dst(Not::is(cluster))),
        ],
    );
    let forward = |rule: Rule| rule.comment("flanneld forward");
    let filter = netfilter.table_mut(TableName::Filter);
    filter.append("FORWARD", forward(rule(jump("FLANNEL-FWD"))));
    let accept = || rule(Target::Accept);
    filter.append("FLANNEL-FWD", forward(accept().src(Not::is(cluster))));
    filter.append("FLANNEL-FWD", forward(accept().dst(Not::is(cluster))));
}

/// Felix's rules for pods in `pod_cidr`; `is_vxlan` if its tunnel device is there.
pub fn calico_rules(netfilter: &mut Netfilter, pod_cidr: IpNet, is_vxlan: bool) {
    let nat = netfilter.table_mut(TableName::Nat);
    // Felix inserts its jumps where others append.
    nat.prepend("POSTROUTING", rule(jump("cali-POSTROUTING")).comment("calico"));
    nat.append("cali-POSTROUTING", rule(masquerade()).src(Not::is(pod_cidr)).dst(Not::isnt(pod_cidr)));
    if is_vxlan {
        // A host that reaches a service picks whatever source it likes; answers come back only to the tunnel's address.
        let not_the_tunnels =
            Match::Addrtype { src: Some(Not::isnt(AddressType::Local)), dst: None, limit_in: false, limit_out: true };
        let own = rule(masquerade()).oif(Not::is(VXLAN_CALICO)).and(not_the_tunnels);
        nat.append("cali-POSTROUTING", own.and(Match::src_type(AddressType::Local)));
    }
}
