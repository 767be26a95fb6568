//! The built page in a real browser. `cargo xtask test e2e` builds the page first.

mod access;
mod breaking;
mod cluster;
mod controls;
mod driver;
mod instrument;
mod layout;
mod links;
mod loading;
mod names;
mod stepping;
