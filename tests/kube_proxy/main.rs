//! kube-proxy's rules against what kube-proxy's own tests expect of them.
//!
//! The tables beside this file restate facts from kubernetes/kubernetes; each says from which of its tests. Left out of
//! them: IPv6, SCTP, counters of packets (`nfacct`), gates that are off since long.

mod chains;
mod cluster;
mod connections;
mod differences;
mod draw;
mod flows;
mod ipvs;
mod labs;
mod loops;
mod modes;
mod nftables;
mod rules;
mod runs;
mod syncs;
mod topology;
