//! The tables panel.

use std::ops::Range;
use std::rc::Rc;

use kubehop_core::api::Why;
use yew::{Html, NodeRef, html};

use super::choices::{Group, Place};
use super::controls::{Take, menu, on, tab, word_button};
use super::names::name_table;
use super::shapes::{bit, span, text};
use super::typed::{Answer, COMMANDS, Command};
use super::{Act, Current};
use crate::scene::{Fold, Kind, RowView, TableSheet, Word, brief, kinds_at, sheets};
use crate::state::{Action, State, Typed};

/// The tables of the place where the packet is. `rows` is what scrolls.
pub(super) fn tables(state: &State, current: &Current, rows: &NodeRef, act: &Act) -> Html {
    let (walk, view) = (&state.walk, &current.view);
    let (hop, step) = walk.reel.step(&walk.trace, view.idx);
    let read = kinds_at(&walk.trace, hop, step);
    let tabs = walk.tables.iter().map(|kind| {
        let class = if read.contains(kind) { "read" } else { "" };
        tab(class, kind.name(), *kind == state.table && state.typed.is_none(), on(act, Action::Table(*kind)))
    });
    let place = view.at.rsplit('/').next().unwrap_or_default();
    let any = any(state, &view.at, act);
    let frame = |name: &'static str, content: Vec<Html>| {
        html! {
            <>
                <div class="tabrow"><div class="tabs" role="tablist" aria-label="Which table">{ for tabs }</div>{ any }{ span("src", place) }</div>
                <div class="rules" ref={rows.clone()} tabindex="0" role="tabpanel" aria-label={name}>{ content }</div>
            </>
        }
    };
    if let Some(typed) = state.typed {
        let at = view.at.clone();
        let answer =
            html! { <Answer walk={walk.clone()} scenario={state.scenario.clone()} {at} {typed} act={act.clone()} /> };
        return frame(typed.command, vec![answer]);
    }
    let mut content = if state.table == Kind::Names { name_table(walk, view.idx, act) } else { Vec::new() };
    let sheets = sheets(&walk.reel, &walk.trace, view, state.table, state.unfolded.as_ref());
    if sheets.is_empty() && content.is_empty() {
        content.push(html! { <p class="none">{ format!("{place} reads no such table on this walk.") }</p> });
    }
    content.extend(sheets.iter().map(|sheet| self::sheet(sheet, act)));
    frame(state.table.name(), content)
}

/// Everything else that can be asked at this place.
fn any(state: &State, at: &str, act: &Act) -> Html {
    let is_node = at.starts_with("node/");
    let is_here = |command: &str, of_node: bool| {
        let is_cilium = command.starts_with("cilium");
        (is_node || !of_node) && (!is_cilium || state.walk.scene.cni.is_cilium())
    };
    let commands = COMMANDS.iter().filter(|(command, of_node)| is_here(command, *of_node));
    let mut places = vec![Place::new("", "any…")];
    places.extend(commands.map(|(command, _)| Place::new(*command, *command)));
    let typed = state.typed;
    let take: Take = Rc::new(move |value| {
        let found = COMMANDS.iter().find(|(command, _)| *command == value);
        let is_after = typed.is_none_or(|typed| typed.is_after);
        Action::Type(found.map(|(command, _)| Typed { command, is_after }))
    });
    let value = typed.map_or("", |typed| typed.command);
    menu("pick any", "Any table of this place", &[Group { label: String::new(), places }], value, act, take)
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
            <h5><Command line={sheet.command.clone()} />{ bit("cap2", &caption) }</h5>
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
