//! What the client's resolver asked, and what it was told.

use std::net::IpAddr;

use super::{JourneyId, Trace};
use crate::wire::{DnsMessage, DnsName, RecordType};

/// The lookup of a run: what it takes to do it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The name as it was typed.
    pub name: String,
    /// Who looked it up: `glibc`, `musl` or `dig`.
    pub by: &'static str,
    /// The client's `/etc/resolv.conf`.
    pub resolv_conf: String,
    /// The client's host name.
    pub hostname: String,
}

/// A message that the client's resolver sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameQuery {
    /// The name that it asked for.
    pub name: DnsName,
    /// The type of records.
    pub kind: RecordType,
    /// Whom it asked.
    pub server: IpAddr,
    /// Whether it went over TCP.
    pub tcp: bool,
    /// The packet that carried it; `None` if its connection never came to that.
    pub sent: Option<JourneyId>,
    /// What was answered, if anything was.
    pub reply: Option<NameReply>,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameReply {
    /// The packet that brought it.
    pub received: JourneyId,
    /// The whole message.
    pub message: DnsMessage,
}

impl Trace {
    /// The step by which the client's resolver sent a message.
    #[must_use]
    pub fn step_that_sent(&self, query: &NameQuery) -> Option<&str> {
        let journey = query.sent?;
        let hop = self.hops.iter().find(|hop| hop.journey == journey)?;
        hop.steps.first().map(|step| &*step.id)
    }

    /// The step by which the answer to a message reached the client's resolver.
    #[must_use]
    pub fn step_that_received(&self, query: &NameQuery) -> Option<&str> {
        let journey = query.reply.as_ref()?.received;
        let steps = self.hops.iter().filter(|hop| hop.journey == journey).flat_map(|hop| &hop.steps);
        let delivered = steps.rev().find(|step| step.stage == super::Stage::Deliver);
        delivered.map(|step| &*step.id)
    }
}
