//! Sizes against MTUs, and TTLs against ways.

use super::{CALICO_BGP, CALICO_VXLAN, Case, HOST_GW, JUMBO, SMALL_NIC};

const fn ping(to: &'static str, size: usize) -> Case {
    Case::new("two-nodes", "pod/client", to).sizes(size, 0)
}

const fn tcp(set: &'static [(&'static str, &'static str)]) -> Case {
    Case::new("two-nodes", "pod/client", "tcp://10.244.1.2:8080").sizes(20000, 20000).set(set)
}

const NEAR: &str = "ping://10.244.0.3";
const FAR: &str = "ping://10.244.1.2";
const OWN_NODE: &str = "ping://172.18.0.2";
const OTHER_NODE: &str = "ping://172.18.0.3";
const SMALL_NIC_BY_HOST_GW: &[(&str, &str)] = &[("cni.mode", "host-gw"), ("underlay.nodes.node-b.mtu", "1400")];

cases! {
    a_ping_above_the_mtu_on_the_same_node: ping(NEAR, 4000);
    a_ping_above_the_mtu_on_the_same_node_with_df: ping(NEAR, 4000).df();
    a_ping_above_the_mtu_through_vxlan: ping(FAR, 4000);
    a_ping_that_may_not_be_fragmented_and_just_fits: ping(FAR, 1422).df();
    a_ping_above_the_mtu_by_host_gw_with_df: ping(FAR, 1473).df().set(HOST_GW);
    a_ping_that_just_fits_by_host_gw_with_df: ping(FAR, 1472).df().set(HOST_GW);
    a_ping_above_the_mtu_to_the_own_node: ping(OWN_NODE, 4000);
    a_ping_above_the_mtu_to_the_own_node_with_df: ping(OWN_NODE, 4000).df();
    a_ping_above_the_mtu_to_another_node: ping(OTHER_NODE, 4000);
    a_ping_that_just_fits_to_another_node_with_df: ping(OTHER_NODE, 1422).df();
    a_ping_above_the_mtu_on_the_same_node_with_calico: ping(NEAR, 4000).set(CALICO_VXLAN);
    a_ping_above_the_mtu_to_another_node_by_calicos_bgp: ping(OTHER_NODE, 4000).set(CALICO_BGP);
    a_ping_that_just_fits_through_calicos_vxlan_with_df: ping(FAR, 1422).df().set(CALICO_VXLAN);
    a_ping_above_the_mtu_through_calicos_vxlan_with_df: ping(FAR, 1423).df().set(CALICO_VXLAN);
    a_ping_of_a_jumbo_frame: ping(FAR, 8922).df().set(JUMBO);
    a_ping_above_a_jumbo_frame: ping(FAR, 20000).set(JUMBO);
    a_ping_of_twenty_kilobytes: ping(FAR, 20000);
    a_ping_from_a_pod_too_large_for_the_way_out: Case::new("crowd", "pod/shop/client", "ping://203.0.113.2").sizes(4000, 0).set(JUMBO);
    a_ping_from_a_pod_too_large_for_the_way_out_with_df: Case::new("crowd", "pod/shop/client", "ping://203.0.113.2").sizes(4000, 0).df().set(JUMBO);
    tcp_from_a_pod_over_a_way_out_that_is_narrower: Case::new("crowd", "pod/shop/client", "tcp://203.0.113.2:80").sizes(20000, 20000).set(JUMBO);

    a_ping_to_a_node_with_a_smaller_nic_that_fits: ping(FAR, 1322).set(SMALL_NIC);
    a_ping_to_a_node_with_a_smaller_nic_with_df: ping(FAR, 1350).df().set(SMALL_NIC);
    a_ping_in_fragments_to_a_node_with_a_smaller_nic: ping(FAR, 3000).set(SMALL_NIC);
    a_ping_in_the_room_for_a_vlan_tag: ping(FAR, 1326).df().set(SMALL_NIC);
    a_ping_one_above_the_room_for_a_vlan_tag: ping(FAR, 1327).df().set(SMALL_NIC);
    a_ping_to_a_node_with_a_smaller_nic_by_host_gw: ping(FAR, 1400).set(SMALL_NIC_BY_HOST_GW);
    a_ping_to_a_pod_with_a_smaller_link_by_host_gw: ping(FAR, 1375).df().set(SMALL_NIC_BY_HOST_GW);
    tcp_of_twenty_kilobytes_to_a_node_with_a_smaller_nic: tcp(SMALL_NIC);
    tcp_of_twenty_kilobytes_to_a_node_with_a_smaller_nic_by_host_gw: tcp(SMALL_NIC_BY_HOST_GW);
    tcp_of_twenty_kilobytes_with_an_mtu_of_1450: tcp(&[]);
    tcp_of_twenty_kilobytes_with_an_mtu_of_1500: tcp(HOST_GW);
    tcp_of_twenty_kilobytes_with_jumbo_frames: tcp(JUMBO);
    tcp_of_twenty_kilobytes_through_calicos_vxlan: tcp(CALICO_VXLAN);
    tcp_of_twenty_kilobytes_by_calicos_bgp: tcp(CALICO_BGP);

    a_ping_whose_ttl_just_suffices: ping(FAR, 56).ttl(3);
    a_ping_on_one_node_with_a_ttl_of_one: ping(NEAR, 56).ttl(1);
    a_ping_to_the_own_node_with_a_ttl_of_one: ping(OWN_NODE, 56).ttl(1);
    a_ping_to_another_node_whose_ttl_ends: ping(OTHER_NODE, 56).ttl(1);
    a_ping_to_another_node_whose_ttl_just_suffices: ping(OTHER_NODE, 56).ttl(2);
    a_ping_whose_ttl_ends_at_the_first_node_by_host_gw: ping(FAR, 56).ttl(1).set(HOST_GW);
    a_ping_whose_ttl_ends_at_the_second_node_by_host_gw: ping(FAR, 56).ttl(2).set(HOST_GW);
    a_ping_on_one_node_whose_ttl_ends_with_calico: ping(NEAR, 56).ttl(1).set(CALICO_BGP);
    a_ping_whose_ttl_just_suffices_by_calicos_bgp: ping(FAR, 56).ttl(3).set(CALICO_BGP);
    a_large_ping_whose_ttl_ends_at_the_second_node: ping(FAR, 1400).ttl(2);
    a_ping_in_fragments_whose_ttl_ends_at_the_first_node: ping(FAR, 3000).ttl(1);
    a_ping_in_fragments_whose_ttl_ends_at_the_second_node: ping(FAR, 3000).ttl(2);
    udp_whose_ttl_ends_at_the_second_node: Case::new("two-nodes", "pod/client", "udp://10.244.1.2:5353").ttl(2);
    udp_whose_ttl_ends_in_the_fabric: Case::new("crowd", "pod/shop/client", "udp://203.0.113.2:99").ttl(2);
}
