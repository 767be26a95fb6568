//! The focus follows what opens above the page, and comes back when it closes.

use gloo::utils::document;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::{NodeRef, hook, use_effect_with, use_mut_ref};

use crate::state::Sheet;

/// Moves the focus into the sheet of `root` when one opens, and to where it was when it closes.
#[hook]
pub(crate) fn use_focus(root: &NodeRef, sheet: Option<Sheet>) {
    let (root, before) = (root.clone(), use_mut_ref(|| None::<HtmlElement>));
    use_effect_with(sheet, move |sheet| {
        let Some(root) = root.cast::<Element>() else { return };
        if sheet.is_none() {
            // Whoever opened it may be gone with another layout.
            if let Some(element) = before.take().filter(|element| element.is_connected()) {
                let _ = element.focus();
            }
            return;
        }
        if before.borrow().is_none() {
            *before.borrow_mut() = document().active_element().and_then(|element| element.dyn_into().ok());
        }
        let target = root.query_selector(".sheet :is([tabindex='0'], button, select, input)").ok().flatten();
        if let Some(Ok(target)) = target.map(JsCast::dyn_into::<HtmlElement>) {
            let _ = target.focus();
        }
    });
}
