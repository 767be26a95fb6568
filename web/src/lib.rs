//! The page.
//!
//! [`state`] is what the page knows, [`scene`] what a step looks like; both are plain values, tested without a browser.
//! [`components`] draw them, [`hooks`] speak with the browser: the address, the clock, the width, the packet's motion.

mod components;
mod hooks;
pub mod scene;
pub mod state;

use web_sys::Element;
use yew::Renderer;

use components::App;

/// Shows the page inside an element of the document; what was in it before is replaced.
pub fn mount(root: Element) {
    root.set_inner_html("");
    Renderer::<App>::with_root(root).render();
}
