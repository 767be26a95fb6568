//! The help.

use yew::{Html, html};

use super::Act;
use super::controls::{icon_button, on};
use super::icons::{CLOSE, icon};
use super::shapes::text;
use crate::state::Action;

/// Keys, and what they do.
const KEYS: [(&str, &str); 6] = [
    ("← →", "one step back, one step on"),
    ("PgUp PgDn", "previous place, next place"),
    ("Home End", "first step, last step"),
    ("Space", "play or pause"),
    ("Tab", "from control to control"),
    ("? Esc", "open and close this help"),
];

/// What the picture's lines and boxes mean; the class draws an example.
const LOOKS: [(&str, &str); 6] = [
    ("lk-now", "where the packet is now"),
    ("lk-done", "where it has been"),
    ("lk-ahead", "where it will go"),
    ("lk-unused", "a place that this mode leaves empty"),
    ("lk-mark", "changed by this step"),
    ("lk-ns", "a pod: its border is a network namespace, which the pause container (anchor) holds open"),
];

/// Keys and what the picture's lines mean.
pub(super) fn help(act: &Act) -> Html {
    let keys = KEYS.iter().map(|(keys, what)| html! { <><dt><kbd>{ *keys }</kbd></dt><dd>{ text(what) }</dd></> });
    let looks =
        LOOKS.iter().map(|(class, what)| html! { <><dt><span class={*class}></span></dt><dd>{ text(what) }</dd></> });
    html! {
        <div class="sheet help" role="dialog" aria-label="Help">
            <header>
                <h2>{ "How to read and to walk" }</h2>
                { icon_button("icon", "Close help", on(act, Action::Show(None)), icon(CLOSE)) }
            </header>
            <div class="cols"><dl>{ for keys }</dl><dl>{ for looks }</dl></div>
            <p>{ "Everything is computed on this page by a simulation of the Linux network stack; no packet and no cluster leaves your browser." }</p>
        </div>
    }
}
