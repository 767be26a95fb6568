//! The packet panel: one diff, layer by layer.

use yew::{Html, html};

use super::controls::{bool_word, on, word_button};
use super::shapes::{bit, span, text};
use super::{Act, Current};
use crate::scene::{
    Cell, FieldRow, HexRow, LayerRow, LayerState, dump, inspect, layer_class, packet_size, packet_where, wake,
};
use crate::state::{Action, Walk};

/// What the step made of the packet.
pub(super) fn inspector(walk: &Walk, current: &Current, shows_all: bool, act: &Act) -> Html {
    let view = &current.view;
    if let Some(rows) = wake(view, &current.decision, walk.since_start(view.time_ns)) {
        return woken(&rows);
    }
    let mut layers: Vec<Html> = inspect(view, &current.decision, shows_all).iter().map(|row| layer(row, act)).collect();
    let bytes = dump(view);
    if !shows_all && !bytes.is_empty() {
        let rows = bytes.iter().enumerate().map(|(idx, row)| line(&(idx * 20).to_string(), &row.now, "plain"));
        layers.push(html! { <div class="hx dump" role="img" aria-label="all bytes, unchanged">{ for rows }</div> });
    }
    html! {
        <>
            <header>
                <h2>{ "Packet" }</h2>
                { span("where", &packet_where(view)) }
                { span("sz", &packet_size(view)) }
                <button class="all" aria-pressed={bool_word(shows_all)} aria-label="All fields" title="Show all fields"
                    onclick={on(act, Action::ToggleAllFields)}>{ "all" }</button>
            </header>
            <div class="lys" tabindex="0" role="group" aria-label="Layers">{ layers }</div>
        </>
    }
}

/// In a step without a packet: who woke up, when, and by what.
fn woken(rows: &[(&'static str, String)]) -> Html {
    let row = |(name, value): &(&'static str, String)| html! { <><dt>{ *name }</dt><dd>{ text(value) }</dd></> };
    html! {
        <>
            <header><h2>{ "Packet" }</h2>{ span("where", "none: somebody wakes up") }</header>
            <dl class="wake lys" tabindex="0" aria-label="Who woke up">{ for rows.iter().map(row) }</dl>
        </>
    }
}

fn layer(row: &LayerRow, act: &Act) -> Html {
    let state = match row.state {
        LayerState::Same => "same",
        LayerState::Changed | LayerState::Added => "chg",
        LayerState::Gone => "gone",
    };
    html! {
        <section class={format!("ly {} {state}", layer_class(row.role, row.name))}>
            <h4>
                <span class="chip"><b>{ row.name }</b>{ bit("z", &row.size) }</span>
                if !row.note.is_empty() { { span("nt", &row.note) } }
            </h4>
            { for row.fields.iter().map(|row| field(row, act)) }
            if !row.hex.is_empty() {
                <div class="hx" role="img" aria-label="bytes before and after">{ for row.hex.iter().flat_map(hex) }</div>
            }
        </section>
    }
}

fn field(row: &FieldRow, act: &Act) -> Html {
    let cause = match &row.table {
        _ if row.is_bad => bit("why", "bad checksum"),
        Some((kind, by)) => {
            let title = format!("{} changed by {by}: show the table", row.name);
            word_button("why", &title, on(act, Action::ShowTable(*kind)), &row.cause)
        }
        None => bit("why", &row.cause),
    };
    let value = span(if row.is_new { "new" } else { "val" }, &row.value);
    let name = bit("f", &row.name);
    match &row.old {
        Some(old) => html! {
            <div class="ch">{ name }<del class="old">{ text(old) }</del><span class="ar" aria-label="becomes">{ "→" }</span>{ value }{ cause }</div>
        },
        None => html! { <div class="ch plus">{ name }{ value }{ cause }</div> },
    }
}

/// A row of bytes as they were, if they were, and as they are.
fn hex(row: &HexRow) -> Vec<Html> {
    if row.was.is_empty() {
        return vec![line("new", &row.now, "lay")];
    }
    vec![line("was", &row.was, "old"), line("now", &row.now, "new")]
}

fn line(name: &str, cells: &[Cell], class: &'static str) -> Html {
    html! { <div><b>{ text(name) }</b>{ for cells.iter().map(|cell| byte(*cell, class)) }</div> }
}

fn byte(cell: Cell, class: &'static str) -> Html {
    let digits = cell.byte.map(|byte| format!("{byte:02x}")).unwrap_or_default();
    match cell.role {
        Some(role) => html! { <i class={format!("{class} {}", layer_class(role, ""))}>{ digits }</i> },
        None => html! { <i class={if cell.is_changed { class } else { "" }}>{ digits }</i> },
    }
}
