//! How long the core takes. `cargo xtask bench` makes a table of it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use kubehop_core::api::{Lab, Run, Source, parse, step_view, trace};
use kubehop_core::app::coredns::{
    DnsCluster, DnsQuery, DnsService, DnsServicePort, HostFiles, KUBEADM_COREFILE, Server,
};
use kubehop_core::base::{Instant, Place, Writer};
use kubehop_core::k8s::kube_proxy::{Proxier, ProxyConfig, ProxyMode, service_ports, updated_ports};
use kubehop_core::k8s::objects::Objects;
use kubehop_core::lab;
use kubehop_core::net::{NetNs, Topology};
use kubehop_core::netfilter::{Match, Rule, TableName, Target};
use kubehop_core::sim::{self, Exchange, Talk};
use kubehop_core::trace::Trace;
use kubehop_core::wire::{DnsMessage, Packet, Question, RecordType, Transport};
use kubehop_tests::large;

const TWO_NODES: &[u8] = include_bytes!("../../examples/two-nodes.yaml");

fn main() {
    divan::main();
}

fn lab() -> Lab {
    parse(&[Source { name: "two-nodes.yaml", text: TWO_NODES }], &[]).lab
}

/// The file into a cluster.
#[divan::bench]
fn parse_two_nodes(bencher: Bencher) {
    bencher.bench(lab);
}

/// A whole run, from the cluster to the last packet of the connection, through VXLAN.
#[divan::bench]
fn trace_http_across_nodes(bencher: Bencher) {
    bench_trace(bencher, "http://10.244.1.2:8080");
}

#[divan::bench]
fn trace_http_on_one_node(bencher: Bencher) {
    bench_trace(bencher, "http://10.244.0.3:8080");
}

/// The same by the service's name: two questions to CoreDNS before, whom the run has started.
#[divan::bench]
fn trace_curl_by_short_name(bencher: Bencher) {
    bench_trace(bencher, "http://web/");
}

#[divan::bench]
fn trace_ping_across_nodes(bencher: Bencher) {
    bench_trace(bencher, "ping://10.244.1.2");
}

/// A connection with 64 KB of request through VXLAN whose first SYN is lost.
#[divan::bench]
fn trace_64k_tcp_with_a_lost_syn(bencher: Bencher) {
    bencher.with_inputs(large_request).bench_values(|(topo, exchange)| run_without_first_syn(topo, &exchange));
}

/// The same, by how many steps of the data path one core makes in a second: the machines are built beforehand.
#[divan::bench]
fn steps_of_the_data_path(bencher: Bencher) {
    let (topo, exchange) = large_request();
    let n_steps = run_without_first_syn(topo, &exchange).steps().count();
    let inputs = bencher.with_inputs(large_request).counter(ItemsCount::new(n_steps));
    inputs.bench_values(|(topo, exchange)| run_without_first_syn(topo, &exchange));
}

fn large_request() -> (Topology, Exchange) {
    let lab = lab();
    let mut topo = lab::build(&lab, 1);
    topo.finish_all();
    let (client, _) = lab::resolve(&lab, &mut topo, "pod/client", "--from").expect("the example has a client");
    let talk = Talk::Tcp { port: 8080, flow: "tcp", request: vec![0; 64 << 10], reply: vec![0; 100], reply_len: 100 };
    (
        topo,
        Exchange {
            client,
            program: "client".into(),
            dst: [10, 244, 1, 2].into(),
            talk,
            ttl: None,
            seed: 1,
            names: sim::Names::default(),
        },
    )
}

fn run_without_first_syn(topo: Topology, exchange: &Exchange) -> Trace {
    let mut n_seen = 0;
    let loses = &mut |_, packet: &Packet| {
        let is_syn = matches!(packet.transport(), Some(Transport::Tcp(tcp)) if tcp.syn);
        n_seen += usize::from(is_syn);
        is_syn && n_seen == 1
    };
    sim::run_losing(topo, exchange, loses).0
}

fn bench_trace(bencher: Bencher, target: &str) {
    let (lab, run) = (lab(), Run::new("pod/client", target));
    bencher.bench(|| trace(black_box(&lab), black_box(&run)));
}

/// A ping across nodes, both of which have ten thousand rules on its way that all miss.
#[divan::bench]
fn trace_through_ten_thousand_rules(bencher: Bencher) {
    let (mut topo, exchange) = large_request();
    let exchange = Exchange { talk: Talk::Ping { size: 56, df: false }, ..exchange };
    for name in ["node-a", "node-b"] {
        let node = topo.find(&Place::Node(name.to_owned())).expect("the example has this node");
        let filter = topo.ns_mut(node).netfilter.table_mut(TableName::Filter);
        for port in 1..=10_000 {
            filter.prepend("FORWARD", Rule::new(Writer::Admin, Target::Drop).protocol(1).and(Match::dport(port)));
        }
    }
    bencher.with_inputs(|| topo.clone()).bench_values(|topo| sim::run(topo, &exchange));
}

