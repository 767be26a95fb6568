//! The resolver outside: it has its records, and knows of nothing else.
//!
//! It answers as a recursive resolver does that has asked everybody already: recursion is available, nothing is its own,
//! aliases are followed. Not modelled: wildcards, delegations, DNSSEC.

use crate::base::BTreeMap;
use crate::wire::{CLASS_IN, DNS_MAX_SIZE, DnsMessage, DnsName, DnsRecord, Edns, RData, Rcode, RecordType};

/// What resolvers advertise and send over UDP since the DNS flag day of 2020, bytes.
const UDP_SIZE: u16 = 1232;
/// Aliases that are followed; a longer chain is a failure, as in BIND.
const MAX_ALIASES: usize = 16;

/// What a resolver outside answers from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// By the owner in small letters.
    records: BTreeMap<DnsName, Vec<DnsRecord>>,
    /// Names that have others below them, and perhaps no records of their own.
    above: BTreeMap<DnsName, ()>,
}

impl Zone {
    /// The resolver that knows these records.
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = DnsRecord>) -> Self {
        let mut zone = Self::default();
        for record in records {
            let owner = record.name.to_lowercase();
            let mut above = owner.parent();
            while let Some(name) = above {
                above = name.parent();
                zone.above.insert(name, ());
            }
            zone.records.entry(owner).or_default().push(record);
        }
        zone
    }

    /// The answer to `query`, cut to what fits a datagram unless it came over TCP.
    #[must_use]
    pub fn answer(&self, query: &DnsMessage, tcp: bool) -> DnsMessage {
        let mut answer = query.reply();
        answer.flags.recursion_available = true;
        answer.rcode = match query.questions.first() {
            _ if query.flags.opcode != 0 => Rcode::NOTIMP,
            None => Rcode::FORMERR,
            Some(question) if question.class != CLASS_IN => Rcode::REFUSED,
            Some(question) => self.resolve(&question.name, question.qtype, &mut answer),
        };
        if let Some(edns) = query.edns() {
            answer.set_edns(Edns { udp_size: UDP_SIZE, version: 0, dnssec_ok: edns.dnssec_ok });
        }
        let size = if tcp { DNS_MAX_SIZE } else { query.udp_size().min(usize::from(UDP_SIZE)) };
        // What cannot be written whatever is cut is no answer.
        if answer.truncate(size).is_err() {
            return DnsMessage { rcode: Rcode::SERVFAIL, ..query.reply() };
        }
        answer.compress = true;
        answer
    }

    fn resolve(&self, name: &DnsName, qtype: RecordType, answer: &mut DnsMessage) -> Rcode {
        let mut name = name.clone();
        for _ in 0..MAX_ALIASES {
            let owner = name.to_lowercase();
            let Some(records) = self.records.get(&owner) else {
                self.say_who_says_no(&owner, answer);
                return if self.above.contains_key(&owner) { Rcode::NOERROR } else { Rcode::NXDOMAIN };
            };
            let is_wanted = |record: &&DnsRecord| qtype == RecordType::ANY || record.record_type() == qtype;
            let n_before = answer.answers.len();
            // The owner is written as it was asked for.
            let found = records.iter().filter(is_wanted).cloned();
            answer.answers.extend(found.map(|record| DnsRecord { name: name.clone(), ..record }));
            if answer.answers.len() > n_before {
                return Rcode::NOERROR;
            }
            let target = records.iter().find_map(|record| match &record.data {
                RData::Cname(target) => Some((record, target)),
                _ => None,
            });
            let Some((alias, target)) = target else {
                self.say_who_says_no(&owner, answer);
                return Rcode::NOERROR;
            };
            answer.answers.push(DnsRecord { name, ..alias.clone() });
            name = target.clone();
        }
        answer.answers.clear();
        Rcode::SERVFAIL
    }

    /// The SOA of the zone that has nothing of the kind, if one is known, with the time for which that may be kept.
    fn say_who_says_no(&self, owner: &DnsName, answer: &mut DnsMessage) {
        let mut zone = Some(owner.clone());
        while let Some(name) = zone {
            let soa = self.records.get(&name).into_iter().flatten().find_map(|record| match &record.data {
                RData::Soa(soa) => Some(DnsRecord { ttl: record.ttl.min(soa.minimum), ..record.clone() }),
                _ => None,
            });
            if let Some(soa) = soa {
                answer.authorities.push(soa);
                return;
            }
            zone = name.parent();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Zone;
    use crate::wire::{DnsMessage, DnsRecord, Edns, Question};

    fn zone(records: &[&str]) -> Zone {
        Zone::new(records.iter().map(|text| text.parse().expect("a record")))
    }

    fn ask(zone: &Zone, question: &str) -> String {
        let (name, qtype) = question.split_once(' ').expect("name and type");
        let question = Question::new(name.parse().expect("a name"), qtype.parse().expect("a type"));
        let answer = zone.answer(&DnsMessage::query(7, question), false);
        assert!(answer.flags.recursion_available && !answer.flags.authoritative);
        let records = |records: &[DnsRecord]| records.iter().map(|it| format!(" {it}")).collect::<String>();
        format!("{}{}{}", answer.rcode, records(&answer.answers), records(&answer.authorities))
    }

    #[test]
    fn it_answers_what_it_knows_and_tells_no_name_from_no_record() {
        let zone = zone(&[
            "Example.com. 300 IN A 93.184.216.34",
            "example.com. 600 IN SOA ns.example.com. admin.example.com. 1 2 3 4 60",
            "www.example.com. 300 IN CNAME example.com.",
            "lost.example.com. 300 IN CNAME nowhere.example.com.",
            "a.b.example.net. 300 IN A 192.0.2.1",
            "one.example.org. 1 IN CNAME two.example.org.",
            "two.example.org. 1 IN CNAME one.example.org.",
        ]);
        let soa = "example.com. 60 IN SOA ns.example.com. admin.example.com. 1 2 3 4 60";
        for (question, expected) in [
            ("eXample.com A", "NOERROR eXample.com. 300 IN A 93.184.216.34".to_owned()),
            ("example.com AAAA", format!("NOERROR {soa}")),
            ("nowhere.example.com A", format!("NXDOMAIN {soa}")),
            (
                "www.example.com A",
                "NOERROR www.example.com. 300 IN CNAME example.com. example.com. 300 IN A 93.184.216.34".to_owned(),
            ),
            ("www.example.com CNAME", "NOERROR www.example.com. 300 IN CNAME example.com.".to_owned()),
            ("lost.example.com A", format!("NXDOMAIN lost.example.com. 300 IN CNAME nowhere.example.com. {soa}")),
            ("b.example.net A", "NOERROR".to_owned()),
            ("c.example.net A", "NXDOMAIN".to_owned()),
            ("one.example.org A", "SERVFAIL".to_owned()),
        ] {
            assert_eq!(ask(&zone, question), expected, "{question}");
        }
    }

    #[test]
    fn a_datagram_holds_what_fits() {
        let records: Vec<String> = (0..60).map(|n| format!("many.example. 1 IN A 192.0.2.{n}")).collect();
        let zone = zone(&records.iter().map(String::as_str).collect::<Vec<_>>());
        let question = Question::new("many.example".parse().expect("a name"), crate::wire::RecordType::A);
        let mut query = DnsMessage::query(7, question);
        let n_answers = |query: &DnsMessage, tcp| {
            let answer = zone.answer(query, tcp);
            let len = answer.to_bytes().expect("an answer").len();
            (answer.answers.len(), answer.flags.truncated, len <= if tcp { 65535 } else { query.udp_size() })
        };
        assert_eq!(n_answers(&query, false), (30, true, true));
        assert_eq!(n_answers(&query, true), (60, false, true));
        query.set_edns(Edns { udp_size: 4096, ..Edns::default() });
        assert_eq!(n_answers(&query, false), (60, false, true));
    }
}
