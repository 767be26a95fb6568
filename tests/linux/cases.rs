//! The runs that are judged.

use kubehop_core::api::Run;

/// One run in one lab.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// `labs/LAB.yaml`.
    pub(crate) lab: &'static str,
    from: &'static str,
    to: &'static str,
    size: usize,
    reply_size: usize,
    df: bool,
    ttl: Option<u8>,
    /// Changes of the lab, as `--set` takes them.
    pub(crate) set: &'static [(&'static str, &'static str)],
}

impl Case {
    pub(crate) const fn new(lab: &'static str, from: &'static str, to: &'static str) -> Self {
        Self { lab, from, to, size: 100, reply_size: 100, df: false, ttl: None, set: &[] }
    }

    pub(crate) const fn sizes(self, size: usize, reply_size: usize) -> Self {
        Self { size, reply_size, ..self }
    }

    pub(crate) const fn set(self, set: &'static [(&'static str, &'static str)]) -> Self {
        Self { set, ..self }
    }

    pub(crate) const fn df(self) -> Self {
        Self { df: true, ..self }
    }

    pub(crate) const fn ttl(self, ttl: u8) -> Self {
        Self { ttl: Some(ttl), ..self }
    }

    pub(crate) fn run(&self) -> Run {
        Run { size: self.size, reply_size: self.reply_size, df: self.df, ttl: self.ttl, ..Run::new(self.from, self.to) }
    }
}

const HOST_GW: &[(&str, &str)] = &[("cni.mode", "host-gw")];
const CALICO_VXLAN: &[(&str, &str)] = &[("cni.plugin", "calico"), ("cni.mode", "vxlan")];
const CALICO_BGP: &[(&str, &str)] = &[("cni.plugin", "calico"), ("cni.mode", "bgp")];
const SMALL_NIC: &[(&str, &str)] = &[("underlay.nodes.node-b.mtu", "1400")];
const JUMBO: &[(&str, &str)] = &[("underlay.mtu", "9000")];
const STRICT: &[(&str, &str)] = &[
    ("sysctl.node/node-b.net.ipv4.conf.all.rp_filter", "1"),
    ("sysctl.node/node-b.net.ipv4.conf.default.rp_filter", "1"),
];
const NO_FORWARDING: &[(&str, &str)] = &[("sysctl.node/node-a.net.ipv4.ip_forward", "0")];
const ONE_WAY: &[(&str, &str)] = &[("sysctl.router/fabric.net.ipv4.conf.eth1.forwarding", "0")];
const SHORT_LIVED: &[(&str, &str)] = &[("sysctl.pod/default/client.net.ipv4.ip_default_ttl", "2")];

/// Makes a test of each case, and the table of all.
macro_rules! cases {
    ($($name:ident: $case:expr;)*) => {
        /// All cases by name.
        pub(crate) const CASES: &[(&str, Case)] = &[$((stringify!($name), $case)),*];

        $(#[test]
        fn $name() {
            crate::judge(stringify!($name), &$case);
        })*
    };
}

