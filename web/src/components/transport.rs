//! The bar at the bottom: step, play, jump.

use yew::{AttrValue, Html, html};

use super::Act;
use super::controls::{bool_word, icon_button, on};
use super::icons::{FIRST, LAST, LINES, NEXT, PAUSE, PLAY, PREVIOUS, icon};
use super::lanes::Lanes;
use super::scrubber::{Ticks, position, scrubber};
use super::shapes::text;
use crate::state::{Action, Sheet, State, Zoom};

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
    let journey = walk.reel.step(&walk.trace, cursor).0.journey.0;
    let is_by_hops = state.zoom == Zoom::Hops;
    let zoom = Action::Zoom(if is_by_hops { Zoom::Steps } else { Zoom::Hops });
    let (n, n_all, unit) = position(state);
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
                { icon_button("icon txt", "Text view", on(act, Action::Show((state.sheet != Some(Sheet::Text)).then_some(Sheet::Text))), icon(LINES)) }
                { icon_button(play_class, play, on(act, Action::TogglePlay), icon(play_icon)) }
                <button class="spd" aria-label={AttrValue::from(format!("Speed {speed}"))} title="Speed" onclick={on(act, Action::CycleSpeed)}>{ text(speed) }</button>
                <button class="spd hop" aria-pressed={bool_word(is_by_hops)} aria-label="Go by hops" title="One stop for each place and device, or every step"
                    onclick={on(act, zoom)}>{ "hops" }</button>
            </div>
            <Lanes walk={walk.clone()} journey={journey} act={act.clone()} />
            { scrubber(state, ticks, headline, act) }
            <div class="cnt" aria-hidden="true"><b>{ n }</b><span>{ format!(" / {n_all}") }</span><em>{ unit }</em></div>
        </>
    }
}
