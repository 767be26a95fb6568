//! The lists of `-m recent`: which addresses were seen, and when.
//!
//! Models net/netfilter/xt_recent.c. Not modelled: hit counts, TTL matching, the limit of 100 addresses a list.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::xtables::RecentOp;
use crate::base::{BTreeMap, Instant};

/// All lists of a machine, by name.
#[derive(Clone, Debug, Default)]
pub struct RecentLists {
    lists: BTreeMap<Arc<str>, BTreeMap<IpAddr, Instant>>,
}

impl RecentLists {
    /// Asks a list about `ip`, and changes it as `op` says. Returns whether the address was on it.
    pub fn apply(
        &mut self,
        list: &Arc<str>,
        op: RecentOp,
        seconds: Option<u32>,
        reap: bool,
        ip: IpAddr,
        now: Instant,
    ) -> bool {
        let seen_within = |seen: &Instant| seconds.is_none_or(|secs| now - *seen <= Duration::from_secs(secs.into()));
        let entries = match op {
            RecentOp::Set => self.lists.entry(list.clone()).or_default(),
            _ => match self.lists.get_mut(list) {
                Some(entries) => entries,
                None => return false,
            },
        };
        if reap {
            entries.retain(|_, seen| seen_within(seen));
        }
        let found = entries.get(&ip).is_some_and(seen_within);
        match op {
            RecentOp::Set => {
                entries.insert(ip, now);
            }
            RecentOp::Update if found => {
                entries.insert(ip, now);
            }
            RecentOp::Remove if found => {
                entries.remove(&ip);
            }
            _ => {}
        }
        found
    }
}
