//! kube-proxy's rules against what kube-proxy's own tests expect of them.
//!
//! The tables beside this file restate facts from kubernetes/kubernetes; each says from which of its tests. Left out of
//! them: IPv6, SCTP, counters, `nf_conntrack_tcp_be_liberal`.

mod cluster;
mod connections;
mod flows;
mod labs;
mod loops;
mod nftables;
mod rules;
mod syncs;
mod topology;
