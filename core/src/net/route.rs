//! Routing tables and the longest-prefix match.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::DevRef;
use crate::base::Writer;
use crate::trace::{Consulted, Row, Why};

/// What a route does with a packet (`RTN_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// Sends it on.
    Unicast,
    /// It is for this machine.
    Local,
    /// A broadcast address of this machine.
    Broadcast,
    /// Throws it away and tells nobody. Its device is `lo`, which is not printed.
    Blackhole,
}

/// Who installed a route, in `ip route`'s words (`RTPROT_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `proto kernel`: by an address.
    Kernel,
    /// `ip route add` without a word about it (`boot`, which is not printed).
    Boot,
    /// BIRD, a routing daemon.
    Bird,
    /// A program that the kernel's list has no name for.
    Number(u8),
}

/// How far the destination is (`RT_SCOPE_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Anywhere; not printed.
    Global,
    /// On the segment.
    Link,
    /// On this machine.
    Host,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// What it does.
    pub kind: RouteKind,
    /// Destination.
    pub dst: IpNet,
    /// Gateway.
    pub gateway: Option<IpAddr>,
    /// Outgoing device.
    pub dev: DevRef,
    /// Who installed it.
    pub protocol: Protocol,
    /// How far the destination is.
    pub scope: Scope,
    /// Preferred source address.
    pub src: Option<IpAddr>,
    /// The gateway is on the segment even if no address says so.
    pub onlink: bool,
    /// Who wrote it.
    pub writer: Writer,
}

/// A routing table: `local` or `main`.
#[derive(Clone, Debug)]
pub struct RouteTable {
    name: &'static str,
    rows: Arc<Vec<Route>>,
}

impl RouteTable {
    /// An empty table.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, rows: Arc::default() }
    }

    /// The rows, in the order in which `ip route show` prints them.
    #[must_use]
    pub fn rows(&self) -> &[Route] {
        &self.rows
    }

    /// Adds routes.
    pub fn extend(&mut self, routes: impl IntoIterator<Item = Route>) {
        for route in routes {
            self.add(route);
        }
    }

    /// Adds a route, in the order of the kernel's dump.
    pub fn add(&mut self, route: Route) {
        let rows = Arc::make_mut(&mut self.rows);
        let idx = rows.partition_point(|row| dump_order(row) <= dump_order(&route));
        rows.insert(idx, route);
    }

    /// The route for `dst` with the longest prefix. Models net/ipv4/fib_trie.c fib_table_lookup.
    #[must_use]
    pub fn lookup(&self, dst: IpAddr) -> FibLookup {
        let matches = self.rows.iter().enumerate().filter(|(_, row)| row.dst.contains(&dst));
        // Of equally long prefixes the first wins, as the kernel's alias list has it.
        let matched = matches.rev().max_by_key(|(_, row)| row.dst.prefix_len()).map(|(idx, _)| idx);
        FibLookup { table: self.clone(), dst, matched }
    }
}

/// The order of the kernel's dump: by address, then the longer prefix first.
fn dump_order(route: &Route) -> (IpAddr, u8) {
    (route.dst.network(), u8::MAX - route.dst.prefix_len())
}

impl fmt::Display for Route {
    /// As `ip route` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            RouteKind::Unicast => {}
            RouteKind::Local => f.write_str("local ")?,
            RouteKind::Broadcast => f.write_str("broadcast ")?,
            RouteKind::Blackhole => f.write_str("blackhole ")?,
        }
        if self.dst.prefix_len() == 0 {
            f.write_str("default")?;
        } else if self.dst.prefix_len() == self.dst.max_prefix_len() {
            write!(f, "{}", self.dst.addr())?;
        } else {
            write!(f, "{}", self.dst)?;
        }
        if let Some(gateway) = self.gateway {
            write!(f, " via {gateway}")?;
        }
        if self.kind != RouteKind::Blackhole {
            write!(f, " dev {}", self.dev.name)?;
        }
        match self.protocol {
            Protocol::Boot => {}
            Protocol::Kernel => f.write_str(" proto kernel")?,
            Protocol::Bird => f.write_str(" proto bird")?,
            Protocol::Number(number) => write!(f, " proto {number}")?,
        }
        match self.scope {
            Scope::Global => {}
            Scope::Link => f.write_str(" scope link")?,
            Scope::Host => f.write_str(" scope host")?,
        }
        if let Some(src) = self.src {
            write!(f, " src {src}")?;
        }
        // iproute2 prints the flags last, each with a space behind.
        f.write_str(if self.onlink { " onlink " } else { " " })
    }
}

/// A lookup in one table, as it was then.
#[derive(Clone, Debug)]
pub struct FibLookup {
    table: RouteTable,
    dst: IpAddr,
    matched: Option<usize>,
}

impl FibLookup {
    /// The route, if one matched.
    #[must_use]
    pub fn route(&self) -> Option<&Route> {
        self.matched.map(|idx| &self.table.rows[idx])
    }
}

impl Consulted for FibLookup {
    fn command(&self) -> String {
        format!("ip route show table {}", self.table.name)
    }

    fn n_rows(&self) -> usize {
        self.table.rows.len()
    }

    fn matched(&self) -> Option<usize> {
        self.matched
    }

    fn row(&self, idx: usize) -> Row {
        let route = &self.table.rows[idx];
        let why = if self.matched == Some(idx) {
            Why::Matched(match route.dst.prefix_len() {
                0 => "nothing longer matches".to_owned(),
                len => format!("/{len} covers {}", self.dst),
            })
        } else if route.dst.contains(&self.dst) {
            Why::Missed(format!("/{}, shorter", route.dst.prefix_len()))
        } else {
            Why::Missed(format!("does not cover {}", self.dst))
        };
        Row { text: route.to_string().trim_end().to_owned(), writer: route.writer, why }
    }
}

#[cfg(test)]
mod tests {
    use super::{Protocol, Route, RouteKind, RouteTable, Scope};
    use crate::base::Writer;
    use crate::net::DevRef;
    use crate::trace::{Consulted as _, Why};

    fn table() -> RouteTable {
        let mut table = RouteTable::new("main");
        for (dst, dev) in [("0.0.0.0/0", "eth0"), ("10.244.1.0/24", "flannel.1"), ("10.244.0.0/16", "cbr0")] {
            table.add(Route {
                kind: RouteKind::Unicast,
                dst: dst.parse().expect("a network"),
                gateway: None,
                dev: DevRef { index: 2, name: dev.into() },
                protocol: Protocol::Boot,
                scope: Scope::Link,
                src: None,
                onlink: false,
                writer: Writer::Cni,
            });
        }
        table
    }

    #[test]
    fn the_longest_prefix_wins() {
        let dev = |dst: &str| {
            let lookup = table().lookup(dst.parse().expect("an address"));
            lookup.route().map(|route| route.dev.name.to_string())
        };
        assert_eq!(dev("10.244.1.7").as_deref(), Some("flannel.1"));
        assert_eq!(dev("10.244.2.7").as_deref(), Some("cbr0"));
        assert_eq!(dev("9.9.9.9").as_deref(), Some("eth0"));
    }

    #[test]
    fn a_row_that_missed_says_why() {
        let lookup = table().lookup("10.244.2.7".parse().expect("an address"));
        let why: Vec<Why> = (0..lookup.n_rows()).map(|idx| lookup.row(idx).why).collect();
        assert_eq!(
            why,
            [
                Why::Missed("/0, shorter".to_owned()),
                Why::Matched("/16 covers 10.244.2.7".to_owned()),
                Why::Missed("does not cover 10.244.2.7".to_owned()),
            ]
        );
    }
}
