use super::{Comparison, Side, align, first_difference, from_word, rules_read, to_word};
use crate::scene::Picture;
use crate::state::{Action, Choice, Link, Shared, State, Walk};
use kubehop_core::api::{CniMode, faults};
use std::rc::Rc;
use yew::Reducible;

fn walk(fragment: &str) -> Walk {
    Walk::new(&Link::parse(fragment).expect("a link").scenario).expect("a walk")
}

fn compare(fragments: &[&str]) -> Comparison {
    let side = |fragment: &&str| Side { name: (*fragment).to_owned(), walk: Shared::new(walk(fragment)) };
    Comparison::new(fragments.iter().map(side).collect())
}

const SERVICE: &str = "to=http://10.96.45.67:80";

#[test]
fn what_is_called_the_same_stands_together() {
    let cases: [(&[&str], &[&str], &str); 5] = [
        (&["a", "b"], &["a", "b"], "aa bb"),
        (&["a", "x", "b"], &["a", "y", "b"], "aa x- -y bb"),
        (&[], &["a"], "-a"),
        (&["a"], &[], "a-"),
        // Two names that have changed places: one of them stands alone on both sides.
        (&["a", "b", "c"], &["b", "a", "c"], "a- bb -a cc"),
    ];
    for (old, new, expected) in cases {
        let word = |names: &[&str], idx: Option<usize>| idx.map_or("-".to_owned(), |idx| names[idx].to_owned());
        let rows = align(old, new).into_iter().map(|(i, j)| word(old, i) + &word(new, j));
        assert_eq!(rows.collect::<Vec<_>>().join(" "), expected);
    }
}

#[test]
fn every_step_of_every_side_has_one_row_in_its_order() {
    let service = |proxy: &str| format!("{SERVICE}&proxy={proxy}");
    let proxies = ["iptables", "ipvs", "nftables"].map(service);
    let proxies: Vec<&str> = proxies.iter().map(String::as_str).collect();
    for fragments in
        [&["", "cni=calico/bgp"][..], &proxies, &["", "fault=veth-down"], &["size=3000", "size=3000&mtu=1400"]]
    {
        let all = compare(fragments);
        for (n, side) in all.sides.iter().enumerate() {
            let steps: Vec<usize> = all.rows.iter().filter_map(|row| row[n]).collect();
            assert_eq!(steps, (0..side.walk.n_steps()).collect::<Vec<_>>(), "{fragments:?}");
        }
        for (at, row) in all.rows.iter().enumerate() {
            for (n, idx) in row.iter().enumerate() {
                match idx {
                    Some(idx) => assert_eq!(all.sides[n].walk.id(*idx), all.id(at)),
                    None => assert!(!all.gap(at, n).is_empty() && all.differs[at]),
                }
            }
        }
    }
}

#[test]
fn a_gap_says_why() {
    let all = compare(&["", "cni=calico/bgp"]);
    let gap = |id: &str, side| all.gap(all.find(id).expect(id), side);
    assert_eq!(gap("http.syn.node-a.encap", 1), "no tunnel here");
    assert_eq!(gap("http.syn.node-a.bridge", 1), "no bridge here");
    let all = compare(&["", "fault=tunnel-port-blocked"]);
    let last = all.rows.len() - 1;
    assert_eq!(all.gap(all.row_of(all.sides[0].walk.n_steps() - 1).min(last), 1), "it does not come so far");
}

#[test]
fn the_first_step_that_differs_says_in_what() {
    let words = |old: &str, new: &str| first_difference(&walk(old), &walk(new)).map(|difference| difference.words);
    assert_eq!(words("", ""), None);
    assert_eq!(words("", "mtu=1400").as_deref(), Some("client: TCP mss 1410 → 1310"));
    assert_eq!(
        words("to=ping://10.244.1.2", "to=ping://10.244.1.2&fault=small-nic").as_deref(),
        Some("node-b cbr0: MTU 1450 → 1350")
    );
    let difference = first_difference(&walk(""), &walk("fault=ip-forward-off")).expect("a difference");
    assert!(difference.at > 0 && difference.words.contains("Before: "), "{difference:?}");
}

