//! Whatever is done to a cluster while it runs: once everybody has heard of it, its machines are as if they had been built
//! from its objects as they are then.

use std::fmt::Write as _;

use kubehop_core::api::{self, Lab, ProxyMode, Run, Severity, Source};
use kubehop_core::lab;
use kubehop_core::net::Topology;
use proptest::prelude::*;

/// What wires the pods.
const CNIS: [(&str, &str); 8] = [
    ("flannel", "vxlan"),
    ("flannel", "host-gw"),
    ("calico", "vxlan"),
    ("calico", "ipip"),
    ("calico", "bgp"),
    ("cilium", "vxlan"),
    ("cilium", "geneve"),
    ("cilium", "native"),
];

/// Everything that can be done in the lab below.
const ACTIONS: [&str; 28] = [
    "delete pod/ingress",
    "create pod/ingress",
    "delete pod/bare",
    "create pod/bare",
    "fail-readiness pod/bare",
    "delete pod/web-0",
    "delete pod/web-1",
    "fail-readiness pod/web-0",
    "fail-readiness pod/default/web-1/web",
    "delete pod/agent-node-1",
    "fail-readiness pod/agent-node-0",
    "delete pod/host-node-0",
    "scale=0 deployment/web",
    "scale=1 deployment/web",
    "scale=3 deployment/web",
    "scale=5 deployment/web",
    "fail-readiness deployment/web",
    "delete deployment/web",
    "create deployment/web",
    "delete daemonset/agent",
    "create daemonset/agent",
    "delete service/web",
    "create service/web",
    "delete service/agent",
    "create service/agent",
    "delete service/headless",
    "create service/local",
    "cordon node/node-1",
];

const CLIENTS: [&str; 4] = ["pod/bare", "pod/web-0", "pod/agent-node-1", "node/node-0"];
const TARGETS: [&str; 5] = [
    "http://10.96.0.16:80",
    "udp://10.96.0.17:80",
    "http://10.244.0.2:8080",
    "ping://10.244.2.2",
    "tcp://172.18.0.3:30000",
];

/// A lab, what is done to it, and when.
#[derive(Clone, Debug)]
struct Case {
    cni: usize,
    proxy: usize,
    actions: Vec<(u32, usize)>,
    seed: u64,
}

fn case() -> impl Strategy<Value = Case> {
    let actions = proptest::collection::vec((0_u32..4000, 0..ACTIONS.len()), 1..9);
    (0..CNIS.len(), 0..ProxyMode::ALL.len(), actions, 0_u64..100).prop_map(|(cni, proxy, actions, seed)| Case {
        cni,
        proxy,
        actions,
        seed,
    })
}

fn yaml(case: &Case) -> String {
    let ((plugin, mode), (proxy, _)) = (CNIS[case.cni], ProxyMode::ALL[case.proxy]);
    let dns = if case.seed % 2 == 0 { ", dns: { nodeLocal: true }" } else { "" };
    let mut text = format!(
        "apiVersion: kubehop.dev/v1\nkind: Lab\nmetadata: {{ name: law }}\nspec: {{ cni: {{ plugin: {plugin}, mode: {mode} }}, kubeProxy: {{ mode: {proxy} }}{dns} }}\n"
    );
    for n in 0..3 {
        let _ = write!(text, "---\napiVersion: v1\nkind: Node\nmetadata: {{ name: node-{n} }}\n");
    }
    let containers = "[{ name: web, ports: [{ containerPort: 8080 }, { containerPort: 8080, protocol: UDP }] }]";
    text += "---\napiVersion: v1\nkind: Pod\nmetadata: { name: ingress, labels: { app.kubernetes.io/name: ingress-nginx } }\nspec: { nodeName: node-0, containers: [{ name: controller, ports: [{ name: http, containerPort: 80 }] }] }\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: web }\nspec: { rules: [{ http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] } }] }\n";
    let _ = write!(
        text,
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{ name: bare, labels: {{ app: web }} }}\nspec: {{ nodeName: node-2, containers: {containers} }}\n"
    );
    for (kind, name, replicas, network) in [
        ("Deployment", "web", "replicas: 2, ", ""),
        ("DaemonSet", "agent", "", ""),
        ("DaemonSet", "host", "", "hostNetwork: true, "),
    ] {
        let _ = write!(
            text,
            "---\napiVersion: apps/v1\nkind: {kind}\nmetadata: {{ name: {name} }}\nspec: {{ {replicas}selector: {{ matchLabels: {{ set: {name} }} }}, template: {{ metadata: {{ labels: {{ app: {name}, set: {name} }} }}, spec: {{ {network}containers: {containers} }} }} }}\n"
        );
    }
    for (name, app, more) in [
        ("web", "web", "type: NodePort, sessionAffinity: ClientIP, "),
        ("agent", "agent", "internalTrafficPolicy: Local, "),
        ("headless", "web", "clusterIP: None, "),
        ("local", "host", "type: LoadBalancer, externalTrafficPolicy: Local, "),
    ] {
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: Service\nmetadata: {{ name: {name} }}\nspec: {{ {more}selector: {{ app: {app} }}, ports: [{{ name: http, port: 80, targetPort: 8080 }}, {{ name: udp, protocol: UDP, port: 80, targetPort: 8080 }}] }}\n"
        );
    }
    text
}

