//! The tables panel.

use std::ops::Range;

use kubehop_core::api::Why;
use yew::{Html, NodeRef, html};

use super::controls::{on, tab, word_button};
use super::names::name_table;
use super::shapes::{bit, span, text};
use super::{Act, Current};
use crate::scene::{Fold, RowView, TableSheet, Word, brief, Kind, kinds_at, sheets};
use crate::state::{Action, State};

/// The tables of the place where the packet is. `rows` is what scrolls.
pub(super) fn tables(state: &State, current: &Current, rows: &NodeRef, act: &Act) -> Html {
    let (walk, view) = (&state.walk, &current.view);
    let (hop, step) = walk.reel.step(&walk.trace, view.idx);
    let read = kinds_at(&walk.trace, hop, step);
    let tabs = walk.tables.iter().map(|kind| {
        let class = if read.contains(kind) { "read" } else { "" };
        tab(class, kind.name(), *kind == state.table, on(act, Action::Table(*kind)))
    });
    let place = view.at.rsplit('/').next().unwrap_or_default();
    let mut content = if state.table == Kind::Names { name_table(walk, view.idx, act) } else { Vec::new() };
    let sheets = sheets(&walk.reel, &walk.trace, view, state.table, state.unfolded.as_ref());
    if sheets.is_empty() && content.is_empty() {
        content.push(html! { <p class="none">{ format!("{place} reads no such table on this walk.") }</p> });
    }
    content.extend(sheets.iter().map(|sheet| self::sheet(sheet, act)));
    html! {
        <>
            <div class="tabs" role="tablist" aria-label="Which table">{ for tabs }<span class="sp"></span>{ span("src", place) }</div>
            <div class="rules" ref={rows.clone()} tabindex="0" role="tabpanel" aria-label={state.table.name()}>{ content }</div>
        </>
    }
}

/// One table.
fn sheet(sheet: &TableSheet, act: &Act) -> Html {
    let caption = match sheet.read_at {
        Some(step) => format!("as step {} read it", step + 1),
        None if !sheet.is_settled => format!("{}: no row", sheet.caption),
        None => sheet.caption.to_owned(),
    };
    let mut rows = Vec::new();
    let mut writer = "";
    for fold in &sheet.folds {
        rows.push(match fold {
            Fold::Chain(name, by) => {
                writer = by;
                html! { <li class="chain">{ span("name", name) }{ bit("by", by) }</li> }
            }
            Fold::Row(view) => row(view, writer),
            Fold::Hidden(hidden, why) => fold_line(sheet, hidden, why.as_deref(), act),
        });
    }
    html! {
        <>
            <h5><code title={sheet.command.clone()}>{ text(&sheet.command) }</code>{ bit("", &caption) }</h5>
            <ol class={if sheet.has_chains { "walk" } else { "" }}>{ rows }</ol>
        </>
    }
}

/// Rows that are only counted, until somebody wants to see them.
fn fold_line(sheet: &TableSheet, rows: &Range<usize>, why: Option<&str>, act: &Act) -> Html {
    let what = if sheet.read_at.is_some() { "more rows" } else { "rows missed" };
    let words = format!("{} {what}", rows.len());
    let open = on(act, Action::Unfold(sheet.idx.unwrap_or_default(), rows.clone()));
    html! {
        <li class="miss fold">
            { bit("n", "⋯") }
            { word_button("", "Show them", open, &words) }
            { bit("why", &why.map(|why| format!("✕ {}", brief(why))).unwrap_or_default()) }
            { bit("by", "") }
        </li>
    }
}

/// A row; its writer is said if it is another than that of the chain.
fn row(row: &RowView, writer: &str) -> Html {
    let (class, why) = match &row.why {
        _ if row.is_new => ("fresh", "new row".to_owned()),
        _ if row.is_gone => ("gone", "gone".to_owned()),
        Some(Why::Matched(why)) => ("hit", format!("✓ {}", brief(why))),
        Some(Why::Missed(why)) => ("miss", format!("✕ {}", brief(why))),
        None => ("out", String::new()),
    };
    html! {
        <li class={class}>
            { bit("n", &row.n.to_string()) }
            <code title={format!("{}\nwritten by {}", row.full, row.writer)}>{ for row.words.iter().map(word) }</code>
            { span("why", &why) }
            { bit("by", if row.writer == writer { "" } else { &row.writer }) }
        </li>
    }
}

fn word(word: &Word) -> Html {
    match word.class {
        Some(class) => bit(class, &word.text),
        None => text(&word.text),
    }
}
