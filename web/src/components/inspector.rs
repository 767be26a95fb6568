//! The packet panel: one diff, layer by layer. A field, its bytes and its layer light up together, under a pointer, with
//! the focus, or kept by a press.

use std::ops::Range;

use wasm_bindgen::JsCast;
use web_sys::{Element, EventTarget};
use yew::{Callback, Html, Properties, component, html, use_effect_with, use_state_eq};

use super::controls::{bool_word, on, word_button};
use super::shapes::{bit, span, text};
use super::{Act, Current};
use crate::scene::{
    Cell, FieldRow, HexRow, LayerRow, LayerState, dump, inspect, layer_class, packet_size, packet_where, told, wake,
};
use crate::state::{Action, Shared, Walk};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub walk: Shared<Walk>,
    pub current: Shared<Current>,
    pub shows_all: bool,
    pub act: Act,
}

/// Bytes that are lit.
type Lit = Option<Range<usize>>;

/// What the step made of the packet.
#[component]
pub(super) fn Inspector(props: &Props) -> Html {
    let Props { walk, current, shows_all, act } = props;
    let (hovered, kept) = (use_state_eq(|| Lit::None), use_state_eq(|| Lit::None));
    {
        let (hovered, kept) = (hovered.clone(), kept.clone());
        use_effect_with(current.view.idx, move |_| {
            hovered.set(None);
            kept.set(None);
        });
    }
    let view = &current.view;
    if let Some(rows) = wake(view, &current.decision, walk.since_start(view.time_ns)) {
        return woken(&rows);
    }
    let rows = inspect(view, &current.decision, *shows_all);
    let lit: Lit = (*hovered).clone().or_else(|| (*kept).clone());
    let mut layers: Vec<Html> = rows.iter().map(|row| layer(row, &lit, act)).collect();
    let bytes = dump(view);
    if !shows_all && !bytes.is_empty() {
        let rows = bytes.iter().enumerate().map(|(idx, row)| line(&(idx * 20).to_string(), &row.now, "plain", &lit));
        layers.push(html! { <div class="hx dump" role="img" aria-label="all bytes, unchanged">{ for rows }</div> });
    }
    let at = lit.as_ref().map(|range| range.start).and_then(|at| told(&rows, at).filter(|_| lit.is_some()));
    let words = match (&lit, at) {
        (Some(range), Some((_, words))) if range.len() == 1 => format!("byte {}: {words}", range.start),
        (Some(range), Some((_, words))) => format!("bytes {} to {}: {words}", range.start, range.end - 1),
        _ => packet_where(view),
    };
    let over = {
        let (hovered, rows) = (hovered.clone(), rows.clone());
        move |target: Option<EventTarget>| hovered.set(meant(target, &rows))
    };
    let on_over = {
        let over = over.clone();
        Callback::from(move |event: yew::MouseEvent| over(event.target()))
    };
    let on_focus = Callback::from(move |event: yew::FocusEvent| over(event.target()));
    let on_blur = {
        let hovered = hovered.clone();
        Callback::from(move |_: yew::FocusEvent| hovered.set(None))
    };
    let on_leave = {
        let hovered = hovered.clone();
        Callback::from(move |_: yew::MouseEvent| hovered.set(None))
    };
    let on_click = Callback::from(move |event: yew::MouseEvent| {
        let found = meant(event.target(), &rows);
        kept.set(if *kept == found { None } else { found });
    });
    html! {
        <>
            <header>
                <h2>{ "Packet" }</h2>
                { span("where", &words) }
                { span("sz", &packet_size(view)) }
                <button class="all" aria-pressed={bool_word(*shows_all)} aria-label="All fields" title="Show all fields"
                    onclick={on(act, Action::ToggleAllFields)}>{ "all" }</button>
            </header>
            <div class="lys" tabindex="0" role="group" aria-label="Layers" onmouseover={on_over} onmouseleave={on_leave}
                onfocusin={on_focus} onfocusout={on_blur} onclick={on_click}>{ layers }</div>
        </>
    }
}

