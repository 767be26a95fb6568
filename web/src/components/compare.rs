//! The same packet twice or three times, side by side, locked to the same step.

use std::rc::Rc;

use kubehop_core::api::{CniMode, ProxyMode, faults};
use yew::{Html, Properties, component, html, use_effect_with, use_node_ref, use_state};

use super::Act;
use super::choices::{Group, Place};
use super::controls::{Take, bool_word, icon_button, menu, on, tab};
use super::icons::{CLOSE, COLUMNS, icon};
use super::shapes::{bit, span, text};
use crate::hooks::{Layout, scroll_to};
use crate::scene::{Comparing, comparing, packet_title, stage_name};
use crate::state::{Action, Choice, Comparison, Shared, State, Walk, from_word, to_word};

/// The button of the top bar.
pub(super) fn compare_button(state: &State, act: &Act) -> Html {
    let is_open = state.comparison.is_some();
    let next = if is_open { Vec::new() } else { first_choice(state) };
    html! {
        <button class="btn cmpb" aria-pressed={bool_word(is_open)} aria-label="Compare" title="The same packet twice, side by side"
            onclick={on(act, Action::Compare(next))}>{ icon(COLUMNS) }{ bit("wd", "Compare") }</button>
    }
}

/// What a comparison begins with: without the fault, or else the other kind of network.
fn first_choice(state: &State) -> Vec<Choice> {
    if state.scenario.faults.is_empty() { vec![other_network(state)] } else { vec![Choice::Fault(None)] }
}

fn other_network(state: &State) -> Choice {
    let has_tunnel = state.walk.cast.left.overlay().is_some();
    Choice::Cni(if has_tunnel { CniMode::CalicoBgp } else { CniMode::FlannelVxlan })
}

