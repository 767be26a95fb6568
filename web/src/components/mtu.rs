//! The MTU bar.

use std::rc::Rc;

use kubehop_core::api::Decision;
use yew::{Html, html};

use super::controls::{Take, menu, on, word_button};
use super::shapes::{bit, span, text};
use super::top_bar::{choose, plain};
use super::{Act, Current};
use crate::scene::geometry::Side;
use crate::scene::{MtuSegment, layer_class, mtu_bar};
use crate::state::{Action, Choice, Sheet, Walk};

/// NIC MTUs that exist in the field.
const MTUS: [usize; 6] = [1280, 1400, 1450, 1500, 8950, 9000];

/// The packet against the next limit on its way, with the sum written out.
pub(super) fn mtu(walk: &Walk, current: &Current, act: &Act) -> Html {
    let take: Take = Rc::new(|value| value.parse().map_or(Action::Dismiss, |mtu| choose(Choice::Mtu(mtu))));
    let mtus = plain(MTUS.iter().map(ToString::to_string));
    let side = current.picture.now.0.side().unwrap_or(Side::Left);
    let machine = walk.cast.machine(side).unwrap_or(&walk.cast.left);
    let bar = mtu_bar(&current.view, machine);
    let steps = walk.reel.same_packet(&walk.trace, current.view.idx);
    let is_cut =
        steps.iter().any(|idx| matches!(walk.reel.step(&walk.trace, *idx).1.decision, Decision::Fragment { .. }));
    let (verdict, class) = match bar.fits {
        Some(true) => ("✓ fits", "fit"),
        Some(false) if is_cut => ("✕ too long: is cut", "fit bad"),
        Some(false) => ("✕ does not fit", "fit bad"),
        None => ("not measured here", "fit none"),
    };
    let inside = if bar.envelope.is_empty() { "inside" } else { "inside first" };
    // Beside a short envelope its two limits stand close together.
    let first = |is_now: bool| match (is_now, bar.envelope.len()) {
        (true, 1) => "lim a near now",
        (true, _) => "lim a now",
        (false, 1) => "lim a near",
        (false, _) => "lim a",
    };
    let [terms, total, against] = &bar.sum;
    html! {
        <>
            <label class="nic"><h2>{ "MTU" }</h2>{ menu("pick", "NIC MTU", &mtus, &walk.mtu.to_string(), act, take) }<span>{ "of every NIC" }</span></label>
            <div class="mturow">
                <div class="mbar" aria-hidden="true">
                    <span class={inside}>{ for bar.inside.iter().map(segment) }</span>
                    if let Some((words, is_now)) = &bar.first_limit { { limit(first(*is_now), words) } }
                    { for bar.envelope.iter().map(segment) }
                    { limit(if bar.last_limit.1 { "lim b now" } else { "lim b" }, &bar.last_limit.0) }
                </div>
                <div class="msum">
                    { bit(class, verdict) }
                    if !total.is_empty() { <span class="sum">{ text(terms) }<b>{ text(total) }</b>{ text(against) }</span> }
                    { span("msx", &bar.extra) }
                </div>
            </div>
            { word_button("btn eff", "Payload against the MTU: a chart", on(act, Action::Show(Some(Sheet::Efficiency))), "Chart") }
        </>
    }
}

fn limit(class: &'static str, words: &str) -> Html {
    html! { <span class={class}><em>{ text(words) }</em></span> }
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
    let layer =
        segment.role.map_or("ly-free", |role| layer_class(role, segment.text.split(' ').next().unwrap_or_default()));
    let is_on = if segment.is_on { "on" } else { "gh" };
    let cut = if segment.share >= 4 { "cut" } else { "" };
    html! { <span class={format!("ms {layer} {width} {is_on} {cut}")} title={segment.title.clone()}><span>{ text(&segment.text) }</span></span> }
}
