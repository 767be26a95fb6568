#![forbid(unsafe_code)]
#![warn(missing_docs)]
//! Simulates Kubernetes networking packet by packet, as Linux does it.

pub mod api;
pub mod app;
pub mod base;
pub(crate) mod datapath;
pub mod k8s;
pub mod lab;
pub mod net;
pub mod netfilter;
pub mod sim;
pub mod trace;
pub mod wire;
