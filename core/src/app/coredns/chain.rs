//! The chain of plugins that a query goes through, in CoreDNS' own order.
//!
//! Models core/dnsserver/server.go and the `ServeDNS` of each plugin. A plugin that answers returns what it wrote; one
//! that fails returns a code, for which the server writes an empty answer. The order is plugin.cfg's, not the Corefile's.

use std::net::{IpAddr, SocketAddr};

use super::cache::{self, Kept, Key};
use super::config::{Forward, Hosts, Policy};
use super::kubernetes::{Kubernetes, longest_zone};
use super::template::Said;
use super::{Ask, Block, DnsCluster, DnsQuery, Server, Upstream};
use crate::base::Dice;
use crate::wire::{CLASS_IN, DnsMessage, DnsName, DnsRecord, Edns, Question, RData, Rcode, RecordType};

/// A name is resolved again for an alias that leads on; this deep and no deeper.
const MAX_DEPTH: usize = 8;

/// What the chain did.
pub(super) enum Reply {
    Written(DnsMessage),
    Failed(Rcode),
}

/// One way through the chain. It is gone through again from the start once the upstream it asked has answered, so
/// nothing is kept before it ends.
pub(super) struct Pass<'a> {
    pub(super) server: &'a Server,
    pub(super) cluster: &'a DnsCluster,
    pub(super) query: &'a DnsQuery,
    pub(super) upstream: &'a [Upstream],
    pub(super) dice: Dice,
    pub(super) n_asked: usize,
    pub(super) kept: Vec<(usize, Key, Kept)>,
}

#[derive(Clone, Copy)]
enum Stage {
    Bufsize,
    Loadbalance,
    Rewrite,
    Autopath,
    Cache,
    Template,
    Hosts,
    Kubernetes,
    Forward,
}

/// plugin.cfg.
const ORDER: [Stage; 9] = [
    Stage::Bufsize,
    Stage::Loadbalance,
    Stage::Rewrite,
    Stage::Autopath,
    Stage::Cache,
    Stage::Template,
    Stage::Hosts,
    Stage::Kubernetes,
    Stage::Forward,
];

