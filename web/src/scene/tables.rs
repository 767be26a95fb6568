//! The tables panel: what a step read, why the rows that matched did, why the others did not, and what it wrote.
//!
//! A table may have ten thousand rows: only those that are shown are made. Rows near the ones that matched are shown,
//! the others are counted, and open piece by piece.

mod fold;
mod words;

use std::ops::Range;

use kubehop_core::api::{Hop, Stage, Step, StepView, TableView, Trace, Why, Written, tables_of};

use super::reel::Reel;
pub use fold::PIECE;
use fold::{Rows, fold};
pub use words::{Word, brief};

/// Which table, by the command that shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Rules of iptables.
    Rules,
    /// Rules of nftables.
    Nft,
    /// Virtual servers.
    Ipvs,
    /// Connections.
    Conntrack,
    /// Maps of Cilium's programs.
    Bpf,
    /// Routing tables, and the rules that choose one.
    Route,
    /// The neighbour table.
    Neigh,
    /// Forwarding databases.
    Fdb,
    /// What the client's resolver asks.
    Names,
    /// Objects of the API server.
    Api,
    /// Whatever else is read.
    Other,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSheet {
    /// The command that shows it.
    pub command: String,
    /// What it answers.
    pub caption: &'static str,
    /// The step that read it, if that is another than the one shown.
    pub read_at: Option<usize>,
    /// Its rows, long runs of misses folded.
    pub folds: Vec<Fold>,
    /// Whether a row of it decided, or nothing was looked up.
    pub is_settled: bool,
    /// Whether its rows stand under the names of chains.
    pub has_chains: bool,
    /// Which of the tables it is that were read; `None` for rows that were written elsewhere.
    pub idx: Option<usize>,
}

/// What stands in one line of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fold {
    /// The name of a chain, and who wrote the first of its rows that is shown.
    Chain(String, String),
    /// One row.
    Row(RowView),
    /// Rows that are not shown, and why they all missed, if that is known to be the same.
    Hidden(Range<usize>, Option<String>),
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowView {
    /// Its place in the table or in its chain, from 1.
    pub n: usize,
    /// Its text.
    pub words: Vec<Word>,
    /// The same as its tool prints it.
    pub full: String,
    /// Who wrote it.
    pub writer: String,
    /// Why it decided or missed; `None` where nothing was looked up.
    pub why: Option<Why>,
    /// Whether this step wrote it.
    pub is_new: bool,
    /// Whether this step took it away.
    pub is_gone: bool,
}

/// Name on the tab, what commands begin with.
const KINDS: [(Kind, &str, &[&str]); 11] = [
    (Kind::Rules, "rules", &["iptables", "ip6tables"]),
    (Kind::Nft, "nft", &["nft "]),
    (Kind::Ipvs, "ipvs", &["ipvsadm"]),
    (Kind::Conntrack, "conntrack", &["conntrack"]),
    (Kind::Bpf, "bpf", &["cilium", "bpftool"]),
    (Kind::Route, "route", &["ip route", "ip rule"]),
    (Kind::Neigh, "neigh", &["ip neigh"]),
    (Kind::Fdb, "fdb", &["bridge fdb"]),
    (Kind::Names, "dns", &[]),
    (Kind::Api, "api", &["kubectl"]),
    (Kind::Other, "other", &[""]),
];

impl Kind {
    /// The name on its tab.
    #[must_use]
    pub fn name(self) -> &'static str {
        KINDS[self as usize].1
    }

    /// The kind of table that a command shows.
    #[must_use]
    pub fn of(command: &str) -> Self {
        let starts = |starts: &[&str]| starts.iter().any(|start| command.starts_with(start));
        KINDS.iter().find(|(_, _, commands)| starts(commands)).map_or(Self::Other, |(kind, _, _)| *kind)
    }

    fn caption(self, command: &str) -> &'static str {
        match self {
            Self::Rules | Self::Nft => "first match decides",
            Self::Ipvs => "virtual server → real server",
            Self::Conntrack => "addresses and ports, both ways",
            Self::Bpf => "key → value",
            Self::Route if command.ends_with("local") => "own addresses, read first",
            Self::Route if command.starts_with("ip rule") => "which table, by priority",
            Self::Route => "longest prefix wins",
            Self::Neigh => "next hop → link address",
            Self::Fdb if command.contains(" br ") => "link address → port",
            Self::Fdb => "inner address → remote node",
            Self::Api => "objects, as a watch tells of them",
            Self::Names | Self::Other => "",
        }
    }
}

