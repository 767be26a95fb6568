//! Two runs or more, step beside step: which steps are the same, which differ and in what, and why one side has none.
//!
//! Pure: walks in, positions and words out.

use std::collections::BTreeMap;

use kubehop_core::api::{Consulted, HookFunction, LayerChange, Stage, Step, diff};

use super::{Choice, Scenario, Shared, Walk, proxy_name};

/// A walk beside the page's own.
#[derive(Clone, Debug)]
pub struct Side {
    /// What sets it apart: `calico/bgp`.
    pub name: String,
    /// The walk.
    pub walk: Shared<Walk>,
}

/// Walks that are looked at together. The page's own comes first.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The walks.
    pub sides: Vec<Side>,
    /// The steps that stand beside each other, one for each side; `None` where a side has no such step.
    pub rows: Vec<Vec<Option<usize>>>,
    /// Whether the sides of a row differ.
    pub differs: Vec<bool>,
}

impl Comparison {
    /// Lays `sides` beside each other.
    #[must_use]
    pub fn new(sides: Vec<Side>) -> Self {
        let mut rows: Vec<Vec<Option<usize>>> = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for (n, side) in sides.iter().enumerate() {
            let ids: Vec<&str> = (0..side.walk.n_steps()).map(|idx| side.walk.id(idx)).collect();
            let pairs = align(&names, &ids);
            rows = pairs
                .iter()
                .map(|(old, new)| {
                    let mut row = old.map_or_else(|| vec![None; n], |old| rows[old].clone());
                    row.push(*new);
                    row
                })
                .collect();
            names =
                pairs.iter().map(|(old, new)| new.map_or_else(|| names[old.unwrap_or(0)], |new| ids[new])).collect();
        }
        let differs = rows.iter().map(|row| {
            let first = row[0].map(|idx| (&*sides[0].walk, idx));
            row.iter().zip(&sides).skip(1).any(|(idx, side)| match (first, idx) {
                (Some(first), Some(idx)) => !does_same(first, (&side.walk, *idx)),
                _ => true,
            })
        });
        let differs = differs.collect();
        Self { sides, rows, differs }
    }

    /// The row of a step of the page's own walk.
    #[must_use]
    pub fn row_of(&self, idx: usize) -> usize {
        self.rows.iter().position(|row| row[0] == Some(idx)).unwrap_or(0)
    }

    /// The step of the page's own walk at a row, or the last one before it.
    #[must_use]
    pub fn own(&self, row: usize) -> usize {
        self.rows[..=row].iter().rev().find_map(|row| row[0]).unwrap_or(0)
    }

    /// The id of the steps of a row.
    #[must_use]
    pub fn id(&self, row: usize) -> &str {
        let mut sides = self.rows[row].iter().zip(&self.sides);
        sides.find_map(|(idx, side)| Some(side.walk.id((*idx)?))).unwrap_or_default()
    }

    /// The row whose steps have this id. Where two sides took steps in another order there are two: the page's own
    /// step comes first.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<usize> {
        let own = self.sides[0].walk.find(id).map(|idx| self.row_of(idx));
        own.or_else(|| (0..self.rows.len()).find(|row| self.id(*row) == id))
    }

    /// The rows of the packet that row `at` is about.
    #[must_use]
    pub fn same_packet(&self, at: usize) -> Vec<usize> {
        let packet = |row: usize| self.id(row).splitn(3, '.').take(2).collect::<Vec<_>>();
        let wanted = packet(at);
        (0..self.rows.len()).filter(|row| packet(*row) == wanted).collect()
    }

    /// Why a side has no step in row `at`, which another has.
    #[must_use]
    pub fn gap(&self, at: usize, side: usize) -> &'static str {
        let walk = &self.sides[side].walk;
        let present = self.rows[at].iter().zip(&self.sides).find_map(|(idx, side)| Some((&side.walk, (*idx)?)));
        let Some((other, idx)) = present else { return "" };
        let (hop, step) = other.reel.step(&other.trace, idx);
        let flow = other.trace.journey(hop.journey).flow;
        let is_over = self.rows[at..].iter().all(|row| row[side].is_none());
        let packet = self.same_packet(at);
        let has_packet = packet.iter().any(|row| self.rows[*row][side].is_some());
        let has_ended = packet.iter().all(|row| *row < at || self.rows[*row][side].is_none());
        match step.stage {
            Stage::Control(_) => "nobody wakes up here",
            _ if is_over && walk.outcome().0 != "delivered" => "it does not come so far",
            _ if flow == "arp" => "nobody has to ask",
            Stage::Encap | Stage::Decap | Stage::TunnelRx => "no tunnel here",
            _ if step.outer => "no tunnel here",
            _ if has_ended && walk.outcome().0 != "delivered" => "it does not come so far",
            _ if !has_packet => "this packet is not sent",
            Stage::Bridge | Stage::BridgeRoute => "no bridge here",
            Stage::Bpf(_) => "no eBPF program here",
            Stage::Netfilter(_, HookFunction::IpvsIn | HookFunction::IpvsOut) => "no IPVS here",
            Stage::Netfilter(_, HookFunction::Nft) => "no nftables chain here",
            Stage::Netfilter(..) => "nothing is asked on this hook",
            Stage::Defrag => "nothing to put together",
            _ => "it goes another way",
        }
    }
}

