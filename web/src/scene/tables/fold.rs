//! Which rows of a table are shown, and which are only counted.

use std::ops::Range;

use kubehop_core::api::{TableView, Why, Written};

use super::words::{plain, words};
use super::{Fold, RowView};

/// Runs of at least this many misses are folded.
const FOLD_FROM: usize = 3;
/// Tables with at most this many rows are shown as they are.
const SHORT: usize = 4;
/// Of a run with at most this many rows each is asked why it missed.
const ASKED: usize = 200;
/// A run takes at most this many lines.
const MOST_LINES: usize = 10;
/// Rows that open at once.
pub const PIECE: usize = 50;

/// The rows of a table, as one step has them.
pub(super) struct Rows<'a> {
    pub table: &'a TableView,
    /// Whether the step looked something up in it.
    pub is_asked: bool,
    /// What the step wrote.
    pub wrote: &'a [&'a Written],
}

impl Rows<'_> {
    /// Row `idx`, which is `n` to people.
    fn view(&self, idx: usize, n: usize, is_hit: bool, chain: Option<&str>) -> RowView {
        let row = self.table.row(idx);
        let full = row.text.trim();
        // Where the chain stands above, it need not stand in every row.
        let is_rule = full.starts_with("-A ") || full.starts_with("add rule ");
        let after = |chain: &str| Some(full.split_once(&format!(" {chain} "))?.1);
        let text = chain.filter(|_| is_rule).and_then(after).unwrap_or(full);
        RowView {
            n,
            words: if is_hit { words(text) } else { plain(text) },
            is_new: self.wrote.iter().any(|written| written.text.trim() == full),
            full: full.to_owned(),
            is_gone: false,
            writer: row.writer.to_string(),
            why: self.is_asked.then_some(row.why),
        }
    }
}

/// The lines of a table, and whether it has chains. Rows of `opened` are shown whatever they are.
pub(super) fn fold(rows: &Rows<'_>, opened: Option<Range<usize>>) -> (Vec<Fold>, bool) {
    let n_rows = rows.table.n_rows;
    let hits = if rows.is_asked { rows.table.all_matched() } else { Vec::new() };
    let stretches = rows.table.stretches();
    let opened = opened.unwrap_or(0..0);
    let mut folds = Vec::new();
    let mut run = |range: Range<usize>, first_number: usize, chain: Option<&str>| {
        if let Some(chain) = chain {
            folds.push(Fold::Chain(chain.to_owned(), rows.table.row(range.start).writer.to_string()));
        }
        let mut line = Run { rows, chain, offset: (range.start, first_number), folds: &mut folds };
        let mut at = range.start;
        for hit in hits.iter().copied().filter(|hit| range.contains(hit)) {
            line.misses(at..hit, hit > at && n_rows > SHORT, (at > range.start, true), &opened);
            let view = line.view(hit, true);
            line.folds.push(Fold::Row(view));
            at = hit + 1;
        }
        line.misses(at..range.end, n_rows > SHORT, (at > range.start, false), &opened);
    };
    for (idx, stretch) in stretches.iter().enumerate() {
        let end = stretches.get(idx + 1).map_or(n_rows, |next| next.first_row);
        if stretch.first_row < end {
            run(stretch.first_row..end, stretch.first_number, Some(&stretch.chain));
        }
    }
    if stretches.is_empty() && n_rows > 0 {
        run(0..n_rows, 1, None);
    }
    (folds, !stretches.is_empty())
}

/// Rows of one chain, or of a table without chains.
struct Run<'a> {
    rows: &'a Rows<'a>,
    chain: Option<&'a str>,
    /// Its first row, and that row's number.
    offset: (usize, usize),
    folds: &'a mut Vec<Fold>,
}

impl Run<'_> {
    fn view(&self, idx: usize, is_hit: bool) -> RowView {
        let (first, number) = self.offset;
        self.rows.view(idx, idx - first + number, is_hit, self.chain)
    }

    /// Rows that did not match; `beside` says whether one that did stands before them and behind them.
    fn misses(&mut self, range: Range<usize>, may_fold: bool, beside: (bool, bool), opened: &Range<usize>) {
        if range.contains(&opened.start) && !opened.is_empty() {
            let end = opened.end.min(range.end);
            self.misses(range.start..opened.start, may_fold, beside, &(0..0));
            for idx in opened.start..end {
                let view = self.view(idx, false);
                self.folds.push(Fold::Row(view));
            }
            return self.misses(end..range.end, may_fold, beside, &(0..0));
        }
        let lines = if range.len() <= ASKED { Some(self.by_reason(range.clone(), may_fold)) } else { None };
        match lines.filter(|lines| lines.len() <= MOST_LINES || !may_fold) {
            Some(lines) => self.folds.extend(lines),
            None => {
                let (first, last) = (range.start + usize::from(beside.0), range.end - usize::from(beside.1));
                let edges = [(range.start..first), (last..range.end)];
                for idx in edges[0].clone() {
                    let view = self.view(idx, false);
                    self.folds.push(Fold::Row(view));
                }
                self.folds.push(Fold::Hidden(first..last, None));
                for idx in edges[1].clone() {
                    let view = self.view(idx, false);
                    self.folds.push(Fold::Row(view));
                }
            }
        }
    }

    /// Misses for the same reason are counted together.
    fn by_reason(&self, range: Range<usize>, may_fold: bool) -> Vec<Fold> {
        let views: Vec<RowView> = range.clone().map(|idx| self.view(idx, false)).collect();
        let reason = |view: &RowView| match &view.why {
            Some(Why::Missed(reason)) if !view.is_new && may_fold => Some(reason.clone()),
            _ => None,
        };
        let mut lines = Vec::new();
        let mut at = 0;
        while at < views.len() {
            let why = reason(&views[at]);
            let n_same = match &why {
                Some(why) => views[at..].iter().take_while(|view| reason(view).as_ref() == Some(why)).count(),
                None => 1,
            };
            if n_same >= FOLD_FROM {
                lines.push(Fold::Hidden(range.start + at..range.start + at + n_same, why));
            } else {
                lines.extend(views[at..at + n_same].iter().cloned().map(Fold::Row));
            }
            at += n_same;
        }
        lines
    }
}
