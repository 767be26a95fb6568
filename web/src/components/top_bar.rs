//! The bar at the top: which world is walked, and what else the page can do.

use std::rc::Rc;

use kubehop_core::api::{CniMode, ProxyMode};
use yew::{Html, html};

use super::Act;
use super::break_it::break_button;
use super::choices::{Group, Place, Scheme, Target, proxies, receivers, senders, with_scheme};
use super::compare::compare_button;
use super::controls::{Take, bool_word, choice_button, icon_button, menu, on};
use super::icons::{ARROW, MENU, SHARE, THEME, icon, logo};
use super::shapes::{span, text};
use super::walks::walk_button;
use crate::hooks::Layout;
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
    html! {
        <>
            <span class="logo">{ logo() }<b>{ "Kubehop" }</b></span>
            { walk_button(state, layout.has_arrows(), act) }
            if is_full { { kernels(state, act) } }
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

/// What a short embed has room for: who talks to whom, and by what.
pub(super) fn title(walk: &Walk) -> Html {
    html! {
        <span class="ttl" title={format!("{} to {}", walk.run.from, walk.run.to)}>
            <b>{ way_words(walk) }</b>{ span("mode", &format!("{}, {}", mode_name(walk.scene.cni), proxy_name(walk.scene.proxy))) }
        </span>
    }
}

/// Who talks to whom.
pub(super) fn way_words(walk: &Walk) -> String {
    let to = Target::parse(&walk.run.to).map_or_else(|| walk.run.to.clone(), |target| name_of(walk, &target));
    format!("{} → {to}", short(&walk.run.from))
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

/// CNI plugin and mode, kube-proxy's mode: who programs the kernels.
pub(super) fn kernels(state: &State, act: &Act) -> Html {
    let walk = &state.walk;
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
            { menu("pick plugin", "CNI plugin", &plugins, plugin, act, take_plugin) }
            <div class="seg" role="group" aria-label="CNI mode">{ for modes }</div>
            { menu("pick proxy", "kube-proxy", &[proxies(&walk.scene)], proxy_name(walk.scene.proxy), act, take_proxy) }
        </>
    }
}

/// Sender, protocol, receiver.
pub(super) fn way(state: &State, act: &Act) -> Html {
    let Some(target) = Target::parse(&state.walk.run.to) else { return html! {} };
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

/// Opens what can be taken away.
pub(super) fn share(is_full: bool, act: &Act) -> Html {
    let on_click = on(act, Action::Show(Some(Sheet::Take)));
    if is_full {
        return icon_button("icon", "Take away: link, picture, capture, text", on_click, icon(SHARE));
    }
    html! { <button class="btn shr" title="Link, picture, capture, text" onclick={on_click}>{ icon(SHARE) }{ "Take away" }</button> }
}
