//! The slider: a native range with ticks drawn behind it, one path for each kind of tick. It goes by steps, or by hops.

use std::fmt::Write as _;

use web_sys::HtmlInputElement;
use yew::{Callback, Html, InputEvent, TargetCast as _, html};

use super::Act;
use super::shapes::path;
use crate::scene::geometry::{Tenths, within};
use crate::scene::is_end;
use crate::state::{Action, Leg, State, Walk, Zoom};

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
    pub(super) fn new(walk: &Walk, zoom: Zoom) -> Self {
        let mut ticks = Self { hops: String::new(), legs: String::new(), reply: String::new(), ends: String::new() };
        // Writing to a String cannot fail.
        let starts = if zoom == Zoom::Hops { &walk.stops } else { walk.reel.hop_starts() };
        for start in starts {
            let _ = write!(ticks.hops, "M{} 7V13", x(*start, walk, zoom));
        }
        for leg in walk.stretches.iter().skip(1) {
            let _ = write!(ticks.legs, "M{} 2V18", x(leg.first, walk, zoom));
        }
        if let Some(reply) = walk.reply_at() {
            let _ = write!(ticks.reply, "M{} -2V22", x(reply, walk, zoom));
        }
        for (idx, (_, step)) in walk.trace.steps().enumerate() {
            if is_end(&step.decision) {
                let _ = write!(ticks.ends, "M{} 3V17", x(idx, walk, zoom));
            }
        }
        ticks
    }
}

/// The slider over all steps.
pub(super) fn scrubber(state: &State, ticks: &Ticks, headline: &str, act: &Act) -> Html {
    let (walk, cursor, zoom) = (&state.walk, state.cursor, state.zoom);
    let on_input = {
        let (act, stops) = (act.clone(), walk.stops.clone());
        Callback::from(move |event: InputEvent| {
            let input: HtmlInputElement = event.target_unchecked_into();
            let at = input.value().parse::<usize>().unwrap_or(1).saturating_sub(1);
            act.dispatch(Action::Go(match zoom {
                Zoom::Steps => at,
                Zoom::Hops => stops.get(at).copied().unwrap_or_default(),
            }));
        })
    };
    let (n, n_all, unit) = position(state);
    let at = walk.reel.step(&walk.trace, cursor).0.at.short();
    let steps = walk.reel.same_packet(&walk.trace, cursor);
    let packet = match (steps.first(), steps.last()) {
        (Some(first), Some(last)) => format!("M{} 10H{}", x(*first, walk, zoom), x(*last, walk, zoom)),
        _ => String::new(),
    };
    html! {
        <div class="scrub">
            <svg class="ticks" viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">
                { path("rail-all", "M0 10H1000".to_owned()) }
                { path("rail-packet", packet) }
                { path("rail-done", format!("M0 10H{}", x(cursor, walk, zoom))) }
                { path("hops", ticks.hops.clone()) }
                { path("legs-at", ticks.legs.clone()) }
                { path("reply-at", ticks.reply.clone()) }
                { path("ends-at", ticks.ends.clone()) }
            </svg>
            { names(walk, cursor, zoom) }
            <input type="range" aria-label="Step" min="1" max={n_all.to_string()} value={n.to_string()} oninput={on_input}
                aria-valuetext={format!("{unit} {n} of {n_all}, {at}, {headline}")} />
        </div>
    }
}

/// A step's place on the slider, from 0 to 1000.
fn x(idx: usize, walk: &Walk, zoom: Zoom) -> Tenths {
    let (at, n) = match zoom {
        Zoom::Steps => (idx, walk.n_steps()),
        Zoom::Hops => (walk.stop_of(idx), walk.stops.len()),
    };
    #[expect(clippy::cast_precision_loss, reason = "a walk is short")]
    Tenths(at as f64 * 1000.0 / (n.max(2) - 1) as f64)
}

/// Which one of how many is shown, from 1, and what is counted.
pub(super) fn position(state: &State) -> (usize, usize, &'static str) {
    match state.zoom {
        Zoom::Steps => (state.cursor + 1, state.walk.n_steps(), "step"),
        Zoom::Hops => (state.walk.stop_of(state.cursor) + 1, state.walk.stops.len(), "hop"),
    }
}

/// The names of the stretches, each under its own: an SVG, because the places of HTML text would need a style attribute.
fn names(walk: &Walk, cursor: usize, zoom: Zoom) -> Html {
    let n_steps = walk.n_steps();
    let end_of = |idx: usize| walk.stretches.get(idx + 1).map_or(n_steps, |next| next.first);
    let name = |(idx, leg): (usize, &Leg)| {
        let end = end_of(idx);
        let (from, to) = (x(leg.first, walk, zoom).0, if end == n_steps { 1000.0 } else { x(end, walk, zoom).0 });
        let percent = Tenths(within((from + to) / 20.0, 4.0, 96.0));
        let is_here = (leg.first..end).contains(&cursor);
        // A name needs about a seventh of the width; on a page of one column about a fifth.
        let is_narrow = (to - from) * 7.0 < 1000.0;
        let class = match is_here {
            true => "here",
            false if (to - from) * 5.0 < 1000.0 => "small",
            false => "",
        };
        (is_here || !is_narrow)
            .then(|| html! { <text class={class} x={format!("{percent}%")} y="12">{ leg.kind.name().to_ascii_lowercase() }</text> })
    };
    html! { <svg class="brk2" aria-hidden="true">{ for walk.stretches.iter().enumerate().filter_map(name) }</svg> }
}
