use std::rc::Rc;

use kubehop_core::api::{CniMode, ProxyMode};
use yew::Reducible;

use super::{Action, Choice, Speed, State};
use crate::scene::geometry::Side;
use crate::scene::{Fold, Kind, PIECE, Picture, Station, inspect, mtu_bar, sheets, wake};

fn after(fragment: &str, actions: &[Action]) -> Rc<State> {
    actions.iter().fold(Rc::new(State::open(fragment)), |state, action| state.reduce(action.clone()))
}

#[test]
fn steps_stop_at_both_ends() {
    assert_eq!(after("", &[Action::Previous]).cursor, 0);
    let end = after("", &[Action::Last]);
    assert!(end.is_at_end());
    assert_eq!(end.clone().reduce(Action::Next).cursor, end.cursor);
    assert_eq!(end.reduce(Action::First).cursor, 0);
}

#[test]
fn playing_ends_by_itself_and_a_step_by_hand_pauses_it() {
    assert!(!after("", &[Action::TogglePlay, Action::Next]).is_playing);
    let playing = after("", &[Action::TogglePlay, Action::Tick]);
    assert_eq!((playing.is_playing, playing.cursor), (true, 1));
    let ended = after("", &[Action::Last, Action::Previous, Action::TogglePlay, Action::Tick]);
    assert_eq!((ended.is_playing, ended.is_at_end()), (false, true));
    assert_eq!(ended.reduce(Action::TogglePlay).cursor, 0);
}

#[test]
fn a_link_reopens_the_step() {
    let state = after("", &[Action::Choose(Choice::Size(2000)), Action::NextHop, Action::NextHop, Action::Next]);
    let reopened = State::open(&state.fragment());
    assert_eq!((reopened.cursor, reopened.scenario.size), (state.cursor, 2000));
    assert_eq!(reopened.fragment(), state.fragment());
    assert_eq!(reopened.notice, None);
}

#[test]
fn another_mode_keeps_the_step_where_it_exists() {
    let state = after("#step=http.syn.node-a.ip-forward", &[Action::Choose(Choice::Cni(CniMode::FlannelHostGw))]);
    assert_eq!(state.walk.id(state.cursor), "http.syn.node-a.ip-forward");
    let state = after("#step=http.syn.node-a.encap", &[Action::Choose(Choice::Cni(CniMode::FlannelHostGw))]);
    assert!(state.walk.id(state.cursor).starts_with("http.syn.node-a."), "{}", state.walk.id(state.cursor));
}

#[test]
fn the_clusters_own_mode_and_mtu_are_left_out_of_the_link() {
    let there = [Choice::Cni(CniMode::FlannelHostGw), Choice::Mtu(9000)].map(Action::Choose);
    let back = [Choice::Cni(CniMode::FlannelVxlan), Choice::Mtu(1500)].map(Action::Choose);
    let state = after("", &there);
    assert_eq!(state.fragment(), "v=1&cni=flannel/host-gw&mtu=9000");
    assert_eq!(back.iter().fold(state, |state, action| state.reduce(action.clone())).fragment(), "");
}

#[test]
fn unreadable_links_open_the_built_in_walk_and_say_so() {
    for fragment in ["#v=7", "#from=pod/default/nobody", "#to=gopher://1", "#z=AAAA", "#what", "#cni=weave/net"] {
        let state = State::open(fragment);
        assert!(state.notice.as_deref().is_some_and(|notice| notice.contains("cannot be read")), "{fragment}");
        assert_eq!(state.walk.run.from, "pod/default/client");
        assert_eq!(state.clone().fragment(), "");
    }
}

#[test]
fn a_link_to_a_step_that_is_not_there_opens_the_nearest() {
    let state = State::open("#step=http.syn.node-a.raw-prerouting");
    assert!(state.walk.id(state.cursor).starts_with("http.syn.node-a."));
    assert!(state.notice.is_some());
}

#[test]
fn what_is_impossible_changes_nothing_but_the_notice() {
    let state = after("", &[Action::Next, Action::Choose(Choice::To("http://10.244.1.2:none".to_owned()))]);
    assert!(state.notice.is_some());
    assert_eq!((state.cursor, state.n_chosen), (1, 0));
    assert_eq!(state.reduce(Action::Dismiss).notice, None);
}

#[test]
fn speeds_go_round() {
    let mut speed = Speed::default();
    for _ in 0..4 {
        assert!(speed.step_millis() >= 300);
        speed = speed.next();
    }
    assert_eq!(speed, Speed::default());
}

