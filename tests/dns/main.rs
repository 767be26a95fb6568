//! Names: whom a machine asks, and what for.
//!
//! The tables beside this file restate facts of Kubernetes, glibc and musl; each says from where.

mod files;
mod lookups;
mod resolv_conf;
mod scripted;
