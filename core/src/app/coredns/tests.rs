//! CoreDNS: Corefiles, the chain, the cache.

use std::net::IpAddr;
use std::time::Duration;

use super::{
    Ask, DnsCluster, DnsEndpoint, DnsQuery, DnsService, DnsServicePort, DnsSlice, HostFiles, KUBEADM_COREFILE, Server,
    Upstream, rejection,
};
use crate::base::Instant;
use crate::wire::{DnsMessage, DnsRecord, Edns, Question, RData, Rcode, RecordType};

fn files() -> HostFiles {
    HostFiles { nameservers: vec![[192, 0, 2, 53].into()], ..HostFiles::default() }
}

fn start(corefile: &str) -> Server {
    Server::start(corefile, &files(), Vec::new(), 1, "coredns").unwrap_or_else(|error| panic!("{error}")).0
}

fn question(text: &str) -> Question {
    let (name, qtype) = text.split_once(' ').expect("name and type");
    Question::new(name.parse().expect("a name"), qtype.parse().expect("a type"))
}

fn query(text: &str, secs: u64) -> DnsQuery {
    let message = DnsMessage::query(7, question(text));
    let at = Instant::START + Duration::from_secs(secs);
    DnsQuery { message, client: [10, 244, 0, 2].into(), port: 53, tcp: false, at }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A service with an address, one that is an alias, and a headless one with this many endpoints.
fn cluster(n_endpoints: u8) -> DnsCluster {
    let mut cluster = DnsCluster::new(1);
    let ports = vec![DnsServicePort { name: "http".into(), protocol: "TCP".into(), port: Some(80) }];
    let (namespace, name) = ("shop".to_owned(), "web".to_owned());
    let web = DnsService { namespace, name, cluster_ips: vec![ip("10.96.0.1")], ports, ..DnsService::default() };
    cluster.add_service(DnsService {
        name: "out".into(),
        cluster_ips: Vec::new(),
        external_name: Some("example.com".into()),
        ..web.clone()
    });
    cluster.add_service(DnsService { name: "many".into(), cluster_ips: Vec::new(), headless: true, ..web.clone() });
    let endpoint = |n| DnsEndpoint {
        ip: [10, 244, 1, n].into(),
        hostname: String::new(),
        pod: String::new(),
        zone: String::new(),
    };
    cluster.add_slice(DnsSlice {
        namespace: "shop".into(),
        service: "many".into(),
        endpoints: (0..n_endpoints).map(endpoint).collect(),
        ports: web.ports.clone(),
        ..DnsSlice::default()
    });
    cluster.add_service(web);
    cluster
}

/// The answer, where every upstream says `upstream`.
fn serve(server: &mut Server, query: &DnsQuery, upstream: Option<&str>) -> Result<DnsMessage, Box<Ask>> {
    let mut answers = Vec::new();
    loop {
        match server.serve(query, &cluster(40), &answers) {
            Ok(answer) => return Ok(answer.expect("an answer that can be written")),
            Err(ask) => {
                let Some(address) = upstream else { return Err(ask) };
                let mut answer = ask.query.reply();
                let name = ask.query.questions[0].name.clone();
                answer.answers.push(DnsRecord::address(name, 300, ip(address)));
                answers.push(Upstream::Answer(answer));
            }
        }
    }
}

fn printed(answer: &DnsMessage) -> Vec<String> {
    answer.answers.iter().map(ToString::to_string).collect()
}

#[test]
fn what_coredns_refuses_is_refused_with_line_and_directive() {
    for (corefile, expected) in [
        (".:53 {\n  loop twice\n}", "Corefile:2: loop: wrong argument count or unexpected line ending after 'twice'"),
        (".:53 {\n  errors\n", "Corefile:1: .:53: the file ends inside the block; expected }"),
        (".:53 {\n  cache 0\n}", "Corefile:2: cache: cache TTL can not be zero or negative: 0"),
        (".:53 {\n}\n.:53 {\n}", "Corefile:3: .:53: cannot serve dns://.:53 - it is already defined"),
        (".:x {\n}", "Corefile:1: .:x: x is not a port"),
        ("a..b {\n}", "Corefile:1: a..b: a..b: the name has an empty label (two dots in a row, or a dot in front)"),
        (".:53 {\n forward .\n}", "Corefile:2: forward: expected FROM and at least one TO"),
        (".:53 {\n forward . host\n}", "Corefile:2: forward: not an IP address or file: \"host\""),
        (
            ".:53 {\n kubernetes {\n  pods maybe\n }\n}",
            "Corefile:3: kubernetes: wrong value for pods: maybe, must be one of: disabled, verified, insecure",
        ),
        (".:53 {\n kubernetes {\n  ttl 3601\n }\n}", "Corefile:3: kubernetes: ttl must be in range [0, 3600]: 3601"),
        (".:53 {\n kubernetes {\n  colour\n }\n}", "Corefile:3: kubernetes: unknown property 'colour'"),
        (".:53 {\n import common\n}", "Corefile:2: import: no snippet is called common"),
        (".:53 {\n cache\n cache\n}", "Corefile:3: cache: this plugin can only be used once per Server Block"),
    ] {
        let error = Server::start(corefile, &files(), Vec::new(), 1, "coredns").map(drop).expect_err(corefile);
        assert_eq!(error.to_string(), expected, "{corefile}");
    }
}

#[test]
fn an_unknown_plugin_is_named_and_skipped() {
    let corefile = "(common) {\n  errors # all of them\n}\n.:53 {\n  import common\n  teapot \"a b\"\n  teapot\n}\n";
    let (_, notices) = Server::start(corefile, &files(), Vec::new(), 1, "coredns").expect("a server");
    let said: Vec<String> = notices.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["Corefile:6: teapot: this plugin is not modelled; skipped"]);
    let corefile = ". {\n forward . tls://9.9.9.9\n}\n";
    let (_, notices) = Server::start(corefile, &files(), Vec::new(), 1, "coredns").expect("a server");
    let said: Vec<String> = notices.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["Corefile:2: forward: tls://9.9.9.9: TLS is not modelled; this server is left out"]);
    let (_, notices) = Server::start(KUBEADM_COREFILE, &files(), Vec::new(), 1, "coredns").expect("a server");
    assert!(notices.is_empty(), "{notices:?}");
}

