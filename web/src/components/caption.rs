//! What happened, why one cares, and the command that shows it on a real machine.

use kubehop_core::api::Explanation;
use yew::{Callback, Html, Properties, component, html, use_effect_with, use_node_ref, use_state_eq};

use super::icons::{COPY, icon};
use crate::hooks::copy_or_select;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub words: Explanation,
}

/// The explanation of a step.
#[component]
pub(super) fn Caption(props: &Props) -> Html {
    let Explanation { headline, what, why, command } = &props.words;
    html! {
        <div class="capgrid">
            <div class="what"><h3>{ headline }</h3><p>{ what }</p></div>
            if !why.is_empty() {
                <div class="care"><h4>{ "Why you care" }</h4><p>{ why }</p></div>
            }
            if let Some(command) = command {
                <div class="cmd"><h4>{ "See it on a real machine" }</h4><Command text={command.clone()} /></div>
            }
        </div>
    }
}

#[derive(PartialEq, Properties)]
struct CommandProps {
    text: String,
}

/// A command with a button that copies it.
#[component]
fn Command(props: &CommandProps) -> Html {
    let node = use_node_ref();
    let answer = use_state_eq(|| "");
    let reset = answer.setter();
    use_effect_with(props.text.clone(), move |_| reset.set(""));
    let on_copy = {
        let (text, node, answer) = (props.text.clone(), node.clone(), answer.setter());
        Callback::from(move |_| {
            let answer = answer.clone();
            let done = Callback::from(move |copied| answer.set(if copied { "Copied." } else { "Selected: press Ctrl+C." }));
            copy_or_select(&text, node.clone(), done);
        })
    };
    html! {
        <div class="cmdbox">
            <code><span class="dol">{ "$ " }</span><span ref={node}>{ &props.text }</span></code>
            <button class="icon" aria-label="Copy command" title={"Copy command"} onclick={on_copy}>{ icon(COPY) }</button>
            <span class="copied" role="status">{ *answer }</span>
        </div>
    }
}
