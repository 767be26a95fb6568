//! What the last choice changed: the first step that differs, a way there, and that step before and now.

use yew::{Html, html};

use super::Act;
use super::controls::{icon_button, on, word_button};
use super::icons::{CLOSE, icon};
use super::shapes::span;
use crate::state::{Action, State};

/// A line above the explanation; nothing if nothing was chosen.
pub(super) fn change(state: &State, act: &Act) -> Html {
    let Some((_, difference)) = &state.before else { return html! {} };
    let at = difference.at;
    html! {
        <div class="change" role="status">
            <b>{ format!("First difference: step {}", at + 1) }</b>
            { span("cw", &difference.words) }
            if state.cursor != at { { word_button("lnk", "Go to the first step that differs", on(act, Action::Go(at)), "Go there") } }
            { word_button("lnk", "This step before the change and now", on(act, Action::CompareBefore), "Before / now") }
            { icon_button("icon", "Close first difference", on(act, Action::ForgetBefore), icon(CLOSE)) }
        </div>
    }
}
