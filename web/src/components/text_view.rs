//! The walk as text: an ordered list of every step, packet by packet, to read, to hear, or to print.

use yew::{Html, Properties, component, html, use_effect_with, use_node_ref};

use super::Act;
use super::controls::{icon_button, on};
use super::icons::{CLOSE, icon};
use super::shapes::{bit, text};
use crate::hooks::scroll_to;
use crate::scene::packet_title;
use crate::state::{Action, Shared, Walk};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub walk: Shared<Walk>,
    pub cursor: usize,
    pub act: Act,
}

/// The sheet.
#[component]
pub(super) fn TextView(props: &Props) -> Html {
    let Props { walk, cursor, act } = props;
    let list = use_node_ref();
    let scrolled = list.clone();
    use_effect_with(*cursor, move |_| scroll_to(&scrolled, "[aria-current]", 1.0 / 3.0));
    let starts = walk.reel.hop_starts();
    let hop = |(idx, first): (usize, &usize)| {
        let end = starts.get(idx + 1).copied().unwrap_or(walk.n_steps());
        let (hop, _) = walk.reel.step(&walk.trace, *first);
        let journey = walk.trace.journey(hop.journey);
        html! {
            <section key={idx}>
                <h3>{ text(&packet_title(journey.flow, &journey.name)) }{ bit("", &format!(" at {}", hop.at)) }</h3>
                <ol start={(first + 1).to_string()}>{ for (*first..end).map(|idx| step(walk, idx, *cursor, act)) }</ol>
            </section>
        }
    };
    let run = &walk.run;
    html! {
        <div class="sheet textview" role="dialog" aria-label="Text view">
            <header>
                <h2>{ format!("{} to {}: {}", run.from, run.to, walk.outcome().1) }</h2>
                { icon_button("icon", "Close the text view", on(act, Action::Show(None)), icon(CLOSE)) }
            </header>
            <div class="all-steps" ref={list} tabindex="0" role="group" aria-label="Every step">{ for starts.iter().enumerate().map(hop) }</div>
        </div>
    }
}

fn step(walk: &Walk, idx: usize, cursor: usize, act: &Act) -> Html {
    html! {
        <li key={idx}>
            <button aria-current={(idx == cursor).then_some("step")} onclick={on(act, Action::Go(idx))}>{ text(&walk.headline(idx)) }</button>
        </li>
    }
}
