//! Single chains: kubernetes/kubernetes, pkg/proxy/iptables/proxier_test.go, about v1.33, Apache-2.0, restated.

use kubehop_core::k8s::kube_proxy::iptables::Written;
use kubehop_core::k8s::kube_proxy::service_ports;
use kubehop_core::net::NetNs;
use kubehop_core::netfilter::TableName;

use super::cluster::{Cluster, node, read};

fn chain(ns: &NetNs, table: TableName, name: &str) -> Vec<String> {
    let chain = ns.netfilter.table(table).chain(name);
    chain.map(|chain| chain.rules().iter().map(ToString::to_string).collect()).unwrap_or_default()
}

/// One service, with its endpoints.
fn cluster(service: &str, endpoints: &str) -> Cluster {
    let text = format!(
        "- table: one\n  services: [{{ name: ns1/svc1, clusterIP: 172.30.1.1, {service} }}]\n  slices: [{{ service: ns1/svc1, ports: [p80 TCP 80], endpoints: [{endpoints}] }}]\n"
    );
    read(&text).remove(0)
}

fn synced(cluster: &Cluster, mut ns: NetNs) -> NetNs {
    cluster.sync(&mut Written::default(), &mut ns, &service_ports(&cluster.objects()));
    ns
}

/// TestDropInvalidRule, without its counter.
#[test]
fn invalid_packets_are_dropped_unless_the_kernel_is_liberal() {
    let cluster = cluster("type: ClusterIP, ports: [p80 TCP 80]", "");
    let drop = "-m conntrack --ctstate INVALID -j DROP";
    let others = [
        "-m comment --comment \"kubernetes forwarding rules\" -m mark --mark 0x4000/0x4000 -j ACCEPT",
        "-m comment --comment \"kubernetes forwarding conntrack rule\" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ];
    let plain = synced(&cluster, node());
    assert_eq!(chain(&plain, TableName::Filter, "KUBE-FORWARD"), [&[drop], &others[..]].concat());
    let mut liberal = node();
    liberal.sysctls.nf_conntrack_tcp_be_liberal = true;
    assert_eq!(chain(&synced(&cluster, liberal), TableName::Filter, "KUBE-FORWARD"), others);
}

/// TestMasqueradeRule, where the kernel knows `--random-fully`; the words are those of `iptables-save`.
#[test]
fn what_is_marked_is_masqueraded_once() {
    let ns = synced(&cluster("type: ClusterIP, ports: [p80 TCP 80]", ""), node());
    let expected = [
        "-m mark ! --mark 0x4000/0x4000 -j RETURN",
        "-j MARK --set-xmark 0x4000/0x0",
        "-m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully",
    ];
    assert_eq!(chain(&ns, TableName::Nat, "KUBE-POSTROUTING"), expected);
}

/// TestLoadBalancerIngressRouteTypeProxy with its gate on, as it is since 1.32; `ipMode: Proxy` is read by the parser (see
/// labs.rs).
#[test]
fn the_address_of_a_balancer_has_a_rule() {
    let service = "type: LoadBalancer, loadBalancer: [1.2.3.5], ports: [p80 TCP 80 3001]";
    let rules = chain(&synced(&cluster(service, "10.180.0.1"), node()), TableName::Nat, "KUBE-SERVICES");
    assert!(rules.iter().any(|rule| rule.starts_with("-d 1.2.3.5/32 ")), "{rules:?}");
}

/// TestNoEndpointsMetric: a service counts if it has endpoints, a policy is Local and none of them is here. The metric is
/// not modelled; the rules that it counts are.
#[test]
fn services_without_an_endpoint_here_drop_where_the_policy_is_local() {
    let spread = "10.0.1.1 on test-node, 10.0.1.2 on node1, 10.0.1.3 on node2";
    let elsewhere = "10.0.1.1 on node0, 10.0.1.2 on node1, 10.0.1.3 on node2";
    for (policies, endpoints, internal, external) in [
        ("type: ClusterIP, internal: Local", spread, 0, 0),
        ("type: NodePort, external: Local", spread, 0, 0),
        ("type: NodePort, internal: Local, external: Local", spread, 0, 0),
        ("type: ClusterIP, internal: Local", elsewhere, 1, 0),
        ("type: NodePort, external: Local", elsewhere, 0, 1),
        ("type: NodePort, internal: Local, external: Local", elsewhere, 1, 1),
        ("type: NodePort, internal: Local, external: Local", "", 0, 0),
    ] {
        let port = if policies.contains("NodePort") { "p80 TCP 80 123" } else { "p80 TCP 80" };
        let ns = synced(&cluster(&format!("{policies}, ports: [{port}]"), endpoints), node());
        let n_dropped = |name: &str| {
            let rules = chain(&ns, TableName::Filter, name);
            rules.iter().filter(|rule| rule.contains("has no local endpoints") && rule.ends_with("-j DROP")).count()
        };
        let found = (n_dropped("KUBE-SERVICES"), n_dropped("KUBE-EXTERNAL-SERVICES"));
        assert_eq!(found, (internal, external), "{policies} with {endpoints}");
    }
}
