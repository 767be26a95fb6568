//! The whole ruleset, rule by rule.

use kubehop_core::base::Instant;

use super::cluster::read;

#[test]
fn the_rules_are_those_that_kube_proxy_expects() {
    let clusters = read(include_str!("overall.yaml"));
    let saved = clusters[0].netfilter().iptables_save(None);
    let text = |line: &str| format!("{line}\n");
    // Base chains and the mangle table are not in the expectation.
    let ours: String = saved
        .lines()
        .filter(|line| line.starts_with("-A KUBE-") || matches!(*line, "*filter" | "*nat"))
        .map(text)
        .collect();
    let expected = include_str!("overall.save");
    let wanted: String = expected.lines().filter(|line| !line.starts_with('#')).map(text).collect();
    assert_eq!(ours, wanted);
}

#[test]
fn the_table_of_nftables_is_the_one_that_kube_proxy_expects() {
    let clusters = read(include_str!("overall.yaml"));
    let listed = clusters[0].nftables().nft.list(Instant::START);
    let expected = include_str!("overall.nft");
    let wanted: String =
        expected.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    assert!(listed == wanted, "{listed}");
}

#[test]
fn a_table_of_the_rules_is_one_that_the_kernel_takes() {
    let clusters = read(include_str!("overall.yaml"));
    let netfilter = clusters[0].netfilter();
    for name in kubehop_core::netfilter::TableName::ALL {
        assert_eq!(netfilter.table(name).validate(), Ok(()), "{name:?}");
    }
    assert_eq!(clusters[0].nftables().nft.validate(), Ok(()));
}
