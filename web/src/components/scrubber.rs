//! The slider: a native range with ticks drawn behind it, one path for each kind of tick.

use std::fmt::Write as _;

use yew::{Callback, Html, InputEvent, Properties, TargetCast as _, component, html, use_memo};

use super::Act;
use crate::state::{Action, Leg, Shared, Walk};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub walk: Shared<Walk>,
    pub cursor: usize,
    pub headline: String,
    pub act: Act,
}

/// Width of the drawing, in its own units.
const WIDTH: f64 = 1000.0;

/// The slider over all steps.
#[component]
pub(super) fn Scrubber(props: &Props) -> Html {
    let Props { walk, cursor, headline, act } = props;
    let on_input = {
        let act = act.clone();
        Callback::from(move |event: InputEvent| {
            let input: web_sys::HtmlInputElement = event.target_unchecked_into();
            act.dispatch(Action::Go(input.value().parse::<usize>().unwrap_or(1).saturating_sub(1)));
        })
    };
    let n_steps = walk.n_steps();
    let (hop, _) = walk.reel.step(&walk.trace, *cursor);
    let ticks = use_memo(walk.clone(), |walk| ticks(walk));
    let at = x(*cursor, n_steps);
    let steps = walk.reel.same_packet(&walk.trace, *cursor);
    let packet = match (steps.first(), steps.last()) {
        (Some(first), Some(last)) => format!("M{} 10H{}", x(*first, n_steps), x(*last, n_steps)),
        _ => String::new(),
    };
    html! {
        <div class="scrub">
            <svg class="ticks" viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">
                <path class="rail-all" d="M0 10H1000" />
                <path class="rail-packet" d={packet} />
                <path class="rail-done" d={format!("M0 10H{at}")} />
                <path class="hops" d={ticks.0.clone()} />
                <path class="legs-at" d={ticks.1.clone()} />
                if let Some(reply) = walk.reply_at() { <path class="reply-at" d={format!("M{} -2V22", x(reply, n_steps))} /> }
            </svg>
            { names(walk, *cursor) }
            <input type="range" aria-label="Step" min="1" max={n_steps.to_string()} value={(cursor + 1).to_string()} oninput={on_input}
                aria-valuetext={format!("step {} of {n_steps}, {}, {headline}", cursor + 1, hop.at.short())} />
        </div>
    }
}

fn x(idx: usize, n_steps: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a walk is short")]
    let share = idx as f64 / (n_steps.max(2) - 1) as f64;
    (share * WIDTH * 10.0).round() / 10.0
}

/// A tick for every hop, and a taller one for every stretch.
fn ticks(walk: &Walk) -> (String, String) {
    let n_steps = walk.n_steps();
    let mut hops = String::new();
    for start in walk.reel.hop_starts() {
        // Writing to a String cannot fail.
        let _ = write!(hops, "M{} 7V13", x(*start, n_steps));
    }
    let mut legs = String::new();
    for leg in walk.stretches.iter().skip(1) {
        let _ = write!(legs, "M{} 2V18", x(leg.first, n_steps));
    }
    (hops, legs)
}

/// The names of the stretches, each under its own: an SVG, because the places of HTML text would need a style attribute.
fn names(walk: &Walk, cursor: usize) -> Html {
    let n_steps = walk.n_steps();
    let end_of = |idx: usize| walk.stretches.get(idx + 1).map_or(n_steps, |next| next.first);
    let name = |(idx, leg): (usize, &Leg)| {
        let end = end_of(idx);
        let percent = x((leg.first + end) / 2, n_steps) / 10.0;
        // A name needs about a fifteenth of the width.
        let is_narrow = (end - leg.first) * 15 < n_steps;
        let is_here = (leg.first..end).contains(&cursor);
        if is_narrow && !is_here {
            return html! {};
        }
        html! { <text class={if is_here { "here" } else { "" }} x={format!("{:.1}%", percent.clamp(4.0, 96.0))} y="12">{ leg.kind.name().to_lowercase() }</text> }
    };
    html! { <svg class="brk2" aria-hidden="true">{ for walk.stretches.iter().enumerate().map(name) }</svg> }
}
