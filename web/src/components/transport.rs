//! The bar at the bottom: step, play, jump.

use yew::{Callback, Html, MouseEvent, Properties, component, html};

use super::Act;
use super::icons::{FIRST, LAST, NEXT, PAUSE, PLAY, PREVIOUS, icon};
use super::scrubber::Scrubber;
use crate::state::{Action, Leg, Shared, Speed, Walk};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub walk: Shared<Walk>,
    pub cursor: usize,
    pub headline: String,
    pub is_playing: bool,
    pub speed: Speed,
    pub act: Act,
}

/// First, Previous, Next, Last, Play, the legs, the slider and the counter.
#[component]
pub(super) fn Transport(props: &Props) -> Html {
    let Props { walk, cursor, headline, is_playing, speed, act } = props;
    let on = |action: Action| -> Callback<MouseEvent> {
        let act = act.clone();
        Callback::from(move |_| act.dispatch(action.clone()))
    };
    let (is_first, is_last) = (*cursor == 0, *cursor + 1 == walk.n_steps());
    // A button at its end stays focusable: the next key must still find the page.
    let step = |name: &'static str, class: &'static str, action: Action, d: &'static str, is_over: bool| {
        html! {
            <button class={class} aria-label={name} title={name} aria-disabled={is_over.to_string()} onclick={on(action)}>{ icon(d) }</button>
        }
    };
    let leg = |leg: &Leg| {
        let is_here = walk.kinds[*cursor] == leg.kind;
        html! { <button aria-pressed={is_here.to_string()} onclick={on(Action::Go(leg.first))}>{ leg.kind.name() }</button> }
    };
    let play = if *is_playing { ("Pause", PAUSE) } else { ("Play", PLAY) };
    html! {
        <>
            <div class="btns">
                { step("First step", "icon", Action::First, FIRST, is_first) }
                { step("Previous step", "icon", Action::Previous, PREVIOUS, is_first) }
                <button class="next" aria-label="Next step" aria-disabled={is_last.to_string()} onclick={on(Action::Next)}>
                    <span aria-hidden="true">{ "Next" }</span>{ icon(NEXT) }
                </button>
                { step("Last step", "icon", Action::Last, LAST, is_last) }
            </div>
            <div class="pl">
                <button class={if *is_playing { "icon ply on" } else { "icon ply" }} aria-label={play.0} title={play.0} onclick={on(Action::TogglePlay)}>{ icon(play.1) }</button>
                <button class="spd" aria-label={format!("Speed {}", speed.label())} title="Speed" onclick={on(Action::CycleSpeed)}>{ speed.label() }</button>
            </div>
            <div class="legs seg" role="group" aria-label="Leg">{ for walk.legs.iter().map(leg) }</div>
            <Scrubber walk={walk.clone()} cursor={*cursor} headline={headline.clone()} act={act.clone()} />
            <div class="cnt" aria-hidden="true"><b>{ cursor + 1 }</b><span>{ format!(" / {}", walk.n_steps()) }</span></div>
        </>
    }
}
