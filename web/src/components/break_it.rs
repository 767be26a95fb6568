//! What can be broken: the symptom first, as the client sees it, then what breaks it and where one would look.

use gloo::timers::callback::Timeout;
use kubehop_core::api::{FAULT_GROUPS, FaultHere, Lab, Run, faults_here};
use yew::{Html, Properties, component, html, use_effect_with, use_memo, use_state};

use super::Act;
use super::controls::{bool_word, icon_button, on, word_button};
use super::icons::{BOLT, CLOSE, icon};
use super::shapes::{bit, text};
use super::top_bar::choose;
use crate::scene::{FaultEnd, fault_end, is_end};
use crate::state::{Action, Choice, Scenario, Shared, Sheet, State, Walk};

/// The button of the top bar: opens the menu, or says what is broken and mends it.
pub(super) fn break_button(state: &State, act: &Act) -> Html {
    let is_open = state.sheet == Some(Sheet::Faults);
    let toggle = on(act, Action::Show((!is_open).then_some(Sheet::Faults)));
    let (class, words, name) = match state.scenario.faults.as_slice() {
        [] => ("btn brk", "Break it".to_owned(), "Break it".to_owned()),
        [one] => ("btn brk broken", one.clone(), format!("Broken: {one}")),
        more => ("btn brk broken", format!("{} faults", more.len()), format!("Broken: {}", more.join(", "))),
    };
    html! {
        <span class="brkbox">
            <button class={class} aria-expanded={bool_word(is_open)} aria-label={name.clone()} title={name} onclick={toggle}>
                { icon(BOLT) }{ bit("wd", &words) }
            </button>
            if !state.scenario.faults.is_empty() {
                { icon_button("icon mend", "Mend what is broken", on(act, choose(Choice::Fault(None))), icon(CLOSE)) }
            }
        </span>
    }
}

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    /// The scenario with nothing broken.
    pub scenario: Scenario,
    pub walk: Shared<Walk>,
    pub act: Act,
}

/// Time for the page to paint between two runs.
const PAUSE_MS: u32 = 16;

/// The menu. Every run with a fault is made while it is open, one at a time.
#[component]
pub(super) fn BreakIt(props: &Props) -> Html {
    let Props { scenario, walk, act } = props;
    let active = walk.run.faults.clone();
    let here = use_memo(scenario.clone(), |scenario| {
        let whole = Run { faults: Vec::new(), ..walk.run.clone() };
        let lab = scenario.lab().ok()?;
        let faults = faults_here(&lab, &whole).ok()?;
        Some((lab, whole, faults)) as Option<(Lab, Run, Vec<FaultHere>)>
    });
    let ends = use_state(Vec::<Option<FaultEnd>>::new);
    {
        let (here, ends) = (here.clone(), ends.clone());
        use_effect_with(ends.len(), move |n| {
            let n = *n;
            let is_more = (*here).as_ref().is_some_and(|(_, _, faults)| n < faults.len());
            let timeout = is_more.then(|| {
                Timeout::new(PAUSE_MS, move || {
                    let Some((lab, run, faults)) = &*here else { return };
                    let mut next = (*ends).clone();
                    next.push(faults[n].breaks.is_ok().then(|| fault_end(lab, run, Some(faults[n].fault.id))));
                    // What has nothing to break needs no turn of its own.
                    while faults.get(next.len()).is_some_and(|fault| fault.breaks.is_err()) {
                        next.push(None);
                    }
                    ends.set(next);
                })
            });
            move || drop(timeout)
        });
    }
    let groups = FAULT_GROUPS.iter().filter_map(|group| {
        let (_, _, faults) = (*here).as_ref()?;
        let of_group = faults.iter().enumerate().filter(|(_, fault)| fault.group == *group);
        let items: Vec<Html> = of_group
            .map(|(idx, fault)| {
                let is_active = active.iter().any(|id| id == fault.fault.id);
                item(walk, fault, ends.get(idx).and_then(Option::as_ref), is_active, act)
            })
            .collect();
        (!items.is_empty())
            .then(|| html! { <section><h3>{ *group }</h3><ul aria-label={*group}>{ items }</ul></section> })
    });
    html! {
        <div class="sheet breakit" role="dialog" aria-label="Break it">
            <header>
                <h2>{ "Break it" }</h2>
                { icon_button("icon", "Close", on(act, Action::Show(None)), icon(CLOSE)) }
            </header>
            <p class="lead">{ "Each breaks one thing before the client starts. First what the client would see; choose one, and walk to where it ends." }</p>
            if here.is_none() { <p role="status">{ "This walk cannot be broken." }</p> }
            { for groups }
        </div>
    }
}

