//! What happened, why one cares, and the command that shows it on a real machine.

use kubehop_core::api::Explanation;
use yew::{Callback, Html, NodeRef, html};

use super::Act;
use super::controls::icon_button;
use super::icons::{COPY, icon};
use super::shapes::text;
use crate::hooks::copy_or_select;
use crate::state::Action;

/// The explanation of a step. `command` is where its command stands, `copied` whether it was copied.
pub(super) fn caption(words: &Explanation, command: &NodeRef, copied: Option<bool>, act: &Act) -> Html {
    let titled = |class: &'static str, title: &'static str, what: Html| {
        html! { <div class={class}><h4>{ title }</h4>{ what }</div> }
    };
    html! {
        <div class="capgrid">
            <div class="what"><h3>{ text(&words.headline) }</h3><p>{ text(&words.what) }</p></div>
            if !words.why.is_empty() {
                { titled("care", "Why you care", html! { <p>{ text(&words.why) }</p> }) }
            }
            if let Some(line) = &words.command {
                { titled("cmd", "See it on a real machine", command_box(line, command, copied, act)) }
            }
        </div>
    }
}

fn command_box(line: &str, node: &NodeRef, copied: Option<bool>, act: &Act) -> Html {
    let on_copy = {
        let (line, node, act) = (line.to_owned(), node.clone(), act.clone());
        Callback::from(move |_| {
            let act = act.clone();
            copy_or_select(
                &line,
                node.clone(),
                Callback::from(move |is_copied| act.dispatch(Action::Copied(is_copied))),
            );
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
