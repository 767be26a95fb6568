//! Services over flannel's VXLAN: every translation, on the way there, on the way back, and where it ends badly.

use super::{Case, NO_BRIDGE_NETFILTER};

/// A run in the lab of services.
const fn services(from: &'static str, to: &'static str) -> Case {
    Case::new("services", from, to)
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
    http_to_a_service_on_the_same_node: from_pod("http://10.96.1.1:80");
    http_to_a_service_on_another_node: from_pod("http://10.96.1.2:80");
    http_to_a_service_with_two_endpoints: from_pod("http://10.96.1.3:80");
    http_to_a_service_with_affinity: from_pod("http://10.96.1.4:80");
    udp_to_a_service_on_the_same_node: from_pod("udp://10.96.1.1:53");
    udp_to_a_service_on_another_node: from_pod("udp://10.96.1.2:53");
    udp_in_fragments_to_a_service_on_the_same_node: from_pod("udp://10.96.1.1:53").sizes(3000, 2000);
    udp_in_fragments_to_a_service_on_another_node: from_pod("udp://10.96.1.2:53").sizes(3000, 2000);
    http_to_a_service_that_is_the_client_itself: from_pod("http://10.96.1.5:80");
    udp_to_a_service_that_is_the_client_itself: from_pod("udp://10.96.1.5:53");
    tcp_to_a_service_without_endpoints: from_pod("tcp://10.96.1.6:80");
    udp_to_a_service_without_endpoints: from_pod("udp://10.96.1.6:53");
    tcp_from_a_node_to_a_service_without_endpoints: from_node("tcp://10.96.1.6:80");
    udp_from_a_node_to_a_service_without_endpoints: from_node("udp://10.96.1.6:53");
    tcp_from_outside_to_a_node_port_without_endpoints: from_outside("tcp://172.18.0.2:30086");
    tcp_to_a_port_that_the_service_does_not_have: from_pod("tcp://10.96.1.2:81");
    udp_to_a_port_that_the_service_does_not_have: from_pod("udp://10.96.1.2:54");
    ping_to_a_service: from_pod("ping://10.96.1.2");
    tcp_to_a_closed_port_behind_a_service: from_pod("tcp://10.96.1.7:80");
    udp_to_a_closed_port_behind_a_service: from_pod("udp://10.96.1.7:53");
    udp_to_an_endpoint_that_is_gone_from_the_same_node: from_pod("udp://10.96.1.8:53");
    udp_to_an_endpoint_that_is_gone_from_another_node: from_pod("udp://10.96.1.9:53");
    http_to_a_service_whose_internal_policy_finds_nobody_here: from_pod("tcp://10.96.1.13:80");
    twenty_kilobytes_by_tcp_to_a_service_on_the_same_node: from_pod("tcp://10.96.1.1:80").sizes(20000, 20000);
    twenty_kilobytes_by_tcp_to_a_service_on_another_node: from_pod("tcp://10.96.1.2:80").sizes(20000, 20000);

    http_from_a_node_to_a_service_on_it: from_node("http://10.96.1.1:80");
    http_from_a_node_to_a_service_on_another_node: from_node("http://10.96.1.2:80");
    udp_from_a_node_to_a_service_on_another_node: from_node("udp://10.96.1.2:53");
    udp_in_fragments_from_a_node_to_a_service_on_another_node: from_node("udp://10.96.1.2:53").sizes(3000, 2000);
    http_from_a_node_to_its_own_node_port_on_it: from_node("http://172.18.0.2:30081");
    http_from_a_node_to_its_own_node_port_elsewhere: from_node("http://172.18.0.2:30082");
    http_to_the_loopback_node_port_on_the_same_node: from_node("http://127.0.0.1:30081");
    http_to_the_loopback_node_port_on_another_node: from_node("http://127.0.0.1:30082");

    http_from_outside_to_a_node_port_on_the_same_node: from_outside("http://172.18.0.2:30081");
    http_from_outside_to_a_node_port_on_another_node: from_outside("http://172.18.0.2:30082");
    udp_from_outside_to_a_node_port_on_another_node: from_outside("udp://172.18.0.2:30052");
    udp_in_fragments_from_outside_to_a_node_port_on_another_node: from_outside("udp://172.18.0.2:30052").sizes(3000, 3000);
    http_from_outside_to_a_local_node_port_that_hits: from_outside("http://172.18.0.2:30091");
    http_from_outside_to_a_local_node_port_that_misses: from_outside("http://172.18.0.2:30092");
    http_from_outside_to_an_external_address: from_outside("http://172.18.0.2:7000");
    http_from_outside_to_a_load_balancer: from_outside("http://172.18.0.2:7001");
    http_from_outside_to_a_load_balancer_that_is_for_others: from_outside("http://172.18.0.2:7002");
    http_from_a_pod_to_a_load_balancer: from_pod("http://172.18.0.2:7001");
    http_from_a_pod_to_an_external_address: from_pod("http://172.18.0.2:7000");
    http_from_a_pod_to_its_nodes_node_port: from_pod("http://172.18.0.2:30082");
    http_from_a_pod_to_another_nodes_node_port: from_pod("http://172.18.0.3:30082");
    http_from_a_pod_to_another_nodes_node_port_and_back: from_pod("http://172.18.0.3:30081");
    http_from_a_pod_to_a_local_node_port_that_misses: from_pod("http://172.18.0.2:30092");
    twenty_kilobytes_by_tcp_to_a_node_port_on_another_node: from_outside("tcp://172.18.0.2:30082").sizes(20000, 100);

    http_from_a_pod_to_a_machine_outside: from_pod("http://203.0.113.2:80");
    udp_from_a_pod_to_a_machine_outside: from_pod("udp://203.0.113.2:99");
    udp_in_fragments_from_a_pod_to_a_machine_outside: from_pod("udp://203.0.113.2:99").sizes(3000, 3000);
    ping_from_a_pod_to_a_machine_outside: from_pod("ping://203.0.113.2");
    a_ping_in_fragments_from_a_pod_to_a_machine_outside: from_pod("ping://203.0.113.2").sizes(3000, 0);
    ping_from_a_pod_to_nowhere_outside: from_pod("ping://198.51.100.7");
    tcp_from_a_pod_to_nowhere_outside: from_pod("tcp://198.51.100.7:80");
    udp_from_a_pod_to_nowhere_outside: from_pod("udp://198.51.100.7:80");
    udp_from_a_pod_to_a_closed_port_of_another_node: from_pod("udp://172.18.0.3:99");
    ping_from_a_pod_to_a_range_of_no_node: from_pod("ping://10.244.7.7");
    ping_from_outside_to_a_pod: from_outside("ping://10.244.1.2");
    twenty_kilobytes_by_tcp_from_a_pod_to_a_machine_outside: from_pod("tcp://203.0.113.2:80").sizes(20000, 20000);

    udp_to_a_node_port_that_is_too_large_for_the_tunnel: from_outside("udp://172.18.0.2:30052").sizes(1472, 0);
    udp_to_a_service_whose_ttl_ends_at_the_first_node: from_pod("udp://10.96.1.2:53").ttl(1);
    udp_to_a_service_whose_ttl_ends_at_the_second_node: from_pod("udp://10.96.1.2:53").ttl(2);
    udp_to_a_service_whose_ttl_just_suffices: from_pod("udp://10.96.1.2:53").ttl(3);
    udp_to_a_machine_outside_whose_ttl_ends_in_the_fabric: from_pod("udp://203.0.113.2:99").ttl(2);
    udp_to_a_node_port_whose_ttl_ends_at_the_node: from_outside("udp://172.18.0.2:30052").ttl(2);
    udp_to_a_node_port_whose_ttl_ends_at_the_second_node: from_outside("udp://172.18.0.2:30052").ttl(3);

    http_to_a_service_on_the_same_node_past_a_bridge_without_netfilter: from_pod("http://10.96.1.1:80").set(NO_BRIDGE_NETFILTER);
    http_to_a_service_on_another_node_past_a_bridge_without_netfilter: from_pod("http://10.96.1.2:80").set(NO_BRIDGE_NETFILTER);
    udp_in_fragments_past_a_bridge_without_netfilter: from_pod("udp://10.96.1.2:53").sizes(3000, 2000).set(NO_BRIDGE_NETFILTER);
    a_ping_in_fragments_past_a_bridge_without_netfilter: from_pod("ping://10.244.1.2").sizes(3000, 0).set(NO_BRIDGE_NETFILTER);
    udp_to_a_service_on_the_same_node_past_a_bridge_without_netfilter: from_pod("udp://10.96.1.1:53").set(NO_BRIDGE_NETFILTER);
}