/// The bytes that an element stands for: those of a field or a layer, or the field of a single byte.
fn meant(target: Option<EventTarget>, rows: &[LayerRow]) -> Lit {
    let element = target?.dyn_into::<Element>().ok()?.closest("[data-at]").ok().flatten()?;
    let number = |name: &str| element.get_attribute(name)?.parse::<usize>().ok();
    let at = number("data-at")?;
    match number("data-end") {
        Some(end) => Some(at..end),
        None => told(rows, at).map(|(range, _)| range),
    }
}

/// Whether bytes `of` are among those that are lit.
fn is_lit(lit: &Lit, of: &Range<usize>) -> bool {
    lit.as_ref().is_some_and(|lit| lit.start < of.end && of.start < lit.end)
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

fn layer(row: &LayerRow, lit: &Lit, act: &Act) -> Html {
    let state = match row.state {
        LayerState::Same => "same",
        LayerState::Changed | LayerState::Added => "chg",
        LayerState::Gone => "gone",
    };
    html! {
        <section class={format!("ly {} {state}{}", layer_class(row.role, row.name), if is_lit(lit, &row.range) { " lit" } else { "" })}>
            <h4>
                <span class="chip" data-at={row.range.start.to_string()} data-end={row.range.end.to_string()}><b>{ row.name }</b>{ bit("z", &row.size) }</span>
                if !row.note.is_empty() { { span("nt", &row.note) } }
            </h4>
            { for row.fields.iter().map(|row| field(row, lit, act)) }
            if !row.hex.is_empty() {
                <div class="hx" role="img" aria-label="bytes before and after">{ for row.hex.iter().flat_map(|row| hex(row, lit)) }</div>
            }
        </section>
    }
}

fn field(row: &FieldRow, lit: &Lit, act: &Act) -> Html {
    let cause = match &row.table {
        _ if row.is_bad => bit("why", "bad checksum"),
        Some((kind, by)) => {
            let title = format!("{} changed by {by}: show the table", row.name);
            word_button("why", &title, on(act, Action::ShowTable(*kind)), &row.cause)
        }
        None => bit("why", &row.cause),
    };
    let value = span(if row.is_new { "new" } else { "val" }, &row.value);
    let name = html! { <button class="f" aria-pressed={bool_word(is_lit(lit, &row.range))} title="Show its bytes">{ text(&row.name) }</button> };
    let (at, end) = (row.range.start.to_string(), row.range.end.to_string());
    let lit = if is_lit(lit, &row.range) { " lit" } else { "" };
    match &row.old {
        Some(old) => html! {
            <div class={format!("ch{lit}")} data-at={at} data-end={end}>{ name }<del class="old">{ text(old) }</del><span class="ar" aria-label="becomes">{ "→" }</span>{ value }{ cause }</div>
        },
        None => {
            html! { <div class={format!("ch plus{lit}")} data-at={at} data-end={end}>{ name }{ value }{ cause }</div> }
        }
    }
}

/// A row of bytes as they were, if they were, and as they are.
fn hex(row: &HexRow, lit: &Lit) -> Vec<Html> {
    if row.was.is_empty() {
        let is_new = row.now.first().is_some_and(|cell| cell.is_changed);
        return vec![if is_new { line("new", &row.now, "lay", lit) } else { line("", &row.now, "plain", lit) }];
    }
    vec![line("was", &row.was, "old", lit), line("now", &row.now, "new", lit)]
}

fn line(name: &str, cells: &[Cell], class: &'static str, lit: &Lit) -> Html {
    html! { <div><b>{ text(name) }</b>{ for cells.iter().map(|cell| byte(*cell, class, lit)) }</div> }
}

fn byte(cell: Cell, class: &'static str, lit: &Lit) -> Html {
    let digits = cell.byte.map(|byte| format!("{byte:02x}")).unwrap_or_default();
    let class = match cell.role {
        Some(role) => format!("{class} {}", layer_class(role, "")),
        None => (if cell.is_changed { class } else { "" }).to_owned(),
    };
    let lit = if is_lit(lit, &(cell.at..cell.at + 1)) { " lit" } else { "" };
    html! { <i class={class + lit} data-at={cell.at.to_string()}>{ digits }</i> }
}
