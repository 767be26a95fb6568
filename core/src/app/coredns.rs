//! CoreDNS: a Corefile, what it has heard of the cluster, and queries in; answers out.
//!
//! Models core/dnsserver/server.go and the plugins that a cluster has by default, as they are in CoreDNS 1.14. It knows
//! no packets: what has to be asked elsewhere comes back as an [`Ask`], and the query is served again with the answer.
//! Not modelled: zone files, DNSSEC, rules of `rewrite` that are about something else than names; they are skipped with
//! a notice.

mod cache;
mod chain;
mod cluster;
mod config;
mod corefile;
mod kubernetes;
mod regex;
mod rewrite;
mod template;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use crate::base::{BTreeSet, Dice, Instant};
use crate::wire::{
    DNS_HEADER_LEN, DNS_MAX_SIZE, DNS_PORT, DnsMessage, DnsName, DnsWriteError, Question, Rcode, RecordType,
};

pub use cluster::{DnsCluster, DnsEndpoint, DnsService, DnsServicePort, DnsSlice};
pub use config::HostFiles;
pub use corefile::{CorefileError, KUBEADM_COREFILE};
pub use kubernetes::{Kubernetes, PodMode, RecordRequest};

/// A running CoreDNS.
#[derive(Clone, Debug)]
pub struct Server {
    blocks: Vec<Block>,
    caches: Vec<cache::Cache>,
    local_ips: Vec<IpAddr>,
    search: Vec<DnsName>,
    /// What it draws from: the seed of the run, and its name.
    seed: u64,
    name: String,
    n_served: u32,
    /// The name that `loop` asks for when the server starts.
    probe: DnsName,
    n_probes: u32,
    /// Queries that wait for an upstream.
    n_waiting: u32,
}

/// A server block: what it serves, and with what.
#[derive(Clone, Debug)]
struct Block {
    keys: Vec<(DnsName, u16)>,
    plugins: config::Plugins,
}

/// A query as it comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsQuery {
    /// What is asked.
    pub message: DnsMessage,
    /// Who asks, as the server sees it.
    pub client: IpAddr,
    /// At which port.
    pub port: u16,
    /// Over TCP.
    pub tcp: bool,
    /// When.
    pub at: Instant,
}

/// What became of an [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// The answer.
    Answer(DnsMessage),
    /// None came in time, from none of the upstreams.
    Silence,
}

/// A query that has to be asked elsewhere first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Whom, in this order: the next one if there is no answer within two seconds.
    pub upstreams: Vec<SocketAddr>,
    /// What.
    pub query: DnsMessage,
    /// Over TCP.
    pub tcp: bool,
}