#[test]
fn every_mode_that_runs_is_drawn_step_by_step() {
    for (plugin, _, mode) in CniMode::ALL {
        let state = after(&format!("#cni={}", mode.name()), &[]);
        let walk = &state.walk;
        assert_eq!((state.notice.as_deref(), walk.scene.cni), (None, mode));
        let left = &walk.cast.left;
        assert_eq!(left.bridge().is_some(), plugin == "flannel", "{}", mode.name());
        for idx in 0..walk.n_steps() {
            let view = walk.view(idx).expect("a step");
            let picture = Picture::new(&walk.cast, &walk.reel, &walk.trace, idx, &view);
            assert_eq!(picture.dock.is_some(), view.packet.is_some());
            let envelope: usize = mtu_bar(&view, left).envelope.iter().map(|segment| segment.len).sum();
            assert!([0, 1500 - mode.pod_route_mtu(1500)].contains(&envelope), "{}: {envelope}", view.id);
        }
    }
}

/// The picture of a step of a state.
fn picture(state: &State) -> Picture {
    let walk = &state.walk;
    Picture::new(&walk.cast, &walk.reel, &walk.trace, state.cursor, &walk.view(state.cursor).expect("a step"))
}

const SERVICE: &str = "#to=http://10.96.45.67:80&seed=2";

#[test]
fn the_step_that_translates_names_its_rule_and_shows_the_way_to_it() {
    let state = after(&format!("{SERVICE}&step=http.syn.node-a.nat-prerouting"), &[]);
    let (walk, view) = (&state.walk, state.walk.view(state.cursor).expect("a step"));
    assert_eq!((state.notice.as_deref(), state.table), (None, Kind::Rules));
    assert_eq!(walk.cast.right.as_ref().map(|right| right.node.name.as_str()), Some("node-b"));
    let shown = picture(&state);
    let change = shown.change.expect("a change");
    assert_eq!((change.short.as_str(), change.after.as_str()), ("DNAT →", "10.244.1.2:8080"));
    assert_eq!(shown.connections[0], Some(("no entry yet".to_owned(), false)));
    let decision = &walk.reel.step(&walk.trace, state.cursor).1.decision;
    let layers = inspect(&view, decision, false);
    let dst = layers.iter().flat_map(|layer| &layer.fields).find(|field| field.name == "dst").expect("a field");
    assert_eq!(dst.cause, "DNAT, rule 2");
    assert!(
        matches!(&dst.table, Some((Kind::Rules, by)) if by.starts_with("rules KUBE-SEP-") && by.ends_with(" rule 2"))
    );
    let sheets = sheets(&walk.reel, &walk.trace, &view, state.table, None);
    let lines = &sheets[0].folds;
    let chains = lines.iter().filter_map(|line| match line {
        Fold::Chain(name, _) => Some(name.get(..8).unwrap_or(name)),
        _ => None,
    });
    assert_eq!(chains.collect::<Vec<_>>(), ["PREROUTI", "KUBE-SER", "KUBE-SVC", "KUBE-SEP"]);
    assert!(matches!(lines.last(), Some(Fold::Row(row)) if row.n == 2 && row.full.contains("--to-destination")));
}

#[test]
fn a_connection_is_shown_as_its_table_has_it() {
    let connection = |step: &str| picture(&after(&format!("{SERVICE}&step={step}"), &[])).connections[0].clone();
    let (words, is_new) = connection("http.syn.node-a.confirm-postrouting").expect("a connection");
    assert_eq!((words.as_str(), is_new), ("tcp SYN_SENT [UNREPLIED]", true));
    let (words, is_new) = connection("http.request.node-a.ip-forward").expect("a connection");
    assert_eq!((words.as_str(), is_new), ("tcp ESTABLISHED [ASSURED]", false));
}

#[test]
fn a_packet_that_dies_is_marked_where_it_does() {
    let mut state = after("#to=tcp://10.244.1.2:9999", &[]);
    let ends: Vec<usize> = (0..state.walk.n_steps())
        .filter(|idx| {
            state = Rc::clone(&state).reduce(Action::Go(*idx));
            picture(&state).is_end
        })
        .collect();
    assert_eq!(ends.iter().map(|idx| state.walk.id(*idx)).collect::<Vec<_>>(), ["tcp.syn.web-1.deliver"]);
}

