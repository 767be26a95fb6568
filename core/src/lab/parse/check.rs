//! What objects say about each other: names, addresses and networks that must not collide.
//!
//! What is wrong is dropped after the problem is noted, so that nothing behind the parser meets it.

mod corefile;
mod endpoints;
mod fabric;
mod ingress;
mod nodes;
mod pods;
mod services;
mod spec;
mod unique;

use crate::lab::nearest::nearest;

pub(super) use corefile::corefile;
pub(super) use endpoints::{endpoints, families};
pub(super) use fabric::{fabric, rack_addresses, racks};
pub(super) use ingress::ingresses;
pub(super) use nodes::{addresses, networks};
pub(super) use pods::pods;
pub(super) use services::services;
pub(super) use spec::{hosts, networks_of_lab, places};
pub(super) use unique::unique;

/// `; the nearest is NAME`, if there is one.
fn hint<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> String {
    nearest(wanted, names).map(|name| format!("; the nearest is {name}")).unwrap_or_default()
}