impl Server {
    /// Starts CoreDNS with `corefile`; what it skips is told in the notices.
    ///
    /// `local_ips` are the addresses it listens on, `seed` and `name` what it draws from.
    pub fn start(
        corefile: &str,
        files: &HostFiles,
        local_ips: Vec<IpAddr>,
        seed: u64,
        name: &str,
    ) -> Result<(Self, Vec<CorefileError>), CorefileError> {
        let (mut blocks, mut notices, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for block in corefile::blocks(corefile)? {
            let mut keys = Vec::new();
            for key in &block.keys {
                let error = |message: String| CorefileError { line: block.line, directive: key.clone(), message };
                let (zone, port) = split_port(key).map_err(error)?;
                for zone in config::zones_of(zone).map_err(error)? {
                    if !seen.insert((zone.to_lowercase(), port)) {
                        return Err(error(format!("cannot serve dns://{zone}:{port} - it is already defined")));
                    }
                    keys.push((zone, port));
                }
            }
            let zones: Vec<DnsName> = keys.iter().map(|(zone, _)| zone.clone()).collect();
            let plugins = config::plugins(&block, &zones, files, &mut notices)?;
            blocks.push(Block { keys, plugins });
        }
        let mut dice = Dice::new(seed, name);
        let labels = [0; 2].map(|_| dice.word().to_string());
        let probe = DnsName::from_labels(labels).unwrap_or_default();
        let caches = vec![cache::Cache::default(); blocks.len()];
        let search = files.search.clone();
        Ok((
            Self {
                blocks,
                caches,
                local_ips,
                search,
                seed,
                name: name.to_owned(),
                n_served: 0,
                probe,
                n_probes: 0,
                n_waiting: 0,
            },
            notices,
        ))
    }

    /// Serves `query`, with what upstreams have answered so far; `Err` asks for one more of them.
    pub fn serve(
        &mut self,
        query: &DnsQuery,
        cluster: &DnsCluster,
        upstream: &[Upstream],
    ) -> Result<Result<DnsMessage, DnsWriteError>, Box<Ask>> {
        if upstream.is_empty() && self.is_probe(&query.message) {
            self.n_probes += 1;
        }
        let dice = self.dice_for(query);
        let mut pass = chain::Pass { server: self, cluster, query, upstream, dice, n_asked: 0, kept: Vec::new() };
        let served = pass.serve(&query.message, 0);
        let kept = pass.kept;
        match (upstream.is_empty(), served.is_ok()) {
            (true, false) => self.n_waiting += 1,
            (false, true) => self.n_waiting = self.n_waiting.saturating_sub(1),
            _ => {}
        }
        let mut answer = served?;
        self.n_served = self.n_served.wrapping_add(1);
        for (at, key, kept) in kept {
            if let Some(cache) = self.caches.get_mut(at) {
                cache.put(key, kept);
            }
        }
        Ok(fit(&mut answer, query).map(|()| answer))
    }

    /// What `loop` asks of the server itself when it starts; `None` without the plugin.
    #[must_use]
    pub fn loop_probe(&self) -> Option<Question> {
        let has_loop = self.blocks.iter().any(|block| block.plugins.looping);
        has_loop.then(|| Question::new(self.probe.clone(), RecordType::HINFO))
    }

    /// Whether the probe came back more than twice: CoreDNS ends with "Loop ... detected".
    #[must_use]
    pub fn has_looped(&self) -> bool {
        self.n_probes > 2
    }

    /// Each query has draws of its own: others come between it and what is asked for it elsewhere.
    fn dice_for(&self, query: &DnsQuery) -> Dice {
        let question = query.message.questions.first().map(|question| format!("{} {}", question.name, question.qtype));
        let (client, id) = (query.client, query.message.id);
        let stream = format!("{} {client} {id} {}", self.name, question.unwrap_or_default());
        Dice::new(self.seed, &stream)
    }

    fn is_probe(&self, message: &DnsMessage) -> bool {
        let probe = self.loop_probe();
        probe.is_some_and(|probe| {
            message.questions.first().is_some_and(|q| q.qtype == probe.qtype && q.name.is_same(&probe.name))
        })
    }
}

/// `Request.Scrub`: cut to what the client takes; compressed also where a datagram would be fragmented.
fn fit(answer: &mut DnsMessage, query: &DnsQuery) -> Result<(), DnsWriteError> {
    let size = if query.tcp { DNS_MAX_SIZE } else { query.message.udp_size() };
    answer.truncate(size)?;
    let limit = if query.client.is_ipv4() { 1480 } else { 1220 };
    answer.compress |= !query.tcp && answer.wire_len()? > limit;
    Ok(())
}

/// What the server answers to bytes that are no query it takes: nothing, or an error.
///
/// Models miekg/dns' `defaultMsgAcceptFunc` and `Server.serveDNS`.
#[must_use]
pub fn rejection(bytes: &[u8]) -> Option<DnsMessage> {
    let header = DnsMessage::from_slice(bytes.get(..DNS_HEADER_LEN)?).ok()?;
    let counts: Vec<u16> = bytes[4..DNS_HEADER_LEN].chunks(2).map(|two| u16::from_be_bytes([two[0], two[1]])).collect();
    let is_known = matches!(header.flags.opcode, 0 | 4);
    let is_fine = matches!(counts[..], [1, ..=1, ..=1, ..=2]) && DnsMessage::from_slice(bytes).is_ok();
    if header.flags.response || is_known && is_fine {
        return None;
    }
    let mut answer = DnsMessage { id: header.id, rcode: Rcode::FORMERR, ..DnsMessage::default() };
    answer.flags.response = true;
    if !is_known {
        answer.flags.opcode = header.flags.opcode;
        answer.rcode = Rcode::NOTIMP;
    }
    Some(answer)
}

/// `.:53`, `dns://example.org`, `cluster.local`: zone and port.
fn split_port(key: &str) -> Result<(&str, u16), String> {
    let key = key.strip_prefix("dns://").unwrap_or(key);
    if key.contains("://") {
        return Err(format!("{key}: only DNS over UDP and TCP is modelled"));
    }
    match key.rsplit_once(':') {
        // An IPv6 network has colons of its own.
        Some((zone, port)) if !zone.contains(':') => {
            port.parse().map(|port| (zone, port)).map_err(|_| format!("{port} is not a port"))
        }
        _ => Ok((key, DNS_PORT)),
    }
}
