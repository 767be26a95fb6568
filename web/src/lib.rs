//! The page.

use web_sys::Element;
use yew::{Html, Renderer, component, html};

/// Shows the page inside an element of the document; what was in it before is replaced.
pub fn mount(root: Element) {
    root.set_inner_html("");
    Renderer::<Page>::with_root(root).render();
}

#[component]
fn Page() -> Html {
    html! { <h1>{ "Kubehop" }</h1> }
}