cases! {
    http_to_a_pod_of_the_same_node: Case::new("two-nodes", "pod/client", "http://10.244.0.3:8080");
    ping_to_a_pod_of_the_same_node: Case::new("two-nodes", "pod/client", "ping://10.244.0.3");
    udp_to_a_pod_of_the_same_node: Case::new("two-nodes", "pod/client", "udp://10.244.0.3:5353");
    http_to_a_pod_of_another_node_through_vxlan: Case::new("two-nodes", "pod/client", "http://10.244.1.2:8080");
    ping_to_a_pod_of_another_node_through_vxlan: Case::new("two-nodes", "pod/client", "ping://10.244.1.2");
    udp_to_a_pod_of_another_node_through_vxlan: Case::new("two-nodes", "pod/client", "udp://10.244.1.2:5353");
    http_to_a_pod_of_another_node_by_host_gw: Case::new("two-nodes", "pod/client", "http://10.244.1.2:8080").set(HOST_GW);
    ping_to_a_pod_of_another_node_by_host_gw: Case::new("two-nodes", "pod/client", "ping://10.244.1.2").set(HOST_GW);
    udp_to_a_pod_of_another_node_by_host_gw: Case::new("two-nodes", "pod/client", "udp://10.244.1.2:5353").set(HOST_GW);
    http_from_a_node_to_its_own_pod: Case::new("two-nodes", "node/node-a", "http://10.244.0.3:8080");
    http_from_a_node_to_a_far_pod_through_vxlan: Case::new("two-nodes", "node/node-a", "http://10.244.1.2:8080");
    http_from_a_node_to_a_far_pod_by_host_gw: Case::new("two-nodes", "node/node-a", "http://10.244.1.2:8080").set(HOST_GW);
    ping_from_a_pod_to_its_own_node: Case::new("two-nodes", "pod/client", "ping://172.18.0.2");
    ping_from_a_pod_to_its_gateway: Case::new("two-nodes", "pod/client", "ping://10.244.0.1");
    ping_from_a_node_to_another_node: Case::new("two-nodes", "node/node-a", "ping://172.18.0.3");
    http_between_two_containers_of_a_pod: Case::new("two-nodes", "pod/default/client/main", "http://127.0.0.1:9090");
    http_from_a_pod_to_its_own_address: Case::new("two-nodes", "pod/client", "http://10.244.0.2:9090");
    a_large_ping_that_just_fits: Case::new("two-nodes", "pod/client", "ping://10.244.1.2").sizes(1422, 0);
    a_ping_that_may_not_be_fragmented_and_is_too_large: Case::new("two-nodes", "pod/client", "ping://10.244.1.2").sizes(1423, 0).df();
    tcp_to_a_port_that_nobody_listens_on: Case::new("two-nodes", "pod/client", "tcp://10.244.1.2:81");
    tcp_to_a_closed_port_of_the_own_pod: Case::new("two-nodes", "pod/client", "tcp://127.0.0.1:81");
    ten_kilobytes_by_tcp_through_vxlan: Case::new("two-nodes", "pod/client", "tcp://10.244.1.2:8080").sizes(10000, 5000);
    ten_kilobytes_by_tcp_by_host_gw: Case::new("two-nodes", "pod/client", "tcp://10.244.1.2:8080").sizes(10000, 5000).set(HOST_GW);
    ten_kilobytes_by_tcp_over_jumbo_frames: Case::new("two-nodes", "pod/client", "tcp://10.244.1.2:8080").sizes(10000, 5000).set(JUMBO);
    thirty_kilobytes_by_tcp_through_vxlan: Case::new("two-nodes", "pod/client", "tcp://10.244.1.2:8080").sizes(30000, 30000);
    sixty_four_kilobytes_by_tcp_through_vxlan: Case::new("two-nodes", "pod/client", "tcp://10.244.1.2:8080").sizes(64000, 64000);
    sixty_four_kilobytes_by_tcp_over_jumbo_frames: Case::new("two-nodes", "pod/client", "tcp://10.244.1.2:8080").sizes(64000, 64000).set(JUMBO);
    sixty_kilobytes_by_tcp_between_two_containers: Case::new("two-nodes", "pod/default/client/main", "tcp://127.0.0.1:9090").sizes(60000, 60000);
    http_past_bystanders: Case::new("crowd", "pod/shop/client", "http://10.244.1.2:8080");
    http_to_a_bystander: Case::new("crowd", "pod/shop/client", "http://10.244.0.3:8080");
    udp_past_bystanders: Case::new("crowd", "pod/shop/client", "udp://10.244.1.2:53");
    http_to_a_pod_on_its_nodes_network: Case::new("crowd", "node/node-a", "http://172.18.0.4:9100");
    ping_from_outside_to_a_node: Case::new("crowd", "host/laptop", "ping://172.18.0.2");
    http_from_a_node_to_a_machine_outside: Case::new("crowd", "node/node-a", "http://203.0.113.2:8000");
    http_between_subnets_through_vxlan: Case::new("subnets", "pod/client", "http://10.244.1.2:8080");
    ping_between_subnets_through_vxlan: Case::new("subnets", "pod/client", "ping://10.244.1.2");
    udp_between_subnets_through_vxlan: Case::new("subnets", "pod/client", "udp://10.244.1.2:5353");
    ping_from_a_node_to_a_node_of_another_subnet: Case::new("subnets", "node/node-a", "ping://172.18.1.2");
    ping_from_a_pod_to_another_node: Case::new("two-nodes", "pod/client", "ping://172.18.0.3");
    a_strict_filter_that_would_answer_by_the_same_device: Case::new("two-nodes", "pod/client", "http://10.244.1.2:8080").set(STRICT);
    a_node_that_does_not_forward: Case::new("two-nodes", "pod/client", "ping://10.244.1.2").set(NO_FORWARDING);
    a_node_that_does_not_forward_bridges_all_the_same: Case::new("two-nodes", "pod/client", "ping://10.244.0.3").set(NO_FORWARDING);
    a_router_that_does_not_forward_what_comes_in_by_one_device: Case::new("subnets", "node/node-a", "ping://172.18.1.2").set(ONE_WAY);
    a_pod_whose_packets_do_not_live_long: Case::new("two-nodes", "pod/client", "ping://10.244.1.2").set(SHORT_LIVED);

    a_ping_in_fragments_to_a_pod_of_the_same_node: Case::new("two-nodes", "pod/client", "ping://10.244.0.3").sizes(2000, 0);
    a_ping_in_fragments_through_vxlan: Case::new("two-nodes", "pod/client", "ping://10.244.1.2").sizes(2000, 0);
    a_ping_in_fragments_by_host_gw: Case::new("two-nodes", "pod/client", "ping://10.244.1.2").sizes(4000, 0).set(HOST_GW);
    a_ping_in_fragments_from_a_node_to_its_own_pod: Case::new("two-nodes", "node/node-a", "ping://10.244.0.3").sizes(2000, 0);
    a_ping_in_fragments_from_a_pod_to_its_own_node: Case::new("two-nodes", "pod/client", "ping://172.18.0.2").sizes(2000, 0);
    a_ping_in_fragments_from_a_node_to_a_far_pod: Case::new("two-nodes", "node/node-a", "ping://10.244.1.2").sizes(2000, 0);
    a_ping_in_fragments_between_subnets: Case::new("subnets", "pod/client", "ping://10.244.1.2").sizes(2000, 0);
    udp_in_fragments_to_a_pod_of_the_same_node: Case::new("two-nodes", "pod/client", "udp://10.244.0.3:5353").sizes(100, 3000);
    udp_in_fragments_through_vxlan: Case::new("two-nodes", "pod/client", "udp://10.244.1.2:5353").sizes(4000, 1423);
    udp_to_a_port_that_nobody_listens_on: Case::new("two-nodes", "pod/client", "udp://10.244.1.2:54");
    udp_to_a_closed_port_of_the_own_pod: Case::new("two-nodes", "pod/client", "udp://127.0.0.1:54");
    udp_to_a_closed_port_of_the_own_node: Case::new("two-nodes", "pod/client", "udp://10.244.0.1:54").sizes(1000, 0);
    a_ping_whose_ttl_ends_at_the_first_node: Case::new("two-nodes", "pod/client", "ping://10.244.1.2").ttl(1);
    a_ping_whose_ttl_ends_at_the_second_node: Case::new("two-nodes", "pod/client", "ping://10.244.1.2").ttl(2);
    a_ping_whose_ttl_ends_in_the_fabric: Case::new("subnets", "node/node-a", "ping://172.18.1.2").ttl(1);
    a_ping_to_nobody_on_the_same_node: Case::new("two-nodes", "pod/client", "ping://10.244.0.99");
    a_ping_to_nobody_on_another_node: Case::new("two-nodes", "pod/client", "ping://10.244.1.99");
    a_ping_to_nobody_on_a_bridge_without_ports: Case::new("crowd", "node/node-c", "ping://10.244.2.99");
    a_ping_to_nobody_among_the_nodes: Case::new("two-nodes", "node/node-a", "ping://172.18.0.99");
    a_ping_to_nowhere_in_the_fabric: Case::new("two-nodes", "node/node-a", "ping://198.51.100.1");
    a_ping_too_large_for_the_way_out: Case::new("crowd", "node/node-a", "ping://203.0.113.2").sizes(4000, 0).set(JUMBO);
    udp_too_large_for_the_way_out: Case::new("crowd", "node/node-a", "udp://203.0.113.2:7").sizes(4000, 0).set(JUMBO);
    tcp_over_a_way_out_that_is_narrower: Case::new("crowd", "node/node-a", "tcp://203.0.113.2:7").sizes(4000, 4000).set(JUMBO);
    twenty_kilobytes_by_tcp_over_a_way_out_that_is_narrower: Case::new("crowd", "node/node-a", "tcp://203.0.113.2:7").sizes(20000, 20000).set(JUMBO);
    tcp_to_nowhere_in_the_fabric: Case::new("two-nodes", "node/node-a", "tcp://198.51.100.1:80");
    a_ping_to_a_node_with_a_smaller_nic: Case::new("two-nodes", "pod/client", "ping://10.244.1.2").sizes(1400, 0).set(SMALL_NIC);
    http_through_calicos_vxlan: Case::new("two-nodes", "pod/client", "http://10.244.1.2:8080").set(CALICO_VXLAN);
    http_by_calicos_bgp: Case::new("two-nodes", "pod/client", "http://10.244.1.2:8080").set(CALICO_BGP);
    http_to_a_pod_of_the_same_node_with_calico: Case::new("two-nodes", "pod/client", "http://10.244.0.3:8080").set(CALICO_VXLAN);
    udp_to_a_pod_of_the_same_node_with_calico: Case::new("two-nodes", "pod/client", "udp://10.244.0.3:5353").set(CALICO_BGP);
    http_from_a_node_to_its_own_pod_with_calico: Case::new("two-nodes", "node/node-a", "http://10.244.0.3:8080").set(CALICO_VXLAN);
    http_from_a_node_to_a_far_pod_through_calicos_vxlan: Case::new("two-nodes", "node/node-a", "http://10.244.1.2:8080").set(CALICO_VXLAN);
    http_from_a_node_to_a_far_pod_by_calicos_bgp: Case::new("two-nodes", "node/node-a", "http://10.244.1.2:8080").set(CALICO_BGP);
    ping_from_a_pod_to_its_own_node_with_calico: Case::new("two-nodes", "pod/client", "ping://172.18.0.2").set(CALICO_VXLAN);
    a_ping_to_the_gateway_that_no_device_has: Case::new("two-nodes", "pod/client", "ping://169.254.1.1").set(CALICO_BGP);
    a_ping_whose_ttl_ends_at_the_first_node_with_calico: Case::new("two-nodes", "pod/client", "ping://10.244.1.2").ttl(1).set(CALICO_VXLAN);
    a_ping_whose_ttl_ends_at_the_second_node_with_calicos_vxlan: Case::new("two-nodes", "pod/client", "ping://10.244.1.2").ttl(2).set(CALICO_VXLAN);
    a_ping_whose_ttl_ends_at_the_second_node_with_calicos_bgp: Case::new("two-nodes", "pod/client", "ping://10.244.1.2").ttl(2).set(CALICO_BGP);
    a_ping_in_fragments_through_calicos_vxlan: Case::new("two-nodes", "pod/client", "ping://10.244.1.2").sizes(2000, 0).set(CALICO_VXLAN);
    a_ping_in_fragments_by_calicos_bgp: Case::new("two-nodes", "pod/client", "ping://10.244.1.2").sizes(4000, 0).set(CALICO_BGP);
    a_ping_to_nobody_in_the_own_block: Case::new("two-nodes", "pod/client", "ping://10.244.0.99").set(CALICO_BGP);
    a_ping_to_nobody_in_another_block: Case::new("two-nodes", "pod/client", "ping://10.244.1.99").set(CALICO_VXLAN);
    ten_kilobytes_by_tcp_through_calicos_vxlan: Case::new("two-nodes", "pod/client", "tcp://10.244.1.2:8080").sizes(10000, 5000).set(CALICO_VXLAN);
    http_between_subnets_through_calicos_vxlan: Case::new("subnets", "pod/client", "http://10.244.1.2:8080").set(CALICO_VXLAN);
    tcp_to_a_node_with_a_smaller_nic: Case::new("two-nodes", "pod/client", "tcp://10.244.1.2:8080").sizes(5000, 5000).set(SMALL_NIC);
}
