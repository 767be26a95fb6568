//! What happened, why one cares, and the command that shows it on a real machine.

use yew::{Callback, Html, NodeRef, html};

use super::controls::icon_button;
use super::icons::{COPY, icon};
use super::shapes::{bit, span, text};
use super::{Act, Current};
use crate::hooks::copy_or_select;
use crate::scene::{Dice, Face, dice};
use crate::state::{Action, Walk};

/// The explanation of a step. `command` is where its command stands, `copied` whether it was copied.
pub(super) fn caption(walk: &Walk, current: &Current, command: &NodeRef, copied: Option<bool>, act: &Act) -> Html {
    let words = &current.view.explanation;
    let titled = |class: &'static str, title: &'static str, what: Html| {
        html! { <div class={class}><h4>{ title }</h4>{ what }</div> }
    };
    html! {
        <div class="capgrid">
            <div class="what"><h3>{ text(&words.headline) }</h3><p>{ text(&words.what) }</p></div>
            if let Some(dice) = dice(&walk.scene, &walk.trace, &current.decision) { { dice_list(&dice) } }
            if !words.why.is_empty() {
                { titled("care", "Why you care", html! { <p>{ text(&words.why) }</p> }) }
            }
            if let Some(line) = &words.command {
                { titled("cmd", "See it on a real machine", command_box(line, command, copied, act)) }
            }
        </div>
    }
}

/// What the dice could have chosen, each with its chance.
fn dice_list(dice: &Dice) -> Html {
    let face = |face: &Face| {
        let (class, mark) = if face.is_chosen { ("chosen", "←") } else { ("", "") };
        html! { <li class={class}>{ bit("m", &face.endpoint) }{ span("who", &face.name) }{ bit("pc", &face.chance) }<span title="chosen">{ mark }</span></li> }
    };
    html! {
        <div class="dice">
            <h4>{ if dice.faces.len() > 1 { "It could have been" } else { "The only endpoint" } }</h4>
            <ol aria-label="Destinations">{ for dice.faces.iter().map(face) }</ol>
            if dice.n_more > 0 { <p>{ format!("and {} more", dice.n_more) }</p> }
            if dice.is_masqueraded { <p>{ "Marked: its source will be the node's (masquerade)." }</p> }
        </div>
    }
}

fn command_box(line: &str, node: &NodeRef, copied: Option<bool>, act: &Act) -> Html {
    let on_copy = {
        let (node, act) = (node.clone(), act.clone());
        Callback::from(move |_| {
            act.dispatch(Action::Copied(copy_or_select(&node)));
        })
    };
    let answer = match copied {
        None => "",
        Some(true) => "Copied.",
        Some(false) => "Selected: press Ctrl+C.",
    };
    html! {
        <div class="cmdbox">
            <code><span class="dol">{ "$ " }</span><span ref={node.clone()}>{ text(line) }</span></code>
            { icon_button("icon", "Copy command", on_copy, icon(COPY)) }
            <span class="copied" role="status">{ answer }</span>
        </div>
    }
}
