//! Connections through virtual servers: who talks to which real server.
//!
//! Models net/netfilter/ipvs/ip_vs_conn.c. An entry is forgotten when somebody looks for it after its time, not by a timer.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::tcp::{self, State, Way};
use super::{ServiceKey, VirtualServer};
use crate::base::Instant;
use crate::wire::{Packet, Transport};

/// `udp_timeouts`.
const UDP_SECS: u64 = 300;

/// A connection (`struct ip_vs_conn`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Connection {
    /// The client's address and port.
    pub client: (IpAddr, u16),
    /// The virtual server that it talks to.
    pub service: ServiceKey,
    /// The real server that it talks to in truth.
    pub real: (IpAddr, u16),
    /// State of a TCP connection.
    pub tcp: Option<State>,
    /// When it will be forgotten.
    pub expires: Instant,
    /// Whether it is in the table.
    pub alive: bool,
}

impl Connection {
    /// Whether it counts as one of its real server's active ones. Models IP_VS_CONN_F_INACTIVE; of UDP none is counted so.
    fn is_active(&self) -> bool {
        self.tcp == Some(State::Established)
    }
}

/// Active and inactive connections of a real server.
pub(super) type Load = (usize, usize);

/// Protocol, one end, the other end.
type Ends = (u8, (IpAddr, u16), (IpAddr, u16));

/// Where a client of a persistent virtual server goes (`IP_VS_CONN_F_TEMPLATE`).
#[derive(Clone, Debug)]
struct Template {
    real: (IpAddr, u16),
    expires: Instant,
}

/// The table of connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections {
    rows: Arc<Vec<Connection>>,
    /// By what clients send: client, virtual server.
    by_request: BTreeMap<Ends, usize>,
    /// By what real servers send: real server, client.
    by_reply: BTreeMap<Ends, usize>,
    templates: BTreeMap<(ServiceKey, IpAddr), Template>,
}

impl Connections {
    pub(super) fn rows(&self) -> Arc<Vec<Connection>> {
        self.rows.clone()
    }

    pub(super) fn get(&self, idx: usize) -> &Connection {
        &self.rows[idx]
    }

    /// The connection of a packet from `client` to `service`. Models ip_vs_conn_in_get.
    pub(super) fn of_request(&self, client: (IpAddr, u16), service: ServiceKey, now: Instant) -> Option<usize> {
        self.live(self.by_request.get(&(service.protocol, client, service.address)), now)
    }

    /// The connection of a packet from `real` to `client`. Models ip_vs_conn_out_get.
    pub(super) fn of_reply(
        &self,
        protocol: u8,
        real: (IpAddr, u16),
        client: (IpAddr, u16),
        now: Instant,
    ) -> Option<usize> {
        self.live(self.by_reply.get(&(protocol, real, client)), now)
    }

    fn live(&self, idx: Option<&usize>, now: Instant) -> Option<usize> {
        idx.copied().filter(|idx| self.rows[*idx].expires > now)
    }

    /// Makes a connection. Models ip_vs_conn_new, and of a persistent service's the template that controls it.
    pub(super) fn begin(
        &mut self,
        client: (IpAddr, u16),
        service: &VirtualServer,
        real: (IpAddr, u16),
        now: Instant,
    ) -> usize {
        let key = service.key;
        if let Some(secs) = service.persistence_secs {
            let expires = now + Duration::from_secs(secs.into());
            self.templates.insert((key, client.0), Template { real, expires });
        }
        let tcp = (key.protocol == 6).then_some(State::None);
        let idx = self.rows.len();
        let row = Connection { client, service: key, real, tcp, expires: now, alive: true };
        Arc::make_mut(&mut self.rows).push(row);
        self.by_request.insert((key.protocol, client, key.address), idx);
        self.by_reply.insert((key.protocol, real, client), idx);
        idx
    }

    /// Takes a packet into account. Models ip_vs_set_state.
    pub(super) fn advance(&mut self, idx: usize, packet: &Packet, way: Way, now: Instant) {
        let row = &mut Arc::make_mut(&mut self.rows)[idx];
        let timeout = match (row.tcp, packet.transport()) {
            (Some(state), Some(Transport::Tcp(tcp))) => {
                let next = tcp::step(state, &tcp, way);
                row.tcp = Some(next);
                next.timeout()
            }
            _ => Duration::from_secs(UDP_SECS),
        };
        row.expires = now + timeout;
    }

    /// Forgets a connection. Models ip_vs_conn_expire_now.
    pub(super) fn forget(&mut self, idx: usize) {
        let row = &mut Arc::make_mut(&mut self.rows)[idx];
        row.alive = false;
        let (protocol, client, service, real) = (row.service.protocol, row.client, row.service.address, row.real);
        self.by_request.remove(&(protocol, client, service));
        self.by_reply.remove(&(protocol, real, client));
    }

    /// Where `client` was sent before, if it is to stay there. Models ip_vs_ct_in_get and ip_vs_check_template with
    /// `expire_quiescent_template`: a template lives while a connection of it does.
    pub(super) fn template(&self, service: &VirtualServer, client: IpAddr, now: Instant) -> Option<(IpAddr, u16)> {
        let template = self.templates.get(&(service.key, client))?;
        let serves = service.real_servers.iter().any(|it| it.address == template.real && it.weight > 0);
        let controls = || self.of(service.key, template.real).any(|it| it.client.0 == client && it.expires > now);
        (serves && (template.expires > now || controls())).then_some(template.real)
    }

    /// The connections to a real server of a virtual one.
    pub(super) fn of(&self, service: ServiceKey, real: (IpAddr, u16)) -> impl Iterator<Item = &Connection> {
        self.rows.iter().filter(move |row| row.alive && row.service == service && row.real == real)
    }

    /// How many of them there are.
    pub(super) fn load(&self, service: ServiceKey, real: (IpAddr, u16), now: Instant) -> Load {
        let live = || self.of(service, real).filter(|row| row.expires > now);
        let n_active = live().filter(|row| row.is_active()).count();
        (n_active, live().count() - n_active)
    }
}
