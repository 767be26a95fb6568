//! Services with something broken: objects, rules, and what the connection table remembers.

use super::Case;

cases! {
    http_to_a_service_whose_pods_are_not_ready: Case::new("services", "pod/client", "http://10.96.1.2:80").fault("endpoint-not-ready");
    http_to_a_service_with_a_wrong_target_port: Case::new("services", "pod/client", "http://10.96.1.2:80").fault("wrong-target-port");
    http_from_outside_past_a_node_that_has_no_endpoint: Case::new("services", "host/laptop", "http://172.18.0.2:30081").fault("etp-local-no-endpoint");
    udp_by_stale_rules_to_the_same_node: Case::new("services", "pod/client", "udp://10.96.1.1:53").fault("kube-proxy-stopped");
    udp_by_stale_rules_to_another_node: Case::new("services", "pod/client", "udp://10.96.1.2:53").fault("kube-proxy-stopped");
    udp_by_an_entry_that_outlived_a_pod_of_the_same_node: Case::new("services", "pod/client", "udp://10.96.1.1:53").fault("stale-conntrack");
    udp_by_an_entry_that_outlived_a_pod_of_another_node: Case::new("services", "pod/client", "udp://10.96.1.2:53").fault("stale-conntrack");
}