/// Comparisons that have a name.
fn presets(state: &State) -> [(&'static str, Vec<Choice>); 3] {
    let others = ProxyMode::ALL.iter().map(|(_, mode)| *mode);
    let others = others.filter(|mode| *mode != ProxyMode::None && *mode != state.walk.scene.proxy).take(2);
    let has_tunnel = state.walk.cast.left.overlay().is_some();
    let wrong = if has_tunnel { "cni-mtu" } else { "small-nic" };
    [
        ("Tunnel beside routes", vec![other_network(state)]),
        ("Three kube-proxies", others.map(Choice::Proxy).collect()),
        ("MTU right and wrong", vec![Choice::Fault(Some(wrong.to_owned()))]),
    ]
}

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub all: Shared<Comparison>,
    pub row: usize,
    pub with: Vec<Choice>,
    pub presets: Vec<(&'static str, Vec<Choice>)>,
    pub layout: Layout,
    pub act: Act,
}

/// The comparison, in place of the regions of one walk.
pub(super) fn compare(state: &State, all: &Shared<Comparison>, layout: Layout, act: &Act) -> Html {
    let presets = presets(state).to_vec();
    html! { <Compare all={all.clone()} row={state.row} with={state.with.clone()} presets={presets} layout={layout} act={act.clone()} /> }
}

/// What is said of a step of several walks.
pub(super) fn spoken(all: &Comparison, row: usize) -> String {
    let said = comparing(all, row).into_iter().map(|side| format!("{}: {}", side.name, side.headline));
    said.collect::<Vec<_>>().join(" ")
}

#[component]
pub(super) fn Compare(props: &Props) -> Html {
    let Props { all, row, with, presets, layout, act } = props;
    let open = use_state(|| 0_usize);
    let list = use_node_ref();
    let scrolled = list.clone();
    use_effect_with((*row, all.clone(), *layout), move |_| scroll_to(&scrolled, "[aria-current]", 1.0 / 3.0));
    let sides = comparing(all, *row);
    let tabs = sides.iter().enumerate().map(|(n, side)| {
        let open = open.clone();
        tab("", &side.name, *open == n, yew::Callback::from(move |_| open.set(n)))
    });
    let buttons = presets.iter().map(|(words, choices)| {
        let is_on = bool_word(with == choices);
        html! { <button class="btn" aria-pressed={is_on} onclick={on(act, Action::Compare(choices.clone()))}>{ text(words) }</button> }
    });
    let class = format!("cmp n{} t{}", sides.len(), (*open).min(sides.len() - 1));
    html! {
        <section class={class} aria-label="Compare">
            <header class="cmph">
                <h2>{ "Compare" }</h2>
                <div class="presets" role="group" aria-label="Ready-made">{ for buttons }</div>
                { chooser(with, with.len(), presets, act) }
                <span class="sp"></span>
                { bit("cn", &format!("{} of {}", row + 1, all.rows.len())) }
                { icon_button("icon", "Close comparison", on(act, Action::Compare(Vec::new())), icon(CLOSE)) }
            </header>
            <div class="ctabs" role="tablist" aria-label="Sides">{ for tabs }</div>
            <div class="cgrid heads">{ for sides.iter().enumerate().map(|(n, side)| head(all, side, n, with, act)) }</div>
            <ol class="crows" ref={list} tabindex="0" aria-label="Steps of this packet">{ rows(all, *row, act) }</ol>
            <div class="cgrid now">{ for sides.iter().map(now) }</div>
        </section>
    }
}

type Presets = [(&'static str, Vec<Choice>)];

/// A menu of everything that can be otherwise on the side of choice `n` of `with`; behind the last, of whole comparisons too.
fn chooser(with: &[Choice], n: usize, presets: &Presets, act: &Act) -> Html {
    let is_new = n == with.len();
    let words = |choices: &[Choice]| choices.iter().filter_map(to_word).collect::<Vec<_>>().join(",");
    let ready = presets.iter().map(|(name, choices)| Place::new(words(choices), *name));
    let place = |choice: &Choice, label: &str| Place::new(to_word(choice).unwrap_or_default(), label);
    let group = |label: &str, places: Vec<Place>| Group { label: label.to_owned(), places };
    let proxies = ProxyMode::ALL.iter().map(|(name, mode)| place(&Choice::Proxy(*mode), name));
    let mtus = [1280, 1400, 1450, 1500, 9000].map(|mtu| place(&Choice::Mtu(mtu), &format!("MTU {mtu}")));
    let broken = faults().into_iter().map(|it| place(&Choice::Fault(Some(it.id.to_owned())), it.id));
    let whole = place(&Choice::Fault(None), "nothing broken");
    let none = if is_new { "Compare with …" } else { "no longer" };
    let mut groups = vec![
        group("", vec![Place::new("", none)]),
        group("Ready-made", ready.collect()),
        group("CNI", CniMode::ALL.iter().map(|(_, _, mode)| place(&Choice::Cni(*mode), mode.name())).collect()),
        group("kube-proxy", proxies.collect()),
        group("NIC MTU", mtus.into()),
        group("Faults", std::iter::once(whole).chain(broken).collect()),
    ];
    if !is_new {
        groups.remove(1);
    }
    let now = with.get(n).and_then(to_word).unwrap_or_default();
    let with = with.to_vec();
    let take: Take = Rc::new(move |word| {
        let chosen: Vec<Choice> = word.split(',').filter_map(from_word).collect();
        // Three columns are all that there is room for.
        let with = if is_new && (chosen.len() > 1 || with.len() > 1) {
            chosen
        } else {
            let (before, after) = (&with[..n], &with[(n + 1).min(with.len())..]);
            [before, &chosen, after].concat()
        };
        Action::Compare(with)
    });
    let name = match n {
        _ if is_new => "Compare with",
        0 => "Compared with",
        _ => "Compared with, too",
    };
    menu("pick with", name, &groups, &now, act, take)
}

/// Who stands in a column, and how it ends there.
fn head(all: &Comparison, side: &Comparing, n: usize, with: &[Choice], act: &Act) -> Html {
    let walk = &all.sides[n].walk;
    let (kind, outcome) = walk.outcome();
    let (mark, class) = if kind == "delivered" { ("✓", "fit") } else { ("✕", "fit bad") };
    let name = match n.checked_sub(1).filter(|at| *at < with.len()) {
        Some(at) => chooser(with, at, &[], act),
        None => html! { <b class="cname">{ text(&side.name) }</b> },
    };
    html! {
        <div class="chead">
            { name }
            <span class={class} title={outcome}>{ format!("{mark} {kind}") }</span>
            { span("csym", &walk.symptom()) }
        </div>
    }
}

/// The steps of this packet, side by side.
fn rows(all: &Comparison, at: usize, act: &Act) -> Vec<Html> {
    let mut last_place = None;
    let mut shown = Vec::new();
    for row in all.same_packet(at) {
        let present = all.rows[row].iter().zip(&all.sides).find_map(|(idx, side)| Some((&side.walk, (*idx)?)));
        let Some((walk, idx)) = present else { continue };
        let (hop, _) = walk.reel.step(&walk.trace, idx);
        let place = hop.at.short();
        if last_place.as_deref() != Some(place) {
            last_place = Some(place.to_owned());
            let journey = walk.trace.journey(hop.journey);
            let title = packet_title(journey.flow, &journey.name);
            shown.push(
                html! { <li class="cplace" key={format!("p{row}")}><b>{ text(place) }</b>{ bit("", &title) }</li> },
            );
        }
        let cells = all.rows[row].iter().enumerate().map(|(n, idx)| match idx {
            Some(idx) => cell(&all.sides[n].walk, *idx),
            None => html! { <span class="cc gap">{ all.gap(row, n) }</span> },
        });
        let class = if all.differs[row] { "crow dif" } else { "crow" };
        let current = (row == at).then_some("step");
        shown.push(html! {
            <li key={row}><button class={class} aria-current={current} onclick={on(act, Action::GoRow(row))}>{ for cells }</button></li>
        });
    }
    shown
}

fn cell(walk: &Walk, idx: usize) -> Html {
    let step = walk.reel.step(&walk.trace, idx).1;
    html! { <span class="cc"><b>{ text(&stage_name(step.stage)) }</b>{ bit("ch1", &walk.headline(idx)) }</span> }
}

/// What happens in a column at the shown step.
fn now(side: &Comparing) -> Html {
    html! {
        <div class={if side.is_gap { "cnow gap" } else { "cnow" }} tabindex="0" role="group" aria-label={side.name.clone()}>
            <h3>{ text(&side.headline) }</h3>
            <ul class="cfields">{ for side.fields.iter().map(|(is_lit, words)| html! { <li class={lit("m", *is_lit)}>{ text(words) }</li> }) }</ul>
            <dl>{ for side.facts.iter().map(|(name, is_lit, words)| html! { <><dt>{ *name }</dt><dd class={lit("", *is_lit)}>{ text(words) }</dd></> }) }</dl>
        </div>
    }
}

fn lit(class: &'static str, is_lit: bool) -> &'static str {
    match (is_lit, class) {
        (true, "m") => "m lit",
        (true, _) => "lit",
        (false, class) => class,
    }
}