#[test]
fn kubeadms_corefile_answers_names_of_the_cluster_and_asks_for_the_others() {
    let mut server = start(KUBEADM_COREFILE);
    let answer = serve(&mut server, &query("web.shop.svc.cluster.local A", 0), None).expect("an answer");
    assert_eq!(printed(&answer), ["web.shop.svc.cluster.local. 30 IN A 10.96.0.1"]);
    let ask = serve(&mut server, &query("example.com A", 0), None).expect_err("a question");
    assert_eq!((ask.upstreams, ask.tcp), (vec!["192.0.2.53:53".parse().expect("an address")], false));
    // An alias that leads out of the zone is followed through the whole chain, cache included.
    let answer = serve(&mut server, &query("out.shop.svc.cluster.local A", 0), Some("192.0.2.1")).expect("an answer");
    let expected = ["out.shop.svc.cluster.local. 30 IN CNAME example.com.", "example.com. 30 IN A 192.0.2.1"];
    assert_eq!(printed(&answer), expected);
    // Addresses of others fall through.
    assert!(serve(&mut server, &query("1.2.0.192.in-addr.arpa PTR", 0), None).is_err());
}

#[test]
fn an_answer_is_kept_and_counts_down() {
    let mut server = start(KUBEADM_COREFILE);
    for (secs, ttl) in [(0, 30), (12, 18), (29, 1)] {
        let upstream = (secs == 0).then_some("192.0.2.1");
        let answer = serve(&mut server, &query("example.com A", secs), upstream).expect("an answer");
        assert_eq!(printed(&answer), [format!("example.com. {ttl} IN A 192.0.2.1")], "{secs}");
    }
    assert!(serve(&mut server, &query("example.com A", 30), None).is_err());
    assert!(serve(&mut server, &query("example.com AAAA", 1), None).is_err());
}

#[test]
fn an_absent_name_is_kept_only_without_the_disable_lines() {
    for (option, expected) in [("", Rcode::NXDOMAIN), ("{\n disable denial cluster.local\n}", Rcode::NOERROR)] {
        let mut server = start(&format!(".:53 {{\n cache 30 {option}\n kubernetes cluster.local\n}}"));
        let query = query("web.shop.svc.cluster.local A", 0);
        let absent = server.serve(&query, &DnsCluster::new(1), &[]).expect("no question").expect("an answer");
        assert_eq!(absent.rcode, Rcode::NXDOMAIN);
        assert_eq!(serve(&mut server, &query, None).map(|answer| answer.rcode), Ok(expected), "{option}");
    }
}

