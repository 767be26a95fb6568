//! The resolver outside: it has its records, and knows of nothing else.

use crate::wire::{DnsMessage, Rcode};

/// What a resolver outside answers from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {}

impl Zone {
    /// The answer to `query`.
    #[must_use]
    pub fn answer(&self, query: &DnsMessage) -> DnsMessage {
        DnsMessage { id: query.id, questions: query.questions.clone(), rcode: Rcode::NXDOMAIN, ..DnsMessage::default() }
    }
}
