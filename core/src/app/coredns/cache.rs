//! The cache plugin: what is kept, for how long, and what an answer's times become.
//!
//! Models plugin/cache and plugin/pkg/response. Not modelled: eviction (a run asks for fewer names than fit), prefetch,
//! serve_stale.

use super::config::CacheConfig;
use super::kubernetes::longest_zone;
use crate::base::{BTreeMap, Instant};
use crate::wire::{DnsMessage, DnsName, DnsRecord, Rcode, RecordType};

/// What one server block remembers.
#[derive(Clone, Debug, Default)]
pub(super) struct Cache(BTreeMap<Key, Kept>);

/// Name in small letters, type, and the bits DO and CD.
pub(super) type Key = (DnsName, RecordType, bool, bool);

#[derive(Clone, Debug)]
pub(super) struct Kept {
    answer: DnsMessage,
    at: Instant,
    ttl: u32,
}

/// What kind of answer it is (`response.Typify`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Positive,
    Negative,
    ServerError,
    Other,
}

fn kind(message: &DnsMessage) -> Kind {
    let has = |wanted| message.authorities.iter().any(|record| record.record_type() == wanted);
    let is_transfer = |qtype: RecordType| [RecordType::AXFR, RecordType::IXFR].contains(&qtype);
    match message.rcode {
        _ if message.flags.opcode != 0 => Kind::Other,
        _ if message.questions.first().is_some_and(|question| is_transfer(question.qtype)) => Kind::Other,
        Rcode::NOERROR if !message.answers.is_empty() => Kind::Positive,
        Rcode::NOERROR | Rcode::NXDOMAIN if has(RecordType::SOA) => Kind::Negative,
        Rcode::SERVFAIL => Kind::ServerError,
        // A delegation. NODATA without a SOA is not kept.
        Rcode::NOERROR if has(RecordType::NS) => Kind::Positive,
        _ => Kind::Other,
    }
}

/// The key of the question in `request`.
pub(super) fn key(request: &DnsMessage) -> Option<Key> {
    let question = request.questions.first()?;
    let dnssec_ok = request.edns().is_some_and(|edns| edns.dnssec_ok);
    Some((question.name.to_lowercase(), question.qtype, dnssec_ok, request.flags.checking_disabled))
}

fn records(message: &mut DnsMessage) -> impl Iterator<Item = &mut DnsRecord> {
    let sections = [&mut message.answers, &mut message.authorities, &mut message.additionals];
    sections.into_iter().flatten().filter(|record| record.record_type() != RecordType::OPT)
}

/// Sets the times in `message`, as the plugin does with every answer that passes; what is to be kept comes back.
pub(super) fn pass(config: &CacheConfig, message: &mut DnsMessage, at: Instant) -> Option<Kept> {
    let kind = kind(message);
    let least = match kind {
        Kind::Positive | Kind::Negative => records(message).map(|record| record.ttl).min().unwrap_or(5).min(3600),
        Kind::ServerError | Kind::Other => 5,
    };
    let name = message.questions.first().map(|question| question.name.clone()).unwrap_or_default();
    let (limits, except) = match kind {
        Kind::Negative => (config.denial, &config.no_denial),
        _ => (config.success, &config.no_success),
    };
    let ttl = match kind {
        Kind::ServerError => config.servfail,
        // Not `clamp`: the limits may be given in the wrong order.
        _ => least.max(limits.0).min(limits.1),
    };
    let is_kept = kind != Kind::Other && !message.flags.truncated && ttl > 0 && longest_zone(except, &name).is_none();
    let mut answer = message.clone();
    answer.additionals.retain(|record| record.record_type() != RecordType::OPT);
    if !config.keep_ttl {
        records(message).for_each(|record| record.ttl = ttl);
    }
    is_kept.then_some(Kept { answer, at, ttl })
}

impl Cache {
    /// The answer to `request` that is still good at `now`.
    pub(super) fn get(&self, request: &DnsMessage, now: Instant) -> Option<DnsMessage> {
        let kept = self.0.get(&key(request)?)?;
        let age = u32::try_from((now - kept.at).as_secs()).unwrap_or(u32::MAX);
        let left = kept.ttl.checked_sub(age).filter(|left| *left > 0)?;
        let mut answer = request.reply();
        answer.flags.authoritative = true;
        answer.flags.recursion_available = kept.answer.flags.recursion_available;
        answer.flags.authentic_data = kept.answer.flags.authentic_data;
        answer.rcode = kept.answer.rcode;
        answer.answers.clone_from(&kept.answer.answers);
        answer.authorities.clone_from(&kept.answer.authorities);
        answer.additionals.clone_from(&kept.answer.additionals);
        records(&mut answer).for_each(|record| record.ttl = left);
        Some(answer)
    }

    pub(super) fn put(&mut self, key: Key, kept: Kept) {
        self.0.insert(key, kept);
    }
}
