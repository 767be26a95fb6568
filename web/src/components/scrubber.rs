//! The slider: a native range with ticks drawn behind it, one path for each kind of tick.

use std::fmt::Write as _;

use web_sys::HtmlInputElement;
use yew::{Callback, Html, InputEvent, TargetCast as _, html};

use super::Act;
use super::shapes::path;
use crate::scene::geometry::{Tenths, within};
use crate::scene::is_end;
use crate::state::{Action, Leg, State, Walk};

/// The ticks of a walk, drawn once for it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ticks {
    hops: String,
    legs: String,
    reply: String,
    ends: String,
}

impl Ticks {
    /// A tick for every hop, a taller one for every stretch, one for the reply.
    pub(super) fn new(walk: &Walk) -> Self {
        let mut ticks = Self { hops: String::new(), legs: String::new(), reply: String::new(), ends: String::new() };
        // Writing to a String cannot fail.
        for start in walk.reel.hop_starts() {
            let _ = write!(ticks.hops, "M{} 7V13", x(*start, walk));
        }
        for leg in walk.stretches.iter().skip(1) {
            let _ = write!(ticks.legs, "M{} 2V18", x(leg.first, walk));
        }
        if let Some(reply) = walk.reply_at() {
            let _ = write!(ticks.reply, "M{} -2V22", x(reply, walk));
        }
        for (idx, (_, step)) in walk.trace.steps().enumerate() {
            if is_end(&step.decision) {
                let _ = write!(ticks.ends, "M{} 3V17", x(idx, walk));
            }
        }
        ticks
    }
}

/// The slider over all steps.
pub(super) fn scrubber(state: &State, ticks: &Ticks, headline: &str, act: &Act) -> Html {
    let (walk, cursor) = (&state.walk, state.cursor);
    let on_input = {
        let act = act.clone();
        Callback::from(move |event: InputEvent| {
            let input: HtmlInputElement = event.target_unchecked_into();
            act.dispatch(Action::Go(input.value().parse::<usize>().unwrap_or(1).saturating_sub(1)));
        })
    };
    let n_steps = walk.n_steps();
    let at = walk.reel.step(&walk.trace, cursor).0.at.short();
    let steps = walk.reel.same_packet(&walk.trace, cursor);
    let packet = match (steps.first(), steps.last()) {
        (Some(first), Some(last)) => format!("M{} 10H{}", x(*first, walk), x(*last, walk)),
        _ => String::new(),
    };
    html! {
        <div class="scrub">
            <svg class="ticks" viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">
                { path("rail-all", "M0 10H1000".to_owned()) }
                { path("rail-packet", packet) }
                { path("rail-done", format!("M0 10H{}", x(cursor, walk))) }
                { path("hops", ticks.hops.clone()) }
                { path("legs-at", ticks.legs.clone()) }
                { path("reply-at", ticks.reply.clone()) }
                { path("ends-at", ticks.ends.clone()) }
            </svg>
            { names(walk, cursor) }
            <input type="range" aria-label="Step" min="1" max={n_steps.to_string()} value={(cursor + 1).to_string()} oninput={on_input}
                aria-valuetext={format!("step {} of {n_steps}, {at}, {headline}", cursor + 1)} />
        </div>
    }
}

/// A step's place on the slider, from 0 to 1000.
fn x(idx: usize, walk: &Walk) -> Tenths {
    #[expect(clippy::cast_precision_loss, reason = "a walk is short")]
    Tenths(idx as f64 * 1000.0 / (walk.n_steps().max(2) - 1) as f64)
}

/// The names of the stretches, each under its own: an SVG, because the places of HTML text would need a style attribute.
fn names(walk: &Walk, cursor: usize) -> Html {
    let n_steps = walk.n_steps();
    let end_of = |idx: usize| walk.stretches.get(idx + 1).map_or(n_steps, |next| next.first);
    let name = |(idx, leg): (usize, &Leg)| {
        let end = end_of(idx);
        let percent = Tenths(within(x(usize::midpoint(leg.first, end), walk).0 / 10.0, 4.0, 96.0));
        // A name needs about a fifteenth of the width.
        let is_narrow = (end - leg.first) * 15 < n_steps;
        let is_here = (leg.first..end).contains(&cursor);
        // On a page of one column it needs about a fifth.
        let class = match is_here {
            true => "here",
            false if (end - leg.first) * 5 < n_steps => "small",
            false => "",
        };
        (is_here || !is_narrow)
            .then(|| html! { <text class={class} x={format!("{percent}%")} y="12">{ leg.kind.name().to_ascii_lowercase() }</text> })
    };
    html! { <svg class="brk2" aria-hidden="true">{ for walk.stretches.iter().enumerate().filter_map(name) }</svg> }
}
