//! What stands beside the first step of a walk: answers to commands, and the four rules of the network model, proved by
//! pinging from every pod to every other.

use kubehop_core::api::{PairView, answer_beside, pairs};
use yew::{Html, Properties, component, html, use_memo};

use super::shapes::{bit, text};
use crate::state::{Scenario, Shared, Walk};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub walk: Shared<Walk>,
    pub scenario: Scenario,
}

/// What was computed.
struct Shown {
    /// Each with its place, the command, and what it prints.
    answers: Vec<[String; 3]>,
    pairs: Vec<PairView>,
}

/// What a walk's file wants beside its first step.
#[component]
pub(super) fn Exhibits(props: &Props) -> Html {
    let Some(spec) = &props.walk.spec else { return html! {} };
    let shown = use_memo(props.walk.clone(), |walk| shown(walk, &props.scenario));
    let answer = |[at, command, answer]: &[String; 3]| {
        html! { <><h5><code>{ text(&format!("$ {command}")) }</code>{ bit("", at) }</h5><pre>{ text(answer) }</pre></> }
    };
    html! {
        <>
            <header class="tabs"><h2>{ text(&spec.title) }</h2></header>
            <div class="rules exhibits" tabindex="0" role="group" aria-label={spec.title.clone()}>
                { for shown.answers.iter().map(answer) }
                if !shown.pairs.is_empty() { { table(&shown.pairs) } }
            </div>
        </>
    }
}

fn shown(walk: &Walk, scenario: &Scenario) -> Shown {
    let mut shown = Shown { answers: Vec::new(), pairs: Vec::new() };
    let (Some(spec), Ok(lab)) = (&walk.spec, scenario.lab_of(walk.spec.as_ref())) else { return shown };
    for (at, command) in &spec.shows {
        let answer = answer_beside(&lab, at, command).unwrap_or_else(|error| Some(error.to_string()));
        let answer = answer.filter(|answer| !answer.is_empty()).unwrap_or_else(|| "(nothing)".to_owned());
        shown.answers.push([at.clone(), command.clone(), answer]);
    }
    if spec.has_pairs {
        shown.pairs = pairs(&lab).unwrap_or_default();
    }
    shown
}

/// A rule of the model: what it says, and whether a pair keeps it; `None` if it does not speak of that pair.
type Rule = (&'static str, fn(&PairView) -> Option<bool>);

const RULES: [Rule; 4] = [
    ("Every pod has an address of its own", |_| Some(true)),
    ("Pods on one node talk without NAT", |pair| pair.is_same_node.then(|| is_plain(pair))),
    ("Pods on different nodes talk without NAT", |pair| (!pair.is_same_node).then(|| is_plain(pair))),
    ("The address that a pod sees of itself is the one that others see", |pair| {
        Some(pair.seen.as_ref() == Some(&pair.own))
    }),
];

/// Whether neither address was changed, and the answer came.
fn is_plain(pair: &PairView) -> bool {
    pair.is_answered && pair.translated.is_none() && pair.seen.as_ref() == Some(&pair.own)
}

/// Senders by receivers, and what the rules make of it.
fn table(pairs: &[PairView]) -> Html {
    let senders: Vec<&[PairView]> = pairs.chunk_by(|a, b| a.from == b.from).collect();
    let are_unique = senders.iter().all(|of| senders.iter().filter(|other| other[0].own == of[0].own).count() == 1);
    let rule = |(idx, (words, holds)): (usize, &Rule)| {
        let holds_for: Vec<bool> = pairs.iter().filter_map(holds).collect();
        let holds = holds_for.iter().all(|holds| *holds) && (idx > 0 || are_unique);
        let (class, mark) = if holds { ("fit", "✓") } else { ("fit bad", "✕") };
        let n = if idx == 0 { format!("{} pods", senders.len()) } else { format!("{} pairs", holds_for.len()) };
        html! { <li><b class={class}>{ mark }</b>{ format!(" {words}: {n}") }</li> }
    };
    let cell = |pair: Option<&PairView>| match pair {
        None => html! { <td>{ "" }</td> },
        Some(pair) => {
            let (class, mark) = if is_plain(pair) { ("fit", "✓") } else { ("fit bad", "✕") };
            let seen = pair.seen.as_deref().unwrap_or("nothing");
            let place = if pair.is_same_node { "same node" } else { "other node" };
            html! { <td><b class={class}>{ mark }</b><code>{ text(seen) }</code><small>{ place }</small></td> }
        }
    };
    let row = |of: &&[PairView]| {
        let cells = senders.iter().map(|to| cell(of.iter().find(|pair| pair.to == to[0].from)));
        html! { <tr><th scope="row">{ text(&of[0].from) }<code>{ text(&of[0].own) }</code></th>{ for cells }</tr> }
    };
    let heads = senders.iter().map(|of| html! { <th scope="col">{ format!("to {}", of[0].from) }</th> });
    html! {
        <>
            <ol class="laws">{ for RULES.iter().enumerate().map(rule) }</ol>
            <table>
                <caption>{ "Which source address arrives" }</caption>
                <thead><tr><th scope="col">{ "its own address" }</th>{ for heads }</tr></thead>
                <tbody>{ for senders.iter().map(row) }</tbody>
            </table>
        </>
    }
}
