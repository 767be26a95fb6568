//! The page: state, keys, and the regions of whichever layout fits.

use gloo::events::EventListener;
use gloo::utils::window;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement};
use yew::{Callback, Html, KeyboardEvent, TargetCast as _, component, html, use_effect_with, use_memo, use_node_ref, use_reducer, use_state_eq};

use super::caption::Caption;
use super::help::Help;
use super::icons::{CLOSE, icon};
use super::inspector::Inspector;
use super::keys::{Focus, action};
use super::mtu::Mtu;
use super::stage::Stage;
use super::steps::Steps;
use super::tables::Tables;
use super::tabs::{ALONE, BESIDE, Tabs, name};
use super::top_bar::TopBar;
use super::transport::Transport;
use super::{Act, Current};
use crate::hooks::{Layout, fragment, query, use_address, use_layout, use_player};
use crate::scene::Picture;
use crate::state::{Action, Arrival, Panel, Shared, State, Theme, Walk};

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
        let is_help_open = state.is_help_open;
        Callback::from(move |event: KeyboardEvent| {
            if event.ctrl_key() || event.alt_key() || event.meta_key() {
                return;
            }
            if event.key() == "Escape" && is_help_open {
                act.dispatch(Action::Help(false));
                return;
            }
            if let Some(action) = action(&event.key(), focus(&event)) {
                event.prevent_default();
                act.dispatch(action);
            }
        })
    };
    let headline = current.view.explanation.headline.clone();
    let spoken = match state.arrival {
        Arrival::Stepped(_) => headline.clone(),
        Arrival::Played(_) | Arrival::Opened => String::new(),
    };
    let dismiss = {
        let act = act.clone();
        Callback::from(move |_| act.dispatch(Action::Dismiss))
    };
    html! {
        <div class={format!("kh {}", layout.class())} data-theme={theme} ref={root} tabindex="-1" onkeydown={on_key}>
            <header class="top">
                <TopBar walk={state.walk.clone()} scenario={state.scenario.clone()} theme={state.theme} is_dark={theme == "dark"} layout={layout} act={act.clone()} />
            </header>
            { regions(&state, layout, &current, &act) }
            <footer class="bar" role="toolbar" aria-label="Playback">
                <Transport walk={state.walk.clone()} cursor={state.cursor} headline={headline} is_playing={state.is_playing} speed={state.speed} act={act.clone()} />
            </footer>
            if let Some(notice) = &state.notice {
                <div class="notice" role="alert"><p>{ notice.clone() }</p><button class="icon" aria-label="Close notice" onclick={dismiss}>{ icon(CLOSE) }</button></div>
            }
            if state.is_help_open { <Help act={act.clone()} /> }
            <div class="spoken" aria-live="polite">{ spoken }</div>
        </div>
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

fn regions(state: &State, layout: Layout, current: &Shared<Current>, act: &Act) -> Html {
    match layout {
        Layout::Full | Layout::Tight => {
            let all = [Panel::Topology, Panel::Explanation, Panel::Packet, Panel::Tables, Panel::Mtu];
            html! { { for all.map(|panel| region(state, panel, false, current, act)) } }
        }
        Layout::Rail => {
            // The list stands beside the panels, so it is never the one that is open.
            let open = if state.panel == Panel::Topology { Panel::Explanation } else { state.panel };
            html! {
                <>
                    { region(state, Panel::Topology, true, current, act) }
                    <Tabs panels={BESIDE} open={open} act={act.clone()} />
                    <div class="panel" role="tabpanel" aria-label={name(open)}>{ region(state, open, true, current, act) }</div>
                </>
            }
        }
        Layout::Line | Layout::Slim => html! {
            <>
                <Tabs panels={ALONE} open={state.panel} act={act.clone()} />
                <div class="panel" role="tabpanel" aria-label={name(state.panel)}>{ region(state, state.panel, true, current, act) }</div>
            </>
        },
    }
}

fn region(state: &State, panel: Panel, is_narrow: bool, current: &Shared<Current>, act: &Act) -> Html {
    let walk = state.walk.clone();
    let (class, content) = match panel {
        Panel::Topology if is_narrow => (
            "stage",
            html! { <Steps walk={walk} current={current.clone()} cursor={state.cursor} act={act.clone()} /> },
        ),
        Panel::Topology => (
            "stage",
            html! { <Stage walk={walk} current={current.clone()} cursor={state.cursor} arrival={state.arrival} /> },
        ),
        Panel::Explanation => ("cap", html! { <Caption words={current.view.explanation.clone()} /> }),
        Panel::Packet => (
            "ins",
            html! { <Inspector current={current.clone()} shows_all={state.shows_all_fields} act={act.clone()} /> },
        ),
        Panel::Tables => (
            "tab",
            html! { <Tables walk={walk} current={current.clone()} kind={state.table} act={act.clone()} /> },
        ),
        Panel::Mtu => ("mtu", html! { <Mtu walk={walk} current={current.clone()} /> }),
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
