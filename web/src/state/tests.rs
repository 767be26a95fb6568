use std::rc::Rc;

use kubehop_core::api::CniMode;
use yew::Reducible;

use super::{Action, Choice, Speed, State};
use crate::scene::{Picture, mtu_bar};

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
    let state = after("", &[Action::Next, Action::Choose(Choice::To("http://example.com/".to_owned()))]);
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
    for (plugin, _, mode) in CniMode::ALL.into_iter().filter(|(_, _, mode)| mode.runs()) {
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
