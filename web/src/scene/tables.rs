//! The tables panel: what a step read, why the row that decided did, why the others did not, and what it wrote.

use kubehop_core::api::{Row, Step, StepView, TableView, Trace, Why, Written};

use super::reel::Reel;

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Routing tables.
    Route,
    /// The neighbour table.
    Neigh,
    /// Forwarding databases.
    Fdb,
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
}

/// A row, or several that missed for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fold {
    /// One row.
    Row(RowView),
    /// Rows that missed, one after the other, and why.
    Misses(Vec<RowView>, String),
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowView {
    /// Its place in the table, from 1.
    pub n: usize,
    /// Its text.
    pub words: Vec<Word>,
    /// Who wrote it.
    pub writer: String,
    /// Why it decided or missed; `None` where nothing was looked up.
    pub why: Option<Why>,
    /// Whether this step wrote it.
    pub is_new: bool,
}

/// A piece of a row's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The text.
    pub text: String,
    /// The class of the layer that it was compared with.
    pub class: Option<&'static str>,
}

/// Runs of at least this many misses are folded.
const FOLD_FROM: usize = 3;
/// Tables with at most this many rows are shown as they are.
const SHORT: usize = 4;

impl Kind {
    /// All, in the order of their tabs.
    pub const ALL: [Self; 3] = [Self::Route, Self::Neigh, Self::Fdb];

    /// The name on its tab.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Neigh => "neigh",
            Self::Fdb => "fdb",
        }
    }

    /// The table that a command shows.
    #[must_use]
    pub fn of(command: &str) -> Option<Self> {
        let starts = |start| command.starts_with(start);
        match () {
            () if starts("ip route") => Some(Self::Route),
            () if starts("ip neigh") => Some(Self::Neigh),
            () if starts("bridge fdb") => Some(Self::Fdb),
            () => None,
        }
    }

    fn caption(self, command: &str) -> &'static str {
        match self {
            Self::Route if command.ends_with("local") => "own addresses, read first",
            Self::Route => "longest prefix wins",
            Self::Neigh => "next hop → link address",
            Self::Fdb if command.contains(" br ") => "link address → port",
            Self::Fdb => "inner address → remote node",
        }
    }
}

