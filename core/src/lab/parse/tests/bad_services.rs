//! Services that cannot be as they stand, and endpoints that serve nobody.

use super::{NODE, check_beside_node, parse_one};

/// A service as a document; the first line is its `apiVersion`.
fn service(name: &str, spec: &str) -> String {
    format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n---\n")
}

/// A slice of service `web` as a document of five lines.
fn slice(address_type: &str, endpoints: &str) -> String {
    let meta = "metadata: {name: web-x, labels: {kubernetes.io/service-name: web}}";
    format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n{meta}\naddressType: {address_type}\nendpoints: [{endpoints}]\n---\n"
    )
}

fn web() -> String {
    service("web", "clusterIP: 10.96.0.20, ports: [{port: 80}]")
}

#[test]
fn a_node_port_is_in_its_range() {
    let with = |port: u16| format!("type: NodePort, selector: {{app: web}}, ports: [{{port: 80, nodePort: {port}}}]");
    let problem = |port: u16| {
        format!(
            "4:75: error: nodePort: found {port} for service default/web, expected one in 30000-32767, which the API server gives to services"
        )
    };
    for port in [80, 29_999, 32_768] {
        check_beside_node(&service("web", &with(port)), &[&problem(port)]);
    }
    for port in [30_000, 32_767] {
        check_beside_node(&service("web", &with(port)), &[]);
    }
    let found = parse_one(format!("{NODE}{}", service("web", &with(80)))).lab.objects.services[0].ports[0].node_port;
    assert_eq!(found, Some(30_000), "the rest works: it is given another");
}

#[test]
fn a_health_check_has_a_node_port_too() {
    let text = service(
        "web",
        "type: LoadBalancer, selector: {app: web}, externalTrafficPolicy: Local, healthCheckNodePort: 8000, ports: [{port: 80}]",
    );
    let problem = "4:101: error: nodePort: found 8000 for service default/web, expected one in 30000-32767, which the API server gives to services";
    check_beside_node(&text, &[problem]);
}

#[test]
fn a_service_without_a_selector_needs_somebody_to_name_its_endpoints() {
    let note = "3:18: note: service default/web has no selector, and no EndpointSlice or Endpoints names it: it has no endpoints";
    check_beside_node(&web(), &[note]);
    check_beside_node(&(web() + &slice("IPv4", "")), &[]);
    check_beside_node(&service("web", "type: ExternalName, externalName: example.com"), &[]);
    check_beside_node(&service("kubernetes", "ports: [{port: 443}]"), &[]);
}

#[test]
fn an_endpoint_that_nobody_has_is_noted_and_taken() {
    let outside = "10:13: note: endpoint 10.9.9.9 of service default/web is no address of a node or its pods: packets to it leave the cluster";
    let text = web() + &slice("IPv4", "{addresses: [10.9.9.9]}, {addresses: [10.244.0.7]}, {addresses: [172.18.0.2]}");
    check_beside_node(&text, &[outside]);
    let slices = parse_one(format!("{NODE}{text}")).lab.objects.endpoint_slices;
    assert_eq!(slices[0].endpoints.len(), 3);
    let two = "10:13: note: endpoint 10.9.9.9 of service default/web is no address of a node or its pods (and 1 more): packets to it leave the cluster";
    check_beside_node(&(web() + &slice("IPv4", "{addresses: [10.9.9.9]}, {addresses: [10.9.9.8]}")), &[two]);
    let elsewhere = "10:13: note: an endpoint of service default/web is on node-x, which is no node of this cluster: every node takes it for remote";
    check_beside_node(&(web() + &slice("IPv4", "{addresses: [10.244.0.7], nodeName: node-x}")), &[elsewhere]);
}

#[test]
fn a_slice_is_of_one_family() {
    let wrong = |ip: &str, family: &str| {
        format!(
            "10:25: error: address: found {ip} in EndpointSlice default/web-x, expected an {family} address: that is its addressType"
        )
    };
    check_beside_node(&(web() + &slice("IPv4", "{addresses: [fd00::5]}")), &[&wrong("fd00::5", "IPv4")]);
    let other = "9:14: note: EndpointSlice default/web-x has addressType IPv6: it is no use to service default/web, which is IPv4";
    check_beside_node(&(web() + &slice("IPv6", "{addresses: [fd00::5]}")), &[other]);
    let text = web() + &slice("IPv6", "{addresses: [10.244.0.7]}");
    check_beside_node(&text, &[other, &wrong("10.244.0.7", "IPv6")]);
    assert_eq!(parse_one(format!("{NODE}{text}")).lab.objects.endpoint_slices[0].endpoints, []);
    // Of a service of both families each has its slice.
    let both = web() + &slice("IPv6", "{addresses: [fd00::5]}").replace("web-x", "web-y") + &slice("IPv4", "");
    check_beside_node(&both, &[]);
}
