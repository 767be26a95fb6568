//! The clipboard, which an embedding page may refuse us.

use gloo::utils::{document, window};
use js_sys::Reflect;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::Node;
use yew::{Callback, NodeRef};

/// Copies `text`, or else selects what stands in `node`, so that a key does. `done` hears whether it was copied.
pub(crate) fn copy_or_select(text: &str, node: NodeRef, done: Callback<bool>) {
    let navigator = window().navigator();
    // Outside a secure context the property is missing, whatever its type says.
    let exists = Reflect::get(&navigator, &JsValue::from_str("clipboard")).is_ok_and(|value| value.is_object());
    let promise = exists.then(|| navigator.clipboard().write_text(text));
    spawn_local(async move {
        let is_copied = match promise {
            Some(promise) => JsFuture::from(promise).await.is_ok(),
            None => false,
        };
        if !is_copied {
            select(&node);
        }
        done.emit(is_copied);
    });
}

fn select(node: &NodeRef) {
    let (Some(node), Ok(Some(selection))) = (node.cast::<Node>(), window().get_selection()) else { return };
    if let Ok(range) = document().create_range()
        && range.select_node_contents(&node).is_ok()
        && selection.remove_all_ranges().is_ok()
    {
        let _ = selection.add_range(&range);
    }
}