#[test]
fn the_order_of_plugins_is_not_the_corefiles() {
    let mut server =
        start(".:53 {\n kubernetes cluster.local\n hosts {\n 10.9.9.9 web.shop.svc.cluster.local\n fallthrough\n }\n}");
    let mut first = |name: &str| serve(&mut server, &query(name, 0), None).map(|answer| printed(&answer));
    assert_eq!(
        first("web.shop.svc.cluster.local A"),
        Ok(vec!["web.shop.svc.cluster.local. 3600 IN A 10.9.9.9".into()])
    );
    assert_eq!(first("9.9.9.10.in-addr.arpa PTR").map(|answers| answers.len()), Ok(1));
    assert_eq!(first("many.shop.svc.cluster.local A").map(|answers| answers.len()), Ok(29));
}

#[test]
fn a_brace_may_have_a_line_of_its_own() {
    let (_, notices) =
        Server::start(".:53\n{\n errors\n}\na\n{\n}\n", &files(), Vec::new(), 1, "coredns").expect("a server");
    assert!(notices.is_empty(), "{notices:?}");
}

#[test]
fn the_longest_zone_serves_and_no_zone_refuses() {
    let mut server = start("cluster.local 10.0.0.0/8 {\n kubernetes\n}\nshop.svc.cluster.local {\n}\n");
    let mut rcode = |name: &str| serve(&mut server, &query(name, 0), None).map(|answer| answer.rcode);
    assert_eq!(rcode("web.shop.svc.cluster.local A"), Ok(Rcode::SERVFAIL));
    assert_eq!(rcode("SHOP.pod.Cluster.local A"), Ok(Rcode::NXDOMAIN));
    assert_eq!(rcode("1.0.96.10.in-addr.arpa PTR"), Ok(Rcode::NOERROR));
    assert_eq!(rcode("example.com A"), Ok(Rcode::REFUSED));
}

#[test]
fn an_answer_is_cut_to_what_the_client_takes() {
    let mut server = start(".:53 {\n kubernetes cluster.local\n loadbalance\n}");
    let mut query = query("many.shop.svc.cluster.local A", 0);
    let small = serve(&mut server, &query, None).expect("an answer");
    assert!(small.flags.truncated && small.to_bytes().is_ok_and(|bytes| bytes.len() <= 512));
    query.message.set_edns(Edns { udp_size: 4096, ..Edns::default() });
    let large = serve(&mut server, &query, None).expect("an answer");
    assert_eq!((large.flags.truncated, large.answers.len(), large.compress), (false, 40, true));
    assert_eq!(large.edns().map(|edns| edns.udp_size), Some(4096));
    query.message.additionals.clear();
    query.tcp = true;
    query.message.id += 1;
    let whole = serve(&mut server, &query, None).expect("an answer");
    assert_eq!((whole.flags.truncated, whole.answers.len(), whole.compress), (false, 40, false));
    assert_ne!(whole.answers, large.answers, "the order is drawn");
}

#[test]
fn a_rewritten_name_is_answered_under_the_name_asked() {
    let mut server =
        start(".:53 {\n rewrite name shop.example web.shop.svc.cluster.local\n kubernetes cluster.local\n}");
    let answer = serve(&mut server, &query("shop.example A", 0), None).expect("an answer");
    assert_eq!(printed(&answer), ["shop.example. 5 IN A 10.96.0.1"]);
    assert_eq!(answer.questions, [question("shop.example A")]);
}

#[test]
fn a_resolver_that_points_at_itself_is_a_loop() {
    let mut server = start(KUBEADM_COREFILE);
    let probe = server.loop_probe().expect("a probe");
    assert_eq!(probe.qtype, RecordType::HINFO);
    let mut message = DnsMessage::query(1, probe);
    for n in 0..3 {
        assert!(!server.has_looped(), "{n}");
        let query = DnsQuery { message, ..query("x A", 0) };
        message = serve(&mut server, &query, None).expect_err("a question").query;
    }
    assert!(server.has_looped());
}

#[test]
fn silence_upstream_is_a_failure_that_is_not_kept() {
    let mut server = start(KUBEADM_COREFILE);
    let query = query("example.com A", 0);
    let answer = server.serve(&query, &cluster(0), &[Upstream::Silence]).expect("no question").expect("an answer");
    assert_eq!((answer.rcode, answer.flags.response), (Rcode::SERVFAIL, true));
    assert!(serve(&mut server, &query, None).is_err());
}

