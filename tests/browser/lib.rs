//! Shared by the tests in `tests/`, which `cargo xtask test wasm` runs as WebAssembly in a headless browser.
