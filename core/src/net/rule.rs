//! Policy rules: which routing table is read for which packet, and in which order.
//!
//! Models net/core/fib_rules.c fib_rules_lookup and net/ipv4/fib_rules.c fib4_rule_match. Not modelled: rules by TOS,
//! port, protocol, user or realm, `not`, `goto`, `suppress_prefixlength`, VRF.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::{DevRef, TableId};
use crate::base::Writer;
use crate::trace::{Consulted, Row, Why};

/// What a routing decision is made by (`struct flowi4`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowKey {
    /// Destination.
    pub dst: IpAddr,
    /// Source; `None` while a sender has none yet.
    pub src: Option<IpAddr>,
    /// Index of the device the packet came in by; `lo`'s for what this machine sends.
    pub iif: u32,
    /// Index of the device it must leave by; 0 for any.
    pub oif: u32,
    /// `skb->mark`.
    pub mark: u32,
}

impl FlowKey {
    /// Index of `lo` in every namespace.
    pub const LOOPBACK: u32 = 1;

    /// Something that this machine sends.
    #[must_use]
    pub fn output(dst: IpAddr, src: Option<IpAddr>, mark: u32) -> Self {
        Self { dst, src, iif: Self::LOOPBACK, oif: 0, mark }
    }

    /// Something that came in.
    #[must_use]
    pub fn input(dst: IpAddr, src: IpAddr, iif: u32, mark: u32) -> Self {
        Self { dst, src: Some(src), iif, oif: 0, mark }
    }
}

/// What a rule does with a packet that it matches (`FR_ACT_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// Reads a table; if that has nothing, the next rule is tried.
    Lookup(TableId),
    /// Drops, and tells nobody.
    Blackhole,
    /// There is no way.
    Unreachable,
    /// There is a way, but not for this packet.
    Prohibit,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The lowest is tried first.
    pub priority: u32,
    /// Source.
    pub from: Option<IpNet>,
    /// Destination.
    pub to: Option<IpNet>,
    /// Device the packet came in by; `lo` for what this machine sends.
    pub iif: Option<DevRef>,
    /// Device the packet must leave by.
    pub oif: Option<DevRef>,
    /// Mark and mask.
    pub fwmark: Option<(u32, u32)>,
    /// What it does.
    pub action: RuleAction,
    /// Who wrote it.
    pub writer: Writer,
}

impl Rule {
    /// A rule for every packet.
    #[must_use]
    pub fn new(priority: u32, action: RuleAction, writer: Writer) -> Self {
        Self { priority, from: None, to: None, iif: None, oif: None, fwmark: None, action, writer }
    }

    /// Why it does not match, if it does not.
    fn miss(&self, flow: &FlowKey) -> Option<String> {
        let outside = |net: &IpNet, ip: Option<IpAddr>| ip.is_none_or(|ip| !net.contains(&ip));
        if let Some(net) = self.from.filter(|net| outside(net, flow.src)) {
            return Some(match flow.src {
                Some(src) => format!("{net} does not hold {src}"),
                None => "there is no source address yet".to_owned(),
            });
        }
        if let Some(net) = self.to.filter(|net| outside(net, Some(flow.dst))) {
            return Some(format!("{net} does not hold {}", flow.dst));
        }
        if let Some(dev) = self.iif.as_ref().filter(|dev| dev.index != flow.iif) {
            return Some(format!("not in by {}", dev.name));
        }
        if let Some(dev) = self.oif.as_ref().filter(|dev| dev.index != flow.oif) {
            return Some(format!("not bound to {}", dev.name));
        }
        let (mark, mask) = self.fwmark?;
        ((flow.mark ^ mark) & mask != 0).then(|| format!("the mark is {:#x}", flow.mark))
    }
}

impl fmt::Display for Rule {
    /// As `ip rule` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let net = |net: &IpNet| match net.prefix_len() == net.max_prefix_len() {
            true => net.addr().to_string(),
            false => net.to_string(),
        };
        write!(f, "{}:\tfrom {}", self.priority, self.from.as_ref().map_or_else(|| "all".to_owned(), net))?;
        if let Some(to) = &self.to {
            write!(f, " to {}", net(to))?;
        }
        match self.fwmark {
            Some((mark, u32::MAX)) => write!(f, " fwmark {mark:#x}")?,
            Some((mark, mask)) => write!(f, " fwmark {mark:#x}/{mask:#x}")?,
            None => {}
        }
        if let Some(dev) = &self.iif {
            write!(f, " iif {}", dev.name)?;
        }
        if let Some(dev) = &self.oif {
            write!(f, " oif {}", dev.name)?;
        }
        match self.action {
            RuleAction::Lookup(table) => write!(f, " lookup {table}"),
            RuleAction::Blackhole => f.write_str(" blackhole"),
            RuleAction::Unreachable => f.write_str(" unreachable"),
            RuleAction::Prohibit => f.write_str(" prohibit"),
        }
    }
}

/// The rules of a namespace, in the order in which they are tried.
#[derive(Clone, Debug)]
pub struct Rules {
    rows: Arc<Vec<Rule>>,
}

impl Default for Rules {
    /// The three that every namespace begins with.
    fn default() -> Self {
        let rule = |priority, table| Rule::new(priority, RuleAction::Lookup(table), Writer::Kernel);
        let rows = vec![rule(0, TableId::LOCAL), rule(32766, TableId::MAIN), rule(32767, TableId::DEFAULT)];
        Self { rows: Arc::new(rows) }
    }
}

impl Rules {
    /// The rules.
    #[must_use]
    pub fn rows(&self) -> &[Rule] {
        &self.rows
    }

    /// Adds a rule behind those of its priority.
    pub fn add(&mut self, rule: Rule) {
        let idx = self.rows.partition_point(|row| row.priority <= rule.priority);
        Arc::make_mut(&mut self.rows).insert(idx, rule);
    }

    /// Whether somebody has written rules of their own (`fib4_has_custom_rules`).
    #[must_use]
    pub fn has_custom(&self) -> bool {
        self.rows.iter().any(|rule| rule.writer != Writer::Kernel)
    }

    /// The rules that match `flow`, with their positions.
    pub fn matching(&self, flow: &FlowKey) -> impl Iterator<Item = (usize, RuleAction)> {
        self.rows.iter().enumerate().filter(|(_, rule)| rule.miss(flow).is_none()).map(|(idx, rule)| (idx, rule.action))
    }

    /// That the rule at `decided` decided about `flow`.
    #[must_use]
    pub fn lookup(&self, flow: FlowKey, decided: Option<usize>) -> RuleLookup {
        RuleLookup { rules: self.clone(), flow, decided }
    }
}

/// The rules as they were tried for one packet.
#[derive(Clone, Debug)]
pub struct RuleLookup {
    rules: Rules,
    flow: FlowKey,
    decided: Option<usize>,
}

impl Consulted for RuleLookup {
    fn command(&self) -> String {
        "ip rule".to_owned()
    }

    fn n_rows(&self) -> usize {
        self.rules.rows.len()
    }

    fn matched(&self) -> Option<usize> {
        self.decided
    }

    fn row(&self, idx: usize) -> Row {
        let rule = &self.rules.rows[idx];
        let why = match rule.miss(&self.flow) {
            Some(why) => Why::Missed(why),
            None if self.decided == Some(idx) => Why::Matched("decided".to_owned()),
            None if self.decided.is_some_and(|decided| idx > decided) => Why::Missed("not tried any more".to_owned()),
            None => Why::Missed("its table has no route for it".to_owned()),
        };
        Row { text: rule.to_string(), writer: rule.writer, why }
    }
}
