//! The page: state, keys, and the regions of whichever layout fits.

use gloo::events::EventListener;
use gloo::utils::window;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement};
use yew::{
    Callback, Html, KeyboardEvent, NodeRef, Properties, TargetCast as _, UseReducerHandle, component, html,
    use_effect_with, use_memo, use_mut_ref, use_node_ref, use_reducer, use_state_eq,
};

use super::break_it::BreakIt;
use super::caption::caption;
use super::change::change;
use super::chart::{Chart, efficiency};
use super::compare::{compare, spoken};
use super::controls::{icon_button, on, word_button};
use super::exhibits::Exhibits;
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
use super::take::Take;
use super::text_view::TextView;
use super::top_bar::{title, top_bar};
use super::transport::transport;
use super::walks::{Walks, opening};
use super::{Act, Current};
use crate::embed::Port;
use crate::hooks::{
    Layout, fragment, is_sandboxed, measure, scroll_to, use_address, use_focus, use_layout, use_player,
};
use crate::scene::Picture;
use crate::state::{Action, Arrival, Controls, Link, Options, Panel, Scenario, Shared, Sheet, State, Theme, Walk};

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) port: Shared<Port>,
}

/// The page.
#[component]
pub(crate) fn App(props: &Props) -> Html {
    let port = &props.port;
    let options = &port.options;
    let state = use_reducer(|| State::open(&port.fragment.clone().unwrap_or_else(fragment)));
    use_address(&state, port.fragment.is_none());
    use_player(&state);
    let root = use_node_ref();
    let layout = use_layout(&root, options);
    use_port(port, &state, layout, &root);
    let system_is_dark = use_system_theme();
    let act: Act = state.dispatcher();

    let current = use_memo((state.walk.clone(), state.cursor), |(walk, cursor)| Shared::new(current(walk, *cursor)));
    let current: Shared<Current> = (*current).clone();
    let theme = match (state.theme, options.theme) {
        (Theme::Light, _) | (Theme::System, Theme::Light) => "light",
        (Theme::Dark, _) | (Theme::System, Theme::Dark) => "dark",
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
        <div class={format!("{}{comparing}", class(layout, options))} data-theme={theme} data-still={state.is_still.then_some("")} ref={root} tabindex="-1" onkeydown={on_key}>
            <header class="top">
                if options.is_short() { { title(&state.walk) } } else { { top_bar(&state, theme == "dark", layout, &act) } }
                if options.is_embed { { open_full(&state, options, &act) } }
            </header>
            if let Some(all) = &state.comparison { { compare(&state, all, layout, &act) } }
            else { { regions(&state, layout, options.view, &current, [&command, &rows], &act) } }
            if options.controls != Controls::None {
                <footer class="bar" role="toolbar" aria-label="Playback">{ transport(&state, &ticks, headline, &act) }</footer>
            }
            if let Some(notice) = &state.notice {
                <div class="notice" role="alert">
                    <p>{ notice.clone() }</p>
                    { icon_button("icon", "Close notice", on(&act, Action::Dismiss), icon(CLOSE)) }
                </div>
            }
            { sheet(&state, layout, &current, options, &act) }
            <div class="spoken" aria-live="polite">{ spoken }</div>
        </div>
    }
}

/// Everything that the style sheets tell apart.
fn class(layout: Layout, options: &Options) -> String {
    let controls = match options.controls {
        Controls::Full => "",
        Controls::Min => " c-min",
        Controls::None => " c-none",
    };
    format!("kh {}{}{controls}", layout.class(), if options.view.is_some() { " alone" } else { "" })
}

/// From an embedded page to one that has a window of its own.
fn open_full(state: &State, options: &Options, act: &Act) -> Html {
    if is_sandboxed() {
        // No window can be opened from here: the address is shown.
        return word_button(
            "btn full-link",
            "Show the link to the full page",
            on(act, Action::Show(Some(Sheet::Take))),
            "Open full",
        );
    }
    html! { <a class="btn full-link" href={options.link(&state.fragment())} target="_blank" rel="noopener">{ "Open full" }</a> }
}

