//! The bar at the top: which world is walked, and what else the page can do.

use kubehop_core::api::CniMode;
use gloo::utils::window;
use web_sys::HtmlInputElement;
use yew::{Callback, Event, Html, MouseEvent, Properties, TargetCast as _, component, html, use_node_ref, use_state_eq};

use super::choices::{Group, Scheme, Target, receivers, senders, with_scheme};
use super::icons::{ARROW, MENU, SHARE, THEME, icon, logo};
use super::{Act, chosen, typed};
use crate::hooks::{Layout, copy_or_select, read_text};
use crate::state::{Action, Choice, Scenario, Shared, Theme, Walk};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub walk: Shared<Walk>,
    pub scenario: Scenario,
    pub theme: Theme,
    pub is_dark: bool,
    pub layout: Layout,
    pub act: Act,
}

/// NIC MTUs that exist in the field.
const MTUS: [usize; 6] = [1280, 1400, 1450, 1500, 8950, 9000];

/// The bar at the top.
#[component]
pub(super) fn TopBar(props: &Props) -> Html {
    let Props { walk, is_dark, layout, act, .. } = props;
    let is_open = use_state_eq(|| false);
    let toggle = {
        let (setter, open) = (is_open.setter(), *is_open);
        Callback::from(move |_: MouseEvent| setter.set(!open))
    };
    let on = |action: Action| -> Callback<MouseEvent> {
        let act = act.clone();
        Callback::from(move |_| act.dispatch(action.clone()))
    };
    let other = if *is_dark { Theme::Light } else { Theme::Dark };
    let theme_name = if *is_dark { "Light theme" } else { "Dark theme" };
    let (kind, outcome) = walk.outcome();
    let verdict = if kind == "delivered" { "✓" } else { "✕" };
    let is_full = layout.is_full();
    let target = Target::parse(&walk.run.to);
    let to = target.as_ref().map_or_else(|| walk.run.to.clone(), |target| name_of(walk, target));
    html! {
        <>
            <span class="logo">{ logo() }<b>{ "Kubehop" }</b></span>
            if is_full {
                { route(props) }
                { cni(props) }
                { size(props) }
                { mtu(props) }
            } else {
                <span class="ttl" title={format!("{} to {}", walk.run.from, walk.run.to)}>
                    <b>{ short(&walk.run.from) }</b>{ " → " }<b>{ to }</b>
                    <span class="mode">{ format!(" {}", mode_name(walk.scene.cni)) }</span>
                </span>
            }
            <span class="sp"></span>
            <span class={if kind == "delivered" { "outcome fit" } else { "outcome fit bad" }} title={outcome.clone()}>{ format!("{verdict} {kind}") }</span>
            <button class="btn more" aria-expanded={is_open.to_string()} aria-label={if is_full { "More settings" } else { "Settings" }} title="Settings" onclick={toggle.clone()}>
                { if is_full { html! { "More" } } else { icon(MENU) } }
            </button>
            if is_full { <Share act={act.clone()} /> }
            <button class="icon thm" aria-label={theme_name} title={theme_name} onclick={on(Action::Theme(other))}>{ icon(THEME) }</button>
            <button class="icon hlp" aria-label="Help" title="Help" onclick={on(Action::Help(true))}>{ "?" }</button>
            if *is_open {
                <div class="sheet settings" role="dialog" aria-label="Settings">
                    if !is_full {
                        { route(props) }
                        { cni(props) }
                        { size(props) }
                        { mtu(props) }
                    }
                    { more(props) }
                    if !is_full { <Share act={act.clone()} /> }
                    <button class="btn" onclick={toggle}>{ "Done" }</button>
                </div>
            }
        </>
    }
}

fn short(reference: &str) -> String {
    let parts: Vec<&str> = reference.split('/').collect();
    match parts[..] {
        ["pod", _, name, ..] | [_, name] => name.to_owned(),
        _ => reference.to_owned(),
    }
}

/// Whom a target's address belongs to, with its port.
fn name_of(walk: &Walk, target: &Target) -> String {
    let value = target.value();
    let groups = receivers(&walk.scene, target.scheme, &walk.run.from);
    let place = groups.iter().flat_map(|group| &group.places).find(|place| place.value == value);
    place.map_or(value, |place| place.label.clone())
}

