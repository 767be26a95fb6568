//! Where the program does not run, the page says so and shows a picture.

use kubehop_e2e::{Page, serve_dist, serve_dist_with};
use serde_json::json;

const IS_SHOWN: &str = "document.querySelector('#kubehop img')?.naturalWidth > 0";
const WORDS: &str = "document.querySelector('#kubehop p').textContent";

#[test]
fn without_script_there_is_a_picture() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.call("Emulation.setScriptExecutionDisabled", json!({ "value": true })).unwrap();
    page.navigate(server.url()).unwrap();
    // No question can be asked in script.
    let document = page.call("DOM.getDocument", json!({})).unwrap();
    let mut find = |selector: &str| {
        let query = json!({ "nodeId": document["root"]["nodeId"], "selector": selector });
        page.call("DOM.querySelector", query).unwrap()["nodeId"].clone()
    };
    let (picture, words) = (find("#kubehop img"), find("#kubehop p"));
    let shape = page.call("DOM.getBoxModel", json!({ "nodeId": picture })).unwrap();
    assert!(shape["model"]["height"].as_u64().unwrap() > 100, "{shape}");
    let words = page.call("DOM.getOuterHTML", json!({ "nodeId": words })).unwrap();
    assert!(words["outerHTML"].as_str().unwrap().contains("needs JavaScript"), "{words}");
}

#[test]
fn without_web_assembly_there_is_a_picture_and_the_reason() {
    let server = serve_dist().unwrap();
    let mut page = Page::blank().unwrap();
    page.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": "delete globalThis.WebAssembly" })).unwrap();
    page.navigate(server.url()).unwrap();
    page.wait_until(IS_SHOWN).unwrap();
    assert!(page.eval(WORDS).unwrap().as_str().unwrap().contains("WebAssembly is not defined"));
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn a_sandboxed_frame_whose_server_is_closed_to_others_says_so() {
    let server = serve_dist_with(|site| site.cross_origin = false).unwrap();
    let mut page = Page::blank().unwrap();
    let frame = format!(r#"<iframe sandbox="allow-scripts" src="{}"></iframe>"#, server.url());
    page.eval(&format!("document.body.innerHTML = {frame:?}")).unwrap();
    page.wait_in_frame(IS_SHOWN).unwrap();
    assert!(page.eval_in_frame(WORDS).unwrap().as_str().unwrap().contains("did not start"));
}

#[test]
fn a_frame_that_loads_on_click_is_a_picture_until_then() {
    let server = serve_dist().unwrap();
    let mut page = Page::open(&format!("{}?embed=1&load=click", server.url())).unwrap();
    page.wait_until(IS_SHOWN).unwrap();
    let n_wasm = "performance.getEntriesByType('resource').filter(it => it.name.endsWith('.wasm')).length";
    assert_eq!(page.eval(n_wasm).unwrap(), 0);
    page.click("#kubehop button").unwrap();
    page.wait_until("document.querySelector('[aria-label=\"Next step\"]')").unwrap();
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}