/// Tells those outside what they may want to know.
#[yew::hook]
fn use_port(port: &Shared<Port>, state: &UseReducerHandle<State>, layout: Layout, root: &NodeRef) {
    let told = use_mut_ref(|| None::<(Shared<Walk>, usize, Layout)>);
    let (port, state, root) = (port.clone(), state.clone(), root.clone());
    use_effect_with((state.walk.clone(), state.cursor, state.is_playing, layout), move |(walk, cursor, _, layout)| {
        // The first time it is not known yet.
        let is_alone = port.options.view.is_some();
        let layout = root.cast::<Element>().map_or(*layout, |root| measure(&root, is_alone));
        port.show(&state, layout);
        let before = told.replace(Some((walk.clone(), *cursor, layout)));
        let is_elsewhere = before.as_ref().is_some_and(|(then, at, _)| then != walk || at != cursor);
        let events = [
            ("ready", before.is_none()),
            ("resize", before.as_ref().is_none_or(|(_, _, then)| *then != layout)),
            ("stepchange", is_elsewhere),
            ("disposition", is_elsewhere && state.is_at_end()),
        ];
        for (event, _) in events.iter().filter(|(_, happened)| *happened) {
            port.tell(event);
        }
    });
}

/// What lies above the page.
fn sheet(state: &State, layout: Layout, current: &Shared<Current>, options: &Options, act: &Act) -> Html {
    match state.sheet {
        None => html! {},
        Some(Sheet::Help) => help(act),
        Some(Sheet::Walks) => {
            html! { <Walks walk={state.walk.clone()} has_arrows={!layout.has_arrows()} act={act.clone()} /> }
        }
        Some(Sheet::Settings) => settings(state, layout, act),
        Some(Sheet::Meanwhile) => html! { <Meanwhile walk={state.walk.clone()} act={act.clone()} /> },
        Some(Sheet::Text) => html! { <TextView walk={state.walk.clone()} cursor={state.cursor} act={act.clone()} /> },
        Some(Sheet::Efficiency) => efficiency(&state.walk, act),
        Some(Sheet::Faults) => {
            let scenario = Scenario { faults: Some(Vec::new()), ..state.scenario.clone() };
            // Another cluster or run has its own outcomes.
            let key = Link { scenario: scenario.clone(), ..Link::default() }.to_fragment();
            html! { <BreakIt key={key} scenario={scenario} walk={state.walk.clone()} act={act.clone()} /> }
        }
        Some(Sheet::Take) => html! {
            <Take walk={state.walk.clone()} current={current.clone()} cursor={state.cursor} fragment={state.fragment()} options={options.clone()} act={act.clone()} />
        },
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
fn regions(
    state: &State,
    layout: Layout,
    view: Option<Panel>,
    current: &Shared<Current>,
    nodes: [&NodeRef; 2],
    act: &Act,
) -> Html {
    let region = |panel: Panel, is_narrow: bool| region(state, panel, is_narrow, current, nodes, act);
    if let Some(panel) = view {
        return html! { <div class="panel">{ region(panel, !layout.is_full()) }</div> };
    }
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
    // A walk opens with its own words.
    let spec = walk.spec.as_ref().filter(|_| cursor == walk.start());
    let (class, content) = match panel {
        Panel::Topology if is_narrow => (
            "stage",
            html! { <Steps walk={walk.clone()} current={current.clone()} cursor={cursor} act={act.clone()} /> },
        ),
        Panel::Topology => (
            "stage",
            html! { <Stage walk={walk.clone()} current={current.clone()} cursor={cursor} arrival={state.arrival} /> },
        ),
        Panel::Explanation => {
            let words = match spec {
                Some(spec) => opening(&walk, spec, current, !is_narrow, act),
                None => caption(&walk, current, command, state.copied, act),
            };
            ("cap", html! { <>{ change(state, act) }{ words }</> })
        }
        Panel::Packet => (
            "ins",
            html! { <Inspector walk={walk.clone()} current={current.clone()} shows_all={state.shows_all_fields} act={act.clone()} /> },
        ),
        Panel::Tables if spec.is_some_and(|spec| spec.has_pairs || !spec.shows.is_empty()) => {
            ("tab", html! { <Exhibits walk={walk.clone()} scenario={state.scenario.clone()} /> })
        }
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
