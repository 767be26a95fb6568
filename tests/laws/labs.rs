//! Labs and runs to try the laws on.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kubehop_core::api::{self, Lab, Run, Scene, Severity, Source};
use proptest::prelude::*;

/// A lab and a run in it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    yaml: String,
    pub run: Run,
    /// Whether the run must come off: the target exists and listens.
    pub reachable: bool,
    /// Whether the target is a pod's own address.
    pub direct: bool,
}

/// What wires the pods, and whether the fabric carries their addresses as they are.
const MODES: [(&str, &str, bool); 8] = [
    ("flannel", "vxlan", false),
    ("flannel", "host-gw", true),
    ("calico", "vxlan", false),
    ("calico", "ipip", false),
    ("calico", "bgp", true),
    ("cilium", "vxlan", false),
    ("cilium", "geneve", false),
    ("cilium", "native", true),
];

/// Who translates services.
const PROXIES: [&str; 3] = ["none", "iptables", "ipvs"];

/// Two to four nodes in one or several subnets, pods on all of them, any mode, any pair of talkers, any size; directly, by
/// a service's address, or by a node's port.
pub(crate) fn case() -> impl Strategy<Value = Case> {
    let mtus = prop_oneof![Just(1500_usize), Just(9000), Just(1400)];
    let shape = (2_usize..5, any::<bool>(), 0..MODES.len(), 0..PROXIES.len(), mtus);
    let talk = (0_usize..6, 0_usize..4, 0_usize..8, 0_usize..4, 0_usize..3000, 0_usize..3000, any::<u64>());
    let way = (0_usize..4, 0_usize..4);
    (shape, talk, way).prop_map(|((n_nodes, routed, mode, proxy, mtu), talk, (way, entry))| {
        let (from, server, port, scheme, size, reply_size, seed) = talk;
        let (server, client_node, entry) = (server % n_nodes, from % n_nodes, entry % n_nodes);
        let translates = scheme > 0 && PROXIES[proxy] != "none";
        let (by_service, by_port) = (translates && way == 2, translates && way == 3);
        let from = match from {
            4 => format!("node/node-{client_node}"),
            5 if by_port => "host/laptop".to_owned(),
            _ => format!("pod/client-{client_node}"),
        };
        // Port 8080 listens; the others are closed.
        let open = port < 6;
        let port = if open { 8080 } else { 9090 };
        let (address, port) = match () {
            () if by_service => (format!("10.96.2.{}", server + 1), port),
            () if by_port => (node_address(entry, routed), server + if open { 30100 } else { 30200 }),
            () => (format!("10.244.{server}.2"), port),
        };
        let to = match scheme {
            0 => format!("ping://{address}"),
            1 => format!("udp://{address}:{port}"),
            2 => format!("tcp://{address}:{port}"),
            _ => format!("http://{address}:{port}/a"),
        };
        let run = Run { size, reply_size, seed: seed % 1000, ..Run::new(&from, &to) };
        let is_split = MODES[mode].2 && routed;
        let has_route = !is_split || (client_node == server && !by_port);
        let listens = scheme == 0 || open;
        let direct = !by_service && !by_port;
        // Who sends to a service takes the MTU from the way to its address; a datagram may be too large for the real way.
        // So may an answer to a machine outside, whose NIC is smaller than the nodes'.
        let fits = (direct || scheme != 1 || size <= 1200)
            && (from != "host/laptop" || scheme > 1 || reply_size.max(size) <= 1400);
        let yaml = yaml(n_nodes, routed, mode, PROXIES[proxy], mtu);
        Case { yaml, run, reachable: has_route && listens && fits, direct }
    })
}

fn node_address(n: usize, routed: bool) -> String {
    format!("172.{}.0.{}", if routed { 18 + n } else { 18 }, n + 2)
}

fn yaml(n_nodes: usize, routed: bool, mode: usize, proxy: &str, mtu: usize) -> String {
    let (plugin, mode, _) = MODES[mode];
    let mut text = format!(
        "apiVersion: kubehop.dev/v1\nkind: Lab\nmetadata: {{ name: law }}\nspec:\n  cni: {{ plugin: {plugin}, mode: {mode} }}\n  kubeProxy: {{ mode: {proxy} }}\n  underlay: {{ mtu: {mtu} }}\n  hosts: [{{ name: laptop, address: 203.0.113.2/24 }}]\n"
    );
    for n in 0..n_nodes {
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: Node\nmetadata: {{ name: node-{n} }}\nspec: {{ podCIDR: 10.244.{n}.0/24 }}\nstatus: {{ addresses: [{{ type: InternalIP, address: {} }}] }}\n",
            node_address(n, routed)
        );
        for (name, port) in [
            ("server", "ports: [{ containerPort: 8080 }, { containerPort: 8080, protocol: UDP }]"),
            ("client", "ports: []"),
        ] {
            let _ = write!(
                text,
                "---\napiVersion: v1\nkind: Pod\nmetadata: {{ name: {name}-{n}, labels: {{ app: {name}-{n} }} }}\nspec:\n  nodeName: node-{n}\n  containers: [{{ name: main, image: x, {port} }}]\n"
            );
        }
        let port = |protocol: &str, port: usize, node_port: usize| {
            let name = format!("{}-{port}", protocol.to_lowercase());
            format!("{{ name: {name}, protocol: {protocol}, port: {port}, nodePort: {} }}", node_port + n)
        };
        let ports = ["TCP", "UDP"].iter().flat_map(|it| [port(it, 8080, 30100), port(it, 9090, 30200)]);
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: Service\nmetadata: {{ name: service-{n} }}\nspec:\n  type: NodePort\n  clusterIP: 10.96.2.{}\n  selector: {{ app: server-{n} }}\n  ports: [{}]\n",
            n + 1,
            ports.collect::<Vec<_>>().join(", ")
        );
    }
    text
}

/// The lab of a case.
pub(crate) fn lab_of(case: &Case) -> Lab {
    parse(&case.yaml)
}

/// The small example.
pub(crate) fn example() -> Lab {
    parse(include_str!("../../examples/two-nodes.yaml"))
}

fn parse(yaml: &str) -> Lab {
    let parsed = api::parse(&[Source { name: "lab.yaml", text: yaml.as_bytes() }], &[]);
    let errors: Vec<_> = parsed.problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    parsed.lab
}

/// The MTU of every device, by `REF:DEVICE`.
pub(crate) fn mtus(scene: &Scene) -> BTreeMap<String, usize> {
    let machines = scene.nodes.iter().chain(&scene.hosts);
    let mut mtus = BTreeMap::new();
    for machine in machines {
        for device in &machine.devices {
            mtus.insert(format!("{}:{}", machine.reference, device.name), device.mtu);
        }
        for pod in &machine.pods {
            for device in &pod.devices {
                mtus.insert(format!("{}:{}", pod.reference, device.name), device.mtu);
            }
        }
    }
    for device in &scene.router {
        mtus.insert(format!("router/fabric:{}", device.name), device.mtu);
    }
    mtus
}
