//! The MTU bar.

use kubehop_core::api::Decision;
use yew::{Html, Properties, classes, component, html};

use super::Current;
use crate::scene::geometry::Side;
use crate::scene::{MtuSegment, layer_class, mtu_bar};
use crate::state::{Shared, Walk};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub walk: Shared<Walk>,
    pub current: Shared<Current>,
}

/// The packet against the next limit on its way, with the sum written out.
#[component]
pub(super) fn Mtu(props: &Props) -> Html {
    let Props { walk, current } = props;
    let side = current.picture.now.0.side().unwrap_or(Side::Left);
    let machine = walk.cast.machine(side).unwrap_or(&walk.cast.left);
    let bar = mtu_bar(&current.view, machine);
    let steps = walk.reel.same_packet(&walk.trace, current.view.idx);
    let is_cut = steps.iter().any(|idx| matches!(walk.reel.step(&walk.trace, *idx).1.decision, Decision::Fragment { .. }));
    let limit = |class: &'static str, (words, is_now): &(String, bool)| {
        html! { <span class={classes!("lim", class, is_now.then_some("now"))}><em>{ words.clone() }</em></span> }
    };
    let (verdict, class) = match bar.fits {
        Some(true) => ("✓ fits", "fit"),
        Some(false) if is_cut => ("✕ too long: is cut", "fit bad"),
        Some(false) => ("✕ does not fit", "fit bad"),
        None => ("not measured here", "fit none"),
    };
    let [terms, total, against] = &bar.sum;
    html! {
        <>
            <h2>{ "MTU" }</h2>
            <div class="mturow">
                <div class="mbar" aria-hidden="true">
                    <span class={classes!("inside", (!bar.envelope.is_empty()).then_some("first"))}>{ for bar.inside.iter().map(segment) }</span>
                    if let Some(first) = &bar.first_limit { { limit("a", first) } }
                    { for bar.envelope.iter().map(segment) }
                    { limit("b", &bar.last_limit) }
                </div>
                <div class="msum">
                    <span class={class}>{ verdict }</span>
                    if !total.is_empty() { <span class="sum">{ terms.clone() }<b>{ total.clone() }</b>{ against.clone() }</span> }
                    <span class="msx" title={bar.extra.clone()}>{ bar.extra.clone() }</span>
                </div>
            </div>
        </>
    }
}

fn segment(segment: &MtuSegment) -> Html {
    let width = match (segment.share, segment.len) {
        (0, 8) => "w8",
        (0, 14) => "w14",
        (0, 20) => "w20",
        (0, ..=32) => "w32",
        (0, _) => "w40",
        (1, _) => "s1",
        (2..=3, _) => "s3",
        (4..=6, _) => "s5",
        (7..=8, _) => "s7",
        _ => "s10",
    };
    let layer = segment.role.map_or("ly-free", layer_class);
    let is_cut = segment.share >= 4;
    html! {
        <span class={classes!("ms", layer, width, if segment.is_on { "on" } else { "gh" }, is_cut.then_some("cut"))}
            title={segment.title.clone()}><span>{ segment.text.clone() }</span></span>
    }
}
