//! Services by kube-proxy's nftables mode, on the lab of services: what is otherwise than with iptables, and one of each kind
//! of what is the same.

use super::{Case, NFTABLES};

/// A run in the lab of services.
const fn services(from: &'static str, to: &'static str) -> Case {
    Case::new("services", from, to).set(NFTABLES)
}

const fn from_pod(to: &'static str) -> Case {
    services("pod/client", to)
}

const fn from_node(to: &'static str) -> Case {
    services("node/node-a", to)
}

const fn from_outside(to: &'static str) -> Case {
    services("host/laptop", to)
}

cases! {
    nftables_to_a_service_on_the_same_node: from_pod("http://10.96.1.1:80");
    nftables_to_a_service_on_another_node: from_pod("http://10.96.1.2:80");
    nftables_to_a_service_with_two_endpoints: from_pod("http://10.96.1.3:80");
    nftables_to_a_service_with_affinity: from_pod("http://10.96.1.4:80");
    nftables_to_a_service_that_is_the_client_itself: from_pod("http://10.96.1.5:80");
    nftables_by_udp_to_a_service_on_another_node: from_pod("udp://10.96.1.2:53");
    nftables_by_tcp_to_a_service_without_endpoints: from_pod("tcp://10.96.1.6:80");
    nftables_by_udp_to_a_service_without_endpoints: from_pod("udp://10.96.1.6:53");
    nftables_to_a_service_whose_internal_policy_finds_nobody_here: from_pod("udp://10.96.1.13:80");
    nftables_by_tcp_to_a_port_that_the_service_does_not_have: from_pod("tcp://10.96.1.2:81");
    nftables_by_udp_to_a_port_that_the_service_does_not_have: from_pod("udp://10.96.1.2:54");
    nftables_to_a_cluster_ip_that_no_service_has: from_pod("udp://10.96.9.9:80");
    nftables_from_a_node_to_a_service_on_it: from_node("http://10.96.1.1:80");
    nftables_from_a_node_to_a_service_on_another_node: from_node("http://10.96.1.2:80");
    nftables_from_a_node_to_a_service_without_endpoints: from_node("tcp://10.96.1.6:80");
    nftables_from_a_node_to_a_port_that_the_service_does_not_have: from_node("tcp://10.96.1.2:81");
    nftables_from_a_node_to_its_own_node_port_elsewhere: from_node("http://172.18.0.2:30082");
    nftables_from_a_node_to_a_node_port_on_loopback: from_node("tcp://127.0.0.1:30081");
    nftables_from_a_pod_to_another_nodes_node_port: from_pod("http://172.18.0.3:30082");
    nftables_from_outside_to_a_node_port_on_the_same_node: from_outside("http://172.18.0.2:30081");
    nftables_from_outside_to_a_node_port_on_another_node: from_outside("http://172.18.0.2:30082");
    nftables_by_udp_from_outside_to_a_node_port_on_another_node: from_outside("udp://172.18.0.2:30052");
    nftables_from_outside_to_a_local_node_port_that_hits: from_outside("http://172.18.0.2:30091");
    nftables_from_outside_to_a_local_node_port_that_misses: from_outside("tcp://172.18.0.2:30092");
    nftables_from_outside_to_a_node_port_without_endpoints: from_outside("tcp://172.18.0.2:30086");
    nftables_from_outside_to_an_external_address: from_outside("http://172.18.0.2:7000");
    nftables_from_outside_to_a_load_balancer: from_outside("http://172.18.0.2:7001");
    nftables_from_outside_to_a_load_balancer_that_is_for_others: from_outside("tcp://172.18.0.2:7002");
}