impl Pass<'_> {
    /// `Server.ServeDNS`: the checks, the block with the longest zone, its chain, and OPT in the answer.
    pub(super) fn serve(&mut self, request: &DnsMessage, depth: usize) -> Result<DnsMessage, Box<Ask>> {
        let refuse = |rcode| Ok(with_edns(DnsMessage { rcode, ..request.reply() }, request));
        let Some(question) = request.questions.first() else { return refuse(Rcode::SERVFAIL) };
        if question.class != CLASS_IN {
            return refuse(Rcode::REFUSED);
        }
        if request.edns().is_some_and(|edns| edns.version != 0) {
            let mut answer = DnsMessage { rcode: Rcode::BADVERS, ..request.reply() };
            answer.set_edns(Edns::default());
            return Ok(answer);
        }
        let blocks = self.server.blocks.iter().enumerate();
        let blocks = blocks.flat_map(|(at, block)| block.keys.iter().map(move |(zone, port)| (at, zone, *port)));
        let fitting = blocks.filter(|(_, zone, port)| *port == self.query.port && question.name.is_within(zone));
        let Some((at, ..)) = fitting.max_by_key(|(_, zone, _)| zone.as_bytes().len()) else {
            return refuse(Rcode::REFUSED);
        };
        match self.next(at, 0, request, depth)? {
            Reply::Written(answer) => Ok(with_edns(answer, request)),
            Reply::Failed(rcode) => refuse(rcode),
        }
    }

    /// The plugins of block `at` from `stage` on.
    fn next(&mut self, at: usize, stage: usize, request: &DnsMessage, depth: usize) -> Result<Reply, Box<Ask>> {
        // No next plugin found.
        let Some(own) = ORDER.get(stage) else { return Ok(Reply::Failed(Rcode::SERVFAIL)) };
        let Some(question) = request.questions.first() else { return Ok(Reply::Failed(Rcode::SERVFAIL)) };
        let server = self.server;
        let Block { plugins, .. } = &server.blocks[at];
        let after = stage + 1;
        match own {
            Stage::Bufsize => {
                let mut smaller = request.clone();
                if let Some(size) = plugins.bufsize {
                    let opt = smaller.additionals.iter_mut().find(|record| record.record_type() == RecordType::OPT);
                    if let Some(opt) = opt {
                        opt.class = opt.class.min(size);
                    }
                }
                self.next(at, after, &smaller, depth)
            }
            Stage::Loadbalance => {
                let mut reply = self.next(at, after, request, depth)?;
                if let Reply::Written(answer) = &mut reply
                    && plugins.loadbalance
                    && answer.rcode == Rcode::NOERROR
                {
                    for section in [&mut answer.answers, &mut answer.authorities, &mut answer.additionals] {
                        round_robin(section, &mut self.dice);
                    }
                }
                Ok(reply)
            }
            Stage::Rewrite => {
                let mut changed = request.clone();
                let mut done = Vec::new();
                for rule in &plugins.rewrites {
                    let Some(rewritten) = rule.apply(&changed.questions[0].name) else { continue };
                    changed.questions[0].name = rewritten.name().clone();
                    done.push(rewritten);
                    if !rule.goes_on {
                        break;
                    }
                }
                let mut reply = self.next(at, after, &changed, depth)?;
                if let Reply::Written(answer) = &mut reply {
                    answer.questions = vec![question.clone()];
                    done.iter().rev().for_each(|rewritten| rewritten.undo(answer));
                }
                Ok(reply)
            }
            Stage::Autopath => match self.search_path(at, &question.name) {
                Some(path) => self.walk(at, after, request, &path, depth),
                None => self.next(at, after, request, depth),
            },
            Stage::Cache => {
                let config = plugins.cache.as_ref();
                let Some(config) = config.filter(|config| longest_zone(&config.zones, &question.name).is_some()) else {
                    return self.next(at, after, request, depth);
                };
                if let Some(answer) = server.caches.get(at).and_then(|cache| cache.get(request, self.query.at)) {
                    return Ok(Reply::Written(answer));
                }
                let mut reply = self.next(at, after, request, depth)?;
                if let Reply::Written(answer) = &mut reply
                    && let Some(kept) = cache::pass(config, answer, self.query.at)
                {
                    self.kept.extend(cache::key(request).map(|key| (at, key, kept)));
                }
                Ok(reply)
            }
            Stage::Template => {
                for template in &plugins.templates {
                    if let Said::Reply(reply) = template.serve(request, self.query) {
                        return self.follow(reply, request, depth);
                    }
                }
                self.next(at, after, request, depth)
            }
            Stage::Hosts => match plugins.hosts.as_ref().and_then(|hosts| hosts.serve(request, question)) {
                Some(reply) => Ok(reply),
                None => self.next(at, after, request, depth),
            },
            Stage::Kubernetes => match &plugins.kubernetes {
                Some(plugin) => self.kubernetes(plugin, at, after, request, depth),
                None => self.next(at, after, request, depth),
            },
            Stage::Forward => {
                let is_for = |forward: &&Forward| {
                    question.name.is_within(&forward.from) && longest_zone(&forward.except, &question.name).is_none()
                };
                match plugins.forwards.iter().find(is_for) {
                    Some(forward) => self.forward(forward, request),
                    None => self.next(at, after, request, depth),
                }
            }
        }
    }

    fn kubernetes(
        &mut self,
        plugin: &Kubernetes,
        at: usize,
        after: usize,
        request: &DnsMessage,
        depth: usize,
    ) -> Result<Reply, Box<Ask>> {
        let Some(found) = plugin.serve(self.cluster, &self.server.local_ips, &request.questions[0]) else {
            return self.next(at, after, request, depth);
        };
        if found.rcode == Rcode::REFUSED {
            return Ok(Reply::Failed(Rcode::REFUSED));
        }
        let mut answer = request.reply();
        answer.flags.authoritative = true;
        answer.rcode = found.rcode;
        answer.answers = found.answers;
        answer.authorities = found.authorities;
        answer.additionals = found.additionals;
        if let Some(target) = found.alias.filter(|_| depth < MAX_DEPTH) {
            // The server asks itself, with the client's own bits.
            let mut again = request.clone();
            again.questions[0].name = target;
            let more = self.serve(&again, depth + 1)?;
            answer.flags.truncated |= more.flags.truncated;
            answer.answers.extend(more.answers);
        }
        Ok(Reply::Written(answer))
    }

    /// An alias instead of an address is followed by the server itself.
    fn follow(&mut self, reply: Reply, request: &DnsMessage, depth: usize) -> Result<Reply, Box<Ask>> {
        let Reply::Written(mut answer) = reply else { return Ok(reply) };
        let wants_address = matches!(request.questions[0].qtype, RecordType::A | RecordType::AAAA);
        let targets = answer.answers.iter().filter_map(|record| match &record.data {
            RData::Cname(target) => Some(target.clone()),
            _ => None,
        });
        for target in targets.filter(|_| wants_address && depth < MAX_DEPTH).collect::<Vec<_>>() {
            let mut again = request.clone();
            again.questions[0].name = target;
            answer.answers.extend(self.serve(&again, depth + 1)?.answers);
        }
        Ok(Reply::Written(answer))
    }

    /// The search path of the client, if the name is one that its resolver made with the first entry of it.
    fn search_path(&self, at: usize, name: &DnsName) -> Option<Vec<DnsName>> {
        let plugins = &self.server.blocks[at].plugins;
        let autopath = plugins.autopath.as_ref()?;
        longest_zone(&autopath.zones, name)?;
        let plugin = plugins.kubernetes.as_ref()?;
        longest_zone(&plugin.zones, name)?;
        let mut path = plugin.search_path(self.cluster, self.query.client)?;
        path.extend(self.server.search.iter().cloned());
        path.push(DnsName::root());
        let first = &path[0];
        (name.is_within(first) && !name.is_same(first)).then_some(path)
    }

    /// autopath: the whole search path in one go. What is not NXDOMAIN first is the answer, with an alias in front.
    fn walk(
        &mut self,
        at: usize,
        after: usize,
        request: &DnsMessage,
        path: &[DnsName],
        depth: usize,
    ) -> Result<Reply, Box<Ask>> {
        let question = &request.questions[0];
        let labels: Vec<&[u8]> = question.name.labels().collect();
        let base = &labels[..labels.len() - path[0].labels().count()];
        let mut first = None;
        for suffix in path {
            let Ok(name) = DnsName::from_labels(base.iter().copied().chain(suffix.labels())) else { continue };
            let mut completed = request.clone();
            completed.questions[0].name = name;
            match self.next(at, after, &completed, depth)? {
                Reply::Written(mut answer) if answer.rcode != Rcode::NXDOMAIN => {
                    answer.questions = vec![question.clone()];
                    if let Some(record) = answer.answers.first().filter(|record| !record.name.is_same(&question.name)) {
                        let data = RData::Cname(record.name.clone());
                        let alias = DnsRecord::new(question.name.clone(), record.ttl, data);
                        answer.answers.insert(0, alias);
                    }
                    return Ok(Reply::Written(answer));
                }
                other => drop(first.get_or_insert(other)),
            }
        }
        Ok(first.unwrap_or(Reply::Failed(Rcode::SERVFAIL)))
    }

    fn forward(&mut self, forward: &Forward, request: &DnsMessage) -> Result<Reply, Box<Ask>> {
        // A file without nameservers: CoreDNS would not start with it, here it has nobody to ask.
        if forward.upstreams.is_empty() {
            return Ok(Reply::Failed(Rcode::SERVFAIL));
        }
        let mut upstreams = forward.upstreams.clone();
        self.sort(forward.policy, &mut upstreams);
        let mut query = request.clone();
        // Others may be served before the answer is here: it must be the same when this one is served again.
        let which = u64::from(request.id) << 8 | self.n_asked as u64;
        query.id = Dice::new(which, &self.server.probe.to_string()).word() as u16;
        let answered = self.upstream.get(self.n_asked);
        // The first that is over the limit hears so at once.
        let is_new = self.upstream.is_empty();
        if forward.max_concurrent.is_some_and(|max| is_new && self.server.n_waiting >= max) {
            return Ok(Reply::Failed(Rcode::REFUSED));
        }
        self.n_asked += 1;
        match answered {
            None => {
                let tcp = forward.force_tcp || self.query.tcp && !forward.prefer_udp;
                Err(Box::new(Ask { upstreams, query, tcp }))
            }
            Some(Upstream::Answer(answer)) => {
                let same = |question: &Question| {
                    question.qtype == query.questions[0].qtype && question.name.is_same(&query.questions[0].name)
                };
                if answer.id != query.id || !answer.questions.first().is_some_and(same) {
                    return Ok(Reply::Written(DnsMessage { rcode: Rcode::FORMERR, ..request.reply() }));
                }
                Ok(Reply::Written(DnsMessage { id: request.id, ..answer.clone() }))
            }
            Some(Upstream::Silence) => Ok(Reply::Failed(Rcode::SERVFAIL)),
        }
    }

    fn sort(&mut self, policy: Policy, upstreams: &mut [SocketAddr]) {
        match policy {
            Policy::Sequential => {}
            Policy::RoundRobin => {
                let len = upstreams.len().max(1);
                upstreams.rotate_left((self.server.n_served as usize + 1 + self.n_asked) % len);
            }
            Policy::Random => {
                for last in (1..upstreams.len()).rev() {
                    let other = self.dice.below(last as u32 + 1) as usize;
                    upstreams.swap(last, other);
                }
            }
        }
    }
}

