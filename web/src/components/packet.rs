//! The packet at its dock, and its motion.

use yew::{Html, Properties, component, html, use_node_ref};

use super::shapes::{num, path, rect};
use crate::hooks::{Travel, use_travel};
use crate::scene::geometry::{Rect, Tenths};
use crate::scene::text::MONO;
use crate::scene::{Change, Dock, FRAME, Notch, Note, layer_class};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub dock: Dock,
    pub change: Option<Change>,
    pub travel: Travel,
    /// Whether the packet ends here, and should not.
    pub is_end: bool,
}

/// The packet, and one line beside it that says what changed.
#[component]
pub(super) fn Packet(props: &Props) -> Html {
    let (packet, words) = (use_node_ref(), use_node_ref());
    use_travel(&packet, &words, props.travel.clone());
    let at = props.dock.rect;
    html! {
        <g class="pkt">
            // The attribute places it, the animation moves what is inside.
            <g transform={format!("translate({} {})", Tenths(at.x), Tenths(at.y))}>
                <g class="tag" ref={packet}>
                    { tag(&props.dock) }
                    if props.is_end { { cross(&props.dock) } }
                </g>
            </g>
            <g ref={words}>{ line(props.dock.note.as_ref(), props.change.as_ref()) }</g>
        </g>
    }
}

fn tag(dock: &Dock) -> Vec<Html> {
    let Dock { tag, rect: at, notch, .. } = dock;
    let mut shapes = vec![rect("tagbox", Rect::new(0.0, 0.0, tag.w, tag.h), 5.0)];
    match notch {
        Notch::None => {}
        Notch::Down(x) => shapes.push(path("notch", format!("M{} {}l5 5l5 -5", Tenths(x - at.x - 5.0), Tenths(tag.h)))),
        Notch::Up(x) => shapes.push(path("notch", format!("M{} 0l5 -5l5 5", Tenths(x - at.x - 5.0)))),
    }
    let mut rim = FRAME;
    for segment in &tag.segments {
        if let Some((x, w)) = tag.inner
            && rim == FRAME
            && segment.x > x
        {
            shapes.push(rect("tagbox in", Rect::new(x, FRAME, w, tag.h - 2.0 * FRAME), 4.0));
            rim = 2.0 * FRAME;
        }
        shapes.push(html! {
            <g class={layer_class(segment.role, segment.name)}>
                { rect("lf", Rect::new(segment.x, rim, segment.w, tag.h - 2.0 * rim), 0.0) }
                <text class="lt" x={num(segment.x + segment.w / 2.0)} y={num(tag.h / 2.0 + 4.3)}>{ segment.name }</text>
            </g>
        });
    }
    shapes
}

/// The mark of a packet that died here, at its upper right corner.
fn cross(dock: &Dock) -> Html {
    let transform = format!("translate({} 1)", Tenths(dock.tag.w - 1.0));
    html! { <g class="died" transform={transform}><circle r="7.5" /><path d="M-3 -3l6 6M3 -3l-6 6" /></g> }
}

/// What changed, as far as there is room: what does not fit loses its beginning, then is left out. The inspector has
/// it all.
fn line(note: Option<&Note>, change: Option<&Change>) -> Html {
    let (Some(note), Some(change)) = (note, change) else { return html! {} };
    let width = |words: &str| f64::from(u32::try_from(words.chars().count()).unwrap_or(u32::MAX)) * MONO;
    if width(&change.after) > note.w {
        return html! {};
    }
    let fits = |words: &&String| !words.is_empty() && width(words) + MONO + width(&change.after) <= note.w;
    let before =
        [&change.before, &change.short].into_iter().find(fits).map(|words| format!("{words} ")).unwrap_or_default();
    html! {
        <text class={if note.is_end { "m delta end" } else { "m delta" }} x={num(note.x)} y={num(note.y)}>
            { before }<tspan class="b">{ change.after.clone() }</tspan>
        </text>
    }
}
