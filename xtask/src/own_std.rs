//! The page's own standard library: compiled from its source, for size, and with panics that are one instruction.
//!
//! The library that comes with the compiler is made for speed and carries the words of every panic, 30 KB of the page
//! when compressed. A panic of the page is a trap either way, and `boot.js` shows it; the tests that run in a browser keep
//! the words, because they are built without this.

use std::process::Command;

use anyhow::{Context, Result};

use crate::program::{command, run};

/// What cargo reads from its environment to build the page with it. The flags are added to those of `.cargo/config.toml`.
pub(crate) const BUILD: [(&str, &str); 4] = [
    // The pinned stable compiler takes what follows, which is otherwise for nightly ones.
    ("RUSTC_BOOTSTRAP", "1"),
    ("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort"),
    ("CARGO_UNSTABLE_BUILD_STD_FEATURES", "optimize_for_size"),
    (
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
        "-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none",
    ),
];

/// Gets the source, and the crates that it uses.
pub(crate) fn get() -> Result<()> {
    run(command("rustup", ["component", "add", "rust-src"])).context("the source of the standard library")?;
    run(fetch()).context("the crates of the standard library")?;
    Ok(())
}

/// Whether the page can be built with it, and without the network.
pub(crate) fn is_there() -> bool {
    let mut fetch = fetch();
    fetch.arg("--offline");
    run(fetch).is_ok()
}

/// Gets every crate of the page that is not there, those of the standard library among them.
fn fetch() -> Command {
    let mut fetch = command("cargo", ["fetch", "--quiet", "--locked", "--target", "wasm32-unknown-unknown"]);
    fetch.envs(BUILD);
    fetch
}
