//! Tools that ask for names: one question after the other, each a run of its own on the machines as the one before it
//! left them. The answers are those of the run; the tools only print them.

use std::net::{IpAddr, Ipv4Addr};

use super::ShowError;
use crate::app::resolver::{GlibcConf, Transport};
use crate::base::Place;
use crate::lab::{Lab, name_servers, resolv_conf, resolve};
use crate::net::{NsId, Topology};
use crate::sim::{self, Exchange, LookupBy, NameLookup, Names, Talk};
use crate::trace::{Disposition, NameQuery, RejectReason, Trace};
use crate::wire::{DnsMessage, DnsName, RecordType};

/// Tries of a silent server.
const TRIES: usize = 3;

/// Who asks, and whom.
pub(super) struct Asker<'a> {
    lab: &'a Lab,
    topo: Topology,
    client: NsId,
    program: &'static str,
    /// The server that is asked.
    pub(super) server: IpAddr,
    /// The search list.
    search: Vec<String>,
    ndots: usize,
}

/// What became of a question.
pub(super) struct Told {
    /// What was sent, and what came back.
    pub(super) queries: Vec<NameQuery>,
    /// The last answer, if there is one.
    pub(super) message: Option<DnsMessage>,
    /// Milliseconds from the last query to its answer.
    pub(super) milliseconds: u64,
    /// Why nothing came back, in the tool's words.
    pub(super) error: &'static str,
}

impl Told {
    /// How often it was tried.
    pub(super) fn n_tries(&self) -> usize {
        if self.queries.is_empty() { TRIES } else { self.queries.len() }
    }
}

impl<'a> Asker<'a> {
    /// `program` at `at`, which asks `server`, or whom its `resolv.conf` names first.
    pub(super) fn new(
        lab: &'a Lab,
        mut topo: Topology,
        at: &str,
        program: &'static str,
        server: Option<IpAddr>,
    ) -> Result<Self, ShowError> {
        let (client, _) = resolve(lab, &mut topo, at, "--at")?;
        let place = Place::parse_with_container(at).map(|(place, _)| place).map_err(crate::lab::RunError::from)?;
        let text = resolv_conf(lab, &place).map(|conf| conf.print()).unwrap_or_default();
        let conf = GlibcConf::parse(&text, "");
        let named = conf.nameservers.first().copied().unwrap_or(Ipv4Addr::LOCALHOST.into());
        let ndots = usize::try_from(conf.ndots).unwrap_or(usize::MAX);
        Ok(Self { lab, topo, client, program, server: server.unwrap_or(named), search: conf.search, ndots })
    }

    /// Asks for `kind` at `name`.
    pub(super) fn ask(&mut self, name: &DnsName, kind: RecordType, transport: Transport) -> Told {
        let lookup = NameLookup {
            name: name.to_string(),
            by: LookupBy::Dig(name.clone(), kind, transport),
            resolv_conf: format!("nameserver {}\n", self.server),
            hostname: String::new(),
        };
        let exchange = Exchange {
            client: self.client,
            program: self.program.into(),
            dst: Ipv4Addr::UNSPECIFIED.into(),
            talk: Talk::Names,
            ttl: None,
            seed: 1,
            names: Names { servers: name_servers(self.lab, 1), lookup: Some(lookup) },
        };
        let (trace, topo) = sim::run_to_end(std::mem::take(&mut self.topo), &exchange);
        self.topo = topo;
        told(trace)
    }

    /// The names that are asked for in turn when `typed` is looked up, until one is there. Models bin/dig/dighost.c
    /// setup_lookup and next_origin: unlike the C library's, the list is left out for a name with a trailing dot and for one
    /// with as many dots as `ndots` says.
    pub(super) fn names(&self, typed: &str) -> Result<Vec<DnsName>, ShowError> {
        let n_dots = typed.matches('.').count();
        let is_searched = !typed.ends_with('.') && n_dots < self.ndots;
        let searched = self.search.iter().filter(|_| is_searched).map(|suffix| format!("{typed}.{suffix}"));
        // What grows too long is left out.
        let searched = searched.filter_map(|name| name.parse().ok());
        Ok(searched.chain([name(typed)?]).collect())
    }
}

/// A name as somebody types it.
pub(super) fn name(typed: &str) -> Result<DnsName, ShowError> {
    let expected = "a name that a message can ask for";
    typed.parse().map_err(|_| ShowError::Argument { found: typed.to_owned(), expected })
}

/// A name server as somebody types it.
pub(super) fn server(typed: &str) -> Result<IpAddr, ShowError> {
    let expected = "an IPv4 address of a name server";
    let address = typed.parse::<Ipv4Addr>();
    address.map(IpAddr::V4).map_err(|_| ShowError::Argument { found: typed.to_owned(), expected })
}

/// The name under which an address is looked up.
pub(super) fn reverse(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
}

fn told(trace: Trace) -> Told {
    let time = |id: Option<&str>| {
        let id = id?;
        trace.steps().find(|(_, step)| step.id == id).map(|(_, step)| step.time.as_nanos())
    };
    let last = trace.queries.iter().rfind(|query| query.reply.is_some());
    let took = last.and_then(|query| {
        Some(time(trace.step_that_received(query))?.saturating_sub(time(trace.step_that_sent(query))?))
    });
    let error = match &trace.disposition {
        Disposition::Rejected { reason: RejectReason::NoSocket | RejectReason::IcmpPortUnreach, .. } => {
            "connection refused"
        }
        Disposition::Rejected { reason: RejectReason::IcmpNetUnreach, .. } => "network unreachable",
        Disposition::Rejected { reason: RejectReason::IcmpHostUnreach, .. } => "host unreachable",
        _ => "timed out",
    };
    Told {
        message: last.and_then(|query| query.reply.as_ref()).map(|reply| reply.message.clone()),
        milliseconds: took.unwrap_or_default() / 1_000_000,
        error,
        queries: trace.queries,
    }
}