/// What the page shows of one step, in the middle of a connection across nodes.
#[divan::bench]
fn view_one_step(bencher: Bencher) {
    let trace = trace(&lab(), &Run::new("pod/client", "http://10.244.1.2:8080")).expect("the example has a client");
    let middle = trace.steps().count() / 2;
    bencher.bench(|| step_view(black_box(&trace), middle));
}

/// kube-proxy's rules of one node, for many services, from nothing.
#[divan::bench]
fn iptables_of_ten_thousand_services(bencher: Bencher) {
    bench_from_nothing(bencher, ProxyMode::Iptables);
}

/// One endpoint of one of them is another, and the node's rules are made true again.
#[divan::bench]
fn one_endpoint_changed_iptables(bencher: Bencher) {
    bench_one_change(bencher, ProxyMode::Iptables);
}

/// A ping of TCP to the last of them: a connection, from the client to the endpoint and back.
#[divan::bench]
fn trace_through_ten_thousand_services_iptables(bencher: Bencher) {
    bench_service(bencher, ProxyMode::Iptables);
}

/// kube-proxy's virtual servers, sets and addresses of one node, for as many, from nothing.
#[divan::bench]
fn ipvs_of_ten_thousand_services(bencher: Bencher) {
    bench_from_nothing(bencher, ProxyMode::Ipvs);
}

#[divan::bench]
fn one_endpoint_changed_ipvs(bencher: Bencher) {
    bench_one_change(bencher, ProxyMode::Ipvs);
}

#[divan::bench]
fn trace_through_ten_thousand_services_ipvs(bencher: Bencher) {
    bench_service(bencher, ProxyMode::Ipvs);
}

/// kube-proxy's table of nftables on one node, for as many services.
#[divan::bench]
fn nftables_of_ten_thousand_services(bencher: Bencher) {
    bench_from_nothing(bencher, ProxyMode::Nftables);
}

/// One endpoint of one of them is another, and the node's table is made true again.
#[divan::bench]
fn one_endpoint_changed_nftables(bencher: Bencher) {
    bench_one_change(bencher, ProxyMode::Nftables);
}

/// The same connection through the table's maps.
#[divan::bench]
fn trace_through_ten_thousand_services_nftables(bencher: Bencher) {
    bench_service(bencher, ProxyMode::Nftables);
}

fn bench_from_nothing(bencher: Bencher, mode: ProxyMode) {
    let ports = service_ports(&many_services(10_000));
    bencher.with_inputs(|| (proxier(mode), node())).bench_local_refs(|(proxier, node)| {
        proxier.sync(node, black_box(&ports));
    });
}

fn bench_one_change(bencher: Bencher, mode: ProxyMode) {
    let mut objects = many_services(10_000);
    let (mut proxier, mut node) = (proxier(mode), node());
    let mut ports = service_ports(&objects);
    proxier.sync(&mut node, &ports);
    let changed = [("default".to_owned(), "s5000".to_owned())].into();
    let slice = objects.endpoint_slices.iter().position(|it| it.service_name == "s5000").expect("its slice");
    let mut n = 0_u8;
    bencher.bench_local(|| {
        n = n % 200 + 1;
        objects.endpoint_slices[slice].endpoints[0].addresses = vec![IpAddr::from([10, 246, 0, n])];
        // A trace that has seen the tables keeps them.
        let seen = node.clone();
        ports = updated_ports(&ports, &objects, &changed);
        let done = proxier.sync(&mut node, &ports);
        assert_eq!(done.changed.len(), 1);
        seen
    });
}

fn bench_service(bencher: Bencher, mode: ProxyMode) {
    let (mut topo, exchange) = large_request();
    let services = many_services(10_000);
    let mut ports = service_ports(&services);
    let last = ports.last_mut().map(Arc::make_mut).expect("a service");
    let SocketAddr::V4(endpoint) = SocketAddr::from(([10, 244, 1, 2], 8080)) else { return };
    last.endpoints.truncate(1);
    last.endpoints[0].address = endpoint.into();
    last.endpoints[0].text = endpoint.to_string();
    let dst = last.cluster_ip;
    let talk = Talk::Tcp { port: 80, flow: "http", request: vec![0; 100], reply: vec![0; 100], reply_len: 100 };
    let exchange = Exchange { dst, talk, ..exchange };
    for name in ["node-a", "node-b"] {
        let node = topo.find(&Place::Node(name.to_owned())).expect("the example has this node");
        proxier(mode).sync(topo.ns_mut(node), &ports);
    }
    bencher.with_inputs(|| topo.clone()).bench_values(|topo| {
        let trace = sim::run(topo, &exchange);
        assert_eq!(trace.disposition.kind(), "delivered");
        trace
    });
}