/// Lays two lists of names beside each other: the same names stand together, every position comes once, both orders are
/// kept, and as many names as can be stand together. A name comes at most once in a list.
#[must_use]
pub fn align(old: &[&str], new: &[&str]) -> Vec<(Option<usize>, Option<usize>)> {
    let at: BTreeMap<&str, usize> = new.iter().enumerate().map(|(idx, name)| (*name, idx)).collect();
    // The longest rising sequence of places in `new`: `ends[n]` is the pair that ends the best one of n + 1.
    let mut pairs: Vec<(usize, usize, Option<usize>)> = Vec::new();
    let mut ends: Vec<usize> = Vec::new();
    for (idx, name) in old.iter().enumerate() {
        let Some(place) = at.get(name) else { continue };
        let n = ends.partition_point(|end| pairs[*end].1 < *place);
        pairs.push((idx, *place, n.checked_sub(1).map(|before| ends[before])));
        ends.truncate(ends.len().max(n));
        match ends.get_mut(n) {
            Some(end) => *end = pairs.len() - 1,
            None => ends.push(pairs.len() - 1),
        }
    }
    let mut common = Vec::new();
    let mut last = ends.last().copied();
    while let Some(pair) = last {
        common.push((pairs[pair].0, pairs[pair].1));
        last = pairs[pair].2;
    }
    common.reverse();
    let mut rows = Vec::new();
    let (mut left, mut right) = (0, 0);
    for (old_at, new_at) in common.into_iter().chain([(old.len(), new.len())]) {
        rows.extend((left..old_at).map(|idx| (Some(idx), None)));
        rows.extend((right..new_at).map(|idx| (None, Some(idx))));
        if old_at < old.len() {
            rows.push((Some(old_at), Some(new_at)));
        }
        (left, right) = (old_at + 1, new_at + 1);
    }
    rows
}

/// Whether two steps did the same to the same packet; when they did it does not matter.
fn same((a, i): (&Walk, usize), (b, j): (&Walk, usize)) -> bool {
    let (a, b) = (a.reel.step(&a.trace, i).1, b.reel.step(&b.trace, j).1);
    a.decision == b.decision && a.device == b.device && a.mtu == b.mtu && a.before == b.before && a.after == b.after
}

/// Whether two steps decided the same and changed the same, whatever else the packet brought along.
fn does_same((a, i): (&Walk, usize), (b, j): (&Walk, usize)) -> bool {
    let (a, b) = (a.reel.step(&a.trace, i).1, b.reel.step(&b.trace, j).1);
    let limit = |step: &Step| step.mtu.as_ref().map(|mtu| mtu.mtu);
    if a.decision != b.decision || a.device != b.device || limit(a) != limit(b) {
        return false;
    }
    match (&a.before, &b.before) {
        // What is made here is all new.
        (None, None) => a.after == b.after,
        _ if a.before == a.after && b.before == b.after => true,
        _ => a.after == b.after || effects(a) == effects(b),
    }
}

/// What a step made of its packet: headers that came and went, fields that have new values.
fn effects(step: &Step) -> Vec<String> {
    let (Some(before), Some(after)) = (&step.before, &step.after) else { return Vec::new() };
    let mut effects = Vec::new();
    for change in diff(before, after) {
        let layer = change.layer();
        match &change {
            LayerChange::Same(_) => {}
            LayerChange::Added(_) => effects.push(format!("+{}", layer.name)),
            LayerChange::Removed(_) => effects.push(format!("-{}", layer.name)),
            LayerChange::Changed { fields, .. } => {
                let fields = fields.iter().filter(|field| field.new.name != "checksum");
                effects.extend(fields.map(|field| format!("{} {} {}", layer.name, field.new.name, field.new.value)));
            }
        }
    }
    effects
}

/// The first step that a change has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The step in the new walk: that one, or where the new walk goes on without it.
    pub at: usize,
    /// In words.
    pub words: String,
}

/// Finds the first step in which `new` differs from `old`.
#[must_use]
pub fn first_difference(old: &Walk, new: &Walk) -> Option<Difference> {
    let ids = |walk| (0..Walk::n_steps(walk)).map(|idx| Walk::id(walk, idx)).collect::<Vec<_>>();
    let mut at = 0;
    let mut gone = None;
    for (i, j) in align(&ids(old), &ids(new)) {
        at = j.unwrap_or(at);
        let words = match (i, j) {
            // What is there in its place says more.
            (Some(i), None) => {
                gone = gone.or(Some(i));
                continue;
            }
            (None, Some(j)) if gone.is_some() => {
                let gone = gone.map(|gone| old.headline(gone)).unwrap_or_default();
                format!("{} Before: {gone}", new.headline(j))
            }
            _ if gone.is_some() => format!("no longer: {}", old.headline(gone.unwrap_or(0))),
            (Some(i), Some(j)) if same((old, i), (new, j)) => continue,
            (Some(i), Some(j)) => changed((old, i), (new, j)),
            (None, Some(j)) => format!("new: {}", new.headline(j)),
            (None, None) => continue,
        };
        return Some(Difference { at, words });
    }
    gone.map(|gone| Difference { at, words: format!("no longer: {}", old.headline(gone)) })
}

