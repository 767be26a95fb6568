//! CoreDNS against what its own tests expect of it.
//!
//! The tables beside this file restate facts from coredns/coredns and coredns/ci; each says from which of their tests. Left
//! out of them: the k8s_external plugin, which no cluster has by default.

mod cases;
mod cluster;
mod units;
