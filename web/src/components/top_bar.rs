//! The bar at the top: which world is walked, and what else the page can do.

use std::rc::Rc;

use gloo::utils::window;
use kubehop_core::api::{CniMode, ProxyMode};
use yew::{Callback, Html, NodeRef, html};

use super::Act;
use super::break_it::break_button;
use super::choices::{Group, Place, Scheme, Target, proxies, receivers, senders, with_scheme};
use super::compare::compare_button;
use super::controls::{Take, bool_word, choice_button, icon_button, menu, on};
use super::icons::{ARROW, MENU, SHARE, THEME, icon, logo};
use super::shapes::{span, text};
use crate::hooks::{Layout, copy_or_select};
use crate::state::{Action, Choice, Sheet, State, Theme, Walk, proxy_name};

/// The bar at the top.
pub(super) fn top_bar(state: &State, is_dark: bool, layout: Layout, act: &Act) -> Html {
    let walk = &state.walk;
    let (theme, theme_name) = if is_dark { (Theme::Light, "Light theme") } else { (Theme::Dark, "Dark theme") };
    let (kind, outcome) = walk.outcome();
    let (mark, class) = if kind == "delivered" { ("✓", "outcome fit") } else { ("✕", "outcome fit bad") };
    let is_full = layout.is_full();
    let toggle = |sheet| on(act, Action::Show((state.sheet != Some(sheet)).then_some(sheet)));
    let opens = |class, sheet, name: &'static str, content| {
        let is_open = bool_word(state.sheet == Some(sheet));
        html! { <button class={class} aria-expanded={is_open} aria-label={name} title={name} onclick={toggle(sheet)}>{ content }</button> }
    };
    let n_actions = state.scenario.actions.len();
    let meanwhile = html! { <>{ "While it runs" }if n_actions > 0 { <b class="count">{ n_actions }</b> }</> };
    html! {
        <>
            <span class="logo">{ logo() }<b>{ "Kubehop" }</b></span>
            if is_full { { main(state, act) }
                if layout == Layout::Full { { opens("btn act", Sheet::Meanwhile, "While it runs", meanwhile) } }
            } else { { title(walk) } }
            <span class="sp"></span>
            <span class={class} title={outcome}>{ format!("{mark} {kind}") }</span>
            { break_button(state, act) }
            if is_full { { compare_button(state, act) } }
            if is_full { { opens("btn more", Sheet::Settings, "More settings", text("More")) } }
            else { { opens("btn more", Sheet::Settings, "Settings", icon(MENU)) } }
            if is_full { { share(true, act) } }
            { icon_button("icon thm", theme_name, on(act, Action::Theme(theme)), icon(THEME)) }
            { opens("icon hlp", Sheet::Help, "Help", text("?")) }
        </>
    }
}

/// What a narrow page has room for: who talks to whom.
fn title(walk: &Walk) -> Html {
    let to = Target::parse(&walk.run.to).map_or_else(|| walk.run.to.clone(), |target| name_of(walk, &target));
    html! {
        <span class="ttl" title={format!("{} to {}", walk.run.from, walk.run.to)}>
            <b>{ text(short(&walk.run.from)) }</b>{ " → " }<b>{ to }</b>{ span("mode", &format!("{}, {}", mode_name(walk.scene.cni), proxy_name(walk.scene.proxy))) }
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
pub(super) fn plain(options: impl Iterator<Item = String>) -> [Group; 1] {
    [Group { label: String::new(), places: options.map(|value| Place::new(&value, &value)).collect() }]
}

pub(super) fn choose(choice: Choice) -> Action {
    Action::Choose(choice)
}

/// Sender, protocol, receiver, CNI mode, kube-proxy's mode.
pub(super) fn main(state: &State, act: &Act) -> Html {
    let walk = &state.walk;
    let run = &walk.run;
    let take_proxy: Take = Rc::new(|value| {
        let mode = ProxyMode::ALL.iter().find(|(name, _)| *name == value);
        mode.map_or(Action::Dismiss, |(_, mode)| choose(Choice::Proxy(*mode)))
    });
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
            { menu("pick proxy", "kube-proxy", &[proxies(&walk.scene)], proxy_name(walk.scene.proxy), act, take_proxy) }
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

/// Copies the address of this very step.
pub(super) fn share(is_full: bool, act: &Act) -> Html {
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
