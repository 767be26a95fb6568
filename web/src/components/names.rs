//! The lookup of a run among the tables: every query of the client's resolver, and its `resolv.conf`.

use yew::{Html, html};

use super::Act;
use super::controls::{on, word_button};
use super::shapes::{bit, span, text};
use crate::scene::{Asked, NameRow, names};
use crate::state::{Action, Walk};

/// The queries as they stand at step `cursor`; nothing if none are sent in this run.
pub(super) fn name_table(walk: &Walk, cursor: usize, act: &Act) -> Vec<Html> {
    let Some(sheet) = names(&walk.reel, &walk.trace, cursor) else { return Vec::new() };
    let conf = sheet.conf.iter().map(|(line, why)| {
        let class = if why.is_some() { "lit" } else { "out" };
        html! { <li class={class}>{ bit("n", "") }<code>{ text(line) }</code>{ span("why", why.as_deref().unwrap_or_default()) }{ bit("by", "") }</li> }
    });
    vec![html! {
        <>
            <h5><code>{ text(&sheet.title) }</code>{ bit("", &sheet.count) }</h5>
            if !sheet.saving.is_empty() { <p class="saving">{ text(&sheet.saving) }</p> }
            <ol>{ for sheet.rows.iter().map(|query| row(query, act)) }</ol>
            <h5><code>{ "cat /etc/resolv.conf" }</code>{ bit("", "what decided lit") }</h5>
            <ol>{ for conf }</ol>
        </>
    }]
}

fn row(row: &NameRow, act: &Act) -> Html {
    let class = match row.state {
        _ if row.is_now => "hit",
        Asked::Wasted => "miss",
        Asked::Ahead => "out",
        Asked::Open | Asked::Found => "",
    };
    let told = match row.state {
        Asked::Wasted => format!("✕ {}", row.told),
        Asked::Open => "…".to_owned(),
        _ => row.told.clone(),
    };
    let asked = match row.step {
        Some(step) => word_button("ask", "Go to the step that sends it", on(act, Action::Go(step)), &row.asked),
        None => bit("", &row.asked),
    };
    html! { <li class={class}>{ bit("n", &row.n.to_string()) }<code>{ asked }</code>{ span("why", &told) }{ bit("by", &row.server) }</li> }
}
