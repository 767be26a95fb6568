//! The bar at the top: which world is walked, and what else the page can do.

use std::rc::Rc;

use gloo::utils::window;
use kubehop_core::api::CniMode;
use web_sys::HtmlInputElement;
use yew::{Callback, Event, Html, NodeRef, TargetCast as _, html};

use super::Act;
use super::choices::{Group, Place, Scheme, Target, receivers, senders, with_scheme};
use super::controls::{Take, bool_word, choice_button, icon_button, menu, number, on, tick, word_button};
use super::icons::{ARROW, MENU, SHARE, THEME, icon, logo};
use super::shapes::{span, text};
use crate::hooks::{Layout, copy_or_select, read_text};
use crate::state::{Action, Choice, State, Theme, Walk};

/// NIC MTUs that exist in the field.
const MTUS: [usize; 6] = [1280, 1400, 1450, 1500, 8950, 9000];

/// The bar at the top.
pub(super) fn top_bar(state: &State, is_dark: bool, layout: Layout, act: &Act) -> Html {
    let walk = &state.walk;
    let (theme, theme_name) = if is_dark { (Theme::Light, "Light theme") } else { (Theme::Dark, "Dark theme") };
    let (kind, outcome) = walk.outcome();
    let (mark, class) = if kind == "delivered" { ("✓", "outcome fit") } else { ("✕", "outcome fit bad") };
    let is_full = layout.is_full();
    let (main, settings) = (|| main(state, act), on(act, Action::Settings(!state.is_settings_open)));
    html! {
        <>
            <span class="logo">{ logo() }<b>{ "Kubehop" }</b></span>
            if is_full { { main() } } else { { title(walk) } }
            <span class="sp"></span>
            <span class={class} title={outcome}>{ format!("{mark} {kind}") }</span>
            <button class="btn more" aria-expanded={bool_word(state.is_settings_open)} aria-label={if is_full { "More settings" } else { "Settings" }}
                title="Settings" onclick={settings.clone()}>{ if is_full { text("More") } else { icon(MENU) } }</button>
            if is_full { { share(true, act) } }
            { icon_button("icon thm", theme_name, on(act, Action::Theme(theme)), icon(THEME)) }
            { icon_button("icon hlp", "Help", on(act, Action::Help(true)), text("?")) }
            if state.is_settings_open {
                <div class="sheet settings" role="dialog" aria-label="Settings">
                    if !is_full { { main() } }
                    { more(state, act) }
                    if !is_full { { share(false, act) } }
                    { word_button("btn", "Close the settings", settings, "Done") }
                </div>
            }
        </>
    }
}

/// What a narrow page has room for: who talks to whom.
fn title(walk: &Walk) -> Html {
    let to = Target::parse(&walk.run.to).map_or_else(|| walk.run.to.clone(), |target| name_of(walk, &target));
    html! {
        <span class="ttl" title={format!("{} to {}", walk.run.from, walk.run.to)}>
            <b>{ text(short(&walk.run.from)) }</b>{ " → " }<b>{ to }</b>{ span("mode", mode_name(walk.scene.cni)) }
        </span>
    }
}

fn short(reference: &str) -> &str {
    let mut parts = reference.split('/');
    match parts.next() {
        Some("pod") => parts.nth(1).unwrap_or(reference),
        _ => parts.next().unwrap_or(reference),
    }
}

/// Whom a target's address belongs to, with its port.
fn name_of(walk: &Walk, target: &Target) -> String {
    let value = target.value();
    let groups = receivers(&walk.scene, target.scheme, &walk.run.from);
    let place = groups.iter().flat_map(|group| &group.places).find(|place| place.value == value);
    place.map_or(value, |place| place.label.clone())
}

/// Options that belong to no group.
fn plain(options: impl Iterator<Item = String>) -> [Group; 1] {
    [Group { label: String::new(), places: options.map(|value| Place { label: value.clone(), value }).collect() }]
}

fn choose(choice: Choice) -> Action {
    Action::Choose(choice)
}

/// Sender, protocol, receiver, CNI mode, size, MTU.
fn main(state: &State, act: &Act) -> Html {
    let walk = &state.walk;
    let run = &walk.run;
    let take_mtu: Take = Rc::new(|value| value.parse().map_or(Action::Dismiss, |mtu| choose(Choice::Mtu(mtu))));
    let mtus = plain(MTUS.iter().map(ToString::to_string));
    let cni = walk.scene.cni;
    let runs = || CniMode::ALL.iter();
    let plugin = runs().find(|(_, _, mode)| *mode == cni).map_or("", |(plugin, _, _)| *plugin);
    let modes = runs()
        .filter(|(of, _, _)| *of == plugin)
        .map(|(_, _, mode)| choice_button(mode_name(*mode), cni == *mode, on(act, choose(Choice::Cni(*mode)))));
    let mut plugins: Vec<&str> = runs().map(|(plugin, _, _)| *plugin).collect();
    plugins.dedup();
    let plugins = plain(plugins.into_iter().map(str::to_owned));
    // Another plugin begins with its default mode, which comes first.
    let take_plugin: Take = Rc::new(|value| {
        let first = CniMode::ALL.iter().find(|(plugin, _, _)| *plugin == value);
        first.map_or(Action::Dismiss, |(_, _, mode)| choose(Choice::Cni(*mode)))
    });
    html! {
        <>
            if let Some(target) = Target::parse(&run.to) { { way(state, &target, act) } }
            { menu("pick plugin", "CNI plugin", &plugins, plugin, act, take_plugin) }
            <div class="seg" role="group" aria-label="CNI mode">{ for modes }</div>
            { number("Request size", "Size", &state.scenario.size.to_string(), act, bytes("Request size", Choice::Size)) }
            <label class="fld"><span>{ "MTU" }</span>{ menu("pick", "NIC MTU", &mtus, &walk.mtu.to_string(), act, take_mtu) }</label>
        </>
    }
}

