//! The clock of playing.

use gloo::timers::callback::Interval;
use yew::{UseReducerHandle, hook, use_effect_with};

use crate::state::{Action, State};

/// Goes on by a step at a time while the walk plays.
#[hook]
pub(crate) fn use_player(state: &UseReducerHandle<State>) {
    let dispatch = state.dispatcher();
    let millis = state.is_playing.then(|| state.speed.step_millis());
    use_effect_with(millis, move |millis| {
        let interval = millis.map(|millis| Interval::new(millis, move || dispatch.dispatch(Action::Tick)));
        move || drop(interval)
    });
}
