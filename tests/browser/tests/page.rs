//! The page's components in a real document.
#![cfg(target_arch = "wasm32")]

use gloo::timers::future::TimeoutFuture;
use gloo::utils::{body, document, window};
use wasm_bindgen::JsCast as _;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{Element, HtmlElement, HtmlInputElement, KeyboardEvent, KeyboardEventInit};

wasm_bindgen_test_configure!(run_in_browser);

/// A page of its own in the test's document.
struct Page {
    root: Element,
}

impl Page {
    /// Mounts a page `width` pixels wide.
    async fn mount(width: u32) -> Self {
        let root = document().create_element("div").unwrap();
        root.unchecked_ref::<HtmlElement>().style().set_property("width", &format!("{width}px")).unwrap();
        root.unchecked_ref::<HtmlElement>().style().set_property("height", "720px").unwrap();
        root.set_inner_html("<p>still loading</p>");
        body().append_child(&root).unwrap();
        let _ = kubehop_web::mount(root.clone(), None, "", String::new(), js_sys::Function::new_no_args(""));
        let page = Self { root };
        page.settle().await;
        page
    }

    /// Yew renders in a later turn of the event loop, and measures itself after that.
    async fn settle(&self) {
        TimeoutFuture::new(60).await;
    }

    fn find(&self, selector: &str) -> Option<Element> {
        self.root.query_selector(selector).unwrap()
    }

    fn get(&self, selector: &str) -> Element {
        self.find(selector).unwrap_or_else(|| panic!("there is no {selector}"))
    }

    async fn click(&self, selector: &str) {
        self.get(selector).unchecked_into::<HtmlElement>().click();
        self.settle().await;
    }

    /// Presses a key while an element has the focus.
    async fn press(&self, element: &Element, key: &str) {
        let init = KeyboardEventInit::new();
        init.set_key(key);
        init.set_bubbles(true);
        init.set_cancelable(true);
        element.dispatch_event(&KeyboardEvent::new_with_keyboard_event_init_dict("keydown", &init).unwrap()).unwrap();
        self.settle().await;
    }

    /// The slider's value: the number of the step.
    fn step(&self) -> String {
        self.get("input[type=range]").unchecked_into::<HtmlInputElement>().value()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.root.remove();
        // The next test begins at the first step again.
        let url = window().location().pathname().unwrap();
        let _ = window().history().unwrap().replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&url));
    }
}

#[wasm_bindgen_test]
async fn mounting_replaces_what_the_element_held() {
    let page = Page::mount(1280).await;
    assert!(page.find(".kh").is_some());
    assert!(!page.root.inner_html().contains("still loading"));
}

#[wasm_bindgen_test]
async fn every_region_and_control_has_its_name() {
    let page = Page::mount(1280).await;
    for region in ["Topology", "Packet", "Tables", "MTU", "Explanation"] {
        assert!(page.find(&format!("section[aria-label={region}]")).is_some(), "{region}");
    }
    for button in ["First step", "Previous step", "Next step", "Last step", "Play"] {
        assert!(page.find(&format!("button[aria-label='{button}']")).is_some(), "{button}");
    }
    let slider = page.get("input[type=range]");
    assert_eq!(slider.get_attribute("aria-label").as_deref(), Some("Step"));
    assert!(slider.get_attribute("aria-valuetext").unwrap().starts_with("step 1 of "));
    let buttons = page.root.query_selector_all("button").unwrap();
    for idx in 0..buttons.length() {
        let button: Element = buttons.get(idx).unwrap().unchecked_into();
        let name = button.get_attribute("aria-label").unwrap_or_default() + &button.text_content().unwrap_or_default();
        assert!(!name.trim().is_empty(), "{}", button.outer_html());
    }
}

#[wasm_bindgen_test]
async fn buttons_and_keys_step() {
    let page = Page::mount(1280).await;
    assert_eq!(page.step(), "1");
    page.click("[aria-label='Next step']").await;
    assert_eq!(page.step(), "2");
    let next = page.get("[aria-label='Next step']");
    page.press(&next, "ArrowRight").await;
    assert_eq!(page.step(), "3");
    page.press(&next, "End").await;
    let last = page.step();
    assert_eq!(page.get("input[type=range]").get_attribute("max"), Some(last.clone()));
    page.press(&next, "ArrowRight").await;
    assert_eq!(page.step(), last);
    page.press(&next, "Home").await;
    page.press(&next, "ArrowLeft").await;
    assert_eq!(page.step(), "1");
    page.press(&next, "PageDown").await;
    assert_ne!(page.step(), "1");
}

#[wasm_bindgen_test]
async fn keys_outside_the_page_do_nothing() {
    let page = Page::mount(1280).await;
    for key in ["ArrowRight", "End", " ", "?"] {
        page.press(&body(), key).await;
    }
    assert_eq!(page.step(), "1");
    assert!(page.find("[role=dialog]").is_none());
}

#[wasm_bindgen_test]
async fn playing_goes_on_and_a_step_by_hand_pauses() {
    let page = Page::mount(1280).await;
    for _ in 0..2 {
        page.click("[title=Speed]").await;
    }
    page.click("[aria-label=Play]").await;
    TimeoutFuture::new(800).await;
    assert_ne!(page.step(), "1");
    page.click("[aria-label='Previous step']").await;
    assert!(page.find("[aria-label=Play]").is_some());
}

#[wasm_bindgen_test]
async fn nothing_has_a_style_attribute() {
    let page = Page::mount(1280).await;
    for _ in 0..12 {
        page.click("[aria-label='Next step']").await;
        assert_eq!(page.get(".kh").query_selector("[style], style, script").unwrap(), None);
    }
}

#[wasm_bindgen_test]
async fn a_step_by_hand_is_spoken() {
    let page = Page::mount(1280).await;
    page.click("[aria-label='Next step']").await;
    let spoken = page.get("[aria-live=polite]").text_content().unwrap();
    let headline = page.get("section[aria-label=Explanation] h3").text_content().unwrap();
    assert_eq!(spoken, headline);
}

#[wasm_bindgen_test]
async fn the_theme_can_be_switched() {
    let page = Page::mount(1280).await;
    let before = page.get(".kh").get_attribute("data-theme").unwrap();
    page.click(".thm").await;
    assert_ne!(page.get(".kh").get_attribute("data-theme").unwrap(), before);
}

#[wasm_bindgen_test]
async fn another_mode_recomputes_and_keeps_the_step() {
    let page = Page::mount(1280).await;
    page.click("[aria-label='Next step']").await;
    let max = page.get("input[type=range]").get_attribute("max");
    page.click("[aria-label='CNI mode'] button:last-child").await;
    assert_ne!(page.get("input[type=range]").get_attribute("max"), max);
    assert_eq!(page.step(), "2");
    assert!(page.get("section[aria-label=Topology]").text_content().unwrap().contains("host-gw has no tunnel"));
}

#[wasm_bindgen_test]
async fn a_narrow_page_has_a_tab_for_every_panel() {
    let page = Page::mount(360).await;
    for panel in ["Topology", "Explanation", "Packet", "Tables", "MTU"] {
        let tabs = page.root.query_selector_all(".ptabs [role=tab]").unwrap();
        let tab = (0..tabs.length())
            .map(|idx| tabs.get(idx).unwrap())
            .find(|tab| tab.text_content().as_deref() == Some(panel));
        tab.unwrap().unchecked_into::<HtmlElement>().click();
        page.settle().await;
        assert!(page.find(&format!("section[aria-label={panel}]")).is_some(), "{panel}");
    }
    assert!(page.find("[aria-label='Next step']").is_some());
}
