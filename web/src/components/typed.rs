//! Any table of the place where the packet is, as a command shows it there before the run or after it, whether the step
//! read it or not. There may be ten thousand rows: those that are seen are made.

use kubehop_core::api::{show, show_broken};
use yew::{AttrValue, Callback, Html, Properties, component, html, use_memo, use_node_ref, use_state};

use super::Act;
use super::controls::{choice_button, icon_button, on};
use super::icons::{COPY, icon};
use super::shapes::{bit, text};
use crate::hooks::{copy_or_select, use_window};
use crate::state::{Action, Scenario, Shared, Typed, Walk};

/// What can be typed at a place: the command, and whether only nodes know it.
pub(super) const COMMANDS: [(&str, bool); 17] = [
    ("ip addr", false),
    ("ip route", false),
    ("ip route show table local", false),
    ("ip rule", false),
    ("ip neigh", false),
    ("ss -tunl", false),
    ("cat /etc/resolv.conf", false),
    ("bridge fdb", true),
    ("iptables-save", true),
    ("ipset save", true),
    ("nft list ruleset", true),
    ("ipvsadm-save -n", true),
    ("conntrack -L", false),
    ("cilium bpf lb list", true),
    ("cilium bpf ipcache list", true),
    ("cilium bpf endpoint list", true),
    ("sysctl -a", false),
];

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub walk: Shared<Walk>,
    pub scenario: Scenario,
    /// Where it is typed.
    pub at: String,
    pub typed: Typed,
    pub act: Act,
}

/// Height of a row, which the style sheet keeps.
const ROW: usize = 18;

/// The answer, with the command above it.
#[component]
pub(super) fn Answer(props: &Props) -> Html {
    let Typed { command, is_after } = props.typed;
    let list = use_node_ref();
    let key = format!("{}{command}{is_after}", props.at);
    let lines = use_memo((props.walk.clone(), props.at.clone(), props.typed), |(walk, at, typed)| {
        answer(walk, &props.scenario, at, *typed)
    });
    let seen = use_window(&list, ".rules", lines.len(), ROW, key);
    let choice = |words, value| {
        choice_button(
            words,
            is_after == value,
            on(&props.act, Action::Type(Some(Typed { is_after: value, ..props.typed }))),
        )
    };
    let row = |idx: usize| {
        let (line, writer) = &lines[idx];
        html! { <li key={idx}><code title={line.clone()}>{ text(line) }</code>{ bit("by", writer) }</li> }
    };
    let rows = seen.clone().map(row);
    let what = match (lines.len(), is_after) {
        (0, _) => "nothing".to_owned(),
        (1, _) => "1 line".to_owned(),
        (n, _) => format!("{n} lines"),
    };
    html! {
        <>
            <h5 class="cmdl"><Command line={command} />
                <span class="seg" role="group" aria-label="When">{ choice("before", false) }{ choice("after the run", true) }</span>
            </h5>
            <p class="none">{ format!("{what}: the table as it stands {} the run", if is_after { "after" } else { "before" }) }</p>
            <div ref={list} class="long">
                { gap(seen.start) }
                <ol class="typed" aria-label={command}>{ for rows }</ol>
                { gap(lines.len() - seen.end) }
            </div>
        </>
    }
}

/// The room of rows that are not made. An SVG has its height as an attribute, which needs no style.
fn gap(n_rows: usize) -> Html {
    html! { <svg class="gap" width="1" height={(n_rows * ROW).to_string()} aria-hidden="true"></svg> }
}

/// Lines, and who wrote the row that each shows.
fn answer(walk: &Walk, scenario: &Scenario, at: &str, typed: Typed) -> Vec<(String, String)> {
    let Ok(lab) = scenario.lab() else { return Vec::new() };
    let command = [typed.command];
    let printed = if typed.is_after {
        show(&lab, at, Some(&walk.run), &command, true)
    } else {
        show_broken(&lab, at, &walk.run.faults, &command, true)
    };
    let printed = printed.unwrap_or_else(|error| error.to_string());
    let split = |line: &str| match line.rsplit_once("  # ") {
        Some((row, writer)) => (row.to_owned(), writer.to_owned()),
        None => (line.to_owned(), String::new()),
    };
    printed.lines().map(split).collect()
}

#[derive(PartialEq, Properties)]
pub(super) struct CommandProps {
    pub line: AttrValue,
}

/// A command with a button that copies it.
#[component]
pub(super) fn Command(props: &CommandProps) -> Html {
    let (node, copied) = (use_node_ref(), use_state(|| ""));
    let line = props.line.clone();
    let on_copy = {
        let (line, node, copied) = (line.clone(), node.clone(), copied.clone());
        Callback::from(move |_| {
            let copied = copied.clone();
            let done = Callback::from(move |is| copied.set(if is { "copied" } else { "press Ctrl+C" }));
            copy_or_select(&line, node.clone(), done);
        })
    };
    html! {
        <>
            <code ref={node} title={line.clone()}>{ line }</code>
            { icon_button("copy", "Copy command", on_copy, icon(COPY)) }
            <span class="copied" role="status">{ *copied }</span>
        </>
    }
}