/// Sender, protocol, receiver.
fn way(state: &State, target: &Target, act: &Act) -> Html {
    let walk = &state.walk;
    let from = &walk.run.from;
    let take_from: Take = Rc::new(|value| choose(Choice::From(value.to_owned())));
    let take_scheme: Take = {
        let (walk, target) = (walk.clone(), target.clone());
        Rc::new(move |value| {
            let scheme = Scheme::ALL.into_iter().find(|scheme| scheme.name() == value).unwrap_or(target.scheme);
            choose(Choice::To(with_scheme(&walk.scene, &target, scheme, &walk.run.from)))
        })
    };
    let scheme = target.scheme;
    let take_to: Take = Rc::new(move |value| choose(Choice::To(format!("{}://{value}", scheme.name()))));
    let schemes = plain(Scheme::ALL.iter().map(|scheme| scheme.name().to_owned()));
    html! {
        <span class="way">
            { menu("pick from", "Sender", &senders(&walk.scene), from, act, take_from) }
            { menu("pick scheme", "Protocol", &schemes, scheme.name(), act, take_scheme) }
            <span class="to" aria-hidden="true">{ icon(ARROW) }</span>
            { menu("pick to", "Receiver", &receivers(&walk.scene, scheme, from), &target.value(), act, take_to) }
        </span>
    }
}

fn mode_name(mode: CniMode) -> &'static str {
    let name = mode.name().rsplit('/').next().unwrap_or_default();
    if name == "vxlan" { "VXLAN" } else { name }
}

/// Takes a number of bytes.
fn bytes(name: &'static str, choice: fn(usize) -> Choice) -> Take {
    Rc::new(move |value| match value.parse() {
        Ok(bytes) => choose(choice(bytes)),
        Err(_) => Action::Tell(format!("{name}: a number of bytes is expected, not {value:?}")),
    })
}

/// What is chosen more rarely: reply, DF, seed, and a cluster of one's own.
fn more(state: &State, act: &Act) -> Html {
    let scenario = &state.scenario;
    let take_seed: Take = Rc::new(|value| match value.parse() {
        Ok(seed) => choose(Choice::Seed(seed)),
        Err(_) => Action::Tell(format!("Seed: a number is expected, not {value:?}")),
    });
    let on_file = {
        let act = act.clone();
        Callback::from(move |event: Event| {
            let input: HtmlInputElement = event.target_unchecked_into();
            let Some(file) = input.files().and_then(|files| files.get(0)) else { return };
            let act = act.clone();
            read_text(
                file,
                Callback::from(move |text: Result<String, String>| {
                    act.dispatch(match text {
                        Ok(text) => choose(Choice::Cluster(Some(text.into()))),
                        Err(problem) => Action::Tell(problem),
                    });
                }),
            );
        })
    };
    html! {
        <>
            { number("Reply size", "Reply", &scenario.reply.to_string(), act, bytes("Reply size", Choice::Reply)) }
            { number("Seed", "Seed", &scenario.seed.to_string(), act, take_seed) }
            { tick("ping sets DF and insists", scenario.df, act, |df| choose(Choice::Df(df))) }
            <label class="fld file"><span>{ "Your cluster (kubectl get nodes,pods -A -o yaml)" }</span>
                <input type="file" aria-label="Your cluster" accept=".yaml,.yml,.json" onchange={on_file} />
            </label>
            if scenario.cluster.is_some() {
                { word_button("btn", "Forget your cluster", on(act, choose(Choice::Cluster(None))), "Back to the built-in cluster") }
            }
        </>
    }
}

/// Copies the address of this very step.
fn share(is_full: bool, act: &Act) -> Html {
    let act = act.clone();
    let on_click = Callback::from(move |_| {
        let url = window().location().href().unwrap_or_default();
        let (act, told) = (act.clone(), url.clone());
        let done = Callback::from(move |is_copied| {
            act.dispatch(Action::Tell(if is_copied {
                "The address of this step is copied.".to_owned()
            } else {
                format!("The clipboard is refused here. The address of this step: {told}")
            }));
        });
        copy_or_select(&url, NodeRef::default(), done);
    });
    if is_full {
        return icon_button("icon", "Share: copy the address of this step", on_click, icon(SHARE));
    }
    html! { <button class="btn shr" title="Copy the address of this step" onclick={on_click}>{ icon(SHARE) }{ "Share" }</button> }
}
