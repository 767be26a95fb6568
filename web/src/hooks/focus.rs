//! The focus follows what opens above the page, and comes back when it closes.

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
            // Asked of the page's own element: of a custom element the document knows the outside only.
            let focused = root.query_selector(":focus").ok().flatten();
            *before.borrow_mut() = focused.and_then(|element| element.dyn_into().ok());
        }
        // In a list that is what is chosen, elsewhere the first control.
        let find = |selector| root.query_selector(selector).ok().flatten();
        let target =
            find(".sheet [aria-current]").or_else(|| find(".sheet :is([tabindex='0'], button, select, input)"));
        if let Some(Ok(target)) = target.map(JsCast::dyn_into::<HtmlElement>) {
            let _ = target.focus();
        }
    });
}
