//! Shared by the tests in `tests/`, which `cargo xtask test wasm` runs as WebAssembly in a headless browser.

pub mod runs;

/// What [`runs::digests`] gives natively: the build script has computed it.
pub const NATIVE: &str = include_str!(concat!(env!("OUT_DIR"), "/digests.txt"));
