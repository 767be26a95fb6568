//! The clipboard, which an embedding page may refuse us.
//!
//! What is to be copied is selected first, where people see it, and then the browser is asked to copy what is selected: this
//! needs no permission of the embedding page and leaves no complaint on the console, and what is refused is selected.

use gloo::utils::{document, window};
use wasm_bindgen::JsCast;
use web_sys::{HtmlDocument, Node};
use yew::NodeRef;

/// Copies the text that stands in `node`, or else leaves it selected, so that a key does. Whether it was copied.
pub(crate) fn copy_or_select(node: &NodeRef) -> bool {
    let (Some(node), Ok(Some(selection))) = (node.cast::<Node>(), window().get_selection()) else { return false };
    // Unlike a range that is added, this also selects inside a shadow root.
    let end = node.child_nodes().length();
    selection.set_base_and_extent(&node, 0, &node, end).is_ok() && copy_selected()
}

/// Copies what is selected. Whether that was allowed.
pub(crate) fn copy_selected() -> bool {
    document().unchecked_into::<HtmlDocument>().exec_command("copy").unwrap_or(false)
}

/// Whether this is a frame with an origin of its own, as `sandbox` makes it. Downloads and new windows are refused there,
/// and even to try them is a complaint on the console.
pub(crate) fn is_sandboxed() -> bool {
    window().origin() == "null"
}
