//! Services over the other networks: host-gw, calico by VXLAN and calico by BGP.

use super::{CALICO_BGP, CALICO_VXLAN, Case, HOST_GW};

const fn host_gw(from: &'static str, to: &'static str) -> Case {
    Case::new("services", from, to).set(HOST_GW)
}

const fn vxlan(from: &'static str, to: &'static str) -> Case {
    Case::new("services", from, to).set(CALICO_VXLAN)
}

const fn bgp(from: &'static str, to: &'static str) -> Case {
    Case::new("services", from, to).set(CALICO_BGP)
}

cases! {
    http_to_a_service_on_another_node_by_host_gw: host_gw("pod/client", "http://10.96.1.2:80");
    http_from_a_node_to_a_service_on_another_node_by_host_gw: host_gw("node/node-a", "http://10.96.1.2:80");
    http_to_the_loopback_node_port_on_another_node_by_host_gw: host_gw("node/node-a", "http://127.0.0.1:30082");
    http_from_outside_to_a_node_port_on_another_node_by_host_gw: host_gw("host/laptop", "http://172.18.0.2:30082");
    http_from_a_pod_to_another_nodes_node_port_by_host_gw: host_gw("pod/client", "http://172.18.0.3:30082");
    udp_in_fragments_to_a_service_on_another_node_by_host_gw: host_gw("pod/client", "udp://10.96.1.2:53").sizes(3000, 2000);
    udp_to_a_service_whose_ttl_ends_at_the_second_node_by_host_gw: host_gw("pod/client", "udp://10.96.1.2:53").ttl(2);
    udp_to_an_endpoint_that_is_gone_from_another_node_by_host_gw: host_gw("pod/client", "udp://10.96.1.9:53");

    http_to_a_service_on_the_same_node_with_calico: vxlan("pod/client", "http://10.96.1.1:80");
    http_to_a_service_on_another_node_through_calicos_vxlan: vxlan("pod/client", "http://10.96.1.2:80");
    http_to_a_service_that_is_the_client_itself_with_calico: vxlan("pod/client", "http://10.96.1.5:80");
    udp_in_fragments_to_a_service_on_another_node_through_calicos_vxlan: vxlan("pod/client", "udp://10.96.1.2:53").sizes(3000, 2000);
    udp_in_fragments_to_a_service_on_the_same_node_with_calico: vxlan("pod/client", "udp://10.96.1.1:53").sizes(3000, 2000);
    tcp_to_a_service_without_endpoints_with_calico: vxlan("pod/client", "tcp://10.96.1.6:80");
    tcp_to_a_port_that_the_service_does_not_have_with_calico: vxlan("pod/client", "tcp://10.96.1.2:81");
    http_from_a_node_to_a_service_on_it_with_calico: vxlan("node/node-a", "http://10.96.1.1:80");
    http_from_a_node_to_a_service_on_another_node_through_calicos_vxlan: vxlan("node/node-a", "http://10.96.1.2:80");
    http_to_the_loopback_node_port_on_the_same_node_with_calico: vxlan("node/node-a", "http://127.0.0.1:30081");
    http_from_outside_to_a_node_port_on_the_same_node_with_calico: vxlan("host/laptop", "http://172.18.0.2:30081");
    http_from_outside_to_a_node_port_on_another_node_through_calicos_vxlan: vxlan("host/laptop", "http://172.18.0.2:30082");
    http_from_outside_to_a_local_node_port_that_hits_with_calico: vxlan("host/laptop", "http://172.18.0.2:30091");
    udp_to_a_node_port_that_is_too_large_for_calicos_tunnel: vxlan("host/laptop", "udp://172.18.0.2:30052").sizes(1472, 0);
    http_from_a_pod_to_a_machine_outside_with_calico: vxlan("pod/client", "http://203.0.113.2:80");
    tcp_to_an_endpoint_that_is_gone_from_the_same_node_with_calico: vxlan("pod/client", "tcp://10.96.1.8:80");
    udp_to_a_service_whose_ttl_ends_at_the_first_node_with_calico: vxlan("pod/client", "udp://10.96.1.2:53").ttl(1);
    udp_to_a_service_whose_ttl_ends_at_the_second_node_through_calicos_vxlan: vxlan("pod/client", "udp://10.96.1.2:53").ttl(2);

    http_to_a_service_on_another_node_by_calicos_bgp: bgp("pod/client", "http://10.96.1.2:80");
    http_to_a_service_with_two_endpoints_by_calicos_bgp: bgp("pod/client", "http://10.96.1.3:80");
    http_to_a_service_with_affinity_by_calicos_bgp: bgp("pod/client", "http://10.96.1.4:80");
    http_from_a_node_to_a_service_on_another_node_by_calicos_bgp: bgp("node/node-a", "http://10.96.1.2:80");
    http_to_the_loopback_node_port_on_another_node_by_calicos_bgp: bgp("node/node-a", "http://127.0.0.1:30082");
    http_from_outside_to_a_node_port_on_another_node_by_calicos_bgp: bgp("host/laptop", "http://172.18.0.2:30082");
    http_from_a_pod_to_its_nodes_node_port_by_calicos_bgp: bgp("pod/client", "http://172.18.0.2:30082");
    udp_in_fragments_to_a_service_on_another_node_by_calicos_bgp: bgp("pod/client", "udp://10.96.1.2:53").sizes(3000, 2000);
    udp_in_fragments_from_a_pod_to_a_machine_outside_by_calicos_bgp: bgp("pod/client", "udp://203.0.113.2:99").sizes(3000, 3000);
    udp_to_a_service_whose_ttl_ends_at_the_second_node_by_calicos_bgp: bgp("pod/client", "udp://10.96.1.2:53").ttl(2);
    udp_to_a_closed_port_behind_a_service_by_calicos_bgp: bgp("pod/client", "udp://10.96.1.7:53");
    tcp_to_an_endpoint_that_is_gone_from_another_node_by_calicos_bgp: bgp("pod/client", "tcp://10.96.1.9:80");
    ping_from_a_pod_to_nowhere_outside_by_calicos_bgp: bgp("pod/client", "ping://198.51.100.7");
}
