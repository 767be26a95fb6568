//! The tables panel.

use kubehop_core::api::Why;
use yew::{Callback, Html, Properties, classes, component, html, use_state_eq};

use super::{Act, Current};
use crate::scene::{Fold, Kind, RowView, TableSheet, Word, brief, kinds_of, sheets};
use crate::state::{Action, Shared, Walk};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub walk: Shared<Walk>,
    pub current: Shared<Current>,
    pub kind: Kind,
    pub act: Act,
}

/// The tables of the place where the packet is.
#[component]
pub(super) fn Tables(props: &Props) -> Html {
    let Props { walk, current, kind, act } = props;
    let view = &current.view;
    let read = kinds_of(view);
    let tab = |tab: Kind| {
        let act = act.clone();
        let on_click = Callback::from(move |_| act.dispatch(Action::Table(tab)));
        let is_read = read.contains(&tab);
        html! {
            <button role="tab" aria-selected={(tab == *kind).to_string()} class={classes!(is_read.then_some("read"))}
                title={is_read.then_some("this step read or wrote it")} onclick={on_click}>{ tab.name() }</button>
        }
    };
    let place = view.at.rsplit('/').next().unwrap_or_default().to_owned();
    let sheets = sheets(&walk.reel, &walk.trace, view.idx, view, *kind);
    html! {
        <>
            <div class="tabs" role="tablist" aria-label="Which table">
                { for Kind::ALL.map(tab) }
                <span class="sp"></span>
                <span class="src" title={view.at.clone()}>{ place.clone() }</span>
            </div>
            <div class="rules" tabindex="0" role="tabpanel" aria-label={kind.name()}>
                if sheets.is_empty() {
                    <p class="none">{ format!("{place} reads no such table on this walk.") }</p>
                }
                { for sheets.iter().enumerate().map(|(idx, sheet)| html! {
                    <Sheet key={format!("{}.{idx}", view.idx)} sheet={sheet.clone()} />
                }) }
            </div>
        </>
    }
}

#[derive(PartialEq, Properties)]
struct SheetProps {
    sheet: TableSheet,
}

/// One table.
#[component]
fn Sheet(props: &SheetProps) -> Html {
    let sheet = &props.sheet;
    let caption = match sheet.read_at {
        Some(step) => format!("as step {} read it", step + 1),
        None if !sheet.is_settled => format!("{}: no row", sheet.caption),
        None => sheet.caption.to_owned(),
    };
    html! {
        <>
            <h5><code title={sheet.command.clone()}>{ sheet.command.clone() }</code><span>{ caption }</span></h5>
            <ol>
                { for sheet.folds.iter().map(|fold| match fold {
                    Fold::Row(view) => row(view),
                    Fold::Misses(rows, why) => html! { <Misses rows={rows.clone()} why={why.clone()} /> },
                }) }
            </ol>
        </>
    }
}

#[derive(PartialEq, Properties)]
struct MissesProps {
    rows: Vec<RowView>,
    why: String,
}

/// Rows that missed for the same reason: counted, and shown when asked for.
#[component]
fn Misses(props: &MissesProps) -> Html {
    let is_open = use_state_eq(|| false);
    if *is_open {
        return html! { <>{ for props.rows.iter().map(row) }</> };
    }
    let open = {
        let is_open = is_open.setter();
        Callback::from(move |_| is_open.set(true))
    };
    let range = match (props.rows.first(), props.rows.last()) {
        (Some(first), Some(last)) => format!("{}–{}", first.n, last.n),
        _ => String::new(),
    };
    html! {
        <li class="miss fold">
            <span class="n">{ "⋯" }</span>
            <button onclick={open} title={format!("rows {range}: show them")}>{ format!("{} rows missed", props.rows.len()) }</button>
            <span class="why" title={props.why.clone()}>{ format!("✕ {}", brief(&props.why)) }</span>
            <span class="by"></span>
        </li>
    }
}

fn row(row: &RowView) -> Html {
    let (class, why, title) = match &row.why {
        Some(Why::Matched(why)) => ("hit", format!("✓ {why}"), why.clone()),
        Some(Why::Missed(why)) => ("miss", format!("✕ {}", brief(why)), why.clone()),
        None => ("out", String::new(), String::new()),
    };
    let why = if row.is_new { "new row".to_owned() } else { why };
    html! {
        <li class={classes!(class, row.is_new.then_some("fresh"))}>
            <span class="n">{ row.n }</span>
            <code title={row.text()}>{ for row.words.iter().map(word) }</code>
            <span class="why" title={title}>{ why }</span>
            <span class="by" title={format!("written by {}", row.writer)}>{ row.writer.clone() }</span>
        </li>
    }
}

fn word(word: &Word) -> Html {
    match word.class {
        Some("dev") => html! { <b>{ word.text.clone() }</b> },
        Some(class) => html! { <span class={classes!("k", class)}>{ word.text.clone() }</span> },
        None => html! { { word.text.clone() } },
    }
}
