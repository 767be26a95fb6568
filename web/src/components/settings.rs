//! The settings: what is chosen more rarely than the bar at the top has room for.

use std::rc::Rc;

use web_sys::HtmlInputElement;
use yew::{Callback, Event, Html, TargetCast as _, html};

use super::Act;
use super::choices::entries;
use super::compare::compare_button;
use super::controls::{Take, field, menu, number, on, tick, word_button};
use super::top_bar::{choose, kernels, share, way};
use crate::hooks::{Layout, read_text};
use crate::state::{Action, Choice, Sheet, State, Zoom};

/// Takes a number of bytes.
fn bytes(name: &'static str, choice: fn(usize) -> Choice) -> Take {
    Rc::new(move |value| match value.parse() {
        Ok(bytes) => choose(choice(bytes)),
        Err(_) => Action::Tell(format!("{name}: a number of bytes is expected, not {value:?}")),
    })
}

/// What is chosen more rarely: sizes, DF, seed, the way in, and a cluster of one's own; on a narrow page everything.
pub(super) fn settings(state: &State, layout: Layout, act: &Act) -> Html {
    let is_full = layout.is_full();
    let run = &state.walk.run;
    let meanwhile = match run.actions.len() {
        0 => "While it runs".to_owned(),
        n => format!("While it runs: {n}"),
    };
    let take_target: Take = Rc::new(|value| choose(Choice::To(value.to_owned())));
    html! {
        <div class="sheet settings" role="dialog" aria-label="Settings">
            { way(state, act) }
            if !is_full { { kernels(state, act) } }
            { open("What happens to the cluster meanwhile", Sheet::Meanwhile, &meanwhile, act) }
            if !is_full { { compare_button(state, act) } }
            { field("text", "Target: http://NAME:PORT, lookup://NAME, dns://NAME?type=SRV", "Target", &state.walk.run.to, act, take_target) }
            { number("Request size", "Request", &run.size.to_string(), act, bytes("Request size", Choice::Size)) }
            { more(state, act) }
            { tick("without motion", state.is_still, act, Action::Still) }
            if !is_full { { tick("go by hops", state.zoom == Zoom::Hops, act, |hops| Action::Zoom(if hops { Zoom::Hops } else { Zoom::Steps })) } }
            { open("How many rules a packet is held against", Sheet::Chart, "Rules against services: a chart", act) }
            if !is_full { { share(false, act) } }
            { word_button("btn", "Close the settings", on(act, Action::Show(None)), "Done") }
        </div>
    }
}

fn open(title: &str, sheet: Sheet, words: &str, act: &Act) -> Html {
    word_button("btn", title, on(act, Action::Show(Some(sheet))), words)
}

/// Where a client outside comes in, if it is one.
fn entry(state: &State, act: &Act) -> Html {
    let scene = &state.walk.scene;
    if !state.walk.run.from.starts_with("host/") {
        return html! {};
    }
    let take: Take = Rc::new(|value| choose(Choice::Via((!value.is_empty()).then(|| value.to_owned()))));
    let via = state.walk.run.via.as_deref().and_then(|via| via.strip_prefix("node/")).unwrap_or_default();
    html! { <label class="fld"><span>{ "Enters by" }</span>{ menu("pick", "Enters by", &[entries(scene)], via, act, take) }</label> }
}

fn more(state: &State, act: &Act) -> Html {
    let run = &state.walk.run;
    let take_seed: Take = Rc::new(|value| match value.parse() {
        Ok(seed) => choose(Choice::Seed(seed)),
        Err(_) => Action::Tell(format!("Seed: a number is expected, not {value:?}")),
    });
    html! {
        <>
            { number("Reply size", "Reply", &run.reply_size.to_string(), act, bytes("Reply size", Choice::Reply)) }
            { number("Seed", "Seed", &run.seed.to_string(), act, take_seed) }
            { entry(state, act) }
            { tick("ping sets DF and insists", run.df, act, |df| choose(Choice::Df(df))) }
            { own_cluster(state.scenario.cluster.is_some(), act) }
        </>
    }
}

/// A file with a cluster of one's own, and the way back from it.
pub(super) fn own_cluster(is_shown: bool, act: &Act) -> Html {
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
            <label class="fld file"><span>{ "Your cluster (kubectl get nodes,pods -A -o yaml)" }</span>
                <input type="file" aria-label="Your cluster" accept=".yaml,.yml,.json" onchange={on_file} />
            </label>
            if is_shown {
                { word_button("btn", "Forget your cluster", on(act, choose(Choice::Cluster(None))), "Back to the built-in walks") }
            }
        </>
    }
}
