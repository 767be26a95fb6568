//! Drives a real Chromium, for the tests in `tests/`.
//!
//! The browser is spoken to in its own words: a [`Page`] has methods for what most tests do, and `call` for every other
//! method of the Chrome DevTools Protocol (<https://chromedevtools.github.io/devtools-protocol/>). There is no table of
//! the protocol here, so a newer browser brings nothing that this could fail to understand.

mod browser;
mod complaint;
mod host;
mod keys;
mod measure;
mod page;

pub use host::Host;
pub use measure::{measure_next, median};
pub use page::Page;

use anyhow::{Context, Result};
use xtask::server::{Server, Site};

/// Serves the built page as `cargo xtask serve` does, on a port of its own.
pub fn serve_dist() -> Result<Server> {
    serve_dist_with(|_| {})
}

/// Serves the built page with something changed.
pub fn serve_dist_with(change: impl FnOnce(&mut Site)) -> Result<Server> {
    let mut site = Site::new(xtask::dist());
    site.folder.join("index.html").canonicalize().context("dist/ is not built: run `cargo xtask dist`")?;
    change(&mut site);
    Ok(site.serve(0)?)
}
