//! How glibc reads `resolv.conf`. Models resolv/res_init.c res_vinit_1 and res_setoptions (2.36).
//!
//! Not modelled: `sortlist`, scopes of IPv6 addresses, `LOCALDOMAIN` and `RES_OPTIONS`, reading the file again.

use std::net::IpAddr;

use super::{NOBODY_NAMED, leading_number, literal};

const MAXNS: usize = 3;
const RES_MAXNDOTS: u32 = 15;
const RES_MAXRETRANS: u32 = 30;
const RES_MAXRETRY: u32 = 5;
const FLAGS: [&str; 9] = [
    "rotate",
    "edns0",
    "single-request-reopen",
    "single-request",
    "no_tld_query",
    "no-tld-query",
    "use-vc",
    "trust-ad",
    "no-aaaa",
];

/// What glibc makes of `resolv.conf`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlibcConf {
    /// Whom it asks.
    pub nameservers: Vec<IpAddr>,
    /// The search list.
    pub search: Vec<String>,
    /// `ndots`.
    pub ndots: u32,
    /// `timeout`, in seconds.
    pub timeout: u32,
    /// `attempts`.
    pub attempts: u32,
    /// `rotate`.
    pub rotate: bool,
    /// `edns0`.
    pub edns0: bool,
    /// `single-request`.
    pub single_request: bool,
    /// `single-request-reopen`.
    pub single_request_reopen: bool,
    /// `no-tld-query`.
    pub no_tld_query: bool,
    /// `use-vc`.
    pub use_vc: bool,
    /// `trust-ad`.
    pub trust_ad: bool,
    /// `no-aaaa`.
    pub no_aaaa: bool,
}

impl GlibcConf {
    /// Reads the file; without a search list it takes the domain of the host's name.
    #[must_use]
    pub fn parse(text: &str, hostname: &str) -> Self {
        let mut conf = Self {
            nameservers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: 5,
            attempts: 2,
            rotate: false,
            edns0: false,
            single_request: false,
            single_request_reopen: false,
            no_tld_query: false,
            use_vc: false,
            trust_ad: false,
            no_aaaa: false,
        };
        for line in text.lines() {
            conf.line(line);
        }
        if conf.nameservers.is_empty() {
            conf.nameservers.push(NOBODY_NAMED);
        }
        if conf.search.is_empty() {
            conf.search.extend(hostname.split_once('.').map(|(_, domain)| domain.to_owned()));
        }
        conf
    }

    fn line(&mut self, line: &str) {
        // A keyword begins its line and a blank ends it; comments match none.
        let Some((keyword, rest)) = line.split_once([' ', '\t']) else { return };
        let mut words = rest.split_ascii_whitespace();
        match keyword {
            "domain" => {
                if let Some(domain) = words.next() {
                    self.search = vec![domain.to_owned()];
                }
            }
            "search" => {
                let list: Vec<String> = words.map(str::to_owned).collect();
                if !list.is_empty() {
                    self.search = list;
                }
            }
            "nameserver" if self.nameservers.len() < MAXNS => {
                self.nameservers.extend(words.next().and_then(literal::parse));
            }
            "options" => words.for_each(|option| self.option(option)),
            _ => {}
        }
    }

    /// An option is known by how it begins.
    fn option(&mut self, option: &str) {
        let number = |prefix: &str, max: u32| {
            let rest = option.strip_prefix(prefix)?;
            Some(leading_number(rest).unwrap_or(0).min(max))
        };
        if let Some(ndots) = number("ndots:", RES_MAXNDOTS) {
            self.ndots = ndots;
        } else if let Some(timeout) = number("timeout:", RES_MAXRETRANS) {
            self.timeout = timeout;
        } else if let Some(attempts) = number("attempts:", RES_MAXRETRY) {
            self.attempts = attempts;
        } else {
            self.flag(option);
        }
    }

    fn flag(&mut self, option: &str) {
        // The longer name stands before the one that it begins with.
        let flag = match FLAGS.into_iter().find(|name| option.starts_with(name)) {
            Some("rotate") => &mut self.rotate,
            Some("edns0") => &mut self.edns0,
            Some("single-request-reopen") => &mut self.single_request_reopen,
            Some("single-request") => &mut self.single_request,
            Some("no_tld_query" | "no-tld-query") => &mut self.no_tld_query,
            Some("use-vc") => &mut self.use_vc,
            Some("trust-ad") => &mut self.trust_ad,
            Some("no-aaaa") => &mut self.no_aaaa,
            _ => return,
        };
        *flag = true;
    }
}