/// `Request.SizeAndDo`: an answer has OPT if the query had it, with the same size.
fn with_edns(mut answer: DnsMessage, request: &DnsMessage) -> DnsMessage {
    answer.additionals.retain(|record| record.record_type() != RecordType::OPT);
    if let Some(edns) = request.edns() {
        answer.set_edns(Edns { version: 0, ..edns });
    }
    answer
}

/// Aliases, then the rest, then addresses and mail servers in drawn order.
fn round_robin(records: &mut Vec<DnsRecord>, dice: &mut Dice) {
    let (mut aliases, mut addresses, mut mail, mut rest) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for record in records.drain(..) {
        match record.data {
            RData::Cname(_) => aliases.push(record),
            RData::A(_) | RData::Aaaa(_) => addresses.push(record),
            RData::Mx { .. } => mail.push(record),
            _ => rest.push(record),
        }
    }
    for group in [&mut addresses, &mut mail] {
        let len = group.len();
        match len {
            0 | 1 => {}
            2 => {
                if dice.below(2) == 0 {
                    group.swap(0, 1);
                }
            }
            _ => {
                for _ in 0..len {
                    let (p, q) = (dice.below(len as u32) as usize, dice.below(len as u32) as usize);
                    group.swap(if p == q { (p + 1) % len } else { p }, q);
                }
            }
        }
    }
    records.extend(aliases.into_iter().chain(rest).chain(addresses).chain(mail));
}

