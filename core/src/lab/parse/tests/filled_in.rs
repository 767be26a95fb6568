//! What a real cluster would fill in, from files to a whole lab.

use super::parse_one;
use crate::k8s::objects::Objects;

const WEB: &str = "
apiVersion: v1
kind: Node
metadata: {name: node-a}
---
apiVersion: v1
kind: Node
metadata: {name: node-b}
status: {addresses: [{type: InternalIP, address: 172.18.0.2}]}
---
apiVersion: v1
kind: Pod
metadata: {name: first}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: other, labels: {app: web}}
spec: {nodeName: node-a, containers: [{name: web, ports: [{name: http, containerPort: 9090}]}]}
status: {podIP: 10.244.0.3}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template: {metadata: {labels: {app: agent}}, spec: {hostNetwork: true}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: web}
subsets: [{addresses: [{ip: 1.2.3.4}], ports: [{port: 1}]}]
---
apiVersion: v1
kind: Service
metadata: {name: outside}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: outside}
subsets: [{addresses: [{ip: 203.0.113.9}], notReadyAddresses: [{ip: 203.0.113.10}], ports: [{port: 8080}]}]
";

fn web() -> Objects {
    let parsed = parse_one(WEB);
    assert!(
        parsed.problems.iter().all(|it| it.text.contains("packets to it leave the cluster")),
        "{:?}",
        parsed.problems
    );
    parsed.lab.objects
}

#[test]
fn nodes_get_the_lowest_free_addresses_and_networks() {
    let nodes: Vec<String> = web()
        .nodes
        .iter()
        .map(|node| format!("{} {} {}", node.meta.name, node.addresses[0], node.pod_cidr.expect("a podCIDR")))
        .collect();
    assert_eq!(nodes, ["node-a 172.18.0.3 10.244.0.0/24", "node-b 172.18.0.2 10.244.1.0/24"]);
}

#[test]
fn pods_are_created_scheduled_and_addressed_in_file_order() {
    let line = |pod: &crate::k8s::objects::Pod| {
        format!("{} {} {}", pod.meta.name, pod.node_name, pod.pod_ip.map(|ip| ip.to_string()).unwrap_or_default())
    };
    let pods: Vec<String> = web().pods.iter().map(line).collect();
    // One of the three replicas stands in the file; its address is skipped on its node.
    let expected = [
        "first node-a 10.244.0.2",
        "web-0 node-b 10.244.1.2",
        "web-1 node-a 10.244.0.4",
        "other node-a 10.244.0.3",
        "agent-node-a node-a 172.18.0.3",
        "agent-node-b node-b 172.18.0.2",
    ];
    assert_eq!(pods, expected);
}

#[test]
fn services_get_addresses_ports_and_slices() {
    let objects = web();
    let web = &objects.services[0];
    assert_eq!(web.cluster_ip.map(|ip| ip.to_string()).as_deref(), Some("10.96.0.16"));
    assert_eq!(web.ports[0].node_port, Some(30_000));
    let slices: Vec<String> = objects
        .endpoint_slices
        .iter()
        .map(|slice| {
            let addresses: Vec<String> = slice
                .endpoints
                .iter()
                .map(|endpoint| format!("{}{}", endpoint.addresses[0], if endpoint.ready { "" } else { "!" }))
                .collect();
            format!("{} {} {}", slice.service_name, slice.ports[0].port, addresses.join(" "))
        })
        .collect();
    // Endpoints count only where the service has no selector; a named port is another number in another pod.
    assert_eq!(
        slices,
        ["outside 8080 203.0.113.9 203.0.113.10!", "web 8080 10.244.1.2 10.244.0.4", "web 9090 10.244.0.3"]
    );
}

#[test]
fn a_stated_slice_is_taken_as_it_is() {
    let slice = "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-abc, labels: {kubernetes.io/service-name: web}}\naddressType: IPv4\nendpoints: [{addresses: [10.9.9.9], conditions: {ready: null}}]\nports: [{port: 7}]\n";
    let parsed = parse_one(format!("{WEB}{slice}"));
    assert!(
        parsed.problems.iter().all(|it| it.text.contains("packets to it leave the cluster")),
        "{:?}",
        parsed.problems
    );
    let slices: Vec<_> =
        parsed.lab.objects.endpoint_slices.iter().filter(|slice| slice.service_name == "web").collect();
    assert_eq!(slices.len(), 1);
    assert_eq!(slices[0].endpoints[0].addresses[0].to_string(), "10.9.9.9");
    assert!(slices[0].endpoints[0].ready);
}

#[test]
fn a_pod_without_status_is_ready_and_its_sidecars_run() {
    let text = format!(
        "{}apiVersion: v1\nkind: Pod\nmetadata: {{name: duo}}\nspec:\n  containers: [{{name: main}}]\n  initContainers: [{{name: setup}}, {{name: side, restartPolicy: Always}}]\n",
        super::NODE
    );
    let pod = &parse_one(text).lab.objects.pods[0];
    assert!(pod.ready && !pod.terminating && !pod.finished);
    let names: Vec<&str> = pod.containers.iter().map(|container| container.name.as_str()).collect();
    assert_eq!(names, ["main", "side"]);
}

#[test]
fn an_ingress_is_flattened() {
    let rules = "spec:\n  defaultBackend: {service: {name: all, port: {number: 80}}}\n  rules:\n  - host: shop.example\n    http: {paths: [{path: /cart, pathType: Prefix, backend: {service: {name: cart, port: {name: http}}}}]}\n";
    let text =
        format!("{}apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: shop}}\n{rules}", super::NODE);
    let ingress = &parse_one(text).lab.objects.ingresses[0];
    let rules: Vec<(&str, &str, &str)> = ingress
        .rules
        .iter()
        .map(|rule| (rule.host.as_str(), rule.path.as_str(), rule.backend.service.as_str()))
        .collect();
    assert_eq!(rules, [("shop.example", "/cart", "cart")]);
    assert_eq!(ingress.default_backend.as_ref().map(|backend| backend.service.as_str()), Some("all"));
}
