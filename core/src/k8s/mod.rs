//! L6: what Kubernetes is made of.
//!
//! The control plane only writes tables; it never sees a packet. Objects are what files state; controllers fill in what
//! a real cluster would; the kubelet and the CNI turn them into the tables of [`crate::net`].

pub mod cni;
pub mod control_plane;
pub mod controllers;
pub mod coredns;
pub mod ingress;
pub mod kube_proxy;
pub mod kubelet;
pub mod node_cache;
pub mod objects;
pub mod resolv_conf;