/// What differs between two steps of one name.
fn changed((a, i): (&Walk, usize), (b, j): (&Walk, usize)) -> String {
    let (old, (hop, new)) = (a.reel.step(&a.trace, i).1, b.reel.step(&b.trace, j));
    let at = hop.at.short();
    if let (Some(old), Some(new)) = (&old.mtu, &new.mtu)
        && old.mtu != new.mtu
    {
        return format!("{at} {}: MTU {} → {}", new.device, old.mtu, new.mtu);
    }
    if let (Some(old), Some(new)) = (old.packet(), new.packet())
        && let Some(words) = diff(old, new).iter().find_map(layer_change)
    {
        return format!("{at}: {words}");
    }
    if let (Some(old), Some(new)) = (&old.device, &new.device)
        && old != new
    {
        return format!("{at}: {old} → {new}");
    }
    format!("{} Before: {}", b.headline(j), a.headline(i))
}

fn layer_change(change: &LayerChange) -> Option<String> {
    let layer = change.layer();
    match change {
        LayerChange::Same(_) => None,
        LayerChange::Added(_) => Some(format!("+ {}", layer.name)),
        LayerChange::Removed(_) => Some(format!("− {}", layer.name)),
        LayerChange::Changed { fields, .. } => {
            let field = fields.iter().find(|field| !["checksum", "len", "window"].contains(&field.new.name))?;
            Some(format!("{} {} {} → {}", layer.name, field.new.name, field.old.value, field.new.value))
        }
    }
}

/// Rules that the packet of step `idx` was held against, all in all.
#[must_use]
pub fn rules_read(walk: &Walk, idx: usize) -> usize {
    let steps = walk.reel.same_packet(&walk.trace, idx).iter().map(|idx| walk.reel.step(&walk.trace, *idx).1);
    let is_asked = |stage| match stage {
        Stage::Netfilter(_, function) => !matches!(function, HookFunction::Conntrack | HookFunction::Confirm),
        _ => false,
    };
    let tables = steps.filter(|step| is_asked(step.stage)).flat_map(|step| &step.consulted);
    tables.map(|table| Consulted::n_asked(&**table)).map(|(rules, lookups)| rules + lookups).sum()
}

/// What a link calls a choice that a side makes otherwise: `cni:calico/bgp`; `None` for what is not compared.
#[must_use]
pub fn to_word(choice: &Choice) -> Option<String> {
    Some(match choice {
        Choice::Cni(mode) => format!("cni:{}", mode.name()),
        Choice::Proxy(mode) => format!("proxy:{}", proxy_name(*mode)),
        Choice::Mtu(mtu) => format!("mtu:{mtu}"),
        Choice::Fault(id) => format!("fault:{}", id.as_deref().unwrap_or_default()),
        _ => return None,
    })
}

/// The other way. What it says is read as the same key of a link is.
#[must_use]
pub fn from_word(word: &str) -> Option<Choice> {
    let (key, value) = word.split_once(':')?;
    if key == "fault" {
        return Some(Choice::Fault(Some(value.to_owned()).filter(|id| !id.is_empty())));
    }
    let scenario = super::Link::parse(&format!("{key}={value}")).ok()?.scenario;
    match key {
        "cni" => scenario.cni.map(Choice::Cni),
        "proxy" => scenario.proxy.map(Choice::Proxy),
        "mtu" => scenario.mtu.map(Choice::Mtu),
        _ => None,
    }
}

/// What a choice is called above its side.
#[must_use]
pub fn name_of(choice: &Choice) -> String {
    match choice {
        Choice::Cni(mode) => mode.name().to_owned(),
        Choice::Proxy(mode) => proxy_name(*mode).to_owned(),
        Choice::Mtu(mtu) => format!("MTU {mtu}"),
        Choice::Fault(Some(id)) => id.clone(),
        _ => "nothing broken".to_owned(),
    }
}

/// What the page's own walk has in place of a choice.
#[must_use]
pub fn own_choice(choice: &Choice, walk: &Walk, scenario: &Scenario) -> Choice {
    match choice {
        Choice::Cni(_) => Choice::Cni(walk.scene.cni),
        Choice::Proxy(_) => Choice::Proxy(walk.scene.proxy),
        Choice::Mtu(_) => Choice::Mtu(walk.mtu),
        _ => Choice::Fault(scenario.faults.first().cloned()),
    }
}

#[cfg(test)]
mod tests;