impl Hosts {
    /// The answer of /etc/hosts; `None` leaves it to the next plugin.
    fn serve(&self, request: &DnsMessage, question: &Question) -> Option<Reply> {
        let name = &question.name;
        let mut answer = request.reply();
        answer.flags.authoritative = true;
        if question.qtype == RecordType::PTR {
            if !self.reverse {
                return None;
            }
            let reversed = |ip: &IpAddr| super::kubernetes::reverse_address(name) == Some(*ip);
            let names = self.entries.iter().filter(|(ip, _)| reversed(ip));
            let record = |host: &DnsName| DnsRecord::new(name.clone(), self.ttl, RData::Ptr(host.clone()));
            answer.answers = names.map(|(_, host)| record(host)).collect();
            return (!answer.answers.is_empty()).then_some(Reply::Written(answer));
        }
        longest_zone(&self.zones, name)?;
        let own: Vec<IpAddr> = self.entries.iter().filter(|(_, host)| host.is_same(name)).map(|(ip, _)| *ip).collect();
        let wanted = own.iter().filter(|ip| match question.qtype {
            RecordType::A => ip.is_ipv4(),
            RecordType::AAAA => ip.is_ipv6(),
            _ => false,
        });
        answer.answers = wanted.map(|ip| DnsRecord::address(name.clone(), self.ttl, *ip)).collect();
        if answer.answers.is_empty() && own.is_empty() {
            // Without a zone there is no SOA, and so no NXDOMAIN.
            let falls = longest_zone(&self.fallthrough, name).is_some();
            return if falls { None } else { Some(Reply::Failed(Rcode::SERVFAIL)) };
        }
        Some(Reply::Written(answer))
    }
}
