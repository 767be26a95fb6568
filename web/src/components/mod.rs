//! What is drawn. Everything comes from [`crate::state`]; a component of Yew is what keeps its own markup between two
//! steps or needs an element of its own, the rest are functions.

mod app;
mod break_it;
mod caption;
mod change;
mod chart;
mod choices;
mod compare;
mod controls;
mod exhibits;
mod help;
mod icons;
mod inspector;
mod keys;
mod lanes;
mod machine;
mod meanwhile;
mod mtu;
mod names;
mod packet;
mod scrubber;
mod settings;
mod shapes;
mod stage;
mod steps;
mod tables;
mod tabs;
mod take;
mod text_view;
mod top_bar;
mod transport;
mod typed;
mod walks;

use kubehop_core::api::{Decision, StepView};
use yew::UseReducerDispatcher;

use crate::scene::Picture;
use crate::state::State;

pub(crate) use app::{App, Props};

/// Sends actions.
type Act = UseReducerDispatcher<State>;

/// The step that is shown, computed once.
#[derive(Debug)]
struct Current {
    view: StepView,
    decision: Decision,
    picture: Picture,
}
