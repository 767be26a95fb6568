//! What is drawn. Components hold no state but how they are looked at; everything else comes from [`crate::state`].

mod app;
mod caption;
mod choices;
mod help;
mod icons;
mod inspector;
mod keys;
mod machine;
mod mtu;
mod packet;
mod scrubber;
mod stage;
mod steps;
mod tables;
mod tabs;
mod top_bar;
mod transport;

use kubehop_core::api::StepView;
use web_sys::HtmlSelectElement;
use wasm_bindgen::JsCast;
use yew::{Event, TargetCast as _, UseReducerDispatcher};

use crate::scene::Picture;
use crate::state::State;

pub(crate) use app::App;

/// Sends actions.
type Act = UseReducerDispatcher<State>;

/// The step that is shown, computed once.
#[derive(Debug)]
struct Current {
    view: StepView,
    decision: kubehop_core::api::Decision,
    picture: Picture,
}

/// The value that was chosen in a `<select>`.
fn chosen(event: &Event) -> String {
    event.target_unchecked_into::<HtmlSelectElement>().value()
}

/// The number that was typed into an `<input>`, if it is one.
fn typed<T: std::str::FromStr>(event: &Event) -> Option<T> {
    let input: web_sys::HtmlInputElement = event.target()?.dyn_into().ok()?;
    input.value().trim().parse().ok()
}
