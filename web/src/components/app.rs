//! The page: state, keys, and the regions of whichever layout fits.

use gloo::events::EventListener;
use gloo::utils::window;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement};
use yew::{
    Callback, Html, KeyboardEvent, NodeRef, TargetCast as _, component, html, use_effect_with, use_memo, use_node_ref,
    use_reducer, use_state_eq,
};

use super::break_it::BreakIt;
use super::caption::caption;
use super::change::change;
use super::chart::{Chart, efficiency};
use super::compare::{compare, spoken};
use super::controls::{icon_button, on};
use super::help::help;
use super::icons::{CLOSE, icon};
use super::inspector::Inspector;
use super::keys::{Focus, action};
use super::meanwhile::Meanwhile;
use super::mtu::mtu;
use super::scrubber::Ticks;
use super::settings::settings;
use super::stage::Stage;
use super::steps::Steps;
use super::tables::tables;
use super::tabs::{ALONE, BESIDE, name, tabs};
use super::text_view::TextView;
use super::top_bar::top_bar;
use super::transport::transport;
use super::{Act, Current};
use crate::hooks::{Layout, fragment, query, scroll_to, use_address, use_focus, use_layout, use_player};
use crate::scene::Picture;
use crate::state::{Action, Arrival, Link, Panel, Scenario, Shared, Sheet, State, Theme, Walk};

/// The page.
#[component]
pub(crate) fn App() -> Html {
    let state = use_reducer(|| State::open(&fragment()));
    use_address(&state);
    use_player(&state);
    let root = use_node_ref();
    let layout = use_layout(&root);
    let system_is_dark = use_system_theme();
    let act: Act = state.dispatcher();

    let current = use_memo((state.walk.clone(), state.cursor), |(walk, cursor)| Shared::new(current(walk, *cursor)));
    let current: Shared<Current> = (*current).clone();
    let theme = match (state.theme, query("theme").as_deref()) {
        (Theme::Light, _) | (Theme::System, Some("light")) => "light",
        (Theme::Dark, _) | (Theme::System, Some("dark")) => "dark",
        _ if system_is_dark => "dark",
        _ => "light",
    };
    let on_key = {
        let act = act.clone();
        let open = state.sheet.map(|_| Action::Show(None));
        Callback::from(move |event: KeyboardEvent| {
            if event.ctrl_key() || event.alt_key() || event.meta_key() {
                return;
            }
            let key = event.key();
            let close = open.clone().filter(|_| key == "Escape");
            if let Some(action) = close.or_else(|| action(&key, focus(&event))) {
                event.prevent_default();
                act.dispatch(action);
            }
        })
    };
    let ticks = use_memo((state.walk.clone(), state.zoom), |(walk, zoom)| Ticks::new(walk, *zoom));
    let (command, rows) = (use_node_ref(), use_node_ref());
    {
        let rows = rows.clone();
        use_effect_with((state.walk.clone(), state.cursor, state.table, state.panel), move |_| {
            scroll_to(&rows, ".hit, .fresh", 0.95);
        });
    }
    use_focus(&root, state.sheet);
    let comparing = if state.comparison.is_some() { " comparing" } else { "" };
    let headline = &current.view.explanation.headline;
    let spoken = match (state.arrival, &state.comparison) {
        (Arrival::Stepped(_), Some(all)) => spoken(all, state.row),
        (Arrival::Stepped(_), None) => headline.clone(),
        _ => String::new(),
    };
    html! {
        <div class={format!("kh {}{comparing}", layout.class())} data-theme={theme} data-still={state.is_still.then_some("")} ref={root} tabindex="-1" onkeydown={on_key}>
            <header class="top">{ top_bar(&state, theme == "dark", layout, &act) }</header>
            if let Some(all) = &state.comparison { { compare(&state, all, layout, &act) } }
            else { { regions(&state, layout, &current, [&command, &rows], &act) } }
            <footer class="bar" role="toolbar" aria-label="Playback">{ transport(&state, &ticks, headline, &act) }</footer>
            if let Some(notice) = &state.notice {
                <div class="notice" role="alert">
                    <p>{ notice.clone() }</p>
                    { icon_button("icon", "Close notice", on(&act, Action::Dismiss), icon(CLOSE)) }
                </div>
            }
            { sheet(&state, layout, &act) }
            <div class="spoken" aria-live="polite">{ spoken }</div>
        </div>
    }
}

