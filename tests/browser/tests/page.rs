//! The page's components in a real document.
#![cfg(target_arch = "wasm32")]

use gloo::timers::future::TimeoutFuture;
use gloo::utils::{body, document};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
async fn mounting_replaces_what_the_element_held() {
    let root = document().create_element("div").unwrap();
    root.set_inner_html("<p>still loading</p>");
    body().append_child(&root).unwrap();

    kubehop_web::mount(root.clone());
    // Yew renders in a later turn of the event loop.
    TimeoutFuture::new(0).await;

    assert!(root.query_selector("h1").unwrap().is_some());
    assert!(!root.inner_html().contains("still loading"));
}
