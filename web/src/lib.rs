//! The page.
//!
//! [`state`] is what the page knows, [`scene`] what a step looks like; both are plain values, tested without a browser.
//! [`components`] draw them, [`hooks`] speak with the browser: the address, the clock, the width, the packet's motion.

mod components;
mod embed;
mod hooks;
pub mod scene;
pub mod state;

pub use embed::{Handle, mount};
