//! The help.

use yew::{Callback, Html, Properties, component, html, use_effect_with, use_node_ref};

use super::Act;
use super::icons::{CLOSE, icon};
use crate::state::Action;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub act: Act,
}

const KEYS: [(&str, &str); 6] = [
    ("← →", "one step back, one step on"),
    ("PgUp PgDn", "previous place, next place"),
    ("Home End", "first step, last step"),
    ("Space", "play or pause"),
    ("Tab", "from control to control"),
    ("? Esc", "open and close this help"),
];

const LOOKS: [(&str, &str); 6] = [
    ("lk-now", "where the packet is now"),
    ("lk-done", "where it has been"),
    ("lk-ahead", "where it will go"),
    ("lk-unused", "a place that this mode leaves empty"),
    ("lk-mark", "changed by this step"),
    ("lk-ns", "a pod: its border is a network namespace, which the pause container (anchor) holds open"),
];

/// Keys and what the picture's lines mean.
#[component]
pub(super) fn Help(props: &Props) -> Html {
    let close = {
        let act = props.act.clone();
        Callback::from(move |_| act.dispatch(Action::Help(false)))
    };
    let button = use_node_ref();
    let focused = button.clone();
    use_effect_with((), move |()| {
        if let Some(button) = focused.cast::<web_sys::HtmlElement>() {
            let _ = button.focus();
        }
    });
    html! {
        <div class="sheet help" role="dialog" aria-label="Help">
            <header><h2>{ "How to read and to walk" }</h2><button ref={button} class="icon" aria-label="Close help" onclick={close}>{ icon(CLOSE) }</button></header>
            <div class="cols">
                <dl>{ for KEYS.iter().map(|(keys, what)| html! { <><dt><kbd>{ *keys }</kbd></dt><dd>{ *what }</dd></> }) }</dl>
                <dl>{ for LOOKS.iter().map(|(class, what)| html! { <><dt><span class={*class}></span></dt><dd>{ *what }</dd></> }) }</dl>
            </div>
            <p>{ "Everything is computed on this page by a simulation of the Linux network stack; no packet and no cluster leaves your browser." }</p>
        </div>
    }
}