/// Sender, protocol, receiver.
fn route(props: &Props) -> Html {
    let Props { walk, act, .. } = props;
    let run = &walk.run;
    let on_from = {
        let act = act.clone();
        Callback::from(move |event: Event| act.dispatch(Action::Choose(Choice::From(chosen(&event)))))
    };
    let Some(target) = Target::parse(&run.to) else { return html! {} };
    let on_scheme = {
        let (act, walk, target) = (act.clone(), walk.clone(), target.clone());
        Callback::from(move |event: Event| {
            let wanted = chosen(&event);
            if let Some(scheme) = Scheme::ALL.into_iter().find(|scheme| scheme.name() == wanted) {
                let to = with_scheme(&walk.scene, &target, scheme, &walk.run.from);
                act.dispatch(Action::Choose(Choice::To(to)));
            }
        })
    };
    let on_to = {
        let (act, scheme) = (act.clone(), target.scheme);
        Callback::from(move |event: Event| act.dispatch(Action::Choose(Choice::To(format!("{}://{}", scheme.name(), chosen(&event))))))
    };
    html! {
        <span class="way">
            { menu("Sender", "from", &senders(&walk.scene), &run.from, on_from) }
            <select class="pick scheme" aria-label="Protocol" title="Protocol" onchange={on_scheme}>
                { for Scheme::ALL.iter().map(|scheme| html! { <option value={scheme.name()} selected={*scheme == target.scheme}>{ scheme.name() }</option> }) }
            </select>
            <span class="to" aria-hidden="true">{ icon(ARROW) }</span>
            { menu("Receiver", "to", &receivers(&walk.scene, target.scheme, &run.from), &target.value(), on_to) }
        </span>
    }
}

/// A menu of places; what is chosen and not among them stands first.
fn menu(name: &'static str, class: &'static str, groups: &[Group], value: &str, on_change: Callback<Event>) -> Html {
    let is_listed = groups.iter().flat_map(|group| &group.places).any(|place| place.value == value);
    html! {
        <select class={format!("pick {class}")} aria-label={name} title={format!("{name}: {value}")} onchange={on_change}>
            if !is_listed { <option value={value.to_owned()} selected=true>{ short(value) }</option> }
            { for groups.iter().map(|group| html! {
                <optgroup label={group.label.clone()}>
                    { for group.places.iter().map(|place| html! {
                        <option value={place.value.clone()} selected={place.value == value}>{ place.label.clone() }</option>
                    }) }
                </optgroup>
            }) }
        </select>
    }
}

fn mode_name(mode: CniMode) -> &'static str {
    let name = mode.name().rsplit('/').next().unwrap_or_default();
    if name == "vxlan" { "VXLAN" } else { name }
}

fn cni(props: &Props) -> Html {
    let Props { walk, act, .. } = props;
    let mode = |(plugin, _, mode): &(&'static str, &'static str, CniMode)| {
        let (act, mode) = (act.clone(), *mode);
        let on_click = Callback::from(move |_| act.dispatch(Action::Choose(Choice::Cni(mode))));
        html! {
            <button aria-pressed={(walk.scene.cni == mode).to_string()} title={format!("{plugin}, {}", mode_name(mode))} onclick={on_click}>{ mode_name(mode) }</button>
        }
    };
    html! { <div class="seg" role="group" aria-label="CNI mode"><span class="segl">{ "flannel" }</span>{ for CniMode::ALL.iter().map(mode) }</div> }
}

/// A number that is taken when the field is left, or Enter is pressed.
fn number(act: &Act, name: &'static str, label: &'static str, value: usize, max: usize, choice: fn(usize) -> Choice) -> Html {
    let act = act.clone();
    let on_change = Callback::from(move |event: Event| match typed::<usize>(&event) {
        Some(number) => act.dispatch(Action::Choose(choice(number))),
        None => act.dispatch(Action::Tell(format!("{name}: a number of bytes is expected"))),
    });
    html! {
        <label class="fld"><span>{ label }</span>
            <input type="number" aria-label={name} title={format!("{name}, bytes")} min="0" max={max.to_string()} value={value.to_string()} onchange={on_change} />
        </label>
    }
}

