//! The canvas as a picture of its own: every style stands at its element, so that it needs no style sheet, and opens in
//! programs that know no CSS variable.

use gloo::utils::{document, window};
use wasm_bindgen::JsCast;
use web_sys::{Element, XmlSerializer};

/// What children take from their parents: stated where it differs from there.
const INHERITED: [&str; 12] = [
    "fill",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
    "stroke-linecap",
    "stroke-linejoin",
    "paint-order",
    "text-anchor",
    "font-family",
    "font-size",
    "font-weight",
    "letter-spacing",
];

/// `canvas`, which is part of a document, as the text of an SVG file; `size` is that of its view box.
pub(crate) fn standalone(canvas: &Element, (width, height): (f64, f64)) -> Option<String> {
    let copy: Element = canvas.clone_node_with_deep(true).ok()?.unchecked_into();
    let (from, to) = (canvas.query_selector_all("*").ok()?, copy.query_selector_all("*").ok()?);
    style(canvas, &copy, None);
    for idx in 0..from.length() {
        let [from, to] = [&from, &to].map(|list| list.get(idx).map(JsCast::unchecked_into::<Element>));
        let (from, to) = (from?, to?);
        style(&from, &to, from.parent_element().as_ref());
    }
    let _ = copy.set_attribute("width", &width.to_string());
    let _ = copy.set_attribute("height", &height.to_string());
    let ground = document().create_element_ns(Some("http://www.w3.org/2000/svg"), "path").ok()?;
    let page = canvas.closest(".kh").ok()??;
    let colour = window().get_computed_style(&page).ok()??.get_property_value("background-color").ok()?;
    let _ = ground.set_attribute("fill", &colour);
    let _ = ground.set_attribute("d", &format!("M0 0H{width}V{height}H0Z"));
    let _ = copy.insert_before(&ground, copy.first_child().as_ref());
    let text = XmlSerializer::new().ok()?.serialize_to_string(&copy).ok()?;
    Some(text + "\n")
}

/// Writes what `from` looks like onto `to`, as attributes.
fn style(from: &Element, to: &Element, parent: Option<&Element>) {
    let computed = |element: &Element| window().get_computed_style(element).ok().flatten();
    let Some(own) = computed(from) else { return };
    let above = parent.and_then(computed);
    for name in INHERITED {
        let value = own.get_property_value(name).unwrap_or_default();
        let is_new = above.as_ref().is_none_or(|above| above.get_property_value(name).unwrap_or_default() != value);
        if is_new {
            let _ = to.set_attribute(name, &value);
        }
    }
    let opacity = own.get_property_value("opacity").unwrap_or_default();
    if opacity != "1" {
        let _ = to.set_attribute("opacity", &opacity);
    }
    for name in ["class", "data-state", "style"] {
        let _ = to.remove_attribute(name);
    }
}