/// One fault: the symptom, what it is, and, once it is chosen, where to look.
fn item(walk: &Walk, fault: &FaultHere, end: Option<&FaultEnd>, is_active: bool, act: &Act) -> Html {
    let id = fault.fault.id;
    let Ok(note) = &fault.breaks else {
        let needs = fault.breaks.as_ref().err().copied().unwrap_or_default();
        return html! {
            <li class="flt barred">
                <button class="fbtn" aria-disabled="true" aria-label={format!("{}: {needs}", fault.fault.title)}>
                    { bit("ft", fault.fault.title) }{ bit("fs", needs) }
                </button>
            </li>
        };
    };
    let (class, symptom) = match end {
        None => ("fs", "…"),
        Some(end) if end.is_answered => ("fs m", &*end.symptom),
        Some(end) => ("fs m bad", &*end.symptom),
    };
    let is_unnoticed = end.is_some_and(|end| end.is_answered);
    let choice = if is_active { Choice::Mend(id.to_owned()) } else { Choice::Fault(Some(id.to_owned())) };
    html! {
        <li class={if is_active { "flt on" } else { "flt" }}>
            <button class="fbtn" data-fault={id} aria-pressed={bool_word(is_active)} onclick={on(act, choose(choice))}>
                <span class={class}>{ text(symptom) }if is_unnoticed { { bit("fq", "as if nothing were broken") } }</span>
                { bit("ft", fault.fault.title) }
            </button>
            if let (true, Some(end)) = (is_active, end) { { details(walk, fault, note, end, act) } }
        </li>
    }
}

/// What a fault that is there breaks, and where one would look.
fn details(walk: &Walk, fault: &FaultHere, note: &str, end: &FaultEnd, act: &Act) -> Html {
    let dies = (0..walk.n_steps()).rev().find(|idx| is_end(&walk.reel.step(&walk.trace, *idx).1.decision));
    let fact = |name: &'static str, what: Html| html! { <><dt>{ name }</dt><dd>{ what }</dd></> };
    html! {
        <div class="fdet">
            <dl>
                { fact("Broken", text(note)) }
                { fact("So", text(fault.fault.breaks)) }
                if let Some(end) = &end.end { { fact("Ends", text(end)) } }
                if let Some((command, at)) = &end.look {
                    { fact("Look", html! { <>{ bit("m", command) }{ format!(" on {at} is the last to see it") }</> }) }
                }
            </dl>
            <div class="acts">
                if let Some(idx) = dies { { word_button("btn", "Show the step where the packet ends", on(act, Action::Go(idx)), "Go where it ends") } }
                if end.is_answered && fault.group == "MTU" {
                    { word_button("btn", "A larger request may not fit", on(act, choose(Choice::Size(4000))), "Send 4000 bytes") }
                }
                { word_button("btn", "The same packet with the fault and without", on(act, Action::Compare(vec![Choice::Fault(None)])), "Compare") }
                { word_button("btn", "Nothing is broken any more", on(act, choose(Choice::Mend(fault.fault.id.to_owned()))), "Mend") }
            </div>
        </div>
    }
}
