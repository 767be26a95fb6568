//! Routing tables and the longest-prefix match.

use std::fmt::{self, Write as _};
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
    /// Drops it, and tells nobody.
    Blackhole,
    /// There is no way there.
    Unreachable,
    /// There is a way, but not for this machine's packets.
    Prohibit,
    /// Nothing here: as if this table had no route.
    Throw,
}

/// Why a routing decision leads nowhere: the errors of `fib_props` and of `FR_ACT_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FibError {
    /// `EINVAL`: a blackhole.
    Inval,
    /// `ENETUNREACH`: no route, or a rule that says so.
    NetUnreach,
    /// `EHOSTUNREACH`: an unreachable route.
    HostUnreach,
    /// `EACCES`: prohibited.
    Acces,
}

impl RouteKind {
    /// What a lookup that ends at such a route fails with.
    #[must_use]
    pub fn error(self) -> Option<FibError> {
        match self {
            Self::Blackhole => Some(FibError::Inval),
            Self::Unreachable => Some(FibError::HostUnreach),
            Self::Prohibit => Some(FibError::Acces),
            Self::Unicast | Self::Local | Self::Broadcast | Self::Throw => None,
        }
    }
}

/// Who installed a route, in `ip route`'s words (`RTPROT_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `proto kernel`: by an address.
    Kernel,
    /// `ip route add` without a word about it (`boot`, which is not printed).
    Boot,
    /// `proto static`.
    Static,
    /// `proto bird`: by the routing daemon of that name.
    Bird,
    /// BGP of a router.
    Bgp,
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
    /// Outgoing device; routes that lead nowhere have none.
    pub dev: Option<DevRef>,
    /// Who installed it.
    pub protocol: Protocol,
    /// How far the destination is.
    pub scope: Scope,
    /// Preferred source address.
    pub src: Option<IpAddr>,
    /// The gateway is on the segment even if no address says so.
    pub onlink: bool,
    /// Of routes to one destination the lowest is taken.
    pub metric: u32,
    /// Largest packet that goes this way, in bytes, instead of the device's MTU.
    pub mtu: Option<usize>,
    /// Who wrote it.
    pub writer: Writer,
}

impl Route {
    /// A route as `ip route add DST dev DEV` makes it, but for its scope, which is printed only if it is not global.
    #[must_use]
    pub fn unicast(dst: IpNet, dev: &DevRef, writer: Writer) -> Self {
        Self { dev: Some(dev.clone()), ..Self::nowhere(RouteKind::Unicast, dst, writer) }
    }

    /// A route without a device: `ip route add blackhole DST`.
    #[must_use]
    pub fn nowhere(kind: RouteKind, dst: IpNet, writer: Writer) -> Self {
        Self {
            kind,
            dst,
            gateway: None,
            dev: None,
            protocol: Protocol::Boot,
            scope: Scope::Global,
            src: None,
            onlink: false,
            metric: 0,
            mtu: None,
            writer,
        }
    }

    /// The route as `ip route show` prints it where several tables are shown, or of a device that has no link.
    #[must_use]
    pub fn print(&self, table: Option<TableId>, is_linkdown: bool) -> String {
        let mut text = String::new();
        let mut word = |it: fmt::Arguments<'_>| {
            // Writing to a String cannot fail. iproute2 ends every word with a space, the last one too.
            let _ = write!(text, "{it} ");
        };
        match self.kind {
            RouteKind::Unicast => {}
            RouteKind::Local => word(format_args!("local")),
            RouteKind::Broadcast => word(format_args!("broadcast")),
            RouteKind::Blackhole => word(format_args!("blackhole")),
            RouteKind::Unreachable => word(format_args!("unreachable")),
            RouteKind::Prohibit => word(format_args!("prohibit")),
            RouteKind::Throw => word(format_args!("throw")),
        }
        match self.dst.prefix_len() {
            0 => word(format_args!("default")),
            len if len == self.dst.max_prefix_len() => word(format_args!("{}", self.dst.addr())),
            _ => word(format_args!("{}", self.dst)),
        }
        if let Some(gateway) = self.gateway {
            word(format_args!("via {gateway}"));
        }
        if let Some(dev) = &self.dev {
            word(format_args!("dev {}", dev.name));
        }
        if let Some(table) = table {
            word(format_args!("table {table}"));
        }
        match self.protocol {
            Protocol::Boot => {}
            Protocol::Kernel => word(format_args!("proto kernel")),
            Protocol::Static => word(format_args!("proto static")),
            Protocol::Bird => word(format_args!("proto bird")),
            Protocol::Bgp => word(format_args!("proto bgp")),
            Protocol::Number(number) => word(format_args!("proto {number}")),
        }
        match self.scope {
            Scope::Global => {}
            Scope::Link => word(format_args!("scope link")),
            Scope::Host => word(format_args!("scope host")),
        }
        if let Some(src) = self.src {
            word(format_args!("src {src}"));
        }
        if self.metric != 0 {
            word(format_args!("metric {}", self.metric));
        }
        if self.onlink {
            word(format_args!("onlink"));
        }
        if is_linkdown {
            word(format_args!("linkdown"));
        }
        if let Some(mtu) = self.mtu {
            word(format_args!("mtu {mtu}"));
        }
        text
    }
}

/// The number of a routing table (`RT_TABLE_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableId(pub u32);

impl TableId {
    /// `default`, which nobody fills.
    pub const DEFAULT: Self = Self(253);
    /// `main`, for routes without a word about their table.
    pub const MAIN: Self = Self(254);
    /// `local`: the addresses of the machine.
    pub const LOCAL: Self = Self(255);