#[test]
fn odd_queries_are_refused_as_the_server_refuses_them() {
    let mut server = start(KUBEADM_COREFILE);
    let mut chaos = query("version.bind TXT", 0);
    chaos.message.questions[0].class = 3;
    assert_eq!(serve(&mut server, &chaos, None).map(|answer| answer.rcode), Ok(Rcode::REFUSED));
    let mut version = query("web.shop.svc.cluster.local A", 0);
    version.message.set_edns(Edns { udp_size: 512, version: 1, dnssec_ok: false });
    assert_eq!(serve(&mut server, &version, None).map(|answer| answer.rcode), Ok(Rcode::BADVERS));
    assert_eq!(serve(&mut server, &query("cluster.local AXFR", 0), None).map(|a| a.rcode), Ok(Rcode::REFUSED));
    let mut bytes = query("x A", 0).message.to_bytes().expect("a query");
    assert_eq!(rejection(&bytes), None);
    assert_eq!(rejection(&bytes[..bytes.len() - 1]).map(|answer| answer.rcode), Some(Rcode::FORMERR));
    assert_eq!(rejection(&bytes[..5]), None);
    bytes[2] |= 5 << 3;
    assert_eq!(rejection(&bytes).map(|answer| (answer.rcode, answer.flags.opcode)), Some((Rcode::NOTIMP, 5)));
}

#[test]
fn an_alias_for_itself_and_aliases_in_a_circle_come_to_an_end() {
    let mut server = start(".:53 {\n kubernetes cluster.local\n rewrite continue name a.b c.d\n}");
    let mut cluster = DnsCluster::new(1);
    for (name, target) in [("self", "self"), ("one", "two"), ("two", "one")] {
        let external_name = Some(format!("{target}.shop.svc.cluster.local"));
        cluster.add_service(DnsService {
            namespace: "shop".into(),
            name: name.into(),
            external_name,
            ..DnsService::default()
        });
    }
    for name in ["self", "one"] {
        let query = query(&format!("{name}.shop.svc.cluster.local A"), 0);
        let answer = server.serve(&query, &cluster, &[]).expect("no question").expect("an answer");
        assert_eq!((answer.rcode, answer.answers.len()), (Rcode::NOERROR, 0), "{name}");
        assert!(matches!(answer.authorities[0].data, RData::Soa(_)));
    }
}

#[test]
fn questions_that_wait_at_once_do_not_disturb_each_other() {
    let mut server = start(KUBEADM_COREFILE);
    let queries = ["example.com A", "example.com AAAA"].map(|text| query(text, 0));
    let asks: Vec<Ask> =
        queries.iter().map(|query| *serve(&mut server, query, None).expect_err("a question")).collect();
    for (query, ask) in queries.iter().zip(asks) {
        let answered = Upstream::Answer(ask.query.reply());
        let answer = server.serve(query, &cluster(0), &[answered]).expect("no question").expect("an answer");
        assert_eq!(answer.rcode, Rcode::NOERROR);
    }
}

#[test]
fn more_questions_than_max_concurrent_are_refused() {
    let mut server = start(".:53 {\n forward . 192.0.2.1 {\n max_concurrent 2\n }\n}");
    for n in 0..2 {
        assert!(serve(&mut server, &query("example.com A", n), None).is_err());
    }
    let refused = serve(&mut server, &query("example.com A", 2), None).map(|answer| answer.rcode);
    assert_eq!(refused, Ok(Rcode::REFUSED));
    let first = server.serve(&query("example.com A", 0), &cluster(0), &[Upstream::Silence]);
    assert!(first.is_ok(), "its time is over");
    assert!(serve(&mut server, &query("example.com A", 3), None).is_err());
}

/// The answer to `question` of a CoreDNS with these lines, before the kubernetes plugin.
fn answered(lines: &str, question: &str) -> String {
    let mut server = start(&format!(".:53 {{\n{lines}\n kubernetes cluster.local\n}}"));
    let answer = serve(&mut server, &query(question, 0), None).expect("an answer");
    assert_eq!(answer.questions, [self::question(question)]);
    std::iter::once(answer.rcode.to_string()).chain(printed(&answer)).collect::<Vec<_>>().join(" ")
}

