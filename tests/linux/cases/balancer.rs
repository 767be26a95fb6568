//! Service addresses that a balancer hands to a node, and the port where it asks whether it should.

use super::Case;

const A: &str = "node/node-a";
const B: &str = "node/node-b";

const fn outside(to: &'static str) -> Case {
    Case::new("balancer", "host/laptop", to)
}

const fn stranger(to: &'static str) -> Case {
    Case::new("balancer", "host/stranger", to)
}

const fn health_check(to: &'static str) -> Case {
    Case::new("balancer", "router/fabric", to)
}

cases! {
    http_to_a_balanced_address_by_a_node_without_the_endpoint: outside("http://192.0.2.1").via(A);
    http_to_a_balanced_address_by_the_endpoints_node: outside("http://192.0.2.1").via(B);
    udp_to_a_balanced_address_by_a_node_without_the_endpoint: outside("udp://192.0.2.1:53").via(A);
    http_to_a_local_balanced_address_by_the_balancers_choice: outside("http://192.0.2.2");
    http_to_a_local_balanced_address_by_the_wrong_node: outside("http://192.0.2.2").via(A);
    http_to_an_external_address_by_a_node_without_the_endpoint: outside("http://192.0.2.11").via(A);
    http_to_a_local_external_address_by_the_endpoints_node: outside("http://192.0.2.12").via(B);
    http_to_a_balanced_address_of_the_clients_own_network: outside("http://203.0.113.100").via(A);
    http_to_a_balanced_address_that_is_for_others: stranger("http://203.0.113.100").via(B);
    http_to_a_balanced_address_without_a_healthy_node: outside("http://192.0.2.4");
    http_to_a_balanced_address_without_endpoints_by_a_node: outside("http://192.0.2.4").via(A);
    a_health_check_of_a_node_with_an_endpoint: health_check("http://172.18.0.3:32000/healthz");
    a_health_check_of_a_node_without_an_endpoint: health_check("http://172.18.0.2:32000/healthz");
}