/// What lies above the page.
fn sheet(state: &State, layout: Layout, act: &Act) -> Html {
    match state.sheet {
        None => html! {},
        Some(Sheet::Help) => help(act),
        Some(Sheet::Settings) => settings(state, layout, act),
        Some(Sheet::Meanwhile) => html! { <Meanwhile walk={state.walk.clone()} act={act.clone()} /> },
        Some(Sheet::Text) => html! { <TextView walk={state.walk.clone()} cursor={state.cursor} act={act.clone()} /> },
        Some(Sheet::Efficiency) => efficiency(&state.walk, act),
        Some(Sheet::Faults) => {
            let scenario = Scenario { faults: Vec::new(), ..state.scenario.clone() };
            // Another cluster or run has its own outcomes.
            let key = Link { scenario: scenario.clone(), ..Link::default() }.to_fragment();
            html! { <BreakIt key={key} scenario={scenario} walk={state.walk.clone()} act={act.clone()} /> }
        }
        Some(Sheet::Chart) => html! { <Chart act={act.clone()} /> },
    }
}

/// Everything about one step.
fn current(walk: &Walk, cursor: usize) -> Current {
    let view = walk.view(cursor).expect("the cursor is inside the walk");
    let picture = Picture::new(&walk.cast, &walk.reel, &walk.trace, cursor, &view);
    Current { picture, decision: walk.reel.step(&walk.trace, cursor).1.decision.clone(), view }
}

/// What has the focus when a key is pressed.
fn focus(event: &KeyboardEvent) -> Focus {
    let Some(element) = event.target_dyn_into::<Element>() else { return Focus::Other };
    let input_type = element.dyn_ref::<HtmlInputElement>().map(HtmlInputElement::type_).unwrap_or_default();
    Focus::of(&element.tag_name(), &input_type)
}

/// The regions of a layout: all at once, or a list of steps and one panel.
fn regions(state: &State, layout: Layout, current: &Shared<Current>, nodes: [&NodeRef; 2], act: &Act) -> Html {
    let region = |panel: Panel, is_narrow: bool| region(state, panel, is_narrow, current, nodes, act);
    if layout.is_full() {
        let all = [Panel::Topology, Panel::Explanation, Panel::Packet, Panel::Tables, Panel::Mtu];
        return html! { <>{ for all.map(|panel| region(panel, false)) }</> };
    }
    // Where the list stands beside the panels, it is never the one that is open.
    let (panels, open) = match (layout, state.panel) {
        (Layout::Rail, Panel::Topology) => (BESIDE, Panel::Explanation),
        (Layout::Rail, panel) => (BESIDE, panel),
        (_, panel) => (ALONE, panel),
    };
    html! {
        <>
            if layout == Layout::Rail { { region(Panel::Topology, true) } }
            { tabs(panels, open, act) }
            <div class="panel" role="tabpanel" aria-label={name(open)}>{ region(open, true) }</div>
        </>
    }
}

fn region(
    state: &State,
    panel: Panel,
    is_narrow: bool,
    current: &Shared<Current>,
    [command, rows]: [&NodeRef; 2],
    act: &Act,
) -> Html {
    let (walk, cursor) = (state.walk.clone(), state.cursor);
    let (class, content) = match panel {
        Panel::Topology if is_narrow => {
            ("stage", html! { <Steps walk={walk} current={current.clone()} cursor={cursor} act={act.clone()} /> })
        }
        Panel::Topology => {
            ("stage", html! { <Stage walk={walk} current={current.clone()} cursor={cursor} arrival={state.arrival} /> })
        }
        Panel::Explanation => {
            ("cap", html! { <>{ change(state, act) }{ caption(&walk, current, command, state.copied, act) }</> })
        }
        Panel::Packet => (
            "ins",
            html! { <Inspector walk={walk} current={current.clone()} shows_all={state.shows_all_fields} act={act.clone()} /> },
        ),
        Panel::Tables => ("tab", tables(state, current, rows, act)),
        Panel::Mtu => ("mtu", mtu(&walk, current, act)),
    };
    html! { <section class={class} aria-label={name(panel)}>{ content }</section> }
}

/// Whether the system wants dark colours; follows it.
#[yew::hook]
fn use_system_theme() -> bool {
    let query = || window().match_media("(prefers-color-scheme: dark)").ok().flatten();
    let is_dark = use_state_eq(|| query().is_some_and(|query| query.matches()));
    let setter = is_dark.setter();
    use_effect_with((), move |()| {
        let listener = query().map(|query| {
            let asked = query.clone();
            EventListener::new(&query, "change", move |_| setter.set(asked.matches()))
        });
        move || drop(listener)
    });
    *is_dark
}
