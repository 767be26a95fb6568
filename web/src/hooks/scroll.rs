//! Lists that show what matters: the row of the step, the row that decided.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::NodeRef;

/// Scrolls `list` so that the last row that `selector` names stands at this share of its height, or as near as can be;
/// to its beginning if there is none. Only the list itself moves: `scrollIntoView` would move a page that embeds this one.
pub(crate) fn scroll_to(list: &NodeRef, selector: &str, share: f64) {
    let Some(list) = list.cast::<HtmlElement>() else { return };
    list.set_scroll_top(0);
    let Ok(rows) = list.query_selector_all(selector) else { return };
    let Some(row) = rows.get(rows.length().wrapping_sub(1)) else { return };
    let (outer, inner) = (list.get_bounding_client_rect(), row.unchecked_into::<Element>().get_bounding_client_rect());
    let off = inner.top() - outer.top() - (outer.height() - inner.height()).max(0.0) * share;
    #[expect(clippy::cast_possible_truncation, reason = "a number of pixels")]
    list.set_scroll_top(off as i32);
}