#[test]
fn iptables_reads_more_rules_than_ipvs() {
    let rules = |proxy: &str| {
        let walk = walk(&format!("{SERVICE}&proxy={proxy}"));
        rules_read(&walk, walk.find("http.syn.client.app").expect("the first step"))
    };
    assert!(rules("iptables") > 0 && rules("nftables") > 0);
    assert_ne!(rules("iptables"), rules("ipvs"));
}

#[test]
fn what_is_compared_is_read_as_it_is_written() {
    for word in ["cni:calico/bgp", "proxy:ipvs", "mtu:1450", "fault:veth-down", "fault:"] {
        assert_eq!(from_word(word).and_then(|choice| to_word(&choice)).as_deref(), Some(word));
    }
    for word in ["cni:weave", "size:3", "mtu", "from:pod/default/client"] {
        assert_eq!(from_word(word), None, "{word}");
    }
}

fn after(fragment: &str, actions: &[Action]) -> Rc<State> {
    actions.iter().fold(Rc::new(State::open(fragment)), |state, action| state.reduce(action.clone()))
}

fn broken(id: &str) -> Action {
    Action::Choose(Choice::Fault(Some(id.to_owned())))
}

#[test]
fn a_fault_is_one_at_a_time_is_in_the_link_and_is_mended() {
    let state = after("", &[broken("veth-down"), broken("ip-forward-off")]);
    assert_eq!(state.fragment(), "v=1&fault=ip-forward-off");
    assert_eq!(State::open("#fault=veth-down,ip-forward-off").fragment(), "v=1&fault=veth-down,ip-forward-off");
    assert_eq!(state.reduce(Action::Choose(Choice::Mend("ip-forward-off".to_owned()))).fragment(), "");
    let unknown = State::open("#fault=cosmic-rays,veth-down");
    assert!(unknown.notice.as_deref().is_some_and(|notice| notice.contains("cosmic-rays")));
    assert_eq!(unknown.fragment(), "v=1&fault=veth-down");
}

#[test]
fn every_step_of_every_fault_is_drawn() {
    for fault in faults() {
        for to in ["", "to=http://10.96.45.67:80&"] {
            let walk = walk(&format!("{to}fault={}", fault.id));
            for idx in 0..walk.n_steps() {
                let view = walk.view(idx).expect("a step");
                let picture = Picture::new(&walk.cast, &walk.reel, &walk.trace, idx, &view);
                assert_eq!(picture.dock.is_some(), view.packet.is_some(), "{}: {}", fault.id, view.id);
            }
        }
    }
}

#[test]
fn a_choice_keeps_the_step_or_goes_to_the_first_that_differs() {
    let early = after("#step=http.syn.client.route", &[broken("tunnel-port-blocked")]);
    assert_eq!(early.walk.id(early.cursor), "http.syn.client.route");
    let late = after("", &[Action::Last, broken("tunnel-port-blocked")]);
    let (_, difference) = late.before.as_ref().expect("a difference");
    assert_eq!(late.cursor, difference.at);
    assert!(difference.words.contains("filter"), "{difference:?}");
    // Another target is another story.
    let other = after("", &[Action::Choose(Choice::To("ping://10.244.1.2".to_owned()))]);
    assert!(other.before.is_none());
    // The old future is there to be looked at.
    let both = late.reduce(Action::CompareBefore);
    let all = both.comparison.as_ref().expect("two walks");
    assert_eq!(all.sides.iter().map(|side| side.name.as_str()).collect::<Vec<_>>(), ["now", "before"]);
}

#[test]
fn both_sides_go_on_together_and_a_gap_has_a_link() {
    let mut state = after("", &[Action::Compare(vec![Choice::Cni(CniMode::CalicoBgp)])]);
    let n_rows = state.comparison.as_ref().expect("a comparison").rows.len();
    for row in 0..n_rows {
        assert_eq!(state.at(), row);
        let all = state.comparison.as_ref().expect("a comparison");
        assert_eq!(state.cursor, all.own(row));
        if all.rows[row].contains(&None) {
            let reopened = State::open(&state.fragment());
            let there = reopened.comparison.as_ref().expect("a comparison");
            assert_eq!((there.id(reopened.row), reopened.notice.as_deref()), (all.id(row), None));
        }
        state = state.reduce(Action::Next);
    }
    assert!(state.is_at_end());
    assert_eq!(state.reduce(Action::Compare(Vec::new())).comparison, None);
}
