//! The few shapes that everything is drawn with. One function for each keeps the program small: the page is downloaded
//! before anything is learned from it.

use yew::{AttrValue, Html, html};

use crate::scene::Mark;
use crate::scene::geometry::{Rect, Tenths};

/// A number of the canvas as an attribute.
pub(super) fn num(number: f64) -> AttrValue {
    AttrValue::from(Tenths(number).to_string())
}

/// A box with rounded corners.
pub(super) fn rect(class: &'static str, rect: Rect, radius: f64) -> Html {
    html! { <rect class={class} x={num(rect.x)} y={num(rect.y)} width={num(rect.w)} height={num(rect.h)} rx={num(radius)} /> }
}

/// A line of text, at its baseline.
pub(super) fn label(x: f64, y: f64, class: &'static str, words: &str) -> Html {
    html! { <text class={class} x={num(x)} y={num(y)}>{ text(words) }</text> }
}

/// A line of text whose end is said in another way.
pub(super) fn label_with(x: f64, y: f64, class: &'static str, words: &str, more: (&'static str, &str)) -> Html {
    let (more_class, more) = more;
    html! { <text class={class} x={num(x)} y={num(y)}>{ text(words) }<tspan class={more_class} dx="7">{ text(more) }</tspan></text> }
}

/// A path.
pub(super) fn path(class: &'static str, d: String) -> Html {
    html! { <path class={class} d={d} /> }
}

/// A path somewhere else, turned by so many degrees.
pub(super) fn path_at(class: &'static str, d: &'static str, x: f64, y: f64, degrees: f64) -> Html {
    let transform = format!("translate({} {}) rotate({})", Tenths(x), Tenths(y), Tenths(degrees));
    html! { <path class={class} d={d} transform={transform} /> }
}

/// Things that belong together: what they are to the step, and what a pointer that rests on them is told.
pub(super) fn group(class: &'static str, state: &'static str, title: &str, children: Vec<Html>) -> Html {
    html! { <g class={class} data-state={state}><title>{ text(title) }</title>{ children }</g> }
}

/// A piece of text with a class; a pointer that rests on it is told all of it.
pub(super) fn span(class: &'static str, words: &str) -> Html {
    html! { <span class={class} title={AttrValue::from(words.to_owned())}>{ text(words) }</span> }
}

/// A piece of text with a class, and nothing to tell besides.
pub(super) fn bit(class: &'static str, words: &str) -> Html {
    html! { <span class={class}>{ text(words) }</span> }
}

/// Text.
pub(super) fn text(words: &str) -> Html {
    yew::virtual_dom::VText::new(words.to_owned()).into()
}

/// The word of a mark in the style sheet; what is never reached looks like what is not reached yet.
pub(super) fn state(mark: Mark) -> &'static str {
    match mark {
        Mark::Done => "done",
        Mark::Now => "now",
        Mark::Ahead | Mark::Unused => "ahead",
    }
}
