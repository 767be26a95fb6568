//! The same bytes natively and as WebAssembly.
#![cfg(target_arch = "wasm32")]

use kubehop_browser_tests::{NATIVE, runs};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn captures_json_and_text_are_the_same_as_natively() {
    let here = runs::digests();
    for (native, wasm) in NATIVE.lines().zip(here.lines()) {
        assert_eq!(native, wasm);
    }
    assert_eq!(NATIVE, here);
}
