//! The agent's rules of iptables: who is masqueraded on the way out, and who is forwarded.
//!
//! Models pkg/datapath/iptables/iptables.go with `enable-bpf-masquerade: false`. Not modelled: the rules for the proxy,
//! for IPsec, those that give traffic of `cilium_host` the router's address, which the routes do already, and those that
//! accept what pods send, which nothing but kube-proxy's own rules would refuse.

use crate::base::Writer;
use crate::k8s::cni::{ClusterNet, CniMode, NodeNet};
use crate::netfilter::{Match, NatRange, Netfilter, Not, Part, PortSide, Rule, SetType, TableName, Target};

/// Addresses of all nodes.
const NODE_SET: &str = "cilium_node_set_v4";

fn rule(target: Target) -> Rule {
    Rule::new(Writer::Cni, target)
}

/// Writes them on one node.
pub(super) fn write(netfilter: &mut Netfilter, node: &NodeNet, cluster: &ClusterNet) {
    let is_native = cluster.mode == CniMode::CiliumNative;
    if is_native {
        let set = netfilter.sets.create(NODE_SET, SetType::HashIp);
        let peers = cluster.nodes.iter().filter(|peer| peer.place != node.place);
        set.elements.extend(peers.map(|peer| vec![Part::ip(peer.address)]));
    }
    let jump = |chain: &str| rule(Target::Jump(chain.into())).comment(&format!("cilium-feeder: {chain}"));
    let nat = netfilter.table_mut(TableName::Nat);
    nat.prepend("POSTROUTING", jump("CILIUM_POST_nat"));
    let from_pods = |target| rule(target).src(Not::is(node.pod_cidr));
    if is_native {
        // Nodes of the cluster may see pods as they are; a tunnel's pods they would not know how to answer.
        let to_nodes = Match::Set { set: Not::is(NODE_SET.into()), sides: vec![PortSide::Destination] };
        let exclude = from_pods(Target::Accept).and(to_nodes);
        nat.append("CILIUM_POST_nat", exclude.comment("exclude traffic to cluster nodes from masquerade"));
    }
    let inside = if is_native { cluster.pod_cidr } else { node.pod_cidr };
    let masquerade = from_pods(Target::Masquerade(NatRange::default())).dst(Not::isnt(inside));
    let masquerade = masquerade.oif(Not::isnt("cilium_+"));
    nat.append("CILIUM_POST_nat", masquerade.comment("cilium masquerade non-cluster"));
    let filter = netfilter.table_mut(TableName::Filter);
    filter.prepend("FORWARD", jump("CILIUM_FORWARD"));
    // Where each pod has a route, what it sends may have left by the tunnel unseen: without this rule the answers would be
    // INVALID to kube-proxy's.
    let is_replaced = cluster.cilium.as_ref().is_some_and(|cilium| cilium.kube_proxy_replacement);
    let delivery = if is_replaced { "cilium_host" } else { "lxc+" };
    let accept = rule(Target::Accept).oif(Not::is(delivery));
    filter.append("CILIUM_FORWARD", accept.comment(&format!("cilium: any->cluster on {delivery} forward accept")));
}
