use std::sync::Arc;

use kubehop_core::api::{Consulted, Row, Stretch, TableView, Why, Writer, Written};

use super::fold::{PIECE, Rows, fold};
use super::words::words;
use super::{Fold, Kind};

/// A chain with a match at each of some places, and a reason for every row.
#[derive(Debug)]
struct Chains {
    n_rows: usize,
    hits: Vec<usize>,
    stretches: Vec<Stretch>,
    reason: fn(usize) -> String,
}

impl Consulted for Chains {
    fn command(&self) -> String {
        "iptables-save -t nat".to_owned()
    }

    fn n_rows(&self) -> usize {
        self.n_rows
    }

    fn matched(&self) -> Option<usize> {
        self.hits.last().copied()
    }

    fn all_matched(&self) -> Vec<usize> {
        self.hits.clone()
    }

    fn stretches(&self) -> Vec<Stretch> {
        self.stretches.clone()
    }

    fn row(&self, idx: usize) -> Row {
        let why = match self.hits.contains(&idx) {
            true => Why::Matched("destination is 10.96.0.10".to_owned()),
            false => Why::Missed((self.reason)(idx)),
        };
        Row { text: format!("-A A -d 10.96.0.{idx}/32 -j B"), writer: Writer::KubeProxy, why }
    }
}

fn lines(table: Chains, opened: Option<std::ops::Range<usize>>, wrote: &[&Written]) -> Vec<String> {
    let table = TableView::new(&(Arc::new(table) as Arc<dyn Consulted>));
    let (folds, _) = fold(&Rows { table: &table, is_asked: true, wrote }, opened);
    let line = |fold: Fold| match fold {
        Fold::Chain(name, writer) => format!("{name} by {writer}"),
        Fold::Row(row) => match row.why {
            _ if row.is_new => format!("{} is new", row.n),
            Some(Why::Matched(_)) => format!("{} hit", row.n),
            _ => format!("{}", row.n),
        },
        Fold::Hidden(rows, Some(why)) => format!("{rows:?} {why}"),
        Fold::Hidden(rows, None) => format!("{rows:?}"),
    };
    folds.into_iter().map(line).collect()
}

fn same(_: usize) -> String {
    "too long".to_owned()
}

fn each(idx: usize) -> String {
    format!("is not {idx}")
}

#[test]
fn misses_for_one_reason_are_counted_and_what_matched_or_is_new_stays() {
    let table = |hits: &[usize]| Chains { n_rows: 11, hits: hits.to_vec(), stretches: Vec::new(), reason: same };
    assert_eq!(lines(table(&[9]), None, &[]), ["0..9 too long", "10 hit", "11"]);
    assert_eq!(lines(table(&[2, 9]), None, &[]), ["1", "2", "3 hit", "3..9 too long", "10 hit", "11"]);
    let text = "-A A -d 10.96.0.4/32 -j B".to_owned();
    let written = Written { command: String::new(), text, writer: Writer::Kernel };
    assert_eq!(lines(table(&[]), None, &[&written]), ["0..4 too long", "5 is new", "5..11 too long"]);
}

#[test]
fn of_ten_thousand_rows_those_beside_the_match_are_made() {
    let table = || Chains { n_rows: 10_000, hits: vec![7000], stretches: Vec::new(), reason: |_| each(0) };
    assert_eq!(lines(table(), None, &[]), ["0..6999", "7000", "7001 hit", "7002", "7002..10000"]);
    // Opened piece by piece, each from where the one before ended.
    let opened = lines(table(), Some(0..PIECE), &[]);
    assert_eq!(opened.len(), 5 + PIECE);
    assert_eq!(opened[PIECE - 1..=PIECE], [PIECE.to_string(), format!("{PIECE}..6999")]);
}

#[test]
fn many_reasons_are_not_many_lines() {
    let table = Chains { n_rows: 60, hits: vec![40], stretches: Vec::new(), reason: each };
    assert_eq!(lines(table, None, &[]), ["0..39", "40", "41 hit", "42", "42..60"]);
}

#[test]
fn rows_are_counted_within_their_chain() {
    let stretch = |chain: &str, first_row, first_number| Stretch { chain: chain.into(), first_row, first_number };
    let stretches = vec![stretch("A", 0, 1), stretch("B", 2, 1), stretch("A", 4, 3)];
    let table = Chains { n_rows: 5, hits: vec![1, 4], stretches, reason: each };
    assert_eq!(
        lines(table, None, &[]),
        ["A by kube-proxy", "1", "2 hit", "B by kube-proxy", "1", "2", "A by kube-proxy", "3 hit"]
    );
}

#[test]
fn what_was_compared_is_coloured_in_the_row_that_decided() {
    let classes = |text| -> Vec<(String, &str)> {
        words(text).into_iter().filter_map(|word| Some((word.text, word.class?))).collect()
    };
    let found = classes("10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink");
    assert_eq!(found, [("10.244.1.0/24".to_owned(), "k ly-ip"), ("flannel.1".to_owned(), "dev")]);
    let found = classes("local 172.18.0.3 dev eth0 proto kernel");
    assert_eq!(found[0], ("172.18.0.3".to_owned(), "k ly-ip"));
    let found = classes("fe:20:82:33:4d:8d dev flannel.1 dst 172.18.0.3 self permanent");
    assert_eq!(found[0].1, "k ly-eth");
    assert_eq!(found[2], ("172.18.0.3".to_owned(), "k ly-oip"));
    let found = classes(r#"-p tcp -m comment --comment "a -j b" -m tcp -j DNAT --to-destination 10.244.1.2:8080"#);
    assert_eq!(
        found,
        [("tcp".to_owned(), "k ly-tcp"), ("DNAT".to_owned(), "dev"), ("10.244.1.2:8080".to_owned(), "set")]
    );
}

#[test]
fn a_rule_is_shown_without_its_comment() {
    let text = |text| words(text).into_iter().map(|word| word.text).collect::<String>();
    let full = r#"-d 10.96.45.67/32 -p tcp -m comment --comment "default/web:http cluster IP" -m tcp --dport 80 -j X"#;
    assert_eq!(text(full), "-d 10.96.45.67/32 -p tcp --dport 80 -j X");
    assert_eq!(text("-m comment --comment portals -j X"), "-j X");
}

#[test]
fn a_command_names_its_table() {
    for (command, kind) in [
        ("ip route show table main", Kind::Route),
        ("ip rule", Kind::Route),
        ("bridge fdb show dev flannel.1", Kind::Fdb),
        ("iptables-save -t nat", Kind::Rules),
        ("nft list table ip kube-proxy", Kind::Nft),
        ("conntrack -L", Kind::Conntrack),
        ("cilium bpf ct list global", Kind::Bpf),
        ("what else", Kind::Other),
    ] {
        assert_eq!(Kind::of(command), kind, "{command}");
    }
}
