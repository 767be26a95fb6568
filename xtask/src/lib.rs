//! The project's own commands: set-up, the page's build, a server for it, and every check.
//!
//! Knows how things are built and run, and nothing about what they compute. The end-to-end tests use [`server`] too, so
//! that they see the page exactly as `cargo xtask serve` shows it.
#![expect(clippy::print_stdout, reason = "these commands talk to a terminal")]

pub mod args;
pub mod bench;
mod groups;
mod markup;
mod packages;
pub mod page;
mod program;
mod project;
pub mod serve;
pub mod server;
mod setup;
mod size;
pub mod test;
mod tools;

pub use program::find as find_program;
pub use project::{axe, dist, root};