#[test]
fn rows_open_piece_by_piece() {
    let open = |rows| Action::Unfold(0, rows);
    assert_eq!(after("", &[open(3..90)]).unfolded, Some((0, 3..3 + PIECE)));
    assert_eq!(after("", &[open(3..90), open(3 + PIECE..90)]).unfolded, Some((0, 3..90)));
    assert_eq!(after("", &[open(3..90), open(100..120)]).unfolded, Some((0, 100..120)));
    assert_eq!(after("", &[open(3..90), Action::Next]).unfolded, None);
}

#[test]
fn the_mode_of_kube_proxy_is_a_choice_and_none_is_only_for_cilium() {
    let proxy = |mode| Action::Choose(Choice::Proxy(mode));
    let state = after("", &[proxy(ProxyMode::Nftables)]);
    assert_eq!((state.fragment().as_str(), state.walk.scene.proxy), ("v=1&proxy=nftables", ProxyMode::Nftables));
    assert_eq!(state.reduce(proxy(ProxyMode::Iptables)).fragment(), "");
    let state = after("", &[Action::Choose(Choice::Cni(CniMode::CiliumVxlan)), proxy(ProxyMode::None)]);
    assert_eq!(state.fragment(), "v=1&cni=cilium/vxlan&proxy=none");
    assert_eq!(state.walk.cast.left.kube_proxy(), None);
    let back = state.reduce(Action::Choose(Choice::Cni(CniMode::FlannelVxlan)));
    assert_eq!((back.fragment().as_str(), back.walk.scene.proxy), ("", ProxyMode::Iptables));
}

#[test]
fn what_happens_meanwhile_is_in_the_link_and_in_the_walk() {
    let act = |action: &str| Action::Choose(Choice::Do(action.to_owned()));
    let state = after(SERVICE, &[act("-5 delete pod/default/web-1"), act("-5 delete pod/default/web-1")]);
    assert_eq!(state.fragment(), "v=1&to=http://10.96.45.67:80&seed=2&do=-5%20delete%20pod/default/web-1");
    let steps: Vec<&str> = (0..state.walk.n_steps()).map(|idx| state.walk.id(idx)).collect();
    assert_eq!(steps[0], "api.delete-web-1.node-a.kubectl");
    assert!(steps.contains(&"api.delete-web-1.node-b.kube-proxy"), "{steps:?}");
    let undone = state.clone().reduce(Action::Choose(Choice::Undo(0)));
    assert_eq!(undone.fragment(), "v=1&to=http://10.96.45.67:80&seed=2");
    let wrong = state.reduce(act("0 delete pod/default/nobody"));
    assert_eq!(wrong.scenario.actions.len(), 1);
    assert!(wrong.notice.as_deref().is_some_and(|notice| notice.contains("nobody")), "{:?}", wrong.notice);
}

#[test]
fn a_step_without_a_packet_shows_who_woke_up() {
    let link = format!("{SERVICE}&do=-5 delete pod/default/web-1&step=");
    let state = after(&format!("{link}api.delete-web-1.node-b.kube-proxy"), &[]);
    assert_eq!((state.notice.as_deref(), state.table), (None, Kind::Rules));
    let shown = picture(&state);
    assert_eq!(shown.now.0, Station::Agent(Side::Right));
    assert_eq!((shown.dock, shown.change, shown.proxy_wrote), (None, None, Some(Side::Right)));
    assert!(shown.lines.is_empty());
    let (walk, view) = (&state.walk, state.walk.view(state.cursor).expect("a step"));
    let decision = &walk.reel.step(&walk.trace, state.cursor).1.decision;
    let rows = wake(&view, decision, walk.since_start(view.time_ns)).expect("who woke up");
    assert_eq!(rows[0], ("who", "kube-proxy on node-b".to_owned()));
    assert_eq!(rows[1], ("when", "5 ms after the client starts".to_owned()));
    let state = after(&format!("{link}api.delete-web-1.node-a.endpoint-slice"), &[]);
    assert_eq!((picture(&state).now.0, state.table), (Station::Api, Kind::Api));
}

#[test]
fn a_client_outside_can_choose_the_node_it_comes_in_by() {
    let state = after("#from=host/laptop", &[Action::Choose(Choice::Via(Some("node-b".to_owned())))]);
    assert_eq!(state.walk.run.via.as_deref(), Some("node/node-b"));
    assert!(state.fragment().contains("via=node-b"), "{}", state.fragment());
    let inside = state.reduce(Action::Choose(Choice::From("pod/default/client".to_owned())));
    assert_eq!((inside.scenario.via.clone(), inside.walk.run.via.clone()), (None, None));
}
