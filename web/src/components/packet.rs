//! The packet at its dock, and its motion.

use yew::{Html, Properties, component, html, use_node_ref};

use super::machine::px;
use crate::hooks::{Travel, use_travel};
use crate::scene::{Change, Dock, FRAME, Notch, Segment, layer_class};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub dock: Dock,
    pub change: Option<Change>,
    pub travel: Travel,
}

/// The packet, and one line beside it that says what changed.
#[component]
pub(super) fn Packet(props: &Props) -> Html {
    let (packet, words) = (use_node_ref(), use_node_ref());
    use_travel(&packet, &words, props.travel.clone());
    let Dock { tag, rect, notch, note } = &props.dock;
    let inner_x = tag.inner.map_or(f64::INFINITY, |(x, _)| x);
    let segment = |segment: &Segment| {
        let rim = if segment.x > inner_x { 2.0 * FRAME } else { FRAME };
        html! {
            <g class={layer_class(segment.role)}>
                <rect class="lf" x={px(segment.x)} y={px(rim)} width={px(segment.w)} height={px(tag.h - 2.0 * rim)} />
                <text class="lt" x={px(segment.x + segment.w / 2.0)} y={px(tag.h / 2.0 + 4.3)}>{ segment.name }</text>
            </g>
        }
    };
    let point = match notch {
        Notch::None => None,
        Notch::Down(x) => Some(format!("M{} {}l5 5l5 -5", x - rect.x - 5.0, tag.h)),
        Notch::Up(x) => Some(format!("M{} 0l5 -5l5 5", x - rect.x - 5.0)),
    };
    html! {
        <g class="pkt">
            // The attribute places it, the animation moves what is inside.
            <g transform={format!("translate({} {})", rect.x, rect.y)}>
                <g class="tag" ref={packet}>
                    <rect class="tagbox" width={px(tag.w)} height={px(tag.h)} rx="5" />
                    if let Some(d) = point { <path class="notch" d={d} /> }
                    { for tag.segments.iter().filter(|it| it.x <= inner_x).map(segment) }
                    if let Some((x, w)) = tag.inner {
                        <rect class="tagbox in" x={px(x)} y={px(FRAME)} width={px(w)} height={px(tag.h - 2.0 * FRAME)} rx="4" />
                    }
                    { for tag.segments.iter().filter(|it| it.x > inner_x).map(segment) }
                </g>
            </g>
            <g ref={words}>{ line(note.as_ref().zip(props.change.as_ref())) }</g>
        </g>
    }
}

fn line(line: Option<(&crate::scene::Note, &Change)>) -> Html {
    let Some((note, change)) = line else { return html! {} };
    let all = format!("{} {}", change.before, change.after);
    // What does not fit loses its beginning, then is left out: the inspector has it all.
    let letters = |words: &str| crate::scene::text::MONO * f64::from(u32::try_from(words.chars().count()).unwrap_or(u32::MAX));
    let before = if letters(&all) <= note.w { change.before.clone() } else { String::new() };
    if letters(&change.after) > note.w {
        return html! {};
    }
    html! {
        <text class={if note.is_end { "m delta end" } else { "m delta" }} x={px(note.x)} y={px(note.y)}>
            if !before.is_empty() { { format!("{before} ") } }
            <tspan class="b">{ change.after.clone() }</tspan>
        </text>
    }
}
