//! Names: whom a machine asks and what for, and what CoreDNS answers, against what the real ones' own tests expect.
//!
//! The tables beside this file restate facts of Kubernetes, glibc, musl, coredns/coredns and coredns/ci; each says from
//! where. Left out of them: the k8s_external plugin, which no cluster has by default.

mod cases;
mod cluster;
mod files;
mod lookups;
mod resolv_conf;
mod scripted;
mod units;
