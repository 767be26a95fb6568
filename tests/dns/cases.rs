//! Each row of cases.yaml: one cluster, one Corefile, one question.

use std::collections::BTreeMap;
use std::net::IpAddr;

use kubehop_core::wire::{DnsRecord, RecordType};
use serde::Deserialize;

use crate::cluster::{Cluster, ask, build_all, printed, question};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    clusters: BTreeMap<String, Cluster>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    case: String,
    source: String,
    cluster: String,
    zones: Vec<String>,
    options: Vec<String>,
    ask: String,
    rcode: String,
    #[serde(default)]
    plugins: Vec<String>,
    #[serde(default)]
    upstream: Vec<String>,
    #[serde(default)]
    local: Vec<IpAddr>,
    client: Option<IpAddr>,
    #[serde(default)]
    answers: Vec<String>,
    #[serde(default)]
    authority: Vec<String>,
    #[serde(default)]
    additional: Vec<String>,
}

/// Whether a section says what is expected of it.
fn agrees(records: &[DnsRecord], expected: &[String]) -> bool {
    let mut expected = expected.to_vec();
    expected.sort();
    let printed = printed(records);
    printed.len() == expected.len()
        && printed.iter().zip(&expected).all(|(own, expected)| {
            let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
            let (own, expected) = (words(own), words(expected));
            let is_same = |(n, word): (usize, &String)| word == "*" || own.get(n) == Some(word);
            own.len() >= expected.len() && expected.iter().enumerate().all(is_same)
        })
}

fn has_aliases_first(records: &[DnsRecord]) -> bool {
    records.is_sorted_by_key(|record| record.record_type() != RecordType::CNAME)
}

#[test]
fn every_question_has_the_answer_that_coredns_expects() {
    let table: Table = serde_yaml_ng::from_str(include_str!("cases.yaml")).expect("the table");
    let clusters = build_all(&table.clusters);
    let mut wrong = Vec::new();
    for case in &table.cases {
        let corefile = format!(
            ".:53 {{\n{}\nkubernetes {} {{\n{}\n}}\nforward . 192.0.2.53\nloadbalance\n}}\n",
            case.plugins.join("\n"),
            case.zones.join(" "),
            case.options.join("\n")
        );
        let client = case.client.unwrap_or([10, 240, 0, 1].into());
        let answer =
            ask(&corefile, &clusters[case.cluster.as_str()], &case.local, client, question(&case.ask), &case.upstream);
        let is_right = match &answer {
            // What is not answered here goes upstream; the tables say which alias is alone then.
            Err(asked) if case.rcode == "next" => asked.query.questions[0] == question(&case.ask),
            Err(_) => false,
            Ok(answer) => {
                answer.rcode.to_string() == case.rcode
                    && (answer.flags.authoritative || !case.upstream.is_empty())
                    && has_aliases_first(&answer.answers)
                    && agrees(&answer.answers, &case.answers)
                    && agrees(&answer.authorities, &case.authority)
                    && agrees(&answer.additionals, &case.additional)
            }
        };
        if !is_right {
            wrong.push(format!("{} ({}): {} gave {answer:#?}", case.case, case.source, case.ask));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), table.cases.len(), wrong.join("\n"));
}
