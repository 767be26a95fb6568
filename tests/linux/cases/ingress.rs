//! Two connections in one walk: the client's to an ingress controller, and the controller's to an endpoint.

use super::{CALICO_VXLAN, Case};

const fn outside(to: &'static str) -> Case {
    Case::new("ingress", "host/laptop", to)
}

cases! {
    http_to_an_ingress_by_the_controllers_node: outside("http://192.0.2.1/far").via("node/node-a");
    http_to_an_ingress_by_another_node: outside("http://192.0.2.1/far").via("node/node-b");
    http_to_an_ingress_whose_endpoint_is_near: outside("http://192.0.2.1/near").via("node/node-a");
    http_to_an_ingress_with_calico: outside("http://192.0.2.1/far").via("node/node-b").set(CALICO_VXLAN);
    http_from_the_endpoint_itself_to_an_ingress: Case::new("ingress", "pod/far", "http://10.96.1.1/far");
    http_to_an_ingress_in_large_messages: outside("http://192.0.2.1/far").via("node/node-a").sizes(5000, 20000);
    http_to_an_ingress_that_has_no_such_path: outside("http://192.0.2.1/nothing").via("node/node-a");
    http_to_an_ingress_whose_endpoint_refuses: outside("http://192.0.2.1/closed").via("node/node-a");
}
