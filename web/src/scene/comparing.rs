//! What stands in each column of a comparison at one step, and what of it is lit because it is not the same everywhere.

use kubehop_core::api::MtuTerm;

use super::{LayerState, inspect};
use crate::state::{Comparison, rules_read};

/// A column at one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparing {
    /// What sets the side apart.
    pub name: String,
    /// What happens, or why nothing does.
    pub headline: String,
    /// Whether this side has no such step.
    pub is_gap: bool,
    /// The fields that the step makes or changes, and whether they are lit.
    pub fields: Vec<(bool, String)>,
    /// Numbers: their name, whether they are lit, their value.
    pub facts: Vec<(&'static str, bool, String)>,
}

/// The columns at row `at`.
#[must_use]
pub fn comparing(all: &Comparison, at: usize) -> Vec<Comparing> {
    let mut columns: Vec<Comparing> =
        all.rows[at].iter().enumerate().map(|(n, idx)| column(all, at, n, *idx)).collect();
    // A column without the step says so; it lights up nothing in the others.
    let fields: Vec<Vec<String>> = columns
        .iter()
        .filter(|it| !it.is_gap)
        .map(|it| it.fields.iter().map(|(_, words)| words.clone()).collect())
        .collect();
    let facts: Vec<(&str, String)> =
        columns.iter().flat_map(|it| it.facts.iter().map(|(name, _, words)| (*name, words.clone()))).collect();
    for column in &mut columns {
        for (is_lit, words) in &mut column.fields {
            *is_lit = fields.iter().any(|fields| !fields.contains(words));
        }
        for (name, is_lit, words) in &mut column.facts {
            *is_lit = facts.iter().any(|(other, value)| other == name && value != words);
        }
    }
    columns
}

fn column(all: &Comparison, at: usize, n: usize, idx: Option<usize>) -> Comparing {
    let side = &all.sides[n];
    let walk = &side.walk;
    let mut column = Comparing {
        name: side.name.clone(),
        headline: all.gap(at, n).to_owned(),
        is_gap: true,
        fields: Vec::new(),
        facts: Vec::new(),
    };
    // The same packet may be on this side too, only not at this step.
    let packet = all.same_packet(at).into_iter().find_map(|row| all.rows[row][n]);
    if let Some(packet) = packet {
        column.facts.push(("Rules", false, format!("{} read by this packet on its way", rules_read(walk, packet))));
    }
    let Some((idx, view)) = idx.and_then(|idx| Some((idx, walk.view(idx)?))) else { return column };
    let decision = &walk.reel.step(&walk.trace, idx).1.decision;
    let rows = inspect(&view, decision, false);
    let fields = rows.iter().filter(|row| row.state != LayerState::Same).flat_map(|row| {
        let came = match row.state {
            LayerState::Gone => Some(format!("{} {}", row.name, row.size)),
            LayerState::Added if row.fields.is_empty() => Some(format!("{} {}", row.name, row.size)),
            _ => None,
        };
        let fields = row.fields.iter().filter(|field| field.name != "checksum").map(|field| match &field.old {
            Some(old) => format!("{} {} {old} → {}", row.name, field.name, field.value),
            None => format!("{} {} {}", row.name, field.name, field.value),
        });
        came.into_iter().chain(fields).collect::<Vec<_>>()
    });
    column.is_gap = false;
    column.fields = fields.map(|words| (false, words)).collect();
    if let Some(mtu) = &view.mtu {
        let term = |term: &MtuTerm| format!("{} {}", term.len, term.name);
        let terms: Vec<String> = mtu.terms.iter().map(term).collect();
        let verdict = if mtu.fits { "fits" } else { "does not fit" };
        let sum = format!("{} = {}, {verdict} {} of {}", terms.join(" + "), mtu.total, mtu.limit, mtu.device);
        column.facts.insert(0, ("MTU", false, sum));
    }
    if let Some(packet) = &view.packet {
        let at = column.facts.len().saturating_sub(1);
        column.facts.insert(at, ("Frame", false, format!("{} bytes", packet.bytes().len())));
    }
    column.headline = view.explanation.headline;
    column
}

#[cfg(test)]
mod tests {
    use super::comparing;
    use crate::state::State;

    #[test]
    fn what_is_not_the_same_everywhere_is_lit() {
        let state = State::open("#with=cni:calico/bgp&step=http.syn.client.app");
        let all = state.comparison.clone().expect("a comparison");
        let columns = comparing(&all, state.row);
        let lit = |n: usize| -> Vec<&str> {
            let fields = columns[n].fields.iter().filter(|(is_lit, _)| *is_lit);
            fields.map(|(_, words)| words.as_str()).collect()
        };
        assert_eq!((lit(0), lit(1)), (vec!["TCP mss 1410"], vec!["TCP mss 1460"]));
        let encap = comparing(&all, all.find("http.syn.node-a.encap").expect("a tunnel"));
        assert_eq!((encap[0].is_gap, encap[1].is_gap, encap[1].headline.as_str()), (false, true, "no tunnel here"));
    }
}
