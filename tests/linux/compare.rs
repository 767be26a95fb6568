//! What two observations of one run differ in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::decode::Fields;

/// Everything that is compared of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    /// How it came out for the client.
    pub(crate) outcome: String,
    /// What passed each device that carried a frame: `REF:DEVICE`.
    pub(crate) devices: BTreeMap<String, Vec<Fields>>,
    /// What commands print: place, then command.
    pub(crate) tables: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The device, or the place whose table it is.
    pub(crate) at: String,
    /// Which frame of the device, counted on the left side; where it stands on the right if it is only there.
    pub(crate) frame: String,
    /// The field, `frame` for a frame that only one side has, or a command.
    pub(crate) field: String,
    pub(crate) left: String,
    pub(crate) right: String,
}

/// What stands where one side has nothing.
const ABSENT: &str = "-";

/// All differences of two observations, the kernel's on the left.
pub(crate) fn compare(left: &Observed, right: &Observed) -> Vec<Difference> {
    let mut differences = Vec::new();
    if left.outcome != right.outcome {
        differences.push(difference("client", "", "outcome", &left.outcome, &right.outcome));
    }
    for device in keys(&left.devices, &right.devices) {
        let frames = |side: &Observed| side.devices.get(device).cloned().unwrap_or_default();
        compare_device(device, &frames(left), &frames(right), &mut differences);
    }
    for place in keys(&left.tables, &right.tables) {
        let tables = |side: &Observed| side.tables.get(place).cloned().unwrap_or_default();
        compare_tables(place, &tables(left), &tables(right), &mut differences);
    }
    differences
}

fn difference(at: &str, frame: impl ToString, field: &str, left: impl ToString, right: impl ToString) -> Difference {
    let (frame, field) = (frame.to_string(), field.to_owned());
    Difference { at: at.to_owned(), frame, field, left: left.to_string(), right: right.to_string() }
}

fn keys<'a, T>(left: &'a BTreeMap<String, T>, right: &'a BTreeMap<String, T>) -> BTreeSet<&'a String> {
    left.keys().chain(right.keys()).collect()
}

fn compare_device(device: &str, left: &[Fields], right: &[Fields], differences: &mut Vec<Difference>) {
    for pair in align(left, right) {
        differences.extend(match pair {
            Pair::Left(i) => vec![difference(device, i, "frame", &left[i], ABSENT)],
            Pair::Right(j) => vec![difference(device, format!("+{j}"), "frame", ABSENT, &right[j])],
            Pair::Both(i, j) => {
                let names: BTreeSet<&String> = left[i].0.iter().chain(&right[j].0).map(|(name, _)| name).collect();
                let value = |fields: &Fields, name: &str| fields.get(name).unwrap_or(ABSENT).to_owned();
                let both = names.into_iter().map(|name| (name, value(&left[i], name), value(&right[j], name)));
                both.filter(|(_, a, b)| a != b).map(|(name, a, b)| difference(device, i, name, a, b)).collect()
            }
        });
    }
}

/// A row that differs is one that only one side has; where both have the same rows, their order is compared.
fn compare_tables(
    place: &str,
    left: &BTreeMap<String, Vec<String>>,
    right: &BTreeMap<String, Vec<String>>,
    differences: &mut Vec<Difference>,
) {
    for command in keys(left, right) {
        let rows = |side: &BTreeMap<String, Vec<String>>| side.get(command).cloned().unwrap_or_default();
        let (left, right) = (rows(left), rows(right));
        let (mut only_left, mut only_right) = (left.clone(), Vec::new());
        for row in &right {
            match only_left.iter().position(|other| other == row) {
                Some(same) => drop(only_left.remove(same)),
                None => only_right.push(row),
            }
        }
        if only_left.is_empty() && only_right.is_empty() && left != right {
            differences.push(difference(place, "", command, left.join("; "), right.join("; ")));
        }
        differences.extend(only_left.iter().map(|row| difference(place, "", command, row, ABSENT)));
        differences.extend(only_right.iter().map(|row| difference(place, "", command, ABSENT, row)));
    }
}

enum Pair {
    Left(usize),
    Right(usize),
    Both(usize, usize),
}

impl Pair {
    fn shifted(self, by: usize) -> Self {
        match self {
            Self::Left(i) => Self::Left(i + by),
            Self::Right(j) => Self::Right(j + by),
            Self::Both(i, j) => Self::Both(i + by, j + by),
        }
    }
}

/// A frame that only one side has costs as much as this many fields that differ.
const ALONE: usize = 6;
/// Frames of different protocols are never the same frame.
const UNLIKE: usize = 1000;

/// The cheapest way to lay two lists beside each other, so that a frame that is missing is one difference and does not
/// shift all that follow.
fn align(left: &[Fields], right: &[Fields]) -> Vec<Pair> {
    let n_before = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let (left_rest, right_rest) = (&left[n_before..], &right[n_before..]);
    let n_after = left_rest.iter().rev().zip(right_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let middle = align_all(&left_rest[..left_rest.len() - n_after], &right_rest[..right_rest.len() - n_after]);
    // What is the same on both sides has nothing to report.
    middle.into_iter().map(|pair| pair.shifted(n_before)).collect()
}

fn align_all(left: &[Fields], right: &[Fields]) -> Vec<Pair> {
    let width = right.len() + 1;
    let mut costs = vec![0; (left.len() + 1) * width];
    for i in 0..=left.len() {
        for j in 0..=right.len() {
            let alone = |cost: usize| cost + ALONE;
            let candidates = [
                (i > 0).then(|| alone(costs[(i - 1) * width + j])),
                (j > 0).then(|| alone(costs[i * width + j - 1])),
                (i > 0 && j > 0).then(|| costs[(i - 1) * width + j - 1] + cost(&left[i - 1], &right[j - 1])),
            ];
            costs[i * width + j] = candidates.into_iter().flatten().min().unwrap_or(0);
        }
    }
    let (mut i, mut j, mut pairs) = (left.len(), right.len(), Vec::new());
    while i > 0 || j > 0 {
        let here = costs[i * width + j];
        if i > 0 && j > 0 && here == costs[(i - 1) * width + j - 1] + cost(&left[i - 1], &right[j - 1]) {
            (i, j) = (i - 1, j - 1);
            pairs.push(Pair::Both(i, j));
        } else if i > 0 && here == costs[(i - 1) * width + j] + ALONE {
            i -= 1;
            pairs.push(Pair::Left(i));
        } else {
            j -= 1;
            pairs.push(Pair::Right(j));
        }
    }
    pairs.reverse();
    pairs
}

fn cost(left: &Fields, right: &Fields) -> usize {
    let layers = |fields: &Fields| {
        fields.0.iter().map(|(name, _)| name.split('.').next().unwrap_or("").to_owned()).collect::<BTreeSet<_>>()
    };
    if layers(left) != layers(right) {
        return UNLIKE;
    }
    let names: BTreeSet<&String> = left.0.iter().chain(&right.0).map(|(name, _)| name).collect();
    names.into_iter().filter(|name| left.get(name) != right.get(name)).count()
}

/// Differences one per line, for people.
pub(crate) fn table(differences: &[Difference], left: &str, right: &str) -> String {
    let head = ["device", "frame", "field", left, right].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(head)
        .chain(differences.iter().map(|d| [&d.at, &d.frame, &d.field, &d.left, &d.right].map(Clone::clone)))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).min(48);
    let mut text = String::new();
    for row in &rows {
        for (column, cell) in row.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(text, "  {cell:<width$}", width = width(column));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}
