//! IPVS: virtual servers, and the connections that go through them to real ones.
//!
//! Models net/netfilter/ipvs: ip_vs_ctl.c's tables, ip_vs_conn.c, the schedulers rr, wrr, lc and sh, and of the forwarding
//! methods masquerading alone, as kube-proxy uses it, with `net.ipv4.vs.conntrack` on. What its hook functions do is
//! `hook`'s; the way of a packet to its real server is the data path's (`ip_vs_nat_xmit`).
//! Not modelled: direct routing and tunnelling, firewall marks, one-packet scheduling, applications (FTP), thresholds,
//! synchronisation with another director, SCTP, IPv6.

mod conn;
mod hook;
mod print;
mod schedule;
mod service;
mod tcp;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::base::{Dice, Instant};
use crate::trace::{Hook, HookFunction};

use super::nft::priority::{DSTNAT, SRCNAT};
use conn::Connections;
pub use hook::Transmit;
use print::{ConnLookup, ServiceLookup};
use schedule::Mark;
pub use service::{RealServer, Scheduler, ServiceKey, VirtualServer};

/// What IPVS keeps on one machine (`struct netns_ipvs`).
#[derive(Clone, Debug, Default)]
pub struct Ipvs {
    /// Virtual servers, by key.
    services: Arc<Vec<Arc<VirtualServer>>>,
    /// Where their schedulers stand, of those that have scheduled.
    marks: BTreeMap<ServiceKey, Mark>,
    connections: Connections,
    is_loaded: bool,
    /// When the last packet came.
    now: Instant,
}

/// `net.ipv4.vs` as kube-proxy leaves it; the rest of it is not known here.
pub const SYSCTLS: [(&str, &str); 4] = [
    ("net.ipv4.vs.conn_reuse_mode", "1"),
    ("net.ipv4.vs.conntrack", "1"),
    ("net.ipv4.vs.expire_nodest_conn", "1"),
    ("net.ipv4.vs.expire_quiescent_template", "1"),
];

/// What is registered on a hook once there is a virtual server, with its priority. Models ip_vs_ops4.
pub(super) fn functions(hook: Hook) -> &'static [(i32, HookFunction)] {
    use HookFunction as F;
    match hook {
        Hook::Prerouting | Hook::Postrouting => &[],
        Hook::Input => &[(SRCNAT - 2, F::IpvsOut), (SRCNAT - 1, F::IpvsIn)],
        Hook::Output => &[(DSTNAT + 1, F::IpvsOut), (DSTNAT + 2, F::IpvsIn)],
        Hook::Forward => &[(99, F::IpvsIcmp), (100, F::IpvsOut)],
    }
}

impl Ipvs {
    /// Loads the module.
    pub fn load(&mut self) {
        self.is_loaded = true;
    }

    /// Whether the module is there.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.is_loaded
    }

    /// Whether there is no virtual server.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// All virtual servers: by protocol, address and port.
    #[must_use]
    pub fn services(&self) -> &[Arc<VirtualServer>] {
        &self.services
    }

    /// The virtual server with this key.
    #[must_use]
    pub fn service(&self, key: ServiceKey) -> Option<&Arc<VirtualServer>> {
        self.position(key).ok().map(|idx| &self.services[idx])
    }

    fn position(&self, key: ServiceKey) -> Result<usize, usize> {
        self.services.binary_search_by(|service| service.key.cmp(&key))
    }

    /// Adds virtual servers, or puts them in the place of those with the same key; of several with one key the last stays.
    pub fn extend(&mut self, services: impl IntoIterator<Item = VirtualServer>) {
        let mut services: Vec<Arc<VirtualServer>> = services.into_iter().map(Arc::new).collect();
        if services.len() < 8 {
            services.into_iter().for_each(|service| self.set(service));
            return;
        }
        let all = Arc::make_mut(&mut self.services);
        all.append(&mut services);
        // The sort is stable, so the last of one key was added last.
        all.sort_by(|a, b| a.key.cmp(&b.key));
        all.dedup_by(|later, earlier| {
            let is_same = later.key == earlier.key;
            if is_same {
                std::mem::swap(later, earlier);
            }
            is_same
        });
    }

    fn set(&mut self, service: Arc<VirtualServer>) {
        let position = self.position(service.key);
        let all = Arc::make_mut(&mut self.services);
        match position {
            Ok(idx) => all[idx] = service,
            Err(idx) => all.insert(idx, service),
        }
    }

    /// Takes a virtual server out. Its connections have no real server any more.
    pub fn remove(&mut self, key: ServiceKey) {
        self.marks.remove(&key);
        if let Ok(idx) = self.position(key) {
            Arc::make_mut(&mut self.services).remove(idx);
        }
    }

    /// Number of connections from clients of a virtual server to one of its real servers, as of the last packet.
    #[must_use]
    pub fn n_connections(&self, key: ServiceKey, real: (IpAddr, u16)) -> usize {
        let (n_active, n_inactive) = self.connections.load(key, real, self.now);
        n_active + n_inactive
    }

    /// A real server for a connection from `client`, and all that it could have been, with their probabilities.
    fn schedule(
        &mut self,
        service: &VirtualServer,
        client: IpAddr,
        now: Instant,
        dice: &mut Dice,
    ) -> Option<Scheduled> {
        if service.persistence_secs.is_some()
            && let Some(real) = self.connections.template(service, client, now)
        {
            return Some(Scheduled { real, candidates: vec![(real, 1.0)], is_kept: true });
        }
        let mark = self.marks.entry(service.key).or_default();
        let load = |real: &RealServer| self.connections.load(service.key, real.address, now);
        let (chosen, candidates) = schedule::schedule(service, mark, load, client, dice)?;
        let candidates =
            candidates.into_iter().map(|(idx, share)| (service.real_servers[idx].address, share)).collect();
        Some(Scheduled { real: service.real_servers[chosen].address, candidates, is_kept: false })
    }

    /// Whether the real server of a connection is still one.
    fn is_available(&self, service: ServiceKey, real: (IpAddr, u16)) -> bool {
        self.service(service).is_some_and(|it| it.real_servers.iter().any(|it| it.address == real))
    }

    fn service_lookup(&self, service: ServiceKey, real: Option<(IpAddr, u16)>, now: Instant) -> ServiceLookup {
        let counts = self.service(service).into_iter().flat_map(|it| &it.real_servers);
        let counts = counts.map(|it| self.connections.load(service, it.address, now)).collect();
        ServiceLookup::new(self.services.clone(), self.position(service).ok(), real, counts)
    }

    fn conn_lookup(&self, matched: usize, now: Instant) -> ConnLookup {
        ConnLookup::new(self.connections.rows(), matched, now)
    }
}

/// What a scheduler came to.
struct Scheduled {
    real: (IpAddr, u16),
    candidates: Vec<((IpAddr, u16), f64)>,
    /// By a template: the client has been sent there before.
    is_kept: bool,
}
