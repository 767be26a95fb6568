//! How musl reads `resolv.conf`. Models src/network/resolvconf.c (1.2.5).
//!
//! Not modelled: scopes of IPv6 addresses; `attempts:0`, which musl divides by: one attempt here.

use std::net::IpAddr;

use super::{NOBODY_NAMED, leading_number, literal};

const MAXNS: usize = 3;
/// What a line may have besides its end: musl reads into 256 bytes, and skips what is longer.
const MAX_LINE: usize = 254;

/// What musl makes of `resolv.conf`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MuslConf {
    /// Whom it asks, all at once.
    pub nameservers: Vec<IpAddr>,
    /// The search list.
    pub search: Vec<String>,
    /// `ndots`.
    pub ndots: u32,
    /// `timeout`, in seconds: of a name as a whole.
    pub timeout: u32,
    /// `attempts`: into how many parts the timeout falls.
    pub attempts: u32,
}

impl MuslConf {
    /// Reads the file.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut conf = Self { nameservers: Vec::new(), search: Vec::new(), ndots: 1, timeout: 5, attempts: 2 };
        for line in text.lines().filter(|line| line.len() <= MAX_LINE) {
            conf.line(line);
        }
        if conf.nameservers.is_empty() {
            conf.nameservers.push(NOBODY_NAMED);
        }
        conf
    }

    fn line(&mut self, line: &str) {
        let Some((keyword, rest)) = line.split_once(|c: char| c.is_ascii_whitespace()) else { return };
        match keyword {
            "options" => self.options(rest),
            "nameserver" if self.nameservers.len() < MAXNS => {
                self.nameservers.extend(rest.split_ascii_whitespace().next().and_then(literal::parse));
            }
            // The last one wins, an empty one too.
            "domain" | "search" => self.search = rest.split_ascii_whitespace().map(str::to_owned).collect(),
            _ => {}
        }
    }

    /// Three are known, wherever in the line they stand.
    fn options(&mut self, line: &str) {
        let value = |name: &str, max: u32| {
            let rest = &line[line.find(name)? + name.len()..];
            leading_number(rest).map(|number| number.min(max))
        };
        self.ndots = value("ndots:", 15).unwrap_or(self.ndots);
        self.attempts = value("attempts:", 10).unwrap_or(self.attempts).max(1);
        self.timeout = value("timeout:", 60).unwrap_or(self.timeout);
    }
}
