//! The built page in a real browser. `cargo xtask test e2e` builds the page first.

mod access;
mod breaking;
mod cluster;
mod controls;
mod driver;
mod elements;
mod frames;
mod instrument;
mod layout;
mod links;
mod loading;
mod names;
mod snippets;
mod stepping;
mod take_away;
mod walks;
mod without;
