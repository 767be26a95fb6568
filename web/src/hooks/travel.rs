//! The packet's motion: the drawing is at its new place already, and an animation brings it there along its track.

use gloo::utils::window;
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Element;
use yew::{NodeRef, hook, use_effect_with, use_mut_ref};

use crate::scene::geometry::{Point, Tenths, within};
use crate::scene::length;

#[wasm_bindgen]
extern "C" {
    /// An element that can be animated; `web-sys` counts this method as unstable.
    #[wasm_bindgen(extends = Element)]
    type Animatable;

    #[wasm_bindgen(method, catch)]
    fn animate(this: &Animatable, keyframes: &JsValue, options: &JsValue) -> Result<Animation, JsValue>;

    /// An animation that runs.
    type Animation;

    #[wasm_bindgen(method)]
    fn cancel(this: &Animation);
}

/// Shortest and longest travel, in milliseconds.
const MILLIS: (f64, f64) = (300.0, 600.0);
/// Milliseconds for a unit of the canvas.
const MILLIS_PER_UNIT: f64 = 1.6;
/// How long words take to appear after the packet has stopped, in milliseconds.
const FADE_MILLIS: f64 = 120.0;

/// One motion: which step it belongs to, the way of the packet's middle, and whether it grew an envelope.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Travel {
    pub(crate) to: usize,
    pub(crate) points: Vec<Point>,
}

/// Moves `packet` along the way once for every step, and lets `words` appear when it has stopped.
#[hook]
pub(crate) fn use_travel(packet: &NodeRef, words: &NodeRef, travel: Travel) {
    let (packet, words) = (packet.clone(), words.clone());
    let running = use_mut_ref(|| None::<Animation>);
    use_effect_with(travel, move |travel| {
        // Somebody steps faster than the packet moves: its last way would be no way for what it is now.
        if let Some(last) = running.take() {
            last.cancel();
        }
        let element = |node: &NodeRef| node.cast::<Element>().map(JsCast::unchecked_into::<Animatable>);
        let Some(end) = travel.points.last() else { return };
        let is_still = packet.cast::<Element>().is_some_and(|it| matches!(it.closest(".kh[data-still]"), Ok(Some(_))));
        let reduced = is_still || prefers_reduced_motion();
        let way = length(&travel.points);
        let millis = if reduced || way < 1.0 { 0.0 } else { within(way * MILLIS_PER_UNIT, MILLIS.0, MILLIS.1) };
        if let (Some(packet), true) = (element(&packet), millis > 0.0) {
            let frames = Array::new();
            let mut gone = 0.0;
            let mut last = travel.points[0];
            for point in &travel.points {
                gone += (point.x - last.x).hypot(point.y - last.y);
                last = *point;
                let transform = format!("translate({}px, {}px)", Tenths(point.x - end.x), Tenths(point.y - end.y));
                frames.push(&object(&[("transform", transform.into()), ("offset", (gone / way).min(1.0).into())]));
            }
            let options = object(&[("duration", millis.into()), ("easing", "ease-in-out".into())]);
            *running.borrow_mut() = packet.animate(&frames, &options).ok();
        }
        if let Some(words) = element(&words) {
            let frames = Array::of2(&object(&[("opacity", 0.into())]), &object(&[("opacity", 1.into())]));
            let options = [("duration", FADE_MILLIS.into()), ("delay", millis.into()), ("fill", "backwards".into())];
            let _ = words.animate(&frames, &object(&options));
        }
    });
}

fn object(pairs: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (key, value) in pairs {
        let _ = Reflect::set(&object, &JsValue::from_str(key), value);
    }
    object
}

fn prefers_reduced_motion() -> bool {
    let query = window().match_media("(prefers-reduced-motion: reduce)");
    query.ok().flatten().is_some_and(|query| query.matches())
}