fn proxier(mode: ProxyMode) -> Proxier {
    let config = ProxyConfig {
        node_name: "node-a".to_owned(),
        zone: String::new(),
        node_ip: IpAddr::from([192, 168, 1, 11]),
        local_cidr: "10.244.0.0/16".parse().ok(),
        masquerade_all: false,
        localhost_node_ports: true,
        node_port_addresses: Vec::new(),
        ipvs_scheduler: Default::default(),
        service_cidrs: vec!["10.96.0.0/12".parse().expect("a network")],
    };
    Proxier::new(mode, config).expect("a mode that has kube-proxy")
}

fn node() -> NetNs {
    NetNs::new(Place::Node("node-a".to_owned()), 1)
}

/// What kube-proxy keeps of them.
#[divan::bench]
fn ports_of_ten_thousand_services(bencher: Bencher) {
    let objects = many_services(10_000);
    bencher.bench(|| service_ports(black_box(&objects)));
}

/// A thousand nodes with thirty pods each and five thousand services, from the file to the end of the first connection.
#[divan::bench(sample_count = 10)]
fn a_thousand_nodes_from_json_to_a_trace(bencher: Bencher) {
    let text = large::cluster(1000, 30, 5000);
    let run = Run::new("pod/pod-0", &format!("http://{}", large::cluster_ip(4999)));
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| {
        let parsed = parse(&[Source { name: "large.json", text: text.as_bytes() }], &[]);
        let trace = trace(&parsed.lab, &run).expect("the cluster has this pod");
        assert_eq!(trace.disposition.kind(), "delivered");
        trace
    });
}

/// Services with two endpoints each.
fn many_services(n: u32) -> Objects {
    let text: String = (0..n)
        .map(|idx| {
            let [_, _, a, b] = idx.to_be_bytes();
            format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{ name: s{idx} }}\nspec: {{ clusterIP: 10.96.{a}.{b}, ports: [{{ port: 80 }}] }}\n---\n\
                 apiVersion: v1\nkind: Endpoints\nmetadata: {{ name: s{idx} }}\nsubsets: [{{ addresses: [{{ ip: 10.244.{a}.{b} }}, {{ ip: 10.245.{a}.{b} }}], ports: [{{ port: 80 }}] }}]\n---\n"
            )
        })
        .collect();
    parse(&[Source { name: "services.yaml", text: text.as_bytes() }], &[]).lab.objects
}

/// A query in bytes to an answer in bytes, with ten thousand services in the zone.
#[divan::bench(args = ["A", "SRV", "PTR"])]
fn lookup_among_10k_services(bencher: Bencher, qtype: &str) {
    let mut cluster = DnsCluster::new(1);
    for n in 0..10_000_u32 {
        cluster.add_service(DnsService {
            namespace: format!("ns-{}", n % 100),
            name: format!("web-{n}"),
            cluster_ips: vec![IpAddr::from((0x0a60_0000 + n).to_be_bytes())],
            ports: vec![DnsServicePort { name: "http".into(), protocol: "TCP".into(), port: Some(80) }],
            ..DnsService::default()
        });
    }
    let files = HostFiles { nameservers: vec![[192, 0, 2, 53].into()], ..HostFiles::default() };
    let (mut server, _) = Server::start(KUBEADM_COREFILE, &files, Vec::new(), 1, "coredns").expect("a server");
    let name = if qtype == "PTR" { "15.39.96.10.in-addr.arpa." } else { "web-9999.ns-99.svc.cluster.local." };
    let question = Question::new(name.parse().expect("a name"), qtype.parse::<RecordType>().expect("a type"));
    let bytes = DnsMessage::query(1, question).to_bytes().expect("a query");
    bencher.bench_local(|| {
        let message = DnsMessage::from_slice(black_box(&bytes)).expect("a query");
        let query = DnsQuery { message, client: [10, 244, 0, 2].into(), port: 53, tcp: false, at: Instant::START };
        let answer = server.serve(&query, &cluster, &[]).expect("nothing to ask").expect("an answer");
        assert_eq!(answer.answers.len(), 1);
        answer.to_bytes()
    });
}