/// The tables of a step: what it read or wrote, the one that decided first, and the queries where names are spoken of.
#[must_use]
pub fn kinds_at(trace: &Trace, hop: &Hop, step: &Step) -> Vec<Kind> {
    let mut kinds = kinds_of(step);
    let is_said = matches!(step.stage, Stage::App | Stage::Deliver);
    if is_said && trace.journeys[hop.journey.0].flow.starts_with("dns") && !trace.queries.is_empty() {
        kinds.push(Kind::Names);
    }
    kinds
}

fn kinds_of(step: &Step) -> Vec<Kind> {
    let mut kinds = Vec::new();
    let mut add = |command: &str| {
        let kind = Kind::of(command);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    };
    for table in step.consulted.iter().rev() {
        add(&table.command());
    }
    for row in &step.wrote {
        add(&row.command);
    }
    kinds
}

/// The tables that a walk reads or writes anywhere, in the order of their tabs.
#[must_use]
pub fn kinds_on(trace: &Trace) -> Vec<Kind> {
    let mut is_read = [false; KINDS.len()];
    for (hop, step) in trace.steps() {
        for kind in kinds_at(trace, hop, step) {
            is_read[kind as usize] = true;
        }
    }
    KINDS.iter().filter(|(kind, _, _)| is_read[*kind as usize]).map(|(kind, _, _)| *kind).collect()
}

/// The tables of one kind at the place of step `cursor`: as that step read them, or as they were last read before it.
/// `opened` are rows that are shown although they would be hidden: the table among these, and which of its rows.
#[must_use]
pub fn sheets(
    reel: &Reel,
    trace: &Trace,
    view: &StepView,
    kind: Kind,
    opened: Option<&(usize, Range<usize>)>,
) -> Vec<TableSheet> {
    let is_kind = |command: &str| Kind::of(command) == kind;
    let wrote: Vec<&Written> = view.wrote.iter().filter(|row| is_kind(&row.command)).collect();
    let mut tables: Vec<TableView> = view.tables.iter().filter(|table| is_kind(&table.command)).cloned().collect();
    let mut read_at = None;
    if tables.is_empty() && wrote.is_empty() {
        (read_at, tables) = other_time(reel, trace, view.idx, kind);
    }
    let mut sheets = Vec::new();
    for (idx, table) in tables.iter().enumerate() {
        let opened = opened.filter(|(of, _)| *of == idx).map(|(_, rows)| rows.clone());
        let (folds, has_chains) = fold(&Rows { table, is_asked: read_at.is_none(), wrote: &wrote }, opened);
        sheets.push(TableSheet {
            command: table.command.clone(),
            caption: kind.caption(&table.command),
            read_at,
            folds,
            is_settled: table.matched.is_some() || read_at.is_some(),
            has_chains,
            idx: Some(idx),
        });
    }
    let is_shown = |row: &&&Written| {
        let folds = || sheets.iter().flat_map(|sheet| &sheet.folds);
        folds().any(|fold| matches!(fold, Fold::Row(shown) if shown.is_new && shown.full == row.text.trim()))
    };
    let unseen: Vec<&Written> = wrote.iter().filter(|row| !is_shown(row)).copied().collect();
    if !unseen.is_empty() {
        sheets.insert(0, written(&unseen));
    }
    sheets
}

/// The tables of one kind as the last step before `cursor` at the same place read them, or the first one after it.
fn other_time(reel: &Reel, trace: &Trace, cursor: usize, kind: Kind) -> (Option<usize>, Vec<TableView>) {
    let at = &reel.step(trace, cursor).0.at;
    let read_here = |idx: &usize| {
        let (hop, step) = reel.step(trace, *idx);
        hop.at == *at && step.consulted.iter().any(|table| Kind::of(&table.command()) == kind)
    };
    let found = (0..cursor).rev().find(read_here).or_else(|| (cursor..reel.len()).find(read_here));
    let mut tables = found.map_or_else(Vec::new, |idx| tables_of(reel.step(trace, idx).1));
    tables.retain(|table| Kind::of(&table.command) == kind);
    (found, tables)
}

fn written(rows: &[&Written]) -> TableSheet {
    let row = |(idx, row): (usize, &&Written)| {
        let full = row.text.trim();
        // As `ip monitor` and `conntrack -E` say it.
        let gone = full.strip_prefix("Deleted ");
        Fold::Row(RowView {
            n: idx + 1,
            words: words::plain(gone.unwrap_or(full)),
            full: full.to_owned(),
            writer: row.writer.to_string(),
            why: None,
            is_new: gone.is_none(),
            is_gone: gone.is_some(),
        })
    };
    TableSheet {
        command: rows.first().map(|row| row.command.clone()).unwrap_or_default(),
        caption: "written by this step",
        read_at: None,
        folds: rows.iter().enumerate().map(row).collect(),
        is_settled: true,
        has_chains: false,
        idx: None,
    }
}

#[cfg(test)]
mod tests;
