//! The programs' own connection tracking: `cilium_ct4_global`.
//!
//! Models lib/conntrack.h as far as answers, node ports and lifetimes go. Not modelled: counters, closing connections,
//! errors that belong to a connection: without policies and translations of their own nothing depends on them.

use std::sync::Arc;
use std::time::Duration;

use super::Run;
use crate::base::Instant;
use crate::net::{BpfTuple, CtDirection, CtRow, TransportProtocol, identity};
use crate::trace::DropReason;

/// `bpf-ct-timeout-regular-tcp`.
const LIFETIME_TCP: Duration = Duration::from_secs(8000);
/// `bpf-ct-timeout-regular-tcp-syn`, and `bpf-ct-timeout-regular-any`.
const LIFETIME_NEW: Duration = Duration::from_secs(60);

/// What a program finds a packet to be.
pub(super) enum Tracked {
    /// It begins a connection, or goes the way of one that has begun.
    Forward,
    /// It answers one.
    Reply(CtRow),
    /// It is tracked by nobody.
    Untracked,
}

/// A connection that begins now.
pub(super) fn new_row(tuple: BpfTuple, identity: u32, now: Instant) -> CtRow {
    let expires = now + LIFETIME_NEW;
    CtRow { tuple, node_port: false, rev_nat: 0, identity, backend: 0, seen_non_syn: false, expires }
}

impl Run<'_, '_, '_> {
    /// A connection by its key.
    pub(super) fn connection(&mut self, tuple: BpfTuple) -> Option<CtRow> {
        let lookup = self.bpf()?.ct.lookup(tuple);
        let row = lookup.row().cloned();
        self.consulted.push(Arc::new(lookup));
        row
    }

    /// Writes a connection.
    pub(super) fn remember(&mut self, row: CtRow) {
        let written = self.bpf_mut().map(|bpf| bpf.ct.update(row));
        self.wrote.extend(written);
    }

    /// What a pod sends: an answer to what came in, or a connection of its own. Models ct_lookup4 with CT_EGRESS.
    pub(super) fn track_egress(&mut self, identity: u32) -> Result<Tracked, DropReason> {
        self.track(CtDirection::Out, CtDirection::In, identity)
    }

    /// What a pod gets, in its own program. Models ct_lookup4 with CT_INGRESS.
    pub(super) fn track_ingress(&mut self) -> Result<Tracked, DropReason> {
        let source = self.addresses().and_then(|(src, _)| self.bpf()?.ipcache.lookup_prefix(src).row().cloned());
        let identity = source.map_or(identity::WORLD, |row| row.identity);
        self.track(CtDirection::In, CtDirection::Out, identity)
    }

    fn track(&mut self, own: CtDirection, other: CtDirection, identity: u32) -> Result<Tracked, DropReason> {
        let Some(tuple) = self.tuple(own)? else { return Ok(Tracked::Untracked) };
        let now = self.ctx.now;
        if let Some(row) = self.peek(tuple.answered(other)) {
            let row = self.connection(row.tuple).unwrap_or(row);
            self.refresh(&row);
            return Ok(Tracked::Reply(row));
        }
        match self.connection(tuple) {
            Some(row) => self.refresh(&row),
            None => {
                // What came by a node port of this node is known to it already (ct_has_nodeport_egress_entry4).
                let by_node_port = self.peek(BpfTuple { direction: CtDirection::Out, ..tuple });
                let by_node_port = by_node_port.filter(|row| own == CtDirection::In && row.node_port);
                let (node_port, rev_nat) = by_node_port.map_or((false, 0), |row| (true, row.rev_nat));
                self.remember(CtRow { node_port, rev_nat, ..new_row(tuple, identity, now) });
            }
        }
        Ok(Tracked::Forward)
    }

    /// A connection by its key, without a word about it.
    fn peek(&self, tuple: BpfTuple) -> Option<CtRow> {
        self.bpf()?.ct.lookup(tuple).row().cloned()
    }

    /// The connection lives on: from its second packet on as long as its protocol's connections do.
    pub(super) fn refresh(&mut self, row: &CtRow) {
        let now = self.ctx.now;
        if row.tuple.protocol == TransportProtocol::Tcp && !row.seen_non_syn {
            self.remember(CtRow { seen_non_syn: true, expires: now + LIFETIME_TCP, ..row.clone() });
        }
    }
}
