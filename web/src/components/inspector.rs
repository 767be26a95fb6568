//! The packet panel: one diff, layer by layer.

use yew::{Callback, Html, Properties, classes, component, html};

use super::{Act, Current};
use crate::scene::{Cell, FieldRow, HexRow, LayerRow, LayerState, dump, inspect, layer_class, packet_size, packet_where};
use crate::state::{Action, Shared};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub current: Shared<Current>,
    pub shows_all: bool,
    pub act: Act,
}

/// What the step made of the packet.
#[component]
pub(super) fn Inspector(props: &Props) -> Html {
    let view = &props.current.view;
    let toggle = {
        let act = props.act.clone();
        Callback::from(move |_| act.dispatch(Action::ToggleAllFields))
    };
    let size = packet_size(view);
    html! {
        <>
            <header>
                <h2>{ "Packet" }</h2>
                <span class="where" title={packet_where(view)}>{ packet_where(view) }</span>
                <span class="sz" title={size.clone()}>{ size.clone() }</span>
                <button class="all" aria-pressed={props.shows_all.to_string()} aria-label="All fields" title="Show all fields" onclick={toggle}>{ "all" }</button>
            </header>
            <div class="lys" tabindex="0" role="group" aria-label="Layers">
                { for inspect(view, &props.current.decision, props.shows_all).iter().map(layer) }
                if !props.shows_all { { bytes(&dump(view)) } }
            </div>
        </>
    }
}

fn layer(row: &LayerRow) -> Html {
    let state = match row.state {
        LayerState::Same => "same",
        LayerState::Changed | LayerState::Added => "chg",
        LayerState::Gone => "gone",
    };
    html! {
        <section class={classes!("ly", layer_class(row.role), state)}>
            <h4>
                <span class="chip"><b>{ row.name }</b><span class="z">{ row.size.clone() }</span></span>
                if !row.note.is_empty() { <span class="nt" title={row.note.clone()}>{ row.note.clone() }</span> }
            </h4>
            { for row.fields.iter().map(field) }
            { hex(&row.hex) }
        </section>
    }
}

fn field(row: &FieldRow) -> Html {
    let value = |class: &'static str| html! { <span class={class} title={row.value.clone()}>{ row.value.clone() }</span> };
    let cause = if row.is_bad { "bad checksum".to_owned() } else { row.cause.clone() };
    match (&row.old, row.is_new) {
        (Some(old), _) => html! {
            <div class="ch">
                <span class="f">{ row.name.clone() }</span>
                <del class="old" title={old.clone()}>{ old.clone() }</del>
                <span class="ar" aria-label="becomes">{ "→" }</span>
                { value("new") }
                <span class="why">{ cause }</span>
            </div>
        },
        (None, is_new) => html! {
            <div class="ch plus">
                <span class="f">{ row.name.clone() }</span>
                { value(if is_new { "new" } else { "val" }) }
                <span class="why">{ cause }</span>
            </div>
        },
    }
}

fn hex(rows: &[HexRow]) -> Html {
    if rows.is_empty() {
        return html! {};
    }
    let line = |name: &'static str, cells: &[Cell], class: &'static str| {
        html! {
            <div><b>{ name }</b>{ for cells.iter().map(|cell| byte(*cell, class)) }</div>
        }
    };
    html! {
        <div class="hx" role="img" aria-label="bytes before and after">
            { for rows.iter().map(|row| html! {
                <>
                    if row.was.is_empty() {
                        { line("new", &row.now, "lay") }
                    } else {
                        { line("was", &row.was, "old") }
                        { line("now", &row.now, "new") }
                    }
                </>
            }) }
        </div>
    }
}

/// The bytes of a packet that stayed as it was, each in the colour of its layer.
fn bytes(rows: &[HexRow]) -> Html {
    if rows.is_empty() {
        return html! {};
    }
    let row = |(idx, row): (usize, &HexRow)| {
        html! {
            <div>
                <b>{ idx * 20 }</b>
                { for row.now.iter().filter_map(|cell| Some(html! { <i class={classes!("plain", cell.role.map(layer_class))}>{ format!("{:02x}", cell.byte?) }</i> })) }
            </div>
        }
    };
    html! { <div class="hx dump" role="img" aria-label="all bytes, unchanged">{ for rows.iter().enumerate().map(row) }</div> }
}

fn byte(cell: Cell, class: &'static str) -> Html {
    match cell.byte {
        Some(byte) if cell.is_changed => html! { <i class={classes!(class, cell.role.map(layer_class))}>{ format!("{byte:02x}") }</i> },
        Some(byte) => html! { <i>{ format!("{byte:02x}") }</i> },
        None => html! { <i></i> },
    }
}