    /// The table that `ip` understands by a name or a number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "default" => Some(Self::DEFAULT),
            "main" => Some(Self::MAIN),
            "local" => Some(Self::LOCAL),
            number => number.parse().ok().filter(|number| *number > 0).map(Self),
        }
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::DEFAULT => f.write_str("default"),
            Self::MAIN => f.write_str("main"),
            Self::LOCAL => f.write_str("local"),
            Self(number) => write!(f, "{number}"),
        }
    }
}

/// A routing table.
#[derive(Clone, Debug)]
pub struct RouteTable {
    id: TableId,
    rows: Arc<Vec<Route>>,
    /// The prefix lengths that rows have or had, the longest first.
    lens: Vec<u8>,
}

impl RouteTable {
    /// An empty table.
    #[must_use]
    pub fn new(id: TableId) -> Self {
        Self { id, rows: Arc::default(), lens: Vec::new() }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> TableId {
        self.id
    }

    /// The rows, in the order in which `ip route show` prints them.
    #[must_use]
    pub fn rows(&self) -> &[Route] {
        &self.rows
    }

    /// Adds routes.
    pub fn extend(&mut self, routes: impl IntoIterator<Item = Route>) {
        let rows = Arc::make_mut(&mut self.rows);
        let n_before = rows.len();
        rows.extend(routes);
        let added: Vec<u8> = rows[n_before..].iter().map(|row| row.dst.prefix_len()).collect();
        // The sort is stable: of the same order what was there stays first.
        rows.sort_by_key(dump_order);
        added.into_iter().for_each(|len| self.note_len(len));
    }

    /// Adds a route, in the order of the kernel's dump.
    pub fn add(&mut self, route: Route) {
        let rows = Arc::make_mut(&mut self.rows);
        let idx = rows.partition_point(|row| dump_order(row) <= dump_order(&route));
        let len = route.dst.prefix_len();
        rows.insert(idx, route);
        self.note_len(len);
    }

    fn note_len(&mut self, len: u8) {
        if let Err(idx) = self.lens.binary_search_by(|known| len.cmp(known)) {
            self.lens.insert(idx, len);
        }
    }

    /// Takes out the routes that are not to be kept.
    pub fn retain(&mut self, keep: impl FnMut(&Route) -> bool) {
        Arc::make_mut(&mut self.rows).retain(keep);
    }

    /// The route for `dst` with the longest prefix; by device `oif`, if that is not 0. Models net/ipv4/fib_trie.c fib_table_lookup.
    #[must_use]
    pub fn lookup(&self, dst: IpAddr, oif: u32) -> FibLookup {
        let is_by = |row: &Route| oif == 0 || row.dev.as_ref().is_none_or(|dev| dev.index == oif);
        // Of equally long prefixes the first wins, as the kernel's alias list has it.
        let of_len = |len: &u8| {
            let net = IpNet::new(dst, *len).ok()?.trunc();
            let key = |row: &Route| (row.dst.network(), u8::MAX - row.dst.prefix_len());
            let wanted = (net.network(), u8::MAX - len);
            let first = self.rows.partition_point(|row| key(row) < wanted);
            let rows = self.rows[first..].iter().take_while(|row| key(row) == wanted);
            rows.enumerate().find(|(_, row)| is_by(row)).map(|(idx, _)| first + idx)
        };
        let matched = self.lens.iter().find_map(of_len);
        FibLookup { table: self.clone(), dst, matched }
    }
}

/// The order of the kernel's dump: by address, then the longer prefix first, then the lower metric.
fn dump_order(route: &Route) -> (IpAddr, u8, u32) {
    (route.dst.network(), u8::MAX - route.dst.prefix_len(), route.metric)
}

impl fmt::Display for Route {
    /// As `ip route` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.print(None, false))
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
    /// The table that was read.
    #[must_use]
    pub fn table(&self) -> TableId {
        self.table.id
    }

    /// The route, if one matched.
    #[must_use]
    pub fn route(&self) -> Option<&Route> {
        self.matched.map(|idx| &self.table.rows[idx])
    }
}

impl Consulted for FibLookup {
    fn command(&self) -> String {
        format!("ip route show table {}", self.table.id)
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
    use super::{Route, RouteTable, TableId};
    use crate::base::Writer;
    use crate::net::DevRef;
    use crate::trace::{Consulted as _, Why};

    fn table() -> RouteTable {
        let mut table = RouteTable::new(TableId::MAIN);
        for (dst, dev) in [("0.0.0.0/0", "eth0"), ("10.244.1.0/24", "flannel.1"), ("10.244.0.0/16", "cbr0")] {
            let dev = DevRef { index: 2, name: dev.into() };
            table.add(Route::unicast(dst.parse().expect("a network"), &dev, Writer::Cni));
        }
        table
    }

    #[test]
    fn the_longest_prefix_wins() {
        let dev = |dst: &str| {
            let lookup = table().lookup(dst.parse().expect("an address"), 0);
            lookup.route().and_then(|route| route.dev.as_ref()).map(|dev| dev.name.to_string())
        };
        assert_eq!(dev("10.244.1.7").as_deref(), Some("flannel.1"));
        assert_eq!(dev("10.244.2.7").as_deref(), Some("cbr0"));
        assert_eq!(dev("9.9.9.9").as_deref(), Some("eth0"));
    }

    #[test]
    fn a_row_that_missed_says_why() {
        let lookup = table().lookup("10.244.2.7".parse().expect("an address"), 0);
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
