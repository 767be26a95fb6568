//! The tables panel.

use kubehop_core::api::Why;
use yew::{Html, html};

use super::controls::{on, tab, word_button};
use super::shapes::{bit, span, text};
use super::{Act, Current};
use crate::scene::{Fold, Kind, RowView, TableSheet, Word, brief, kinds_of, sheets};
use crate::state::{Action, State};

/// The tables of the place where the packet is.
pub(super) fn tables(state: &State, current: &Current, act: &Act) -> Html {
    let (walk, view) = (&state.walk, &current.view);
    let read = kinds_of(walk.reel.step(&walk.trace, view.idx).1);
    let tabs = Kind::ALL.iter().map(|kind| {
        let class = if read.contains(kind) { "read" } else { "" };
        tab(class, kind.name(), *kind == state.table, on(act, Action::Table(*kind)))
    });
    let place = view.at.rsplit('/').next().unwrap_or_default();
    let sheets = sheets(&walk.reel, &walk.trace, view.idx, view, state.table);
    let mut content = Vec::new();
    if sheets.is_empty() {
        content.push(html! { <p class="none">{ format!("{place} reads no such table on this walk.") }</p> });
    }
    for (idx, sheet) in sheets.iter().enumerate() {
        content.push(self::sheet(idx, sheet, state.unfolded, act));
    }
    html! {
        <>
            <div class="tabs" role="tablist" aria-label="Which table">{ for tabs }<span class="sp"></span>{ span("src", place) }</div>
            <div class="rules" tabindex="0" role="tabpanel" aria-label={state.table.name()}>{ content }</div>
        </>
    }
}

/// One table.
fn sheet(idx: usize, sheet: &TableSheet, unfolded: Option<(usize, usize)>, act: &Act) -> Html {
    let caption = match sheet.read_at {
        Some(step) => format!("as step {} read it", step + 1),
        None if !sheet.is_settled => format!("{}: no row", sheet.caption),
        None => sheet.caption.to_owned(),
    };
    let mut rows = Vec::new();
    for (place, fold) in sheet.folds.iter().enumerate() {
        match fold {
            Fold::Row(view) => rows.push(row(view)),
            Fold::Misses(misses, _) if unfolded == Some((idx, place)) => rows.extend(misses.iter().map(row)),
            Fold::Misses(misses, why) => rows.push(html! {
                <li class="miss fold">
                    { bit("n", "⋯") }
                    { word_button("", "Show them", on(act, Action::Unfold(idx, place)), &format!("{} rows missed", misses.len())) }
                    { bit("why", &format!("✕ {}", brief(why))) }
                    { bit("by", "") }
                </li>
            }),
        }
    }
    html! {
        <>
            <h5><code title={sheet.command.clone()}>{ text(&sheet.command) }</code>{ bit("", &caption) }</h5>
            <ol>{ rows }</ol>
        </>
    }
}

fn row(row: &RowView) -> Html {
    let (class, why) = match &row.why {
        _ if row.is_new => ("fresh", "new row".to_owned()),
        Some(Why::Matched(why)) => ("hit", format!("✓ {why}")),
        Some(Why::Missed(why)) => ("miss", format!("✕ {}", brief(why))),
        None => ("out", String::new()),
    };
    html! {
        <li class={class}>
            { bit("n", &row.n.to_string()) }
            <code title={row.text()}>{ for row.words.iter().map(word) }</code>
            { span("why", &why) }
            { bit("by", &row.writer) }
        </li>
    }
}

fn word(word: &Word) -> Html {
    match word.class {
        Some(class) => bit(class, &word.text),
        None => text(&word.text),
    }
}
