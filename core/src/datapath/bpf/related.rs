//! ICMP errors about what a node port has translated.
//!
//! Models lib/nat.h snat_v4_rev_nat_handle_icmp_frag_needed: of all errors the programs know this one alone, and of what
//! it quotes they undo the replaced source alone. The service's address they do not put back, there or at the source of
//! an error that a backend on this node sends (bpf_lxc.c: revDNAT is for TCP and UDP), and every other error goes into
//! the stack as it is. So no client's socket is ever found by an error about a node port, and Cilium is that way too.

use std::net::IpAddr;
use std::sync::Arc;

use super::Run;
use super::nodeport::translated;
use super::tuple::named;
use crate::net::CtDirection;
use crate::wire::{End, Icmp, IcmpError, Transport};

impl Run<'_, '_, '_> {
    /// "Fragmentation needed", about a packet whose source was replaced here, goes to whom that packet came from. Says
    /// whether it was one.
    pub(super) fn translate_frag_needed(&mut self) -> bool {
        let packet = &self.skb.packet;
        if !matches!(packet.transport(), Some(Transport::Icmp(Icmp::Error(IcmpError::FragNeeded { .. })))) {
            return false;
        }
        let quoted = packet.quoted().and_then(|quoted| named(&quoted, CtDirection::Out));
        let Some((quoted, bpf)) = quoted.zip(self.bpf().filter(|bpf| bpf.kube_proxy_replacement)) else {
            return false;
        };
        let lookup = bpf.nat.lookup(quoted.answered(CtDirection::In));
        let client = lookup.row().map(|row| row.to);
        self.consulted.push(Arc::new(lookup));
        let Some(client @ (IpAddr::V4(ip), port)) = client else { return false };
        self.skb.packet.translate_quoted(End::Source, ip, port);
        self.skb.packet.translate_address(End::Destination, ip);
        self.record(translated(End::Destination, quoted.src, client));
        true
    }
}
