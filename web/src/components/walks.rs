//! The built-in walks: the button that names the one that is walked, the list to choose from, and the words that a walk
//! opens with.

use kubehop_core::api::{WalkSpec, walk, walk_ids};
use yew::{Html, Properties, component, html, use_memo};

use super::controls::{bool_word, icon_button, on, word_button};
use super::icons::{CLOSE, DOWN, ONWARD, PREVIOUS, icon};
use super::shapes::{span, text};
use super::top_bar::{choose, way_words};
use super::{Act, Current, settings};
use crate::state::{Action, Choice, Panel, Shared, Sheet, State, Walk};

/// The name of what is walked, with arrows to the walks beside it where there is room.
pub(super) fn walk_button(state: &State, has_arrows: bool, act: &Act) -> Html {
    let spec = state.walk.spec.as_ref();
    let title = spec.map_or("Your cluster", |spec| &spec.title);
    let is_open = state.sheet == Some(Sheet::Walks);
    let arrow = |is_next| arrow(spec.filter(|_| has_arrows), is_next, act);
    html! {
        <span class="walkb">
            { arrow(false) }
            <button class="btn walk" aria-haspopup="dialog" aria-expanded={bool_word(is_open)} title="Choose a walk"
                onclick={on(act, Action::Show((!is_open).then_some(Sheet::Walks)))}>
                <b>{ text(title) }</b>{ span("m", &way_words(&state.walk)) }{ icon(DOWN) }
            </button>
            { arrow(true) }
        </span>
    }
}

/// To the walk before or after this one, if there is one.
fn arrow(spec: Option<&WalkSpec>, is_next: bool, act: &Act) -> Html {
    let (name, shape, step) = if is_next { ("Next walk", ONWARD, 1) } else { ("Previous walk", PREVIOUS, -1) };
    let at = spec.and_then(|spec| walk_ids().position(|id| id == spec.id));
    let beside = at.and_then(|at| at.checked_add_signed(step)).and_then(|at| walk_ids().nth(at));
    let Some(id) = beside else { return html! {} };
    icon_button("icon", name, on(act, choose(Choice::Walk(id.to_owned()))), icon(shape))
}

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub walk: Shared<Walk>,
    /// Whether the bar has no room for the arrows.
    pub has_arrows: bool,
    pub act: Act,
}

/// All walks, theme by theme, and a cluster of one's own.
#[component]
pub(super) fn Walks(props: &Props) -> Html {
    let Props { walk: current, has_arrows, act } = props;
    let all = use_memo((), |()| walk_ids().filter_map(|id| walk(id).ok()).collect::<Vec<_>>());
    let id = current.spec.as_ref().map(|spec| &*spec.id);
    let item = |spec: &WalkSpec| {
        let is_current = (id == Some(&*spec.id)).then_some("true");
        let go = on(act, choose(Choice::Walk(spec.id.clone())));
        html! { <li><button aria-current={is_current} onclick={go}>{ text(&spec.title) }</button></li> }
    };
    let themes = all.chunk_by(|a, b| a.theme == b.theme).map(|theme| {
        html! { <section><h3>{ text(&theme[0].theme) }</h3><ul>{ for theme.iter().map(item) }</ul></section> }
    });
    html! {
        <div class="sheet walks" role="dialog" aria-label="Walks">
            <header><h2>{ "Walks" }</h2><span class="sp"></span>
                { for [false, true].map(|is_next| arrow(current.spec.as_ref().filter(|_| *has_arrows), is_next, act)) }
                { icon_button("icon", "Close", on(act, Action::Show(None)), icon(CLOSE)) }
            </header>
            if let Some(spec) = &current.spec { <p><b>{ text(&spec.title) }</b>{ ": " }{ text(&spec.look) }</p> }
            <div class="themes">{ for themes }</div>
            <footer>{ settings::own_cluster(id.is_none(), act) }</footer>
        </div>
    }
}

/// What a walk opens with: its first step, what to look for, and where to stop.
pub(super) fn opening(walk: &Walk, spec: &WalkSpec, current: &Current, is_full: bool, act: &Act) -> Html {
    let words = &current.view.explanation;
    let stop = |stop: &kubehop_core::api::Stop| {
        let at = walk.find(&stop.step)?;
        let title = format!("Step {}: {}", at + 1, stop.step);
        Some(html! { <li>{ word_button("stopb", &title, on(act, Action::Go(at)), &stop.text) }</li> })
    };
    let has_more = !is_full && (spec.has_pairs || !spec.shows.is_empty());
    html! {
        <div class="capgrid start">
            <div class="what"><h3>{ text(&words.headline) }</h3><p>{ text(&words.what) }</p></div>
            <div class="look"><h4>{ "What to look for" }</h4><p>{ text(&spec.look) }</p></div>
            <div class="stops"><h4>{ "Worth a stop" }</h4><ol>{ for spec.stops.iter().filter_map(stop) }</ol>
                if has_more { { word_button("btn", "Beside the first step", on(act, Action::Panel(Panel::Tables)), "See it under Tables") } }
            </div>
        </div>
    }
}