fn parse(case: &Case) -> Lab {
    let parsed = api::parse(&[Source { name: "lab.yaml", text: yaml(case).as_bytes() }], &[]);
    let errors: Vec<_> = parsed.problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    parsed.lab
}

/// Everything that somebody has written, by machine. The order of devices is that of their making, and so is that of
/// their rows.
fn tables(topo: &Topology) -> Vec<String> {
    let commands = [
        "iptables-save",
        "nft list ruleset",
        "ipvsadm-save -n",
        "ipset save",
        "ip route",
        "ip neigh",
        "bridge fdb",
        "cilium bpf ipcache list",
        "cilium bpf lb list",
    ];
    let mut all = Vec::new();
    for ns in topo.namespaces() {
        let id = topo.find(&ns.place).expect("a namespace has a place");
        for command in commands {
            let text = lab::answer(topo, id, &[command]).unwrap_or_default();
            let mut lines: Vec<&str> = text.lines().collect();
            if matches!(command, "bridge fdb" | "ip neigh") {
                lines.sort_unstable();
            }
            all.extend(lines.iter().map(|line| format!("{} {command}: {line}", ns.place)));
        }
        let mut listeners: Vec<String> = ns.sockets.listeners().iter().map(|it| format!("{it:?}")).collect();
        listeners.sort_unstable();
        all.extend(listeners.iter().map(|listener| format!("{} listens: {listener}", ns.place)));
    }
    // Pods are in the order of their making.
    all.sort_by(|a, b| a.split(':').next().cmp(&b.split(':').next()));
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_ends_whatever_is_done_meanwhile(case in case(), from in 0..CLIENTS.len(), to in 0..TARGETS.len()) {
        let lab = parse(&case);
        let actions = case.actions.iter().map(|(at, action)| format!("{} {}", f64::from(*at) / 6.0 - 640.0, ACTIONS[*action]));
        let run = Run { actions: actions.collect(), seed: case.seed, size: 3000, ..Run::new(CLIENTS[from], TARGETS[to]) };
        // A client that is only created meanwhile is not there to begin.
        if let (Ok(one), Ok(other)) = (api::trace(&lab, &run), api::trace(&lab, &run)) {
            api::validate(&one).expect("a trace has its shape");
            prop_assert_eq!(api::to_json(&one), api::to_json(&other));
            prop_assert_eq!(one.to_pcapng(), other.to_pcapng());
        }
    }

    #[test]
    fn after_the_last_event_every_machine_is_as_if_built_from_scratch(case in case()) {
        let lab = parse(&case);
        let actions = case.actions.iter().map(|(at, action)| format!("{at} {}", ACTIONS[*action])).collect();
        // A client that sends nothing to anybody: no kernel learns anything.
        let run = Run { actions, seed: case.seed, ..Run::new("node/node-0", "ping://172.18.0.2") };
        let ended = lab::run_to_end(&lab, &run).expect("a run");
        api::validate(&ended.trace).expect("a trace has its shape");
        let after = ended.lab.expect("something was done");
        let mut topo = ended.topo;
        topo.finish_all();
        let scratch = lab::build(&after, case.seed);
        let (kept, built) = (tables(&topo), tables(&scratch));
        let differs = kept.iter().zip(&built).find(|(kept, built)| kept != built);
        prop_assert!(differs.is_none(), "{:?}", differs);
        prop_assert_eq!(kept.len(), built.len());
    }
}