#[test]
fn names_are_rewritten_by_regular_expressions_and_answers_back() {
    let web = "web.shop.svc.cluster.local. 5 IN A 10.96.0.1";
    let own = "web.shop.example. 5 IN A 10.96.0.1";
    let rule = r"name regex (.*)\.([a-z]+)\.example {1}.{2}.svc.cluster.local";
    let back = r"answer name (.*)\.svc\.cluster\.local {1}.example";
    for (lines, expected) in [
        (format!("rewrite {rule}"), format!("NOERROR {web}")),
        (format!("rewrite {rule} {back}"), format!("NOERROR {own}")),
        (format!("rewrite stop {{\n  {rule}\n  {back}\n}}"), format!("NOERROR {own}")),
        ("rewrite name suffix .example .svc.cluster.local".to_owned(), format!("NOERROR {web}")),
        ("rewrite name suffix .example .svc.cluster.local answer auto".to_owned(), format!("NOERROR {own}")),
        ("rewrite name substring shop.example shop.svc.cluster.local".to_owned(), format!("NOERROR {web}")),
        ("rewrite name prefix db. web.".to_owned(), "SERVFAIL".to_owned()),
    ] {
        assert_eq!(answered(&lines, "web.shop.example A"), expected, "{lines}");
    }
    let value = r"rewrite name regex alias\.(.*) out.{1} answer value example\.com web.shop.svc.cluster.local";
    let answer = serve(
        &mut start(&format!(". {{\n {value}\n kubernetes cluster.local\n forward . 192.0.2.9\n}}")),
        &query("alias.shop.svc.cluster.local A", 0),
        Some("192.0.2.1"),
    );
    let expected = "out.shop.svc.cluster.local. 5 IN CNAME web.shop.svc.cluster.local.";
    assert_eq!(printed(&answer.expect("an answer"))[0], expected);
}

#[test]
fn a_template_puts_answers_together() {
    let ip = r#"template IN A example {
      match "^ip-(?P<a>[0-9]+)-(?P<b>[0-9]+)[.]example[.]$"
      answer "{{ .Name }} 60 {{ .Class }} {{ .Type }} 10.0.{{ .Group.a }}.{{ index .Match 2 }}"
      fallthrough
    }"#;
    for (lines, question, expected) in [
        (ip, "ip-1-2.example A", "NOERROR ip-1-2.example. 60 IN A 10.0.1.2"),
        (ip, "ip-1-2.example AAAA", "SERVFAIL"),
        (ip, "ip-x.example A", "SERVFAIL"),
        (ip, "ip-1-999.example A", "SERVFAIL"),
        ("template ANY ANY example {\n rcode NXDOMAIN\n}", "x.example A", "NXDOMAIN"),
        (
            "template ANY ANY example {\n rcode NXDOMAIN\n authority \"{{ .Zone }} 60 IN SOA a. b. 1 2 3 4 5\"\n}",
            "x.example A",
            "NXDOMAIN",
        ),
        (
            "template IN A example {\n answer \"{{.Name}} CNAME web.shop.svc.cluster.local\"\n}",
            "x.example A",
            "NOERROR x.example. 3600 IN CNAME web.shop.svc.cluster.local. web.shop.svc.cluster.local. 5 IN A 10.96.0.1",
        ),
        (
            "template IN A {\n match nothing\n answer \"{{ .Name }} IN A 1.2.3.4\"\n}",
            "web.shop.svc.cluster.local A",
            "SERVFAIL",
        ),
    ] {
        assert_eq!(answered(lines, question), expected, "{lines} {question}");
    }
}

#[test]
fn templates_and_rules_that_cannot_be_read_are_refused() {
    for (lines, expected) in [
        ("rewrite name regex ( x", "rewrite: invalid regex pattern in a name rule: (: missing closing )"),
        ("rewrite name a b c", "rewrite: exceeded the number of arguments for a name rule: c"),
        ("rewrite answer name a b", "rewrite: response rewrites must begin with a name rule"),
        ("template IN", "template: wrong argument count: expected CLASS and TYPE"),
        ("template IN X.Y", "template: invalid RR type X.Y"),
        ("template IN A", "template: no answer section for template found"),
        ("template IN A {\n match [\n}", "template: could not parse regex: [, missing closing ]"),
        (
            "template IN A {\n answer \"{{ .Name \"\n}",
            "template: could not compile template: {{ .Name , unclosed action",
        ),
        (
            "template IN A {\n answer \"{{ .Meta }}\"\n}",
            "template: could not compile template: {{ .Meta }}, found {{ .Meta }}, expected .Name, .Zone, .Type, .Class, .Remote, .Group.NAME or index .Match N",
        ),
        ("template IN A {\n rcode BAD\n}", "template: unknown rcode BAD"),
    ] {
        let error = Server::start(&format!(". {{\n{lines}\n}}"), &files(), Vec::new(), 1, "x").map(drop);
        let error = error.map_err(|error| format!("{}: {}", error.directive, error.message));
        assert_eq!(error, Err(expected.to_owned()), "{lines}");
    }
}