fn size(props: &Props) -> Html {
    number(&props.act, "Request size", "Size", props.scenario.size, 65507, Choice::Size)
}

fn mtu(props: &Props) -> Html {
    let Props { walk, act, .. } = props;
    let act = act.clone();
    let on_change = Callback::from(move |event: Event| {
        if let Ok(mtu) = chosen(&event).parse() {
            act.dispatch(Action::Choose(Choice::Mtu(mtu)));
        }
    });
    let known = MTUS.contains(&walk.mtu);
    html! {
        <label class="fld"><span>{ "NIC MTU" }</span>
            <select class="pick" aria-label="NIC MTU" title="MTU of every node's NIC" onchange={on_change}>
                if !known { <option value={walk.mtu.to_string()} selected=true>{ walk.mtu }</option> }
                { for MTUS.iter().map(|mtu| html! { <option value={mtu.to_string()} selected={*mtu == walk.mtu}>{ *mtu }</option> }) }
            </select>
        </label>
    }
}

/// What is chosen more rarely: reply, DF, seed, and a cluster of one's own.
fn more(props: &Props) -> Html {
    let Props { scenario, act, .. } = props;
    let on_df = {
        let act = act.clone();
        Callback::from(move |event: Event| {
            let input: HtmlInputElement = event.target_unchecked_into();
            act.dispatch(Action::Choose(Choice::Df(input.checked())));
        })
    };
    let on_seed = {
        let act = act.clone();
        Callback::from(move |event: Event| {
            if let Some(seed) = typed(&event) {
                act.dispatch(Action::Choose(Choice::Seed(seed)));
            }
        })
    };
    let on_file = {
        let act = act.clone();
        Callback::from(move |event: Event| {
            let input: HtmlInputElement = event.target_unchecked_into();
            let Some(file) = input.files().and_then(|files| files.get(0)) else { return };
            let act = act.clone();
            read_text(file, Callback::from(move |text: Result<String, String>| act.dispatch(match text {
                Ok(text) => Action::Choose(Choice::Cluster(Some(text.into()))),
                Err(problem) => Action::Tell(problem),
            })));
        })
    };
    let on_builtin = {
        let act = act.clone();
        Callback::from(move |_: MouseEvent| act.dispatch(Action::Choose(Choice::Cluster(None))))
    };
    html! {
        <>
            { number(act, "Reply size", "Reply", scenario.reply, 1 << 20, Choice::Reply) }
            <label class="fld"><span>{ "Seed" }</span>
                <input type="number" aria-label="Seed" min="0" value={scenario.seed.to_string()} onchange={on_seed} />
            </label>
            <label class="fld chk"><input type="checkbox" checked={scenario.df} onchange={on_df} /><span>{ "ping sets DF and insists" }</span></label>
            <label class="fld file"><span>{ "Your cluster (kubectl get nodes,pods -A -o yaml)" }</span>
                <input type="file" aria-label="Your cluster" accept=".yaml,.yml,.json" onchange={on_file} />
            </label>
            if scenario.cluster.is_some() {
                <button class="btn" onclick={on_builtin}>{ "Back to the built-in cluster" }</button>
            }
        </>
    }
}

#[derive(PartialEq, Properties)]
struct ShareProps {
    act: Act,
}

/// Copies the address of this very step.
#[component]
fn Share(props: &ShareProps) -> Html {
    let label = use_state_eq(|| "Share");
    let node = use_node_ref();
    let on_click = {
        let (act, label, node) = (props.act.clone(), label.setter(), node.clone());
        Callback::from(move |_| {
            let url = window().location().href().unwrap_or_default();
            let (act, label, shown) = (act.clone(), label.clone(), url.clone());
            let done = Callback::from(move |is_copied| {
                if is_copied {
                    label.set("Copied");
                } else {
                    act.dispatch(Action::Tell(format!("The clipboard is refused here. The address of this step: {shown}")));
                }
            });
            copy_or_select(&url, node.clone(), done);
        })
    };
    html! { <button class="btn shr" title="Copy the address of this step" onclick={on_click}>{ icon(SHARE) }{ *label }</button> }
}