/// The tables that a step read or wrote, the one that decided first.
#[must_use]
pub fn kinds_of(step: &Step) -> Vec<Kind> {
    let read = step.consulted.iter().rev().filter_map(|table| Kind::of(&table.command()));
    let wrote = step.wrote.iter().filter_map(|row| Kind::of(&row.command));
    let mut kinds = Vec::new();
    for kind in read.chain(wrote) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

/// The tables of one kind at the place of step `cursor`: as that step read them, or as they were last read before it.
#[must_use]
pub fn sheets(reel: &Reel, trace: &Trace, cursor: usize, view: &StepView, kind: Kind) -> Vec<TableSheet> {
    let is_kind = |command: &str| Kind::of(command) == Some(kind);
    let wrote: Vec<&Written> = view.wrote.iter().filter(|row| is_kind(&row.command)).collect();
    let mut sheets: Vec<TableSheet> = view
        .tables
        .iter()
        .filter(|table| is_kind(&table.command))
        .map(|table| sheet(table, kind, &wrote, None))
        .collect();
    let is_shown = |row: &&&Written| {
        let text = row.text.trim();
        sheets.iter().flat_map(|sheet| &sheet.folds).any(|fold| match fold {
            Fold::Row(shown) => shown.is_new && shown.text() == text,
            Fold::Misses(..) => false,
        })
    };
    let unseen: Vec<&Written> = wrote.iter().filter(|row| !is_shown(row)).copied().collect();
    if let Some(first) = unseen.first() {
        sheets.insert(0, written(first.command.clone(), &unseen));
    }
    if sheets.is_empty() {
        sheets.extend(other_time(reel, trace, cursor, kind));
    }
    sheets
}

/// The tables of one kind as the last step before `cursor` at the same place read them, or the first one after it.
fn other_time(reel: &Reel, trace: &Trace, cursor: usize, kind: Kind) -> Vec<TableSheet> {
    let at = &reel.step(trace, cursor).0.at;
    let read_here = |idx: &usize| {
        let (hop, step) = reel.step(trace, *idx);
        hop.at == *at && step.consulted.iter().any(|table| Kind::of(&table.command()) == Some(kind))
    };
    let Some(idx) = (0..cursor).rev().find(read_here).or_else(|| (cursor..reel.len()).find(read_here)) else {
        return Vec::new();
    };
    let tables = reel.step(trace, idx).1.consulted.iter().rev();
    tables
        .filter(|table| Kind::of(&table.command()) == Some(kind))
        .map(|table| {
            let rows = (0..table.n_rows()).map(|row| table.row(row)).collect();
            sheet(&TableView { command: table.command(), rows, matched: None }, kind, &[], Some(idx))
        })
        .collect()
}

fn sheet(table: &TableView, kind: Kind, wrote: &[&Written], read_at: Option<usize>) -> TableSheet {
    let is_new = |row: &Row| wrote.iter().any(|written| written.text.trim() == row.text.trim());
    let rows = table.rows.iter().enumerate().map(|(idx, row)| RowView {
        n: idx + 1,
        words: words(&row.text, table.matched == Some(idx)),
        writer: row.writer.to_string(),
        why: read_at.is_none().then(|| row.why.clone()),
        is_new: is_new(row),
    });
    TableSheet {
        command: table.command.clone(),
        caption: kind.caption(&table.command),
        read_at,
        folds: fold(rows.collect()),
        is_settled: table.matched.is_some() || read_at.is_some(),
    }
}

fn written(command: String, rows: &[&Written]) -> TableSheet {
    let rows = rows.iter().enumerate().map(|(idx, row)| {
        Fold::Row(RowView {
            n: idx + 1,
            words: words(row.text.trim(), false),
            writer: row.writer.to_string(),
            why: None,
            is_new: true,
        })
    });
    TableSheet { command, caption: "written by this step", read_at: None, folds: rows.collect(), is_settled: true }
}

/// Long tables keep the row that decided, what is new, and misses of different reasons; the rest is counted.
fn fold(rows: Vec<RowView>) -> Vec<Fold> {
    if rows.len() <= SHORT {
        return rows.into_iter().map(Fold::Row).collect();
    }
    let mut folds: Vec<Fold> = Vec::new();
    for row in rows {
        let reason = match (&row.why, row.is_new) {
            (Some(Why::Missed(reason)), false) => Some(reason.clone()),
            _ => None,
        };
        match (folds.last_mut(), reason) {
            (Some(Fold::Misses(misses, why)), Some(reason)) if *why == reason => misses.push(row),
            (_, Some(reason)) => folds.push(Fold::Misses(vec![row], reason)),
            (_, None) => folds.push(Fold::Row(row)),
        }
    }
    let unfold = |fold| match fold {
        Fold::Misses(rows, _) if rows.len() < FOLD_FROM => rows.into_iter().map(Fold::Row).collect(),
        other => vec![other],
    };
    folds.into_iter().flat_map(unfold).collect()
}

/// The reason of a miss, for a place where the address that was looked up is known anyway.
#[must_use]
pub fn brief(reason: &str) -> String {
    match reason.rsplit_once(' ') {
        Some((words, last)) if last.parse::<std::net::IpAddr>().is_ok() => format!("{words} it"),
        _ => reason.to_owned(),
    }
}

impl RowView {
    /// Its text.
    #[must_use]
    pub fn text(&self) -> String {
        self.words.iter().map(|word| word.text.as_str()).collect()
    }
}

/// The words of a row; in the row that decided, what was compared has the colour of its layer.
fn words(text: &str, is_hit: bool) -> Vec<Word> {
    if !is_hit {
        return vec![Word { text: text.to_owned(), class: None }];
    }
    let is_kind = |word: &str| matches!(word, "local" | "broadcast");
    let key = text.split(' ').position(|word| !is_kind(word));
    let mut words: Vec<Word> = Vec::new();
    let mut last = "";
    for (idx, word) in text.split(' ').enumerate() {
        let class = match last {
            _ if Some(idx) == key && word.contains(':') => Some("k ly-eth"),
            _ if Some(idx) == key => Some("k ly-ip"),
            "lladdr" => Some("k ly-eth"),
            "dst" => Some("k ly-oip"),
            "dev" => Some("dev"),
            _ => None,
        };
        if idx > 0 {
            words.push(Word { text: " ".to_owned(), class: None });
        }
        words.push(Word { text: word.to_owned(), class });
        last = word;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{Fold, Kind, RowView, fold, words};
    use kubehop_core::api::Why;

    fn row(n: usize, why: Why) -> RowView {
        RowView {
            n,
            words: words("10.244.0.0/24 dev cbr0", false),
            writer: "CNI".to_owned(),
            why: Some(why),
            is_new: false,
        }
    }

    #[test]
    fn long_runs_of_misses_are_counted_and_the_hit_stays() {
        let miss = |n| row(n, Why::Missed("does not cover 10.0.0.1".to_owned()));
        let mut rows: Vec<RowView> = (1..=9).map(miss).collect();
        rows.push(row(10, Why::Matched("/24 covers 10.0.0.1".to_owned())));
        rows.push(miss(11));
        let folds = fold(rows);
        assert!(matches!(&folds[0], Fold::Misses(rows, _) if rows.len() == 9));
        assert!(matches!(&folds[1], Fold::Row(row) if row.n == 10));
        assert!(matches!(&folds[2], Fold::Row(row) if row.n == 11));
    }

    #[test]
    fn what_was_compared_is_coloured_in_the_row_that_decided() {
        let classes = |text| -> Vec<(String, &str)> {
            words(text, true).into_iter().filter_map(|word| Some((word.text, word.class?))).collect()
        };
        let found = classes("10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink");
        assert_eq!(found, [("10.244.1.0/24".to_owned(), "k ly-ip"), ("flannel.1".to_owned(), "dev")]);
        let found = classes("local 172.18.0.3 dev eth0 proto kernel");
        assert_eq!(found[0], ("172.18.0.3".to_owned(), "k ly-ip"));
        let found = classes("fe:20:82:33:4d:8d dev flannel.1 dst 172.18.0.3 self permanent");
        assert_eq!(found[0].1, "k ly-eth");
        assert_eq!(found[2], ("172.18.0.3".to_owned(), "k ly-oip"));
    }

    #[test]
    fn a_command_names_its_table() {
        assert_eq!(Kind::of("ip route show table main"), Some(Kind::Route));
        assert_eq!(Kind::of("bridge fdb show dev flannel.1"), Some(Kind::Fdb));
        assert_eq!(Kind::of("iptables-save"), None);
    }
}
