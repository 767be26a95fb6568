//! The bar at the bottom: step, play, jump.

use yew::{AttrValue, Html, html};

use super::Act;
use super::controls::{bool_word, choice_button, icon_button, on};
use super::icons::{FIRST, LAST, NEXT, PAUSE, PLAY, PREVIOUS, icon};
use super::scrubber::{Ticks, scrubber};
use super::shapes::text;
use crate::state::{Action, State};

/// First, Previous, Next, Last, Play, the legs, the slider and the counter.
pub(super) fn transport(state: &State, ticks: &Ticks, headline: &str, act: &Act) -> Html {
    let (walk, cursor) = (&state.walk, state.cursor);
    let (is_first, is_last) = (state.at() == 0, state.is_at_end());
    // A button at its end stays focusable: the next key must still find the page.
    let step = |class: &'static str, name: &'static str, action: Action, is_over: bool, content: Html| {
        html! {
            <button class={class} aria-label={name} title={name} aria-disabled={bool_word(is_over)} onclick={on(act, action)}>{ content }</button>
        }
    };
    let legs = walk
        .legs
        .iter()
        .map(|leg| choice_button(leg.kind.name(), walk.kinds[cursor] == leg.kind, on(act, Action::Go(leg.first))));
    let (play_class, play, play_icon) =
        if state.is_playing { ("icon ply on", "Pause", PAUSE) } else { ("icon ply", "Play", PLAY) };
    let speed = state.speed.label();
    html! {
        <>
            <div class="btns">
                { step("icon", "First step", Action::First, is_first, icon(FIRST)) }
                { step("icon", "Previous step", Action::Previous, is_first, icon(PREVIOUS)) }
                { step("next", "Next step", Action::Next, is_last, html! { <><span aria-hidden="true">{ "Next" }</span>{ icon(NEXT) }</> }) }
                { step("icon", "Last step", Action::Last, is_last, icon(LAST)) }
            </div>
            <div class="pl">
                { icon_button(play_class, play, on(act, Action::TogglePlay), icon(play_icon)) }
                <button class="spd" aria-label={AttrValue::from(format!("Speed {speed}"))} title="Speed" onclick={on(act, Action::CycleSpeed)}>{ text(speed) }</button>
            </div>
            <div class="legs seg" role="group" aria-label="Leg">{ for legs }</div>
            { scrubber(state, ticks, headline, act) }
            <div class="cnt" aria-hidden="true"><b>{ cursor + 1 }</b><span>{ format!(" / {}", walk.n_steps()) }</span></div>
        </>
    }
}
