//! The list of steps that a narrow page shows in place of the canvas.

use yew::{Html, Properties, component, html, use_effect_with, use_node_ref};

use super::controls::on;
use super::shapes::{bit, text};
use super::{Act, Current};
use crate::hooks::scroll_to;
use crate::scene::{layer_class, packet_title, stage_name};
use crate::state::{Action, Shared, Walk};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub walk: Shared<Walk>,
    pub current: Shared<Current>,
    pub cursor: usize,
    pub act: Act,
}

/// Steps on each side of the shown one that are in the list.
const AROUND: usize = 24;

/// The steps around the shown one, place by place.
#[component]
pub(super) fn Steps(props: &Props) -> Html {
    let Props { walk, current, cursor, act } = props;
    let list = use_node_ref();
    let scrolled = list.clone();
    use_effect_with((*cursor, walk.clone()), move |_| scroll_to(&scrolled, "[aria-current]", 1.0 / 3.0));
    let from = cursor.saturating_sub(AROUND);
    let to = (cursor + AROUND + 1).min(walk.n_steps());
    let mut last_hop = None;
    let rows = (from..to).map(|idx| {
        let (hop, step) = walk.reel.step(&walk.trace, idx);
        let is_new_place = last_hop.replace(walk.reel.hop(idx)) != Some(walk.reel.hop(idx));
        let journey = walk.trace.journey(hop.journey);
        let state = match idx.cmp(cursor) {
            std::cmp::Ordering::Less => "done",
            std::cmp::Ordering::Equal => "now",
            std::cmp::Ordering::Greater => "ahead",
        };
        html! {
            <>
                if is_new_place {
                    <li class="lnode" key={format!("hop{idx}")}><b>{ text(hop.at.short()) }</b>{ bit("", &packet_title(journey.flow, &journey.name)) }</li>
                }
                <li class="stop" data-state={state} key={idx}>
                    <span class="dotc"></span>
                    <button class="ln" aria-current={(idx == *cursor).then_some("step")} onclick={on(act, Action::Go(idx))}>
                        <b>{ text(&stage_name(step.stage)) }</b>{ bit("", &walk.headline(idx)) }
                    </button>
                    if idx == *cursor { { card(current) } }
                </li>
            </>
        }
    });
    html! {
        <ol class="list" ref={list} tabindex="0" aria-label="Steps">
            if from > 0 { <li class="lmore">{ format!("{from} steps before") }</li> }
            { for rows }
            if to < walk.n_steps() { <li class="lmore">{ format!("{} more steps", walk.n_steps() - to) }</li> }
        </ol>
    }
}

/// The packet of the shown step, as a strip of its headers.
fn card(current: &Current) -> Html {
    let Some(dock) = &current.picture.dock else { return html! {} };
    html! {
        <div class="env" aria-hidden="true">
            { for dock.tag.segments.iter().map(|segment| bit(layer_class(segment.role, segment.name), segment.name)) }
        </div>
    }
}
