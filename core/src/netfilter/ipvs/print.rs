//! Virtual servers and connections in the words of `ipvsadm`.
//!
//! Models ipvsadm.c print_service_entry and print_conn, of version 1.31.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use super::conn::{Connection, Load};
use super::service::protocol_name;
use super::{Ipvs, RealServer, ServiceKey, VirtualServer};
use crate::base::{Instant, Writer};
use crate::trace::{Consulted, Row, Why};

fn show((ip, port): (IpAddr, u16)) -> String {
    format!("{ip}:{port}")
}

/// `-t 10.96.0.10:80`.
fn option(key: ServiceKey) -> String {
    let option = match key.protocol {
        6 => "-t",
        17 => "-u",
        _ => "--sctp-service",
    };
    format!("{option} {}", show(key.address))
}

impl Ipvs {
    /// All virtual servers as `ipvsadm-save -n` prints them, with whoever wrote each.
    #[must_use]
    pub fn save(&self) -> Vec<(String, Writer)> {
        let mut lines = Vec::new();
        for service in self.services() {
            let option = option(service.key);
            let mut line = format!("-A {option} -s {}", service.scheduler.name());
            if let Some(secs) = service.persistence_secs {
                let _ = write!(line, " -p {secs}");
            }
            lines.push((line, service.writer));
            lines.extend(
                service.real_servers.iter().map(|real| {
                    (format!("-a {option} -r {} -m -w {}", show(real.address), real.weight), service.writer)
                }),
            );
        }
        lines
    }

    /// The connections that are in the table at `now`, as `ipvsadm -lnc` prints them.
    #[must_use]
    pub fn connection_rows(&self, now: Instant) -> Vec<String> {
        let rows = self.connections.rows();
        rows.iter().filter(|row| row.alive && row.expires > now).map(|row| row.print(now)).collect()
    }
}

fn print_service(service: &VirtualServer) -> String {
    let mut line = format!(
        "{:<4} {} {}",
        protocol_name(service.key.protocol),
        show(service.key.address),
        service.scheduler.name()
    );
    if let Some(secs) = service.persistence_secs {
        let _ = write!(line, " persistent {secs}");
    }
    line
}

fn print_real(real: &RealServer, (n_active, n_inactive): Load) -> String {
    format!("  -> {:<28} {:<7} {:<6} {n_active:<10} {n_inactive:<10}", show(real.address), "Masq", real.weight)
}

impl Connection {
    /// The row at `now`.
    pub(super) fn print(&self, now: Instant) -> String {
        let left = (self.expires - now).as_secs();
        format!(
            "{:<3} {:02}:{:02}  {:<11} {:<18} {:<18} {}",
            protocol_name(self.service.protocol),
            left / 60,
            left % 60,
            self.tcp.map_or("UDP", super::tcp::State::name),
            show(self.client),
            show(self.service.address),
            show(self.real),
        )
    }
}

/// The virtual servers as a step looked into them: of the one that was found the real servers are shown too.
#[derive(Clone, Debug)]
pub(super) struct ServiceLookup {
    services: Arc<Vec<Arc<VirtualServer>>>,
    found: Option<usize>,
    real: Option<(IpAddr, u16)>,
    /// Connections of each of its real servers.
    loads: Vec<Load>,
}

impl ServiceLookup {
    pub(super) fn new(
        services: Arc<Vec<Arc<VirtualServer>>>,
        found: Option<usize>,
        real: Option<(IpAddr, u16)>,
        loads: Vec<Load>,
    ) -> Self {
        Self { services, found, real, loads }
    }

    fn real_servers(&self) -> &[RealServer] {
        self.found.map_or(&[], |idx| &self.services[idx].real_servers)
    }

    /// The row of the real server that was picked.
    fn picked(&self) -> Option<usize> {
        let idx = self.real_servers().iter().position(|it| Some(it.address) == self.real)?;
        Some(self.found? + 1 + idx)
    }
}

impl Consulted for ServiceLookup {
    fn command(&self) -> String {
        "ipvsadm -Ln".to_owned()
    }

    fn n_rows(&self) -> usize {
        self.services.len() + self.real_servers().len()
    }

    fn matched(&self) -> Option<usize> {
        self.picked().or(self.found)
    }

    fn all_matched(&self) -> Vec<usize> {
        self.found.into_iter().chain(self.picked()).collect()
    }

    fn row(&self, idx: usize) -> Row {
        let n_real = self.real_servers().len();
        let after = self.found.map_or(usize::MAX, |found| found + 1);
        if idx >= after && idx - after < n_real {
            let (real, service) = (&self.real_servers()[idx - after], &self.services[after - 1]);
            let why = match (Some(idx) == self.picked(), real.weight) {
                (true, _) => Why::Matched(format!("picked by {}", service.scheduler.name())),
                (false, 0) => Why::Missed("weight is 0: it gets no new connections".to_owned()),
                (false, _) => Why::Missed("not its turn".to_owned()),
            };
            return Row { text: print_real(real, self.loads[idx - after]), writer: service.writer, why };
        }
        let service = &self.services[if idx >= after { idx - n_real } else { idx }];
        let why = if Some(idx) == self.found {
            Why::Matched(format!("the packet's protocol, destination and port; for {}", service.says))
        } else {
            Why::Missed("another protocol, address or port".to_owned())
        };
        Row { text: print_service(service), writer: service.writer, why }
    }
}

/// The connections as a step looked into them.
#[derive(Clone, Debug)]
pub(super) struct ConnLookup {
    rows: Arc<Vec<Connection>>,
    /// Which rows are in the table.
    shown: Vec<usize>,
    matched: Option<usize>,
    now: Instant,
}

impl ConnLookup {
    pub(super) fn new(rows: Arc<Vec<Connection>>, matched: usize, now: Instant) -> Self {
        let is_there = |idx: &usize| rows[*idx].alive && rows[*idx].expires >= now;
        let shown: Vec<usize> = (0..rows.len()).filter(is_there).collect();
        let matched = shown.iter().position(|shown| *shown == matched);
        Self { shown, matched, now, rows }
    }
}

impl Consulted for ConnLookup {
    fn command(&self) -> String {
        "ipvsadm -lnc".to_owned()
    }

    fn n_rows(&self) -> usize {
        self.shown.len()
    }

    fn matched(&self) -> Option<usize> {
        self.matched
    }

    fn row(&self, idx: usize) -> Row {
        let why = if self.matched == Some(idx) {
            Why::Matched("the packet's own addresses and ports".to_owned())
        } else {
            Why::Missed("other addresses or ports".to_owned())
        };
        Row { text: self.rows[self.shown[idx]].print(self.now), writer: Writer::Kernel, why }
    }
}
